"""The publisher's sense of time: one steady clock for all decisions, and the conductor's one alarm."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from apscheduler.schedulers.asyncio import AsyncIOScheduler


def _uptime() -> float:
    # Linux's monotonic clock, which the loop goes by, stands still while the machine sleeps.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyTime:
    """Wall-clock moments measured from a clock that nobody sets: steps of the system's clock move nothing.

    Args:
        uptime: tells seconds that only grow, and with the world: also while the machine sleeps.
    """

    def __init__(self, uptime: Callable[[], float] = _uptime) -> None:
        self._uptime = uptime
        self._wall = datetime.now(UTC)
        self._began = uptime()

    def now(self) -> datetime:
        """Tell the moment, zone-aware, in UTC."""
        return self._wall + timedelta(seconds=self._uptime() - self._began)


class Alarm(Protocol):
    """Rings once, at the moment it was last set to."""

    def set(self, at: datetime, ring: Callable[[], None]) -> None:
        """Ring at ``at``, or at once if that has passed; an earlier setting is forgotten."""
        ...

    def cancel(self) -> None:
        """Do not ring."""
        ...


class SchedulerAlarm:
    """An alarm on APScheduler: one ``date`` job under one name, however many cues a reel has.

    A late job still runs (``misfire_grace_time=None``): APScheduler would else drop it silently after one second.
    """

    def __init__(self, scheduler: AsyncIOScheduler, name: str, now: Callable[[], datetime]) -> None:
        self._scheduler = scheduler
        self._name = name
        self._now = now

    def set(self, at: datetime, ring: Callable[[], None]) -> None:
        """Ring at ``at`` of the steady time; the scheduler counts in the system's."""

        async def job() -> None:  # a coroutine runs on the loop; APScheduler gives plain functions to a thread
            ring()

        self._scheduler.add_job(
            job,
            "date",
            run_date=datetime.now(UTC) + max(at - self._now(), timedelta()),
            id=self._name,
            replace_existing=True,
            misfire_grace_time=None,
            coalesce=True,
            max_instances=8,  # a job set while its predecessor is ending must not be refused
        )

    def cancel(self) -> None:
        """Take the job away if it is there."""
        if self._scheduler.get_job(self._name) is not None:
            self._scheduler.remove_job(self._name)
