"""Days: from posts whose day is known to those whose clock alone is.

One walks along the page in its direction. A clock that jumps the wrong way by more than six hours has passed midnight;
smaller jumps are editorial order, and keep their day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from publisher.sources.transcript.order import DAY, LONGEST_STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.reading import TimeSource

_JUST_BEYOND = 60
"""Minutes from a post that stands astray to its neighbour, if midnight lies between them."""
_NEAR = 3 * 60
"""Minutes between the neighbours of a post that stands far from both: it is out of order, they are not."""


@dataclass(frozen=True, slots=True)
class Known:
    """A day that is known of one post, and from where."""

    day: date
    source: TimeSource


def walk(fixed: Sequence[Known | None], minutes: Sequence[float], way: int) -> list[Known]:
    """Carry known days to the posts between.

    Args:
        fixed: the days that are known, at least one.
        minutes: of the day, post by post.
        way: 1 if they rise down the page, -1 if they fall, 0 if midnight is never passed.
    """
    astray = _astray(fixed, minutes)
    first = next(place for place, known in enumerate(fixed) if known)
    days: dict[int, Known] = {}
    for places, along in ((range(first, -1, -1), -way), (range(first, len(fixed)), way)):
        beside = first
        for place in places:
            known = fixed[place]
            if known is None and place not in astray:
                known = _carried(days[beside], minutes[place] - minutes[beside], along)
            if known is not None:
                days[place] = known
                beside = place
            else:
                days[place] = _strayed(days[beside], minutes[place] - minutes[beside])
    return [days[place] for place in range(len(fixed))]


def last_day(moment: datetime, minute: float) -> date:
    """Tell the last day on which a clock is not past a moment of the same zone."""
    return moment.date() - timedelta(days=minute > moment.hour * 60 + moment.minute)


def _carried(beside: Known, jump: float, way: int) -> Known:
    """Tell the day of a post from the one beside it, ``jump`` minutes of the clock away."""
    passed = way if jump * way < -LONGEST_STEP else 0
    return Known(beside.day + timedelta(days=passed), derived(beside.source))


def _strayed(beside: Known, jump: float) -> Known:
    """Tell the day of a post that stands out of order: that of its neighbour, unless midnight lies just between."""
    passed = (jump < -DAY + _JUST_BEYOND) - (jump > DAY - _JUST_BEYOND)
    return Known(beside.day + timedelta(days=passed), derived(beside.source))


def derived(source: TimeSource) -> TimeSource:
    """Tell where a day is from that was told from another post's."""
    return "section" if source == "own" else source


def _astray(fixed: Sequence[Known | None], minutes: Sequence[float]) -> set[int]:
    """Find posts that stand far from neighbours which are near each other: old ones kept high, mostly."""
    return {
        place
        for place in range(1, len(minutes) - 1)
        if fixed[place] is None
        and abs(minutes[place + 1] - minutes[place - 1]) <= _NEAR
        and min(abs(minutes[place] - minutes[place - 1]), abs(minutes[place] - minutes[place + 1])) > LONGEST_STEP
    }
