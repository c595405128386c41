"""Agendas: lines inside a post that say what will happen when, and look like posts: ``10am: A minister speaks``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from publisher.sources.transcript.order import direction, share_in_order, step
from publisher.sources.transcript.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.transcript.stamps import Stamp
    from publisher.sources.transcript.tokens import Token

_CUE = re.compile(
    r"\b(?:agenda|timetable|schedule|diary|coming up|line-?up|programme|running order|order of events|look out for|"
    r"what to expect|expected|fixtures?|kick-?offs?|termine|zeitplan)\b|(?:today|ahead|later|tomorrow|plan)\b[^.]*:$",
    re.IGNORECASE,
)
_FEWEST, _ORDERLY = 5, 0.8
"""Openings, and the share of them in order, from which whole hours alone are suspect."""
_FEW = 0.3
"""Share of openings under which whole hours (``10am``) are not how the page writes its times."""


def without_agenda(tokens: Sequence[Token], openings: list[tuple[int, Stamp]]) -> set[int]:
    """Choose the openings that are no lines of an agenda.

    A line is one of an agenda if it stands against the page's order and something speaks for it: it names a whole hour
    where posts name minutes, or the text above it announces an agenda.

    Args:
        tokens: of the page.
        openings: places and moments, in the order of the page.

    Returns:
        The places that remain.
    """
    clocked = [(place, stamp) for place, stamp in openings if stamp.has_clock]
    whole = sum(stamp.hour_only for _, stamp in clocked)
    hours_are_odd = whole <= _FEW * len(clocked)
    suspects: set[int] = set()
    announcements: set[int] = set()
    announced = False
    before = -1
    for place, stamp in clocked:
        if before >= 0 and _parted(tokens, before, place):
            announced = False
        announced = announced or _is_announced(tokens, place)
        if announced:
            announcements.add(place)
        if announced or (stamp.hour_only and hours_are_odd):
            suspects.add(place)
        before = place
    trusted = [stamp.minute for place, stamp in clocked if place not in suspects]
    way = direction(trusted)
    if len(trusted) < _FEWEST or share_in_order(trusted) < _ORDERLY:
        suspects = announcements
    if not suspects or not way:
        return {place for place, _ in openings}
    agenda: set[int] = set()
    last: float | None = None
    for number, (place, stamp) in enumerate(clocked):
        minute = stamp.minute
        below = clocked[number + 1 : number + 50]
        after = next((other.minute for p, other in below if p not in suspects), None)
        if place in suspects and not (_fits(last, minute, way) and _fits(minute, after, way)):
            agenda.add(place)
        else:
            last = minute
    return {place for place, _ in openings} - agenda


def _fits(before: float | None, after: float | None, way: int) -> bool:
    return before is None or after is None or step(before, after) * way >= 0


def _parted(tokens: Sequence[Token], start: int, end: int) -> bool:
    """Tell whether text that is no line of the agenda stands between two openings."""
    return any(token.kind is Kind.TEXT for token in tokens[start + 1 : end])


def _is_announced(tokens: Sequence[Token], place: int) -> bool:
    above = next((token for token in reversed(tokens[max(place - 3, 0) : place]) if token.kind is not Kind.BLANK), None)
    return above is not None and above.kind in {Kind.TEXT, Kind.SUMMARY} and bool(_CUE.search(above.text[-200:]))
