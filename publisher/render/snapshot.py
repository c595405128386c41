"""A snapshot: all that the documents of a channel show at one position."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from datetime import date, datetime

    from shared.event import Position
    from shared.post import Author, Post, ReplayFacts
    from shared.wire import Clock, Deletion

Form = Literal["atom", "rss", "json"]
"""A format of feeds, by the ending of its path."""
FORMS: tuple[Form, ...] = get_args(Form)
Mode = Literal["live", "replay", "archive"]

_DNS_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DNS_NAME = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """The public URLs of a channel, or of a rerun of it. ``root`` is what they all begin with; it ends in a slash.

    ``tag_prefix`` is what all ids of the channel begin with (RFC 4151): ``tag:AUTHORITY,DATE:CHANNEL``.
    ``hubs`` are the URLs of the WebSub hubs that push the channel's page and feeds; reruns and static sites have none.
    ``query`` is what every URL ends with, from the question mark on: the parameters of a rerun.
    """

    root: str
    channel: str
    tag_prefix: str
    has_stream: bool = True
    hubs: tuple[str, ...] = ()
    query: str = ""

    @classmethod
    def of(cls, root: str, channel: str, authority: str, day: date, *, has_stream: bool = True) -> Address:
        """Make the address of a channel; ``day`` is the story's first, ``authority`` the host by which it is known."""
        return cls(root, channel, f"tag:{_authority(authority)},{day.isoformat()}:{channel}", has_stream)

    @property
    def page(self) -> str:
        """URL of the page."""
        return self.root + self.query

    @property
    def atom(self) -> str:
        """URL of the Atom feed."""
        return self.feed("atom")

    @property
    def rss(self) -> str:
        """URL of the RSS feed."""
        return self.feed("rss")

    @property
    def json(self) -> str:
        """URL of the JSON Feed."""
        return self.feed("json")

    def feed(self, form: Form) -> str:
        """URL of a feed."""
        return f"{self.root}feed.{form}{self.query}"

    @property
    def feed_id(self) -> str:
        """Id of the feed, whatever its format: a rerun is another feed than its channel's."""
        return self.tag_prefix + self.query

    @property
    def events(self) -> str | None:
        """URL of the stream, None on a static site."""
        return f"{self.root}events{self.query}" if self.has_stream else None

    def archive(self, number: int, form: Form, take: int = 1) -> str:
        """URL of an archive document (RFC 5005, section 4); after a reset there are others of the same number."""
        url = f"{self.root}archive/{number}.{form}{self.query}"
        return url + f"{'&' if self.query else '?'}take={take}" if take > 1 else url

    def archive_page(self, number: int) -> str:
        """URL of the page with the posts of an archive document; only static sites have it."""
        return f"{self.root}archive/{number}/"

    def post(self, slug: str) -> str:
        """URL of one post."""
        return f"{self.root}posts/{slug}{self.query}"

    def tag(self, slug: str) -> str:
        """Give the id of a post in documents and streams."""
        return f"{self.tag_prefix}/{slug}"


def _authority(host: str) -> str:
    """Give a host as the authority of a tag (RFC 4151, section 2.1), which must be a DNS name."""
    with suppress(UnicodeError):
        host = host.encode("idna").decode().lower()
        if _DNS_NAME.fullmatch(host):
            return host
    return "localhost"  # an address of IPv6, say


@dataclass(frozen=True, slots=True)
class Brand:
    """Who publishes: a name, and the URL of a logo."""

    name: str
    logo: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A post that was taken away; ``when`` on the axis of the entries' dates."""

    deletion: Deletion
    when: datetime


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
        over: the coverage has ended, and all of it is out.
        deleted: tombstones within the window's reach, newest first.
        take: which take of the channel it is, from 1.
        archive: number of the archive document that this is, None for the newest window.
        older: number of the archive document in which the history goes on, None if there is nothing older.
        newer: of an archive document, the number of the next one.
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
    over: bool = False
    brand: Brand | None = None
    deleted: tuple[Tombstone, ...] = ()
    take: int = 1
    archive: int | None = None
    older: int | None = None
    newer: int | None = None

    def itself(self, form: Form) -> str:
        """URL of the document that shows this in a format."""
        return self.address.feed(form) if self.archive is None else self.archived(self.archive, form)

    def archived(self, number: int, form: Form) -> str:
        """URL of an archive document of the same take."""
        return self.address.archive(number, form, self.take)
