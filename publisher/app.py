"""The server: every channel of the settings, over one log, one library, one scheduler and one site."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import UTC
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from publisher.filing import Opening
from publisher.garbage import Garbage
from publisher.library import Library, library_path
from publisher.listening import (
    ACCEPTED_AT_ONCE,
    BACKLOG,
    listen,
    raise_file_limit,
    shared_out,
    tell_of_exhaustion,
    url_of,
)
from publisher.log.opening import open_store
from publisher.metrics import Metrics
from publisher.opener import Opener
from publisher.replay.alarm import SchedulerAlarm, SteadyTime
from publisher.web.clients import Clients, Room
from publisher.web.doors import Doors, Limits
from publisher.web.problems import LONGEST_URL
from publisher.web.site import Site
from publisher.web.waiting import waiting_room
from publisher.websub.push import Push, leases_path
from shared.errors import NewsreelError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Mapping

    from publisher.channel import Channel
    from publisher.config import Settings
    from publisher.sources.reading import Reading
    from publisher.token import Token

logger = logging.getLogger(__name__)
_http_log = logging.getLogger("publisher.http")
# Who sends what is no HTTP is told so, and no line of ours is needed: on the open internet there is one a minute.
_NO_HTTP = (HttpProcessingError, web.RequestPayloadError)
_http_log.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], _NO_HTTP)))

SHUTDOWN_SECONDS = 5.0
"""How long running answers may take when the server ends; streams are ended before."""
MEMORY_KEEPS = 100_000
"""Events that a log in memory keeps a channel: a live one would else grow for ever."""


class Server:
    """A running server. ``start``, then ``failed`` to wait on, then, whatever happened, ``stop``."""

    def __init__(self, settings: Settings, readings: Mapping[str, Reading], token: Token | None = None) -> None:
        self._settings = settings
        self._token = token
        self._readings = readings
        self._ends = AsyncExitStack()  # what is to be closed, however far the server was started
        self._tasks: list[asyncio.Task[None]] = []
        self._site: Site | None = None
        self._listening: asyncio.Server | None = None
        self.channels: dict[str, Channel] = {}
        self.metrics: Metrics | None = None
        self.url = ""
        """The public URL of the server, without a trailing slash."""
        self.local_url = ""
        """The URL under which this machine reaches it."""
        self.host = settings.server.host

    async def start(self, told: Callable[[float], None] = lambda _: None) -> None:
        """Listen, and begin to release. Until it can, the address answers that it lives, and how far it is.

        Args:
            told: is told now and then which share of what the library lacks is filed.

        Raises:
            CannotListenError: the port is taken, or the address is not this machine's.
            LogError: the log cannot be opened.
        """
        server, streams, log = self._settings.server, self._settings.streams, self._settings.log.url
        sock = listen(server.host, server.port)
        self._ends.callback(sock.close)
        files = shared_out(raise_file_limit())
        self.local_url = url_of(sock, server.host)
        self.url = server.public_url or self.local_url
        garbage, steady = Garbage(), SteadyTime()
        opening = Opening(len(self._settings.channels))
        opening.told = told
        async with waiting_room(sock, opening.__str__):
            store = await open_store(log)
            self._ends.push_async_callback(store.close)
            library = Library.open(library_path(log), store.epoch)
            self._ends.callback(library.close)
            opener = Opener(self._settings, self.url, store, library, steady.now)
            self._ends.callback(opener.close)
            for name, settings in self._settings.channels.items():
                opening.begin(name)
                reading = None if settings.mode == "live" else self._readings[name]
                self.channels[name] = await opener.ready(name, reading, opening.filed)
        push = Push.open(self._settings.websub, self.url, leases_path(log), self.channels.values(), now=steady.now)
        self._ends.push_async_callback(push.close)
        limits = Limits(
            min(streams.most or files.streams, files.streams),
            streams.most_per_address,
            streams.new_per_second,
            streams.trusted_proxies,
        )
        doors = Doors(limits, garbage=garbage)
        site = self._site = Site(
            self.channels, steady.now, self._token, push.hub, doors, compress_streams=streams.compress
        )
        if server.metrics:
            self.metrics = Metrics(self.channels, opener.appends, doors, site.reruns, push.hub)
        clients = await self._answering(site, files.in_all)
        garbage.collect()  # not later: it takes 50 ms
        for channel in self.channels.values():
            await channel.open(steady.now())  # now clocks run: whatever comes before _run makes the first posts late
        await self._let_in(sock, clients)
        self._run(site, steady, push)
        await push.start()
        garbage.settle()

    async def failed(self) -> None:
        """Wait until a part of the server fails; then raise its error."""
        pending: set[asyncio.Task[None]] = set(self._tasks)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        await asyncio.Event().wait()

    async def drain(self) -> None:
        """Take no more connections, and end the streams one after the other, while releases go on for the others."""
        if self._site is None or self._listening is None:
            return
        self._site.ready = False
        self._listening.close()
        seconds = self._settings.streams.drain_seconds
        streams = [channel.fanout.drain(seconds) for channel in self.channels.values()]
        streams.append(self._site.reruns.drain(seconds))
        await asyncio.gather(*streams)

    async def stop(self) -> None:
        """End in order, however far it was started: no more releases, no more connections, the streams, the log."""
        if self._site is not None:
            self._site.ready = False
        await self._ends.aclose()

    async def _answering(self, site: Site, files: int) -> Clients:
        """Prepare to answer as many clients as so many open files bear."""
        server, application = self._settings.server, site.application(self.metrics)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS)
        self._ends.push_async_callback(runner.cleanup)
        await runner.setup()
        assert runner.server is not None  # noqa: S101 setup() made it
        clients = Clients(
            runner.server,
            Room(
                server.most_connections,
                server.most_connections_per_address,
                self._settings.streams.trusted_proxies,
                files,
            ),
            lambda: site.doors.inside,
            access_log=None,
            logger=_http_log,
            max_line_size=2 * LONGEST_URL,  # what is longer by less still gets an answer of ours
        )
        if self.metrics is not None:
            self.metrics.clients = clients
        return clients

    async def _let_in(self, sock: socket.socket, clients: Clients) -> None:
        """Answer who connects to a socket."""
        loop = asyncio.get_running_loop()
        tell_of_exhaustion(loop)
        self._listening = await loop.create_server(clients, sock=sock, backlog=ACCEPTED_AT_ONCE)
        self._ends.callback(self._listening.close)
        sock.listen(BACKLOG)  # asyncio takes one number for both

    def _run(self, site: Site, steady: SteadyTime, push: Push) -> None:
        """Begin what goes on by itself: releases, streams, and what is done each minute."""
        self._ends.push_async_callback(self._end_tasks)
        scheduler = AsyncIOScheduler(timezone=UTC)
        scheduler.start()
        self._ends.callback(scheduler.shutdown, wait=False)
        for chore in (self._prune, push.sweep):
            scheduler.add_job(chore, "interval", minutes=1, misfire_grace_time=None, coalesce=True)
        streams, beat = self._settings.streams, self._settings.server.heartbeat.total_seconds()
        life = streams.life.total_seconds() if streams.life is not None else 0.0
        site.reruns.beat, site.reruns.life = beat, life
        for channel in self.channels.values():
            channel.fanout.beat, channel.fanout.life, channel.fanout.joining = beat, life, streams.join
            self._begin(channel.press.run(), f"press of {channel.name}")
            alarm = SchedulerAlarm(scheduler, f"next cue of {channel.name}", steady.now)
            self._begin(channel.conduct(alarm, steady.now), f"conductor of {channel.name}")
            if channel.watcher is not None:
                self._begin(channel.watcher.run(steady.now), f"watcher of {channel.name}")

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SHUTDOWN_SECONDS)

    async def _prune(self) -> None:
        keep = self._settings.log.keep or (MEMORY_KEEPS if self._settings.log.url.startswith("memory:") else 0)
        for name, channel in self.channels.items():
            # An archive never grows, and what it forgot would be released again at the next start.
            archive = self._settings.channels[name].mode == "archive"
            try:
                await channel.prune(0 if archive else keep)
            except NewsreelError as error:
                logger.warning("cannot forget the old events of %s: %s", name, error)
