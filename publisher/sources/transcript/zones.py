"""The names by which live blogs call time zones, and the zones they mean.

A name that says its season (``EST``) means local time in that zone all the same: pages write ``EST`` in September, when
the clocks there show EDT. Where the season does not fit, the reader of the stamp says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    **_family("Asia/Jerusalem", "IDT"),
    **_family("Asia/Singapore", "", "SGT"),
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

_IN_FULL = {
    "BRITISH SUMMER": "BST", "GREENWICH MEAN": "GMT", "CENTRAL EUROPEAN": "CET", "CENTRAL EUROPEAN SUMMER": "CEST",
    "EASTERN STANDARD": "EST", "EASTERN DAYLIGHT": "EDT", "CENTRAL STANDARD": "CST", "CENTRAL DAYLIGHT": "CDT",
    "MOUNTAIN STANDARD": "MST", "MOUNTAIN DAYLIGHT": "MDT", "PACIFIC STANDARD": "PST", "PACIFIC DAYLIGHT": "PDT",
    "INDIAN STANDARD": "IST", "IRISH STANDARD": "IST", "COORDINATED UNIVERSAL": "UTC",
}  # fmt: skip
"""Names written out, with the word "time" behind."""

_CITIES = {
    "UK": "Europe/London", "LONDON": "Europe/London", "BRITISH": "Europe/London", "DUBLIN": "Europe/Dublin",
    "IRISH": "Europe/Dublin", "PARIS": "Europe/Paris", "BERLIN": "Europe/Berlin", "MADRID": "Europe/Madrid",
    "ROME": "Europe/Rome", "AMSTERDAM": "Europe/Amsterdam", "KYIV": "Europe/Kyiv", "MOSCOW": "Europe/Moscow",
    "ISTANBUL": "Europe/Istanbul",
    "JERUSALEM": "Asia/Jerusalem", "ISRAEL": "Asia/Jerusalem", "INDIA": "Asia/Kolkata", "DELHI": "Asia/Kolkata",
    "TOKYO": "Asia/Tokyo", "BEIJING": "Asia/Shanghai", "SINGAPORE": "Asia/Singapore", "SYDNEY": "Australia/Sydney",
    "NEW YORK": "America/New_York", "WASHINGTON": "America/New_York",
}  # fmt: skip
"""Places whose time pages declare: ``all times are Paris time``."""

AMBIGUOUS = {
    "IST": (
        ("India", "Asia/Kolkata", "IST", "india indian delhi mumbai kolkata chennai bengaluru rupee"),
        ("Ireland", "Europe/Dublin", "IST", "ireland irish dublin cork galway taoiseach"),
        ("Israel", "Asia/Jerusalem", "IST", "israel israeli jerusalem haifa knesset"),
    ),
    "CST": (
        ("US Central", "America/Chicago", "CST", "chicago texas dallas houston minneapolis kansas louisiana us"),
        ("China", "Asia/Shanghai", "CST", "china chinese beijing shanghai yuan"),
        ("Cuba", "America/Havana", "CST", "cuba cuban havana"),
    ),
    "BST": (
        ("Britain", "Europe/London", "BST", "britain british england london uk scotland wales"),
        ("Bangladesh", "Asia/Dhaka", None, "bangladesh dhaka chittagong taka"),
    ),
}
"""Names that several countries use: country, zone, what its clocks say, words by which a page betrays the country.

The first is the default.
"""


def settle(zone: Zone, words: Mapping[str, int]) -> tuple[Zone, str, tuple[str, ...]]:
    """Choose the country that an ambiguous name stands for by what the page speaks of.

    Args:
        zone: with a name of ``AMBIGUOUS``.
        words: how often the page says each word, in lower case.

    Returns:
        The zone, its country, and the other countries.
    """
    countries = AMBIGUOUS[zone.name.upper()]
    spoken = [sum(words.get(word, 0) for word in said.split()) for _, _, _, said in countries]
    best = max(range(len(countries)), key=lambda place: (spoken[place], -place))
    if spoken[best] <= 2 * spoken[0]:
        best = 0  # two countries in the news; the default is the likelier
    country, key, season, _ = countries[best]
    others = tuple(name for name, *_ in countries if name != country)
    return Zone(zone.name, ZoneInfo(key), season), country, others


_DECLARED = re.compile(
    r"(?:\ball (?:times|timings)(?: are)?|\b(?:times|timings) are)(?: (?:stated|given|listed|shown))?"
    r"(?: are)?(?: in)?:? "
    r"(?P<zone>[A-Za-z]+(?: York)?(?: [Tt]ime)?)(?: \((?P<offset>[A-Z]{2,4} ?(?:[+-] ?[0-9]{1,2}(?::?[0-9]{2})?)?)\))?",
    re.IGNORECASE,
)


def find_declaration(line: str) -> tuple[str, Zone | None] | None:
    """Find what ``line`` says of all times of the page: ``All times Eastern``, ``(all times GMT)``.

    Returns:
        Its words and the zone; the zone is None for ``local`` and for what newsreel does not know. None if it says
        nothing of the kind.
    """
    match = _DECLARED.search(line)
    if match is None:
        return None
    zone = find_zone(match["zone"]) or (find_zone(match["offset"]) if match["offset"] else None)
    return match[0], zone


@lru_cache(maxsize=500)
def find_zone(name: str) -> Zone | None:
    """Find the zone that ``name`` means: ``ET``, ``cest``, ``Eastern Time``, ``UTC+2``, ``-0500``; None if none."""
    word = name.upper().removesuffix(" TIME")
    word = _IN_FULL.get(word, word)
    if word in _PLACES:
        key, season = _PLACES[word]
        return Zone(name, ZoneInfo(key), season)
    if word in _CITIES:
        return Zone(name, ZoneInfo(_CITIES[word]))
    match = _OFFSET.fullmatch(word)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if offset > _FARTHEST or int(match[3] or 0) > 59:
        return None
    return Zone(name, timezone(-offset if match[1] == "-" else offset))


NAMES = tuple(sorted((*_PLACES, *(f"{name} TIME" for name in _IN_FULL)), key=len, reverse=True))
"""All the names known, in capitals, longest first: the order in which a regular expression must try them."""

CITIES = tuple(sorted(_CITIES, key=len, reverse=True))
"""Places that a stamp may name with the word "time" behind."""

LIKELY = frozenset({"BST"})
"""Ambiguous names that are worth a doubt only on pages that speak of the other country."""
