"""What a person may do to a replay's clock, and what it means. Pure: from the playhead to what is to be appended."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from publisher.clock import FASTEST, SLOWEST, ReplayClock
from publisher.replay.playhead import clock_event
from publisher.when import When, parse_speed
from shared.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.log.contract import Draft
    from publisher.reel import Reel
    from publisher.replay.playhead import Playhead
    from publisher.replay.score import Score
    from shared.event import ClockState


class NoSuchPlaceError(UsageError):
    """A place to seek to is no moment of the story and no post."""


def _speed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_speed(value)
    except UsageError as error:
        raise ValueError(str(error)) from None


def _place(value: object) -> object:
    number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    if not (value is None or number or (isinstance(value, str) and value)):
        raise ValueError('write a place such as "21:30", "+10m" or "50%", the id of a post, or a number of seconds')
    return value


class Control(BaseModel):
    """What is asked of a clock: one thing, or several at once.

    Attributes:
        state: run on, or stand still. A replay that has ended and is told to play begins anew.
        speed: story seconds a second, from now on.
        seek: a moment of the story as ``When`` reads it, the id of a post, or elapsed seconds.
        step: release the next cue and stand still.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Literal["playing", "paused"] | None = None
    speed: Annotated[float, BeforeValidator(_speed), Field(ge=SLOWEST, le=FASTEST)] | None = None
    seek: Annotated[
        Annotated[str, Field(min_length=1, max_length=400)] | Annotated[float, Field(ge=0, allow_inf_nan=False)] | None,
        BeforeValidator(_place),
    ] = None
    step: bool = False

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.state is None and self.speed is None and self.seek is None and not self.step:
            raise ValueError("nothing is asked; give state, speed, seek or step")
        if self.step and (self.seek is not None or self.state == "playing"):
            raise ValueError("step stands still after the next post; it goes with neither seek nor playing")
        return self


def obey(control: Control, head: Playhead, reel: Reel, score: Score, now: datetime) -> list[Draft]:
    """Tell what is to be appended so that the clock does what is asked; nothing where it does so already.

    Raises:
        NoSuchPlaceError: there is no such place to seek to.
    """
    was = head.clock
    if was is None or not head.is_of(reel):
        return []
    clock = ReplayClock.of(was)
    if control.speed is not None:
        clock = clock.at_speed(now, control.speed)
    target = _target(control, was.state, reel, score)
    state: ClockState = was.state
    starts, upto = was.starts, was.upto
    if target is not None:
        clock = clock.seeked(now, target)
        state, upto = ("playing" if state == "ended" else state), None
    if control.state is not None and state != "ended":
        state, starts = control.state, None
    if control.step and state != "ended":
        state, starts = "paused", None
        place = max(head.out, head.due(reel, now))
        if place < len(reel):
            clock, upto = clock.seeked(now, reel.cues[place].elapsed), place + 1
    clock = clock.resumed(now) if state == "playing" else clock.paused(now)
    if state == "playing":
        upto = None
    if target is None and (state, clock.speed, starts, upto) == (was.state, was.speed, was.starts, was.upto):
        return []
    asked = was.asked if was.asked is not None else was.speed
    event = clock_event(reel, state, clock, run=was.run, asked=asked, starts=starts, upto=upto)
    return head.set(event, now) if target is None else head.begin_take("seek", event, now)


def _target(control: Control, state: ClockState, reel: Reel, score: Score) -> float | None:
    """Tell the elapsed seconds to seek to; None where the clock is to stay where it is."""
    if control.seek is None:
        return score.begin if state == "ended" and control.state == "playing" else None
    if isinstance(control.seek, float):
        return min(control.seek, reel.duration)
    post = control.seek.rpartition("/")[2].partition("~")[0]  # the id in documents is a tag, its last part the slug
    found = next((cue.elapsed for cue in reel.cues if cue.event.kind == "post" and cue.event.post.id == post), None)
    if found is not None:
        return found
    try:
        return reel.locate(When.parse(control.seek))
    except UsageError:
        raise NoSuchPlaceError(
            f"{control.seek[:80]!r} is neither a moment of the story nor the id of a post; "
            "write 2023-02-01T05:00Z, 21:30, +10m or 50%"
        ) from None
