"""Dates as pages write them: ``March 3, 2024``, ``Tue, 04 August 2020``, ``22.09.2013``, ``9/7/2016``."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NamedTuple

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# English first, then German, French, Spanish, Italian, Dutch and Portuguese: long names, and short ones that are no
# words.
_MONTH_NAMES = (
    "january jan januar jänner janvier janv enero ene gennaio januari janeiro",
    "february feb februar février févr febrero febbraio februari fevereiro",
    "march mar märz mrz mars marzo maart março marts",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mei maio maj",
    "june jun juni juin junio giugno junho",
    "july jul juli juillet julio luglio julho",
    "august aug août agosto ago augustus augusti",
    "september sept sep septembre septiembre settembre setembro",
    "october oct oktober okt octobre octubre ottobre outubro",
    "november nov novembre noviembre novembro",
    "december dec dezember dez décembre déc diciembre dic dicembre dezembro desember",
)
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_WEEKDAY_NAMES = (
    "monday mon montag mo lundi lunes lunedì maandag segunda-feira",
    "tuesday tues tue dienstag di mardi martes martedì dinsdag terça-feira",
    "wednesday wednes weds wed mittwoch mi mercredi miércoles mercoledì woensdag quarta-feira",
    "thursday thurs thur thu donnerstag do jeudi jueves giovedì donderdag quinta-feira",
    "friday fri freitag fr vendredi viernes venerdì vrijdag sexta-feira",
    "saturday satur sat samstag sonnabend sa samedi sábado sabato zaterdag",
    "sunday sun sonntag so dimanche domingo domenica zondag",
)
_WEEKDAYS = {name: number for number, names in enumerate(_WEEKDAY_NAMES) for name in names.split()}


def _any(names: dict[str, int]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


_MONTH = rf"(?:{_any(_MONTHS)})(?![^\W\d_])\.?"
_WEEKDAY = rf"(?:(?P<weekday>{_any(_WEEKDAYS)})(?![^\W\d_])\.?,? (?:den |the )?)?"
_YEAR = r"(?:19|20|21)[0-9]{2}"
# A clock may be glued to a year: "March 3, 20244:02 PM".
_PARTED = r"(?:(?![0-9])|(?=[0-9]{1,2}:[0-9]{2}))"
_DATE = re.compile(
    rf"\(?{_WEEKDAY}(?:"
    rf"(?P<m1>{_MONTH}) (?P<d1>[0-9]{{1,2}})(?:st|nd|rd|th)?(?![0-9]|[:.][0-9])(?:,? (?P<y1>{_YEAR}){_PARTED})?"
    rf"|(?P<d2>[0-9]{{1,2}})(?:st|nd|rd|th|\.)? (?:de |of )?(?P<m2>{_MONTH})(?:,? (?:de )?(?P<y2>{_YEAR}){_PARTED})?"
    rf"|(?P<y3>{_YEAR})-(?P<m3>[0-9]{{2}})-(?P<d3>[0-9]{{2}})(?![0-9])"
    rf"|(?P<a>[0-9]{{1,2}})/(?P<b>[0-9]{{1,2}})/(?P<y4>{_YEAR})(?![0-9])"
    rf"|(?P<d5>[0-9]{{1,2}})\.(?P<m5>[0-9]{{1,2}})\.(?P<y5>{_YEAR})(?![0-9])"
    rf"|(?P<y6>{_YEAR})年 ?(?P<m6>[0-9]{{1,2}})月 ?(?P<d6>[0-9]{{1,2}})日"
    r")\)?"
)
"""In lower case: to ignore case costs ten times as much."""
_LONGEST = 60
"""Characters of a day written out."""
_BEGINNINGS = {name[:3] for name in (*_MONTHS, *_WEEKDAYS)}
# Of several days the first: "10-12 June 2024", "June 10-12, 2024".
_RANGE = re.compile(
    rf"(?<![0-9])(?P<first>[0-9]{{1,2}}) ?[-–] ?[0-9]{{1,2}}(?= (?:{_any(_MONTHS)})\b)"
    rf"|\b(?P<month>(?:{_any(_MONTHS)})\b\.? [0-9]{{1,2}}) ?[-–] ?[0-9]{{1,2}}(?![0-9])",
    re.IGNORECASE,
)
_FOUND = re.compile(rf"(?<![\w/.-])(?=[0-9(]|{_any(_MONTHS)}|{_any(_WEEKDAYS)})", re.IGNORECASE)
_URL_DATES = tuple(
    re.compile(shape, re.IGNORECASE)
    for shape in (
        rf"(?<![0-9])(?P<year>{_YEAR})[-/_](?P<month>[0-9]{{1,2}})[-/_](?P<day>[0-9]{{1,2}})(?![0-9])",
        rf"(?<![0-9])(?P<year>{_YEAR})/(?P<month>[a-z]{{3}})/(?P<day>[0-9]{{1,2}})(?![0-9])",
        rf"(?<![0-9])(?P<year>{_YEAR})(?P<month>[01][0-9])(?P<day>[0-3][0-9])(?![0-9])",
        rf"(?P<month>{_any(_MONTHS)})-(?P<day>[0-9]{{1,2}})-(?P<year>{_YEAR})(?![0-9])",
        r"(?<![0-9])(?P<month>[0-9]{2})-(?P<day>[0-9]{2})-(?P<year>[0-9]{2})(?![0-9])",
    )
)


class Day(NamedTuple):
    """A day as a page writes it. ``year`` and ``weekday`` (Monday is 0) are None where it leaves them out.

    Of a weekday alone month and day are 0. ``turned`` holds the other reading of ``9/7/2016``, None where there is only
    one.
    """

    month: int
    day: int
    year: int | None = None
    weekday: int | None = None
    turned: date | None = None

    def in_week(self, first: date) -> date | None:
        """Tell the date in the week that begins on ``first`` if this is a weekday's name alone, else None."""
        if self.month or self.weekday is None:
            return None
        return first + timedelta(days=(self.weekday - first.weekday()) % 7)

    def on(self, year: int | None = None) -> date | None:
        """Tell the date, in ``year`` where the page names none; None if the calendar has no such day."""
        try:
            return date(self.year or year or 0, self.month, self.day)
        except ValueError:
            return None

    def read(self, *, day_first: bool) -> date | None:
        """Tell the date of a day that names its year, ``9/7/2016`` in July if ``day_first``."""
        return (self.turned if day_first else None) or self.on()

    def near(self, other: date) -> date | None:
        """Tell the date nearest to ``other``, in any year; None if the calendar has no such day."""
        near = [found for year in (other.year - 1, other.year, other.year + 1) if (found := self.on(year))]
        return min(near, key=lambda found: abs(found - other), default=None)

    def until(self, other: date) -> date | None:
        """Tell the last such date that is not after ``other``, on the right weekday where one is named."""
        for year in range(other.year, max(other.year - 29, 1), -1):
            found = self.on(year)
            if found and found <= other + timedelta(days=1) and self.weekday in {None, found.weekday()}:
                return found
        return None


def _may_begin(letters: str) -> bool:
    """Tell whether the name of a month or a weekday may begin with these three letters; the shortest have two."""
    return letters in _BEGINNINGS or (letters[:2] in _BEGINNINGS and not letters[2:].isalpha())


def read_weekday(text: str) -> Day | None:
    """Read a line that is nothing but the name of a weekday; its day of the year is told by what stands round it."""
    name = text.rstrip(" :.").casefold()
    return Day(0, 0, weekday=_WEEKDAYS[name]) if len(name) > 5 and name in _WEEKDAYS else None


def read_day(text: str, start: int = 0) -> tuple[Day, int] | None:
    """Read the day that ``text`` names at ``start``, and tell where it ends; None if it names none there."""
    first = text[start : start + 1]
    if not (first.isdigit() or first == "(" or _may_begin(text[start : start + 3].lower())):
        return None  # most texts; the expression below is slow to fail
    match = _DATE.match(text[start : start + _LONGEST].lower())
    if match is None:
        return None
    weekday = _WEEKDAYS[match["weekday"]] if match["weekday"] else None
    if match["a"]:
        return _numeric(int(match["a"]), int(match["b"]), int(match["y4"]), weekday), start + match.end()
    key = next(key for key in "12356" if match[f"m{key}"])
    month, year = match[f"m{key}"].rstrip("."), match[f"y{key}"]
    number = int(month) if month.isdigit() else _MONTHS[month]
    return Day(number, int(match[f"d{key}"]), int(year) if year else None, weekday), start + match.end()


def find_days(text: str) -> list[Day]:
    """Find every day that a title or a line of prose names."""
    text = _RANGE.sub(lambda match: match["first"] or match["month"], text)
    return [read[0] for start in _FOUND.finditer(text) if (read := read_day(text, start.start()))]


def without_days(text: str) -> str:
    """Take the days out of a line: who wrote it stands beside them."""
    for start in reversed([match.start() for match in _FOUND.finditer(text)]):
        if read := read_day(text, start):
            text = text[:start].rstrip(" ,|·–—-") + text[read[1] :]
    return text.strip()


def find_url_day(url: str) -> date | None:
    """Find the day in a URL or a file's name: ``/2020/03/15/``, ``2011/may/24``, ``-03-12-22`` (month first)."""
    for shape in _URL_DATES:
        for match in shape.finditer(url):
            month = match["month"].lower()
            year = int(match["year"])
            number = int(month) if month.isdigit() else _MONTHS.get(month, 0)
            found = Day(number, int(match["day"]), year if year > 99 else 2000 + year).on()
            if found:
                return found
    return None


def _numeric(first: int, second: int, year: int, weekday: int | None) -> Day:
    """Read ``9/7/2016`` month first, as who writes slashes mostly does; day first where that is no date."""
    month_first, day_first = Day(first, second, year, weekday), Day(second, first, year, weekday)
    if month_first.on() is None:
        return day_first
    other = None if first == second else day_first.on()
    return Day(first, second, year, weekday, turned=other)
