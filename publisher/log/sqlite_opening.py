"""Opening the log's file: its tables, and what is said where one of its connections fails."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from publisher.database import Database, primary_code
from publisher.log.contract import LogError

if TYPE_CHECKING:
    from pathlib import Path

BUSY_SECONDS = 10.0
"""How long to wait for another process that writes to the same file; its commits take milliseconds."""
_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL}  # what may be over at the next append; all else is for good
_TABLES = (
    "CREATE TABLE meta (epoch TEXT NOT NULL)",
    "CREATE TABLE channel (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, pruned INTEGER NOT NULL DEFAULT 0)",
    """CREATE TABLE event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        channel INTEGER NOT NULL REFERENCES channel (id),
        key TEXT NOT NULL,
        kind TEXT NOT NULL,
        released_at TEXT NOT NULL,
        event TEXT NOT NULL,
        UNIQUE (channel, key)
    )""",
    "CREATE INDEX event_by_seq ON event (channel, seq)",
    "CREATE INDEX event_by_kind ON event (channel, kind, seq)",
)
LOG = Database("log", 0x6E726C67, 1, _TABLES)  # "nrlg"


class BrokenLogError(LogError):
    """The medium failed in a way that leaves in doubt what it holds: nothing more may be written."""


def explain(path: Path, error: Exception, what: str) -> LogError:
    """Say in one line what failed, where, and how to mend it; BrokenLogError where nothing more may be written."""
    kind = LogError if primary_code(error) in _PASSING else BrokenLogError
    safe = "check the disk and the file, then start again: what was acknowledged is safe"
    return kind(LOG.explained(path, what, error, safe))


def connect(path: Path) -> sqlite3.Connection:
    """Connect to the file at ``path``, for one thread at a time. Raises LogError."""
    try:
        return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise explain(path, error, "opened") from error
