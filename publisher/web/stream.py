"""``GET /{channel}/events``: the stream (WHATWG HTML, section 9.2; ``docs/protocol.md``)."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpVersion11

from publisher.fanout import Reader, Sieve
from publisher.log.contract import LogError
from shared.event import BadPositionError, Position
from shared.sse import encode_frame, encode_retry
from shared.wire import EVENT_STREAM

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from publisher.channel import Channel
    from shared.event import ResetReason

logger = logging.getLogger(__name__)

RETRY_MS = 2_000
"""Reconnection time that streams begin with."""
SLOW_SECONDS = 30.0
"""How long a connection may refuse to take more before it is closed; the reader resumes where it stood."""
UNSENT_BYTES = 16_384
"""Most bytes that wait unsent in the kernel (TCP_NOTSENT_LOWAT): a stalled reader shows soon and costs little."""
PIECE_BYTES = 64 * 1024
"""Most bytes handed to a connection before it must have taken them: what a reader holds of the server's memory."""
DEAD_MS = 60_000
"""How long sent bytes may stay unacknowledged before the kernel gives a connection up (TCP_USER_TIMEOUT)."""

HEADERS = {
    "Content-Type": EVENT_STREAM,
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
}
_KINDS = frozenset({"post", "update", "delete", "reset", "clock"})
_NO_POSITION = Position("0", 0)


class Connection:
    """A reader's connection, as the fan-out sees it: bytes go straight to the transport, already chunked."""

    __slots__ = ("_chunked", "_protocol", "_transport")

    def __init__(self, request: web.Request) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the reader left before the stream began")
        self._transport: asyncio.WriteTransport = transport
        self._protocol = request.protocol
        self._chunked = request.version >= HttpVersion11
        transport.set_write_buffer_limits(high=64 * 1024)
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_MS)

    def ready(self) -> bool:
        """Tell whether the transport takes more."""
        return not self._protocol.writing_paused

    def send(self, framed: bytes, plain: bytes) -> None:
        """Write; a reader that has left is noticed by its handler."""
        if not self._transport.is_closing():
            self._transport.write(framed if self._chunked else plain)

    def abort(self) -> None:
        """Close at once, without sending what waits."""
        self._transport.abort()


async def stream(request: web.Request, channel: Channel, now: Callable[[], datetime]) -> web.StreamResponse:
    """Serve one reader until it leaves, is too slow, or the server ends."""
    sieve = _sieve(request)
    join = await channel.join(_position(request))
    if join.way == "over":
        return web.Response(status=204, headers={"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"})
    response = web.StreamResponse(headers=HEADERS)
    if request.method == "HEAD":
        return response
    try:
        await response.prepare(request)
        connection = Connection(request)
    except ConnectionResetError:
        return response  # it left before the stream began
    reader = Reader(connection, join.cursor, sieve)
    channel.fanout.enter(reader)
    try:
        await _write(response, encode_retry(RETRY_MS))
        if join.way == "reset":
            await _reset(response, channel, reader, join.reason, now)
        elif not request.headers.get("Last-Event-ID"):
            await _catch_up_and_tell_time(response, channel, reader, now)
        await _keep_up(request, response, channel, reader, now)
        if connection.ready():
            # Readers come back spread over a while, not all at once.
            await _write(response, encode_retry(RETRY_MS + random.randrange(RETRY_MS)))  # noqa: S311 no secret
        else:
            connection.abort()
    except TimeoutError:
        logger.info("closed a reader of %s that took nothing for %d s", channel.name, SLOW_SECONDS)
        connection.abort()
    except ConnectionResetError:
        pass  # it left; it resumes when it comes back
    except LogError as error:
        logger.error("cut a reader of %s off: %s", channel.name, error)  # noqa: TRY400 one line
        connection.abort()
    finally:
        channel.fanout.leave(reader)
    return response


async def _keep_up(
    request: web.Request,
    response: web.StreamResponse,
    channel: Channel,
    reader: Reader,
    now: Callable[[], datetime],
) -> None:
    """Keep a reader at the head, and bring it back there whenever it pushed back, until it is dismissed."""
    while not reader.closing:
        await _catch_up(response, channel, reader, now)
        if channel.fanout.join(reader):
            await reader.at_head()
        if not reader.closing:
            async with asyncio.timeout(SLOW_SECONDS):
                await request.protocol._drain_helper()  # noqa: SLF001 no public twin


async def _reset(
    response: web.StreamResponse,
    channel: Channel,
    reader: Reader,
    reason: ResetReason,
    now: Callable[[], datetime],
) -> None:
    # Body and cursor are taken in one step: what is released while the body is on its way comes after it.
    body = channel.press.reset_frame(reason, reader.sieve.tag if reader.sieve else None)
    clock = _clock(channel, now)
    reader.cursor = channel.press.shelf.head
    await _write(response, body)
    await _write(response, clock)


def _clock(channel: Channel, now: Callable[[], datetime]) -> bytes:
    clock = channel.clock(now())
    return encode_frame("clock", clock.to_json()) if clock else b""


async def _catch_up_and_tell_time(
    response: web.StreamResponse, channel: Channel, reader: Reader, now: Callable[[], datetime]
) -> None:
    """Bring a reader to the head who knows its position from a document, which does not say what the clock shows."""
    await _catch_up(response, channel, reader, now)
    clock = channel.clock(now())
    if clock is not None and clock.state == "playing":
        await _write(response, encode_frame("clock", clock.to_json()))


async def _catch_up(
    response: web.StreamResponse, channel: Channel, reader: Reader, now: Callable[[], datetime]
) -> None:
    """Give a reader what it lacks up to the head: from the ring, or from the log a page at a time."""
    while reader.cursor < channel.fanout.head and not reader.closing:
        reset = channel.press.shelf.last_reset
        if reset is not None and reset[0] > reader.cursor:
            # What was released before the reset counts no more: one reset instead of a history that is taken back.
            await _reset(response, channel, reader, reset[1].reason, now)
            continue
        frames = channel.fanout.since(reader.cursor)
        if frames is None:
            if reader.cursor < await channel.log.oldest() - 1:
                await _reset(response, channel, reader, "expired", now)
                continue
            frames = await channel.press.frames_after(reader.cursor)
            if not frames:
                continue  # pruned, or reset, while it was read
        body = bytearray()
        for frame in frames:
            reader.cursor = frame.seq
            body += frame.through(reader.sieve)
            if len(body) >= PIECE_BYTES:
                break  # the rest in the next turn, if it still holds then
        await _write(response, body)


async def _write(response: web.StreamResponse, body: bytes | bytearray) -> None:
    """Write in pieces: a reader that is slow but takes them may take its time over a large body."""
    whole = memoryview(body)
    for first in range(0, len(whole), PIECE_BYTES):
        async with asyncio.timeout(SLOW_SECONDS):  # not wait_for, which can swallow a cancellation
            await response.write(whole[first : first + PIECE_BYTES])


def _position(request: web.Request) -> Position | None:
    text = request.headers.get("Last-Event-ID") or request.query.get("after")
    if not text:
        return None
    try:
        return Position.parse(text)
    except BadPositionError:
        return _NO_POSITION  # not one of ours: told by a reset, as an EventSource cannot read an error


def _sieve(request: web.Request) -> Sieve | None:
    types, tag = request.query.get("types"), request.query.get("tag")
    if types is None and tag is None:
        return None
    wanted = frozenset(types.split(",")) if types is not None else None
    if wanted is not None and not wanted <= _KINDS:
        unknown = ", ".join(sorted(wanted - _KINDS))
        raise web.HTTPBadRequest(text=f"types: {unknown} is none of {', '.join(sorted(_KINDS))}")
    return Sieve(wanted, tag)
