"""Reading feeds: JSON Feed 1.0 and 1.1, Atom (RFC 4287), RSS and RDF, tombstones (RFC 6721), history (RFC 5005).

Bytes in, posts out. Every format is first made into JSON Feed items, so that there is one way into a ``Post``.
"""

from __future__ import annotations

from shared.feed import Entry, Feed, Link, NotAFeedError, read_entries, read_entry
from shared.item import BadItemError, absolute_url, each, read_json
from shared.wire import EVENT_STREAM, HTML, Deletion
from shared.xmlfeed import read_xml_feed

__all__ = ["Entry", "Feed", "Link", "NotAFeedError", "read_entry", "read_feed", "read_json_feed"]


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
    return read_xml_feed(data, content_type, url)


def read_json_feed(document: object, url: str) -> Feed:
    """Read a decoded JSON Feed, or the document of a stream's ``reset``.

    Raises:
        NotAFeedError: it is none.
    """
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise NotAFeedError(f"{url} is no JSON Feed: it has no list of items; give the address of a feed or a page")
    facts = document.get("_newsreel")
    newsreel = facts if isinstance(facts, dict) else None
    entries, doubts = read_entries(document["items"], url, newest_first=newsreel is not None)
    deleted = newsreel.get("deleted") if newsreel is not None else None
    found = [_json_link(document.get("home_page_url"), "alternate", HTML, url)]
    if newsreel is not None:
        found.append(_json_link(newsreel.get("events"), "alternate", EVENT_STREAM, url))
    return Feed(
        format="json",
        entries=entries,
        head={name: value for name, value in document.items() if name != "items"},
        complete=newsreel is not None and newsreel.get("complete") is True,
        expired=document.get("expired") is True,
        older=absolute_url(document.get("next_url"), url),
        deletions=tuple(each(Deletion, deleted if isinstance(deleted, list) else ())),
        links=tuple(link for link in found if link),
        newsreel=newsreel,
        doubts=doubts,
    )


def _json_link(href: object, rel: str, media_type: str, base: str) -> Link | None:
    found = absolute_url(href, base)
    return Link(found, rel, media_type) if found else None
