"""The desk: what somebody writes to a live channel becomes an event of its log.

The log decides what is new: an append under a key that it knows answers with what it holds. So a post that is sent
again, to this process or to another one on the same log, is published once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from publisher.log.contract import Draft, LogError, StaleAppendError
from publisher.moments import TICK
from publisher.replay.takes import take_key
from publisher.sources.minting import Mint
from publisher.sources.written import read_addressed, read_written
from shared.errors import NewsreelError
from shared.event import DeleteEvent, PostEvent, UpdateEvent
from shared.item import BadItemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from publisher.live import Beginning
    from publisher.log.contract import EventLog
    from publisher.press import Press
    from publisher.sources.written import Written
    from shared.event import Event, Logged
    from shared.post import Post
    from shared.wire import Deletion

    Condition = Callable[[Post | None], None]

_NEVER = -1  # is no log's head


class TakenError(NewsreelError):
    """The id belongs to another post."""


class GoneError(NewsreelError):
    """The post was taken away."""


class NoPostError(NewsreelError):
    """There is no such post."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A post that is in the log, in its released form; ``fresh`` is False if it was there before."""

    post: Post
    slug: str
    fresh: bool


class Desk:
    """Writes one live channel.

    The versions of a post are numbered, its withdrawal as the last of them, and the number is in the key of its event.
    So of two who change a post at the same time, here or in another process, one comes first, and the other decides
    anew from there.
    """

    def __init__(self, log: EventLog, press: Press, beginning: Beginning) -> None:
        self._log = log
        self._press = press
        self._take = beginning.take
        self._released = beginning.released

    async def post(self, item: object, now: datetime) -> Accepted:
        """Publish a JSON Feed item, once; give it back when it is durable and readers can see it.

        Args:
            item: decoded JSON. Its story time is its ``date_published``, else ``now``. Without an id it gets one, and
                is then a new post each time that it is sent.
            now: zone-aware.

        Raises:
            BadItemError: no post can be made of it.
            TakenError: its id is that of another post, or of one with other content.
            LogError: the log failed.
        """
        written = read_written(item, now)
        post = written.post
        if written.named:
            return await self._once(post, now, dated=written.dated)
        mint = Mint()
        while True:  # each turn tries the next ordinal
            post = post.model_copy(update={"id": mint.id(post.story_time, post.title or post.content_text)})
            if self._press.shelf.find(post.id) is None:
                logged, fresh = await self._append(post.id, 1, PostEvent(post=post), now)
                if fresh:
                    return Accepted(self._press.framing.item(logged, post), post.id, fresh=True)

    async def _once(self, post: Post, now: datetime, *, dated: bool) -> Accepted:
        """Publish a post under its own id, or find that it was published before."""
        filed = self._press.shelf.find(post.id)
        if filed is not None and filed.post is None:
            raise TakenError(f"the post {post.id!r} was taken away; choose another id")
        event = PostEvent(post=post)
        try:
            # What is on the shelf must not come out again, even where the log has forgotten it.
            logged, fresh = await self._append(post.id, 1, event, now, expect=None if filed is None else _NEVER)
        except StaleAppendError:
            if filed is None or filed.post is None:
                raise
            _compare(filed.post, post, dated=dated)
            return Accepted(self._press.scene.project(filed) or post, post.id, fresh=False)
        assert isinstance(logged.event, PostEvent)  # noqa: S101 the key is that of a first version
        _compare(logged.event.post, post, dated=dated)
        return Accepted(self._press.framing.item(logged, logged.event.post), post.id, fresh=fresh)

    async def put(self, slug: str, item: object, now: datetime, may: Condition) -> Accepted:
        """See that a post says what ``item`` says: revise it, or publish it where there is none; nothing if it does.

        A revision is the whole new version; it keeps the post's date, and is dated by its ``date_modified`` where that
        is later than the version before, else by ``now``.

        Args:
            slug: the post's id.
            item: as for ``post``; an id of its own must be this one.
            now: zone-aware.
            may: called with the released form of the post as it stands (None: there is none) before it is changed;
                raises where it shall not be.

        Raises:
            BadItemError: no post can be made of it.
            GoneError: the post was taken away.
            LogError: the log failed.
        """
        filed = self._press.shelf.find(slug)
        written = read_addressed(item, slug, now, derived=filed.post.heading if filed and filed.post else "")
        number = 1
        while True:
            filed = self._press.shelf.find(slug)
            standing = self._press.scene.project(filed) if filed is not None else None
            event: Event
            if filed is None:
                event = PostEvent(post=written.post)
            elif filed.post is None or standing is None:
                raise GoneError(f"the post {slug!r} was taken away; publish what it said under another id")
            else:
                number = max(number, filed.post.revision + 1)
                event = UpdateEvent(post=_revised(filed.post, written, number, now))
                if filed.post.digest == event.post.digest:
                    return Accepted(standing, slug, fresh=False)
            may(standing)
            logged, fresh = await self._append(slug, number, event, now)
            if fresh:
                return Accepted(self._press.framing.item(logged, event.post), slug, fresh=filed is None)
            if filed is None or logged.seq <= filed.seq:
                number += 1  # that number was given long ago: a source had its own order

    async def withdraw(self, slug: str, now: datetime, may: Condition) -> Deletion:
        """Take a post away for good, from whatever is read; give its deletion, also where it was withdrawn already.

        What a source had deleted is withdrawn, too: until then reruns and ``?at=`` show it.

        Args:
            slug: the post's id.
            now: zone-aware.
            may: as for ``put``.

        Raises:
            NoPostError: there never was such a post.
            LogError: the log failed.
        """
        number = 1
        while True:
            filed = self._press.shelf.find(slug)
            if filed is None:
                raise NoPostError(f"there is no post {slug[:80]!r}")
            if filed.post is not None:
                number = max(number, filed.post.revision + 1)
            elif self._press.shelf.withdrew(slug):
                await self._press.shelf.wiped()
                return self._press.scene.deletion(filed)
            may(self._press.scene.project(filed))
            event = DeleteEvent(id=slug, story_time=now, withdrawn=True)
            logged, _ = await self._append(slug, number, event, now)
            if logged.seq <= filed.seq:
                number += 1

    async def tell(self, changes: Iterable[tuple[str, int, Event]], now: datetime, expect: int) -> int:
        """Publish what a watched source says, as one group; give the log's head when readers can see it.

        Args:
            changes: of each the post's id, the number of the version that it brings, and the event.
            now: zone-aware.
            expect: where the log's head was when it was decided.

        Raises:
            StaleAppendError: somebody else has appended since; nothing was.
            LogError: the log failed.
        """
        logged = await self._log.append([self._draft(*change, now) for change in changes], expect=expect)
        await self._press.reached(logged[-1].seq)
        return logged[-1].seq

    async def _append(
        self, slug: str, number: int, event: Event, now: datetime, expect: int | None = None
    ) -> tuple[Logged, bool]:
        """Append one event, and wait until readers can see it, or the one that has its key; tell whether it is new."""
        draft = self._draft(slug, number, event, now)
        (logged,) = await self._log.append([draft], expect=expect)
        await self._press.reached(logged.seq)
        if self._press.shelf.head < logged.seq:
            raise LogError(f"{draft.key} is in the log, but the server is ending, so that nobody sees it yet")
        return logged, logged.released_at == draft.released_at and logged.event == draft.event

    def _draft(self, slug: str, number: int, event: Event, now: datetime) -> Draft:
        # Release times of one channel are all different: readers sort by them, and Atom asks for distinct stamps.
        self._released = now = max(now, self._released + TICK)
        return Draft(take_key(self._take, f"{slug}:{number}"), now, event)


def _compare(known: Post, post: Post, *, dated: bool) -> None:
    if known.digest != post.digest or (dated and known.story_time != post.story_time):
        raise TakenError(
            f"{post.id!r} is the id of another post; choose another, or leave it out to be given one, or PUT to the "
            "post's own address to revise it"
        )


def _revised(known: Post, written: Written, number: int, now: datetime) -> Post:
    """Make the next version of a post.

    Raises:
        BadItemError: it has another date.
    """
    post = written.post
    if written.dated and post.story_time != known.story_time:
        raise BadItemError(
            f"date_published: a revision keeps the date of its post, {known.story_time.isoformat()}; leave it out"
        )
    last = known.date_modified or known.story_time
    # What somebody fetched, changed and sends back has the date of the version before.
    changed = post.date_modified if post.date_modified and post.date_modified > last else max(now, last)
    facts = post.newsreel.model_copy(update={"story_time": known.story_time, "revision": number})
    return post.model_copy(update={"date_published": known.date_published, "date_modified": changed, "newsreel": facts})
