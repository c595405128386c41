"""Moments as markup writes them: ISO 8601 and its near misses, RFC 822, Unix time.

Markup is written by templates, so the near misses are few and regular: a space for the ``T``, a zone's name where the
``T`` should be (``2021-01-01IST10:00:00+05:30``, made by an unescaped ``T`` in PHP's ``date``), no zone at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Literal

from publisher.sources.transcript.stamps import Stamp, read_stamp, scan
from shared.post import FIRST_YEAR, LAST_YEAR
from shared.text import clean_line

LONGEST = 80
"""Characters; what is longer is prose."""

_GLUED_ZONE = re.compile(r"(\d{4}-\d\d-\d\d) ?[A-Z]{2,5} ?(?=\d\d:)", re.ASCII)
_UNIX = re.compile(r"(?P<seconds>[1-9]\d{8,9})(?P<fraction>\d{3}|\.\d{1,6})?", re.ASCII)
_DAY = re.compile(r"\d{4}-?(?:\d\d-?\d\d|W\d\d-?\d)", re.ASCII)

Precision = Literal["second", "minute", "day"]


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment as the source writes it.

    Attributes:
        moment: naive where the source names no zone.
        precision: how exact it is.
        unix: it was a number of seconds, which is the same in all zones.
    """

    moment: datetime
    precision: Precision = "minute"
    unix: bool = False

    @property
    def minute(self) -> datetime:
        """The minute, in UTC where a zone is known: by it two spellings of one moment are told to be one."""
        minute = self.moment.replace(second=0)
        return minute.astimezone(UTC) if minute.tzinfo else minute

    def at(self, zone: tzinfo) -> datetime:
        """Give the zone-aware moment, with a fixed offset; ``zone`` counts where the source names none."""
        local = self.moment.astimezone(zone) if self.unix else self.moment
        local = local if local.tzinfo else local.replace(tzinfo=zone)
        return local.astimezone(timezone(local.utcoffset() or timedelta()))


def read_clock(text: str) -> Stamp | None:
    """Read a cleaned line as a time of day (``9.49pm BST``, ``22:14 Uhr``); None if it is anything else."""
    found = scan(text) if len(text) <= LONGEST else None
    return found[0] if found and found[1] == len(text) and is_clock(found[0]) else None


def is_clock(stamp: Stamp) -> bool:
    """Tell whether a moment is a time of day and no more: no day, no span, no year (``1949``)."""
    odd = stamp.flaw or stamp.named or stamp.ends_day or stamp.unknown_zone
    return stamp.has_clock and stamp.style != "bare" and not odd


def read_instant(value: object) -> Instant | None:
    """Read a moment; None if it is none: empty, prose, out of the calendar.

    Args:
        value: text, or a number of seconds or milliseconds since 1970.
    """
    text = clean_line(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if not text or len(text) > LONGEST:
        return None
    if unix := _unix(text):
        return Instant(unix, "second" if unix.second else "minute", unix=True)
    found = _iso(text) or _spoken(text) or _mail(text)
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        return None
    return Instant(found, "day" if _DAY.fullmatch(text) else "second" if found.second else "minute")


def _unix(text: str) -> datetime | None:
    match = _UNIX.fullmatch(text)
    return datetime.fromtimestamp(int(match["seconds"]), UTC) if match else None


def _iso(text: str) -> datetime | None:
    text = _GLUED_ZONE.sub(r"\1T", text)
    try:
        return datetime.fromisoformat(text.upper() if text[-1] == "z" else text).replace(microsecond=0)
    except ValueError:
        return None


def _mail(text: str) -> datetime | None:
    if "," not in text and ":" not in text:
        return None
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError):
        return None
    return found if found.tzinfo else None  # it leaves out zones that it does not know


def _spoken(text: str) -> datetime | None:
    stamp = read_stamp(text)
    if stamp is None or stamp.flaw or stamp.day is None:
        return None
    return stamp.moment()[0] if stamp.zone else datetime.combine(stamp.day, stamp.clock)
