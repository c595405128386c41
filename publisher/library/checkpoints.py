"""Checkpoints: what was filed is brought from the write-ahead log into the library's file, beside the loop."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

logger = logging.getLogger(__name__)

CHANGES = 1_000
"""Rows changed from one checkpoint to the next: about 250 releases, some 10 MB of write-ahead log."""
MOST_PAGES = 16_384
"""Pages of the write-ahead log (64 MB) at which the writer makes a checkpoint itself: under a load that leaves no
moment at which one beside it catches up."""
WIPED_SECONDS = 5.0
"""How long somebody waits for the write-ahead log to be wiped while another program reads it."""
_CHASES = 10
_SHORTEST, _LONGEST = 0.01, 1.0  # seconds from one try to wipe to the next


class Checkpoints:
    """Makes the checkpoints of one library: each waits for the disk, so it has a thread and a connection of its own.

    A passive checkpoint holds up no writer (https://www.sqlite.org/wal.html#ckpt).
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="library checkpoint")
        self._connection: sqlite3.Connection | None = None
        self._latest: Future[None] | None = None
        self._wiping: Future[None] | None = None
        self._closing = threading.Event()
        self._since = 0

    def due(self, changes: int) -> None:
        """Begin one if the writer has changed enough rows since the last; ``changes`` are all that it ever changed."""
        if changes - self._since >= CHANGES and (self._latest is None or self._latest.done()):
            self._since = changes
            self._latest = self._thread.submit(self._checkpoint)

    def wipe(self) -> None:
        """Begin to leave nothing in the write-ahead log of what has been deleted up to now."""
        self._latest = self._wiping = self._thread.submit(self._wipe)

    async def wiped(self) -> None:
        """Wait until that is done, or as long as is bearable where another program reads the file: it is done later."""
        if self._wiping is not None and not self._wiping.done():
            _, left = await asyncio.wait([asyncio.wrap_future(self._wiping)], timeout=WIPED_SECONDS)
            if left:
                logger.warning(
                    "another program reads %s: what was withdrawn stays in its write-ahead log until that has ended",
                    self._path,
                )

    def _checkpoint(self) -> None:
        with suppress(sqlite3.Error):  # the next one does what this one could not
            self._run("PASSIVE")

    def _wipe(self) -> None:
        pause = _SHORTEST
        while not self._closing.is_set():
            with suppress(sqlite3.Error):
                for _ in range(_CHASES):  # truncating holds writers up for as long as the disk takes for what is left
                    _, pages, moved = self._run("PASSIVE")
                    if pages == moved:
                        break
                busy, _, _ = self._run("TRUNCATE")
                if not busy:
                    return
            self._closing.wait(pause)
            pause = min(2 * pause, _LONGEST)

    def _run(self, kind: str) -> tuple[int, int, int]:
        """Make a checkpoint. Tell whether somebody was in its way, how many pages there are, and how many are moved."""
        if self._connection is None:  # it does not wait for others: they would wait for it, the loop among them
            self._connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        found: tuple[int, int, int] = self._connection.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
        return found

    def close(self) -> None:
        """Finish the one that is under way."""
        self._closing.set()
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()
