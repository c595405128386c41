"""Deliveries of our own hub: each subscriber has a courier that brings it the topic as it then is."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from publisher.websub.asking import signature
from publisher.websub.calling import call
from publisher.websub.courier import Courier, GoneError, Lanes, NotTakenError, Pace
from publisher.websub.leases import LeaseError
from shared.errors import NewsreelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import aiohttp

    from publisher.editions import Edition
    from publisher.websub.leases import Key, Leases

logger = logging.getLogger(__name__)

SLICE = 8
"""Subscribers whose deliveries are begun without a pause: some milliseconds, as each body is signed and sent."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What can be subscribed to.

    Attributes:
        edition: gives the document as it now is.
        state: names what it shows, so that a restart knows who lacks something.
    """

    edition: Callable[[], Edition]
    state: Callable[[], str]


class Deliveries:
    """Brings topics to their subscribers. The press only says what has changed; all else is done in tasks."""

    def __init__(
        self,
        hub: str,
        topics: Mapping[str, Topic],
        leases: Leases,
        session: aiohttp.ClientSession,
        *,
        now: Callable[[], datetime],
        pace: Pace | None = None,
    ) -> None:
        self.delivered = self.failed = 0
        """Tries that were taken, and that were not, since the start."""
        self._hub = hub
        self._topics = topics
        self._leases = leases
        self._session = session
        self._now = now
        self._pace = pace or Pace()
        self._lanes = Lanes()
        self._couriers: dict[Key, Courier] = {}
        self._changed: dict[str, None] = {}  # topics whose subscribers are still to be nudged
        self._nudging: asyncio.Task[None] | None = None
        self._dropping: set[asyncio.Task[None]] = set()

    async def resume(self) -> None:
        """Take up where another process stood: who lacks what was released since gets it now."""
        await self._refresh()
        for key in self._couriers.keys() - {lease.key for lease in self._leases}:
            self.dismiss(key)  # another process has dropped it
        for place, lease in enumerate(self._leases, 1):
            self.catch_up(lease.key)
            if place % SLICE == 0:
                await asyncio.sleep(0)

    def changed(self, *topics: str) -> None:
        """Deliver topics that have changed; returns at once, however many subscribed."""
        self._changed |= dict.fromkeys(topics)
        if self._nudging is None:
            self._nudging = asyncio.create_task(self._nudge_all(), name="hub")

    def catch_up(self, key: Key) -> None:
        """Deliver to one subscriber, if it lacks anything that is not on its way."""
        lease, topic, courier = self._leases.get(key), self._topics.get(key[0]), self._couriers.get(key)
        if courier is not None and courier.busy:
            return
        if lease is not None and topic is not None and lease.told != topic.state():
            self._nudge(key)

    def dismiss(self, key: Key) -> None:
        """Deliver no more to a subscriber; what is under way is broken off."""
        courier = self._couriers.pop(key, None)
        if courier is not None:
            courier.dismiss()

    async def close(self) -> None:
        """End all that is under way. What was not delivered is delivered after the next start."""
        ending = [task for courier in self._couriers.values() if (task := courier.dismiss()) is not None]
        self._couriers.clear()
        if self._nudging is not None:
            self._nudging.cancel()
            ending.append(self._nudging)
        ending += self._dropping
        if ending:
            await asyncio.wait(ending)

    async def _nudge_all(self) -> None:
        try:
            while self._changed:
                topics, self._changed = self._changed, {}
                await self._refresh()  # once for all: each costs a thread's turn while streams are written to
                for place, key in enumerate((key for topic in topics for key in self._leases.of(topic)), 1):
                    self._nudge(key)
                    if place % SLICE == 0:
                        await asyncio.sleep(0)
        finally:
            self._nudging = None

    async def _refresh(self) -> None:
        try:
            await self._leases.refresh()
        except LeaseError as error:
            logger.error("%s", error)  # noqa: TRY400 one line

    def _nudge(self, key: Key) -> None:
        courier = self._couriers.get(key)
        if courier is None:
            courier = Courier(lambda: self._bring(key), lambda why: self._give_up(key, why), self._pace, self._lanes)
            self._couriers[key] = courier
        courier.nudge()

    async def _bring(self, key: Key) -> None:
        """Send a topic as it now is (section 7): its own bytes and media type, signed if a secret was given.

        Raises:
            NotTakenError: the subscriber did not take it.
            GoneError: it wants no more.
        """
        lease, topic = self._leases.get(key), self._topics.get(key[0])
        if lease is None or topic is None or lease.expires <= self._now():
            return
        edition, state = topic.edition(), topic.state()
        headers = {
            "Content-Type": edition.media_type,
            "Link": f'<{self._hub}>; rel="hub", <{lease.topic}>; rel="self"',
        }
        if lease.secret is not None:
            headers["X-Hub-Signature"] = signature(lease.secret, edition.body)
        seconds = self._pace.deadline
        try:
            answer = await call(self._session, "POST", lease.callback, seconds, body=edition.body, headers=headers)
            if answer.status == 410:
                raise GoneError("it answers 410 Gone")
            if not 200 <= answer.status < 300:
                raise NotTakenError(f"it answers {answer.status}", answer.retry_after)
        except NewsreelError:
            self.failed += 1
            raise
        self.delivered += 1
        self._leases.tell(key, state)

    def _give_up(self, key: Key, why: str) -> None:
        logger.info("dropped the subscription of %s: %s", key[1], why)
        self._couriers.pop(key, None)
        task = asyncio.create_task(self._drop(key))
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)

    async def _drop(self, key: Key) -> None:
        try:
            await self._leases.drop(key)
        except LeaseError as error:
            logger.error("%s", error)  # noqa: TRY400 one line
