"""Given the address of a page, a feed or a stream, find the rest.

Documents name each other in ``Link`` headers (RFC 8288), in ``<link rel=alternate>`` and in the feeds themselves.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lxml.html
from lxml import etree

from shared.errors import UsageError
from shared.fetch import check_answer, fetched, read_body, request
from shared.item import absolute_url
from shared.syndication import Link, NotAFeedError, read_feed
from shared.text import clean_line
from shared.wire import ATOM, EVENT_STREAM, HTML, JSON_FEED, RSS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import aiohttp

    from shared.fetch import Fetched

FEED_TYPES = (JSON_FEED, ATOM, RSS)
"""Media types of feeds, the richest first."""
ACCEPT = f"{JSON_FEED}, {ATOM};q=0.9, {RSS};q=0.8, {HTML};q=0.7, {EVENT_STREAM};q=0.6, */*;q=0.1"
MAX_PAGE_BYTES = 16 * 1024 * 1024

_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w!#$&+\-.^`|~*]+(?:\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s\",;]*))?)*)")
_PAGE = re.compile(rb"\s*<(?:!doctype html|html)", re.IGNORECASE)
_PARAMETER = re.compile(r";\s*([\w!#$&+\-.^`|~*]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;]*))")


@dataclass(frozen=True, slots=True)
class Channel:
    """Where a story can be followed.

    Attributes:
        feeds: address of each feed by its media type.
    """

    title: str | None
    stream: str | None
    feeds: dict[str, str]

    @property
    def best_feed(self) -> str | None:
        """Choose the richest feed."""
        return next((self.feeds[kind] for kind in FEED_TYPES if kind in self.feeds), None)


class SeveralChannelsError(UsageError):
    """The page has more than one channel; ``channels`` are the links to follow instead."""

    def __init__(self, url: str, channels: Sequence[Link]) -> None:
        super().__init__(f"{url} has {len(channels)} channels; follow one of them")
        self.channels = tuple(channels)


async def discover(session: aiohttp.ClientSession, url: str) -> Channel:
    """Find stream and feeds of the channel at ``url``, which may be that of its page, of a feed or of the stream.

    Raises:
        BadUrlError, FetchError: nothing can be had there.
        NotAFeedError: there is no page, feed or stream, or the page names none.
        SeveralChannelsError: it is the page of several.
    """
    channel = await _look(session, url)
    if channel.stream is None and channel.best_feed is None:
        raise NotAFeedError(f"{url} names no feed and no stream; give the address of one")
    if channel.stream is None and channel.best_feed != url:
        # A page that lists one channel names its feed only; the feed knows the rest.
        nearer = await _look(session, str(channel.best_feed))
        return Channel(nearer.title or channel.title, nearer.stream, channel.feeds | nearer.feeds)
    return channel


async def _look(session: aiohttp.ClientSession, url: str) -> Channel:
    async with request(session, url, headers={"Accept": ACCEPT}) as response:
        await check_answer(response)
        if response.content_type == EVENT_STREAM or response.status == 204:
            # Its body never ends, and is not for us. Its feeds it may name in headers.
            links = parse_link_headers(response.headers.getall("Link", ()), str(response.url))
            return Channel(None, url, choose(url, None, links).feeds)
        answer = fetched(response, await read_body(response, MAX_PAGE_BYTES))
    title, links = await asyncio.to_thread(read_links, answer)
    return choose(url, title, links)


def choose(url: str, title: str | None, links: Iterable[Link]) -> Channel:
    """Make a channel of the links that a document names.

    Raises:
        SeveralChannelsError: two of the same type lead to different places.
    """
    by_type: dict[str, dict[str, Link]] = {}
    for link in links:
        kind = (link.type or "").partition(";")[0].strip().lower()
        if kind in {EVENT_STREAM, *FEED_TYPES}:
            by_type.setdefault(kind, {}).setdefault(link.href, link)
    streams = list(by_type.pop(EVENT_STREAM, {}))
    several = [found for found in by_type.values() if len(found) > 1]
    if several and len(streams) != 1:
        raise SeveralChannelsError(url, list(several[0].values()))
    return Channel(title, streams[0] if streams else None, {kind: next(iter(found)) for kind, found in by_type.items()})


def read_links(answer: Fetched) -> tuple[str | None, list[Link]]:
    """List what a document says that it can be had as, itself included if it is a feed; and its title. Pure.

    Raises:
        NotAFeedError: it is neither a page nor a feed.
    """
    links = [link for link in parse_link_headers(answer.links, answer.url) if link.rel == "alternate"]
    kind = (answer.content_type or "").partition(";")[0].strip().lower()
    if kind in {HTML, "application/xhtml+xml"} or _PAGE.match(answer.body[:200]):
        title, found = html_links(answer.body, answer.url, _charset(answer))
        return title, links + found
    feed = read_feed(answer.body, answer.content_type, answer.url)
    own = Link(answer.url, "self", {"json": JSON_FEED, "atom": ATOM, "rss": RSS}[feed.format])
    links += (link for link in feed.links if link.rel == "alternate")
    return feed.title, [own, *(link for link in links if link.type != own.type)]


def parse_link_headers(headers: Iterable[str], base: str) -> list[Link]:
    """Read ``Link`` headers (RFC 8288, section 3), one link for each of its relations."""
    links = []
    for header in headers:
        for target, rest in _LINK.findall(header):
            parameters = {
                name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare
                for name, quoted, bare in reversed(_PARAMETER.findall(rest))  # the first of several counts
            }
            href = absolute_url(target, base)
            links += [
                Link(href, rel, parameters.get("type"), parameters.get("title"))
                for rel in parameters.get("rel", "").lower().split()
                if href
            ]
    return links


def _charset(answer: Fetched) -> str | None:
    """Tell the encoding of a page: what the server says, else what the page says (None), else UTF-8."""
    said = re.search(r"charset\s*=\s*\"?([\w.:\-]+)", answer.content_type or "", re.IGNORECASE | re.ASCII)
    if said:
        with contextlib.suppress(LookupError):
            return codecs.lookup(said[1]).name
    return None if b"charset" in answer.body[:1024].lower() else "utf-8"


def html_links(page: bytes, base: str, charset: str | None = None) -> tuple[str | None, list[Link]]:
    """Read the title and the ``<link rel=alternate>`` of a page (feed autodiscovery)."""
    try:
        root = lxml.html.document_fromstring(page, parser=lxml.html.HTMLParser(encoding=charset))
    except (etree.LxmlError, ValueError, LookupError):
        return None, []
    bases = root.xpath("//base/@href")
    if isinstance(bases, list) and bases:
        base = absolute_url(str(bases[0]), base) or base
    title = clean_line(root.findtext(".//title") or "") or None
    return title, [
        Link(href, "alternate", link.get("type"), clean_line(link.get("title") or "") or None)
        for link in root.iter("link")
        if "alternate" in (link.get("rel") or "").lower().split() and (href := absolute_url(link.get("href"), base))
    ]
