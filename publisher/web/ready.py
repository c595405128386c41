"""Answers that are ready: made once for all who ask alike, and sent in one piece."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpVersion11

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_request import BaseRequest
    from multidict import CIMultiDict


class Answer:
    """An answer that is the same for many requests: bytes, but for its ``Date``."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if any("\r" in value or "\n" in value for value in headers.values()):
            raise ValueError("a header of more than one line")  # as aiohttp refuses it
        self.status = status
        self.headers = headers
        self.body = body
        self._second = 0
        self._head = self._whole = b""

    def response(self, request: web.Request) -> web.Response:
        """Give the response to a request.

        aiohttp puts a response's headers together anew for each request, which takes longer than all else that is done
        for one. Where the connection goes on, and nothing needs to be said of that, the bytes are sent as they are.
        """
        if request.version == HttpVersion11 and request.keep_alive:
            return _Ready(self)
        return web.Response(status=self.status, headers=self.headers, body=self.body or None)

    def wire(self, *, head: bool) -> bytes:
        """Give the bytes to send, without the body for ``HEAD``."""
        now = int(time.time())
        if now != self._second:
            reason = web.Response(status=self.status).reason
            headers = {**self.headers, "Date": formatdate(now, usegmt=True)}
            if self.status != 304:
                headers["Content-Length"] = str(len(self.body))
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            self._head = f"HTTP/1.1 {self.status} {reason}\r\n{lines}\r\n".encode()
            self._whole = self._head + self.body
            self._second = now
        return self._head if head else self._whole


class _Ready(web.Response):
    """A response whose bytes are ready. Whoever looks at its headers, maybe to change them, gets an ordinary one."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(status=answer.status)
        self._answer = answer
        self._ordinary = False
        self._writer: AbstractStreamWriter | None = None

    @property
    def headers(self) -> CIMultiDict[str]:
        headers = super().headers
        if not self._ordinary:
            self._ordinary = True
            self.body = self._answer.body or None
            headers.update(self._answer.headers)
        return headers

    @property
    def prepared(self) -> bool:
        return super().prepared or self._writer is not None

    @property
    def keep_alive(self) -> bool | None:
        return super().keep_alive if self._ordinary else True

    @property
    def body_length(self) -> int:
        return super().body_length if self._ordinary else len(self._answer.body)

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        if self._ordinary:
            return await super().prepare(request)
        if self._writer is None:
            if request.transport is None:
                raise ConnectionResetError("the reader has left")
            self._writer = request.writer
            request.transport.write(self._answer.wire(head=request.method == "HEAD"))
        return self._writer

    async def write_eof(self, data: bytes = b"") -> None:
        if self._writer is None:
            await super().write_eof(data)
        else:
            await self._writer.drain()  # who asks again and again without reading waits
