"""Walking back through a feed's history: JSON Feed's ``next_url``, Atom's archives (RFC 5005)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from shared.fetch import FetchError, fetch
from shared.syndication import NotAFeedError, read_feed
from shared.wire import ATOM
from subscriber.discover import parse_link_headers
from subscriber.poll import ACCEPT

if TYPE_CHECKING:
    from collections.abc import Container

    import aiohttp

    from shared.syndication import Entry, Feed

logger = logging.getLogger(__name__)

MOST_PAGES = 1000
"""So many documents are read at most: a server may link its archives in a circle that never closes."""


async def walk(session: aiohttp.ClientSession, feed: Feed, shown: Container[str], atom: str | None) -> list[Entry]:
    """Give the entries below the window of ``feed``, back to the page that has one that was shown; oldest first.

    Args:
        session: to fetch with.
        feed: the window, none of whose posts was shown.
        shown: ids of what was shown, without those whose place is not known.
        atom: address of the story's Atom feed, if known, for a ``feed`` that does not link its own history.

    Raises:
        FetchError: the history could not be had now but may be later: then nothing is to be concluded.
    """
    older: list[Entry] = []
    try:
        url = feed.older
        if url is None and feed.newsreel is not None:
            url = await _archive(session, feed, atom)
        seen: set[str] = set()
        while url is not None and url not in seen and len(seen) < MOST_PAGES:
            seen.add(url)
            page = await _read(session, url)
            known = [place for place, entry in enumerate(page.entries) if entry.post.id in shown]
            if known:
                # What lies below a post that was shown is from before the reader joined. A page in another format
                # than the window's tells of new posts only: its words need not be the same to the letter.
                older[:0] = page.entries[known[0] :] if page.format == feed.format else page.entries[known[-1] + 1 :]
                break
            older[:0] = page.entries
            url = page.older
    except (FetchError, NotAFeedError) as error:
        if isinstance(error, FetchError) and error.passing:
            raise
        logger.warning("the history ends early, posts may be missing: %s", error)
    return _first_of_each(older)


def _first_of_each(entries: list[Entry]) -> list[Entry]:
    """Drop what a page repeats of a newer one; a post keeps its newest place and version."""
    newest: dict[str, Entry] = {}
    for entry in reversed(entries):
        newest.setdefault(entry.post.id, entry)
    return list(reversed(newest.values()))


async def _archive(session: aiohttp.ClientSession, feed: Feed, atom: str | None) -> str | None:
    """Find the newest archive document: by the Atom feed, which the JSON Feed's headers name."""
    feed_url = feed.head.get("feed_url")
    if atom is None and isinstance(feed_url, str):
        answer = await fetch(session, feed_url, accept=ACCEPT)
        found = await asyncio.to_thread(read_feed, answer.body, answer.content_type, answer.url)
        if found.older:
            return found.older
        links = parse_link_headers(answer.links, answer.url)
        atom = next((link.href for link in links if link.rel == "alternate" and link.type == ATOM), None)
    return (await _read(session, atom)).older if atom else None


async def _read(session: aiohttp.ClientSession, url: str) -> Feed:
    answer = await fetch(session, url, accept=ACCEPT)
    return await asyncio.to_thread(read_feed, answer.body, answer.content_type, answer.url)
