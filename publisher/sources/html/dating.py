"""Dating: the moment of each update, the order in which they appeared, and what is unsure about that."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from publisher.sources.html.moments import Instant, is_clock
from publisher.sources.reading import Doubt, SourceError, TimePrecision, TimeSource
from publisher.sources.timing import fill, precision
from publisher.sources.transcript.clockwork import zone_of_language
from publisher.sources.transcript.days import Known, last_day, walk
from publisher.sources.transcript.notes import NO_CALENDAR
from publisher.sources.transcript.order import direction, trend
from publisher.sources.transcript.stamps import Stamp, scan, settled
from shared.post import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from publisher.sources.html.update import Update
    from publisher.sources.options import Options

Dated = tuple[datetime, "Update", TimeSource, TimePrecision]

_TOLERANCE = timedelta(minutes=10)
"""How much later than the page's own last update a post may be."""
# Before and behind a time of day that opens a body: "<p><strong>08:42 IST: </strong>The gates".
_TAGS = re.compile(r"\s*(?:<(?:p|strong|b|span|em|h[2-6])\b[^<>]*>\s*){0,4}")
_JOINT = re.compile(r" ?[:|–-] ?| ?(?=</)")
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
    try:
        by_clock = _date_clocks(walked, moments, zone, *span)
    except OverflowError:
        raise SourceError.at(name, None, NO_CALENDAR) from None
    if any(moment and not FIRST_YEAR <= moment.year <= LAST_YEAR for moment in moments):
        raise SourceError.at(name, None, NO_CALENDAR)
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
    found = [(update, *opening) for update in timeless if (opening := _opening_clock(update.html))]
    if 2 * len(found) <= len(timeless):
        return
    for update, clock, html in found:
        update.clock, update.html = clock, html


def _opening_clock(html: str) -> tuple[Stamp, str] | None:
    """Part a body from the time of day that opens it."""
    tags = _TAGS.match(html)
    found = scan(html, tags.end(), before_words=True) if tags else None
    joint = _JOINT.match(html, found[1]) if found else None
    if tags is None or found is None or joint is None or not is_clock(found[0]):
        return None
    return found[0], _EMPTY.sub("", tags[0] + html[joint.end() :], count=1)


def _rises(updates: Sequence[Update], zone: tzinfo, options: Options) -> bool:
    """Tell whether the page's oldest post stands first. Without evidence it is the newest that does."""
    if options.order is not None:
        return options.order != "newest"
    moments = [update.published.at(zone) for update in updates if update.published]
    return (trend(moments) or direction([update.clock.minute for update in updates if update.clock])) > 0


def _date_clocks(
    walked: Sequence[Update], moments: list[datetime | None], zone: tzinfo, began: date | None, ended: datetime | None
) -> set[int]:
    """Date what has only a time of day by the days of the others, else of the page; tells the places dated so."""
    said = {place: moment.astimezone(zone) for place, moment in enumerate(moments) if moment}
    clocks = {place: update.clock for place, update in enumerate(walked) if update.clock and place not in said}
    if not clocks or not (said or began or ended):
        return set()
    places = sorted((*said, *clocks))
    minutes = [_minute(said[place]) if place in said else clocks[place].minute for place in places]
    fixed = [Known(said[place].date(), "own") if place in said else None for place in places]
    if began and not said:
        fixed[0] = Known(began, "header")
    elif ended and not said:
        fixed[-1] = Known(last_day(ended + _TOLERANCE, minutes[-1]), "header")
    for place, known in zip(places, walk(fixed, minutes, 1), strict=True):
        if place in clocks:
            tz = _zone(clocks[place]) or zone
            moments[place] = settled(datetime.combine(known.day, clocks[place].clock, tz))
    return set(clocks)


def _minute(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def _zone(said: Instant | Stamp) -> tzinfo | None:
    """Tell the zone that a moment or a time of day names."""
    return said.moment.tzinfo if isinstance(said, Instant) else said.zone.tz if said.zone else None
