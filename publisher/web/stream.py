"""``GET /{channel}/events``: the stream (WHATWG HTML, section 9.2; ``docs/protocol.md``)."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

from aiohttp import web

from publisher.fanout import Reader, Sieve
from publisher.log.contract import LogError
from publisher.web.connection import HEADERS, PIECE_BYTES, SLOW_SECONDS, Connection
from shared.event import BadPositionError, Position
from shared.sse import encode_frame, encode_retry

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from publisher.channel import Channel
    from shared.event import ResetReason

logger = logging.getLogger(__name__)

RETRY_MS = 2_000
"""Reconnection time that streams begin with."""

_KINDS = frozenset({"post", "update", "delete", "reset", "clock"})
_NO_POSITION = Position("0", 0)


async def stream(request: web.Request, channel: Channel, now: Callable[[], datetime]) -> web.StreamResponse:
    """Serve one reader until it leaves, is too slow, or the server ends."""
    sieve = _sieve(request)
    join = await channel.join(_position(request))
    if join.way == "over":
        return web.Response(status=204, headers={"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"})
    if request.method == "HEAD":
        return web.StreamResponse(headers=HEADERS)
    try:
        connection = await Connection.open(request)
    except ConnectionResetError:
        return web.StreamResponse()  # it left before the stream began
    reader = Reader(connection, join.cursor, sieve)
    channel.fanout.enter(reader)
    try:
        await connection.write(encode_retry(RETRY_MS))
        if join.way == "reset":
            await _reset(connection, channel, reader, join.reason, now)
        elif not request.headers.get("Last-Event-ID"):
            await _catch_up_and_tell_time(connection, channel, reader, now)
        await _keep_up(connection, channel, reader, now)
        # Readers come back spread over a while, not all at once.
        connection.end(encode_retry(RETRY_MS + random.randrange(RETRY_MS)))  # noqa: S311 no secret
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
    return connection.answer()


async def _keep_up(
    connection: Connection,
    channel: Channel,
    reader: Reader,
    now: Callable[[], datetime],
) -> None:
    """Keep a reader at the head, and bring it back there whenever it pushed back, until it is dismissed."""
    while not reader.closing:
        await _catch_up(connection, channel, reader, now)
        if channel.fanout.join(reader):
            await reader.at_head()
        if not reader.closing:
            await connection.drained()


async def _reset(
    connection: Connection,
    channel: Channel,
    reader: Reader,
    reason: ResetReason,
    now: Callable[[], datetime],
) -> None:
    # Body and cursor are taken in one step: what is released while the body is on its way comes after it.
    body = channel.press.reset_frame(reason, reader.sieve.tag if reader.sieve else None)
    clock = _clock(channel, now)
    reader.cursor = channel.press.shelf.head
    await connection.write(body)
    await connection.write(clock)


def _clock(channel: Channel, now: Callable[[], datetime]) -> bytes:
    clock = channel.clock(now())
    return encode_frame("clock", clock.to_json()) if clock else b""


async def _catch_up_and_tell_time(
    connection: Connection, channel: Channel, reader: Reader, now: Callable[[], datetime]
) -> None:
    """Bring a reader to the head who knows its position from a document, which does not say what the clock shows."""
    await _catch_up(connection, channel, reader, now)
    clock = channel.clock(now())
    if clock is not None and clock.state == "playing":
        await connection.write(encode_frame("clock", clock.to_json()))


async def _catch_up(connection: Connection, channel: Channel, reader: Reader, now: Callable[[], datetime]) -> None:
    """Give a reader what it lacks up to the head: from the ring, or from the log a page at a time."""
    while reader.cursor < channel.fanout.head and not reader.closing:
        reset = channel.press.shelf.last_reset
        if reset is not None and reset[0] > reader.cursor:
            # What was released before the reset counts no more: one reset instead of a history that is taken back.
            await _reset(connection, channel, reader, reset[1].reason, now)
            continue
        frames = channel.fanout.since(reader.cursor)
        if frames is None:
            if reader.cursor < await channel.log.oldest() - 1:
                await _reset(connection, channel, reader, "expired", now)
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
        await connection.write(body)


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
