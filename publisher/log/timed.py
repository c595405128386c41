"""A log whose appends are timed: from asking to durable."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from publisher.measures import Histogram

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from publisher.log.contract import Draft, EventLog, Kind, Line
    from shared.event import Logged


class TimedLog:
    """One channel's log, as its engine keeps it (see ``EventLog`` for the law).

    Attributes:
        appends: seconds that each append took.
    """

    def __init__(self, log: EventLog) -> None:
        self.appends = Histogram()
        self._log = log

    @property
    def epoch(self) -> str:
        """Tell the log's epoch."""
        return self._log.epoch

    async def append(self, drafts: Sequence[Draft], *, expect: int | None = None) -> list[Logged]:
        """Write a group and give it back as logged; one that fails is not timed."""
        began = time.monotonic()
        logged = await self._log.append(drafts, expect=expect)
        self.appends.observe(time.monotonic() - began)
        return logged

    async def read(self, after: int, limit: int = 500) -> list[Logged]:
        """Give up to ``limit`` events with a sequence number above ``after``, in order."""
        return await self._log.read(after, limit)

    async def lines(self, after: int, limit: int = 500) -> list[Line]:
        """Give the same events, not decoded."""
        return await self._log.lines(after, limit)

    def tail(self, after: int) -> AsyncGenerator[list[Logged], None]:
        """Give what follows ``after`` in batches, and wait for more."""
        return self._log.tail(after)

    async def latest(self, *kinds: Kind) -> Logged | None:
        """Give the newest event of one of ``kinds``."""
        return await self._log.latest(*kinds)

    async def head(self) -> int:
        """Tell the newest sequence number of this channel."""
        return await self._log.head()

    async def oldest(self) -> int:
        """Tell the lowest sequence number from which reading is whole."""
        return await self._log.oldest()

    async def prune(self, upto: int) -> None:
        """Forget the events with a sequence number of ``upto`` or less."""
        await self._log.prune(upto)
