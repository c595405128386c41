"""A snapshot: all that the documents of a channel show at one position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date, datetime

    from shared.event import Position
    from shared.post import Author, Post, ReplayFacts
    from shared.wire import Clock

Mode = Literal["live", "replay", "archive"]


@dataclass(frozen=True, slots=True)
class Address:
    """The public URLs of a channel. ``root`` is the URL of its page and ends in a slash.

    ``tag_prefix`` is what all ids of the channel begin with (RFC 4151): ``tag:AUTHORITY,DATE:CHANNEL``.
    ``hubs`` are the URLs of the WebSub hubs that push the channel's page and feeds; reruns and static sites have none.
    """

    root: str
    channel: str
    tag_prefix: str
    has_stream: bool = True
    hubs: tuple[str, ...] = ()

    @classmethod
    def of(cls, root: str, channel: str, authority: str, day: date, *, has_stream: bool = True) -> Address:
        """Make the address of a channel; ``day`` is the story's first."""
        return cls(root, channel, f"tag:{authority},{day.isoformat()}:{channel}", has_stream)

    @property
    def atom(self) -> str:
        """URL of the Atom feed."""
        return self.root + "feed.atom"

    @property
    def rss(self) -> str:
        """URL of the RSS feed."""
        return self.root + "feed.rss"

    @property
    def json(self) -> str:
        """URL of the JSON Feed."""
        return self.root + "feed.json"

    @property
    def events(self) -> str | None:
        """URL of the stream, None on a static site."""
        return self.root + "events" if self.has_stream else None

    def post(self, slug: str) -> str:
        """URL of one post."""
        return f"{self.root}posts/{slug}"

    def tag(self, slug: str) -> str:
        """Give the id of a post in documents and streams."""
        return f"{self.tag_prefix}/{slug}"


@dataclass(frozen=True, slots=True)
class Brand:
    """Who publishes: a name, and the URL of a logo."""

    name: str
    logo: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the documents show. ``posts`` are released (projected), newest first.

    Attributes:
        title: the channel's title, already labelled as a replay where it is one, without closing markers.
        subtitle: one sentence; says on replays that it is one, and of when.
        authors: of the posts that are out, in order of appearance.
        updated: newest change, deletions included; of an empty story the moment at which the channel was opened.
        position: where the log stood.
        complete: ``posts`` is the whole story so far, not only its newest part.
        clock: the replay's clock as it was last set, None where there is none.
        began: story time of the story's first post; None where that is not known.
    """

    address: Address
    mode: Mode
    title: str
    subtitle: str
    language: str | None
    authors: tuple[Author, ...]
    updated: datetime
    posts: tuple[Post, ...]
    position: Position
    complete: bool
    replay: ReplayFacts | None = None
    clock: Clock | None = None
    began: datetime | None = None
    brand: Brand | None = None
