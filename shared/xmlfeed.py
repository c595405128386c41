"""Reading Atom (RFC 4287), RSS and RDF with feedparser, and with lxml what it collapses.

That is tombstones (RFC 6721), completeness (RFC 5005), and which caption is which picture's (Media RSS 1.5.1).
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

import feedparser
from lxml import etree

from shared.feed import Entry, Feed, Link, NotAFeedError, read_entries
from shared.item import absolute_html, absolute_url, moment, plain_html
from shared.text import PICTURE_CLASS, clean_line, html_text
from shared.wire import HISTORY, JSON_FEED_VERSION, NAMESPACE, TOMBSTONES, Deletion, DeletionFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MEDIA = "http://search.yahoo.com/mrss/"
_FIGURE = re.compile(rf'<figure class="{PICTURE_CLASS}">.*?</figure>', re.DOTALL)


def read_xml_feed(data: bytes, content_type: str | None, url: str) -> Feed:
    """Read Atom, RSS or RDF; arguments and errors as ``shared.syndication.read_feed``."""
    headers = {"content-type": content_type} if content_type else {}
    # Always a BytesIO: a string would be opened as a file or a URL. Posts sanitise and we resolve links ourselves,
    # which is three times faster; without a base given here, ids stay as they are.
    try:
        parsed = feedparser.parse(
            BytesIO(data), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except Exception as error:  # noqa: BLE001 it lets out whatever its parsers meet in a broken document
        raise NotAFeedError(f"{url} cannot be read as a feed: {clean_line(str(error))[:120]}") from None
    version: str = parsed.get("version") or ""
    if not version and not parsed.entries:
        raise NotAFeedError(f"{url} is no feed (JSON Feed, Atom, RSS); give the address of a feed or a page")
    about = dict(parsed.feed)
    links = tuple(
        Link(href, link.get("rel", "alternate"), link.get("type"), link.get("title"))
        for link in about.get("links", ())
        if (href := absolute_url(link.get("href"), url))
    )
    by_rel = {link.rel: link.href for link in reversed(links)}
    own = NAMESPACE in parsed.get("namespaces", {}).values()
    updated = moment(about.get("updated")) or moment(about.get("published"))
    root = _tree(data)
    items = [_item(dict(e), url) for e in parsed.entries]
    _add_images(items, root, bare_too=own)
    if own:  # what our own feeds add to a body is in the post's images, too
        items = [item | {"content_html": _FIGURE.sub("", item.get("content_html", ""))} for item in items]
    entries, doubts = read_entries(items, url, newest_first=own, updated=updated)
    head: dict[str, Any] = {
        "version": JSON_FEED_VERSION,
        "title": _plain(about.get("title_detail")),
        "home_page_url": next((link.href for link in links if link.rel == "alternate" and _is_page(link)), None),
        "feed_url": by_rel.get("self"),
        "description": _plain(about.get("subtitle_detail")),
        "authors": [{"name": who.get("name"), "url": who.get("href")} for who in about.get("authors", ())],
        "language": about.get("language"),
        "_newsreel": ({"replay": replay} if (replay := _replay(about)) else {}) if own else None,
    }
    return Feed(
        format="rss" if version.startswith("rss") else "atom",
        entries=tuple(Entry(entry.post, entry.post.to_dict(), entry.dated) for entry in entries),
        head={name: value for name, value in head.items() if value is not None},
        complete=root is not None and next(root.iter(f"{{{HISTORY}}}complete"), None) is not None,
        older=by_rel.get("prev-archive") or by_rel.get("next"),
        deletions=_deletions(root),
        links=links,
        newsreel=head["_newsreel"],
        updated=updated,
        doubts=doubts,
    )


def _is_page(link: Link) -> bool:
    return (link.type or "text/html") in {"text/html", "application/xhtml+xml"}


def _item(entry: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Make a JSON Feed item of feedparser's entry, given as a plain dict: its own answers with other keys and warns."""
    enclosures = [link for link in entry.get("links", ()) if link.get("rel") == "enclosure" and link.get("href")]
    item: dict[str, Any] = {
        "id": entry.get("id"),
        "url": absolute_url(entry.get("link"), url),
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
    return absolute_html(body.get("value") or "", absolute_url(body.get("base"), url) or url)


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
        "url": absolute_url(link["href"], url),
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


def _tree(data: bytes) -> etree._Element | None:
    """Parse the document for what feedparser collapses; None if that fails."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _deletions(root: etree._Element | None) -> tuple[Deletion, ...]:
    if root is None:
        return ()
    return tuple(
        Deletion(id=clean_line(ref), newsreel=DeletionFacts(story_time=moment(stone.get("when"))))
        for stone in root.iter(f"{{{TOMBSTONES}}}deleted-entry")
        if (ref := stone.get("ref"))
    )


def _add_images(items: list[dict[str, Any]], root: etree._Element | None, *, bare_too: bool) -> None:
    """Give items their pictures with captions and credits; ``bare_too``: also those that have neither."""
    entries = list(root.iter("{*}entry", "{*}item")) if root is not None else []
    if len(entries) != len(items):  # a document so broken that the parsers do not agree
        return
    for item, entry in zip(items, entries, strict=True):
        images = [image for media in entry.iter(f"{{{_MEDIA}}}content") if (image := _image(media))]
        told = [image for image in images if bare_too or len(image) > 1]
        if told:
            item["_newsreel"] = item.get("_newsreel", {}) | {"images": told}


def _image(media: etree._Element) -> dict[str, str] | None:
    """Read a ``media:content``: the picture's address, caption and credit; None if it is no picture."""
    kind = media.get("medium") or (media.get("type") or "").partition("/")[0]
    if kind != "image" or not media.get("url"):
        return None
    caption = media.find(f"{{{_MEDIA}}}description")
    said = "".join(caption.itertext()) if caption is not None else ""
    is_html = caption is not None and caption.get("type") == "html"
    people = [clean_line("".join(credit.itertext())) for credit in media.iter(f"{{{_MEDIA}}}credit")]
    image = {
        "url": media.get("url", ""),
        "caption": clean_line(html_text(said) if is_html else said),
        "credit": ", ".join(name for name in people if name),
    }
    return {name: value for name, value in image.items() if value}
