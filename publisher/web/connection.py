"""A stream's connection: taken over from aiohttp once the head of the answer is out, so that it costs little.

A request that became a stream needs no HTTP any more: no parser, no request, no task. Bytes are offered to the kernel
directly; what it does not take waits here as a reference to bytes that all readers share, never as a copy, and the
transport tells when there is room again.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Protocol, Self

from aiohttp import web
from aiohttp.http import HttpVersion11

from publisher.codings import weight
from publisher.fanout import SLOW_SECONDS, Form
from publisher.fanout.form import GZIP_HEADER
from shared.wire import EVENT_STREAM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_protocol import RequestHandler

WAITING_BYTES = 2_048
"""Of what the kernel does not take, this much is copied to the transport, which then waits until it can be sent."""

HEADERS = {
    "Content-Type": EVENT_STREAM,
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Access-Control-Allow-Origin": "*",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}
_FORMS = {(gzip, chunked): Form(gzip, chunked) for gzip in (False, True) for chunked in (False, True)}


class Driver(Protocol):
    """Who feeds a connection without waiting for it."""

    def room(self) -> None:
        """The connection takes more again."""

    def gone(self) -> None:
        """The connection is closed."""


class Connection(asyncio.Protocol):
    """A reader's connection. Whoever feeds it offers bytes (``send``) and sets a ``driver``.

    Attributes:
        form: in which bytes go out, and are offered.
        refused_since: moment of the loop's clock at which it last took something, while it takes no more.
        driver: told when there is room again, and of the end.
    """

    __slots__ = ("_fd", "_http", "_paused", "_rest", "_transport", "_waiter", "driver", "form", "refused_since")

    def __init__(self, transport: asyncio.Transport, http: RequestHandler, form: Form) -> None:
        self.form = form
        self.refused_since = time.monotonic()
        self.driver: Driver | None = None
        self._transport = transport
        self._http: RequestHandler | None = http
        self._paused = http.writing_paused
        self._rest: memoryview | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._fd: int = transport.get_extra_info("socket").fileno()
        transport.set_protocol(self)
        transport.set_write_buffer_limits(high=0)  # pauses us if something of an earlier answer is still to go
        transport.resume_reading()  # all that can come is the end, and that must be noticed

    @classmethod
    async def open(cls, request: web.Request, headers: Mapping[str, str] = HEADERS, *, compress: bool = True) -> Self:
        """Send the head of the answer, and take the connection over from aiohttp.

        The request's handler is cancelled when the reader leaves, until it returns ``answer()``.

        Args:
            request: that is answered.
            headers: of the answer.
            compress: use gzip where the reader takes it.

        Raises:
            ConnectionResetError: the reader has left.
        """
        form = _FORMS[compress and takes_gzip(request), request.version >= HttpVersion11]
        response = web.StreamResponse(headers=headers)
        if form.gzip:
            response.headers["Content-Encoding"] = "gzip"
        await response.prepare(request)
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the reader left before the stream began")
        connection = cls(request.transport, request.protocol, form)
        try:
            await connection._drained()
        except TimeoutError:
            connection.abort()
            raise ConnectionResetError("the reader took nothing") from None
        if form.gzip:
            connection.send(form.framed(GZIP_HEADER))
        return connection

    def answer(self) -> web.StreamResponse:
        """Give what the handler is to return: aiohttp then forgets the request, and the connection lives on or not."""
        return _Answered(self)

    def let_go(self) -> None:
        """Have aiohttp forget the request. Its handler is over; the connection is nobody's but ours."""
        http, self._http = self._http, None
        if http is not None:
            http.transport = None  # so that it is not closed
            http.connection_lost(None)

    async def _drained(self) -> None:
        """Wait until what was answered before is out.

        Raises:
            TimeoutError: it took nothing for ``SLOW_SECONDS``.
            ConnectionResetError: it has left.
        """
        if self._paused:
            self._waiter = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(SLOW_SECONDS):  # not wait_for, which can swallow a cancellation
                await self._waiter
        if self._fd < 0:
            raise ConnectionResetError("the reader has left")

    def ready(self) -> bool:
        """Tell whether the connection takes more without pushing back."""
        return not self._paused and self._fd >= 0

    def send(self, framed: bytes) -> bool:
        """Hand over bytes; tell whether it is still ``ready``. What waits is not copied, if it was ready before."""
        if self._paused:
            self._rest = memoryview(bytes(self._rest or b"") + framed)
            return False
        try:
            sent = os.write(self._fd, framed)
        except BlockingIOError:
            sent = 0
        except OSError:  # it has left, which is told when the loop comes round
            self.abort()
            return False
        if sent == len(framed):
            return True
        self._rest = memoryview(framed)[sent:]
        return self._push()

    def _push(self) -> bool:
        """Offer what waits; tell whether all was taken."""
        while self._rest is not None:
            try:
                sent = os.write(self._fd, self._rest)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.abort()
                return False
            waiting = self._rest[sent : sent + WAITING_BYTES]
            self._rest = self._rest[sent + WAITING_BYTES :] or None
            if waiting:
                self._transport.write(waiting)
            if self._paused:
                return False
        return True

    def end(self, last: bytes = b"") -> None:
        """End the answer in order, after the text ``last``; one that takes nothing is cut off."""
        if self.ready():
            # A gzip stream is not ended: its checksum is of every byte that this reader got, which nobody reckons.
            self._transport.write(self.form.of(last) + (b"0\r\n\r\n" if self.form.chunked else b""))
            self._transport.close()
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once, without sending what waits."""
        self._rest = None
        self._transport.abort()

    # What the transport tells.

    def data_received(self, data: bytes) -> None:
        """Take no notice: who reads a stream has nothing more to say."""

    def pause_writing(self) -> None:
        """Note that the kernel takes no more."""
        self._paused = True
        self.refused_since = time.monotonic()

    def resume_writing(self) -> None:
        """Offer what waits, then tell that there is room."""
        self._paused = False
        if self._push():
            self._wake()
            if self.driver is not None:
                self.driver.room()

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell everybody who may wait."""
        self._fd = -1
        self._rest = None
        self._wake()
        http, self._http = self._http, None
        if http is not None:
            http.connection_lost(None)
        driver, self.driver = self.driver, None
        if driver is not None:
            driver.gone()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._waiter = None


def takes_gzip(request: web.BaseRequest) -> bool:
    """Tell whether the reader says that it takes gzip (RFC 9110, section 12.5.3)."""
    for part in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, *parameters = part.split(";")
        if coding.strip() in {"gzip", "x-gzip"}:
            return weight(parameters) > 0
    return False


class _Answered(web.StreamResponse):
    """What aiohttp gets for an answer that it need not send."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    async def prepare(self, _request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Do nothing: the head is out."""
        return None

    async def write_eof(self, _data: object = b"") -> None:
        """Do nothing but have aiohttp forget the request."""
        self._connection.let_go()
