"""Stamps: lines that are nothing but a moment.

``12:22 a.m. ET, February 1, 2023`` and its kin: ``12.22am``, ``00:22``, the date first, abbreviated months, with or
without weekday. What a stamp leaves out (day, year, zone) is None: who reads stamps never fills it in silently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from publisher.sources.transcript.zones import NAMES, Zone, find_zone

LONGEST = 80
"""Characters; a longer line is prose."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_CLOCK = (
    r"(?P<hour>[0-9]{1,2})(?:[:.](?P<minute>[0-9]{2})(?:[:.](?P<second>[0-9]{2}))?)?"
    r"(?: ?(?P<half>[ap])\.? ?m\b\.?)?"
)
_OFFSET = r"(?:UTC|GMT)? ?[+-][0-9]{1,2}(?::?[0-9]{2})?"
_ZONE = rf"\(?(?P<zone>(?:{'|'.join(NAMES)})(?: time)?|{_OFFSET}|(?-i:[A-Z]{{2,5}}))\)?"
_WEEKDAY = r"(?:(?P<weekday>mon|tue|wed|thu|fri|sat|sun)(?:s|nes|rs|ur)?(?:day)?\.?,? )?"
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?\b"
_YEAR = r"(?:,? (?P<year>(?:19|20|21)[0-9]{2}))?"
_DATES = (
    rf"{_WEEKDAY}{_MONTH} {_DAY}{_YEAR}",
    rf"{_WEEKDAY}{_DAY} {_MONTH}{_YEAR}",
    r"(?P<year>(?:19|20|21)[0-9]{2})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})",
)
_DIGIT = re.compile(r"[0-9]")
_GAP = r"(?: ?, ?| ?[-–—|·•] ?| (?:on |at )?)"
_SHAPES = [
    re.compile(shape, re.IGNORECASE | re.ASCII)
    for shape in (
        rf"{_CLOCK}(?:,? ?{_ZONE})?",
        *(rf"{_CLOCK}(?:,? ?{_ZONE})?{_GAP}{day}" for day in _DATES),
        *(rf"{day}(?:{_GAP}|T){_CLOCK}(?:,? ?{_ZONE})?" for day in _DATES),
    )
]


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment as a page writes it. ``day`` and ``zone`` are None where the line leaves them out.

    Attributes:
        slips: what is odd about it and how it was taken, as (code, sentence).
        flaw: why the line tells no moment; None if it does, or would with a zone.
    """

    clock: time
    day: date | None
    zone: Zone | None
    to_the_second: bool = False
    slips: tuple[tuple[str, str], ...] = ()
    flaw: str | None = None

    def moment(self, zone: Zone | None = None) -> tuple[datetime, tuple[tuple[str, str], ...]]:
        """Tell the moment, in the source's own offset, and what is odd about it.

        Args:
            zone: for a stamp that names none.

        Raises:
            ValueError: the stamp has no day, or neither it nor the caller has a zone.
        """
        zone = self.zone or zone
        if self.day is None or zone is None:
            raise ValueError("a moment needs a day and a zone")
        local = datetime.combine(self.day, self.clock, zone.tz)
        slips = list(self.slips)
        if zone.season and local.tzname() != zone.season and local.replace(fold=1).tzname() == zone.season:
            local = local.replace(fold=1)  # the hour that clocks strike twice: the name tells which
        elif zone.season and local.tzname() != zone.season:
            slips.append(
                ("zone-season", f"{zone.name} is not what clocks there said that day; taken as {local.tzname()}")
            )
        elif not zone.season and local.utcoffset() != local.replace(fold=1).utcoffset():
            slips.append(_seam(local))
        # Python compares two moments of one zone by their wall clocks, which the hour struck twice makes wrong.
        return local.astimezone(timezone(local.utcoffset() or timedelta())), tuple(slips)


def read_stamp(line: str) -> Stamp | None:
    """Read a cleaned line as a stamp; None if it is anything else."""
    if len(line) > LONGEST or not _DIGIT.search(line):
        return None
    match = next(filter(None, (shape.fullmatch(line) for shape in _SHAPES)), None)
    if match is None:
        return None
    part = match.groupdict()
    if part["minute"] is None and part["half"] is None:
        return None  # a bare number
    slips: list[tuple[str, str]] = []
    clock, flaw = _clock(part, slips)
    day = None
    if part.get("month") is None:
        flaw = flaw or "has no date"
    elif part["year"] is None:
        flaw = flaw or "has no year"
    else:
        day = _day(part)
        flaw = flaw or (None if day else "is no day of the calendar")
    said = (part.get("weekday") or "").lower()
    if day and not _DAYS[day.weekday()].lower().startswith(said):
        slips.append(("weekday-mismatch", f"that day was a {_DAYS[day.weekday()]}; the date was taken"))
    zone = find_zone(part["zone"]) if part["zone"] else None
    if part["zone"] and zone is None:
        flaw = flaw or f"names a time zone that newsreel does not know, {part['zone']}"
    return Stamp(clock, day, zone, part["second"] is not None, tuple(slips), flaw)


def _clock(part: dict[str, str | None], slips: list[tuple[str, str]]) -> tuple[time, str | None]:
    hour, minute, second = (int(part[name] or 0) for name in ("hour", "minute", "second"))
    half = (part["half"] or "").lower()
    if half and (hour == 0 or 12 < hour < 24):  # pages write 18:28 PM, and mean the 24-hour clock
        slips.append(("clock-24h", f"{part['hour']}:{minute:02} with {half}.m. was taken on the 24-hour clock"))
    elif half:
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return time(), "is no time of day"
    return time(hour, minute, second), None


def _day(part: dict[str, str | None]) -> date | None:
    name = str(part["month"]).lower()
    month = int(name) if name.isdigit() else _MONTHS.index(name[:3]) + 1
    try:
        return date(int(part["year"] or 0), month, int(part["day"] or 0))
    except ValueError:
        return None


def _seam(local: datetime) -> tuple[str, str]:
    # A wall-clock time that exists survives the trip to UTC and back; one that the clocks skipped does not.
    exists = local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)
    if exists:
        return "clock-struck-twice", "clocks struck this hour twice that night; the first was taken"
    return "clock-skipped", "clocks skipped this hour that night; taken as if they had not"
