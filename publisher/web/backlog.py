"""The backlog: readers whom the ring does not serve, brought to the head one piece after the other.

One task for all of a channel, and only while there is somebody to bring forward. Each reader in turn gets one piece,
so a herd is admitted at the rate at which the loop can write, in turns of a few milliseconds, and whoever is far behind
holds up nobody. What many of them lack (a reset, a page of the log) is made once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_right
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING

from publisher.cache import Budget, Cache
from publisher.fanout import TURN_SECONDS
from shared.errors import NewsreelError
from shared.sse import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from publisher.channel import Channel
    from publisher.fanout import EncodedFrame, Form, Reader, Sieve
    from shared.event import ResetReason

logger = logging.getLogger(__name__)

PIECE_BYTES = 32 * 1024
"""Bytes of events, before compression, given to a reader who is behind before the next one has its turn."""
KEPT_BYTES = 4 * 1024 * 1024
"""Pages and pieces kept while readers wait: those of a herd stand near each other, and one who is far behind asks for
none of them again."""

_SEQ = attrgetter("seq")


class Backlog:
    """Brings a channel's readers forward; see ``publisher.fanout.Backlog``."""

    def __init__(self, channel: Channel, now: Callable[[], datetime]) -> None:
        self._channel = channel
        self._fanout = channel.fanout
        self._now = now
        self._waiting: deque[Reader] = deque()
        self._serving: asyncio.Task[None] | None = None
        # For those who come back from the same place: the log's pages, by where they begin and end, and as they go out.
        self._budget = Budget(KEPT_BYTES)
        self._pages: Cache[tuple[int, int], Sequence[EncodedFrame]] = Cache(self._budget)
        self._pieces: Cache[tuple[int, int, Sieve | None, Form], tuple[int, bytes, int]] = Cache(self._budget)

    def take(self, reader: Reader) -> None:
        """Have a reader brought forward, in its turn."""
        self._waiting.append(reader)
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve(), name=f"backlog of {self._channel.name}")

    def forget(self) -> None:
        """Keep nothing for readers to come."""
        self._pages.clear()
        self._pieces.clear()

    async def _serve(self) -> None:
        try:
            ends = time.monotonic() + TURN_SECONDS
            while self._waiting:
                reader = self._waiting.popleft()
                if reader.fanout is None:
                    continue
                try:
                    await self._bring_forward(reader)
                except NewsreelError as error:
                    logger.error("cut a reader of %s off: %s", self._channel.name, error)  # noqa: TRY400 one line
                    self._fanout.dismiss(reader, "failed")
                except Exception:
                    logger.exception("cut a reader of %s off", self._channel.name)
                    self._fanout.dismiss(reader, "failed")  # the others are not to suffer
                if time.monotonic() >= ends:
                    await asyncio.sleep(0)
                    ends = time.monotonic() + TURN_SECONDS
        finally:
            self._serving = None
            self.forget()  # the herd is through: who comes by itself would only fill the memory

    async def _bring_forward(self, reader: Reader) -> None:
        """Give a reader one piece of what it lacks, and place it anew unless it refuses more."""
        fanout, shelf = self._fanout, self._channel.press.shelf
        reset = shelf.last_reset
        if not reader.lacks and reset is not None and reset[0] > reader.cursor:
            # What was released before the reset counts no more: one reset instead of a history that is taken back.
            reader.lacks = reset[1].reason
        if reader.lacks:
            more = self._give_reset(reader, reader.lacks)
        elif reader.untold == "now" or (reader.untold and reader.cursor >= fanout.head):
            more = self._tell_time(reader)
        else:
            more = await self._give_events(reader)
        if more:
            fanout.place(reader)

    def _give_reset(self, reader: Reader, reason: ResetReason) -> bool:
        # Body and cursor are taken in one step: what is released while the body is on its way comes after it.
        tag = reader.sieve.tag if reader.sieve else None
        data = self._channel.press.framing.reset(reason, tag, reader.outlet.form)
        reader.cursor, reader.lacks, reader.untold = self._channel.press.shelf.head, None, "now"
        return self._fanout.offer(reader, data, 1)

    def _tell_time(self, reader: Reader) -> bool:
        """Tell what the replay's clock shows: always after a reset, else if it runs. A document does not say it."""
        clock = self._channel.clock(self._now())
        wanted = clock is not None and (reader.untold == "now" or clock.state == "playing")
        reader.untold = None
        if clock is None or not wanted:
            return True
        return self._fanout.offer(reader, reader.outlet.form.of(encode_frame("clock", clock.to_json())), 1)

    async def _give_events(self, reader: Reader) -> bool:
        ring, cursor = self._fanout.ring, reader.cursor
        if cursor >= ring.floor:
            frames: Sequence[EncodedFrame] = ring.after(cursor, PIECE_BYTES)
        else:
            frames = await self._page(cursor)
            if not frames:
                # At the head, or what follows was pruned or reset while it was read; or it is gone for good.
                if reader.cursor < await self._channel.log.oldest() - 1:
                    reader.lacks = "expired"
                return True
        if reader.fanout is None or not frames:
            return True
        reader.cursor, data, events = self._piece(reader, frames)
        more = self._fanout.offer(reader, data, events) if data else True
        return self._tell_time(reader) if more and reader.untold and reader.cursor >= ring.head else more

    async def _page(self, cursor: int) -> Sequence[EncodedFrame]:
        """Give what was kept, or what the log holds, after ``cursor``; empty if it does not go on there."""
        span = next((span for span in self._pages if span[0] <= cursor < span[1]), None)
        page = self._pages.get(span) if span is not None else None
        if page is not None:
            return page[bisect_right(page, cursor, key=_SEQ) :]
        page = await self._channel.press.frames_after(cursor, PIECE_BYTES)
        if page:
            # As it is, and compressed.
            self._pages.put((cursor, page[-1].seq), page, 2 * sum(len(frame.body) for frame in page))
        return page

    def _piece(self, reader: Reader, frames: Sequence[EncodedFrame]) -> tuple[int, bytes, int]:
        """Join frames as a reader gets them, up to ``PIECE_BYTES``; give where they end, the bytes, and how many."""
        key = (reader.cursor, frames[-1].seq, reader.sieve, reader.outlet.form)
        piece = self._pieces.get(key)
        if piece is None:
            form, texts, size, upto = reader.outlet.form, list[bytes](), 0, reader.cursor
            for frame in frames:
                upto = frame.seq
                if text := frame.packed(reader.sieve, gzip=form.gzip):
                    texts.append(text)
                    size += len(text)
                    if size >= PIECE_BYTES:
                        break
            data = form.framed(b"".join(texts))
            piece = self._pieces.put(key, (upto, data, len(texts)), len(data) + _named(reader.sieve))
        return piece


def _named(sieve: Sieve | None) -> int:
    """Tell how long the tag is that a reader has invented."""
    return len(sieve.tag) if sieve is not None and sieve.tag is not None else 0
