"""One connection to a stream of server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.errors import NewsreelError
from shared.fetch import check_answer, request
from shared.sse import StreamDecoder
from shared.wire import EVENT_STREAM

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import aiohttp

    from shared.sse import Frame

SILENCE_SECONDS = 45.0
"""A connection that brings nothing for three heartbeats of 15 s is dead, whatever TCP believes."""

# What no header may carry; such an id cannot be sent back, and the stream then begins anew.
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class NotAStreamError(NewsreelError):
    """The address answers with something other than a stream."""


class Stream:
    """One connection, from the position ``after`` on.

    Attributes:
        over: the server said that nothing will ever follow (204): do not come back.
    """

    def __init__(
        self, session: aiohttp.ClientSession, url: str, *, after: str = "", silence: float = SILENCE_SECONDS
    ) -> None:
        self.url = url
        self.over = False
        self._session = session
        self._after = after
        self._silence = silence
        self._decoder = StreamDecoder(last_event_id=after)

    @property
    def last_event_id(self) -> str:
        """Tell the position that the bytes read so far lead to; ahead of the frames that were not taken yet."""
        return self._decoder.last_event_id

    @property
    def retry(self) -> int | None:
        """Tell the reconnection time that the server asked for, in milliseconds."""
        return self._decoder.retry

    async def frames(self) -> AsyncGenerator[list[Frame], None]:
        """Connect and give the frames as they come, those of one read together; ends when the server ends it.

        A list may be empty: the server is alive.

        Raises:
            FetchError: no connection, a refusal, a cut, or silence for too long.
            NotAStreamError: the answer is no stream.
            FrameTooLargeError: an event is larger than anything sensible.
        """
        headers = {"Accept": EVENT_STREAM, "Cache-Control": "no-cache"}
        if self._after and not _UNSENDABLE.search(self._after):
            headers["Last-Event-ID"] = self._after
        async with request(self._session, self.url, headers=headers, read_seconds=self._silence) as response:
            await check_answer(response)
            if response.status == 204:
                self.over = True
                return
            if response.content_type != EVENT_STREAM:
                raise NotAStreamError(
                    f"{self.url} answers {response.content_type}, which is no stream ({EVENT_STREAM}); "
                    "give the address of the page or of a feed"
                )
            yield []
            async for chunk in response.content.iter_any():
                yield self._decoder.feed(chunk)
