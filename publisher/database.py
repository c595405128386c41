"""SQLite files of ours: begun once, told from others', and what SQLite says of them in one line for people."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_WAIT_SECONDS = 10.0
_MENDS = {
    sqlite3.SQLITE_BUSY: "another process holds it; end that one, or wait and try again",
    sqlite3.SQLITE_FULL: "free space on its disk and try again",
    sqlite3.SQLITE_CANTOPEN: "see that its folder exists and may be written to",
    sqlite3.SQLITE_READONLY: "see that the file and its folder may be written to",
}


@dataclass(frozen=True, slots=True)
class Database:
    """A kind of file.

    Attributes:
        name: what people call it.
        application: its ``application_id`` (https://www.sqlite.org/pragma.html#pragma_application_id).
        version: of its tables; its ``user_version``.
        tables: the statements that make them.
        instead: what to do where a file is something else.
    """

    name: str
    application: int
    version: int
    tables: tuple[str, ...]
    instead: str = "name another path"

    def stands(self, connection: sqlite3.Connection, path: str | Path) -> bool:
        """Tell whether there is one, or nothing yet. A file that is something else stays as it is.

        Raises:
            UsageError: it is.
        """
        found = ask(connection, "PRAGMA application_id")
        if found == 0 and ask(connection, "SELECT count(*) FROM sqlite_master") == 0:
            return False
        if found != self.application:
            raise UsageError(f"{path} is a database, but no newsreel {self.name}; {self.instead}")
        return True

    def begin(self, connection: sqlite3.Connection, fill: Callable[[], object] = lambda: None) -> None:
        """Begin one where there is nothing, unless another process has done so by then; ``fill`` writes what it holds.

        Whoever gets an error closes the connection.
        """
        _set_wal(connection)
        connection.execute("BEGIN IMMEDIATE")
        if not ask(connection, "PRAGMA application_id"):
            for statement in self.tables:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {self.application}")
            connection.execute(f"PRAGMA user_version = {self.version}")
            fill()
        connection.execute("COMMIT")

    def refuse_newer(self, connection: sqlite3.Connection, path: str | Path) -> None:
        """See that this version can read it. Raises UsageError."""
        version = ask(connection, "PRAGMA user_version")
        if version > self.version:
            raise UsageError(
                f"{path} was written by a newer newsreel ({self.name} schema {version}, this one knows "
                f"{self.version}); update newsreel or {self.instead}"
            )

    def explained(self, path: str | Path, what: str, error: Exception, otherwise: str) -> str:
        """Say in one line what failed, where, and how to mend it.

        Args:
            path: of the file.
            what: ends "could not be".
            error: what SQLite, or the system, said.
            otherwise: how to mend what is none of the usual mishaps.
        """
        code = primary_code(error)
        none = f"it is no newsreel {self.name}; {self.instead}"
        mend = none if code == sqlite3.SQLITE_NOTADB else _MENDS.get(code, otherwise)
        return f"the {self.name} {path} could not be {what} ({getattr(error, 'strerror', None) or error}); {mend}"


def ask(connection: sqlite3.Connection, statement: str) -> int:
    """Give the one number that a statement finds."""
    return int(connection.execute(statement).fetchone()[0])


def primary_code(error: Exception) -> int:
    """Give SQLite's primary result code of an error: the low byte of the extended one."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _set_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, which another process may be doing at this very moment.

    SQLite answers "locked" to one of the two at once, whatever the timeout, so that they do not wait for each other.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
            if mode != "wal" and file:  # what ends with its process needs none
                raise sqlite3.OperationalError(f"this file system bears no write-ahead log, mode stays {mode!r}")
            return
