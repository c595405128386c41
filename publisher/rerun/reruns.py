"""All reruns that somebody watches or asks for, over one heap and one timer; nothing is kept of one that nobody does.

A rerun is a pure function of its URL and the log (``publisher.rerun.playback``). What is kept here only saves work: the
axes that reruns of one channel share, the documents rendered last, and, while somebody watches, what is due next.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from publisher.fanout.fanout import BEAT_SECONDS, LIFE_SECONDS, spread
from publisher.library.history import microseconds
from publisher.rerun.mould import Moulds
from publisher.rerun.playback import Playback
from publisher.rerun.rerun import Axis
from publisher.rerun.show import Show, Viewer
from shared.event import ClockEvent, DeleteEvent, ResetEvent
from shared.sse import encode_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from publisher.channel import Channel
    from publisher.editions import Edition
    from publisher.library import History
    from publisher.rerun.rerun import Rerun
    from shared.event import Logged

AXES = 16
"""Axes kept, at 8 bytes an event: readers choose ``max_gap``, so there is no end of them."""
EDITIONS = 64
"""Rendered documents kept, of all reruns together."""
TURN_SECONDS = 0.01
"""How long reruns may hold the loop before others have their turn."""
TICK_SECONDS = 0.005
"""Shortest time between two turns: what falls due in between goes out together, later by so much at most."""
SWEEP_SECONDS = 5.0
"""Time between two looks at who refuses or has watched long enough. It is also the longest sleep: the timer counts by
another clock than the one that tells what is due."""

_MICROSECOND = timedelta(microseconds=1)


class Reruns:
    """The reruns of all channels of one server. Belongs to the event loop on which it is used.

    Attributes:
        life: seconds that a connection lives at most; 0 lets it live.
        beat: seconds between two comments that say that the streams are alive.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.life = LIFE_SECONDS
        self.beat = BEAT_SECONDS
        self._now = now
        self._closed = False
        self._moulds = Moulds()
        self._axes: OrderedDict[tuple[int, timedelta | None], Axis] = OrderedDict()
        self._editions: OrderedDict[tuple[object, ...], Edition] = OrderedDict()
        self._shows: dict[str, dict[Rerun, Show]] = {}
        self._heap: list[tuple[int, int, Show]] = []  # when to look at it in microseconds since 1970, a number, it
        self._wakes: dict[Show, int] = {}  # the number of its entry; others of it are dead
        self._count = count()
        self._behind: deque[Viewer] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._rings = 0.0  # moment of the loop's clock for which it is set
        self._ringing = False
        self._turned = 0.0
        self._swept = 0.0
        self._beaten = 0.0

    # Documents.

    def playback(self, channel: Channel, rerun: Rerun) -> Playback:
        """Give a rerun as its channel stands. Raises RerunError."""
        return Playback(channel, rerun, self._axis, self._moulds)

    def edition(self, key: tuple[object, ...], make: Callable[[], Edition]) -> Edition:
        """Give a document by a key that names all that it depends on; made on the first ask."""
        edition = self._editions.get(key)
        if edition is None:
            edition = self._editions[key] = make()
            if len(self._editions) > EDITIONS:
                self._editions.popitem(last=False)
        else:
            self._editions.move_to_end(key)
        return edition

    def _axis(self, history: History, max_gap: timedelta | None) -> Axis:
        key = (history.take, max_gap)
        axis = self._axes.get(key)
        times = history.timeline().times
        if axis is None or axis.times is not times:  # a withdrawal makes a new timeline
            axis = self._axes[key] = Axis(times, max_gap)
        self._axes.move_to_end(key)
        if len(self._axes) > AXES:
            self._axes.popitem(last=False)
        return axis.grown()

    # Those who watch.

    def show(self, channel: Channel, rerun: Rerun) -> Show:
        """Give the show of a rerun, the one that others watch, or one that is forgotten unless somebody ``enters``.

        Raises:
            RerunError: there can be none.
        """
        show = self._shows.get(channel.name, {}).get(rerun)
        return show if show is not None else Show(self.playback(channel, rerun), self._now())

    def enter(self, viewer: Viewer, retry: int) -> None:
        """Look after a viewer until it is gone; tell it first when to come back if it is cut off, in milliseconds."""
        show = viewer.show
        rerun, name = show.playback.rerun, show.playback.channel.name
        if not self._shows:
            self._swept = self._beaten = time.monotonic()  # the loop's clock
        shows = self._shows.setdefault(name, {})
        known = shows.setdefault(rerun, show)
        if known is not show:  # another came first, while this one's head was on its way
            show = viewer.show = known
        self._renew(show, (), self._now())  # the channel may have filed something while the head was on its way
        show.viewers.add(viewer)
        viewer.stage = self
        if self.life:  # not all to the end: they would come back together
            viewer.expires = time.monotonic() + self.life * random.uniform(0.8, 1)  # noqa: S311 no secret
        if self._closed:
            show.dismiss(viewer, "end")
            return
        if show not in self._wakes:
            self._schedule(show)
        if not viewer.outlet.ready() or viewer.outlet.send(viewer.outlet.form.of(encode_retry(retry))):
            self.bring(viewer)

    def bring(self, viewer: Viewer) -> None:
        """Give a viewer in its turn what it lacks."""
        self._behind.append(viewer)
        self._arm()

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer. Nothing is left of a rerun that nobody watches."""
        viewer.stage = None
        if viewer.released is not None:
            viewer.released()
        show = viewer.show
        show.leave(viewer)
        show.viewers.discard(viewer)
        if show.viewers:
            return
        name = show.playback.channel.name
        del self._shows[name][show.playback.rerun]
        if not self._shows[name]:
            del self._shows[name]
        self._unschedule(show)
        if not self._shows:
            self._heap.clear()
            self._behind.clear()
            self._disarm()

    def pressed(self, channel: Channel, batch: Sequence[Logged]) -> None:
        """Take note of what a channel has just filed."""
        shows = self._shows.get(channel.name)
        if not shows:
            return
        turned = any(_turns(logged) for logged in batch)
        now = self._now()
        for show in list(shows.values()):
            if turned or show not in self._wakes:
                self._renew(show, batch, now)
                self._schedule(show, now)

    def _renew(self, show: Show, batch: Sequence[Logged], now: datetime) -> None:
        """Take the playback anew if its channel has filed something since."""
        if show.playback.filed == show.playback.channel.press.shelf.head:
            return
        playback = self.playback(show.playback.channel, show.playback.rerun)
        if playback.epoch == show.playback.epoch:
            show.playback = playback
        else:
            reasons = [logged.event.reason for logged in batch if isinstance(logged.event, ResetEvent)]
            show.begin_anew(playback, reasons[-1] if reasons else "epoch", now)

    @property
    def viewers(self) -> list[Viewer]:
        """List all who watch."""
        return [viewer for shows in self._shows.values() for show in shows.values() for viewer in show.viewers]

    def close(self) -> None:
        """Dismiss every viewer, now and later."""
        self._closed = True
        for viewer in self.viewers:
            viewer.show.dismiss(viewer, "end")
        self._disarm()

    async def drain(self, seconds: float) -> None:
        """Dismiss the viewers spread over ``seconds``, as the fan-out does; the last is gone when this returns."""
        async for viewer in spread(self.viewers, seconds):
            if viewer.stage is not None:
                viewer.show.dismiss(viewer, "drain")
        self.close()

    # One timer.

    def _schedule(self, show: Show, at: datetime | None = None) -> None:
        """Look at a show when something is due in it, or at a moment."""
        self._unschedule(show)
        wake = microseconds(at) if at is not None else self._wake(show, self._now())
        if wake is not None:
            number = self._wakes[show] = next(self._count)
            heapq.heappush(self._heap, (wake, number, show))
        self._arm()

    @staticmethod
    def _wake(show: Show, now: datetime) -> int | None:
        """Tell when to look again: at the next event, the start, or on catching up; None if the channel will tell."""
        playback, place = show.playback, show.place
        if now < playback.rerun.start:
            return microseconds(playback.rerun.start)
        if place < len(playback.timetable):
            return playback.timetable.due(place)
        if playback.timetable.finished or show.state == "live":
            return None
        wait = playback.caught_up(now)
        return microseconds(now) + max(wait // _MICROSECOND, 1_000) if wait is not None else None

    def _unschedule(self, show: Show) -> None:
        if self._wakes.pop(show, None) is None:
            return
        if len(self._heap) > 2 * len(self._wakes) + 1:  # most of it is dead
            self._heap = [entry for entry in self._heap if self._wakes.get(entry[2]) == entry[1]]
            heapq.heapify(self._heap)

    def _arm(self) -> None:
        """Set the timer for what is next; one that is set for about then stays."""
        if self._closed or self._ringing or not self._shows:
            return
        loop = asyncio.get_running_loop()
        wait = self._swept + SWEEP_SECONDS - loop.time()
        if self._behind:
            wait = 0.0
        elif self._heap:
            due = (self._heap[0][0] - microseconds(self._now())) / 1e6
            wait = min(wait, max(due, self._turned + TICK_SECONDS - loop.time()))
        rings = loop.time() + max(wait, 0.0)
        if self._timer is not None:
            if self._rings <= rings:
                return  # it rings early, looks, and is set anew
            self._timer.cancel()
        self._rings = rings
        self._timer = loop.call_at(rings, self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        """Bring on what is due, for one turn of the loop."""
        self._disarm()
        self._ringing = True
        try:
            self._turn()
        finally:
            self._ringing = False
            self._arm()

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        self._turned = loop.time()
        enough, now = self._turned + TURN_SECONDS, self._now()
        moment = microseconds(now)
        while self._heap and self._heap[0][0] <= moment and loop.time() < enough:
            _, number, show = heapq.heappop(self._heap)
            if self._wakes.get(show) != number:
                continue
            del self._wakes[show]
            self._renew(show, (), now)
            more = show.advance(now)
            self._schedule(show, now if more else None)
        while self._behind and loop.time() < enough:
            viewer = self._behind.popleft()
            if viewer.stage is not None and viewer.show.give(viewer, now):
                self._behind.append(viewer)
        if loop.time() >= self._swept + SWEEP_SECONDS:
            self._sweep(loop.time())

    def _sweep(self, moment: float) -> None:
        self._swept = moment
        beat = moment >= self._beaten + self.beat - SWEEP_SECONDS
        self._beaten = moment if beat else self._beaten
        for shows in list(self._shows.values()):
            for show in list(shows.values()):
                show.sweep()
                if beat:
                    show.heartbeat()


def _turns(logged: Logged) -> bool:
    """Tell whether an event changes more than the end of a story: what was shown, or that there is an end."""
    event = logged.event
    return isinstance(event, ResetEvent | ClockEvent) or (isinstance(event, DeleteEvent) and event.withdrawn)
