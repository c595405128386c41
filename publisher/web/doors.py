"""The doors: how many streams there may be, in all and to one address, and how many new ones a second."""

from __future__ import annotations

import gc
import random
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

RESERVED_FILES = 256
"""Open files kept for documents, the log and all else when streams may have the rest."""
AGAIN_SECONDS = 5
"""After how many seconds who was refused may ask again; up to twice as long, so that not all come at once."""
SETTLED = 1_000
"""New streams after which what is alive is taken out of the garbage collector's sight: among 10,000 of them a full
collection holds the loop for 60 ms. What a stream was made of is freed when it is gone, collector or no."""
_NETWORK_BITS = 64
"""Of an IPv6 address: what one household or machine has."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Most streams ``in_all``, ``per_address``, and new ones ``per_second``; 0 sets no limit.

    ``trusted`` are the proxies that are believed when they say whom they ask for.
    """

    in_all: int = 0
    per_address: int = 0
    per_second: int = 0
    trusted: tuple[IPv4Network | IPv6Network, ...] = ()


class Doors:
    """Lets streams in.

    Attributes:
        inside: streams that were let in and have not left.
        refused: how many were not let in, by the limit that was reached.
    """

    def __init__(self, limits: Limits = Limits(), now: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.inside = 0
        self.refused: Counter[Literal["in_all", "per_address", "per_second"]] = Counter()
        self._admitted = 0
        self._now = now
        self._by_address: Counter[str] = Counter()
        self._allowance = float(limits.per_second)  # a bucket of one second's worth, which fills as time goes by
        self._filled = now()

    def admit(self, request: web.Request) -> Callable[[], None]:
        """Let one stream in; what is given is to be called once when it has left.

        Raises:
            HTTPServiceUnavailable: a limit is reached; ``Retry-After`` says when to try again. (A browser's EventSource
                gives up at any answer but 200 and 204: its page must begin anew.)
        """
        limits = self.limits
        if limits.in_all and self.inside >= limits.in_all:
            raise self._refusal("in_all", f"all {limits.in_all} streams of this server are taken")
        address = _counted_as(client_of(request, limits.trusted)) if limits.per_address else ""
        if limits.per_address and self._by_address[address] >= limits.per_address:
            raise self._refusal("per_address", f"{address} has {limits.per_address} streams, more than one may have")
        if limits.per_second and not self._take():
            raise self._refusal("per_second", f"more than {limits.per_second} new streams a second")
        self.inside += 1
        self._by_address[address] += 1
        self._admitted += 1
        if not self._admitted % SETTLED:
            gc.collect(1)  # not what is garbage already
            gc.freeze()
        return partial(self._leave, address)

    def _leave(self, address: str) -> None:
        self.inside -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def _take(self) -> bool:
        now, most = self._now(), self.limits.per_second
        self._allowance = min(float(most), self._allowance + (now - self._filled) * most)
        self._filled = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _refusal(
        self, limit: Literal["in_all", "per_address", "per_second"], detail: str
    ) -> web.HTTPServiceUnavailable:
        self.refused[limit] += 1
        again = AGAIN_SECONDS + random.randrange(AGAIN_SECONDS + 1)  # noqa: S311 no secret
        return web.HTTPServiceUnavailable(text=f"{detail}; try again later", headers={"Retry-After": str(again)})


def client_of(request: web.Request, trusted: tuple[IPv4Network | IPv6Network, ...]) -> str:
    """Tell who asks: the peer, or, where that is a trusted proxy, the last one that no trusted proxy stands for.

    ``X-Forwarded-For`` goes before ``Forwarded`` (RFC 7239): a proxy that knows only the former passes the latter on
    from anybody.
    """
    peer = request.remote or ""
    named = [name.strip() for line in request.headers.getall("X-Forwarded-For", ()) for name in line.split(",")]
    if not named:
        named = [element.get("for", "") for element in request.forwarded]
    for name in reversed(named):
        address = _address(peer)
        if address is None or not any(address in network for network in trusted):
            break
        if _address(name) is None:
            break  # "unknown", or made up: the proxy that said so is all that is known
        peer = name
    found = _address(peer)
    return str(found) if found is not None else peer


def _address(name: str) -> IPv4Address | IPv6Address | None:
    """Read an address, with or without brackets and a port."""
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    try:
        address = ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _counted_as(client: str) -> str:
    """Give the network that counts as one: an IPv6 address is one of the many that its holder has."""
    address = _address(client)
    if address is None or address.version == 4:
        return client
    kept = int(address) >> (128 - _NETWORK_BITS) << (128 - _NETWORK_BITS)
    return f"{type(address)(kept)}/{_NETWORK_BITS}"
