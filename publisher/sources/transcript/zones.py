"""The names by which live blogs call time zones, and the zones they mean.

A name that says its season (``EST``) means local time in that zone all the same: pages write ``EST`` in September, when
the clocks there show EDT. Where the season does not fit, the reader of the stamp says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"(?:UTC|GMT)? ?([+-])([0-9]{1,2})(?::?([0-9]{2}))?", re.IGNORECASE)
_FARTHEST = timedelta(hours=14)
"""No place on Earth is farther from UTC (Line Islands, UTC+14)."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone as a page names it. ``season`` is what its clocks say if the name tells the season, else None."""

    name: str
    tz: tzinfo
    season: str | None = None


def _family(key: str, seasons: str, *plain: str) -> dict[str, tuple[str, str | None]]:
    return {name: (key, name) for name in seasons.split()} | dict.fromkeys(plain, (key, None))


_PLACES: dict[str, tuple[str, str | None]] = {
    **_family("America/New_York", "EST EDT", "ET", "EASTERN"),
    **_family("America/Chicago", "CST CDT", "CT", "CENTRAL"),
    **_family("America/Denver", "MST MDT", "MT", "MOUNTAIN"),
    **_family("America/Los_Angeles", "PST PDT", "PT", "PACIFIC"),
    **_family("America/Halifax", "AST ADT", "AT", "ATLANTIC"),
    **_family("America/Anchorage", "AKST AKDT", "AKT"),
    **_family("Pacific/Honolulu", "HST", "HT"),
    **_family("Europe/London", "BST"),
    **_family("Europe/Lisbon", "WET WEST"),
    **_family("Europe/Berlin", "CET CEST"),
    **_family("Europe/Athens", "EET EEST"),
    **_family("Europe/Moscow", "MSK"),
    **_family("Africa/Johannesburg", "SAST"),
    **_family("Africa/Nairobi", "EAT"),
    **_family("Africa/Lagos", "WAT"),
    **_family("Asia/Kolkata", "IST"),
    **_family("Asia/Hong_Kong", "HKT"),
    **_family("Asia/Tokyo", "JST"),
    **_family("Asia/Seoul", "KST"),
    **_family("Australia/Sydney", "AEST AEDT", "AET"),
    **_family("Pacific/Auckland", "NZST NZDT"),
    # The German names say the season in German; the zone's own clocks say it in English.
    "MEZ": ("Europe/Berlin", "CET"),
    "MESZ": ("Europe/Berlin", "CEST"),
    # Greenwich time is UTC the year round, also where London's clocks are an hour ahead.
    **_family("UTC", "", "GMT", "UTC", "Z"),
}  # fmt: skip

AMBIGUOUS = {
    "IST": "India (Ireland and Israel use it too)",
    "CST": "Chicago (China and Cuba use it too)",
}
"""Names that several countries use, and the one that is meant here."""


def find_zone(name: str) -> Zone | None:
    """Find the zone that ``name`` means: ``ET``, ``cest``, ``Eastern Time``, ``UTC+2``, ``-0500``; None if none."""
    word = name.upper().removesuffix(" TIME")
    if word in _PLACES:
        key, season = _PLACES[word]
        return Zone(name, ZoneInfo(key), season)
    match = _OFFSET.fullmatch(word)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if offset > _FARTHEST or int(match[3] or 0) > 59:
        return None
    return Zone(name, timezone(-offset if match[1] == "-" else offset))


NAMES = tuple(sorted(_PLACES, key=len, reverse=True))
"""All the names known, in capitals, longest first: the order in which a regular expression must try them."""
