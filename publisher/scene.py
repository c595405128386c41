"""A scene: a view of a channel, and how it is shown. What documents and stream show of a post is projected here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from publisher.render.snapshot import Snapshot, Tombstone
from publisher.when import spoken, spoken_day, spoken_speed
from shared.event import Position
from shared.post import Author, ReplayFacts
from shared.wire import Clock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from publisher.library import Filed, Shelf
    from publisher.projection import Projection
    from publisher.render.snapshot import Brand, Mode
    from shared.event import ClockEvent
    from shared.post import Post
    from shared.wire import Deletion

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

    @property
    def open_title(self) -> str:
        """The title without what was put there when the story was over: closing words, the day of the last update."""
        return _DATED.sub("", _CLOSING.sub("", self.title)) or self.title

    @property
    def of_when(self) -> str:
        """Say of which day the coverage is, with a leading space; empty where that is not known."""
        return f" of {spoken_day(self.first_day)}" if self.first_day is not None else ""


class View(Protocol):
    """What a scene asks: a shelf, now or as it stood (``publisher.library``)."""

    @property
    def head(self) -> int: ...  # noqa: D102
    @property
    def changed(self) -> datetime | None: ...  # noqa: D102
    @property
    def releases(self) -> int: ...  # noqa: D102
    def window(self, size: int) -> list[Filed]: ...  # noqa: D102
    def find(self, slug: str) -> Filed | None: ...  # noqa: D102
    def slot(self, first: int, size: int) -> list[Filed]: ...  # noqa: D102
    def tombstones(self, size: int) -> list[Filed]: ...  # noqa: D102
    def authors(self) -> tuple[Author, ...]: ...  # noqa: D102


class Scene:
    """A channel as it stands now. Others stand at another moment, or date things otherwise: they override parts."""

    def __init__(self, shelf: Shelf, billing: Billing, projection: Projection, epoch: str) -> None:
        self.shelf = shelf
        self.billing = billing
        self.projection = projection
        self.epoch = epoch

    # What others override.

    @property
    def view(self) -> View:
        """What stands."""
        return self.shelf

    @property
    def take(self) -> int:
        """Tell which take of the channel it is."""
        return self.shelf.take

    def moments(self, filed: Filed) -> tuple[datetime, datetime]:
        """Tell when a post was first let out, and when this version of it was."""
        return filed.first_released, filed.released

    def replay_at(self, seq: int) -> ReplayFacts | None:
        """Tell what is said of an event's replay."""
        clock = self.shelf.clock_at(seq) if self.billing.mode == "replay" else None
        return ReplayFacts(run=clock.run, speed=clock.speed) if clock is not None else None

    @property
    def changed(self) -> datetime:
        """Tell when what it shows last changed."""
        return self.view.changed or self.billing.opened

    @property
    def modified(self) -> datetime:
        """Tell when its documents may last have become others: it changed, or the channel was opened anew.

        What documents say does not depend on the latter, so that they are the same after a restart, and on other nodes.
        """
        return max(self.changed, self.billing.opened)

    @property
    def set_clock(self) -> ClockEvent | None:
        """Give the replay's clock as it was last set; None where there is no replay, even if there was one before."""
        return self.shelf.clock if self.billing.mode == "replay" else None

    @property
    def clock(self) -> Clock | None:
        """Give the same in the form of documents, which must not change while nothing else does."""
        return clock_of(self.set_clock) if self.set_clock is not None else None

    @property
    def over(self) -> bool:
        """Tell whether the coverage has ended, and all of it is out."""
        return self.billing.mode == "archive" or (self.clock is not None and self.clock.state == "ended")

    def title(self, *, over: bool) -> str:
        """Word the title; until a replay is ``over`` it does not tell that the story ever ended."""
        if self.billing.mode != "replay":
            return self.billing.title
        return f"{self.billing.title if over else self.billing.open_title} (replay)"

    def subtitle(self, speed: float) -> str:
        """Word the subtitle."""
        if self.billing.mode == "replay":
            paced = f", at {spoken_speed(speed)} its speed" if speed != 1 else ""
            starts = self.clock.starts if self.clock is not None else None
            begins = f" It begins {spoken(starts)}." if starts is not None else ""
            return f"A replay of live coverage{self.billing.of_when}{paced}.{begins}"
        return f"Live coverage{self.billing.of_when}."

    # What is shown.

    def position(self, seq: int) -> Position:
        """Name the position of an event."""
        return Position(self.epoch, seq)

    def project(self, filed: Filed) -> Post | None:
        """Give the released form of a post, None of a deleted one."""
        if filed.post is None:
            return None
        first, released = self.moments(filed)
        return self.projection.post(
            filed.post,
            self.position(filed.seq),
            first_released=first,
            released=released,
            replay=self.replay_at(filed.seq),
        )

    def deletion(self, filed: Filed) -> Deletion:
        """Give the released form of a deletion."""
        _, released = self.moments(filed)
        return self.projection.deletion(
            filed.slug, filed.story_time, self.position(filed.seq), released, self.replay_at(filed.seq)
        )

    def snapshot(self) -> Snapshot:
        """Give what documents show."""
        billing, view, clock = self.billing, self.view, self.clock
        filed = view.window(billing.window + 1)  # one more tells whether there are more
        complete = len(filed) <= billing.window
        filed = filed[: billing.window]
        posts = self.projected(filed)
        stones = view.tombstones(billing.window)
        return Snapshot(
            address=self.projection.address,
            mode=billing.mode,
            title=self.title(over=clock is not None and clock.state == "ended"),
            subtitle=self.subtitle(clock.speed if clock is not None else 1),
            language=billing.language,
            authors=_by_name(view.authors()),
            updated=self._updated(posts, stones, self.changed),
            posts=posts,
            position=self.position(view.head),
            complete=complete,
            replay=self.replay_at(view.head),
            clock=clock,
            began=billing.began,
            over=self.over,
            brand=billing.brand,
            deleted=self._tombstones(stones),
            take=self.take,
            # The archive document that holds the post below the window. A window is as long as an archive document,
            # so this one is full: what is in none yet is always in the window.
            older=None if complete else (filed[-1].ordinal - 1) // billing.window + 1,
        )

    @property
    def archives(self) -> int:
        """Count the archive documents: so many times a window's length of posts were released first."""
        return self.view.releases // self.billing.window

    def archive(self, number: int) -> Snapshot:
        """Give what an archive document shows, by its number, from 1 to ``archives``.

        Nothing in it changes but by its own posts: it tells of no clock, and has the words of a title, authors and
        stamps that do not depend on what came later.
        """
        billing = self.billing
        filed = self.view.slot((number - 1) * billing.window, billing.window)
        posts = self.projected(filed)
        stones = [stone for stone in filed if stone.deleted]
        last = max((self.moments(entry)[1] for entry in filed), default=billing.opened)
        return Snapshot(
            address=self.projection.address,
            mode=billing.mode,
            title=self.title(over=False),
            subtitle=self.subtitle(1),
            language=billing.language,
            authors=_by_name(tuple(author for post in reversed(posts) for author in post.authors)),
            updated=self._updated(posts, stones, last),
            posts=posts,
            position=self.position(max((entry.seq for entry in filed), default=0)),
            complete=False,
            replay=posts[0].newsreel.replay if posts else None,
            began=billing.began,
            brand=billing.brand,
            deleted=self._tombstones(stones),
            take=self.take,
            archive=number,
            older=number - 1 or None,
            # The next one is linked before it is full: that it became so is no change of this one.
            newer=number + 1 if number < self.archives or billing.mode != "archive" else None,
        )

    def projected(self, filed: Iterable[Filed]) -> tuple[Post, ...]:
        """Give the released form of those of the entries that are posts."""
        return tuple(post for post in map(self.project, filed) if post is not None)

    def _tombstones(self, filed: Iterable[Filed]) -> tuple[Tombstone, ...]:
        return tuple(Tombstone(self.deletion(stone), self._dated(stone)) for stone in filed)

    def _dated(self, stone: Filed) -> datetime:
        return self.projection.dated(stone.story_time, self.moments(stone)[1])

    def _updated(self, posts: Iterable[Post], stones: Iterable[Filed], released: datetime) -> datetime:
        """Date a document: by its newest release, or on the axis of its entries' dates."""
        if self.projection.timestamps == "shifted":
            return released
        dates = [*(post.date_modified or post.date_published for post in posts), *map(self._dated, stones)]
        return max(dates, default=released)


def _by_name(authors: tuple[Author, ...]) -> tuple[Author, ...]:
    """List each name once: where somebody was belongs to their posts."""
    return tuple({author.name: Author(name=author.name, url=author.url) for author in authors}.values())


def clock_of(event: ClockEvent) -> Clock:
    """Give the stream's form of a clock event, as of the moment it was logged."""
    return Clock(state=event.state, speed=event.speed, story_time=event.story_time, run=event.run, starts=event.starts)
