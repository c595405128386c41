"""Couriers: each brings the news to one place, in its own time. A dead or slow place holds nobody else up."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.backoff import Backoff
from shared.errors import NewsreelError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

QUICK, SLOW, FAILING = 64, 128, 64
"""Tries under way at once in each lane."""


class NotTakenError(NewsreelError):
    """The news were not taken; later they may be. ``retry_after``: seconds that the place asked for."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class GoneError(NewsreelError):
    """The place wants no news any more."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How couriers go about it, in seconds.

    Attributes:
        first: bound of the first wait after a failure; it doubles with each.
        longest: bound of every wait.
        patience: after failing for so long without a break a courier gives up.
        slow: a place that takes longer than this waits for its next turn among its like.
        deadline: longest time for one try.
    """

    first: float = 1.0
    longest: float = 3600.0
    patience: float = 24 * 3600.0
    slow: float = 1.0
    deadline: float = 20.0


@dataclass(frozen=True)
class Lanes:
    """How many tries may be under way at once, at places that were quick the last time, slow, or that failed.

    So whoever is quick waits for the quick only: a try that turns out to be slow leaves their lane when it does.
    """

    quick: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(QUICK))
    slow: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SLOW))
    failing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FAILING))


class Courier:
    """Brings one place what is newest, again after each ``nudge``; one try at a time, so that all arrives in order.

    News that come while one try is under way, or while it waits to try again, go together in the next: what is kept of
    a slow place is one number, however much it misses.
    """

    def __init__(
        self, bring: Callable[[], Awaitable[None]], give_up: Callable[[str], None], pace: Pace, lanes: Lanes
    ) -> None:
        """Make a courier.

        Args:
            bring: takes the newest there; raises NotTakenError or GoneError.
            give_up: called with the reason when it is not tried any more; a later nudge begins anew.
            pace: how.
            lanes: shared with others.
        """
        self._bring = bring
        self._give_up = give_up
        self._pace = pace
        self._lanes = lanes
        self._wanted = 0
        self._task: asyncio.Task[None] | None = None
        self._lane = lanes.quick

    def nudge(self) -> None:
        """Tell that there are news."""
        self._wanted += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="courier")

    @property
    def busy(self) -> bool:
        """Tell whether there is anything that it has yet to bring."""
        return self._task is not None

    def dismiss(self) -> asyncio.Task[None] | None:
        """End; gives the task that is ending, if there is one."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff(self._pace.first, longest=self._pace.longest)
        failing_since: float | None = None
        try:
            brought = self._wanted - 1
            while brought != self._wanted:
                aim = self._wanted
                try:
                    await self._try()
                except NotTakenError as error:
                    reason, retry_after = str(error), error.retry_after
                else:
                    brought, failing_since, backoff = aim, None, backoff.healthy()
                    continue
                failing_since = loop.time() if failing_since is None else failing_since
                if loop.time() - failing_since > self._pace.patience:
                    self._give_up(reason)
                    return
                await asyncio.sleep(backoff.wait(random.random(), min(retry_after or 0.0, self._pace.longest)))  # noqa: S311
                backoff = backoff.failed()
        except GoneError as error:
            self._give_up(str(error))
        finally:
            self._task = None

    async def _try(self) -> None:
        lanes, lane, loop = self._lanes, self._lane, asyncio.get_running_loop()
        self._lane = lanes.failing  # until it has succeeded
        async with lane:
            began = loop.time()
            if lane is not lanes.quick:
                await self._bring()
                self._lane = lanes.slow if loop.time() - began > self._pace.slow else lanes.quick
                return
            bringing = asyncio.ensure_future(self._bring())
            try:
                await asyncio.wait([bringing], timeout=self._pace.slow)
            except asyncio.CancelledError:
                bringing.cancel()
                raise
        await self._see_through(bringing)

    async def _see_through(self, bringing: asyncio.Future[None]) -> None:
        """Wait for a try that has left the quick lane: it is over, or it is slow."""
        try:
            if bringing.done():
                bringing.result()
                self._lane = self._lanes.quick
            elif self._lanes.slow.locked():
                raise NotTakenError("it is slow, and so are too many others")
            else:
                async with self._lanes.slow:
                    await bringing
                self._lane = self._lanes.slow
        finally:
            bringing.cancel()
