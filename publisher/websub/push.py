"""All the pushing of one server: its own hub, and the hubs of others that it tells."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from publisher.editions import PRINTINGS
from publisher.lock import MachineLock
from publisher.log.opening import log_path
from publisher.websub.calling import open_calls
from publisher.websub.courier import FAILING, QUICK, SLOW
from publisher.websub.delivery import Deliveries, Topic
from publisher.websub.herald import Herald
from publisher.websub.hub import Hub, Limits
from publisher.websub.leases import Leases
from shared.event import ClockEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    import aiohttp

    from publisher.channel import Channel
    from publisher.config import WebSubSettings
    from publisher.websub.courier import Pace
    from shared.event import Logged


def hubs_of(settings: WebSubSettings, server: str) -> tuple[str, ...]:
    """List the URLs of the hubs that documents name: our own first; ``server`` is our own public URL."""
    return (*((f"{server}/hub",) if settings.hub else ()), *settings.hubs)


def leases_path(log: str) -> str:
    """Tell where the leases of a log's channels are kept: beside the log's file, or like it in memory."""
    path = log_path(log)
    return ":memory:" if path is None else path + ".websub"


class Push:
    """The hub, if the server has one, and the herald. Both are told of releases by the presses."""

    def __init__(
        self, lock: MachineLock, hub: Hub | None, herald: Herald, sessions: Sequence[aiohttp.ClientSession]
    ) -> None:
        self._lock = lock
        self.hub = hub
        self._herald = herald
        self._sessions = sessions

    @classmethod
    def open(
        cls,
        settings: WebSubSettings,
        server: str,
        path: str,
        channels: Iterable[Channel],
        *,
        now: Callable[[], datetime],
        pace: Pace | None = None,
    ) -> Push:
        """Open the leases at ``path`` and listen to the channels' presses.

        Of several processes over one file, which are served by one address, each takes subscriptions; one pushes.

        Raises:
            UsageError, LeaseError, LockError: the file cannot be used.
        """
        lock = MachineLock(f"{path}.lock" if path != ":memory:" else None)
        leases = Leases.open(path) if settings.hub else None
        topics = {channel: _topics(channel) for channel in channels}
        every = {url: topic for of_channel in topics.values() for url, topic in of_channel.items()}
        sessions = [open_calls(allow_private=True)]  # for hubs that the configuration names
        herald = Herald(settings.hubs, every, sessions[0], pace)
        hub = None
        if leases is not None:
            limits = Limits(settings.max_subscriptions, settings.max_per_host)
            # Whoever asks for a subscription names a host of their choice: its name server holds up no delivery.
            asking = open_calls(allow_private=settings.allow_private)
            delivering = open_calls(allow_private=settings.allow_private, lookups=QUICK + SLOW + FAILING)
            sessions += [asking, delivering]
            deliveries = Deliveries(f"{server}/hub", every, leases, delivering, now=now, pace=pace)
            hub = Hub(every, leases, asking, deliveries, now, limits=limits, pace=pace, delivers=lock.take)
        push = cls(lock, hub, herald, sessions)
        for channel, of_channel in topics.items():
            channel.press.listeners.append(partial(push.pressed, tuple(of_channel)))
        return push

    async def start(self) -> None:
        """Begin to push: first to who lacks what was released while no process ran."""
        if self.hub is not None and self._lock.take():
            await self.hub.deliveries.resume()

    def pressed(self, topics: Sequence[str], batch: Sequence[Logged]) -> None:
        """Push what a press has just made; a clock that was only set is no release, but the end is one."""
        if all(isinstance(logged.event, ClockEvent) and logged.event.state != "ended" for logged in batch):
            return
        if not self._lock.take():
            return
        self._herald.released(*topics)
        if self.hub is not None:
            self.hub.deliveries.changed(*topics)

    async def sweep(self) -> None:
        """Drop what has run out, deliver what is lacking; to be called now and then."""
        if self.hub is not None:
            await self.hub.sweep()

    async def close(self) -> None:
        """End all that is under way."""
        if self.hub is not None:
            await self.hub.close()
        await self._herald.close()
        for session in self._sessions:
            await session.close()
        self._lock.close()


def _topics(channel: Channel) -> dict[str, Topic]:
    """List what of a channel can be subscribed to, by URL: every document that shows its window."""
    return {
        channel.address.root + ("" if name == "page" else name): Topic(
            partial(channel.editions.get, name), partial(_state, channel)
        )
        for name in PRINTINGS
    }


def _state(channel: Channel) -> str:
    changed = channel.press.shelf.changed
    return changed.isoformat() if changed is not None else ""
