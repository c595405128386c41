"""One HTTP call to a place that somebody else named: short, bounded, never led elsewhere by a redirect."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from publisher.websub.courier import NotTakenError
from shared.fetch import FetchError, open_session, request, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

IDLE_SECONDS = 2.0
LOOKUPS = 32
"""Names that are looked up at once, unless it is said."""


@dataclass(frozen=True, slots=True)
class Called:
    """An answer: its status, the beginning of its body, and for how many seconds it asks to be left alone."""

    status: int
    body: bytes
    retry_after: float | None


def open_calls(*, allow_private: bool, lookups: int = LOOKUPS) -> aiohttp.ClientSession:
    """Open a session for ``call``; unless ``allow_private`` it reaches no address of this machine or its network.

    It looks up so many names at once: as many as there are calls, where the dead names of some must not hold up others.

    Connections are kept for what comes at once only: ten thousand subscribers would else hold as many of the server's
    files after each release.
    """
    return open_session(allow_private=allow_private, connections=0, resolver=_OwnThreads(lookups), idle=IDLE_SECONDS)


async def call(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    seconds: float,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    most_bytes: int = 0,
) -> Called:
    """Send one request; redirects are answers like others (WebSub, sections 5.3 and 7).

    Args:
        session: of ``open_calls``.
        method: of the request.
        url: exactly as it is to be asked for.
        seconds: for all of it.
        body: of the request.
        headers: of the request.
        most_bytes: of the answer's body that are read.

    Raises:
        NotTakenError: no answer came in time.
    """
    try:
        async with (
            asyncio.timeout(seconds),
            request(
                session, URL(url, encoded=True), headers=headers or {}, method=method, body=body, follow=False
            ) as answer,
        ):
            read = bytearray()
            while len(read) < most_bytes and (piece := await answer.content.read(most_bytes - len(read))):
                read += piece
            return Called(answer.status, bytes(read), retry_after(answer.headers))
    except FetchError as error:
        raise NotTakenError(str(error)) from None
    except TimeoutError:
        raise NotTakenError(f"{url} did not answer within {seconds:g} s") from None


class _OwnThreads(AbstractResolver):
    """Looks names up in threads of its own: a dead name server holds one for half a minute, and the loop's are few."""

    def __init__(self, lookups: int) -> None:
        self._threads = ThreadPoolExecutor(lookups, "names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads,
            lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG),
        )
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=int(address[1]), family=kind, proto=proto, flags=flags
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
