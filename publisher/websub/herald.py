"""Telling other people's hubs that a topic has changed: they fetch it and push it to their subscribers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from publisher.websub.calling import call
from publisher.websub.courier import Courier, Lanes, NotTakenError, Pace

if TYPE_CHECKING:
    from collections.abc import Iterable

    import aiohttp

logger = logging.getLogger(__name__)

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Herald:
    """Tells each hub of each topic that changed, in tasks of its own.

    How a hub is told WebSub leaves open (section 6); all that are in use take ``hub.mode=publish`` with ``hub.url``,
    of before it was a standard. Some call it ``hub.topic``, so both are sent.
    """

    def __init__(
        self, hubs: Iterable[str], topics: Iterable[str], session: aiohttp.ClientSession, pace: Pace | None = None
    ) -> None:
        self._session = session
        self._pace = pace or Pace()
        lanes = Lanes()
        # Each hub is called for one topic at a time on its own: what it has to do for one holds up no other.
        self._couriers = {
            (hub, topic): Courier(
                lambda hub=hub, topic=topic: self._tell(hub, topic),  # type: ignore[misc]
                lambda why, hub=hub: logger.warning("gave up telling %s of releases for now: %s", hub, why),  # type: ignore[misc]
                self._pace,
                lanes,
            )
            for hub in hubs
            for topic in topics
        }

    def released(self, *topics: str) -> None:
        """Tell the hubs of topics that have changed; returns at once."""
        for (_, topic), courier in self._couriers.items():
            if topic in topics:
                courier.nudge()

    async def close(self) -> None:
        """End all that is under way."""
        ending = [task for courier in self._couriers.values() if (task := courier.dismiss()) is not None]
        if ending:
            await asyncio.wait(ending)

    async def _tell(self, hub: str, topic: str) -> None:
        body = urlencode({"hub.mode": "publish", "hub.url": topic, "hub.topic": topic}).encode()
        answer = await call(self._session, "POST", hub, self._pace.deadline, body=body, headers=_FORM)
        if not 200 <= answer.status < 300:
            raise NotTakenError(f"it answers {answer.status}", answer.retry_after)
