"""The log in memory: lives and ends with its process."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING

from publisher.log.contract import Line, LogError, StaleAppendError, enough
from publisher.log.epoch import draw_epoch
from publisher.log.news import Bells
from publisher.log.withdrawal import withdrawn_by, wordless
from shared.event import Logged, Position, encode_event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from publisher.log.contract import Draft, Kind

_KEPT: tuple[Kind, ...] = ("reset", "clock")
_SEQ = attrgetter("seq")


class MemoryStore:
    """Logs of all channels of one process. Sequence numbers are shared, as in a file."""

    def __init__(self, epoch: str | None = None) -> None:
        self.epoch = epoch or draw_epoch()
        self.closed = False
        self._seq = 0
        self._logs: dict[str, MemoryLog] = {}

    def channel(self, name: str) -> MemoryLog:
        """Give the log of a channel; the same object for the same name."""
        if name not in self._logs:
            self._logs[name] = MemoryLog(self)
        return self._logs[name]

    async def close(self) -> None:
        """End every tail; later calls of the logs raise LogError. What was logged is gone."""
        self.closed = True
        for log in self._logs.values():
            log.bells.ring()

    def next_position(self) -> Position:
        """Give the next free place."""
        self._seq += 1
        return Position(self.epoch, self._seq)


class MemoryLog:
    """One channel's log in memory; see ``EventLog`` for the law."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.bells = Bells()
        self._events: list[Logged] = []
        self._by_key: dict[str, Logged] = {}
        self._newest: dict[str, Logged] = {}
        self._pruned = 0

    @property
    def epoch(self) -> str:
        """Tell the log's epoch."""
        return self._store.epoch

    async def append(self, drafts: Sequence[Draft], *, expect: int | None = None) -> list[Logged]:
        """Write a group and give it back as logged. Raises StaleAppendError if ``expect`` is not the head."""
        self._check_open()
        if expect not in {None, self._head()} and any(draft.key not in self._by_key for draft in drafts):
            raise StaleAppendError(f"the log's head is {self._head()}, not {expect}; read on, then append")
        logged = [self._by_key.get(draft.key) or self._write(draft) for draft in drafts]
        self.bells.ring()
        return logged

    def _write(self, draft: Draft) -> Logged:
        logged = Logged(self._store.next_position(), draft.key, draft.released_at, draft.event)
        self._events.append(logged)
        self._by_key[draft.key] = logged
        self._newest[draft.event.kind] = logged
        if slug := withdrawn_by(draft.event):
            self._events = [wordless(known, slug) for known in self._events]
            self._by_key = {key: wordless(known, slug) for key, known in self._by_key.items()}
            self._newest = {kind: wordless(known, slug) for kind, known in self._newest.items()}
        return logged

    async def read(self, after: int, limit: int = 500) -> list[Logged]:
        """Give up to ``limit`` events with a sequence number above ``after``, in order."""
        self._check_open()
        start = bisect_right(self._events, after, key=_SEQ)
        return self._events[start : start + limit]

    async def lines(self, after: int, limit: int = 500) -> list[Line]:
        """Give the same events, encoded."""
        lines = (
            Line(logged.seq, logged.released_at.isoformat(), encode_event(logged.event).decode())
            for logged in await self.read(after, limit)
        )
        return enough(lines, lambda line: len(line.event))

    async def tail(self, after: int) -> AsyncGenerator[list[Logged], None]:
        """Give what follows ``after`` in batches, and wait for more; ends when the store is closed."""
        with self.bells.hang() as bell:
            while not self._store.closed:
                bell.clear()
                batch = await self.read(after)
                if batch:
                    after = batch[-1].seq
                    yield batch
                else:
                    await bell.wait()

    async def latest(self, *kinds: Kind) -> Logged | None:
        """Give the newest event of one of ``kinds``, None if there is none."""
        self._check_open()
        return max((self._newest[kind] for kind in kinds if kind in self._newest), key=_SEQ, default=None)

    async def head(self) -> int:
        """Tell the newest sequence number of this channel, pruned or not; 0 if it never had an event."""
        self._check_open()
        return self._head()

    def _head(self) -> int:
        return self._events[-1].seq if self._events else self._pruned

    async def oldest(self) -> int:
        """Tell the lowest sequence number from which reading is whole."""
        self._check_open()
        return self._pruned + 1

    async def prune(self, upto: int) -> None:
        """Forget the events with a sequence number of ``upto`` or less."""
        self._check_open()
        end = bisect_right(self._events, upto, key=_SEQ)
        if not end:
            return
        self._pruned = self._events[end - 1].seq
        del self._events[:end]
        self._newest = {kind: one for kind, one in self._newest.items() if one.seq > self._pruned or kind in _KEPT}
        known = [*self._events, *self._newest.values()]
        self._by_key = {logged.key: logged for logged in known}

    def _check_open(self) -> None:
        if self._store.closed:
            raise LogError("the log is closed; open it again to use it")
