"""Reading feeds: JSON Feed 1.0 and 1.1, Atom (RFC 4287), RSS and RDF, tombstones (RFC 6721), history (RFC 5005).

Bytes in, posts out. Every format is first made into JSON Feed items, so that there is one way into a ``Post``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urljoin

import feedparser
from lxml import etree

from shared.errors import NewsreelError
from shared.item import UNKNOWN_TIME, BadItemError, absolute_html, identity, moment, plain_html, read_item, read_json
from shared.text import clean_line, html_text
from shared.wire import JSON_FEED_VERSION, NAMESPACE, Deletion, DeletionFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from shared.post import Post

TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
"""Namespace of ``deleted-entry`` (RFC 6721)."""
HISTORY = "http://purl.org/syndication/history/1.0"
"""Namespace of ``complete`` and ``archive`` (RFC 5005)."""


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
    """A post, and the JSON Feed item that it was read from, as it was received."""

    post: Post
    item: Mapping[str, Any]


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


def read_feed(data: bytes, content_type: str | None, url: str) -> Feed:
    """Read a feed of any format. What is wrong in one entry costs that entry at most.

    Args:
        data: the document.
        content_type: the media type that the server named, with parameters; None if there was none.
        url: where the document came from; relative links are resolved against it.

    Raises:
        NotAFeedError: it is none.
    """
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["} or "json" in (content_type or "").partition(";")[0]:
        try:
            document = read_json(data)
        except BadItemError as error:
            raise NotAFeedError(f"{url} is no feed: {error}") from None
        return read_json_feed(document, url)
    return _read_xml(data, content_type, url)


def read_json_feed(document: object, url: str) -> Feed:
    """Read a decoded JSON Feed, or the document of a stream's ``reset``.

    Raises:
        NotAFeedError: it is none.
    """
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise NotAFeedError(f"{url} is no JSON Feed: it has no list of items; give the address of a feed or a page")
    facts = document.get("_newsreel")
    newsreel = facts if isinstance(facts, dict) else None
    entries, doubts = _entries(document["items"], url, newest_first=newsreel is not None)
    older = document.get("next_url")
    found = [_json_link(document.get("home_page_url"), "alternate", "text/html", url)]
    if newsreel is not None:
        found.append(_json_link(newsreel.get("events"), "alternate", "text/event-stream", url))
    return Feed(
        format="json",
        entries=entries,
        head={name: value for name, value in document.items() if name != "items"},
        complete=newsreel is not None and newsreel.get("complete") is True,
        expired=document.get("expired") is True,
        older=urljoin(url, older) if isinstance(older, str) and older else None,
        links=tuple(link for link in found if link),
        newsreel=newsreel,
        doubts=doubts,
    )


def read_entry(item: Any, base: str, *, undated: datetime = UNKNOWN_TIME) -> Entry:
    """Read one item and keep it as it was received; one without an id is given that of its post.

    Raises:
        BadItemError: see ``read_item``.
    """
    post = read_item(item, base=base, undated=undated)
    return Entry(post, item if item.get("id") else {**item, "id": post.id})


def _json_link(href: object, rel: str, media_type: str, base: str) -> Link | None:
    return Link(urljoin(base, href), rel, media_type) if isinstance(href, str) and href else None


def _entries(
    items: Sequence[object], url: str, *, newest_first: bool, updated: datetime | None = None
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Make entries, oldest first, and a line about each item of which none could be made."""
    entries: dict[str, Entry] = {}
    doubts: list[str] = []
    undated = _neighbours(items, updated or UNKNOWN_TIME)
    for given, neighbour in zip(items, undated, strict=True):
        try:
            entry = read_entry(_told_apart(given, entries, url), url, undated=neighbour)
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
    dates = [
        moment(item.get("date_published")) or moment(item.get("date_modified")) if isinstance(item, dict) else None
        for item in items
    ]
    last = next((date for date in dates if date), otherwise)
    nearest = []
    for date in dates:
        last = date or last
        nearest.append(last)
    return nearest


def _falls(dates: Sequence[datetime]) -> bool:
    """Tell whether a document is newest first, which is the custom; its order is kept or reversed, never sorted."""
    pairs = list(pairwise(dates))
    return sum(a < b for a, b in pairs) <= sum(a > b for a, b in pairs)


# Atom, RSS and RDF.


def _read_xml(data: bytes, content_type: str | None, url: str) -> Feed:
    headers = {"content-type": content_type} if content_type else {}
    # Always a BytesIO: a string would be opened as a file or a URL. Posts sanitise and we resolve links ourselves,
    # which is three times faster; without a base given here, ids stay as they are.
    parsed = feedparser.parse(BytesIO(data), response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
    if not parsed.version and not parsed.entries:
        raise NotAFeedError(f"{url} is no feed (JSON Feed, Atom, RSS); give the address of a feed or a page")
    about = dict(parsed.feed)
    links = tuple(
        Link(urljoin(url, link["href"]), link.get("rel", "alternate"), link.get("type"), link.get("title"))
        for link in about.get("links", ())
        if link.get("href")
    )
    by_rel = {link.rel: link.href for link in reversed(links)}
    own = NAMESPACE in parsed.namespaces.values()
    updated = moment(about.get("updated")) or moment(about.get("published"))
    entries, doubts = _entries([_item(dict(e), url) for e in parsed.entries], url, newest_first=own, updated=updated)
    complete, deletions = _history(data)
    head: dict[str, Any] = {
        "version": JSON_FEED_VERSION,
        "title": _plain(about.get("title_detail")),
        "home_page_url": next((link.href for link in links if link.rel == "alternate" and _is_page(link)), None),
        "feed_url": by_rel.get("self"),
        "description": _plain(about.get("subtitle_detail")),
        "language": about.get("language"),
        "_newsreel": ({"replay": replay} if (replay := _replay(about)) else {}) if own else None,
    }
    return Feed(
        format="rss" if parsed.version.startswith("rss") else "atom",
        entries=tuple(Entry(entry.post, entry.post.to_dict()) for entry in entries),
        head={name: value for name, value in head.items() if value is not None},
        complete=complete,
        older=by_rel.get("prev-archive") or by_rel.get("next"),
        deletions=deletions,
        links=links,
        newsreel=head["_newsreel"],
        updated=updated,
        doubts=doubts,
    )


def _is_page(link: Link) -> bool:
    return (link.type or "text/html") in {"text/html", "application/xhtml+xml"}


def _item(entry: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Make a JSON Feed item of feedparser's entry, given as a plain dict: its own answers with other keys and warns."""
    link = entry.get("link")
    enclosures = [link for link in entry.get("links", ()) if link.get("rel") == "enclosure" and link.get("href")]
    item: dict[str, Any] = {
        "id": entry.get("id"),
        "url": urljoin(url, link) if link else None,
        "title": _plain(entry.get("title_detail")),
        "content_html": _content(entry, url),
        "date_published": _date(entry, "published"),
        "date_modified": _date(entry, "updated"),
        "image": next((url for url in _pictures(entry)), None),
        "authors": [{"name": who.get("name"), "url": who.get("href")} for who in entry.get("authors", ())],
        "tags": list(dict.fromkeys(tag.get("label") or tag.get("term") or "" for tag in entry.get("tags", ()))),
        "attachments": [_attachment(link, url) for link in enclosures],
        "language": (entry.get("title_detail") or {}).get("language"),
        "_newsreel": {
            "story_time": _date(entry, "newsreel_story-time"),
            "revision": entry.get("newsreel_revision"),
            "replay": _replay(entry),
        },
    }
    item["_newsreel"] = {name: value for name, value in item["_newsreel"].items() if value is not None}
    return {name: value for name, value in item.items() if value}


def _date(entry: Mapping[str, Any], name: str) -> str | None:
    """Give a date with its own offset; feedparser's, which it turned into UTC, only where we cannot read it."""
    found = moment(entry.get(name))
    if found:
        return found.isoformat()
    parsed = entry.get(f"{name}_parsed")
    return (
        f"{parsed[0]:04}-{parsed[1]:02}-{parsed[2]:02}T{parsed[3]:02}:{parsed[4]:02}:{parsed[5]:02}Z"
        if parsed
        else None
    )


def _content(entry: Mapping[str, Any], url: str) -> str:
    """Take the fullest body there is: HTML content, other content, the summary."""
    bodies: Iterable[Any] = entry.get("content") or ([entry["summary_detail"]] if entry.get("summary_detail") else [])
    ranked = sorted(bodies, key=lambda body: "html" not in (body.get("type") or ""))
    if not ranked:
        return ""
    body = ranked[0]
    if "html" not in (body.get("type") or ""):
        return plain_html(body.get("value") or "")
    return absolute_html(body.get("value") or "", urljoin(url, body.get("base") or ""))


def _plain(detail: Mapping[str, Any] | None) -> str | None:
    if not detail or not detail.get("value"):
        return None
    value = str(detail["value"])
    return clean_line(html_text(value) if "html" in (detail.get("type") or "") else value) or None


def _pictures(entry: Mapping[str, Any]) -> Iterable[str]:
    for media in [*entry.get("media_thumbnail", ()), *entry.get("media_content", ())]:
        kind = media.get("medium") or (media.get("type") or "image").partition("/")[0]
        if media.get("url") and kind == "image":
            yield media["url"]


def _attachment(link: Mapping[str, Any], url: str) -> dict[str, Any]:
    size = str(link.get("length") or "")
    attachment = {
        "url": urljoin(url, link["href"]),
        "mime_type": link.get("type") or "application/octet-stream",
        "title": link.get("title"),
        "size_in_bytes": int(size) if size.isascii() and size.isdigit() and 0 < len(size) < 16 and int(size) else None,
    }
    return {name: value for name, value in attachment.items() if value is not None}


def _replay(about: Mapping[str, Any]) -> dict[str, Any] | None:
    mark = about.get("newsreel_replay")
    if not isinstance(mark, dict):
        return None
    try:
        return {"run": int(mark["run"]), "speed": float(mark["speed"])}
    except (KeyError, ValueError):
        return None


def _history(data: bytes) -> tuple[bool, tuple[Deletion, ...]]:
    """Read what feedparser collapses: ``fh:complete`` and the tombstones."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return False, ()
    if root is None:
        return False, ()
    deletions = tuple(
        Deletion(id=clean_line(ref), newsreel=DeletionFacts(story_time=moment(stone.get("when"))))
        for stone in root.iter(f"{{{TOMBSTONES}}}deleted-entry")
        if (ref := stone.get("ref"))
    )
    return next(root.iter(f"{{{HISTORY}}}complete"), None) is not None, deletions
