"""The log in a SQLite file: durable, shared by the processes of one machine. Not for network file systems.

Appends go to one writer thread, reads to one reader thread; tails get what this process appended from memory and ask
the file only for what is older, or when another process has written.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher.log.contract import LogError
from publisher.log.news import Bells, Recent
from publisher.log.sqlite_file import LogFile, Written
from publisher.log.sqlite_writer import Writer
from publisher.log.withdrawal import withdrawn_by

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from publisher.log.contract import Draft, Kind, Line
    from shared.event import Logged

PRUNE_EVENTS = 500
"""Events forgotten in one transaction, so that appends get in between."""


class SqliteStore:
    """The logs of all channels in one file. Belongs to the event loop on which it was opened."""

    def __init__(self, file: LogFile, reader: LogFile) -> None:
        self.epoch = file.epoch
        self.path = file.path
        self.closed = False
        self.writer = Writer(file, self._on_foreign)
        self._file = file
        self._reader = reader
        self._reading = ThreadPoolExecutor(1, thread_name_prefix=f"log reader {file.path.name}")
        self._logs: dict[str, SqliteLog] = {}
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, path: str | Path) -> SqliteStore:
        """Open the log at ``path``, or begin one there.

        Raises:
            UsageError: the file is something else, or of a newer newsreel.
            LogError: the file cannot be opened.
        """

        def both() -> tuple[LogFile, LogFile]:
            file = LogFile.open(Path(path).absolute())
            try:
                return file, file.reader()
            except BaseException:
                file.close()
                raise

        return cls(*await asyncio.to_thread(both))

    def channel(self, name: str) -> SqliteLog:
        """Give the log of a channel; the same object for the same name."""
        if name not in self._logs:
            self._logs[name] = SqliteLog(self, name)
        return self._logs[name]

    async def close(self) -> None:
        """Write what waits, end every tail, close the file. Closing twice is nothing."""
        if self._closing is None:
            self.closed = True
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        for log in self._logs.values():
            log.bells.ring()
        await self.writer.stop()
        await asyncio.to_thread(self._reading.shutdown)
        self._reader.close()

    async def write(self, write: Callable[[LogFile], Any], committed: Callable[[Any], None]) -> Any:
        """Run ``write`` on the writing connection; see ``Writer.write``."""
        self._check_open()
        return await self.writer.write(partial(write, self._file), committed)

    async def ask(self, question: Callable[[LogFile], Any]) -> Any:
        """Run ``question`` on the reading connection, off the loop."""
        self._check_open()

        def answer() -> Any:
            with self._reader.told("read"):
                return question(self._reader)

        return await asyncio.get_running_loop().run_in_executor(self._reading, answer)

    def _check_open(self) -> None:
        if self.closed:
            raise LogError(f"the log {self.path} is closed; open it again to use it")

    def _on_foreign(self) -> None:
        """Let tails look into the file: what this process remembers is no longer the newest."""
        for log in self._logs.values():
            log.recent.clear()
            log.bells.ring()


class SqliteLog:
    """One channel's log in a file; see ``EventLog`` for the law."""

    def __init__(self, store: SqliteStore, name: str) -> None:
        self._store = store
        self._name = name
        self.recent = Recent()
        self.bells = Bells()

    @property
    def epoch(self) -> str:
        """Tell the log's epoch."""
        return self._store.epoch

    async def append(self, drafts: Sequence[Draft], *, expect: int | None = None) -> list[Logged]:
        """Write a group and give it back as logged, once it is durable.

        Raises:
            StaleAppendError: ``expect`` is not the head.
            LogError: the medium failed. If it is a BrokenLogError, no later append will be tried.
        """
        group = tuple(drafts)
        if not group:
            return []
        written: Written = await self._store.write(lambda file: file.append(self._name, group, expect), self._appended)
        return written.logged

    def _appended(self, written: Written) -> None:
        if any(withdrawn_by(logged.event) for logged in written.fresh):
            self.recent.clear()  # what is there of that post still has its words
        else:
            self.recent.add(written.before, written.fresh)
        self.bells.ring()

    async def read(self, after: int, limit: int = 500) -> list[Logged]:
        """Give up to ``limit`` events with a sequence number above ``after``, in order."""
        events: list[Logged] = await self._store.ask(lambda file: file.read(self._name, after, limit))
        return events

    async def lines(self, after: int, limit: int = 500) -> list[Line]:
        """Give the same events, not decoded."""
        lines: list[Line] = await self._store.ask(lambda file: file.lines(self._name, after, limit))
        return lines

    async def tail(self, after: int) -> AsyncGenerator[list[Logged], None]:
        """Give what follows ``after`` in batches, and wait for more; ends when the store is closed."""
        self._store.writer.look(+1)
        try:
            with self.bells.hang() as bell:
                while not self._store.closed:
                    bell.clear()  # before looking: what comes while looking rings again
                    batch = self.recent.after(after)
                    if batch is None:
                        batch = await self.read(after)
                    if batch:
                        after = batch[-1].seq
                        yield batch
                    else:
                        await bell.wait()
        finally:
            self._store.writer.look(-1)

    async def latest(self, *kinds: Kind) -> Logged | None:
        """Give the newest event of one of ``kinds``, None if there is none."""
        newest: Logged | None = await self._store.ask(lambda file: file.latest(self._name, kinds))
        return newest

    async def head(self) -> int:
        """Tell the newest sequence number of this channel, pruned or not; 0 if it never had an event."""
        return int(await self._store.ask(lambda file: file.head(self._name)))

    async def oldest(self) -> int:
        """Tell the lowest sequence number from which reading is whole."""
        return int(await self._store.ask(lambda file: file.oldest(self._name)))

    async def prune(self, upto: int) -> None:
        """Forget the events with a sequence number of ``upto`` or less, in small steps."""
        more = True
        while more:
            more = await self._store.write(
                lambda file: file.prune(self._name, upto, PRUNE_EVENTS), lambda _: self.recent.forget(upto)
            )
