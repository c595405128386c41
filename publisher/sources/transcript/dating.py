"""Dating: when each post appeared.

A moment's own day comes first, then that of the section line above it, then what the page says of itself (``clues``);
``days`` carries these to the other posts. Times that count back need the moment of the save.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from publisher.sources.transcript.clues import FARTHEST
from publisher.sources.transcript.days import Known, derived, last_day, walk
from publisher.sources.transcript.order import direction
from publisher.sources.transcript.page import Dated
from publisher.sources.transcript.stamps import settled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.transcript.clues import Anchor, Clues
    from publisher.sources.transcript.dates import Day
    from publisher.sources.transcript.notes import Notes
    from publisher.sources.transcript.page import Section

EXAMPLE = "12:22 a.m. ET, February 1, 2023"
"""What a full time line looks like, for people who have to write one."""

_TOLERANCE = timedelta(minutes=10)
"""How much later than the page's own last update a post may be, minutes being rounded."""


def date_all(sections: Sequence[Section], clues: Clues, notes: Notes) -> list[Dated | None]:
    """Date every post; None where the page gives it no time at all. The order stays that of the page.

    Raises:
        SourceError: a time has no day, and nothing in the source says which; or it counts back from an unknown moment.
    """
    clocked = [section for section in sections if section.stamp and section.stamp.has_clock and not section.stamp.ago]
    days = dict(zip(map(id, clocked), _days(clocked, clues, notes), strict=True))
    dated: list[Dated | None] = []
    for section in sections:
        stamp = section.stamp
        if stamp is None:
            dated.append(None)
        elif stamp.ago is not None:
            dated.append(_count_back(section, clues, notes))
        elif stamp.style == "day":
            dated.append(_on_its_day(section, clues, notes))
        else:
            known = days[id(section)]
            moment, slips = stamp.moment(clues.zones.of(stamp, section.line), known.day)
            for code, sentence in slips:
                doubt = notes.doubt_once if code == "zone-season" else notes.doubt
                doubt(code, f"{section.text!r}: {sentence}", section.line)
            dated.append(Dated(moment, section, known.source, "second" if stamp.to_the_second else "minute"))
    _doubt_relative([one for one in dated if one and one.source == "relative"], clues, notes)
    return dated


def _on_its_day(section: Section, clues: Clues, notes: Notes) -> Dated:
    """Date a post that names its day and no time: it appeared when that began."""
    day = section.stamp.named if section.stamp else None
    found = _found(day, repr(section.text), section.line, clues, notes) if day else None
    if found is None:
        what = f"{section.text!r} has no year; give --date, or write it like {EXAMPLE!r}"
        raise notes.refusal(section.line, what)
    how = "the posts name days and no times; each was taken to appear when its day began"
    notes.doubt_once("coarse-times", f"{how}. Put a time above every post", section.line)
    return Dated(settled(datetime.combine(found, datetime.min.time(), clues.zones.page.tz)), section, "own", "day")


def _count_back(section: Section, clues: Clues, notes: Notes) -> Dated:
    """Date a post whose time counts back from the save."""
    stamp = section.stamp
    if clues.saved is None or stamp is None or stamp.ago is None:
        what = f"{section.text!r} counts from when the page was saved; give that moment with --saved-at"
        raise notes.refusal(section.line, what)
    saved = clues.saved.moment
    zone = clues.zones.of(stamp, section.line)
    named = stamp.zone or zone.tz is not UTC
    moment = settled((saved - stamp.ago.span).astimezone(zone.tz if named else saved.tzinfo))
    if not stamp.has_clock:
        return Dated(moment.replace(microsecond=0), section, "relative", stamp.ago.precision)
    # 883d ago / 6:31 PM UTC: the last day with that clock that lies as many whole days back.
    at_clock, _ = stamp.moment(zone, moment.date())
    if saved - at_clock < stamp.ago.span:
        at_clock -= timedelta(days=1)
    return Dated(at_clock, section, "relative", "minute")


def _doubt_relative(relative: Sequence[Dated], clues: Clues, notes: Notes) -> None:
    """Say what is unsure of times that count back: when the page was saved, and how coarse they are."""
    if not relative or clues.saved is None:
        return
    first = relative[0].section
    saved = clues.saved
    if not saved.told:
        how = f"{first.text!r} is counted from {saved.said}, {saved.moment:%Y-%m-%d %H:%M %z}"
        notes.doubt("saved-at-assumed", f"{how}; give --saved-at to say otherwise", first.line)
    coarse = [one for one in relative if one.precision in {"day", "month"}]
    if len(coarse) > 1 and notes.options.missing_times == "error":
        what = f"{len(coarse)} times are known to the {coarse[0].precision} only"
        offer = "--missing-times interpolate, or every=2m, spreads such posts"
        notes.doubt("coarse-times", f"{what}; {offer}", coarse[0].section.line)


def _days(sections: Sequence[Section], clues: Clues, notes: Notes) -> list[Known]:
    """Find the day of every post that has a clock.

    A pinned post stands in no order: it has the last day on which it is no newer than the page.
    """
    pinned = [section for section in sections if section.pinned and section.stamp and section.stamp.named is None]
    if not pinned or len(pinned) == len(sections):
        return _days_in_order(sections, clues, notes)
    others = [section for section in sections if section not in pinned]
    days = dict(zip(map(id, others), _days_in_order(others, clues, notes), strict=True))
    last = max(others, key=lambda one: _at(days[id(one)].day, _minute(one)))
    day = days[id(last)]
    newest = _at(day.day, _minute(last))
    end = clues.end.moment if clues.end else None
    newest = max(newest, _local(end, clues)) if end else newest
    for section in pinned:
        days[id(section)] = Known(last_day(newest, _minute(section)), derived(day.source))
    return [days[id(section)] for section in sections]


def _minute(section: Section) -> int:
    return section.stamp.minute if section.stamp else 0


def _local(moment: datetime, clues: Clues) -> datetime:
    return moment.astimezone(clues.zones.page.tz).replace(tzinfo=None)


def _days_in_order(sections: Sequence[Section], clues: Clues, notes: Notes) -> list[Known]:
    """Find the days of posts that stand in the page's order."""
    if not sections:
        return []
    minutes = [section.stamp.minute for section in sections if section.stamp]
    way = {"newest": -1, "oldest": 1, "as-is": 0, None: direction(minutes) or -1}[notes.options.order]
    fixed = _fixed(sections, clues, notes)
    if any(fixed):
        return walk(fixed, minutes, way)
    return _from_page(sections[0], minutes, way, clues, notes)


def _fixed(sections: Sequence[Section], clues: Clues, notes: Notes) -> list[Known | None]:
    """Tell the days that posts and section lines name.

    Where only one section line stands, it names the day of the first post under it; further down, midnight may pass.
    """
    fixed: list[Known | None] = []
    several = len({section.day for section in sections if section.day}) > 1
    last: Day | None = None
    for section in sections:
        own = section.stamp.named if section.stamp else None
        day = own or (section.day if several or section.day is not last else None)
        last = section.day
        if day is None:
            fixed.append(None)
            continue
        said = repr(section.text) if own else f"the day above {section.text!r}"
        found = _found(day, said, section.line, clues, notes)
        if found is None:
            what = "year" if day.month else "date"
            raise notes.refusal(section.line, f"{said} has no {what}; give --date, or write it like {EXAMPLE!r}")
        ends_day = section.stamp is not None and section.stamp.ends_day
        fixed.append(Known(found + timedelta(days=ends_day), "own" if own else "section"))
    return fixed


def _found(day: Day, said: str, line: int, clues: Clues, notes: Notes) -> date | None:
    """Find the date that a page means by a day; None if nothing tells the year."""
    found = clues.date_of(day)
    if found is None:
        return None
    if not day.month:
        notes.doubt_once("date-assumed", f"{said} names no date; taken as {found}. Give --date to say otherwise", line)
    elif day.year is None:
        message = f"{said} names no year; taken as {found.year}. Give --date to say otherwise"
        notes.doubt_once("year-assumed", message, line)
    if day.turned and not clues.day_first and not any(abs(one.day - found) <= FARTHEST for one in clues.anchors[:1]):
        message = f"{said} was read month first; if that is wrong, write the month as a word"
        notes.doubt_once("date-order", message, line)
    return found


def _from_page(first: Section, minutes: Sequence[float], way: int, clues: Clues, notes: Notes) -> list[Known]:
    """Give the oldest post the day on which the page began or, where only its end is known, the newest its day."""
    oldest, newest = (0, -1) if way >= 0 else (-1, 0)
    begin, end = clues.begin, clues.end
    last = _local(end.moment, clues) + _TOLERANCE if end and end.moment else None
    fixed: list[Known | None] = [None] * len(minutes)
    if begin:
        fixed[oldest] = Known(begin.day, begin.source)
        days = walk(fixed, minutes, way)
        if begin.told or last is None or _at(days[newest].day, minutes[newest]) <= last:
            _say_day(begin, notes)
            return days
        fixed[oldest] = None
    if end is None or last is None:
        what = f"{first.text!r} has no date, and nothing else in the source says the day"
        raise notes.refusal(first.line, f"{what}; give --date, or write it like {EXAMPLE!r}")
    fixed[newest] = Known(last_day(last, minutes[newest]), "header")
    _say_day(end, notes)
    return walk(fixed, minutes, way)


def _at(day: date, minute: float) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)


def _say_day(anchor: Anchor, notes: Notes) -> None:
    if anchor.told:
        return
    how = f"the page was taken to begin on {anchor.day}, as {anchor.said} has it"
    if anchor.ends:
        how = f"the newest post was dated by {anchor.said}"
    notes.doubt("date-assumed", f"no time names its day; {how}. Give --date to say otherwise", anchor.line)
