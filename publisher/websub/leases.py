"""Leases: who subscribed to what, until when. In memory for reading, in a SQLite file for the next start.

The file is written to seldom, so each change is synced to the disk: a subscriber that was told "yes" is not forgotten.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from publisher.database import Database
from publisher.websub.asking import host_of
from shared.errors import NewsreelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BUSY_SECONDS = 5.0

_TABLE = """CREATE TABLE lease (
    topic TEXT NOT NULL,
    callback TEXT NOT NULL,
    secret TEXT,
    expires REAL NOT NULL,
    told TEXT NOT NULL,
    PRIMARY KEY (topic, callback)
) WITHOUT ROWID"""
LEASES = Database("list of subscriptions", 0x6E726C77, 1, (_TABLE,), "name another log")  # "nrlw"

_DELETE = "DELETE FROM lease WHERE topic = ? AND callback = ? AND expires <= ?"

Done = TypeVar("Done")
Key = tuple[str, str]
"""Topic and callback: there is one subscription for each pair (section 5.1)."""


class LeaseError(NewsreelError):
    """The file of the subscriptions failed."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A subscription. ``told`` names the state of the topic that the subscriber has."""

    topic: str
    callback: str
    secret: str | None
    expires: datetime
    told: str

    @property
    def key(self) -> Key:
        """Tell what the lease is known by."""
        return self.topic, self.callback


class Leases:
    """All leases. Every change returns when it is on the disk."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._turn = asyncio.Lock()  # one change at a time, in a thread: a sync takes as long as the disk wants
        self._leases: dict[Key, Lease] = {}
        self._callbacks: defaultdict[str, dict[str, None]] = defaultdict(dict)  # by topic
        self._hosts: Counter[str] = Counter()
        self._unsaved: set[Key] = set()
        self._version = 0
        for lease in self._read() or ():
            self._keep(lease)

    @classmethod
    def open(cls, path: str) -> Leases:
        """Open the file at ``path``, or begin one; ``:memory:`` lives in memory.

        Raises:
            UsageError: the file is something else.
            LeaseError: it cannot be opened.
        """
        try:
            if path != ":memory:":
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # secrets are in it
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                if not LEASES.stands(connection, path):
                    LEASES.begin(connection)
                LEASES.refuse_newer(connection, path)
                connection.execute("PRAGMA synchronous = FULL")
                return cls(path, connection)
            except BaseException:
                connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise _failed(path, "opened", error) from error

    def __len__(self) -> int:
        return len(self._leases)

    def __iter__(self) -> Iterator[Lease]:
        return iter(list(self._leases.values()))

    def get(self, key: Key) -> Lease | None:
        """Find a lease."""
        return self._leases.get(key)

    def of(self, topic: str) -> list[Key]:
        """List the leases of one topic."""
        return [(topic, callback) for callback in self._callbacks.get(topic, ())]

    def at(self, host: str) -> int:
        """Count the leases whose callbacks are at one host."""
        return self._hosts[host]

    async def refresh(self) -> None:
        """Take over what other processes have changed in the file. Raises LeaseError."""
        fresh = await self._locked(self._read)
        if fresh is None:
            return
        told = {key: lease.told for key in self._unsaved if (lease := self._leases.get(key)) is not None}
        for key in self._leases.keys() - {lease.key for lease in fresh}:
            self._forget(key)
        for lease in fresh:
            self._keep(replace(lease, told=told.get(lease.key, lease.told)))

    async def put(self, lease: Lease) -> None:
        """Keep a lease, in the place of an older one for the same pair. Raises LeaseError."""
        row = (*lease.key, lease.secret, lease.expires.timestamp(), lease.told)
        await self._locked(lambda: self._many("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?)", [row]))
        self._keep(lease)

    async def drop(self, *keys: Key, expired: datetime | None = None) -> None:
        """Forget leases.

        Args:
            keys: which.
            expired: only if they ran out by then: another process may have renewed them.

        Raises:
            LeaseError: they are forgotten all the same, until the next start.
        """
        before = expired.timestamp() if expired is not None else float("inf")
        for key in keys:
            self._forget(key)
        await self._locked(lambda: self._many(_DELETE, [(*key, before) for key in keys]))

    def tell(self, key: Key, state: str) -> None:
        """Note what a subscriber has; ``save`` brings it to the disk."""
        lease = self._leases.get(key)
        if lease is not None and lease.told != state:
            self._leases[key] = replace(lease, told=state)
            self._unsaved.add(key)

    async def save(self) -> None:
        """Write what was told since the last time. Raises LeaseError."""
        rows = [(lease.told, *key) for key in self._unsaved if (lease := self._leases.get(key)) is not None]
        self._unsaved.clear()
        if rows:
            await self._locked(lambda: self._many("UPDATE lease SET told = ? WHERE topic = ? AND callback = ?", rows))

    async def close(self) -> None:
        """Close the file, after all that was asked of it; what was told and not saved may be told again some day."""
        async with self._turn:
            with suppress(sqlite3.Error):
                self._connection.close()

    def _keep(self, lease: Lease) -> None:
        if lease.key not in self._leases:
            self._callbacks[lease.topic][lease.callback] = None
            self._hosts[host_of(lease.callback)] += 1
        self._leases[lease.key] = lease

    def _forget(self, key: Key) -> None:
        if self._leases.pop(key, None) is None:
            return
        topic, callback = key
        del self._callbacks[topic][callback]
        host = host_of(callback)
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        self._unsaved.discard(key)

    def _read(self) -> list[Lease] | None:
        """Read all leases, None if no other connection has changed anything since."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return None
        self._version = version
        rows = self._connection.execute("SELECT topic, callback, secret, expires, told FROM lease")
        return [Lease(t, c, s, datetime.fromtimestamp(expires, UTC), told) for t, c, s, expires, told in rows]

    def _many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    async def _locked(self, work: Callable[[], Done]) -> Done:
        """Do something with the file in a thread, in its turn; it is done even if who asked does not wait for it."""
        return await asyncio.shield(self._alone(work))

    async def _alone(self, work: Callable[[], Done]) -> Done:
        async with self._turn:
            try:
                return await asyncio.to_thread(work)
            except sqlite3.Error as error:
                raise _failed(self._path, "used", error) from error


def _failed(path: str, what: str, error: Exception) -> LeaseError:
    return LeaseError(LEASES.explained(path, what, error, "see that its folder exists and may be written to"))
