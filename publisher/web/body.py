"""The body of a request, bounded in size and in time."""

from __future__ import annotations

import asyncio

from aiohttp import web

BODY_SECONDS = 30.0
"""How long a body may take to come: who sends a byte now and then would else hold a connection for ever."""


async def read_body(request: web.Request, most_bytes: int, too_large: str) -> bytes:
    """Read a request's body.

    Args:
        request: whose.
        most_bytes: that it may have.
        too_large: what to say of one that has more.

    Raises:
        web.HTTPRequestEntityTooLarge: it has more; nothing more than that is read.
        web.HTTPRequestTimeout: it did not come within ``BODY_SECONDS``.
    """
    size, body = request.content_length or 0, bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while size <= most_bytes and (piece := await request.content.readany()):
                body += piece
                size = max(size, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"the body did not come within {BODY_SECONDS:g} s") from None
    if size > most_bytes:
        raise web.HTTPRequestEntityTooLarge(max_size=most_bytes, actual_size=size, text=too_large)
    return bytes(body)
