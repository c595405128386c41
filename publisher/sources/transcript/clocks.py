"""Clock times and spans of time as pages write them: ``8.43am``, ``22.24 Uhr``, ``1949``, ``1 hr 17 min ago``."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from publisher.sources.reading import TimePrecision

_WORDS_BEGIN = frozenset("nNmM")
Style = Literal["halves", "colon", "dot", "bare", "uhr", "ago", "day"]
"""How a moment is written: with a.m. or p.m., ``17:05``, ``17.05``, ``1705``, ``17.05 Uhr`` (or ``uur``), as a span, as
a day without a clock.
"""

# Words come glued behind ("4:57 PMText"), but "10 AMERICANS" names no hour.
_END = r"(?-i:(?![a-z0-9]|[A-Z][A-Z]))"
_HALF = rf"(?P<half>[ap])(?:\.? ?m{_END}\.?|\.m\.)"
_CLOCK = re.compile(
    r"(?:"
    rf"(?P<h1>[0-9]{{1,2}})(?P<mark>[:.])(?P<m1>[0-9]{{2}})(?![0-9])"
    rf"(?:[:.](?P<s1>[0-9]{{2}})(?![0-9])(?:[.,][0-9]{{1,9}})?)?"
    rf"|(?P<h2>[0-9]{{1,2}}) (?P<m2>[0-9]{{2}})(?= ?[ap]\.? ?m{_END})"
    rf"|(?P<h3>[0-9]{{1,2}})(?= ?[ap]\.? ?m{_END}| ?(?:Uhr|uur)\b)"
    rf"|(?P<h4>[0-9]{{1,2}}) ?(?:h|時) ?(?P<m4>[0-9]{{2}})(?![0-9])分?"
    rf"|(?P<h5>[0-9]{{2}})(?P<m5>[0-9]{{2}})(?![0-9])(?: ?h(?:ou)?rs\b)?"
    r")"
    rf"(?: ?{_HALF}| ?(?P<uhr>Uhr|uur)\b| hs?\b\.?|hs?(?![\w.]))?"
    r"|(?:12 )?(?:(?P<noon>noon)|midnight)\b(?!,? ?[0-9]{1,2}[:.])",
    re.IGNORECASE | re.ASCII,
)

# English, German; French, Spanish, Italian, Dutch and Portuguese behind it, where they are not the same.
_UNITS: tuple[tuple[str, TimePrecision, timedelta], ...] = (
    ("s|secs?|seconds?|sekunden?|segundos?|secondi", "second", timedelta(seconds=1)),
    ("m|mins?|minutes?|minuten?|minutos?|minuti|minuto", "minute", timedelta(minutes=1)),
    ("h|hrs?|hours?|stunden?|heures?|horas?|ore|ora|uur|uren", "hour", timedelta(hours=1)),
    ("d|days?|tag(?:en?)?|jours?|d[ií]as?|giorni|giorno|dag(?:en)?", "day", timedelta(days=1)),
    ("wk?s?|weeks?|wochen?|semaines?|semanas?|settiman[ae]|weken", "day", timedelta(days=7)),
    ("mo|mos|months?|monat(?:en?)?|mois|m[eê]s(?:es)?|mesi|maand(?:en)?", "month", timedelta(days=30)),
    ("yr?s?|years?|jahr(?:en?)?|an(?:s|née|nées)?|años?|anos?|ann[io]|jaar", "month", timedelta(days=365)),
)
_NAMES = "|".join(names for names, _, _ in _UNITS)
_FROM_TWO = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS = {name: number for number, name in enumerate(_FROM_TWO, 2)} | dict.fromkeys(
    ("a", "an", "one", "ein", "eine", "einer", "un", "une", "una", "um", "uma", "een"), 1
)
"""Small numbers as words; those of one in the other languages, too."""
_COUNT = rf"(?:(?P<figures>[0-9]{{1,4}}) ?|(?P<word>{'|'.join(sorted(_NUMBERS, key=len, reverse=True))}) )"
_UNIT = "|".join(rf"(?P<u{place}>{names})\b" for place, (names, _, _) in enumerate(_UNITS))
_COUNTED = re.compile(rf"\b{_COUNT}(?:{_UNIT})", re.IGNORECASE)
_PART = rf"{re.sub('[?]P<[a-z]+>', '?:', _COUNT)}(?:{_NAMES})\b\.?"
_AGO = re.compile(
    rf"(?:about )?(?P<spans>{_PART}(?:,? (?:and )?{_PART}){{0,2}}) (?:ago|fa|geleden)(?-i:(?![a-z]))"
    rf"|(?:vor|il y a|hace|há) (?P<vor>{_PART}(?: (?:und|et|y|e) {_PART})?)"
    r"|(?P<now>just now|moments ago)(?-i:(?![a-z]))",
    re.IGNORECASE,
)
_LONGEST_AGO = timedelta(days=36_500)
"""No page is older than a century."""
_LONGEST_SPAN = 60
"""Characters from a span's first figure to its "ago"."""
_COUNTS_BACK = r" (?:ago|now|fa\b|geleden)|(?:vor|il y a|hace|há) [0-9eu]"
_MAY_COUNT_BACK = re.compile(_COUNTS_BACK)
_DIGIT = re.compile(r"[0-9]")
_MAY_HOLD_WITHOUT = re.compile(rf"noon|midnight|{_COUNTS_BACK}")


class Clock(NamedTuple):
    """A time of day. ``hour_only`` is true of ``10am``, ``ends_day`` of ``24:00``.

    Attributes:
        slips: what is odd about it and how it was taken, as (code, sentence).
        flaw: why it is no time of day; None if it is one.
    """

    time: time
    style: Style
    to_the_second: bool = False
    hour_only: bool = False
    slips: tuple[tuple[str, str], ...] = ()
    flaw: str | None = None
    ends_day: bool = False


class Ago(NamedTuple):
    """How long before the page was saved something happened, and how finely that was said."""

    span: timedelta
    precision: TimePrecision


def read_clock(text: str, start: int = 0) -> tuple[Clock, int] | None:
    """Read the clock at ``start``, and tell where it ends; None if there is none."""
    first = text[start : start + 1]
    match = _CLOCK.match(text, start) if first.isdigit() or first in _WORDS_BEGIN else None
    if match is None:
        return None
    if match.lastgroup is None or match["noon"]:
        return Clock(time(12 if match["noon"] else 0), "halves", hour_only=True), match.end()
    key = next(key for key in "12345" if match[f"h{key}"])
    minutes = None if key == "3" else match[f"m{key}"]
    hour, minute, second = int(match[f"h{key}"]), int(minutes or 0), int(match["s1"] or 0)
    half = (match["half"] or "").lower()
    slips: tuple[tuple[str, str], ...] = ()
    if half and (hour == 0 or 12 < hour < 24):  # pages write 18:28 PM, and mean the 24-hour clock
        slips = (("clock-24h", f"{hour:02}:{minute:02} with {half}.m. was taken on the 24-hour clock"),)
    elif half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    style: Style
    if half:
        style = "halves"
    elif match["uhr"]:
        style = "uhr"
    elif key == "5":
        style = "bare"
    else:
        style = "dot" if match["mark"] == "." else "colon"
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (half or (style == "bare" and minute))):
        return Clock(time(), style, flaw="is no time of day"), match.end()
    clock = time(hour % 24, minute, second)  # 24:00 is the end of the day, 24:15 a ticker's
    return Clock(clock, style, match["s1"] is not None, minutes is None, slips, ends_day=hour == 24), match.end()


def may_hold(text: str) -> bool:
    """Tell whether a text may hold a moment: most hold none, and the expressions for moments are slow to fail."""
    return _DIGIT.search(text) is not None or _MAY_HOLD_WITHOUT.search(text.lower()) is not None


def read_ago(text: str, start: int = 0) -> tuple[Ago, int] | None:
    """Read the span at ``start`` (``4 min ago``, ``vor 5 Minuten``, ``just now``), and tell where it ends."""
    may_be = _MAY_COUNT_BACK.search(text[start : start + _LONGEST_SPAN].lower())
    match = _AGO.match(text, start) if may_be else None
    if match is None:
        return None
    if match["now"]:
        return Ago(timedelta(), "minute"), match.end()
    total, precision = timedelta(), _UNITS[-1][1]
    for part in _COUNTED.finditer(match["spans"] or match["vor"]):
        _, precision, length = _UNITS[int((part.lastgroup or "u0")[1:])]  # the last, and so the finest, counts
        total += length * (int(part["figures"]) if part["figures"] else _NUMBERS[part["word"].casefold()])
    return (Ago(total, precision), match.end()) if total <= _LONGEST_AGO else None
