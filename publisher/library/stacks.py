"""The library's file: its tables, when it can be trusted, and the takes that the posts belong to.

One SQLite file of one process, in WAL mode with ``synchronous=NORMAL``: a power cut takes the newest filings and leaves
the rest whole (https://www.sqlite.org/pragma.html#pragma_synchronous). The log is what lasts; each shelf knows up to
where it was filed, and goes on from there.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher.library.checkpoints import MOST_PAGES, Checkpoints
from publisher.lock import LockError, MachineLock
from shared.errors import NewsreelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x6E726C62  # "nrlb"
SCHEMA_VERSION = 7
SWEPT_VERSIONS = 100
"""Versions of ended takes that are deleted with each filing, so that the reset of a long story never stops the loop."""

_PASSING = ("", ":memory:")
"""Paths of what ends with its process: a temporary file, and memory."""
BUSY_SECONDS = 5.0
"""How long to wait for who should not be there: a tool that looks into the file."""
_OVER_SOON = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TABLES = (
    "CREATE TABLE meta (epoch TEXT NOT NULL)",
    # A take is what is out between two resets of a channel. Its number is the library's own.
    # ``settings`` are those under which its frames were made.
    "CREATE TABLE take (id INTEGER PRIMARY KEY AUTOINCREMENT, ended INTEGER NOT NULL DEFAULT 0, settings TEXT)",
    # ``released`` is the release time of the event ``head``, by which it is known for the log's.
    """CREATE TABLE shelf (
        id INTEGER PRIMARY KEY,
        channel TEXT NOT NULL UNIQUE,
        take INTEGER NOT NULL,
        head INTEGER NOT NULL DEFAULT 0,
        released TEXT,
        posts INTEGER NOT NULL DEFAULT 0,
        releases INTEGER NOT NULL DEFAULT 0,
        axis INTEGER,
        changed TEXT,
        reset_seq INTEGER,
        reset TEXT,
        lost INTEGER NOT NULL
    )""",
    # A row an event: a version of a post, or a tombstone, which has no post. ``first_seq`` is the event that first
    # released the post; that event's own row knows when the post was ``gone``. ``axis`` is the effective story time in
    # microseconds; ``releases`` is how many posts had been released first by then; ``ordinal`` says how many had been
    # when this one was: archive documents are cut by it, so that the cut never moves.
    """CREATE TABLE version (
        id INTEGER PRIMARY KEY,
        take INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        axis INTEGER NOT NULL,
        releases INTEGER NOT NULL,
        withdrawn INTEGER NOT NULL DEFAULT 0,
        gone INTEGER,
        slug TEXT NOT NULL,
        first_seq INTEGER NOT NULL,
        first_released TEXT NOT NULL,
        ordinal INTEGER NOT NULL,
        released TEXT NOT NULL,
        story_time TEXT NOT NULL,
        post TEXT
    )""",
    "CREATE UNIQUE INDEX version_line ON version (take, seq)",
    # Effective story times never fall from one event to the next, so this is the same order.
    "CREATE INDEX version_time ON version (take, withdrawn, axis, seq)",
    "CREATE INDEX version_of_post ON version (take, slug, seq)",
    "CREATE INDEX version_out ON version (take, seq, slug) WHERE seq = first_seq AND gone IS NULL",
    "CREATE INDEX version_slot ON version (take, ordinal) WHERE seq = first_seq",
    "CREATE INDEX version_withdrawn ON version (take, seq) WHERE withdrawn",
    "CREATE INDEX version_gone ON version (take, releases, seq) WHERE post IS NULL",
    "CREATE TABLE author (id INTEGER PRIMARY KEY, take INTEGER NOT NULL, author TEXT NOT NULL, UNIQUE (take, author))",
    # Who wrote the post that was first released at ``first_seq``, from the event ``since`` to before ``until``.
    """CREATE TABLE credit (
        take INTEGER NOT NULL,
        first_seq INTEGER NOT NULL,
        since INTEGER NOT NULL,
        place INTEGER NOT NULL,
        author INTEGER NOT NULL,
        until INTEGER,
        PRIMARY KEY (take, first_seq, since, place)
    ) WITHOUT ROWID""",
    "CREATE INDEX credit_by_author ON credit (author, first_seq, place, since, until)",
    """CREATE TABLE clock (
        shelf INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (shelf, seq)
    ) WITHOUT ROWID""",
    # Events as they go out. ``before`` is the event before it, by which a gap shows.
    """CREATE TABLE frame (
        id INTEGER PRIMARY KEY,
        take INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        before INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body BLOB NOT NULL,
        tags TEXT,
        was TEXT,
        was_unknown INTEGER NOT NULL,
        removal BLOB,
        UNIQUE (take, seq)
    )""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


class LibraryError(NewsreelError):
    """The library could not be opened, read or written."""


class PassingError(LibraryError):
    """What failed may go well at the next try: the disk is full, or another process holds the file."""


class Stacks:
    """The library's file. A take is what is out between two resets of a channel; its number is the library's own."""

    def __init__(self, path: str, connection: sqlite3.Connection, lock: MachineLock) -> None:
        self.lasting = path != ":memory:"
        """False where it lives in memory: nothing is kept then but what cannot be done without."""
        self._path = path
        self._connection = connection
        self._lock = lock
        self._checkpoints = Checkpoints(path) if path not in _PASSING else None
        self._withdraws = True  # words of a withdrawn post may be in the write-ahead log: of before a crash, too
        self._ended = [take for (take,) in self.rows("SELECT id FROM take WHERE ended")]

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
            connection = cls._open(path, epoch)
            undo.callback(connection.close)
            stacks = cls(path, connection, lock)
            undo.pop_all()
        return stacks

    @staticmethod
    def _open(path: str, epoch: str) -> sqlite3.Connection:
        try:
            try:
                return _opened(path, epoch)
            except sqlite3.DatabaseError as error:
                if _code(error) not in _DAMAGED or not _is_ours(path):
                    raise
                logger.warning("the library %s is damaged (%s): it is made anew from the log", path, error)
                _throw_away(path)
                return _opened(path, epoch)
        except sqlite3.Error as error:
            raise _fault(path, "opened", error) from error

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
            raise self._failed(error) from error

    def each(self, statement: str, values: tuple[object, ...] = ()) -> Iterator[Any]:
        """Give the rows that a statement finds, one after the other. Raises LibraryError."""
        try:
            yield from self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def rows(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Give the rows that a statement finds. Raises LibraryError."""
        return list(self.each(statement, values))

    def row(self, statement: str, values: tuple[object, ...] = ()) -> Any:
        """Give the first row that a statement finds, None if it finds none. Raises LibraryError."""
        return next(self.each(statement, values), None)

    def _failed(self, error: sqlite3.Error) -> LibraryError:
        if _code(error) in _DAMAGED and self._path not in _PASSING:
            _throw_away(self._path)  # so that the next start makes it anew
        return _fault(self._path, "used", error)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what the ``with`` block writes visible together, or not at all; one within another is part of it."""
        if self._connection.in_transaction:
            yield
            return
        ended = list(self._ended)
        self.execute("BEGIN IMMEDIATE")  # one that reads first would not wait while the write-ahead log is wiped
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self._ended = ended
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
        self._ended.append(take)

    def sweep(self, filed: int) -> None:
        """Delete some posts of an ended take, more than the ``filed`` that have just come in."""
        if not self._ended:
            return
        take, limit = self._ended[0], max(SWEPT_VERSIONS, 2 * filed)
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
            self._ended.remove(take)


def _lock(path: str) -> MachineLock:
    """Make the lock by which one process has the file. Raises LibraryError."""
    try:
        return MachineLock(f"{path}.lock" if path not in _PASSING else None)
    except LockError as error:
        raise LibraryError(f"the library could not be opened: {error}") from None


def _opened(path: str, epoch: str) -> sqlite3.Connection:
    """Connect to the library of that epoch at ``path``; what stands there and cannot be trusted is thrown away."""
    connection = _connected(path)
    try:
        new = _is_new(connection, path)
        if not new and not _is_trusted(connection, epoch):
            connection.close()
            _throw_away(path)
            connection, new = _connected(path), True
        if new:
            _begin(connection, epoch)
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # What ends with the process need not be safe from a power cut.
    connection.execute(f"PRAGMA synchronous = {'OFF' if path in _PASSING else 'NORMAL'}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {MOST_PAGES}")
    # What is withdrawn is overwritten, and so is what is moved or swept away: it may be withdrawn later.
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def _ask(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


def _is_new(connection: sqlite3.Connection, path: str) -> bool:
    """Tell whether the file is empty. Raises UsageError if it is something else than a library."""
    application = _ask(connection, "PRAGMA application_id")
    empty = application == 0 and _ask(connection, "SELECT count(*) FROM sqlite_master") == 0
    if not empty and application != APPLICATION_ID:
        raise UsageError(f"{path} is a database, but no newsreel library; name another path")
    return empty


def _is_trusted(connection: sqlite3.Connection, epoch: str) -> bool:
    """Tell whether a library is a whole copy of the right log."""
    if _ask(connection, "PRAGMA user_version") != SCHEMA_VERSION:
        return False
    return bool(connection.execute("SELECT epoch FROM meta").fetchone() == (epoch,))


def _begin(connection: sqlite3.Connection, epoch: str) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO meta (epoch) VALUES (?)", (epoch,))
    connection.execute("COMMIT")


def _is_ours(path: str) -> bool:
    """Tell whether a file that SQLite cannot read was a library: its header may still say so."""
    try:
        with Path(path).open("rb") as file:
            return file.read(72)[68:] == APPLICATION_ID.to_bytes(4, "big")
    except OSError:
        return False


def _throw_away(path: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            Path(path + suffix).unlink(missing_ok=True)


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the low byte is the primary code


def _fault(path: str, what: str, error: sqlite3.Error) -> LibraryError:
    """Turn what SQLite says into one line for people."""
    mend = {
        sqlite3.SQLITE_BUSY: "another process holds it; end that one",
        sqlite3.SQLITE_FULL: "free space on its disk",
        sqlite3.SQLITE_NOTADB: "it is no newsreel library; name another path",
        sqlite3.SQLITE_CANTOPEN: "see that its folder exists and may be written to",
        sqlite3.SQLITE_CORRUPT: "stop, and start again: it is made anew from the log",
    }.get(_code(error), "stop, delete it and start again: it is rebuilt from the log")
    kind = PassingError if _code(error) in _OVER_SOON else LibraryError
    return kind(f"the library {path} could not be {what} ({error}); {mend}")
