"""Following a story: stream first, a polled feed where there is no stream, resuming always.

Whatever comes (an event, a window, a look at a feed) is compared with what was shown, becomes updates, and is written
into the bookmark before the first of them is given out. So no disconnection, reset or crash loses or repeats a post.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError

from shared.backoff import Backoff
from shared.errors import UsageError
from shared.fetch import FetchError, open_session
from shared.item import BadItemError
from shared.syndication import NotAFeedError, read_json_feed
from shared.text import clean_line
from shared.wire import ATOM
from subscriber.bookmark import Bookmark, Coming
from subscriber.changes import KNOWN_EVENTS, Changes, from_event, from_window, is_gap, read_data
from subscriber.discover import discover
from subscriber.history import walk
from subscriber.poll import INTERVAL_SECONDS, Poll
from subscriber.rerun import rerun_of
from subscriber.status import Status
from subscriber.stream import SILENCE_SECONDS, NotAStreamError, Stream
from subscriber.update import Update

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

    import aiohttp

    from shared.sse import Frame
    from shared.syndication import Entry, Feed
    from shared.wire import Clock
    from subscriber.discover import Channel
    from subscriber.rerun import Rerun
    from subscriber.status import State

logger = logging.getLogger(__name__)

HEALTHY_SECONDS = 60.0
"""A connection that lived this long was a good one, even if the story was silent."""
MISSING_SECONDS = 120.0
"""What worked may answer 404 for so long: a server that is being replaced does. Then it is gone."""
MOST_DOUBTS = 1000
"""So many lines are remembered, lest one is told twice."""
_NO_STREAM = frozenset({404, 405, 406, 501})


class Follower:
    """Follows one story; an asynchronous iterator of updates, to be iterated once.

    Errors that a person can mend (NewsreelError) end the iteration; what passes is waited out and tried again.
    """

    def __init__(
        self,
        url: str,
        *,
        poll: bool = False,
        state: Path | None = None,
        once: bool = False,
        until_end: bool = False,
        rerun: Rerun | None = None,
        interval: float = INTERVAL_SECONDS,
        silence: float = SILENCE_SECONDS,
        session: aiohttp.ClientSession | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.url = url
        self._page = url
        self._rerun = rerun
        self.status = Status()
        self._poll_only = poll
        self._state = state
        self._once = once
        self._until_end = until_end
        self._interval = interval
        self._silence = silence
        self._given_session = session
        self._chance = chance
        self._ended = False
        self._missing_since: float | None = None
        self._run: int | None = None
        self._told: set[str] = set()
        self._channel: Channel
        self._bookmark: Bookmark
        self._session: aiohttp.ClientSession

    def __aiter__(self) -> AsyncIterator[Update]:
        return self.updates()

    async def updates(self) -> AsyncGenerator[Update, None]:
        """Give the updates; a generator that can be closed (``contextlib.aclosing``) to leave at once."""
        async with AsyncExitStack() as open_things:
            if self._rerun is not None:
                known = Bookmark.followed(self._state) if self._state is not None else []
                self.url = self._rerun.fixed(self._page, datetime.now(UTC), known)
            self._bookmark = open_things.enter_context(Bookmark(self._state, self.url))
            if self._given_session is None:
                self._session = await open_things.enter_async_context(open_session())
            else:
                self._session = self._given_session
            while (update := self._bookmark.next) is not None:  # left over from a crash
                yield update
                self._bookmark.took()
            self._channel = await self._find()
            self.status.title, self.status.stream = self._channel.title, self._channel.stream
            async with aclosing(self._steps()) as steps:
                async for _ in steps:
                    while (update := self._bookmark.next) is not None:
                        yield update
                        self._bookmark.took()
                    if self._ended and self._until_end:
                        break
            self.status.state = "over"

    async def _find(self) -> Channel:
        backoff = Backoff()
        while True:
            try:
                channel = await discover(self._session, self._page)
            except FetchError as error:
                # At the first contact only a server that answers is waited for: an address may just be wrong.
                if not error.passing or error.status is None:
                    raise
                await self._wait(backoff, error)
                backoff = backoff.failed()
            else:
                return channel if self._rerun is None else rerun_of(channel, self.url)

    async def _steps(self) -> AsyncGenerator[None, None]:
        """Give control back whenever the bookmark was told of something."""
        channel = self._channel
        if channel.stream is not None and not self._poll_only:
            try:
                async with aclosing(self._stream_steps(channel.stream)) as steps:
                    async for _ in steps:
                        yield
            except (FetchError, NotAStreamError) as error:
                refused = isinstance(error, NotAStreamError) or error.status in _NO_STREAM
                if not refused or channel.best_feed is None or channel.stream == self.url:
                    raise
                logger.warning("%s; polling %s instead", error, channel.best_feed)
            else:
                return
        url = channel.best_feed or await self._feed_of_stream()
        async with aclosing(self._poll_steps(url)) as steps:
            async for _ in steps:
                yield

    # Streaming.

    async def _stream_steps(self, url: str) -> AsyncGenerator[None, None]:
        backoff, worked = Backoff(), False
        while True:
            stream = Stream(
                self._session, url, after="" if self._once else self._bookmark.position, silence=self._silence
            )
            before, begun, failure = self._bookmark.position, self._now(), None
            try:
                async with aclosing(stream.frames()) as reads:
                    async for frames in reads:
                        self._be("streaming", "following the stream %s", url)
                        worked, self._missing_since = True, None
                        for frame in frames:
                            await self._take(frame, url)
                            yield
                            if self._once and frame.event == "reset":
                                return
                        if stream.last_event_id != self._bookmark.position and not self._once:
                            self._bookmark.expect((), stream.last_event_id)
            except (FetchError, NotAStreamError) as error:
                if not self._passes(error, worked=worked):
                    raise
                failure = error
            if stream.over or (self._once and failure is None):
                logger.info("the stream %s is over", url)
                return
            brought = self._bookmark.position != before or self._now() - begun > HEALTHY_SECONDS
            backoff = (backoff.healthy() if brought else backoff.failed()).starting_from(stream.retry)
            await self._wait(backoff, failure or f"the server ended {url}")

    async def _take(self, frame: Frame, url: str) -> None:
        """Tell the bookmark what follows from one event."""
        if frame.event not in KNOWN_EVENTS:
            self._bookmark.expect((), frame.id)
            return
        try:
            data = read_data(frame)
            if frame.event == "reset":
                feed = await asyncio.to_thread(read_json_feed, data, url)
                await self._take_window(feed, frame.id, reset=Update("reset", frame.id or None, feed.head))
                self._ended = _is_archive(feed)  # of a replay's end tells the clock that follows
                return
            changes = from_event(frame, data, url, self._bookmark)
        except (BadItemError, NotAFeedError, ValidationError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            place = clean_line(frame.id)[:80] or "no position"
            self._doubt(f"{url}: a bad {frame.event} at {place}: {reason}; passed over")
            changes = Changes(())
        self._bookmark.expect(changes.coming, frame.id)
        if frame.event == "clock" and changes.coming:
            self._set_clock(changes.coming[0].update.clock())

    async def _feed_of_stream(self) -> str:
        """Ask a stream for its feed: its first ``reset`` names it."""
        stream = Stream(self._session, str(self._channel.stream), silence=self._silence)
        async with aclosing(stream.frames()) as reads:
            async for frames in reads:
                for frame in frames:
                    url = read_data(frame).get("feed_url") if frame.event == "reset" else None
                    if isinstance(url, str):
                        return url
                if frames:
                    break
        raise UsageError(f"{self.url} names no feed to poll; give the address of one, or leave out --poll")

    # Polling.

    async def _poll_steps(self, url: str) -> AsyncGenerator[None, None]:
        poll = Poll(self._session, url, interval=self._interval)
        backoff = Backoff(base=max(self._interval, 0.001))
        looked = False
        while True:
            try:
                feed = await poll.look()
                if feed is not None:
                    await self._take_look(feed)
            except (FetchError, NotAFeedError) as error:
                if not self._passes(error, worked=looked):
                    raise
                poll.forget()
                await self._wait(backoff, error)
                backoff = backoff.failed()
                continue
            looked, backoff, self._missing_since = True, backoff.healthy(), None
            self._be("polling", "polling %s", url)
            yield
            if self._once:
                return
            await asyncio.sleep(poll.pause)

    async def _take_look(self, feed: Feed) -> None:
        facts = feed.newsreel or {}
        replay = facts.get("replay")
        run = replay.get("run") if isinstance(replay, dict) else None
        reset = None
        if isinstance(run, int) and self._run is not None and run > self._run:
            reset = Update("reset", None, {**feed.head, "_newsreel": {**facts, "reason": "loop"}})
        clock = self._new_clock(facts.get("clock"))
        await self._take_window(feed, self._bookmark.position, reset=reset, clock=clock)
        self._run = run if isinstance(run, int) else self._run
        if clock is not None:
            self._set_clock(clock.clock())
        self._ended = self._ended or feed.expired or _is_archive(feed)

    def _new_clock(self, told: object) -> Update | None:
        """Make a ``clock`` of what a feed says, if it says something new."""
        try:
            update = Update("clock", None, told) if isinstance(told, dict) else None
            return update if update and update.clock() != self.status.clock else None
        except ValidationError:
            return None

    # Both.

    async def _take_window(
        self, feed: Feed, position: str, *, reset: Update | None, clock: Update | None = None
    ) -> None:
        """Tell the bookmark what lies between what was shown and what a window shows."""
        if self._rerun is not None and (feed.newsreel or {}).get("replay") is None:
            raise UsageError(f"{self._page} takes no reruns: no newsreel serves it; leave out --rerun")
        for doubt in feed.doubts:
            self._doubt(doubt)
        self.status.title = feed.title or self.status.title
        older: list[Entry] = []
        if is_gap(feed, reset, self._bookmark):
            known = self._bookmark.digests().keys() - self._bookmark.unplaced()
            older = await walk(self._session, feed, known, self._channel.feeds.get(ATOM))
            tag = parse_qs(urlsplit(self.url).query).get("tag")
            older = [entry for entry in older if not tag or tag[0] in entry.post.tags]
        changes = from_window(feed, older, reset, self._bookmark)
        coming = (*changes.coming, Coming(clock)) if clock else changes.coming
        self._bookmark.expect(coming, position, window=changes.window, forget=changes.forget)

    def _set_clock(self, clock: Clock) -> None:
        self.status.clock, self.status.clock_seen = clock, self._now()
        self._ended = clock.state == "ended"

    def _passes(self, error: FetchError | NotAStreamError | NotAFeedError, *, worked: bool) -> bool:
        """Tell whether it passes: once it ``worked``, also a page ("back in a minute"), and 404 for a while."""
        if not isinstance(error, FetchError):
            return worked
        if not worked or error.status != HTTPStatus.NOT_FOUND:
            return error.passing
        if self._missing_since is None:
            self._missing_since = self._now()
        return self._now() - self._missing_since < MISSING_SECONDS

    def _be(self, state: State, note: str, *about: object) -> None:
        if self.status.state != state:
            self.status.state = state
            logger.info(note, *about)

    def _doubt(self, line: str) -> None:
        if len(self._told) > MOST_DOUBTS:
            self._told.clear()
        if line not in self._told:
            self._told.add(line)
            logger.warning("%s", line)

    async def _wait(self, backoff: Backoff, reason: object) -> None:
        asked = reason.retry_after if isinstance(reason, FetchError) else None
        seconds = backoff.wait(self._chance(), asked)
        self.status.state, self.status.waiting_until = "waiting", self._now() + seconds
        logger.info("%s; trying again in %.1f s", reason, seconds)
        await asyncio.sleep(seconds)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _is_archive(feed: Feed) -> bool:
    return feed.newsreel is not None and feed.newsreel.get("mode") == "archive"
