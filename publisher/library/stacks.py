"""The library's file: what is said to it, its transactions, and the takes that the posts belong to.

One SQLite file of one process, in WAL mode with ``synchronous=NORMAL``: a power cut takes the newest filings and leaves
the rest whole (https://www.sqlite.org/pragma.html#pragma_synchronous). The log is what lasts; each shelf knows up to
where it was filed, and goes on from there.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from publisher.library.checkpoints import Checkpoints
from publisher.library.opening import PASSING, LibraryError, failed, opened
from publisher.lock import LockError, MachineLock

if TYPE_CHECKING:
    from collections.abc import Iterator

SWEPT_VERSIONS = 100
"""Versions of ended takes that are deleted with each filing, so that the reset of a long story never stops the loop."""


class Stacks:
    """The library's file. A take is what is out between two resets of a channel; its number is the library's own.

    Attributes:
        lasting: False where it lives in memory: nothing is kept then but what cannot be done without.
        ended: takes that are still to be swept away.
    """

    def __init__(self, path: str, connection: sqlite3.Connection, lock: MachineLock) -> None:
        self.lasting = path != ":memory:"
        self._path = path
        self._connection = connection
        self._lock = lock
        self._checkpoints = Checkpoints(path) if path not in PASSING else None
        self._withdraws = True  # words of a withdrawn post may be in the write-ahead log: of before a crash, too
        self.ended = [take for (take,) in self.rows("SELECT id FROM take WHERE ended")]

    @classmethod
    def open(cls, path: str, epoch: str) -> Stacks:
        """Open the file at ``path``, or begin one; ``:memory:`` lives in memory, an empty path in a temporary file.

        What was filed from a log of another epoch, or by another version, is thrown away, and so is a damaged file. A
        process that finds the file taken gets a temporary one.

        Raises:
            UsageError: the file is something else.
            LibraryError: the file cannot be opened.
        """
        lock = _lock(path)
        if not lock.take():
            lock.close()
            path, lock = "", _lock("")
        with ExitStack() as undo:
            undo.callback(lock.close)
            connection = opened(path, epoch)
            undo.callback(connection.close)
            stacks = cls(path, connection, lock)
            undo.pop_all()
        return stacks

    def close(self) -> None:
        """Close. Closing twice is nothing."""
        if self._checkpoints is not None:
            self._checkpoints.close()
        self._connection.close()  # the last one brings all that was filed into the file
        self._lock.close()

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        """Run a statement that writes. Raises LibraryError."""
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise failed(self._path, error) from error

    def each(self, statement: str, values: tuple[object, ...] = ()) -> Iterator[Any]:
        """Give the rows that a statement finds, one after the other. Raises LibraryError."""
        try:
            yield from self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise failed(self._path, error) from error

    def rows(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Give the rows that a statement finds. Raises LibraryError."""
        return list(self.each(statement, values))

    def row(self, statement: str, values: tuple[object, ...] = ()) -> Any:
        """Give the first row that a statement finds, None if it finds none. Raises LibraryError."""
        return next(self.each(statement, values), None)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what the ``with`` block writes visible together, or not at all; one within another is part of it."""
        if self._connection.in_transaction:
            yield
            return
        ended = list(self.ended)
        self.execute("BEGIN IMMEDIATE")  # one that reads first would not wait while the write-ahead log is wiped
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self.ended = ended
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        if self._checkpoints is not None:
            if self._withdraws:
                self._checkpoints.wipe()
            else:
                self._checkpoints.due(self._connection.total_changes)
        self._withdraws = False

    def wipe(self) -> None:
        """Leave nothing of what this transaction deletes in the write-ahead log either: a post is withdrawn."""
        self._withdraws = True

    async def wiped(self) -> None:
        """Wait until nothing is left of what was withdrawn; see ``Checkpoints.wiped``."""
        if self._checkpoints is not None:
            await self._checkpoints.wiped()

    def begin_take(self) -> int:
        """Give the number of a new, empty take."""
        return self.execute("INSERT INTO take DEFAULT VALUES").lastrowid or 0

    def end_take(self, take: int) -> None:
        """Leave a take to be swept away, a little with each filing."""
        self.execute("UPDATE take SET ended = 1 WHERE id = ?", (take,))
        self.ended.append(take)

    def sweep(self, filed: int) -> None:
        """Delete some posts of an ended take, more than the ``filed`` that have just come in."""
        if not self.ended:
            return
        take, limit = self.ended[0], max(SWEPT_VERSIONS, 2 * filed)
        swept = self.execute(
            "DELETE FROM version WHERE id IN (SELECT id FROM version WHERE take = ? LIMIT ?)", (take, limit)
        ).rowcount
        swept += self.execute(
            "DELETE FROM credit WHERE take = ? AND first_seq IN (SELECT first_seq FROM credit WHERE take = ? LIMIT ?)",
            (take, take, limit),
        ).rowcount
        swept += self.execute(
            "DELETE FROM frame WHERE id IN (SELECT id FROM frame WHERE take = ? LIMIT ?)", (take, limit)
        ).rowcount
        if not swept:
            self.execute("DELETE FROM author WHERE take = ?", (take,))
            self.execute("DELETE FROM take WHERE id = ?", (take,))
            self.ended.remove(take)


def _lock(path: str) -> MachineLock:
    """Make the lock by which one process has the file. Raises LibraryError."""
    try:
        return MachineLock(f"{path}.lock" if path not in PASSING else None)
    except LockError as error:
        raise LibraryError(f"the library could not be opened: {error}") from None
