"""How a stream begins and ends, of a channel as of a rerun: readers are never told to come back all at once."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, TypeVar

from shared.sse import encode_comment, encode_retry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

T = TypeVar("T")

RETRY_MS = 2_000
"""Reconnection time that streams begin with; it grows by up to as much again where a stream is ended by the server."""
LIFE_SECONDS = 3_600.0
"""How long a connection lives; each 80 to 100 % of it."""
DRAINED_A_SECOND = 1_000
"""Streams ended in a second when few are open: nobody waits long for a small server to end."""

GREETING = encode_retry(RETRY_MS)
"""What every stream begins with."""


def farewell(why: str) -> bytes:
    """Give what a stream that the server ends is left with: the reason, and when to come back."""
    return encode_comment(f"closed: {why}") + encode_retry(RETRY_MS + random.randrange(RETRY_MS))  # noqa: S311 no secret


def expiry(life: float) -> float:
    """Give the moment of the loop's clock at which a connection has lived long enough; a ``life`` of 0 never ends."""
    return time.monotonic() + life * random.uniform(0.8, 1) if life else float("inf")  # noqa: S311 no secret


async def spread(streams: Iterable[T], seconds: float) -> AsyncGenerator[T, None]:
    """Give streams that are to be ended, in no order and spread over ``seconds``; few of them take less time."""
    several = list(streams)
    random.shuffle(several)
    seconds = min(seconds, len(several) / DRAINED_A_SECOND)
    begin = time.monotonic()
    for place, stream in enumerate(several):
        wait = begin + seconds * place / len(several) - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        elif not place % 100:
            await asyncio.sleep(0)
        yield stream
