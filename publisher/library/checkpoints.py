"""Checkpoints: what was filed is brought from the write-ahead log into the library's file, beside the loop."""

from __future__ import annotations

import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

CHANGES = 1_000
"""Rows changed from one checkpoint to the next: about 250 releases, some 10 MB of write-ahead log."""
MOST_PAGES = 16_384
"""Pages of the write-ahead log (64 MB) at which the writer makes a checkpoint itself: under a load that leaves no
moment at which one beside it catches up."""


class Checkpoints:
    """Makes the checkpoints of one library: each waits for the disk, so it has a thread and a connection of its own.

    A passive checkpoint holds up no writer (https://www.sqlite.org/wal.html#ckpt).
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="library checkpoint")
        self._connection: sqlite3.Connection | None = None
        self._latest: Future[None] | None = None
        self._since = 0

    def due(self, changes: int) -> None:
        """Begin one if the writer has changed enough rows since the last; ``changes`` are all that it ever changed."""
        if changes - self._since >= CHANGES and (self._latest is None or self._latest.done()):
            self._since = changes
            self._latest = self._thread.submit(self._checkpoint)

    def _checkpoint(self) -> None:
        with suppress(sqlite3.Error):  # the next one does what this one could not
            if self._connection is None:
                self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Finish the one that is under way."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()
