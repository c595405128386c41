"""The elapsed-time axis of a story, its silences shortened: replays and reruns are laid out on it. Pure.

Its unit is the microsecond, as of moments; story times are counted from 1970. Events stand at whole ones.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import accumulate, islice, repeat
from operator import sub
from typing import TYPE_CHECKING

from publisher.moments import TICK

if TYPE_CHECKING:
    from datetime import timedelta

GROWN = 20_000
"""Events by which an axis grows in one go, in about 4 ms."""


class Axis:
    """How long after the first of a story's events each of them is. Grows as the story does.

    Args:
        times: story times, never falling; may be appended to.
        max_gap: silences longer than this are shortened to it. None: none is.

    Attributes:
        elapsed: of each event the time from the first one to it.
    """

    def __init__(self, times: array[int], max_gap: timedelta | None) -> None:
        self.times = times
        self.max_gap = None if max_gap is None else max_gap // TICK
        self.elapsed: array[int] = array("q")

    def grown(self) -> Axis:
        """Reckon what was appended to the times since."""
        while self.grow():
            pass
        return self

    def grow(self) -> bool:
        """Reckon ``GROWN`` events more; tell whether there are others to be reckoned."""
        times, known = self.times, len(self.elapsed)
        if times and not known:
            self.elapsed.append(0)
            known = 1
        upto = min(known + GROWN, len(times))
        if known < upto:
            gaps = map(sub, times[known:upto], times[known - 1 : upto - 1])
            shortened = gaps if self.max_gap is None else map(min, gaps, repeat(self.max_gap))
            self.elapsed.extend(islice(accumulate(shortened, initial=self.elapsed[-1]), 1, None))
        return upto < len(times)

    def elapsed_at(self, time: float) -> float:
        """Tell where a story time stands on the axis, which has events."""
        return self._carried(time, self.times, self.elapsed)

    def time_at(self, elapsed: float) -> float:
        """Tell what story time stands at a place of the axis, which has events."""
        return self._carried(elapsed, self.elapsed, self.times)

    def _carried(self, value: float, here: array[int], there: array[int]) -> float:
        """Carry a value over from one scale to the other: shortened silences are spread evenly, ends are held."""
        place = bisect_right(here, value, hi=len(self.elapsed))  # the times may have been appended to since
        if place in {0, len(self.elapsed)}:
            return there[max(place - 1, 0)]
        before, after = here[place - 1], here[place]
        return there[place - 1] + (value - before) / (after - before) * (there[place] - there[place - 1])
