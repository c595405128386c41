"""The press: folds one channel's log into the library and makes what readers get of it.

Everything that is read comes from here: the frames of the stream, the snapshot of which the documents are made. There
is no other way from the log to a reader, so one machine and many run the same path.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from publisher.editions import PRINTINGS, Editions
from publisher.fanout import EncodedFrame
from publisher.render.jsonfeed import reset_document
from publisher.render.snapshot import Snapshot, Tombstone
from publisher.when import spoken_day, spoken_speed
from shared.event import ClockEvent, DeleteEvent, Position, PostEvent, ResetEvent, UpdateEvent
from shared.post import Author, ReplayFacts
from shared.sse import encode_frame
from shared.wire import Clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from publisher.fanout import Fanout
    from publisher.library import Filed, Shelf
    from publisher.log.contract import EventLog, Kind
    from publisher.projection import Projection
    from publisher.render.snapshot import Brand, Mode
    from shared.event import Logged, ResetReason
    from shared.post import Post

_MARKS: tuple[Kind, ...] = ("reset", "clock")
_KINDS: tuple[Kind, ...] = ("post", "update", "delete", *_MARKS)
SLICE = 100
"""Events pressed or encoded without a pause, so that a burst holds the loop for about 20 ms and no longer."""
RESETS = 16
"""Most encoded ``reset`` frames kept for readers to come: readers choose the tags, so there is no end of them."""

# What outlets add to a title when a story is over: it would tell a replay's reader how things end.
_CLOSING = re.compile(
    r"\s*(?:[-–—|:,]\s*|\()(?:as it happened|how it happened|as they happened|zum nachlesen|so lief[^|]*|"
    r"live coverage (?:has )?ended|closed|recap|highlights)\)?\s*$",
    re.IGNORECASE,
)

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATED = re.compile(
    rf"^(?:{_MONTH} [0-9]{{1,2}},? [0-9]{{4}}|[0-9]{{1,2}} {_MONTH} [0-9]{{4}})[ ,:–-]+(?=\S)", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class Billing:
    """How a channel is announced.

    Attributes:
        title: as the source has it.
        first_day: of the story; None for a channel that has no story yet.
        opened: when the channel was opened: an empty story's last change.
        began: story time of the first post; None for a channel that has no story yet.
        brand: who publishes.
        window: most posts that documents show.
    """

    title: str
    mode: Mode
    language: str | None
    first_day: date | None
    opened: datetime
    window: int = 100
    began: datetime | None = None
    brand: Brand | None = None


class Press:
    """One channel's press: what readers read is its ``editions``, and the frames that it gives to the fan-out."""

    def __init__(
        self,
        log: EventLog,
        shelf: Shelf,
        projection: Projection,
        billing: Billing,
        fanout: Fanout,
    ) -> None:
        self.shelf = shelf
        self.billing = billing
        self._log = log
        self._projection = projection
        self._fanout = fanout
        self.changed = billing.opened
        """When anything that documents show last changed: the newest event, or the start with new settings."""
        self.announced = billing.opened
        """When that which the page of one post shows of its channel last changed: with the clock, or at the start."""
        self.editions = Editions(PRINTINGS, self.snapshot, lambda: self.changed)
        self._projected: dict[str, tuple[int, Post]] = {}
        self._resets: dict[tuple[int, ResetReason, str | None], bytes] = {}

    async def catch_up(self) -> None:
        """File what the log holds and the library does not, without making frames of it."""
        oldest = await self._log.oldest()
        if self.shelf.head < oldest - 1:
            # The library lacks events that the log has forgotten. What it still knows is filed anew: the marks that
            # outlive pruning, then all the rest.
            self.shelf.clear()
            marks = [await self._log.latest(kind) for kind in _MARKS]
            pruned = [mark for mark in marks if mark is not None and mark.seq < oldest]
            self.shelf.file(sorted(pruned, key=lambda mark: mark.seq))
        while batch := await self._log.read(self.shelf.head, SLICE):
            self.shelf.file(batch)
            await asyncio.sleep(0)
        self._fanout.head = self._fanout.floor = self.shelf.head
        newest = await self._log.latest(*_KINDS)
        if newest is not None:
            self.changed = max(self.changed, newest.released_at)
        clock = await self._log.latest("clock")
        if clock is not None:
            self.announced = max(self.announced, clock.released_at)

    async def run(self) -> None:
        """Press what is appended, until the log is closed."""
        async for batch in self._log.tail(self.shelf.head):
            for first in range(0, len(batch), SLICE):
                self.press(batch[first : first + SLICE])
                await asyncio.sleep(0)

    def press(self, batch: Sequence[Logged]) -> None:
        """File a batch, make its frames and broadcast them."""
        frames: list[EncodedFrame] = []
        for logged in batch:
            was = self._tags_of(logged)
            self.shelf.file([logged])
            frames.append(self.frame(logged, was))
            self.changed = max(self.changed, logged.released_at)
            if isinstance(logged.event, ClockEvent):
                self.announced = max(self.announced, logged.released_at)
        self.editions.stale()
        self._fanout.broadcast(frames)

    async def frames_after(self, cursor: int) -> list[EncodedFrame]:
        """Give the next frames after ``cursor`` from the log, up to where the press stands.

        Empty if there are none that go on exactly there: at the head, or if what follows was pruned or reset, which
        may have happened while it was read. What tags a post had before is not known here, so an update that does not
        match a reader's tag goes out as a deletion, which is nothing to who never had the post.
        """
        page = await self._log.read(cursor, SLICE)
        whole = cursor >= await self._log.oldest() - 1
        reset = self.shelf.last_reset
        if not whole or (reset is not None and reset[0] > cursor):
            return []
        head = self.shelf.head
        return [self.frame(logged, was_unknown=True) for logged in page if logged.seq <= head]

    def frame(self, logged: Logged, was: frozenset[str] | None = None, *, was_unknown: bool = False) -> EncodedFrame:
        """Encode an event that is filed already; ``was`` are the post's tags before it."""
        position = str(logged.position)
        match logged.event:
            case PostEvent(post=post) | UpdateEvent(post=post):
                filed = self.shelf.find(post.id)
                first = filed.first_released if filed is not None else logged.released_at
                released = self._projection.post(
                    post,
                    logged.position,
                    first_released=first,
                    released=logged.released_at,
                    replay=self._replay_at(logged.seq),
                )
                body = released.to_json()
                tags = frozenset(post.tags)
                moved = logged.event.kind == "update" and was != tags
                return EncodedFrame(
                    logged.seq,
                    logged.event.kind,
                    encode_frame(logged.event.kind, body, position),
                    tags,
                    was,
                    removal=self._removal(logged, post.id) if moved else b"",
                    arrival=encode_frame("post", body, position) if moved else b"",
                    was_unknown=was_unknown,
                )
            case DeleteEvent(id=post_id):
                return EncodedFrame(
                    logged.seq, "delete", self._removal(logged, post_id), was=was, was_unknown=was_unknown
                )
            case ResetEvent(reason=reason):
                return EncodedFrame(logged.seq, "reset", self._reset(reason, position, None))
            case ClockEvent() as clock:
                return EncodedFrame(logged.seq, "clock", encode_frame("clock", clock_of(clock).to_json(), position))

    def reset_frame(self, reason: ResetReason, tag: str | None = None) -> bytes:
        """Give the ``reset`` that a reader who joins now begins with; encoded once for all who join here."""
        key = (self.shelf.head, reason, tag)
        if key not in self._resets:
            if len(self._resets) == RESETS or any(head != self.shelf.head for head, _, _ in self._resets):
                self._resets.clear()
            self._resets[key] = self._reset(reason, str(self.position), tag)
        return self._resets[key]

    @property
    def position(self) -> Position:
        """Tell where the press stands."""
        return Position(self._log.epoch, self.shelf.head)

    def snapshot(self) -> Snapshot:
        """Give what documents show now."""
        billing, shelf = self.billing, self.shelf
        clock = self.clock
        ended = clock is not None and clock.state == "ended"
        filed = shelf.window(billing.window)
        posts, complete = self._released_all(filed), shelf.count() <= billing.window
        deleted = self._tombstones(shelf.tombstones(billing.window))
        updated = shelf.changed or billing.opened
        if self._projection.timestamps == "original":
            updated = _newest(posts, deleted, updated)
        return Snapshot(
            address=self._projection.address,
            mode=billing.mode,
            title=self._title(over=ended),
            subtitle=self._subtitle(clock.speed if clock is not None else 1),
            language=billing.language,
            authors=_by_name(shelf.authors()),
            updated=updated,
            posts=posts,
            position=self.position,
            complete=complete,
            replay=self._replay_at(shelf.head),
            clock=clock_of(clock) if clock is not None else None,
            began=billing.began,
            brand=billing.brand,
            deleted=deleted,
            take=shelf.take,
            # The archive document that holds the post below the window. A window is as long as an archive document,
            # so this one is full: what is in none yet is always in the window.
            older=None if complete else (filed[-1].ordinal - 1) // billing.window + 1,
        )

    @property
    def archives(self) -> int:
        """Count the archive documents: so many times a window's length of posts were released first."""
        return self.shelf.releases // self.billing.window

    def archive(self, number: int) -> Snapshot:
        """Give what an archive document shows, by its number, from 1 to ``archives``.

        Nothing in it changes but by its own posts: it tells of no clock, and has the words of a title, authors and
        stamps that do not depend on what came later.
        """
        billing, shelf = self.billing, self.shelf
        filed = shelf.slot((number - 1) * billing.window, billing.window)
        posts = tuple(post for post in map(self._project, filed) if post is not None)
        deleted = self._tombstones([stone for stone in filed if stone.deleted])
        if self._projection.timestamps == "original":
            updated = _newest(posts, deleted, billing.opened)
        else:
            updated = max((entry.released for entry in filed), default=billing.opened)
        return Snapshot(
            address=self._projection.address,
            mode=billing.mode,
            title=self._title(over=False),
            subtitle=self._subtitle(1),
            language=billing.language,
            authors=_by_name(tuple(author for post in reversed(posts) for author in post.authors)),
            updated=updated,
            posts=posts,
            position=Position(self._log.epoch, max((entry.seq for entry in filed), default=0)),
            complete=False,
            replay=posts[0].newsreel.replay if posts else None,
            began=billing.began,
            brand=billing.brand,
            deleted=deleted,
            take=shelf.take,
            archive=number,
            older=number - 1 or None,
            # The next one is linked before it is full: that it became so is no change of this one.
            newer=number + 1 if number < self.archives or billing.mode != "archive" else None,
        )

    @property
    def clock(self) -> ClockEvent | None:
        """Give the replay's clock as it was last set; None where there is no replay, even if there was one before."""
        return self.shelf.clock if self.billing.mode == "replay" else None

    def released(self, filed: Filed) -> Post | None:
        """Give the released form of a post on the shelf, None of a deleted one."""
        seq, post = self._projected.get(filed.slug, (0, None))
        if seq != filed.seq:
            post = self._project(filed)
            if post is not None:
                self._projected[filed.slug] = (filed.seq, post)
        return post

    def _project(self, filed: Filed) -> Post | None:
        if filed.post is None:
            return None
        return self._projection.post(
            filed.post,
            Position(self._log.epoch, filed.seq),
            first_released=filed.first_released,
            released=filed.released,
            replay=self._replay_at(filed.seq),
        )

    def _tombstones(self, filed: Iterable[Filed]) -> tuple[Tombstone, ...]:
        return tuple(
            Tombstone(
                self._projection.deletion(
                    stone.slug,
                    stone.story_time,
                    Position(self._log.epoch, stone.seq),
                    stone.released,
                    self._replay_at(stone.seq),
                ),
                self._projection.dated(stone.story_time, stone.released),
            )
            for stone in filed
        )

    def _released_all(self, filed: Iterable[Filed]) -> tuple[Post, ...]:
        if len(self._projected) > 4 * self.billing.window:
            self._projected.clear()
        return tuple(post for post in map(self.released, filed) if post is not None)

    def _reset(self, reason: ResetReason, position: str, tag: str | None) -> bytes:
        snapshot = self.snapshot()
        if tag is not None:
            snapshot = replace(snapshot, posts=tuple(post for post in snapshot.posts if tag in post.tags))
        return encode_frame("reset", reset_document(snapshot, reason), position)

    def _removal(self, logged: Logged, post_id: str) -> bytes:
        deletion = self._projection.deletion(
            post_id, logged.event.story_time, logged.position, logged.released_at, self._replay_at(logged.seq)
        )
        return encode_frame("delete", deletion.to_json(), str(logged.position))

    def _replay_at(self, seq: int) -> ReplayFacts | None:
        clock = self.shelf.clock_at(seq) if self.billing.mode == "replay" else None
        return ReplayFacts(run=clock.run, speed=clock.speed) if clock is not None else None

    def _tags_of(self, logged: Logged) -> frozenset[str] | None:
        match logged.event:
            case UpdateEvent(post=post):
                filed = self.shelf.find(post.id)
            case DeleteEvent(id=post_id):
                filed = self.shelf.find(post_id)
            case _:
                return None
        return frozenset(filed.post.tags) if filed is not None and filed.post is not None else None

    def _title(self, *, over: bool) -> str:
        if self.billing.mode != "replay":
            return self.billing.title
        return f"{self.billing.title if over else _open_title(self.billing.title)} (replay)"

    def _subtitle(self, speed: float) -> str:
        billing = self.billing
        when = f" of {spoken_day(billing.first_day)}" if billing.first_day is not None else ""
        if billing.mode == "replay":
            return f"A replay of live coverage{when}{f', at {spoken_speed(speed)} its speed' if speed != 1 else ''}."
        return f"Live coverage{when}."


def _open_title(title: str) -> str:
    """Take from a title what was put there when the story was over: closing words, and the day of the last update."""
    return _DATED.sub("", _CLOSING.sub("", title)) or title


def _by_name(authors: tuple[Author, ...]) -> tuple[Author, ...]:
    """List each name once: where somebody was belongs to their posts."""
    return tuple({author.name: Author(name=author.name, url=author.url) for author in authors}.values())


def _newest(posts: Iterable[Post], deleted: Iterable[Tombstone], otherwise: datetime) -> datetime:
    """Give the newest date of the entries of a document, and of those that are gone."""
    dates = [*(post.date_modified or post.date_published for post in posts), *(stone.when for stone in deleted)]
    return max(dates, default=otherwise)


def clock_of(event: ClockEvent) -> Clock:
    """Give the stream's form of a clock event, as of the moment it was logged."""
    return Clock(state=event.state, speed=event.speed, story_time=event.story_time, run=event.run)
