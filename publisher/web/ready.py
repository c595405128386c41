"""Answers that are ready: made once for all who ask alike, and sent as they are."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpVersion11

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_request import BaseRequest

PIECE_BYTES = 64 * 1024
"""Most bytes of a body handed to a connection before it must have taken them: what a slow reader holds of memory."""


class Answer:
    """An answer that is the same for many requests: bytes, but for its ``Date``."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if any("\r" in value or "\n" in value for value in headers.values()):
            raise ValueError("a header of more than one line")  # as aiohttp refuses it
        self.body = body
        self.status = status
        self.headers = headers
        self._second = 0
        self._head = self._whole = b""

    def response(self, request: web.Request) -> web.Response:
        """Give the response to a request.

        aiohttp puts a response's headers together anew for each request, which takes longer than all else that is done
        for one, and hands over the whole body at once, of which it may keep a copy for each slow reader.
        """
        connection = b""
        if not request.keep_alive:
            connection = b"Connection: close\r\n"
        elif request.version < HttpVersion11:
            connection = b"Connection: keep-alive\r\n"
        return _Ready(self, connection, keep_alive=request.keep_alive)

    def wire(self, *, whole: bool) -> bytes:
        """Give the head as it is sent to a connection that goes on, or the ``whole`` of it with the body."""
        now = int(time.time())
        if now != self._second:
            reason = web.Response(status=self.status).reason
            headers = {**self.headers, "Date": formatdate(now, usegmt=True)}
            if self.status != 304:
                headers["Content-Length"] = str(len(self.body))
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            self._head = f"HTTP/1.1 {self.status} {reason}\r\n{lines}\r\n".encode()
            self._whole = self._head + self.body if len(self.body) <= PIECE_BYTES else b""
            self._second = now
        return self._whole if whole else self._head


class _Ready(web.Response):
    """A response whose bytes are ready."""

    def __init__(self, answer: Answer, connection: bytes, *, keep_alive: bool) -> None:
        super().__init__()
        self._answer = answer
        self._connection = connection
        self._goes_on = keep_alive
        self._rest = memoryview(b"")
        self._writer: AbstractStreamWriter | None = None
        self._transport: asyncio.Transport

    @property
    def prepared(self) -> bool:
        return self._writer is not None

    @property
    def keep_alive(self) -> bool | None:
        return self._goes_on

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        if self._writer is None:
            if request.transport is None:
                raise ConnectionResetError("the reader has left")
            self._writer, self._transport = request.writer, request.transport
            body = b"" if request.method == "HEAD" else self._answer.body
            if len(body) <= PIECE_BYTES and not self._connection:
                self._transport.write(self._answer.wire(whole=bool(body)))
            else:
                head = self._answer.wire(whole=False)
                self._transport.write(head[:-2] + self._connection + head[-2:])
                self._rest = memoryview(body)
        return self._writer

    async def write_eof(self, _data: bytes = b"") -> None:
        assert self._writer is not None  # noqa: S101 prepare() set it
        while self._rest:
            await self._writer.drain()
            if self._transport.is_closing():
                raise ConnectionResetError("the reader has left")
            self._transport.write(self._rest[:PIECE_BYTES])
            self._rest = self._rest[PIECE_BYTES:]
        await self._writer.drain()  # who asks again and again without reading waits
