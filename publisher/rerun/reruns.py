"""All reruns that somebody watches or asks for, over one heap and one timer; nothing is kept of one that nobody does.

A rerun is a pure function of its URL and the log (``publisher.rerun.playback``). What is kept here only saves work:
what viewers were given last and, while somebody watches, what is due next.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from publisher.fanout import SLOW_SECONDS
from publisher.fanout.fanout import BEAT_SECONDS
from publisher.fanout.lives import GREETING, LIFE_SECONDS, expiry, farewell, spread
from publisher.measures import tally
from publisher.moments import microseconds
from publisher.rerun.playbacks import Playbacks
from publisher.rerun.rerun import RerunError
from publisher.rerun.show import Given, Show, Viewer, Why
from publisher.rerun.wakes import Wakes
from shared.event import ClockEvent, DeleteEvent, ResetEvent
from shared.sse import HEARTBEAT

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from publisher.channel import Channel
    from publisher.rerun.rerun import Rerun
    from shared.event import Logged, ResetReason

GIVEN_BYTES = 8 * 1024 * 1024
"""Bytes kept of what viewers were given last, for others who watch the same."""
TURN_SECONDS = 0.01
"""How long reruns may hold the loop before others have their turn."""
TICK_SECONDS = 0.02
"""Shortest time between two turns: what falls due in between goes out together, later by so much at most."""
SWEEP_SECONDS = 5.0
"""Time between two looks at who refuses or has watched long enough. It is also the longest sleep: the timer counts by
another clock than the one that tells what is due."""

AT_ONCE = 0  # a moment that is past


class Reruns:
    """The reruns of all channels of one server. Belongs to the event loop on which it is used.

    Attributes:
        life: seconds that a connection lives at most; 0 lets it live.
        beat: seconds between two comments that say that the streams are alive.
        playbacks: what they play.
        closed: viewers who are gone, by the reason.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.life = LIFE_SECONDS
        self.beat = BEAT_SECONDS
        self.playbacks = Playbacks()
        self.closed: Counter[Why] = tally(Why)
        self._now = now
        self._closed = False
        self._given = Given(GIVEN_BYTES)
        self._shows: dict[str, dict[Rerun, Show]] = {}
        self._wakes: Wakes[Show] = Wakes()
        self._waiting: deque[Viewer] = deque()
        self._chores: deque[Iterator[None]] = deque()
        self._timer: asyncio.Handle | None = None
        self._rings = 0.0  # moment of the loop's clock for which it is set; 0 for at once
        self._ringing = False
        self._turned = 0.0
        self._swept = 0.0
        self._beaten = 0.0

    # Those who watch.

    def show(self, channel: Channel, rerun: Rerun) -> Show:
        """Give the show of a rerun, the one that others watch, or one that is forgotten unless somebody ``enters``.

        Raises:
            RerunError: there can be none.
        """
        show = self._shows.get(channel.name, {}).get(rerun)
        return show if show is not None else Show(self.playbacks.get(channel, rerun), self._moment(), self._given)

    def enter(self, viewer: Viewer) -> None:
        """Look after a viewer until it is gone."""
        if not self._shows:
            self._swept = self._beaten = time.monotonic()  # the loop's clock
        playback = viewer.show.playback
        shows = self._shows.setdefault(playback.channel.name, {})
        # Another may have come first, while this one's head was on its way, and the channel may have filed something.
        show = viewer.show = shows.setdefault(playback.rerun, viewer.show)
        show.viewers.add(viewer)
        viewer.stage = self
        viewer.owed = viewer.outlet.form.briefly(GREETING)
        viewer.expires = expiry(self.life)
        if self._closed:
            self._dismiss(viewer, "end")
            return
        now = self._moment()
        if self._renew(show, now):
            if show not in self._wakes:
                self._look_at(show)
            self.bring(viewer)

    def bring(self, viewer: Viewer) -> None:
        """Give a viewer in its turn what it lacks."""
        if not viewer.waits:
            viewer.waits = True
            self._waiting.append(viewer)
            self._arm()

    def leave(self, viewer: Viewer, why: Why) -> None:
        """Forget a viewer. Nothing is left of a rerun that nobody watches."""
        viewer.stage = None
        self.closed[why] += 1
        if viewer.released is not None:
            viewer.released()
        show = viewer.show
        show.viewers.discard(viewer)
        if show.viewers:
            return
        name = show.playback.channel.name
        del self._shows[name][show.playback.rerun]
        if not self._shows[name]:
            del self._shows[name]
        self._wakes.drop(show)
        if not self._shows:
            self._waiting.clear()
            self._chores.clear()
            self._disarm()

    def pressed(self, channel: Channel, batch: Sequence[Logged]) -> None:
        """Take note of what a channel has just filed."""
        turned = any(map(_turns, batch))
        for show in self._shows.get(channel.name, {}).values():
            if turned or show.coming is None:
                self._look_at(show)

    def _renew(self, show: Show, now: int) -> bool:
        """Take the playback anew if its channel has filed something since; tell whether there still is one.

        Whoever uses a show does this first, so that nothing that was withdrawn is shown again.
        """
        before = show.playback
        if before.ground.firm:
            return True
        try:
            playback = self.playbacks.renewed(before)
        except RerunError:  # the place at which it began is none any more; who comes back is told so
            for viewer in list(show.viewers):
                self._dismiss(viewer, "moved")
            return False
        if playback.epoch == before.epoch:
            show.playback = playback
            return True
        show.begin(playback, now)
        reason: ResetReason = "epoch"
        reset = before.channel.press.shelf.last_reset
        if reset is not None and reset[0] > before.ground.filed:
            reason = reset[1].reason
        for viewer in show.viewers:
            if viewer.epoch:
                viewer.reason = reason
            self.bring(viewer)
        return True

    @property
    def viewers(self) -> list[Viewer]:
        """List all who watch."""
        return [viewer for shows in self._shows.values() for show in shows.values() for viewer in show.viewers]

    def close(self) -> None:
        """Dismiss every viewer, now and later."""
        self._closed = True
        for viewer in self.viewers:
            self._dismiss(viewer, "end")
        self._disarm()

    async def drain(self, seconds: float) -> None:
        """Dismiss the viewers spread over ``seconds``, as the fan-out does; the last is gone when this returns."""
        async for viewer in spread(self.viewers, seconds):
            if viewer.stage is not None:
                self._dismiss(viewer, "drain")
        self.close()

    def _dismiss(self, viewer: Viewer, why: Why) -> None:
        """End a viewer's stream, saying when to come back."""
        viewer.gone(why)
        viewer.outlet.end(farewell(why))

    # One timer.

    def _moment(self) -> int:
        return microseconds(self._now())

    def _look_at(self, show: Show) -> None:
        """Look at a show in the next turn."""
        self._wakes.set(show, AT_ONCE)
        self._arm()

    def _arm(self) -> None:
        """Set the timer for what is next; one that is set for about then stays."""
        if self._closed or self._ringing or not self._shows:
            return
        loop, at_once = asyncio.get_running_loop(), bool(self._waiting or self._chores)
        rings = 0.0 if at_once else self._swept + SWEEP_SECONDS
        first = self._wakes.first
        if first is not None and not at_once:
            due = time.monotonic() + (first - self._moment()) / 1e6
            rings = min(rings, max(due, self._turned + TICK_SECONDS))
        if self._timer is not None:
            if self._rings <= rings:
                return  # it rings early, looks, and is set anew
            self._timer.cancel()
        self._rings = rings
        self._timer = loop.call_soon(self._ring) if at_once else loop.call_at(rings, self._ring)

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
        self._turned = time.monotonic()
        enough, now = self._turned + TURN_SECONDS, self._moment()
        while time.monotonic() < enough and (show := self._wakes.due(now)) is not None:
            self._advance(show, now)
        while self._waiting and time.monotonic() < enough:
            viewer = self._waiting.popleft()
            viewer.waits = False
            if viewer.stage is not None and self._renew(viewer.show, now) and viewer.show.give(viewer, now):
                self.bring(viewer)
        while self._chores and time.monotonic() < enough:
            if next(self._chores[0], self) is self:
                self._chores.popleft()
        if self._turned >= self._swept + SWEEP_SECONDS:
            self._swept = self._turned
            beat = self._turned >= self._beaten + self.beat - SWEEP_SECONDS
            self._beaten = self._turned if beat else self._beaten
            self._chores.append(self._sweep(self._turned, beat=beat))

    def _advance(self, show: Show, now: int) -> None:
        """Have all who watch a show given what is due, in their turn."""
        if self._renew(show, now):
            wake = show.advance(now)
            if wake is not None:
                self._wakes.set(show, wake)
            for viewer in show.viewers:
                self.bring(viewer)

    def _sweep(self, moment: float, *, beat: bool) -> Iterator[None]:
        """Let go of those who refuse for too long, or have watched long enough; break the others' silence."""
        for viewer in self.viewers:
            outlet = viewer.outlet
            if viewer.stage is None:
                continue
            if not outlet.ready():
                if moment - outlet.refused_since > SLOW_SECONDS:
                    viewer.gone("stalled")
                    outlet.abort()
            elif viewer.expires < moment:
                self._dismiss(viewer, "life")
            elif beat:
                outlet.send(outlet.form.briefly(HEARTBEAT))
            yield


def _turns(logged: Logged) -> bool:
    """Tell whether an event changes more than the end of a story: what was shown, or that there is an end."""
    event = logged.event
    return isinstance(event, ResetEvent | ClockEvent) or (isinstance(event, DeleteEvent) and event.withdrawn)
