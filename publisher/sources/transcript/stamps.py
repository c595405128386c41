"""Stamps: moments as pages write them.

``12:22 a.m. ET, February 1, 2023`` and its kin: a clock, a zone and a day in any order, or a span of time (``4 min
ago``). What a stamp leaves out (day, year, zone) is None: who reads stamps never fills it in silently.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import NamedTuple

from publisher.sources.transcript.clocks import Ago, Clock, Style, may_hold, read_ago, read_clock
from publisher.sources.transcript.dates import WEEKDAYS, Day, read_day
from publisher.sources.transcript.zones import AMBIGUOUS, CITIES, NAMES, Zone, find_zone

LONGEST = 80
"""Characters; a longer line is prose."""

_OFFSET = r"(?:UTC|GMT)? ?[+-][0-9]{1,2}(?::?[0-9]{2})?"
# Alone on a line a zone may be written in any way, and be one that newsreel does not know.
_ZONE = re.compile(
    rf",? ?\(?(?P<zone>{_OFFSET}|(?:{'|'.join(NAMES)})(?: time)?|(?:{'|'.join(CITIES)}) time|(?-i:[A-Z]{{2,5}}))"
    r"(?![^\W\d_])\)?",
    re.IGNORECASE,
)
# Before other words it is written in capitals: "9 p.m. at the gates" names no Atlantic time.
_ZONE_BEFORE_WORDS = re.compile(
    rf",? ?\(?(?P<zone>(?:UTC|GMT) ?[+-][0-9]{{1,2}}(?::?[0-9]{{2}})?|(?:{'|'.join(NAMES)})(?: (?:time|Time|TIME))?)"
    r"(?![a-z0-9&]|[A-Z][A-Z])\)?"
)
_GAP = re.compile(
    r"(?:,? (?:on|at|um|am|vom|om|ore|alle|à|le|du|às|a las|del?|kl\.?) | ?[,|·•–—-] ?|[.,]? |T(?=[0-9]))?",
    re.IGNORECASE,
)
_GAP_BEFORE_WORDS = re.compile(r"(?:,? on |,? |T(?=[0-9]))?")
_TWIN = re.compile(r" ?[/|] ?(?=[0-9])")
_LABEL = re.compile(r"(?:(?:posted|update)(?: at| on)?:?|ore|alle ore|a las|às) (?=[0-9(a-z])", re.IGNORECASE)
_COLONS = tuple(":–—-")
_OPENING = re.compile(r"[\[(]|[•‣◦●▪*–—-] ")


class Stamp(NamedTuple):
    """A moment as a page writes it. What it leaves out is None.

    Attributes:
        clock: the time of day; midnight where ``style`` is ``ago`` or ``day``, which name none.
        day: the date, if the page names it whole.
        zone: as named.
        named: the day as the page writes it, perhaps without year.
        ago: how long before the page was saved.
        style: how the moment is written.
        hour_only: it is an hour without minutes, ``10am``.
        ends_day: it is ``24:00``, which belongs to the day before.
        slips: what is odd about it and how it was taken, as (code, sentence).
        flaw: why it tells no moment; None if it does, or would with what it leaves out.
        unknown_zone: a word that stands where a zone does and is none that newsreel knows.
    """

    clock: time
    day: date | None
    zone: Zone | None
    named: Day | None = None
    ago: Ago | None = None
    style: Style = "ago"
    to_the_second: bool = False
    hour_only: bool = False
    ends_day: bool = False
    slips: tuple[tuple[str, str], ...] = ()
    flaw: str | None = None
    unknown_zone: str | None = None

    @property
    def has_clock(self) -> bool:
        """Tell whether it names a time of day."""
        return self.style not in {"ago", "day"}

    @property
    def minute(self) -> int:
        """Tell the minute of the day, from 0."""
        return self.clock.hour * 60 + self.clock.minute

    def moment(self, zone: Zone | None = None, day: date | None = None) -> tuple[datetime, tuple[tuple[str, str], ...]]:
        """Tell the moment, in the source's own offset, and what is odd about it.

        Args:
            zone: for a stamp that names none, or a name that was settled otherwise.
            day: for a stamp that names none, or no year.

        Raises:
            ValueError: neither the stamp nor the caller has a day, or a zone.
        """
        zone, day = zone or self.zone, day or self.day
        if day is None or zone is None:
            raise ValueError("a moment needs a day and a zone")
        local = datetime.combine(day, self.clock, zone.tz)
        slips = list(self.slips)
        if zone.season and local.tzname() != zone.season and local.replace(fold=1).tzname() == zone.season:
            local = local.replace(fold=1)  # the hour that clocks strike twice: the name tells which
        elif zone.season and local.tzname() != zone.season:
            slips.append(
                ("zone-season", f"{zone.name} is not what clocks there said that day; taken as {local.tzname()}")
            )
        elif not zone.season and local.utcoffset() != local.replace(fold=1).utcoffset():
            slips.append(_seam(local))
        return settled(local), tuple(slips)


def day_alone(day: Day) -> Stamp:
    """Make the stamp of a post that names its day and no time."""
    return Stamp(time(), day.on() if day.year else None, None, day, style="day")


def settled(moment: datetime) -> datetime:
    """Give a moment in the fixed offset that its zone has then.

    Python compares and adds moments of one zone by their wall clocks, which the hours that are struck twice make wrong.
    """
    return moment.astimezone(timezone(moment.utcoffset() or timedelta()))


def read_stamp(line: str) -> Stamp | None:
    """Read a cleaned line that is nothing but a stamp; None if it is anything else."""
    if len(line) > LONGEST or not may_hold(line):
        return None
    label = _LABEL.match(line)
    inside = line[label.end() :] if label else line
    for text in dict.fromkeys((inside, _unwrapped(inside))):
        found = scan(text)
        if found and found[1] == len(text) and (label or not _is_figure(found[0], line)):
            return found[0]
    return None


def scan(text: str, start: int = 0, *, before_words: bool = False) -> tuple[Stamp, int] | None:
    """Read the stamp at ``start``, and tell where it ends; None if there is none.

    Args:
        text: a cleaned line.
        start: where to look.
        before_words: other words may follow, so nothing that could be one of them is taken for part of the stamp.
    """
    zone_shape = _ZONE_BEFORE_WORDS if before_words else _ZONE
    clock: Clock | None = None
    day: Day | None = None
    ago: Ago | None = None
    zone: str | None = None
    end = at = start
    while True:
        if (ago is None or not before_words) and (spanned := read_ago(text, at)):
            if clock and not (day and day.year):
                break
            ago, end = ago or spanned[0], spanned[1]  # for the eye, and again for screen readers
        elif day is None and (dated := read_day(text, at)):
            day, end = dated
        elif clock is None and (clocked := read_clock(text, at)):
            clock, end = clocked
            named = None if day is None and _day_follows(text, end) else zone_shape.match(text, end)
            if named:
                clock, zone, end = _clearer(clock, named["zone"], text, named.end(), zone_shape)
        else:
            break
        # Behind a clock, a dash parts it from the words that follow; behind a day, the clock is still to come.
        gap = _GAP_BEFORE_WORDS if before_words and clock else _GAP
        if ago and not (clock or day) and not text[end : end + 1].isalnum():
            gap = _TWIN
        match = gap.match(text, end)
        at = match.end() if match else end
        if at >= len(text):
            break
    if clock is None and ago is None:
        return None
    return _stamp(clock, day, ago, zone), end


def _day_follows(text: str, end: int) -> bool:
    """Tell whether a day follows, whose capitals (``MAY 3``) could pass for a zone."""
    between = _GAP.match(text, end)
    return read_day(text, between.end() if between else end) is not None


def _clearer(clock: Clock, zone: str, text: str, end: int, zone_shape: re.Pattern[str]) -> tuple[Clock, str, int]:
    """Choose between a moment and its twin in another zone, ``17:17 GMT / 11:17 CST``: the one that is clear."""
    between = _TWIN.match(text, end)
    twin = read_clock(text, between.end()) if between else None
    named = zone_shape.match(text, twin[1]) if twin else None
    if twin is None or named is None:
        return clock, zone, end
    clear = find_zone(zone) is not None and zone.upper() not in AMBIGUOUS
    return (clock, zone, named.end()) if clear else (twin[0], named["zone"], named.end())


def _stamp(clock: Clock | None, day: Day | None, ago: Ago | None, said: str | None) -> Stamp:
    slips = clock.slips if clock else ()
    flaw = clock.flaw if clock else None
    found = day.on() if day and day.year else None
    if day and (day if day.year else Day(day.month, day.day, 2000)).on() is None:  # a leap year
        flaw = flaw or "is no day of the calendar"
    elif day and found and day.weekday is not None and found.weekday() != day.weekday:
        slips += (("weekday-mismatch", f"that day was a {WEEKDAYS[found.weekday()]}; the date was taken"),)
    zone = find_zone(said) if said else None
    if clock and found:
        ago = None  # what it says besides
    return Stamp(
        clock.time if clock else time(),
        found,
        zone,
        day,
        ago,
        clock.style if clock else "ago",
        to_the_second=clock is not None and clock.to_the_second,
        hour_only=clock is not None and clock.hour_only,
        ends_day=clock is not None and clock.ends_day,
        slips=slips,
        flaw=flaw,
        unknown_zone=said if zone is None else None,
    )


def _unwrapped(line: str) -> str:
    """Take away brackets or a bullet, and the mark behind."""
    opening = _OPENING.match(line)
    line = line[opening.end() :] if opening else line
    return line[:-1].rstrip() if line.endswith((*"])", *_COLONS)) else line


def _is_figure(stamp: Stamp, line: str) -> bool:
    """Tell whether ``2024``, ``22.24`` or ``31:28`` stand alone: years, figures and results look like clocks."""
    if stamp.named or stamp.zone or stamp.unknown_zone or stamp.ago:
        return False
    return stamp.flaw is not None or (stamp.style in {"bare", "dot"} and not line.endswith(_COLONS))


def _seam(local: datetime) -> tuple[str, str]:
    # A wall-clock time that exists survives the trip to UTC and back; one that the clocks skipped does not.
    exists = local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)
    if exists:
        return "clock-struck-twice", "clocks struck this hour twice that night; the first was taken"
    return "clock-skipped", "clocks skipped this hour that night; taken as if they had not"
