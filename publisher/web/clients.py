"""Clients: the connections that are no streams, bounded in number and in how long one may refuse its answer.

aiohttp ends a connection on which no request comes (``IDLE_SECONDS``), but takes as many as come, and waits for ever
for one that asks and does not read. Here there is room for so many: as the files bear that streams do not have. Where
one more comes, the one that was quiet for longest has to go; where all are busy, the new one is told to come again. So
whoever opens connections and leaves them open keeps nobody out, and no stream ends for it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import hdrs, web

from publisher.measures import tally
from publisher.web.addresses import counted_as, is_among
from publisher.web.problems import SERVER, again, problem
from shared.post import encode_json
from shared.text import clean_line
from shared.wire import PROBLEM

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from publisher.web.addresses import Networks

IDLE_SECONDS = 75.0
"""How long a connection may stand without a whole request; longer than the proxies' usual 60, so that they end it."""
STALLED_SECONDS = 30.0
"""How long a connection may take nothing of what it asked for before it is closed."""
BUSY_SECONDS = 1.0
"""How long after it last sent or took something a connection has not to go for another one."""
WAITING_BYTES = 16 * 1024
"""Of an answer this much waits for the kernel to take it; who writes waits for less before there is more."""
MOST_TOLD = 200
"""Characters that are told of what is no HTTP: its beginning, and where it goes wrong."""
_SWEEP_SECONDS = 1.0
_ENDING_SECONDS = 0.005

Why = Literal["displaced", "refused", "stalled"]


@dataclass(frozen=True, slots=True)
class Room:
    """Most connections ``in_all`` and ``per_address``; 0 sets no limit. ``trusted`` proxies have none of the latter.

    ``files`` are those that there are for these and for the streams together; 0 if there are enough.
    """

    in_all: int = 0
    per_address: int = 0
    trusted: Networks = ()
    files: int = 0


class Clients:
    """Makes the protocol of each connection: what ``loop.create_server`` is given.

    Attributes:
        closed: how many were closed, by the reason.
    """

    def __init__(self, server: web.Server, room: Room, streams: Callable[[], int], **options: Any) -> None:
        """Serve what ``server`` does.

        Args:
            server: of the application.
            room: that there is.
            streams: tells how many of these there are.
            options: aiohttp's of a connection (``web.RequestHandler``).
        """
        self.closed: Counter[Why] = tally(Why)
        self._server = server
        self._room = room
        self._streams = streams
        self._options = {"keepalive_timeout": IDLE_SECONDS} | options
        self._quiet: OrderedDict[Client, None] = OrderedDict()  # the one that was quiet for longest first
        self._by_address: dict[str, set[Client]] = {}
        self._sweeping = False

    def __call__(self) -> Client:
        """Make the protocol of one connection."""
        return Client(self, self._server, loop=asyncio.get_running_loop(), **self._options)

    def __len__(self) -> int:
        return len(self._quiet)

    def enter(self, client: Client) -> bool:
        """Take one in, in the place of another if need be; tell whether there is room."""
        room = self._room
        if room.per_address and not is_among(client.peer, room.trusted):
            client.address = counted_as(client.peer)
            alike = self._by_address.get(client.address, ())
            if len(alike) >= room.per_address and not self._displaced(min(alike, key=_moved)):
                return False
        if self._is_full and not (self._quiet and self._displaced(next(iter(self._quiet)))):
            return False
        self._quiet[client] = None
        if client.address:
            self._by_address.setdefault(client.address, set()).add(client)
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)
        return True

    @property
    def _is_full(self) -> bool:
        room, here = self._room, len(self._quiet)
        return 0 < room.in_all <= here or 0 < room.files <= here + self._streams()

    def moved(self, client: Client) -> None:
        """Note that one sent or took something."""
        if client in self._quiet:
            client.moved = time.monotonic()
            self._quiet.move_to_end(client)

    def leave(self, client: Client) -> None:
        """Forget one: it is closed, or became a stream; not being known is nothing."""
        if client not in self._quiet:
            return
        del self._quiet[client]
        alike = self._by_address.get(client.address)
        if alike is not None:
            alike.remove(client)
            if not alike:
                del self._by_address[client.address]

    def _displaced(self, client: Client) -> bool:
        """Close one so that another has room, unless it is busy."""
        if time.monotonic() - client.moved < BUSY_SECONDS:
            return False
        self._close(client, "displaced")
        return True

    def _close(self, client: Client, why: Why) -> None:
        self.closed[why] += 1
        self.leave(client)
        client.abort()

    def _sweep(self) -> None:
        """Close those who take nothing of what they asked for."""
        self._sweeping = bool(self._quiet)
        if self._sweeping:
            asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)
        since = time.monotonic() - STALLED_SECONDS
        for client in list(self._quiet):
            if client.moved > since:
                break
            if client.owes:
                self._close(client, "stalled")


class Client(web.RequestHandler):
    """A connection; aiohttp's, but that it can be told to go, and is not begun where there is no room.

    Attributes:
        peer: the address at the other end.
        address: that it counts as; empty where none is counted.
        moved: moment of the loop's clock at which it last sent or took something.
    """

    __slots__ = ("_clients", "_socket", "address", "moved", "peer")

    def __init__(self, clients: Clients, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self.peer = self.address = ""
        self.moved = time.monotonic()
        self._clients = clients
        self._socket: asyncio.Transport | None = None

    @property
    def owes(self) -> bool:
        """Tell whether something waits that the other end does not take."""
        return self._socket is not None and self._socket.get_write_buffer_size() > 0

    def abort(self) -> None:
        """Close at once."""
        if self._socket is not None:
            self._socket.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if there is room."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 TCP
        self._socket = transport
        self.peer = (transport.get_extra_info("peername") or ("",))[0]
        if self._clients.enter(self):
            transport.set_write_buffer_limits(high=WAITING_BYTES)
            super().connection_made(transport)
            return
        self._clients.closed["refused"] += 1
        with suppress(OSError):  # closed with something unread, the kernel would take back what is sent
            os.read(transport.get_extra_info("socket").fileno(), 65_536)
        transport.write(_refusal())
        transport.close()

    def data_received(self, data: bytes) -> None:
        """Note that it sent something."""
        self._clients.moved(self)
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Let it, as it will ask no more, have the answers to what it asked; tell whether there are any."""
        if self._request_count:
            self._end()
        return self._request_count > 0

    def _end(self) -> None:
        """Close once all is answered."""
        if self._waiter is not None and not self._waiter.done():
            self.force_close()
        elif not self._messages:
            self.close()  # what is being answered is the last
        elif self._socket is not None:
            asyncio.get_running_loop().call_later(_ENDING_SECONDS, self._end)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is no HTTP, as all that goes wrong, with a problem document; what it says is aiohttp's."""
        told = super().handle_error(request, status, exc, message)
        words = clean_line(told.text or "") if isinstance(told, web.Response) else ""
        response = problem(request, status, HTTPStatus(status).phrase, words[:MOST_TOLD] or None)
        response.headers[hdrs.SERVER] = SERVER
        response.force_close()
        return response

    def resume_writing(self) -> None:
        """Note that it took something."""
        self._clients.moved(self)
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Be forgotten."""
        self._clients.leave(self)
        self._socket = None
        super().connection_lost(exc)


def _moved(client: Client) -> float:
    return client.moved


def _refusal() -> bytes:
    detail = "the server has no room for another connection; try again later"
    body = encode_json({"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": detail})
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {PROBLEM}\r\nContent-Length: {len(body)}\r\n"
        f"Server: {SERVER}\r\nRetry-After: {again()}\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
