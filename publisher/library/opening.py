"""Opening the library's file: its tables, and when it can be trusted.

What cannot be is thrown away, and made anew from the log.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from pathlib import Path

from publisher.database import Database, ask, primary_code
from publisher.library.checkpoints import MOST_PAGES
from shared.errors import NewsreelError

logger = logging.getLogger(__name__)

PASSING = ("", ":memory:")
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
)
LIBRARY = Database("library", 0x6E726C62, 7, _TABLES)  # "nrlb"


class LibraryError(NewsreelError):
    """The library could not be opened, read or written."""


class PassingError(LibraryError):
    """What failed may go well at the next try: the disk is full, or another process holds the file."""


def opened(path: str, epoch: str) -> sqlite3.Connection:
    """Connect to the library of the log of an epoch, and begin one where there is none that can be trusted.

    Raises:
        UsageError: the file is something else.
        LibraryError: it cannot be opened.
    """
    try:
        try:
            return _opened(path, epoch)
        except sqlite3.DatabaseError as error:
            if primary_code(error) not in _DAMAGED or not _is_ours(path):
                raise
            logger.warning("the library %s is damaged (%s): it is made anew from the log", path, error)
            _throw_away(path)
            return _opened(path, epoch)
    except sqlite3.Error as error:
        raise _fault(path, "opened", error) from error


def failed(path: str, error: sqlite3.Error) -> LibraryError:
    """Tell what went wrong with a library that was opened; one that is damaged is made anew at the next start."""
    if primary_code(error) in _DAMAGED and path not in PASSING:
        _throw_away(path)
    return _fault(path, "used", error)


def _opened(path: str, epoch: str) -> sqlite3.Connection:
    connection = _connected(path)
    try:
        if LIBRARY.stands(connection, path):
            if _is_trusted(connection, epoch):
                return connection
            connection.close()
            _throw_away(path)
            connection = _connected(path)
        LIBRARY.begin(connection, lambda: connection.execute("INSERT INTO meta (epoch) VALUES (?)", (epoch,)))
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # What ends with the process need not be safe from a power cut.
        connection.execute(f"PRAGMA synchronous = {'OFF' if path in PASSING else 'NORMAL'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {MOST_PAGES}")
        # What is withdrawn is overwritten, and so is what is moved or swept away: it may be withdrawn later.
        connection.execute("PRAGMA secure_delete = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_trusted(connection: sqlite3.Connection, epoch: str) -> bool:
    """Tell whether a library is a whole copy of the right log."""
    if ask(connection, "PRAGMA user_version") != LIBRARY.version:
        return False
    return bool(connection.execute("SELECT epoch FROM meta").fetchone() == (epoch,))


def _is_ours(path: str) -> bool:
    """Tell whether a file that SQLite cannot read was a library: its header may still say so."""
    try:
        with Path(path).open("rb") as file:
            return file.read(72)[68:] == LIBRARY.application.to_bytes(4, "big")
    except OSError:
        return False


def _throw_away(path: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            Path(path + suffix).unlink(missing_ok=True)


def _fault(path: str, what: str, error: sqlite3.Error) -> LibraryError:
    kind = PassingError if primary_code(error) in _OVER_SOON else LibraryError
    anew = "stop, delete it and start again: it is rebuilt from the log"
    if primary_code(error) == sqlite3.SQLITE_CORRUPT:
        anew = "stop, and start again: it is made anew from the log"
    return kind(LIBRARY.explained(path, what, error, anew))
