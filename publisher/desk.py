"""The desk: what somebody writes to a live channel becomes an event of its log.

The log decides what is new: an append under a key that it knows answers with what it holds. So a post that is sent
again, to this process or to another one on the same log, is published once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from publisher.log.contract import Draft, StaleAppendError
from publisher.replay.conductor import take_back
from publisher.sources.minting import Mint
from publisher.sources.written import read_written
from shared.errors import NewsreelError, UsageError
from shared.event import ClockEvent, PostEvent, ResetEvent

if TYPE_CHECKING:
    from publisher.log.contract import EventLog
    from publisher.press import Press
    from shared.event import Logged
    from shared.post import Post

_TICK = timedelta(microseconds=1)
_NEVER = -1  # is no log's head


class TakenError(NewsreelError):
    """The id belongs to another post."""


class WrittenError(UsageError):
    """What was written to a live channel would be taken back for a source."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a live channel stands.

    Attributes:
        take: its number.
        moment: when the story began; of its day the ids are made.
        released: the newest release time.
    """

    take: int
    moment: datetime
    released: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """A post that is in the log, in its released form; ``fresh`` is False if it was there before."""

    post: Post
    slug: str
    fresh: bool


async def begin_live(log: EventLog, now: datetime) -> Beginning:
    """Take up a live channel where its log stands, or begin one: once, a ``clock`` says from when on it is live.

    An archive's posts stay; what a replay had let out is taken back.

    Raises:
        LogError: the log failed.
    """
    clock, reset = await log.latest("clock"), await log.latest("reset")
    newest = await log.latest("post", "update", "delete", "clock", "reset")
    released = max(now, newest.released_at + _TICK) if newest is not None else now
    if clock is not None and isinstance(clock.event, ClockEvent) and clock.event.state == "live":
        if reset is None:
            return Beginning(1, clock.event.story_time, released)
        if reset.seq < clock.seq and isinstance(reset.event, ResetEvent):
            return Beginning(reset.event.take, clock.event.story_time, released)
    take = await take_back(log, released, now)
    reset = await log.latest("reset")
    first = await log.read(reset.seq if reset is not None else 0, 1)
    story_time = first[0].event.story_time if first else now
    live = ClockEvent(state="live", speed=1, anchor=now, elapsed=0, story_time=story_time, run=1, reel="")
    # Another process may have begun it at the same time: what the log says counts.
    (begun,) = await log.append([Draft(f"take-{take}:live", released + _TICK, live)])
    return Beginning(take, begun.event.story_time, begun.released_at)


async def spare_written(log: EventLog, name: str) -> None:
    """See that a channel which is to show a source is none that was written to: a source is still there, posts are not.

    Raises:
        WrittenError: it is.
        LogError: the log failed.
    """
    clock, reset, post = [await log.latest(event) for event in ("clock", "reset", "post")]
    if clock is None or not isinstance(clock.event, ClockEvent) or clock.event.state != "live":
        return
    if post is not None and post.seq > clock.seq and (reset is None or reset.seq < clock.seq):
        raise WrittenError(
            f"channel {name}: the log holds posts that were written to it when it was live; give the source's channel "
            'another name, or another log (url in [log]), or set mode = "live"'
        )


class Desk:
    """Takes posts for one live channel."""

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
                draft = self._draft(post, now)
                (logged,) = await self._log.append([draft])
                if _is_new(draft, logged):
                    return await self._accepted(logged, post, fresh=True)

    async def _once(self, post: Post, now: datetime, *, dated: bool) -> Accepted:
        """Publish a post under its own id, or find that it was published before."""
        filed = self._press.shelf.find(post.id)
        if filed is not None and filed.post is None:
            raise TakenError(f"the post {post.id!r} was taken away; choose another id")
        draft = self._draft(post, now)
        try:
            # What is on the shelf must not come out again, even where the log has forgotten it.
            (logged,) = await self._log.append([draft], expect=None if filed is None else _NEVER)
        except StaleAppendError:
            if filed is None or filed.post is None:
                raise
            _compare(filed.post, post, dated=dated)
            return Accepted(self._press.scene.project(filed) or post, post.id, fresh=False)
        assert isinstance(logged.event, PostEvent)  # noqa: S101 the key is that of a first version
        _compare(logged.event.post, post, dated=dated)
        return await self._accepted(logged, logged.event.post, fresh=_is_new(draft, logged))

    async def _accepted(self, logged: Logged, post: Post, *, fresh: bool) -> Accepted:
        await self._press.reached(logged.seq)
        return Accepted(self._press.item(logged, post), post.id, fresh)

    def _draft(self, post: Post, now: datetime) -> Draft:
        # Release times of one channel are all different: readers sort by them, and Atom asks for distinct stamps.
        self._released = now = max(now, self._released + _TICK)
        return Draft(f"take-{self._take}:{post.id}:1", now, PostEvent(post=post))


def _is_new(draft: Draft, logged: Logged) -> bool:
    return logged.released_at == draft.released_at and logged.event == draft.event


def _compare(known: Post, post: Post, *, dated: bool) -> None:
    if known.digest != post.digest or (dated and known.story_time != post.story_time):
        raise TakenError(f"{post.id!r} is the id of another post; choose another, or leave it out to be given one")
