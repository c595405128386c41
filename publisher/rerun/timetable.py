"""When each event of a story is due in a rerun. Pure.

A rerun plays a channel's events in log order by their effective story times (``publisher.library.history``). All is
reckoned in whole microseconds and exact fractions, so that feed, stream and page of the same URL agree on each event.
Moments are told in microseconds since 1970: no date is made where none is shown.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from fractions import Fraction
from typing import TYPE_CHECKING

from publisher.moments import microseconds
from publisher.rerun.rerun import RerunError, moment_of

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.axis import Axis
    from publisher.rerun.rerun import Rerun
    from publisher.when import When


class Timetable:
    """When each event of a story is due in a rerun. Events are told by their places on the axis, from 0.

    Args:
        rerun: the parameters.
        axis: the events that are out, grown.
        first: story time of the first event, in the story's zone; None where there is none.
        finished: nothing will ever follow.

    Attributes:
        start: when it begins.

    Raises:
        RerunError: its ``from`` is a percentage of a story that is not finished.
    """

    def __init__(self, rerun: Rerun, axis: Axis, first: datetime | None, *, finished: bool) -> None:
        self._axis = axis
        self._elapsed = axis.elapsed
        self.start = microseconds(rerun.start)
        self._speed = rerun.speed
        self._numerator, self._denominator = rerun.speed.as_integer_ratio()
        self.finished = finished
        self._bulk = 0  # so many are out at once when it begins
        self._begin = 0
        if rerun.begin is not None and first is not None:
            self._locate(rerun.begin, first)

    def __len__(self) -> int:
        return len(self._elapsed)

    def _locate(self, begin: When, first: datetime) -> None:
        if begin.share is not None:
            if not self.finished:
                raise RerunError("from: a percentage needs a finished story; write 21:30, +10m or a moment")
            self._begin = int(self._elapsed[-1] * Fraction(begin.share))
            self._bulk = bisect_right(self._elapsed, self._begin)
            return
        time = microseconds(moment_of("from", begin, first))
        self._begin = round(self._axis.elapsed_at(time))
        self._bulk = bisect_right(self._axis.times, time, hi=len(self))

    def place(self, now: int) -> int:
        """Count the events that are due at ``now``."""
        if now < self.start:
            return 0
        place = bisect_right(self._elapsed, self._reached(now))
        return max(self._bulk, place)

    def _reached(self, now: int) -> int:
        return self._begin + (now - self.start) * self._numerator // self._denominator

    def next(self, place: int) -> int | None:
        """Tell when the event at a place is due; None if there is none, or none yet."""
        return self.due(place) if place < len(self._elapsed) else None

    def due(self, place: int) -> int:
        """Tell when an event is due, which may be later than any date."""
        if place < self._bulk:
            return self.start
        wait = -((self._begin - self._elapsed[place]) * self._denominator // self._numerator)  # rounded up
        return self.start + wait if wait > 0 else self.start

    def stamp(self, place: int) -> int:
        """Date an event: when it is due, events of the same moment a microsecond apart, in their order."""
        # Those that are out at once fill the microseconds from the start on; what follows must not be dated among them.
        least = self.start + place
        if place < self._bulk:
            return least
        moment, elapsed = self.due(place), self._elapsed
        if place and elapsed[place - 1] == elapsed[place]:
            moment += place - bisect_left(elapsed, elapsed[place], hi=place)
        return max(least, moment)

    def story_time(self, now: int) -> int | None:
        """Tell what moment of the story stands at ``now``; None where there is no story yet."""
        return round(self._axis.time_at(self._reached(max(now, self.start)))) if self else None

    def caught_up(self, now: int, present: int, rate: float) -> float | None:
        """Tell in how many microseconds the rerun stands where a story that goes on stands, which is at ``present``.

        Zero or less: it does already. None: never, as things are. What is out is due already, or this is not asked.

        Args:
            now: the wall-clock moment.
            present: the story's own moment at ``now``.
            rate: story seconds a second at which that moves.
        """
        if not self:
            return 0.0
        behind = self._elapsed[-1] - self._reached(now)
        silence = present - self._axis.times[len(self) - 1]
        waits: list[float] = []
        if self._axis.max_gap is not None:
            waits.append((behind + self._axis.max_gap) / self._speed)
        if behind + silence <= 0:
            waits.append(0.0)
        elif self._speed > rate:
            waits.append((behind + silence) / (self._speed - rate))
        return min(waits, default=None)
