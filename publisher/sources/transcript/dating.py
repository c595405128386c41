"""Dating: when each post appeared, in which order, and what is odd about that."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.reading import Doubt
from publisher.sources.transcript.zones import AMBIGUOUS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from publisher.sources.transcript.page import Section

Dated = tuple["datetime", "Section"]


def date_all(sections: Sequence[Section], doubts: list[Doubt]) -> list[Dated]:
    """Date every post by its own time line. The order stays that of the page."""
    dated: list[Dated] = []
    named: set[str] = set()
    for section in sections:
        moment, slips = section.stamp.moment(section.zone)
        doubts.extend(Doubt(code, f"{section.text!r}: {sentence}", section.line) for code, sentence in slips)
        zone = section.stamp.zone.name.upper() if section.stamp.zone else ""
        if zone in AMBIGUOUS and zone not in named:
            doubts.append(Doubt("zone-ambiguous", f"{zone} was taken as {AMBIGUOUS[zone]}", section.line))
            named.add(zone)
        dated.append((moment, section))
    return dated


def oldest_first(dated: list[Dated], doubts: list[Doubt]) -> list[Dated]:
    """Order posts by story time; ties keep the page's order, seen from its oldest end.

    Most neighbours tell whether the page runs newest first. A post that stands against that order is never re-dated: it
    is filed by its own time, with a doubt.
    """
    falling = sum(a[0] > b[0] for a, b in pairwise(dated))
    rising = sum(a[0] < b[0] for a, b in pairwise(dated))
    if falling == rising and len({moment for moment, _ in dated}) < len(dated) and len(dated) > 1:
        doubts.append(Doubt("order-guessed", "posts of the same minute were taken to stand newest first"))
    told = dated if rising > falling else dated[::-1]
    straight = _longest_fall([moment for moment, _ in reversed(told)])
    doubts.extend(
        Doubt("out-of-order", f"{section.text!r} stands out of order; filed by its own time", section.line)
        for place, (_, section) in enumerate(reversed(told))
        if place not in straight
    )
    return sorted(told, key=lambda one: one[0])


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
