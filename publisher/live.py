"""How a live channel is begun, or taken up where its log stands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from publisher.log.contract import Draft
from publisher.moments import TICK
from publisher.replay.takes import FACTS, take_back, take_key
from shared.errors import UsageError
from shared.event import ClockEvent, ResetEvent

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.log.contract import EventLog

_AT_THE_DESK = "desk"


class WrittenError(UsageError):
    """What was written to a live channel would be taken back for a source."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a live channel stands.

    Attributes:
        take: its number.
        moment: when the story began; of its day the ids are made.
        released: the newest release time.
        since: sequence number of the event from which on it is written to in the way that it is now.
    """

    take: int
    moment: datetime
    released: datetime
    since: int


async def begin_live(log: EventLog, now: datetime, source: str = "") -> Beginning:
    """Take up a live channel where its log stands, or begin one: once, a ``clock`` says from when on it is live.

    An archive's posts stay; what a replay had let out is taken back. Where it is given another source to watch, or
    none any more, another ``clock`` says so: what came before is not that source's to take away.

    Args:
        log: of the channel.
        now: zone-aware.
        source: that is watched, empty for none.

    Raises:
        LogError: the log failed.
    """
    clock, reset = await log.latest("clock"), await log.latest("reset")
    newest = await log.latest("post", "update", "delete", "clock", "reset")
    released = max(now, newest.released_at + TICK) if newest is not None else now
    written_by = f"watch-{hashlib.sha256(source.encode()).hexdigest()[:12]}" if source else ""
    if clock is not None and isinstance(clock.event, ClockEvent) and clock.event.state == "live":
        was = reset.event if reset is not None else None
        if reset is None or (reset.seq < clock.seq and isinstance(was, ResetEvent)):
            take = was.take if isinstance(was, ResetEvent) else 1
            if clock.event.reel not in {written_by, written_by or _AT_THE_DESK}:
                changed = clock.event.model_copy(update={"anchor": now, "reel": written_by or _AT_THE_DESK})
                (clock,) = await log.append([Draft(take_key(take, f"live:{clock.seq}"), released, changed)])
                released = max(released, clock.released_at) + TICK
            return Beginning(take, clock.event.story_time, released, clock.seq)
    take = await take_back(log, released, now)
    reset = await log.latest("reset")
    first = await log.read(reset.seq if reset is not None else 0, 1)
    story_time = first[0].event.story_time if first else now
    live = ClockEvent(state="live", speed=1, anchor=now, elapsed=0, story_time=story_time, run=1, reel=written_by)
    # Another process may have begun it at the same time: what the log says counts.
    (begun,) = await log.append([Draft(take_key(take, "live"), released + TICK, live)])
    return Beginning(take, begun.event.story_time, begun.released_at, begun.seq)


async def spare_written(log: EventLog, name: str) -> None:
    """See that a channel which is to show a source is none that was written to: a source is still there, posts are not.

    Raises:
        WrittenError: it is.
        LogError: the log failed.
    """
    clock, reset, written = await log.latest("clock"), await log.latest("reset"), await log.latest(*FACTS)
    if clock is None or not isinstance(clock.event, ClockEvent) or clock.event.state != "live":
        return
    if written is None or (reset is not None and reset.seq > clock.seq):
        return
    # A revision, or a withdrawal of what a source had said, is lost as a post would be. A later clock than the first
    # one tells that a source was watched, and nothing of what came before.
    if written.seq > clock.seq or clock.event.reel:
        raise WrittenError(
            f"channel {name}: the log holds what was written to it when it was live; give the source's channel "
            'another name, or another log (url in [log]), or set mode = "live"'
        )
