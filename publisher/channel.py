"""A channel: one published story, put together from its rooms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from publisher.archives import Archives
from publisher.cache import Budget
from publisher.clock import ReplayClock
from publisher.desk import Desk
from publisher.fanout import Fanout
from publisher.press import Press
from publisher.projection import Projection
from shared.wire import Clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from publisher.library import Shelf
    from publisher.live import Beginning
    from publisher.log.contract import EventLog
    from publisher.measures import Histogram
    from publisher.projection import Ids, Timestamps
    from publisher.reel import Reel
    from publisher.render.snapshot import Address
    from publisher.replay.alarm import Alarm
    from publisher.replay.conductor import Conductor
    from publisher.replay.control import Control
    from publisher.scene import Billing
    from publisher.watch.watcher import Watcher
    from shared.event import Position, ResetReason
    from shared.wire import Standing


KEPT_BYTES = 64 * 1024 * 1024
"""Bytes that all channels keep to be quick: archive documents, deltas, single posts, resets. Readers choose which of
them they ask for, so there is no end of them."""
LASTING_SECONDS = 300
"""``max-age`` of what nobody can change while the server runs: after a restart all may be different."""


@dataclass(frozen=True, slots=True)
class Join:
    """How a reader joins the stream: ``go-on`` exactly after ``cursor``, begin with ``reset``, or it is ``over``."""

    way: Literal["go-on", "reset", "over"]
    cursor: int = 0
    reason: ResetReason = "start"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay has come: posts in all, posts that are out, and the seconds until the last one is."""

    posts: int
    out: int
    left: float


class Channel:
    """One channel: its log, press, fan-out and editions; on replays its reel and conductor, on live ones its desk."""

    def __init__(
        self,
        log: EventLog,
        shelf: Shelf,
        address: Address,
        billing: Billing,
        timestamps: Timestamps,
        *,
        reel: Reel | None = None,
        conductor: Conductor | None = None,
        live: Beginning | None = None,
        ids: Ids = "same",
        budget: Budget | None = None,
    ) -> None:
        self.budget = budget or Budget(KEPT_BYTES)
        """For what is kept to be quick, and can be made anew at any time."""
        self.address = address
        self.log = log
        self.fanout = Fanout()
        projection = Projection(address, timestamps, ids)
        self.press = Press(log, shelf, projection, billing, self.fanout, budget=self.budget)
        self.editions = self.press.editions
        self.archives = Archives(self.press.scene, self.budget)
        self.reel = reel
        self.desk = Desk(log, self.press, live) if live is not None else None
        """Where a live channel is written to; None where posts come from a source that is read once."""
        self.watcher: Watcher | None = None
        """What keeps a live channel at what its source says; None where it has none."""
        self._conductor = conductor

    @property
    def name(self) -> str:
        """Tell the channel's path segment."""
        return self.address.channel

    @property
    def finished(self) -> bool:
        """Tell whether the story is whole: an archive, or a replay that has ended, unless its clock is moved."""
        clock = self.press.clock
        return self.press.billing.mode == "archive" or (clock is not None and clock.state == "ended")

    @property
    def max_age(self) -> int | None:
        """Seconds for which no document of the channel can change; None where a post or a control may come."""
        return LASTING_SECONDS if self.press.billing.mode == "archive" else None

    async def file(self, told: Callable[[float], None]) -> None:
        """File what the log holds, which may take minutes, before ``open``.

        Args:
            told: is told now and then which share of it is done.

        Raises:
            LogError, LibraryError: one of the two failed.
        """
        await self.press.catch_up(told)

    async def open(self, now: datetime) -> None:
        """Take up where the log stands: the conductor first, so that nobody is told of an end that is none.

        From ``now`` on the clock of a replay runs that begins, so what comes before ``conduct`` should be little.

        Args:
            now: zone-aware.

        Raises:
            LogError, LibraryError: one of the two failed.
        """
        if self._conductor is not None:
            await self._conductor.open(now)
        await self.press.catch_up()

    async def conduct(self, alarm: Alarm, now: Callable[[], datetime]) -> None:
        """Release the reel; returns at once where there is none."""
        if self._conductor is not None:
            await self._conductor.run(alarm, now)

    @property
    def lateness(self) -> Histogram | None:
        """Tell how late releases were, None where nothing is conducted."""
        return self._conductor.lateness if self._conductor is not None else None

    def clock(self, now: datetime) -> Clock | None:
        """Tell what the replay's clock shows now, None where there is no replay."""
        event = self.press.clock
        if event is None or self.reel is None:
            return None
        story_time = self.reel.story_time(ReplayClock.of(event).at(now))
        return Clock(state=event.state, speed=event.speed, story_time=story_time, run=event.run, starts=event.starts)

    def standing(self, now: datetime) -> Standing | None:
        """Tell people how the replay stands, by the log as this process knows it; None where there is no replay."""
        return self._conductor.standing(now) if self._conductor is not None else None

    async def control(self, control: Control, now: Callable[[], datetime]) -> None:
        """Do to the replay's clock what is asked for; returns when the log holds it and readers can see it.

        Raises:
            NoSuchPlaceError: there is no such place to seek to.
            LogError: the log failed.
        """
        if self._conductor is not None:
            await self._conductor.control(control, now)
            await self.press.reached(self._conductor.seq)

    def progress(self, now: datetime) -> Progress | None:
        """Tell how far the replay has come, None where there is none."""
        event = self.press.clock
        if event is None or self.reel is None:
            return None
        elapsed = ReplayClock.of(event).at(now)
        duration = self.reel.duration
        return Progress(self.reel.posts(duration), self.reel.posts(elapsed), max(duration - elapsed, 0.0) / event.speed)

    async def join(self, position: Position | None) -> Join:
        """Decide how a reader who was last at ``position`` joins: one rule for all cases.

        It goes on exactly after its position, or it begins with a reset that says why.
        """
        head, epoch = self.press.shelf.head, self.log.epoch
        if position is None:
            return Join("reset", head, "start")
        if position.epoch != epoch or position.seq > head:
            # Ahead of the head: the tail that this reader saw was lost. Its history is not ours any more.
            return Join("reset", head, "epoch")
        reset = self.press.shelf.last_reset
        if reset is not None and reset[0] > position.seq:
            return Join("reset", head, reset[1].reason)
        if position.seq < self.fanout.ring.floor and position.seq < await self.log.oldest() - 1:
            return Join("reset", head, "expired")
        clock = self.press.clock
        if position.seq == head and clock is not None and clock.state == "ended":
            return Join("over", head)
        return Join("go-on", position.seq)

    async def prune(self, keep: int) -> None:
        """Forget what the log holds in vain; the library keeps the posts.

        That is all from before the last reset, as whoever stood there is given the reset whatever the log holds, so
        that a replay that loops for ever does not grow for ever.

        Args:
            keep: about how many events of the present take are kept, the newest; 0 for all.
        """
        shelf = self.press.shelf
        over = shelf.last_reset[0] - 1 if shelf.last_reset is not None else 0
        upto = max(over, shelf.head - keep if keep else 0)
        if upto > 0:
            await self.log.prune(upto)
            await self.press.forget(upto)
