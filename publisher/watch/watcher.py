"""The watcher: looks at a source again and again, and tells on the channel what it says anew.

One of the processes over a log does, who holds the lock. What it knows it has from the channel; where somebody else
writes to that at the same time, it decides anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from publisher.intake import ON_THE_WEB
from publisher.log.contract import LogError, StaleAppendError
from publisher.log.opening import log_path
from publisher.measures import tally
from publisher.sources.opening import read
from publisher.sources.reading import SourceError
from publisher.watch.difference import difference
from publisher.watch.origin import FileOrigin, WebOrigin
from publisher.watch.recall import recall
from publisher.watch.remarks import Remarks
from shared.backoff import Backoff
from shared.errors import NewsreelError
from shared.fetch import FetchError
from shared.text import clean_line

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from datetime import datetime

    from publisher.desk import Desk
    from publisher.intake import Wanted
    from publisher.live import Beginning
    from publisher.lock import MachineLock
    from publisher.log.contract import EventLog
    from publisher.press import Press
    from publisher.sources.reading import Reading
    from publisher.watch.difference import Change, Known, Reach
    from publisher.watch.origin import Got, Origin

logger = logging.getLogger(__name__)

T = TypeVar("T")

Outcome = Literal["changed", "unchanged", "failed"]

GROUP = 100
"""Posts appended at once, so that a long page does not hold up whoever else appends."""
SETTLE = timedelta(seconds=2)
"""How long a file must lack a post, or be unreadable, before that is meant: editors write in two steps."""
LONGEST_SECONDS = 900.0
"""Longest wait after failures, unless the poll is longer or the server asks for more."""
SPREAD = 0.1
"""Share of the poll by which looks at a web page are spread, so that those of many do not fall together."""
_WHOLE = frozenset({"markdown", "jsonl"})


def watch_lock_path(log: str) -> str | None:
    """Tell the file of the lock that is held by who watches for a log's channels; None for a log in memory."""
    path = log_path(log)
    return None if path is None else path + ".watch.lock"


def origin_of(wanted: Wanted, home: str = "") -> Origin:
    """Tell where a source is to be looked for; ``home`` is the public address of the server that asks."""
    (source,) = wanted.sources
    if ON_THE_WEB.match(source):
        return WebOrigin(source, allow_private=wanted.allow_private, home=home)
    return FileOrigin(source)


class Watcher:
    """Keeps a live channel at what its source says.

    ``run`` is the loop for real time; ``look`` is its step, with the moment as an argument.

    Args:
        wanted: the one source, and how to read it.
        poll: how often to look at it.
        desk: that publishes what is new.
        log: of the channel.
        press: of the channel.
        beginning: how the channel was taken up.
        lock: held by the process that watches.
        origin: where the source is.
        named: the title is the channel's own, and not the source's to change.

    Attributes:
        source: as it was named.
        looks: how often it was looked at, by the outcome.
        succeeded: when that last went well; None if it never did.
        failing: since when it does not; None if it does.
    """

    def __init__(
        self,
        wanted: Wanted,
        poll: timedelta,
        desk: Desk,
        *,
        log: EventLog,
        press: Press,
        beginning: Beginning,
        lock: MachineLock,
        origin: Origin,
        named: bool = False,
    ) -> None:
        self.source = wanted.sources[0]
        self.looks: Counter[Outcome] = tally(Outcome)
        self.succeeded: datetime | None = None
        self.failing: datetime | None = None
        self._wanted = wanted
        self._poll = poll.total_seconds()
        self._desk = desk
        self._log = log
        self._press = press
        self._since = beginning.since
        self._lock = lock
        self._origin = origin
        self._named = named
        self._language = press.billing.language  # as it was set: a source's own does not beat it
        self._name = press.billing.title if named else ""
        self._backoff = Backoff(base=self._poll, longest=max(LONGEST_SECONDS, self._poll))
        self._reading: Reading | None = None
        self._told = True  # the reading is: what it says is out
        self._known: tuple[int, Known] | None = None
        self._broken: NewsreelError | None = None  # why what it says now cannot be read
        self._doubtful: dict[str, datetime] = {}  # what it lacks or has taken back, and since when
        self._due: datetime | None = None
        self._remarks = Remarks(press.scene.projection.address.channel, self.source)

    async def run(self, now: Callable[[], datetime]) -> None:
        """Watch for ever; ends only by cancellation."""
        bell = asyncio.Event()
        listening = asyncio.create_task(self._origin.listen(bell.set))
        try:
            while True:
                bell.clear()
                wait = await self.look(now)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await bell.wait()
        finally:
            listening.cancel()
            await asyncio.wait([listening])
            await self._origin.close()

    async def look(self, now: Callable[[], datetime], chance: Callable[[], float] = random.random) -> float:
        """Look at the source once, and publish what is new; tell how many seconds to wait before the next look."""
        holds = self._lock.take()
        if not holds and self._reading is not None:
            return self._poll  # another process watches; who knows for how long
        try:
            got = await self._origin.look()
            if got is not None:
                await self._read(got, now())
            if self._broken is not None:
                raise self._broken
            if holds:
                await self._tell(now)
        except (NewsreelError, OSError) as error:
            return self._failed(error, now(), chance())
        self._succeeded(now(), "changed" if got is not None else "unchanged")
        return self._rest(now(), chance())

    def _rest(self, now: datetime, chance: float) -> float:
        """Tell how long nothing is to be done."""
        if self._origin.local:
            wait = min(self._poll, SETTLE.total_seconds()) if self._doubtful else self._poll
        else:
            wait = max(self._poll, self._origin.rest) * (1 + SPREAD * chance)
        if self._due is not None:
            wait = min(wait, max((self._due - now).total_seconds(), 0.0))
        return wait

    # Reading.

    async def _read(self, got: Got, now: datetime) -> None:
        """Read what was got."""
        form = self._wanted.form
        if form is None and self._reading is not None and not self._origin.local:
            form = self._reading.format  # a page that fails in the dress of another format is not to be read in that
        options = replace(self._wanted.options, file_time=got.moment or now)
        self._broken = None
        try:
            reading = await _aside(got.name, partial(read, got.data, got.name, format=form, options=options))
        except NewsreelError as error:
            self._broken = error
            return
        self._reading, self._told = reading, False
        self._remarks.doubt(reading.doubts)
        header = reading.header
        title = self._name or header.title or self._press.billing.title
        language = self._language or header.language
        if (title, language) != (self._press.billing.title, self._press.billing.language):
            self._press.rename(title, language, now)

    # Telling.

    async def _tell(self, now: Callable[[], datetime]) -> None:
        """Publish what the reading says other than what is out.

        Raises:
            LogError: the log failed; what was not published still is to be.
        """
        reading = self._reading
        due = self._due is not None and self._due <= now()
        if reading is None or (self._told and not self._doubtful and not due):
            return
        moment = now()
        doubted = frozenset(slug for slug, since in self._doubtful.items() if moment - since >= SETTLE)
        while True:
            head, known = await self._find()
            reach = self._reach(reading)
            deciding = partial(difference, known, reading, moment, reach=reach, doubted=doubted)
            found = await _aside(self.source, deciding)
            self._remarks.doubt(found.doubts)
            try:
                head = await self._publish(found.changes, now, head)
            except StaleAppendError:
                continue  # somebody wrote to the channel: it is decided anew from there
            self._known = head, found.known
            break
        self._told, self._due = True, found.due
        self._doubtful = {slug: self._doubtful.get(slug, moment) for slug in found.doubtful}

    async def _publish(self, changes: tuple[Change, ...], now: Callable[[], datetime], head: int) -> int:
        """Publish in groups; give the log's head."""
        for first in range(0, len(changes), GROUP):
            head = await self._desk.tell(changes[first : first + GROUP], now(), head)
        return head

    def _reach(self, reading: Reading) -> Reach:
        if reading.format == "feed":
            return "stated"
        return "whole" if self._origin.local and reading.format in _WHOLE else "page"

    async def _find(self) -> tuple[int, Known]:
        """Find out what the channel has told."""
        shelf, head = self._press.shelf, await self._log.head()
        await self._press.reached(head)
        if shelf.head < head:
            raise LogError("the server is ending")
        if self._known is not None and self._known[0] == shelf.head:
            return self._known
        head, known = await recall(shelf, self._since)
        return head, replace(known, before=self._known[1].before if self._known is not None else {})

    # What came of it.

    def _failed(self, error: Exception, now: datetime, chance: float) -> float:
        """Say what is wrong, once; tell how long to wait."""
        self.looks["failed"] += 1
        self.failing = self.failing or now
        self._backoff = self._backoff.failed()
        asked = error.retry_after if isinstance(error, FetchError) else None
        if self._origin.local and not isinstance(error, LogError):
            wait = min(self._poll, SETTLE.total_seconds()) if self._backoff.failures == 1 else self._poll
        else:
            wait = max(self._backoff.wait(chance, asked), self._poll)
        if not self._origin.local or self._backoff.failures > 1:
            self._remarks.complain(clean_line(str(error)))
        return wait

    def _succeeded(self, now: datetime, outcome: Outcome) -> None:
        self._remarks.settle()
        self.looks[outcome] += 1
        self.succeeded, self.failing = now, None
        self._backoff = self._backoff.healthy()


async def _aside(name: str, work: Callable[[], T]) -> T:
    """Work on a source in a thread: the heart of the loop must go on beating.

    Raises:
        NewsreelError: as the work does; of a fault in it, too: a page of somebody else's shall end no server.
    """
    try:
        return await asyncio.to_thread(work)
    except NewsreelError:
        raise
    except Exception as error:
        logger.debug("reading %s", name, exc_info=True)
        what = f"cannot be read, a fault of newsreel ({type(error).__name__}: {clean_line(str(error))[:200]})"
        raise SourceError.at(name, None, what) from None
