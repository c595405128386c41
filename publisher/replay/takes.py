"""Takes: what a channel shows from one reset to the next. The key of every event names its take, counted from 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.log.contract import Draft
from shared.event import ResetEvent

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.log.contract import EventLog, Kind

FACTS: tuple[Kind, ...] = ("post", "update", "delete")
"""The kinds of events that say something of a post."""


def take_key(take: int, fact: str) -> str:
    """Make the key under which a log holds a fact of a take."""
    return f"take-{take}:{fact}"


async def begin_take(log: EventLog, take: int, now: datetime, story_time: datetime) -> int:
    """Begin a take, in which nothing is out yet: what had been let out counts no more. Gives its number.

    Raises:
        LogError: the log failed.
    """
    taken_back = ResetEvent(reason="seek", take=take, run=1, story_time=story_time)
    await log.append([Draft(take_key(take, "reset"), now, taken_back)])
    return take


async def take_back(log: EventLog, now: datetime, story_time: datetime) -> int:
    """Begin a new take where the channel was a replay, or live, before; give the number of the take that counts now.

    Such a channel's clock always follows its last reset; an archive has no clock.

    Raises:
        LogError: the log failed.
    """
    clock, reset = await log.latest("clock"), await log.latest("reset")
    take = reset.event.take if reset is not None and isinstance(reset.event, ResetEvent) else 1
    if clock is not None and (reset is None or reset.seq < clock.seq):
        take = await begin_take(log, take + 1, now, story_time)
    return take
