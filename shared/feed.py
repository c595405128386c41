"""A feed that was read, whatever its format; and how items become entries in order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from shared.errors import NewsreelError
from shared.item import UNKNOWN_TIME, BadItemError, identity, moment, read_item
from shared.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from shared.post import Post
    from shared.wire import Deletion


class NotAFeedError(NewsreelError):
    """The document is no feed."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a document: an absolute URL, what it is (``rel``), its media type and title."""

    href: str
    rel: str
    type: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A post, and the JSON Feed item that it was read from, as it was received.

    ``dated``: the item said when; else the post has the date of a neighbour.
    """

    post: Post
    item: Mapping[str, Any]
    dated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed, read.

    Attributes:
        entries: oldest first, in the order of the document.
        head: the document without its entries, as a JSON Feed.
        complete: the document holds the whole story (RFC 5005 ``fh:complete``, or newsreel's own word).
        expired: nothing will ever be added (JSON Feed ``expired``).
        older: where the history goes on: ``prev-archive``, ``next``, ``next_url``.
        deletions: tombstones.
        links: what else the document names.
        newsreel: the feed's ``_newsreel``, None where another program wrote it.
        doubts: a line about each entry that was passed over.
    """

    format: Literal["json", "atom", "rss"]
    entries: tuple[Entry, ...]
    head: Mapping[str, Any]
    complete: bool = False
    expired: bool = False
    older: str | None = None
    deletions: tuple[Deletion, ...] = ()
    links: tuple[Link, ...] = ()
    newsreel: Mapping[str, Any] | None = None
    updated: datetime | None = None
    doubts: tuple[str, ...] = field(default=())

    @property
    def posts(self) -> list[Post]:
        """List the posts, oldest first."""
        return [entry.post for entry in self.entries]

    @property
    def title(self) -> str | None:
        """Tell the feed's title, as one line of plain text."""
        title = self.head.get("title")
        return (clean_line(title) or None) if isinstance(title, str) else None

    @property
    def home_page_url(self) -> str | None:
        """Tell the address of the page that the feed belongs to."""
        url = self.head.get("home_page_url")
        return url if isinstance(url, str) else None

    @property
    def language(self) -> str | None:
        """Tell the language that the feed says it is in."""
        language = self.head.get("language")
        return (clean_line(language) or None) if isinstance(language, str) else None


def read_entry(item: Any, base: str, *, undated: datetime = UNKNOWN_TIME) -> Entry:
    """Read one item and keep it as it was received; one without an id is given that of its post.

    Raises:
        BadItemError: see ``read_item``.
    """
    post = read_item(item, base=base, undated=undated)
    return Entry(post, item if item.get("id") else {**item, "id": post.id})


def read_entries(
    items: Sequence[object], url: str, *, newest_first: bool, updated: datetime | None = None
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Make entries, oldest first, and a line about each item of which none could be made."""
    entries: dict[str, Entry] = {}
    doubts: list[str] = []
    undated = _neighbours(items, updated or UNKNOWN_TIME)
    for given, neighbour in zip(items, undated, strict=True):
        try:
            entry = read_entry(_told_apart(given, entries, url), url, undated=neighbour)
            entry = replace(entry, dated=_date(given) is not None)
        except BadItemError as error:
            doubts.append(f"{url}: {error}; passed over")
            continue
        twin = entries.get(entry.post.id)
        if twin is None or _version(entry.post) > _version(twin.post):
            entries[entry.post.id] = entry
    found = list(entries.values())
    if newest_first or _falls([entry.post.date_published for entry in found]):
        found.reverse()
    return tuple(found), tuple(doubts)


def _told_apart(item: Any, entries: Mapping[str, Entry], url: str) -> Any:
    """Give an item that wrongly shares its id with another, to judge by the link, its link as id."""
    twin = entries.get(identity(item, url)) if isinstance(item, dict) else None
    link = item.get("url") if twin else None
    if twin and link and twin.item.get("url") and link != twin.item["url"]:
        return {**item, "id": link}
    return item


def _version(post: Post) -> datetime:
    return post.date_modified or post.date_published


def _neighbours(items: Sequence[object], otherwise: datetime) -> list[datetime]:
    """Find for each item the date of the nearest dated item before it, else after it."""
    dates = [_date(item) for item in items]
    last = next((date for date in dates if date), otherwise)
    nearest = []
    for date in dates:
        last = date or last
        nearest.append(last)
    return nearest


def _date(item: object) -> datetime | None:
    if not isinstance(item, dict):
        return None
    return moment(item.get("date_published")) or moment(item.get("date_modified"))


def _falls(dates: Sequence[datetime]) -> bool:
    """Tell whether a document is newest first, which is the custom; its order is kept or reversed, never sorted."""
    pairs = list(pairwise(dates))
    return sum(a < b for a, b in pairs) <= sum(a > b for a, b in pairs)
