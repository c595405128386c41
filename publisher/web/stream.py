"""``GET /{channel}/events``: the stream (WHATWG HTML, section 9.2; ``docs/protocol.md``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from publisher.fanout import Reader, Sieve
from publisher.fanout.lives import GREETING
from publisher.web.backlog import Backlog
from publisher.web.connection import HEADERS, Connection
from shared.event import BadPositionError, Position

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from publisher.channel import Channel
    from publisher.fanout.counts import Way
    from publisher.web.doors import Doors

_KINDS = frozenset({"post", "update", "delete", "reset", "clock"})
_NO_POSITION = Position("0", 0)


class Stream:
    """The stream of one channel, for every reader who asks for it."""

    def __init__(self, channel: Channel, now: Callable[[], datetime], doors: Doors, *, compress: bool = True) -> None:
        self._channel = channel
        self._doors = doors
        self._compress = compress
        self._fanout = channel.fanout
        channel.fanout.backlog = Backlog(channel, now)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one reader. The stream lives on when this returns: the fan-out ends it, or the reader does."""
        sieve = sieve_of(request)
        join = await self._channel.join(position_of(request))
        begun = await begin(request, self._doors, over=join.way == "over", compress=self._compress)
        if isinstance(begun, web.StreamResponse):
            return begun
        connection, left = begun
        reader = Reader(connection, join.cursor, sieve, left)
        if join.way == "reset":
            way: Way = "reset"
            reader.lacks = join.reason
        else:
            way = "ring" if join.cursor >= self._fanout.ring.floor else "log"
            if not request.headers.get("Last-Event-ID"):
                reader.untold = "playing"  # it knows its position from a document
        self._fanout.counts.resumes[way] += 1
        self._fanout.enter(reader)
        connection.driver = reader
        if self._fanout.offer(reader, connection.form.briefly(GREETING), 0):
            self._fanout.place(reader)
        return connection.answer()


async def begin(
    request: web.Request, doors: Doors, *, over: bool, compress: bool
) -> tuple[Connection, Callable[[], None]] | web.StreamResponse:
    """Let a reader in and take its connection over; or give the whole answer, where there is no stream to begin.

    ``over`` says that nothing is left for this reader to get.

    Returns:
        The connection, and what is to be called once when it is gone; or the answer.

    Raises:
        HTTPServiceUnavailable: the doors are closed to it.
    """
    if over:
        return web.Response(status=204, headers={"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"})
    if request.method == "HEAD":
        return web.StreamResponse(headers=HEADERS)
    left = doors.admit(request)
    try:
        return await Connection.open(request, compress=compress), left
    except BaseException as error:
        left()
        if isinstance(error, ConnectionResetError):
            return web.StreamResponse()  # it left before the stream began
        raise


def position_of(request: web.Request) -> Position | None:
    """Tell after which position a reader wants to go on; None if it names none."""
    text = request.headers.get("Last-Event-ID") or request.query.get("after")
    if not text:
        return None
    try:
        return Position.parse(text)
    except BadPositionError:
        return _NO_POSITION  # not one of ours: told by a reset, as an EventSource cannot read an error


def sieve_of(request: web.Request) -> Sieve | None:
    """Tell what a reader wants to see. Raises HTTPBadRequest for what cannot be meant."""
    query = request.query
    several = next((name for name in ("types", "tag") if len(query.getall(name, ())) > 1), None)
    if several is not None:
        raise web.HTTPBadRequest(text=f"{several}: is given more than once")
    types, tag = query.get("types"), query.get("tag")
    if types is None and tag is None:
        return None
    wanted = frozenset(types.split(",")) if types is not None else None
    if wanted is not None and not wanted <= _KINDS:
        unknown = ", ".join(repr(kind[:40]) for kind in sorted(wanted - _KINDS))
        raise web.HTTPBadRequest(text=f"types: {unknown[:200]} is none of {', '.join(sorted(_KINDS))}")
    return Sieve(wanted, tag)
