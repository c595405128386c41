"""The score: how a reel is to be played, and what follows from it for the log. Pure: the conductor appends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from publisher.clock import ReplayClock
from publisher.replay.playhead import clock_event

if TYPE_CHECKING:
    from publisher.log.contract import Draft
    from publisher.reel import Reel
    from publisher.replay.playhead import Playhead
    from shared.event import ClockEvent, ClockState

GROUP = 500
"""Most cues in one append, so that a reader's burst and a writer's transaction stay short."""


@dataclass(frozen=True, slots=True)
class Score:
    """How a reel is to be played.

    Attributes:
        speed: reel seconds a wall-clock second.
        begin: elapsed seconds at which each round begins; everything earlier is out at once.
        start: the wall-clock moment at which the first round begins, past or to come; None: when it is opened.
        loop: begin anew at the end.
        loop_pause: wall-clock time between the last release of a round and the next round.
    """

    speed: float = 60.0
    begin: float = 0.0
    start: datetime | None = None
    loop: bool = False
    loop_pause: timedelta = timedelta(seconds=10)


def opening(head: Playhead, reel: Reel, score: Score, now: datetime, reached: datetime) -> list[Draft]:
    """Tell what is to be appended when a replay is opened; nothing where the log's clock simply goes on.

    Args:
        head: as the log has it.
        reel: what is played.
        score: how.
        now: wall-clock moment.
        reached: the latest moment of the story that was surely shown.
    """
    was = head.clock
    if was is None:
        clock = _at_start(reel, score, now, head.run)
        # With events but no clock the channel was no replay: what it let out is taken back.
        return head.begin_take("seek", clock, now) if head.seq else head.set(clock, now)
    if was.starts is not None and (was.starts != score.start or was.reel != reel.digest):
        return head.set(_at_start(reel, score, now, head.run), now)
    # A speed that a control asked for holds until the settings ask for another one than before.
    speed = was.speed if _asked(was) == score.speed else score.speed
    if was.reel != reel.digest:
        # Another axis: the source or its settings changed. Elapsed seconds mean something else now.
        state: ClockState = "paused" if was.state == "paused" else "playing"
        there = ReplayClock(now, reel.elapsed_at(reached), speed, playing=state == "playing")
        return head.begin_take("seek", clock_event(reel, state, there, run=head.run, asked=score.speed), now)
    if was.state == "ended":
        return _again(head, reel, ReplayClock(now, score.begin, score.speed), score.speed) if score.loop else []
    if _asked(was) == score.speed:
        return []
    clock = clock_event(
        reel,
        was.state,
        ReplayClock.of(was).at_speed(now, speed),
        run=head.run,
        asked=score.speed,
        starts=was.starts,
        upto=was.upto,
    )
    return head.set(clock, now)


def next_step(head: Playhead, reel: Reel, score: Score, now: datetime) -> tuple[list[Draft], datetime | None]:
    """Tell what is to be appended at ``now``; where that is nothing, when there will be something, None for never."""
    clock = head.clock
    if clock is None or not head.is_of(reel):
        return [], None
    if clock.starts is not None:
        if now < clock.starts:
            return [], clock.starts
        begins = ReplayClock(clock.starts, clock.elapsed, clock.speed)
        return head.set(clock_event(reel, "playing", begins, run=clock.run, asked=_asked(clock)), now), None
    due = head.due(reel, now)
    if head.out < due:
        return head.cues(reel.cues[head.out : min(due, head.out + GROUP)], now), None
    # A round that is led to its last post by hand has ended, too; one of a loop stands still there.
    if head.out == len(reel) and (clock.state == "playing" or (clock.state == "paused" and not score.loop)):
        return _after_the_last(head, clock, reel, score, now)
    return [], head.next_release(reel, now)


def _after_the_last(
    head: Playhead, clock: ClockEvent, reel: Reel, score: Score, now: datetime
) -> tuple[list[Draft], datetime | None]:
    if not score.loop:
        over = ReplayClock(now, reel.duration, clock.speed, playing=False)
        return head.set(clock_event(reel, "ended", over, run=head.run, asked=_asked(clock)), now), None
    again = (ReplayClock.of(clock).when(reel.duration) or now) + score.loop_pause
    if now < again:
        return [], again
    return _again(head, reel, ReplayClock(now, score.begin, clock.speed), _asked(clock)), None


def _again(head: Playhead, reel: Reel, clock: ReplayClock, asked: float) -> list[Draft]:
    return head.begin_take("loop", clock_event(reel, "playing", clock, run=head.run + 1, asked=asked), clock.anchor)


def _at_start(reel: Reel, score: Score, now: datetime, run: int) -> ClockEvent:
    start = now if score.start is None else score.start
    if start <= now:
        return clock_event(reel, "playing", ReplayClock(start, score.begin, score.speed), run=run, asked=score.speed)
    waiting = ReplayClock(now, score.begin, score.speed, playing=False)
    return clock_event(reel, "paused", waiting, run=run, asked=score.speed, starts=start)


def _asked(clock: ClockEvent) -> float:
    """Tell the speed that the settings asked for when the clock was set."""
    return clock.asked or clock.speed
