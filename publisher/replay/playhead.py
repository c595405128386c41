"""The playhead: where a replay stands by its log. A fold, and pure: who has the same log has the same playhead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from publisher.clock import ReplayClock
from publisher.log.contract import Draft
from publisher.moments import TICK
from publisher.replay.takes import take_key
from shared.event import ClockEvent, ResetEvent
from shared.wire import Standing

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.reel import Cue, Reel
    from shared.event import ClockState, Event, Logged, ResetReason


@dataclass(frozen=True, slots=True)
class Playhead:
    """A value, as of one event of the log.

    Attributes:
        seq: of the newest event that is folded in; 0 before any.
        take: number of the take; each reset begins one.
        run: number of the round.
        out: how many cues of the reel are out in this take.
        clock: as it was last set in this take; None before, and while the channel is no replay.
        released: the newest release time, so that the next can be later.
    """

    seq: int = 0
    take: int = 1
    run: int = 1
    out: int = 0
    clock: ClockEvent | None = None
    released: datetime | None = None

    def after(self, logged: Logged, reel: Reel) -> Playhead:
        """Fold one event in; one that is folded in already changes nothing."""
        if logged.seq <= self.seq:
            return self
        released = max(self.released, logged.released_at) if self.released else logged.released_at
        match logged.event:
            case ResetEvent() as reset:
                return Playhead(logged.seq, reset.take, reset.run, 0, None, released)
            case ClockEvent(state="live"):  # of the time before the channel was a replay
                return replace(self, seq=logged.seq, clock=None, released=released)
            case ClockEvent() as clock:
                return replace(self, seq=logged.seq, run=clock.run, clock=clock, released=released)
        fact = logged.key.partition(":")[2]
        index = reel.index(fact) if logged.key == take_key(self.take, fact) else None
        out = self.out if index is None else max(self.out, index + 1)
        return replace(self, seq=logged.seq, out=out, released=released)

    # Asking.

    def is_of(self, reel: Reel) -> bool:
        """Tell whether the clock, if it was set, counts on this reel's axis; else another process plays another one."""
        return self.clock is None or self.clock.reel == reel.digest

    def due(self, reel: Reel, now: datetime) -> int:
        """Tell how many cues are to be out at ``now``."""
        clock = self.clock
        if clock is None or clock.starts is not None or not self.is_of(reel):
            return self.out
        count = reel.count(ReplayClock.of(clock).at(now))
        return count if clock.upto is None else min(count, clock.upto)

    def next_release(self, reel: Reel, now: datetime) -> datetime | None:
        """Tell when the next cue comes out, as things stand; None for never."""
        if self.clock is None:
            return None
        if self.clock.starts is not None:
            return self.clock.starts
        index = max(self.due(reel, now), self.out)
        if self.clock.state != "playing" or index >= len(reel):
            return None
        return ReplayClock.of(self.clock).when(reel.cues[index].elapsed)

    def standing(self, reel: Reel, now: datetime) -> Standing | None:
        """Tell people how things stand, and nothing of what is to come but when; None before the clock was set."""
        clock = self.clock
        if clock is None:
            return None
        over = self.out == len(reel)
        elapsed = min(ReplayClock.of(clock).at(now), reel.duration)
        return Standing(
            state=clock.state,
            speed=clock.speed,
            story_time=reel.story_time(elapsed),
            run=clock.run,
            starts=clock.starts,
            elapsed=round(elapsed, 3),
            next_release=self.next_release(reel, now),
            duration=reel.duration if over else None,
        )

    # Writing: what is to be appended while the log's head is ``seq``, and only then.

    def cues(self, cues: tuple[Cue, ...], now: datetime) -> list[Draft]:
        """Make the drafts that release cues."""
        stamp = self._stamp(now)
        return [Draft(take_key(self.take, cue.key), stamp + place * TICK, cue.event) for place, cue in enumerate(cues)]

    def set(self, clock: ClockEvent, now: datetime) -> list[Draft]:
        """Make the draft that sets the clock."""
        # The head is part of the key: two writers who saw the same log write one event between them.
        return [Draft(take_key(self.take, f"clock-after-{self.seq}"), self._stamp(now), clock)]

    def begin_take(self, reason: ResetReason, clock: ClockEvent, now: datetime) -> list[Draft]:
        """Make the drafts that take back what is out and set the clock for what follows."""
        take, stamp = self.take + 1, self._stamp(now)
        reset: Event = ResetEvent(reason=reason, take=take, run=clock.run, story_time=clock.story_time)
        return [
            Draft(take_key(take, "reset"), stamp, reset),
            Draft(take_key(take, f"clock-after-{self.seq}"), stamp + TICK, clock),
        ]

    def _stamp(self, now: datetime) -> datetime:
        # Release times of one channel are all different: readers sort by them, and Atom asks for distinct stamps.
        return now if self.released is None or now > self.released else self.released + TICK


def clock_event(
    reel: Reel,
    state: ClockState,
    clock: ReplayClock,
    *,
    run: int,
    asked: float,
    starts: datetime | None = None,
    upto: int | None = None,
) -> ClockEvent:
    """Make the event that sets a replay's clock."""
    return ClockEvent(
        state=state,
        speed=clock.speed,
        anchor=clock.anchor,
        elapsed=clock.elapsed,
        story_time=reel.story_time(clock.elapsed),
        run=run,
        reel=reel.digest,
        starts=starts,
        upto=upto,
        asked=asked,
    )
