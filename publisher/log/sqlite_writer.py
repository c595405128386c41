"""The log's one writer: a thread, a queue, and one commit for all that waits in it (group commit).

A commit costs one fsync however much it holds, so while one is on its way to the disk the queue gathers the next.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
import threading
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from publisher.log.sqlite_opening import BrokenLogError, explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from publisher.log.sqlite_file import LogFile

logger = logging.getLogger(__name__)

MAX_GROUPS = 1000
"""Most groups in one commit, so that the first of them does not wait for ever."""
SWITCH_SECONDS = 0.0005
"""How long the loop may keep the interpreter's lock from the writer. Each statement waits for it once, and Python's
own 5 ms add up: beside a loop that is never idle an append took 130 ms at the 90th percentile, so it takes 21."""
LOOK_SECONDS = 0.15
"""How often to look whether another process has appended, while somebody tails, or whether one reads what is to go."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to write. ``write`` runs in the thread, ``committed`` on the loop before ``done`` is resolved."""

    write: Callable[[], Any]
    committed: Callable[[Any], None]
    done: asyncio.Future[Any]


Outcome = tuple[Job, Any, Exception | None]


class Writer:
    """Owns the writing connection. All methods but the thread's own belong to the loop.

    Args:
        file: open for writing; closed when the writer ends.
        on_foreign: called on the loop when another process has written to the file.
    """

    def __init__(self, file: LogFile, on_foreign: Callable[[], None]) -> None:
        self._file = file
        self._on_foreign = on_foreign
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._looking = 0
        self._stopping = False
        self._broken: str | None = None
        self._told = False  # that somebody keeps the words of withdrawn posts from being wiped
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
        # A daemon, so that a program that forgets to close still ends; what was acknowledged is on the disk.
        self._thread = threading.Thread(target=self._run, name=f"log {file.path.name}", daemon=True)
        self._thread.start()

    async def write(self, write: Callable[[], Any], committed: Callable[[Any], None]) -> Any:
        """Have ``write`` run in a transaction and give its result once that is durable.

        Who is cancelled while waiting may find it written or not; keys make it safe to try again.
        """
        done: asyncio.Future[Any] = self._loop.create_future()
        self._queue.put(Job(write, committed, done))
        return await done

    def look(self, more: int) -> None:
        """Count those who want to hear of other processes: +1 when one comes, -1 when one goes."""
        self._looking += more
        if self._looking == 1 and more > 0:
            self._queue.put(None)  # the thread may sleep without a time limit

    async def stop(self) -> None:
        """Write what waits, then close the file and end the thread."""
        self._stopping = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        seen, looked = self._version(), time.monotonic()
        while not (self._stopping and self._queue.empty()):
            jobs = self._gather()
            lingered = self._file.lingering
            outcomes = self._commit(jobs) if jobs else []
            if self._file.lingering:
                self._wipe(wait=not lingered)  # before those who wait are told
            if outcomes:
                self._call(partial(_settle, outcomes))
            if self._looking and time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                if (version := self._version()) != seen:
                    seen = version
                    self._call(self._on_foreign)
        self._file.close()

    def _version(self) -> int | None:
        try:
            return self._file.version()
        except sqlite3.Error:  # those who tail then ask the file themselves, and are told what is wrong with it
            return None

    def _gather(self) -> list[Job]:
        """Wait for a job, then take all that wait with it; empty after a mere nudge."""
        jobs: list[Job] = []
        try:
            job = self._queue.get(timeout=LOOK_SECONDS if self._looking or self._file.lingering else None)
            while job is not None:
                jobs.append(job)
                job = self._queue.get_nowait() if len(jobs) < MAX_GROUPS else None
        except Empty:
            pass
        return jobs

    def _commit(self, jobs: list[Job]) -> list[Outcome]:
        if self._broken:
            return [(job, None, BrokenLogError(self._broken)) for job in jobs]
        try:
            self._file.begin()
            alone = len(jobs) == 1
            outcomes = [self._attempt(job, alone=alone) for job in jobs]
            if alone and outcomes[0][2] is not None:
                self._file.rollback()
            else:
                self._file.commit()
        except Exception as error:  # noqa: BLE001 whatever it is, those who wait must hear of it
            with suppress(Exception):
                self._file.rollback()
            failure = explain(self._file.path, error, "written")
            if isinstance(failure, BrokenLogError):
                self._broken = str(failure)
            return [(job, None, type(failure)(str(failure))) for job in jobs]
        return outcomes

    def _wipe(self, *, wait: bool) -> None:
        """Leave nothing of withdrawn words behind, at the latest when who reads the write-ahead log has read it."""
        with suppress(sqlite3.Error):  # all is durable; it is tried again
            self._file.wipe(wait=wait)
        if self._file.lingering != self._told:
            self._told = self._file.lingering
            if self._told:
                logger.warning(
                    "another program reads %s: what was withdrawn stays in its write-ahead log until that has ended",
                    self._file.path,
                )

    def _attempt(self, job: Job, *, alone: bool) -> Outcome:
        """Run one group; only a failing medium gets past it to the other groups of the commit.

        Each statement costs a wait for the interpreter's lock, which a busy loop holds for some milliseconds. So a
        group that is ``alone`` in its commit has no savepoint: what it wrote is undone with the commit.
        """
        try:
            with nullcontext() if alone else self._file.group():
                return job, job.write(), None
        except (sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError) as error:
            return job, None, error
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 an event that cannot be written down is its sender's trouble only
            return job, None, error

    def _call(self, what: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(what)


def _settle(outcomes: list[Outcome]) -> None:
    for job, result, error in outcomes:
        if error is None:
            job.committed(result)
        if job.done.done():  # the one who waited was cancelled
            continue
        if error is None:
            job.done.set_result(result)
        else:
            job.done.set_exception(error)
