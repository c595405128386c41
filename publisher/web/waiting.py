"""The waiting room: what is answered at the server's address before it is ready, that it lives and how far it is."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from publisher.web.problems import problems, sign

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Callable

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.0
"""Who comes in the first moments waits unanswered: most starts take no longer, and who is told to wait waits longer."""
AGAIN_SECONDS = 5


@asynccontextmanager
async def waiting_room(listening: socket.socket, said: Callable[[], str]) -> AsyncGenerator[None, None]:
    """Answer at a socket for the length of a block: 200 at ``/healthz``, 503 everywhere else.

    Args:
        listening: to which the server itself will listen after that; it stays open.
        said: tells why, and how far it is.
    """
    answering = asyncio.create_task(_answer(listening, said), name="waiting room")
    try:
        yield
    finally:
        answering.cancel()
        await asyncio.wait([answering])


async def _answer(listening: socket.socket, said: Callable[[], str]) -> None:
    await asyncio.sleep(PATIENCE_SECONDS)
    logger.warning("%s; readers are told to wait until then", said())

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def wait(_request: web.Request) -> web.Response:
        raise web.HTTPServiceUnavailable(text=said(), headers={hdrs.RETRY_AFTER: str(AGAIN_SECONDS)})

    app = web.Application(middlewares=[problems])
    app.on_response_prepare.append(sign)
    app.router.add_get("/healthz", healthz)
    app.router.add_route("*", "/{anything:.*}", wait)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        # A copy, which is closed with the room; who has not been let in by then is the server's.
        await web.SockSite(runner, listening.dup()).start()
        await asyncio.Event().wait()
    except OSError as error:
        logger.warning("they are told nothing: %s", error)
    finally:
        await runner.cleanup()
