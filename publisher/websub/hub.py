"""Our own hub (W3C WebSub): takes subscriptions to the channels' page and feeds, and pushes each release to them."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from publisher.websub.asking import BadAskError, read_asked
from publisher.websub.calling import call
from publisher.websub.courier import NotTakenError, Pace
from publisher.websub.leases import Lease, LeaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import aiohttp

    from publisher.websub.asking import Asked
    from publisher.websub.delivery import Deliveries, Topic
    from publisher.websub.leases import Key, Leases

logger = logging.getLogger(__name__)

CHALLENGE_BYTES = 24
VERIFYING = 256
"""Most requests that wait for their subscribers to confirm them."""
VERIFYING_AT_ONE_HOST = 8
"""Most of them with callbacks at one host."""
VERIFYING_FOR_ONE = 16
"""Most of them that one address asked for: whoever names hosts that do not answer, or that no name server knows, leaves
room to others, and threads to look names up in."""
SOON, LATER = 10, 3600
"""Seconds after which who was turned away may ask again: for a moment too many, or for good."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many subscriptions the hub takes: in all, and with callbacks at one host."""

    subscriptions: int = 10_000
    per_host: int = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub says to a request (section 5.2); ``retry_after`` in seconds."""

    status: int
    text: str = ""
    retry_after: int | None = None


class Hub:
    """The hub: who subscribes, and is asked whether they meant it. Pushing is ``deliveries``' part."""

    def __init__(
        self,
        topics: Mapping[str, Topic],
        leases: Leases,
        session: aiohttp.ClientSession,
        deliveries: Deliveries,
        now: Callable[[], datetime],
        *,
        limits: Limits | None = None,
        pace: Pace | None = None,
        delivers: Callable[[], bool] = lambda: True,
    ) -> None:
        """Make a hub.

        Args:
            topics: by their URLs.
            leases: who subscribed before.
            session: of ``open_calls``, to ask subscribers with.
            deliveries: to them.
            now: tells the time, zone-aware.
            limits: how many subscriptions it takes.
            pace: how it calls.
            delivers: tells whether deliveries are this process' business; else another's of this machine.
        """
        self.leases = leases
        self._topics = topics
        self._session = session
        self._now = now
        self._limits = limits or Limits()
        self._pace = pace or Pace()
        self._delivers = delivers
        self.deliveries = deliveries
        self._settling: dict[Key, asyncio.Task[None]] = {}  # the newest request of each pair
        self._tasks: set[asyncio.Task[None]] = set()
        self._hosts: Counter[str] = Counter()  # of the callbacks of requests under way
        self._clients: Counter[str | None] = Counter()  # who asked for these

    async def ask(self, form: Mapping[str, str], client: str | None = None) -> Answer:
        """Take a request; what it asks for is done once the subscriber has confirmed it.

        Args:
            form: that was sent.
            client: the address that asks; None where it may stand for many.
        """
        if form.get("hub.mode") == "publish":
            return self._asked_to_publish(form.get("hub.topic") or form.get("hub.url") or "")
        try:
            asked = read_asked(form)
        except BadAskError as error:
            return Answer(400, str(error))
        try:
            await self.leases.refresh()
        except LeaseError as error:
            logger.error("%s", error)  # noqa: TRY400 one line
            return Answer(503, "the hub has trouble; try again later", SOON)
        refused = self._refused(asked, client)
        if refused is None:
            self._begin(asked, client)
        return refused or Answer(202)

    async def sweep(self) -> None:
        """Drop the leases that have run out, save what was told, deliver what is lacking; to be called now and then."""
        await self._tidy()
        if self._delivers():
            await self.deliveries.resume()

    async def _tidy(self) -> None:
        now = self._now()
        over = [lease.key for lease in self.leases if lease.expires <= now]
        for key in over:
            self.deliveries.dismiss(key)
        try:
            if over:
                await self.leases.drop(*over, expired=now)
            await self.leases.save()
        except LeaseError as error:
            logger.error("%s", error)  # noqa: TRY400 one line

    async def close(self) -> None:
        """End all that is under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        await self.deliveries.close()
        await self._tidy()
        await self.leases.close()

    def _refused(self, asked: Asked, client: str | None) -> Answer | None:
        """Turn a request away that is one too many."""
        if (
            len(self._tasks) >= VERIFYING
            or self._hosts[asked.host] >= VERIFYING_AT_ONE_HOST
            or (client is not None and self._clients[client] >= VERIFYING_FOR_ONE)
        ):
            return Answer(429, "too many requests wait for their subscribers to confirm them; try again", SOON)
        if asked.mode == "subscribe" and self.leases.get((asked.topic, asked.callback)) is None:
            if len(self.leases) >= self._limits.subscriptions:
                return Answer(503, "this hub has all the subscriptions that it takes; try again later", LATER)
            if self.leases.at(asked.host) >= self._limits.per_host:
                return Answer(503, f"{asked.host} has all the subscriptions that this hub gives a host", LATER)
        return None

    def _asked_to_publish(self, topic: str) -> Answer:
        if topic in self._topics:
            return Answer(202, "this hub knows of every release by itself")
        return Answer(400, "this hub pushes the channels of its own server only")

    def _begin(self, asked: Asked, client: str | None) -> None:
        """Settle a request in a task; two of the same pair one after the other, as they came."""
        key, topic = (asked.topic, asked.callback), self._topics.get(asked.topic)
        task = asyncio.create_task(self._settle(asked, self._settling.get(key), topic.state() if topic else None))
        self._settling[key] = task
        self._tasks.add(task)
        self._hosts[asked.host] += 1
        self._clients[client] += 1

        def over(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._hosts -= Counter([asked.host])
            self._clients -= Counter([client])
            if self._settling.get(key) is task:
                del self._settling[key]

        task.add_done_callback(over)

    async def _settle(self, asked: Asked, before: asyncio.Task[None] | None, state: str | None) -> None:
        """Ask the subscriber, then do what it wanted.

        Args:
            asked: the request.
            before: the one of the same pair that is to be settled first.
            state: what the topic showed when the request came; None if there is no such topic.
        """
        if before is not None:
            await asyncio.wait([before])
        try:
            if asked.mode == "subscribe" and state is None:
                await call(self._session, "GET", asked.denial("there is no such topic here"), self._pace.deadline)
            elif not await self._is_meant(asked):
                logger.info("%s did not confirm that it would %s", asked.callback, asked.mode)
            elif asked.mode == "subscribe":
                await self._grant(asked, state or "")
            else:
                self.deliveries.dismiss((asked.topic, asked.callback))
                await self.leases.drop((asked.topic, asked.callback))
        except NotTakenError as error:
            logger.info("a request of %s came to nothing: %s", asked.callback, error)
        except LeaseError as error:
            logger.error("%s", error)  # noqa: TRY400 one line

    async def _is_meant(self, asked: Asked) -> bool:
        """Ask the subscriber whether the request was its own (section 5.3)."""
        challenge = secrets.token_urlsafe(CHALLENGE_BYTES)
        url, most = asked.intent(challenge), len(challenge) + 1
        answer = await call(self._session, "GET", url, self._pace.deadline, most_bytes=most)
        return 200 <= answer.status < 300 and hmac.compare_digest(answer.body, challenge.encode())

    async def _grant(self, asked: Asked, state: str) -> None:
        """Begin a subscription, or put it in the place of the one for the same pair.

        What was released while the subscriber was being asked is its first delivery.
        """
        known = self.leases.get((asked.topic, asked.callback))
        expires = self._now() + timedelta(seconds=asked.lease)
        told = known.told if known is not None else state
        lease = Lease(asked.topic, asked.callback, asked.secret, expires, told)
        await self.leases.put(lease)
        if self._delivers():
            self.deliveries.catch_up(lease.key)
