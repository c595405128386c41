"""What every tail needs: to be woken when there is news, and to get it without asking the disk again."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.event import Logged

RECENT_EVENTS = 512
"""Events of one channel kept at hand for its tails; a tail further behind reads the log."""


class Bells:
    """Wakes those who wait for news: one flag each, never a queue, so a slow one costs nothing."""

    def __init__(self) -> None:
        self._bells: set[asyncio.Event] = set()

    @contextmanager
    def hang(self) -> Iterator[asyncio.Event]:
        """Hang up a bell for the time of a ``with`` block. Clear it *before* looking for news, then wait."""
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            yield bell
        finally:
            self._bells.discard(bell)

    def ring(self) -> None:
        """Wake all."""
        for bell in self._bells:
            bell.set()


class Recent:
    """The newest events that this process appended to one channel: all of the channel's events after ``since``.

    That nothing is missing rests on ``before``, the channel's head as the appending transaction saw it: where it is
    not the last event held here, another process appended in between, and the run begins anew.
    """

    def __init__(self, size: int = RECENT_EVENTS) -> None:
        self._size = size
        self._events: deque[Logged] = deque()
        self._since: int | None = None

    def add(self, before: int, events: Sequence[Logged]) -> None:
        """Take events that were committed when ``before`` was the head of their channel."""
        end = self._events[-1].seq if self._events else self._since
        if end != before:
            self._events.clear()
            self._since = before
        self._events.extend(events)
        while len(self._events) > self._size:
            self._since = self._events.popleft().seq

    def forget(self, upto: int) -> None:
        """Drop events with a sequence number of ``upto`` or less: they were pruned."""
        while self._events and self._events[0].seq <= upto:
            self._since = self._events.popleft().seq

    def clear(self) -> None:
        """Drop all: the log holds something else by now, or more."""
        self._events.clear()
        self._since = None

    def after(self, after: int) -> list[Logged] | None:
        """Give the events after ``after``, in order; None if some of them may not be here, so that the log is asked."""
        if self._since is None or self._since > after:
            return None
        newest: list[Logged] = []
        for logged in reversed(self._events):
            if logged.seq <= after:
                break
            newest.append(logged)
        newest.reverse()
        return newest
