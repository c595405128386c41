"""Filing the log: what it holds and the library does not, at a start. After a lost library that is all of it."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from publisher.library import Shelf
    from publisher.log.contract import EventLog

logger = logging.getLogger(__name__)

FILED = 2_000
"""Events that are filed in one transaction, in about 50 ms."""


async def file_log(log: EventLog, shelf: Shelf, told: Callable[[float], None] = lambda _: None) -> None:
    """Bring a shelf to where its channel's log stands, in a thread, so that the loop goes on. Nobody else may use it.

    Args:
        log: the channel's.
        shelf: the same channel's.
        told: is told now and then which share of it is done.

    Raises:
        LogError, LibraryError: one of the two failed.
    """
    oldest, reset, clock = await log.oldest(), await log.latest("reset"), await log.latest("clock")
    if not await _goes_on(log, shelf, oldest):
        shelf.clear(oldest - 1)
        if oldest > 1 and (reset is None or reset.seq < oldest):
            logger.warning(
                "the library of %s is made anew, and what came before event %d is not in the log any more: it is lost",
                shelf.channel,
                oldest,
            )
    # What was let out before the last reset counts no more. It and the clock are there even if the log has forgotten
    # what was around them.
    begin = max(oldest - 1, reset.seq if reset is not None else 0)
    shelf.file(sorted((mark for mark in (reset, clock) if mark and mark.seq <= begin), key=lambda mark: mark.seq))
    first, head = shelf.head, await log.head()
    while lines := await log.lines(shelf.head, FILED):
        await _beside(partial(shelf.file, lines))
        told((shelf.head - first) / max(head - first, 1))


async def _goes_on(log: EventLog, shelf: Shelf, oldest: int) -> bool:
    """Tell whether the log goes on where the shelf ends: it may have been pruned, or put back from a copy since."""
    if shelf.head < oldest:
        return shelf.head == oldest - 1
    newest = await log.lines(shelf.head - 1, 1)
    return bool(newest) and newest[0][:2] == (shelf.head, shelf.released)


async def _beside(work: Callable[[], None]) -> None:
    """Do something in a thread. It is over when this returns, even if who waits is cancelled."""
    doing = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        raise


class Opening:
    """How far a server is that opens so many channels, one after the other.

    Attributes:
        told: is told which share is done, each time that it has grown.
    """

    def __init__(self, channels: int) -> None:
        self.told: Callable[[float], None] = lambda _: None
        self._channels = channels
        self._number = 0
        self._name = ""
        self._share = 0.0

    def __str__(self) -> str:
        if not self._number:
            return "the server starts"
        which = f", channel {self._number} of {self._channels}" if self._channels > 1 else ""
        return f"the server starts: it files the log of {self._name}{which}, {self._share:.0%} so far"

    def begin(self, name: str) -> None:
        """Note that a channel comes next."""
        self._number += 1
        self._name = name
        self.filed(0.0)

    def filed(self, share: float) -> None:
        """Note which share of its log is filed."""
        self._share = share
        self.told((self._number - 1 + share) / self._channels)
