"""When the parts of a Markdown story were: clocks get the day that stands above them, and the story's zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from publisher.sources.markdown.parts import EXAMPLE, read_line
from publisher.sources.reading import SourceError
from shared.post import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from datetime import tzinfo

    from publisher.sources.markdown.parts import Part, Parts
    from publisher.sources.options import Options
    from publisher.sources.reading import TimePrecision, TimeSource

_MIDNIGHT = timedelta(hours=6)
"""A clock that goes back by more than this has passed midnight; by less, posts stand out of order."""
_DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Dated:
    """A part and its time, None where it names none."""

    part: Part
    at: datetime | None
    source: TimeSource

    @property
    def precision(self) -> TimePrecision:
        """Tell how exact the time is."""
        return "second" if self.part.clock and self.part.clock.count(":") > 1 else "minute"


def date_parts(parts: Parts, options: Options, name: str) -> list[Dated]:
    """Give every part its time, oldest first in the order of the file.

    Args:
        parts: as they stand in the file.
        options: ``tz`` and ``date`` win over those of the file; ``order`` counts.
        name: of the file, for errors.

    Raises:
        SourceError: a time is none, or has no zone or day.
    """
    found, zone = parts.parts, _zone(parts, options, name)
    if options.order == "newest" or (options.order is None and _falls(found)):
        found = found[::-1]
    first = options.date.isoformat() if options.date else (read_line(parts.front.get("date")) or "")[:10]
    day, day_source = first, "header"
    before: datetime | None = None
    dated = []
    for part in found:
        if part.clock is None:
            dated.append(Dated(part, None, "interpolated"))
            continue
        source: TimeSource = "own"
        if part.day is None and part.section_day:
            source = "section"
        elif part.day is None:
            source = "header" if day_source == "header" else "section"
        at = _moment(part, part.day or part.section_day or day, zone, name)
        if part.day or part.section_day:
            day_source = "section"
        elif before is not None and before - at > _MIDNIGHT:
            at += timedelta(days=1)
        elif before is not None and at - before > timedelta(days=1) - _MIDNIGHT:
            at -= timedelta(days=1)
        day, before = at.date().isoformat(), at
        dated.append(Dated(part, at, source))
    return dated


def _zone(parts: Parts, options: Options, name: str) -> tzinfo | None:
    given = read_line(parts.front.get("tz"))
    if options.tz is not None or given is None:
        return options.tz
    try:
        return ZoneInfo(given)
    except (ValueError, OSError, KeyError):  # what ZoneInfo raises for what is no zone, or no name of one
        raise SourceError.at(name, 1, f"tz: {given[:40]!r} is no time zone; write one such as Europe/London") from None


def _falls(parts: list[Part]) -> bool:
    """Tell whether the newest post stands first. Clocks without a day are taken for no more than half a day apart."""
    steps = [step for one, other in pairwise(part for part in parts if part.clock) if (step := _step(one, other))]
    return sum(step < 0 for step in steps) > sum(step > 0 for step in steps)


def _step(one: Part, other: Part) -> float:
    """Tell the seconds from one part to the next."""
    seconds = _seconds(other) - _seconds(one)
    days = [_ordinal(part) for part in (one, other)]
    if days[0] is not None and days[1] is not None:
        return seconds + (days[1] - days[0]) * _DAY
    return (seconds + _DAY / 2) % _DAY - _DAY / 2


def _ordinal(part: Part) -> int | None:
    try:
        return date.fromisoformat(part.day or part.section_day or "").toordinal()
    except ValueError:  # none, or one that the calendar lacks: its moment is refused later
        return None


def _seconds(part: Part) -> float:
    clock = sum(float(n) * unit for n, unit in zip((part.clock or "").split(":"), (3600, 60, 1), strict=False))
    offset = re.fullmatch(r"([+-])(\d\d):?(\d\d)", part.offset or "")
    if offset is None:
        return clock
    ahead = int(offset[2]) * 3600 + int(offset[3]) * 60
    return clock + (ahead if offset[1] == "-" else -ahead)


def _moment(part: Part, day: str, zone: tzinfo | None, name: str) -> datetime:
    clock = part.clock or ""
    hour, _, rest = clock.partition(":")
    if not day:
        what = f"{clock} has no day; write it as in {EXAMPLE}, or give --date"
        raise SourceError.at(name, part.line, what)
    try:
        at = datetime.fromisoformat(f"{day}T{hour:0>2}:{rest}")
        offset = datetime.fromisoformat(f"2000-01-01T00:00{part.offset.upper()}").tzinfo if part.offset else None
    except ValueError:
        raise SourceError.at(name, part.line, f"{day} {clock} is no moment of the calendar") from None
    if not FIRST_YEAR < at.year < LAST_YEAR:
        raise SourceError.at(name, part.line, f"{day} is too far from our days; years are {FIRST_YEAR} to {LAST_YEAR}")
    if offset is None and zone is None:
        what = f"{clock} names no zone; write it as in {EXAMPLE}, put tz: Europe/London at the top, or give --tz"
        raise SourceError.at(name, part.line, what)
    return at.replace(tzinfo=offset or zone)
