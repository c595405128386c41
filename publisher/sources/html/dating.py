"""Dating: the moment of each update, the order in which they appeared, and what is unsure about that."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.html.moments import Clock, Instant, read_clock
from publisher.sources.reading import Doubt, SourceError, TimePrecision, TimeSource
from publisher.sources.timing import fill, precision
from publisher.sources.transcript.clockwork import zone_of_language
from shared.post import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from publisher.sources.html.update import Update
    from publisher.sources.options import Options

Dated = tuple[datetime, "Update", TimeSource, TimePrecision]

_MIDNIGHT = timedelta(hours=6)
"""A clock that falls by more has passed midnight; by less, posts merely stand out of order."""
_MOST_DAYS = 8
"""Days of one page whose posts name times alone."""
_TOLERANCE = timedelta(minutes=10)
"""How much later than the page's own last update a post may be."""
# A time of day before the first words of a body: "<p><strong>08:42 IST: </strong>The gates".
_OPENING = re.compile(
    r"(?P<tags>\s*(?:<(?:p|strong|b|span|em|h[2-6])\b[^<>]*>\s*){0,4})"
    r"(?P<clock>[0-9]{1,2}[.:][0-9]{2}(?: ?[ap]\.?m\b\.?)?(?: (?:[A-Z]{1,5}|Uhr)(?![^\s<:]))?)"
    r"(?: ?[:|–-] ?| ?(?=</))"
)
_EMPTY = re.compile(r"<(strong|b|span|em)\b[^<>]*>\s*</\1>\s*")


def choose_zone(
    updates: Sequence[Update],
    page: Sequence[Instant | None],
    options: Options,
    doubts: list[Doubt],
    *,
    language: str | None = None,
) -> tzinfo:
    """Choose the zone of times that name none.

    That is ``--tz``, else that of the page's other times, else that of its language, else UTC.

    Args:
        updates: of the page.
        page: its own moments, None for those it does not say.
        options: what a person tells.
        doubts: filled.
        language: BCP 47 tag, if the page says it.
    """
    if options.tz is not None:
        return options.tz
    said = [update.published or update.clock for update in updates]
    zones = [_zone(one) for one in (*said, *page) if one and not (isinstance(one, Instant) and one.unix)]
    spoken = zone_of_language((language or "").partition("-")[0].lower())
    zone = next((zone for zone in zones if zone), spoken.tz if spoken else UTC)
    nameless = [update for update, one in zip(updates, said, strict=True) if one and _zone(one) is None]
    if nameless:
        why = "as the page's other times" if any(zones) else "by its language" if spoken else "for want of any other"
        doubts.append(
            Doubt(
                "zone-assumed",
                f"times that name no zone ({len(nameless)}) were taken as {zone}, {why};"
                " --tz Europe/London and the like settles it",
                nameless[0].line,
            )
        )
    return zone


def date_all(
    updates: Sequence[Update],
    zone: tzinfo,
    span: tuple[date | None, datetime | None],
    *,
    options: Options,
    name: str,
    doubts: list[Doubt],
) -> list[Dated]:
    """Date the updates: oldest first; ties keep the page's order, seen from its oldest end.

    Args:
        updates: in the page's order.
        zone: of times that name none.
        span: the day on which the page began, and its last update, where it says so.
        options: what a person tells.
        name: of the source, for errors.
        doubts: filled.

    Raises:
        SourceError: posts have no time, and nobody said what to do then.
    """
    walked = list(updates) if _rises(updates, zone, options) else list(updates)[::-1]
    moments = [update.published.at(zone) if update.published else None for update in walked]
    by_clock = _date_clocks(walked, moments, zone, _first_day(walked, zone, *span))
    if by_clock:
        day = next(moment for moment in moments if moment)
        doubts.append(
            Doubt(
                "day-assumed",
                f"times that name no day ({len(by_clock)}) were counted on from {day:%Y-%m-%d}; --date settles it",
                walked[min(by_clock)].line,
            )
        )
    missing = next((update.line for update, moment in zip(walked, moments, strict=True) if moment is None), None)
    if not any(moments) and any(update.clock for update in walked) and options.missing_times == "error":
        raise SourceError.at(name, missing, "the times name no day, and nothing in the source says it; give --date")
    filled = fill(moments, options, name, missing)
    exact = precision(moment for moment in moments if moment)
    dated: list[Dated] = []
    for place, (update, moment) in enumerate(zip(walked, filled, strict=True)):
        if moments[place] is None:
            dated.append((moment, update, "interpolated", "minute"))
        elif place in by_clock:
            dated.append((moment, update, "header", "minute"))
        else:
            whole_day = update.published is not None and update.published.precision == "day"
            dated.append((moment, update, "own", "day" if whole_day else exact))
    return sorted(dated, key=lambda one: one[0])


def take_opening_clocks(updates: Sequence[Update]) -> None:
    """Take times of day from the beginnings of bodies, if most bodies without another time begin with one."""
    timeless = [update for update in updates if update.published is None and update.clock is None]
    openings = [(update, _OPENING.match(update.html)) for update in timeless]
    found = [
        (update, match, clock) for update, match in openings if match and (clock := read_clock(match["clock"].strip()))
    ]
    if 2 * len(found) <= len(timeless):
        return
    for update, match, clock in found:
        update.clock = clock
        update.html = _EMPTY.sub("", match["tags"] + update.html[match.end() :], count=1)


def _rises(updates: Sequence[Update], zone: tzinfo, options: Options) -> bool:
    """Tell whether the page's oldest post stands first. Without evidence it is the newest that does."""
    if options.order is not None:
        return options.order != "newest"
    moments = [update.published.at(zone) for update in updates if update.published]
    steps = [b - a for a, b in pairwise(moments)]
    if not any(steps):
        clocks = [update.clock.time for update in updates if update.clock]
        minutes = [timedelta(hours=clock.hour, minutes=clock.minute) for clock in clocks]
        steps = [step for a, b in pairwise(minutes) if abs(step := b - a) <= _MIDNIGHT]
    return sum(step > timedelta() for step in steps) > sum(step < timedelta() for step in steps)


def _first_day(walked: Sequence[Update], zone: tzinfo, began: date | None, ended: datetime | None) -> date | None:
    """Tell the day of the oldest post; where only the end is known, the last one that fits it."""
    if began is not None or ended is None:
        return began
    for back in range(_MOST_DAYS):
        day = ended.date() - timedelta(days=back)
        moments: list[datetime | None] = [None] * len(walked)
        _date_clocks(walked, moments, zone, day)
        if max((moment for moment in moments if moment), default=ended) <= ended + _TOLERANCE:
            return day
    return ended.date()


def _date_clocks(
    walked: Sequence[Update], moments: list[datetime | None], zone: tzinfo, first_day: date | None
) -> set[int]:
    """Date what has only a time of day by walking on from the day before; tells the places that were dated so."""
    dated: set[int] = set()
    before: datetime | None = None
    for place, update in enumerate(walked):
        if (known := moments[place]) is not None:
            before = known
        elif update.clock is not None and (before or first_day) is not None:
            tz = update.clock.zone or zone
            day = before.astimezone(tz).date() if before else first_day
            assert day is not None  # noqa: S101 one of the two is there
            local = datetime.combine(day, update.clock.time, tz)
            if before is not None and before - local > _MIDNIGHT:
                local += timedelta(days=1)
            if FIRST_YEAR <= local.year <= LAST_YEAR:
                moments[place] = before = local.astimezone(timezone(local.utcoffset() or timedelta()))
                dated.add(place)
    return dated


def _zone(said: Instant | Clock) -> tzinfo | None:
    return said.moment.tzinfo if isinstance(said, Instant) else said.zone
