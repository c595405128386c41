"""The conductor: a reel, a clock and one alarm; it appends what is due.

What it knows it has from the log: the take, the clock and the last cue that was released. So a restart goes on where
the log stands, and a second conductor on the same log publishes nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

from publisher.clock import ReplayClock
from publisher.log.contract import Draft, LogError
from shared.event import ClockEvent, ResetEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from publisher.alarm import Alarm
    from publisher.log.contract import EventLog
    from publisher.reel import Cue, Reel
    from shared.event import ClockState, Event

logger = logging.getLogger(__name__)

GROUP = 500
"""Most cues in one append, so that a reader's burst and a writer's transaction stay short."""
RETRY_AFTER = timedelta(seconds=5)
"""How long to wait before appending again where the log failed."""
LOOK_AGAIN = 30.0
"""Seconds after which to look at the clock though no alarm rang: the alarm counts by the system's clock, which may be
set back or run slow, and is set anew from the steady one at each look."""
_TICK = timedelta(microseconds=1)
_SEQ = attrgetter("seq")


@dataclass(frozen=True, slots=True)
class Score:
    """How a reel is to be played.

    Attributes:
        speed: reel seconds a wall-clock second.
        begin: elapsed seconds at which the first round begins; everything earlier is out at once.
        loop: begin anew at the end.
        loop_pause: wall-clock time between the last release of a round and the next round.
    """

    speed: float = 60.0
    begin: float = 0.0
    loop: bool = False
    loop_pause: timedelta = timedelta(seconds=10)


class Conductor:
    """Plays a reel into a log.

    ``run`` is the loop for real time. ``open`` and ``release`` are its steps, with the moment as an argument.
    """

    def __init__(self, reel: Reel, score: Score, log: EventLog) -> None:
        self._reel = reel
        self._score = score
        self._log = log
        self._clock = ReplayClock(reel.start)
        self._state: ClockState = "paused"
        self._take = 1
        self._run = 1
        self._next = 0
        self._released: datetime | None = None

    async def run(self, alarm: Alarm, now: Callable[[], datetime]) -> None:
        """Release for ever, once opened; ends only by cancellation. A log that fails is tried again."""
        bell = asyncio.Event()
        try:
            while True:
                bell.clear()
                try:
                    wake = await self.release(now())
                except LogError as error:
                    logger.error("releasing nothing for %d s: %s", RETRY_AFTER.seconds, error)  # noqa: TRY400 one line
                    wake = now() + RETRY_AFTER
                if wake is not None:
                    alarm.set(wake, bell.set)
                with contextlib.suppress(TimeoutError):
                    # Not wait_for: before Python 3.12 it swallows a cancellation that comes with the bell.
                    async with asyncio.timeout(LOOK_AGAIN):
                        await bell.wait()
        finally:
            alarm.cancel()

    async def open(self, now: datetime) -> None:
        """Take up where the log stands, or begin.

        To be done before readers are let in: until then the log may say that a replay has ended which is to go on.

        Raises:
            LogError: the log failed.
        """
        clock = await self._log.latest("clock")
        reset = await self._log.latest("reset")
        last = await self._log.latest("post", "update", "delete")
        newest = max((logged for logged in (clock, reset, last) if logged is not None), key=_SEQ, default=None)
        if newest is None:
            await self._set_clock("playing", now, self._score.begin)
            return
        self._released = newest.released_at
        if reset is not None and isinstance(reset.event, ResetEvent):
            self._take, self._run = reset.event.take, reset.event.run
            if last is not None and last.seq < reset.seq:
                last = None  # it counts no more
        if clock is None or not isinstance(clock.event, ClockEvent) or (reset is not None and clock.seq < reset.seq):
            # The channel was an archive, so all of the story is out: it is taken back.
            await self._begin_take("seek", now, self._score.begin)
            return
        was = clock.event
        self._run = was.run
        self._state = was.state
        self._clock = ReplayClock(was.anchor, was.elapsed, was.speed, playing=was.state == "playing")
        if was.reel != self._reel.digest:
            # Another axis: the source or its settings changed. Elapsed seconds mean something else now, so a new
            # take begins at the latest moment of the story that was surely shown.
            story_time = last.event.story_time if last is not None else was.story_time
            await self._begin_take("seek", now, self._reel.elapsed_at(story_time))
            return
        if last is not None:
            self._next = self._index_after(last.key)
        if self._state == "playing" and was.speed != self._score.speed:
            await self._set_clock("playing", now, self._clock.at(now))
        elif self._state == "ended" and self._score.loop:
            await self._begin_take("loop", now, 0.0)

    async def release(self, now: datetime) -> datetime | None:
        """Append what is due at ``now``; tell when there is more to do, None for never.

        Raises:
            LogError: the log failed; what was not appended is still due.
        """
        if self._state != "playing":
            return None
        while True:
            while due := self._reel.due(self._next, self._clock.at(now)):
                await self._append(due[:GROUP], now)
            if self._next < len(self._reel):
                return self._clock.when(self._reel.cues[self._next].elapsed)
            if not self._score.loop:
                await self._set_clock("ended", now, self._reel.duration)
                return None
            again = (self._clock.when(self._reel.duration) or now) + self._score.loop_pause
            if now < again:
                return again
            await self._begin_take("loop", now, 0.0)

    async def _append(self, cues: Sequence[Cue], now: datetime) -> None:
        await self._log.append(
            [Draft(f"take-{self._take}:{cue.key}", self._stamp(now), cue.event) for cue in cues],
        )
        self._next = cues[-1].index + 1

    def _stamp(self, now: datetime) -> datetime:
        # Release times of one channel are all different: readers sort by them, and Atom asks for distinct stamps.
        if self._released is not None and now <= self._released:
            now = self._released + _TICK
        self._released = now
        return now

    async def _set_clock(self, state: ClockState, now: datetime, elapsed: float) -> None:
        await self._adopt([self._clock_draft(state, now, elapsed, self._take, self._run)])

    async def _begin_take(self, reason: str, now: datetime, elapsed: float) -> None:
        # Nothing is changed here before the log has taken it: where it fails, the old take goes on and this is tried
        # again.
        take, run = self._take + 1, self._run + (reason == "loop")
        reset = ResetEvent.model_validate(
            {"reason": reason, "take": take, "run": run, "story_time": self._reel.story_time(elapsed)}
        )
        draft = Draft(f"take-{take}:reset", self._stamp(now), reset)
        await self._adopt([draft, self._clock_draft("playing", now, elapsed, take, run)])
        self._take, self._next = take, 0

    def _clock_draft(self, state: ClockState, now: datetime, elapsed: float, take: int, run: int) -> Draft:
        event = ClockEvent(
            state=state,
            speed=self._score.speed,
            anchor=now,
            elapsed=elapsed,
            story_time=self._reel.story_time(elapsed),
            run=run,
            reel=self._reel.digest,
        )
        return Draft(f"take-{take}:clock-{state}-{elapsed:.6f}-{event.speed:g}", self._stamp(now), event)

    async def _adopt(self, drafts: list[Draft]) -> None:
        # What the log holds counts, not what was meant: another conductor may have written the same key first.
        for logged in await self._log.append(drafts):
            event: Event = logged.event
            if isinstance(event, ClockEvent):
                self._state = event.state
                self._run = event.run
                self._clock = ReplayClock(event.anchor, event.elapsed, event.speed, playing=event.state == "playing")

    def _index_after(self, key: str) -> int:
        _, _, fact = key.partition(":")
        return next((cue.index + 1 for cue in self._reel.cues if cue.key == fact), 0)


async def release_all(reel: Reel, log: EventLog, now: datetime) -> None:
    """Append a whole reel at once: what an archive does. What the log holds already is not appended again."""
    take = await take_back(log, now, reel.start)
    for first in range(0, len(reel), GROUP):
        await log.append(
            [
                Draft(f"take-{take}:{cue.key}", now + (cue.index + 1) * _TICK, cue.event)
                for cue in reel.cues[first : first + GROUP]
            ]
        )


async def take_back(log: EventLog, now: datetime, story_time: datetime) -> int:
    """Begin a new take where the channel was a replay, or live, before: what had been let out counts no more.

    Such a channel's clock always follows its last reset; an archive has no clock. Gives the take's number.
    """
    clock, reset = await log.latest("clock"), await log.latest("reset")
    take = reset.event.take if reset is not None and isinstance(reset.event, ResetEvent) else 1
    if clock is not None and (reset is None or reset.seq < clock.seq):
        take += 1
        taken_back = ResetEvent(reason="seek", take=take, run=1, story_time=story_time)
        await log.append([Draft(f"take-{take}:reset", now, taken_back)])
    return take
