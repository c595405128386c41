"""The doors: how many streams there may be, in all and to one address, and how many new ones a second."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from aiohttp import web

from publisher.garbage import Garbage
from publisher.measures import tally
from publisher.web.addresses import client_of, counted_as
from publisher.web.problems import again

if TYPE_CHECKING:
    from collections.abc import Callable

    from publisher.web.addresses import Networks

Limit = Literal["in_all", "per_address", "per_second"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Most streams ``in_all``, ``per_address``, and new ones ``per_second``; 0 sets no limit.

    ``trusted`` are the proxies that are believed when they say whom they ask for.
    """

    in_all: int = 0
    per_address: int = 0
    per_second: int = 0
    trusted: Networks = ()


class Doors:
    """Lets streams in.

    Attributes:
        inside: streams that were let in and have not left.
        refused: how many were not let in, by the limit that was reached.
    """

    def __init__(
        self, limits: Limits = Limits(), now: Callable[[], float] = time.monotonic, garbage: Garbage | None = None
    ) -> None:
        self.limits = limits
        self.inside = 0
        self.refused: Counter[Limit] = tally(Limit)
        self._garbage = garbage or Garbage()
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
        address = counted_as(client_of(request, limits.trusted)) if limits.per_address else ""
        if limits.per_address and self._by_address[address] >= limits.per_address:
            raise self._refusal("per_address", f"{address} has {limits.per_address} streams, more than one may have")
        if limits.per_second and not self._take():
            raise self._refusal("per_second", f"more than {limits.per_second} new streams a second")
        self.inside += 1
        self._by_address[address] += 1
        self._garbage.came(self.inside)
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

    def _refusal(self, limit: Limit, detail: str) -> web.HTTPServiceUnavailable:
        self.refused[limit] += 1
        return web.HTTPServiceUnavailable(text=f"{detail}; try again later", headers={"Retry-After": again()})
