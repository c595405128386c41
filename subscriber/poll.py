"""Polling a feed: conditional, polite, and only when it changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shared.fetch import FetchError, Validators, fetch
from shared.syndication import read_feed
from shared.wire import ATOM, JSON_FEED, RSS

if TYPE_CHECKING:
    import aiohttp

    from shared.syndication import Feed

INTERVAL_SECONDS = 15.0
"""Shortest time between two looks at a feed."""
LONGEST_SECONDS = 3600.0
"""However long a cache may keep a feed, look again after this long."""

ACCEPT = f"{JSON_FEED}, {ATOM};q=0.9, {RSS};q=0.8, application/json;q=0.7, application/xml;q=0.6, */*;q=0.1"


class Poll:
    """The feed at one address, looked at again and again.

    Attributes:
        pause: seconds to wait before the next look, as the last answer suggests.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, *, interval: float = INTERVAL_SECONDS) -> None:
        self.url = url
        self.pause = interval
        self._session = session
        self._interval = interval
        self._validators: Validators | None = None

    async def look(self) -> Feed | None:
        """Get the feed, None if it is what it was at the last look.

        Raises:
            FetchError: it could not be had.
            NotAFeedError: it is no feed.
        """
        answer = await fetch(self._session, self.url, accept=ACCEPT, validators=self._validators)
        self.pause = max(self._interval, min(answer.max_age or 0.0, LONGEST_SECONDS))
        if answer.unchanged:
            return None
        if answer.status != 200:
            raise FetchError(
                f"{self.url} answers {answer.status} instead of a feed", status=answer.status, passing=True
            )
        # Parsing a large feed takes seconds; the heart of the loop must go on beating.
        feed = await asyncio.to_thread(read_feed, answer.body, answer.content_type, answer.url)
        self._validators = answer.validators
        return feed

    def forget(self) -> None:
        """Ask for the whole feed next time: what the last look brought could not be used."""
        self._validators = None
