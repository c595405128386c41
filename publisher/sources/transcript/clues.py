"""Clues: what a source says of its day as a whole, when it was saved, and which of it can be believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from publisher.sources.transcript.dates import Day, find_days, find_url_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from publisher.sources.reading import TimeSource
    from publisher.sources.transcript.clockwork import Zones
    from publisher.sources.transcript.header import Top
    from publisher.sources.transcript.notes import Notes
    from publisher.sources.transcript.page import Section
    from publisher.sources.transcript.tokens import Token

FARTHEST = timedelta(days=7)
"""A page's own date that lies farther from everything else is a template's, or another page's."""

_LONGEST_SAID = 80
_DAY_FIRST = re.compile(r"(?<![0-9/])(?:1[3-9]|2[0-9]|3[01])/[0-9]{1,2}/[0-9]{4}")
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A day on which the page began (or, with ``ends``, on which its newest post appeared).

    ``said`` is how the source says it, for messages; ``moment`` is known of update stamps with a time; ``told`` means
    that a person says so.
    """

    day: date
    source: TimeSource
    said: str
    line: int | None = None
    ends: bool = False
    moment: datetime | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """When a page was saved. ``said`` tells how that is known; it is told by a person, or only likely."""

    moment: datetime
    said: str
    told: bool = False


@dataclass(frozen=True, slots=True)
class Clues:
    """What tells the moments of a page beyond its posts.

    Attributes:
        anchors: days of the page, the most trustworthy first.
        zones: of its times.
        updated: its own update stamp, if that can be believed.
        saved: when it was saved, if that is known.
        year: that its title or address names, for days without one.
        named: days that posts name in full.
        day_first: ``9/7/2016`` is in July.
    """

    anchors: list[Anchor]
    zones: Zones
    updated: datetime | None
    saved: Saved | None
    year: int | None
    named: list[date]
    day_first: bool = False

    @property
    def begin(self) -> Anchor | None:
        """Tell the day on which the page began."""
        return next((anchor for anchor in self.anchors if not anchor.ends), None)

    @property
    def end(self) -> Anchor | None:
        """Tell when the page was last updated."""
        return next((anchor for anchor in self.anchors if anchor.ends), None)

    def date_of(self, day: Day) -> date | None:
        """Tell the date of a day that a page names without year, or by its weekday alone; None if nothing tells it."""
        if day.year:
            return day.read(day_first=self.day_first)
        if not day.month:
            first = self.begin.day if self.begin else None
            last = self.end.day if self.end else self.saved.moment.date() if self.saved else None
            week = first or (last - timedelta(days=6) if last else None)
            return day.in_week(week) if week else None
        near = self.named[0] if self.named else self.anchors[0].day if self.anchors else None
        if near is None:
            return day.on(self.year) or (day.until(self.saved.moment.date()) if self.saved else None)
        return day.near(near)


def find_clues(sections: Sequence[Section], top: Top, zones: Zones, notes: Notes) -> Clues:
    """Gather the clues of a page, and leave out those that cannot be right."""
    stamp = top.updated.stamp if top.updated else None
    updated = None
    own = _own_days(top, notes)
    named = [section.stamp.named for section in sections if section.stamp] + [section.day for section in sections]
    days = [day for day in named if day and day.year]
    day_first = _is_day_first(sections, zones) or _is_nearer_turned(days, own)
    if top.updated and stamp and stamp.named and stamp.day and stamp.has_clock and not stamp.flaw:
        updated = stamp.moment(zones.of(stamp, top.updated.line), stamp.named.read(day_first=day_first))[0]
        how = repr(top.updated.text)
        own.append(Anchor(updated.date(), "header", how, top.updated.line, ends=True, moment=updated))
    known = [on for day in days if (on := day.read(day_first=day_first))]
    anchors = _find_anchors(sections, top, own, known, notes)
    if not any(anchor.ends for anchor in anchors):
        updated = None
    if updated is None and top.updated:
        notes.drop(top.updated, "page-stamp")
    return Clues(anchors, zones, updated, _find_saved(updated, notes), _find_year(top, notes.name), known, day_first)


def _is_day_first(sections: Sequence[Section], zones: Zones) -> bool:
    """Tell whether ``9/7/2016`` is in July: another day is surely so, or the page is not of where it would not be."""
    place = str(zones.page.tz)
    abroad = "/" in place and not place.startswith(("America/", "US/", "Pacific/Honolulu"))
    return abroad or zones.language != "en" or any(_DAY_FIRST.search(one.text) for one in sections)


def _is_nearer_turned(days: Sequence[Day], anchors: Sequence[Anchor]) -> bool:
    """Tell whether the first ``9/7/2016`` lies nearer to what the page says of its day if it is in July."""
    day = next((day for day in days if day.turned), None)
    month_first = day.on() if day else None
    if day is None or day.turned is None or month_first is None or not anchors:
        return False
    return abs(anchors[0].day - day.turned) < abs(anchors[0].day - month_first)


def _find_saved(updated: datetime | None, notes: Notes) -> Saved | None:
    """Find when the page was saved: as a person tells, else its last update, else when its file was written."""
    options = notes.options
    if options.saved_at:
        return Saved(options.saved_at, "--saved-at", told=True)
    if updated:
        return Saved(updated, "the page's own last update")
    return Saved(options.file_time, "the time of the file") if options.file_time else None


def _find_year(top: Top, name: str) -> int | None:
    """Find the year that the title, the page's address or the file's name says, where it says no day."""
    texts = [top.title.text if top.title else "", *(url for _, url in top.urls), name]
    return next((int(match[0]) for text in texts if (match := _YEAR.search(text))), None)


def _own_days(top: Top, notes: Notes) -> list[Anchor]:
    """List the days that a person tells, and that a page says of itself in full, in its head and its address."""
    anchors = [Anchor(notes.options.date, "header", "--date", told=True)] if notes.options.date else []
    said = _days_said(top)
    anchors += [Anchor(found, "header", how, line) for day, line, how in said if day.year and (found := day.on())]
    for line, url in [*top.urls, (None, notes.name)]:
        if found := find_url_day(url):
            how = "the address" if line or "://" in url else "the file's name"
            anchors.append(Anchor(found, "url", how, line))
    return anchors


def _find_anchors(
    sections: Sequence[Section], top: Top, own: Sequence[Anchor], known: Sequence[date], notes: Notes
) -> list[Anchor]:
    """Take the page's own days that can be believed, else the only day that its lines name."""
    believed = _believed(own, known, notes)
    near = believed[0].day if believed else min(known, default=None)
    for day, line, how in _days_said(top):
        found = None if day.year else _in_a_year(day, near, notes)
        if found:
            if near is None:
                message = f"{how} names no year; taken as {found.year}. Give --date to say otherwise"
                notes.doubt_once("year-assumed", message, line)
            believed.insert(1 if notes.options.date else 0, Anchor(found, "header", how, line))
    if not believed and not known:
        believed = [anchor for lines in (top.lines, _lines(sections)) for anchor in _only_day(lines)][:1]
    return believed


def _lines(sections: Sequence[Section]) -> Iterator[Token]:
    return (token for section in sections for token in section.lines)


def _only_day(lines: Iterable[Token]) -> list[Anchor]:
    """Take the day that lines name in full, if they name just one: the last resort, said with a doubt."""
    found: dict[date, Token] = {}
    for token in lines:
        for day in find_days(token.text):
            if day.year and (on := day.on()):
                found.setdefault(on, token)
        if len(found) > 1:
            return []
    return [
        Anchor(day, "header", said, token.line)
        for day, token in found.items()
        for said in [repr(token.text) if len(token.text) <= _LONGEST_SAID else f"line {token.line}"]
    ]


def _days_said(top: Top) -> list[tuple[Day, int, str]]:
    """List the days that title and dateline name."""
    said = [(day, top.title.line, "the title") for day in find_days(top.title.text)[:1]] if top.title else []
    for token in top.stamps:
        day = token.day or (token.stamp.named if token.stamp else None)
        if day:
            said.append((day, token.line, repr(token.text)))
    return said


def _in_a_year(day: Day, near: date | None, notes: Notes) -> date | None:
    if near is not None:
        found = day.near(near)
        return found if found and abs(found - near) <= FARTHEST else None
    saved = notes.options.saved_at or notes.options.file_time
    return day.until(saved.date()) if saved else None


def _believed(anchors: Sequence[Anchor], known: Sequence[date], notes: Notes) -> list[Anchor]:
    """Leave out what lies far from the days that posts name or, without those, from more trustworthy anchors."""
    believed: list[Anchor] = []
    first, last = min(known, default=None), max(known, default=None)
    for anchor in anchors:
        if first is None or last is None or first - FARTHEST <= anchor.day <= last + FARTHEST:
            believed.append(anchor)
            if not known:
                first, last = min(first or anchor.day, anchor.day), max(last or anchor.day, anchor.day)
        elif anchor.ends or not known:  # a date in the title of posts that have their own misleads nobody
            how = f"{anchor.said} is over a week from {first}, so it dates nothing"
            notes.doubt("page-date-rejected", f"{how}; give --date if it is right", anchor.line)
    return believed
