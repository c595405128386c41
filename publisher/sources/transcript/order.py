"""Order: which way a page runs, and which posts stand against it."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from publisher.sources.transcript.notes import Notes
    from publisher.sources.transcript.page import Dated

DAY = 24 * 60
"""Minutes."""
LONGEST_STEP = 6 * 60
"""Minutes of a step whose direction is plain."""


def direction(minutes: Sequence[float]) -> int:
    """Tell which way clocks without days run: 1 if they rise, -1 if they fall, 0 if neither is clear.

    A step is taken the short way round the dial, so midnight turns nothing; long ones count only where short ones do
    not tell.
    """
    steps = [step(before, after) for before, after in pairwise(minutes)]
    for sure in (LONGEST_STEP, DAY):
        rises, falls = (sum(0 < taken * way <= sure for taken in steps) for way in (1, -1))
        if rises != falls:
            return 1 if rises > falls else -1
    return 0


def trend(moments: Sequence[datetime]) -> int:
    """Tell which way most moments run: 1 if they rise, -1 if they fall, 0 if neither."""
    steps = [(after > before) - (after < before) for before, after in pairwise(moments)]
    return (sum(steps) > 0) - (sum(steps) < 0)


def share_in_order(minutes: Sequence[float]) -> float:
    """Tell which share of the plain steps goes the way most do; posts of the same minute go any way."""
    way = direction(minutes)
    steps = [taken for before, after in pairwise(minutes) if abs(taken := step(before, after)) <= LONGEST_STEP]
    return sum(taken * way >= 0 for taken in steps) / len(steps) if steps else 1.0


def step(before: float, after: float) -> float:
    """Tell how far it is from one minute of the day to another, the short way round the dial; back is negative."""
    return (after - before + DAY / 2) % DAY - DAY / 2


def oldest_first(dated: list[Dated], notes: Notes) -> list[Dated]:
    """Order posts by story time; ties keep the page's order, seen from its oldest end.

    Most neighbours tell whether the page runs newest first, if a person does not. A post that stands against that order
    is never re-dated: it is filed by its own time, with a doubt.
    """
    order = notes.options.order
    way = trend([one.moment for one in dated])
    if order is None and not way and len({one.moment for one in dated}) < len(dated) and len(dated) > 1:
        message = "posts of the same minute were taken to stand newest first; give --order to say otherwise"
        notes.doubt("order-guessed", message)
    upwards = order in {"oldest", "as-is"} or (order is None and way > 0)
    told = dated if upwards else dated[::-1]
    straight = _longest_fall([one.moment for one in reversed(told)])
    for place, one in enumerate(reversed(told)):
        if place not in straight and order != "as-is" and not one.section.pinned:
            message = f"{one.section.text!r} stands out of order; filed by its own time"
            notes.doubt("out-of-order", message, one.section.line)
    return sorted(told, key=lambda one: one.moment)


def _longest_fall(moments: list[datetime]) -> set[int]:
    """Find the places of a longest run that never rises (patience sorting): the fewest others are out of order.

    Of two neighbours that stand the wrong way round, the upper one is left out: pages keep old posts high, not new ones
    low.
    """
    tails: list[float] = []
    places: list[int] = []
    before: list[int] = []
    for place, moment in enumerate(moments):
        depth = -moment.timestamp()
        length = bisect_right(tails, depth)
        tails[length : length + 1] = [depth]
        places[length : length + 1] = [place]
        before.append(places[length - 1] if length else -1)
    fall: set[int] = set()
    place = places[-1] if places else -1
    while place >= 0:
        fall.add(place)
        place = before[place]
    return fall
