"""The channels of the settings: each is put together, and filed as far as its log goes, before any is opened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publisher.cache import Budget
from publisher.channel import KEPT_BYTES, Channel
from publisher.live import begin_live, spare_written
from publisher.lock import MachineLock
from publisher.log.timed import TimedLog
from publisher.reel import Reel
from publisher.render.snapshot import Address, Brand
from publisher.replay.archive import release_all
from publisher.replay.conductor import Conductor
from publisher.replay.score import Score
from publisher.scene import Billing
from publisher.watch.watcher import Watcher, origin_of, watch_lock_path
from publisher.websub.push import hubs_of
from publisher.when import spoken
from shared.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from publisher.config import ChannelSettings, Settings
    from publisher.library import Library
    from publisher.log.contract import LogStore
    from publisher.measures import Histogram
    from publisher.sources.reading import Reading


class NothingToReplayError(UsageError):
    """The replay would be over before it begins."""


class Opener:
    """Makes the channels of one server ready to be opened.

    Args:
        settings: of the server.
        url: its public address, without a slash at its end.
        store: holds the channels' logs.
        library: holds their shelves.
        now: tells the time, zone-aware.

    Attributes:
        appends: seconds that appends to the log of each channel took, by its name.
    """

    def __init__(
        self, settings: Settings, url: str, store: LogStore, library: Library, now: Callable[[], datetime]
    ) -> None:
        self.appends: dict[str, Histogram] = {}
        self._settings = settings
        self._url = url
        self._authority = urlsplit(url).hostname or "localhost"
        self._brand = Brand(settings.server.publisher or self._authority, settings.server.logo or f"{url}/icon.svg")
        self._store = store
        self._library = library
        self._budget = Budget(KEPT_BYTES)
        self._now = now
        # Of the processes over one log the one that holds it watches the sources of live channels.
        watched = any(channel.watched for channel in settings.channels.values())
        self._watching = MachineLock(watch_lock_path(settings.log.url) if watched else None)

    def close(self) -> None:
        """Let another process watch the sources."""
        self._watching.close()

    async def ready(self, name: str, reading: Reading | None, filed: Callable[[float], None]) -> Channel:
        """Make one channel and file its log; it is opened when all are ready.

        Args:
            name: of the channel.
            reading: what its source says, None for a live one.
            filed: is told now and then which share of its log is filed.

        Raises:
            NothingToReplayError, WrittenError: it is not to be shown like that.
            LogError, LibraryError: one of the two failed.
        """
        log = TimedLog(self._store.channel(name))
        self.appends[name] = log.appends
        channel = await (self._live(name, log) if reading is None else self._told(name, log, reading))
        await channel.file(filed)
        return channel

    async def _told(self, name: str, log: TimedLog, reading: Reading) -> Channel:
        """Make a channel that shows a source: all of it at once, or as it is released."""
        settings, shelf = self._settings.channels[name], self._library.shelf(name)
        await spare_written(log, name)
        reel = Reel((told.event for told in reading.told), max_gap=settings.max_gap)
        if settings.until is not None:
            reel = reel.until(settings.until)
        header, first_day = reading.header, reel.start.date()
        title, language = settings.title or header.title, settings.language or header.language
        billing = self._billing(name, title, language, reel.start, first_day)
        address = self._address(name, first_day)
        if settings.mode == "archive":
            await release_all(reel, log, self._now())
            return Channel(log, shelf, address, billing, settings.dates, budget=self._budget)
        conductor = Conductor(reel, _score(name, settings, reel), log)
        return Channel(
            log,
            shelf,
            address,
            billing,
            settings.dates,
            reel=reel,
            conductor=conductor,
            ids=settings.loop_ids,
            budget=self._budget,
        )

    async def _live(self, name: str, log: TimedLog) -> Channel:
        """Make a channel that is written to, or that shows what a source says by now."""
        settings, shelf = self._settings.channels[name], self._library.shelf(name)
        beginning = await begin_live(log, self._now(), settings.source[0] if settings.source else "")
        billing = self._billing(name, settings.title, settings.language, beginning.moment)
        address = self._address(name, beginning.moment.date())
        channel = Channel(log, shelf, address, billing, settings.dates, live=beginning, budget=self._budget)
        if channel.desk is not None and settings.watched:
            channel.watcher = Watcher(
                settings.intake,
                settings.poll,
                channel.desk,
                log=log,
                press=channel.press,
                beginning=beginning,
                lock=self._watching,
                origin=origin_of(settings.intake, self._settings.server.public_url),
                named=bool(settings.title),
            )
        return channel

    def _billing(
        self, name: str, title: str | None, language: str | None, began: datetime, first_day: date | None = None
    ) -> Billing:
        """Announce a channel; a live one goes on for as many days as it likes, and has no first one."""
        settings = self._settings.channels[name]
        return Billing(
            title=title or name,
            mode=settings.mode,
            language=language or None,
            first_day=first_day,
            opened=self._now(),
            window=settings.window,
            began=began,
            brand=self._brand,
        )

    def _address(self, name: str, first_day: date) -> Address:
        address = Address.of(f"{self._url}/{name}/", name, self._authority, first_day)
        return replace(address, hubs=hubs_of(self._settings.websub, self._url))


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
