"""The log's file: one SQLite connection and every statement that is said to it. Blocking, of one thread at a time.

``seq`` is AUTOINCREMENT because a plain rowid would give a pruned head's number a second time
(https://www.sqlite.org/autoinc.html). ``synchronous=FULL`` because in WAL mode NORMAL may lose committed events in a
power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from publisher.log.contract import Line, LogError, StaleAppendError, enough
from publisher.log.epoch import draw_epoch
from publisher.log.sqlite_opening import LOG, connect, explain
from publisher.log.withdrawal import key_ranges, withdrawn_by, wordless
from shared.event import Logged, Position, decode_event, encode_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from publisher.log.contract import Draft, Kind

WIPE_MILLISECONDS = 1_000
"""How long to wait for who reads the write-ahead log before it is wiped; appends wait meanwhile."""

_READ = """
SELECT seq, key, released_at, event FROM event
WHERE channel = (SELECT id FROM channel WHERE name = :channel)
  AND seq > max(:after, (SELECT pruned FROM channel WHERE name = :channel))
ORDER BY seq LIMIT :limit
"""
_FIND = """
SELECT seq, key, released_at, event FROM event
WHERE channel = (SELECT id FROM channel WHERE name = ?) AND key = ?
"""
_WITH_KEYS = """
SELECT seq, key, released_at, event FROM event
WHERE channel = (SELECT id FROM channel WHERE name = ?) AND key >= ? AND key < ?
"""
_LATEST = """
SELECT seq, key, released_at, event FROM event
WHERE channel = (SELECT id FROM channel WHERE name = ?) AND kind = ?
ORDER BY seq DESC LIMIT 1
"""
_HEAD = """
SELECT max(pruned, coalesce((SELECT max(seq) FROM event WHERE channel = channel.id), 0))
FROM channel WHERE name = ?
"""
_INSERT = """
INSERT INTO event (channel, key, kind, released_at, event)
VALUES ((SELECT id FROM channel WHERE name = ?), ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_PRUNE = """
DELETE FROM event WHERE channel = :id AND seq <= :upto
  AND seq <> coalesce((SELECT max(seq) FROM event WHERE channel = :id AND kind = 'reset'), 0)
  AND seq <> coalesce((SELECT max(seq) FROM event WHERE channel = :id AND kind = 'clock'), 0)
"""


Row = tuple[int, str, str, str]
"""An event as the statements that read give it: its sequence number, key, release time, and what it says."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a group: ``logged`` answers the drafts, ``fresh`` are those that are new, after ``before``."""

    logged: list[Logged]
    fresh: list[Logged]
    before: int


class LogFile:
    """One connection to a log's file.

    Attributes:
        epoch: of the log.
        lingering: the write-ahead log may hold words of posts that are withdrawn.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.epoch = ""
        self._connection = connection
        self.lingering = True  # words of a withdrawn post may be in the write-ahead log: of before a crash, too

    @classmethod
    def open(cls, path: Path) -> LogFile:
        """Open the log at ``path`` for writing, or begin one.

        Raises:
            UsageError: the file is something else, or of a newer newsreel.
            LogError: the file cannot be opened.
        """
        file = cls(path, connect(path))
        try:
            with file.told("opened"):
                if not LOG.stands(file._connection, path):
                    LOG.begin(
                        file._connection,
                        lambda: file._connection.execute("INSERT INTO meta VALUES (?)", (draw_epoch(),)),
                    )
                LOG.refuse_newer(file._connection, path)
                file._connection.execute("PRAGMA synchronous = FULL")
                file._connection.execute("PRAGMA secure_delete = ON")  # what is withdrawn or pruned is overwritten
                (file.epoch,) = file._connection.execute("SELECT epoch FROM meta").fetchone()
            with suppress(sqlite3.Error):  # it is tried again by who writes
                file.wipe()
        except BaseException:
            file.close()
            raise
        return file

    def reader(self) -> LogFile:
        """Open a second connection to the same log, which cannot write."""
        file = LogFile(self.path, connect(self.path))
        file.epoch = self.epoch
        file._connection.execute("PRAGMA query_only = ON")
        return file

    def close(self) -> None:
        """Close the connection; SQLite moves the write-ahead log into the file when the last one closes."""
        self._connection.close()

    # Writing. The writer begins a transaction, runs groups in it, commits.

    def begin(self) -> None:
        """Begin a transaction that may write, waiting for other processes."""
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make the transaction durable."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction, if one is open."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def group(self) -> Iterator[None]:
        """Undo what is written in the ``with`` block if it fails, and no more than that."""
        self._connection.execute("SAVEPOINT one_group")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # SQLite ends the whole transaction itself when the medium fails
                self._connection.execute("ROLLBACK TO one_group")
            raise
        finally:
            if self._connection.in_transaction:
                self._connection.execute("RELEASE one_group")

    def append(self, channel: str, drafts: Sequence[Draft], expect: int | None) -> Written:
        """Write the drafts whose keys are new.

        Raises:
            StaleAppendError: a key is new and ``expect`` is not the head.
        """
        known = self._connection.execute(_HEAD, (channel,)).fetchone()
        if known is None:
            self._connection.execute("INSERT INTO channel (name) VALUES (?)", (channel,))
        before: int = known[0] if known is not None else 0
        logged: list[Logged] = []
        fresh: list[Logged] = []
        for draft in drafts:
            released = draft.released_at.isoformat()
            text = encode_event(draft.event).decode()
            inserted = self._connection.execute(_INSERT, (channel, draft.key, draft.event.kind, released, text))
            if not inserted.rowcount:
                known = self._connection.execute(_FIND, (channel, draft.key)).fetchone()
                logged.append(self._logged(known))
                continue
            if expect not in {None, before}:
                raise StaleAppendError(f"the log's head is {before}, not {expect}; read on, then append")
            one = Logged(Position(self.epoch, inserted.lastrowid or 0), draft.key, draft.released_at, draft.event)
            logged.append(one)
            fresh.append(one)
            if slug := withdrawn_by(draft.event):
                self._take_words(channel, draft, slug)
        return Written(logged, fresh, before)

    def _take_words(self, channel: str, draft: Draft, slug: str) -> None:
        """Take the words of the post ``slug``, which is withdrawn, out of its events."""
        for first, last in key_ranges(draft):
            for row in self._connection.execute(_WITH_KEYS, (channel, first, last)).fetchall():
                bare = wordless(self._logged(row), slug)
                text = encode_event(bare.event).decode()
                self._connection.execute("UPDATE event SET event = ? WHERE seq = ?", (text, bare.seq))
        self.lingering = True

    def wipe(self, *, wait: bool = True) -> None:
        """Leave no words of withdrawn posts in the write-ahead log, unless somebody is reading it.

        Call it after a commit, and as long as there is something ``lingering``. What is overwritten in the file itself
        is ``secure_delete``'s doing.

        Args:
            wait: for who is reading; not for ever.
        """
        if self.lingering:
            (patience,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
            self._connection.execute(f"PRAGMA busy_timeout = {WIPE_MILLISECONDS if wait else 0}")
            try:
                (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self.lingering = bool(busy)
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {patience}")

    def prune(self, channel: str, upto: int, limit: int) -> bool:
        """Forget up to ``limit`` events; True if there may be more to forget."""
        known = self._connection.execute("SELECT id, pruned FROM channel WHERE name = ?", (channel,)).fetchone()
        if known is None:
            return False
        channel_id, pruned = known
        (last, count) = self._connection.execute(
            "SELECT max(seq), count(*) FROM "
            "(SELECT seq FROM event WHERE channel = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?)",
            (channel_id, pruned, upto, limit),
        ).fetchone()
        if last is None:
            return False
        self._connection.execute("UPDATE channel SET pruned = ? WHERE id = ?", (last, channel_id))
        self._connection.execute(_PRUNE, {"id": channel_id, "upto": last})
        return bool(count == limit)

    # Reading. Each statement is a short transaction of its own: a long one would pin the write-ahead log.

    def read(self, channel: str, after: int, limit: int) -> list[Logged]:
        """Give up to ``limit`` events above ``after``, in order, none that was pruned."""
        return [self._logged(row) for row in self._rows(channel, after, limit)]

    def lines(self, channel: str, after: int, limit: int) -> list[Line]:
        """Give the same, not decoded."""
        return [Line(seq, released, event) for seq, _, released, event in self._rows(channel, after, limit)]

    def _rows(self, channel: str, after: int, limit: int) -> list[Row]:
        found = self._connection.execute(_READ, {"channel": channel, "after": after, "limit": limit})
        rows: list[Row] = enough(found, lambda row: len(row[3]))
        found.close()
        return rows

    def latest(self, channel: str, kinds: Sequence[Kind]) -> Logged | None:
        """Give the newest event of one of ``kinds``."""
        rows = (self._connection.execute(_LATEST, (channel, kind)).fetchone() for kind in kinds)
        newest = max((row for row in rows if row), default=None)
        return self._logged(newest) if newest else None

    def head(self, channel: str) -> int:
        """Tell the newest sequence number, pruned or not; 0 if there never was one."""
        row = self._connection.execute(_HEAD, (channel,)).fetchone()
        return int(row[0]) if row else 0

    def oldest(self, channel: str) -> int:
        """Tell the lowest sequence number from which reading is whole."""
        row = self._connection.execute("SELECT pruned + 1 FROM channel WHERE name = ?", (channel,)).fetchone()
        return int(row[0]) if row else 1

    def version(self) -> int:
        """Give a number that changes when *another* connection has committed; costs microseconds."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _logged(self, row: Row) -> Logged:
        seq, key, released, text = row
        try:
            return Logged(Position(self.epoch, seq), key, datetime.fromisoformat(released), decode_event(text))
        except ValueError as error:
            raise LogError(
                f"event {seq} in {self.path} cannot be read; it was changed by hand, or written by a newer newsreel"
            ) from error

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Turn what SQLite says into one line for people: ``what`` ends "could not be"."""
        try:
            yield
        except sqlite3.Error as error:
            raise explain(self.path, error, what) from error
