"""Clockwork: which zone the times of a page are in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

from publisher.sources.transcript.language import find_language
from publisher.sources.transcript.zones import AMBIGUOUS, LIKELY, Zone, find_zone, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.transcript.header import Top
    from publisher.sources.transcript.notes import Notes
    from publisher.sources.transcript.page import Section
    from publisher.sources.transcript.stamps import Stamp

_CITIES = {"de": "Berlin", "nl": "Amsterdam", "it": "Rome"}
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(slots=True)
class Zones:
    """Tells the zone of every stamp of a page; what is doubtful about a name is said once.

    ``page`` is that of stamps that name none; ``texts`` are the lines of the page, which tell the country, and
    ``language`` theirs (ISO 639-1).
    """

    page: Zone
    texts: Sequence[str]
    language: str
    notes: Notes
    _settled: dict[str, Zone] = field(default_factory=dict)

    def of(self, stamp: Stamp, line: int) -> Zone:
        """Tell the zone of a stamp; a name that several countries use is settled by what the page speaks of."""
        return self.page if stamp.zone is None else self.settled(stamp.zone, line)

    def settled(self, zone: Zone, line: int) -> Zone:
        """Settle a name that several countries use; other zones are what they are."""
        name = zone.name.upper()
        if name not in AMBIGUOUS:
            return zone
        if name not in self._settled:
            self._settled[name] = self._settle(zone, name, line)
        return self._settled[name]

    def _settle(self, zone: Zone, name: str, line: int) -> Zone:
        told = self.notes.options.tz
        if told is not None:
            return Zone(zone.name, told)
        chosen, country, others = settle(zone, _count_words(self.texts))
        if name not in LIKELY or country != AMBIGUOUS[name][0][0]:
            too = f"{' and '.join(others)} {'use' if len(others) > 1 else 'uses'} it too"
            message = f"{name} was taken as that of {country} ({too}); give --tz to say otherwise"
            self.notes.doubt("zone-ambiguous", message, line)
        return chosen


def find_zones(sections: Sequence[Section], top: Top, texts: Sequence[str], notes: Notes) -> Zones:
    """Find the zone of the times that name none.

    It is what a person tells, else what the page declares, else what its other times or its own stamp name, else that
    of its language; else UTC, with a doubt.
    """
    stamps = [(section, section.stamp) for section in sections if section.stamp and section.stamp.has_clock]
    bare = [(section, stamp) for section, stamp in stamps if stamp.zone is None]
    named = {stamp.zone.name.upper(): stamp.zone for _, stamp in stamps if stamp.zone}
    zones = Zones(Zone("UTC", UTC), texts, find_language(texts), notes)
    if notes.options.tz is not None:
        zones.page = Zone("--tz", notes.options.tz)
        return zones
    if top.declared and top.declared[2]:
        zones.page = top.declared[2]
    elif not bare:
        zones.page = next(iter(named.values()), zones.page)
    else:
        guess = _of_page(top) if len(named) != 1 else next(iter(named.values()))
        zones.page = guess or _of_language([stamp for _, stamp in bare], zones.language) or zones.page
        _doubt(bare, zones.page, top, notes)
    zones.page = zones.settled(zones.page, sections[0].line)
    return zones


def _of_page(top: Top) -> Zone | None:
    return top.updated.stamp.zone if top.updated and top.updated.stamp else None


def _of_language(bare: Sequence[Stamp], language: str) -> Zone | None:
    """Tell the zone of a page in German, Dutch or Italian; other languages are spoken in too many."""
    german = language != "nl" and any(stamp.style == "uhr" for stamp in bare)
    return zone_of_language("de" if german else language)


def zone_of_language(language: str) -> Zone | None:
    """Tell the zone of almost all who speak a language (ISO 639-1); None where they live in several."""
    city = _CITIES.get(language)
    return find_zone(city) if city else None


def _doubt(bare: Sequence[tuple[Section, Stamp]], zone: Zone, top: Top, notes: Notes) -> None:
    """Say how times without a zone were taken."""
    section = bare[0][0]
    unknown = next(((section, stamp.unknown_zone) for section, stamp in bare if stamp.unknown_zone), None)
    if unknown:
        message = f"{unknown[1]} is no zone that newsreel knows; taken as {zone.name}. Give --tz to say otherwise"
        notes.doubt("zone-unknown", message, unknown[0].line)
    elif zone.tz is UTC:
        local = f" ({top.declared[1]!r} says not which)" if top.declared else ""
        message = f"the times name no zone{local}; taken as UTC. Give --tz, as in --tz Europe/London"
        notes.doubt("zone-missing", message, section.line)
    elif len(bare) > 1:
        message = f"{len(bare)} times name no zone; taken as {zone.name}. Give --tz to say otherwise"
        notes.doubt("zone-assumed", message, section.line)
    else:
        notes.doubt("zone-assumed", f"{section.text!r} names no zone; taken as {zone.name}", section.line)


def _count_words(texts: Sequence[str]) -> dict[str, int]:
    """Count the words of a page, in lower case: what it speaks of."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in _WORD.findall(text.lower()):
            counts[word] = counts.get(word, 0) + 1
    return counts
