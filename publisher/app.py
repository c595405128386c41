"""The server: every channel of the settings, over one log, one library, one scheduler and one site."""

from __future__ import annotations

import asyncio
import gc
import logging
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from publisher.channel import Channel
from publisher.desk import begin_live, spare_written
from publisher.filing import Opening
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
from publisher.lock import MachineLock
from publisher.log.opening import open_store
from publisher.log.timed import TimedLog
from publisher.metrics import Metrics
from publisher.reel import Reel
from publisher.render.snapshot import Address, Brand
from publisher.replay.alarm import SchedulerAlarm, SteadyTime
from publisher.replay.conductor import Conductor, Score, release_all
from publisher.scene import Billing
from publisher.watch.watcher import Watcher, origin_of, watch_lock_path
from publisher.web.clients import Clients, Room
from publisher.web.doors import Limits
from publisher.web.problems import LONGEST_URL
from publisher.web.site import Site
from publisher.web.waiting import waiting_room
from publisher.websub.push import Push, hubs_of, leases_path
from publisher.when import spoken
from shared.errors import NewsreelError, UsageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import date

    from publisher.config import ChannelSettings, Settings
    from publisher.library import Shelf
    from publisher.listening import Files
    from publisher.log.contract import EventLog, LogStore
    from publisher.measures import Histogram
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


class NothingToReplayError(UsageError):
    """The replay would be over before it begins."""


class Server:
    """A running server. ``start``, then ``failed`` to wait on, then, whatever happened, ``stop``."""

    def __init__(self, settings: Settings, readings: Mapping[str, Reading], token: Token | None = None) -> None:
        self._settings = settings
        self._token = token
        self._readings = readings
        self._opening = Opening(len(settings.channels))
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None
        self._socket: socket.socket | None = None
        self._listening: asyncio.Server | None = None
        self._store: LogStore | None = None
        self._library: Library | None = None
        self._site: Site | None = None
        self._brand: Brand | None = None
        self._push: Push | None = None
        self._watching: MachineLock | None = None
        """Of the processes over one log the one that holds it watches the sources of live channels."""
        self._appends: dict[str, Histogram] = {}
        self.channels: dict[str, Channel] = {}
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
        server = self._settings.server
        files = shared_out(raise_file_limit())
        self._socket = listen(server.host, server.port)
        self.local_url = url_of(self._socket, server.host)
        self.url = server.public_url or self.local_url
        name = server.publisher or urlsplit(self.url).hostname or "localhost"
        self._brand = Brand(name, server.logo or f"{self.url}/icon.svg")
        steady = SteadyTime()
        self._opening.told = told
        gc.collect()  # not later: it takes 50 ms, by which a replay whose clock runs would let its first post wait
        async with waiting_room(self._socket, self._opening.__str__):
            self._store = await open_store(self._settings.log.url)
            self._library = Library.open(library_path(self._settings.log.url), self._store.epoch)
            for name, channel in self._settings.channels.items():
                self._opening.begin(name)
                self.channels[name] = await self._open(name, channel, steady)
        self._push = Push.open(
            self._settings.websub,
            self.url,
            leases_path(self._settings.log.url),
            self.channels.values(),
            now=steady.now,
        )
        await self._serve(steady, self._push, files)
        await self._push.start()
        self._run(steady)
        gc.freeze()  # what is there to stay need not be looked through again and again

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
        """End in order, however far it was started: no more releases, the streams, no more connections, the log."""
        if self._site is not None:
            self._site.ready = False
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await self._end_tasks()
        if self._push is not None:
            await self._push.close()
        for channel in self.channels.values():
            channel.fanout.close()
        if self._listening is not None:
            self._listening.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._socket is not None:
            self._socket.close()
        if self._library is not None:
            self._library.close()
        if self._store is not None:
            await self._store.close()

    async def _serve(self, steady: SteadyTime, push: Push, files: Files) -> None:
        """Answer who connects."""
        assert self._socket is not None  # noqa: S101 start() set it
        server, streams = self._settings.server, self._settings.streams
        metrics = Metrics(self.channels, self._appends, push.hub) if server.metrics else None
        limits = Limits(
            min(streams.most or files.streams, files.streams),
            streams.most_per_address,
            streams.new_per_second,
            streams.trusted_proxies,
        )
        site = self._site = Site(
            self.channels,
            steady.now,
            self._token,
            push.hub,
            limits,
            compress_streams=streams.compress,
            metrics=metrics,
        )
        self._runner = web.AppRunner(site.application(), handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        assert self._runner.server is not None  # noqa: S101 setup() made it
        clients = Clients(
            self._runner.server,
            Room(server.most_connections, server.most_connections_per_address, streams.trusted_proxies, files.in_all),
            lambda: site.doors.inside,
            access_log=None,
            logger=_http_log,
            max_line_size=2 * LONGEST_URL,  # what is longer by less still gets an answer of ours
        )
        if metrics is not None:
            metrics.clients = clients
        loop = asyncio.get_running_loop()
        tell_of_exhaustion(loop)
        self._listening = await loop.create_server(clients, sock=self._socket, backlog=ACCEPTED_AT_ONCE)
        self._socket.listen(BACKLOG)  # asyncio takes one number for both

    def _run(self, steady: SteadyTime) -> None:
        """Begin what goes on by itself: releases, streams, and what is done each minute."""
        assert self._site is not None  # noqa: S101 start() set it
        assert self._push is not None  # noqa: S101
        self._scheduler.start()
        for chore in (self._prune, self._push.sweep):
            self._scheduler.add_job(chore, "interval", minutes=1, misfire_grace_time=None, coalesce=True)
        streams, beat = self._settings.streams, self._settings.server.heartbeat.total_seconds()
        life = streams.life.total_seconds() if streams.life is not None else 0.0
        self._site.reruns.beat, self._site.reruns.life = beat, life
        for channel in self.channels.values():
            channel.fanout.beat, channel.fanout.life, channel.fanout.joining = beat, life, streams.join
            self._begin(channel.press.run(), f"press of {channel.name}")
            alarm = SchedulerAlarm(self._scheduler, f"next cue of {channel.name}", steady.now)
            self._begin(channel.conduct(alarm, steady.now), f"conductor of {channel.name}")
            if channel.watcher is not None:
                self._begin(channel.watcher.run(steady.now), f"watcher of {channel.name}")

    async def _open(self, name: str, settings: ChannelSettings, steady: SteadyTime) -> Channel:
        assert self._store is not None  # noqa: S101 start() set it
        assert self._library is not None  # noqa: S101
        log, shelf = TimedLog(self._store.channel(name)), self._library.shelf(name)
        self._appends[name] = log.appends
        if settings.mode == "live":
            return await self._open_live(log, shelf, name, settings, steady)
        await spare_written(log, name)
        reading = self._readings[name]
        reel = Reel((told.event for told in reading.told), max_gap=settings.max_gap)
        if settings.until is not None:
            reel = reel.until(settings.until)
        address = self._address(name, reel.start.date())
        billing = Billing(
            title=settings.title or reading.header.title or name,
            mode=settings.mode,
            language=settings.language or reading.header.language,
            first_day=reel.start.date(),
            opened=steady.now(),
            window=settings.window,
            began=reel.start,
            brand=self._brand,
        )
        if settings.mode == "archive":
            await release_all(reel, log, steady.now())
            channel = Channel(log, shelf, address, billing, settings.dates)
        else:
            conductor = Conductor(reel, _score(name, settings, reel), log)
            channel = Channel(
                log, shelf, address, billing, settings.dates, reel=reel, conductor=conductor, ids=settings.loop_ids
            )
        await channel.open(steady.now(), self._opening.filed)
        return channel

    async def _open_live(
        self, log: EventLog, shelf: Shelf, name: str, settings: ChannelSettings, steady: SteadyTime
    ) -> Channel:
        source = settings.source[0] if settings.source else ""
        beginning = await begin_live(log, steady.now(), source)
        billing = Billing(
            title=settings.title or name,
            mode="live",
            language=settings.language or None,
            first_day=None,  # it goes on for as many days as it likes
            opened=steady.now(),
            window=settings.window,
            began=beginning.moment,
            brand=self._brand,
        )
        address = self._address(name, beginning.moment.date())
        channel = Channel(log, shelf, address, billing, settings.dates, live=beginning)
        await channel.open(steady.now(), self._opening.filed)
        if channel.desk is not None and settings.watched:
            if self._watching is None:
                self._watching = MachineLock(watch_lock_path(self._settings.log.url))
            origin = origin_of(settings.intake, self._settings.server.public_url)
            channel.watcher = Watcher(
                settings.intake,
                settings.poll,
                channel.desk,
                log=log,
                press=channel.press,
                beginning=beginning,
                lock=self._watching,
                origin=origin,
                named=bool(settings.title),
            )
        return channel

    def _address(self, name: str, first_day: date) -> Address:
        authority = urlsplit(self.url).hostname or "localhost"
        address = Address.of(f"{self.url}/{name}/", name, authority, first_day)
        return replace(address, hubs=hubs_of(self._settings.websub, self.url))

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SHUTDOWN_SECONDS)
        self._tasks.clear()
        if self._watching is not None:
            self._watching.close()

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _prune(self) -> None:
        keep = self._settings.log.keep or (MEMORY_KEEPS if self._settings.log.url.startswith("memory:") else 0)
        for name, channel in self.channels.items():
            # An archive never grows, and what it forgot would be released again at the next start.
            archive = self._settings.channels[name].mode == "archive"
            try:
                await channel.prune(0 if archive else keep)
            except NewsreelError as error:
                logger.warning("cannot forget the old events of %s: %s", name, error)


def _score(name: str, settings: ChannelSettings, reel: Reel) -> Score:
    begin = reel.locate(settings.begin) if settings.begin is not None else 0.0
    asked = "from"
    if settings.lead and (lead := reel.lead(settings.lead)) >= begin:
        begin, asked = lead, "lead"
    if begin >= reel.duration and (settings.begin is not None or settings.lead):
        end = spoken(reel.story_time(reel.duration))
        mend = "give an earlier from" if asked == "from" else "give a smaller lead"
        raise NothingToReplayError(f"channel {name}: it would begin at its end, {end}; {mend}")
    return Score(settings.speed, begin, settings.start, settings.loop, settings.loop_pause)
