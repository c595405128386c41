"""Notes: what is doubted and what is left out while a transcript is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from publisher.sources.reading import Doubt, Dropped, SourceError

if TYPE_CHECKING:
    from publisher.sources.options import Options
    from publisher.sources.transcript.tokens import Token

NO_CALENDAR = "its dates leave the calendar; give another --date or --saved-at"
MOST_ALIKE = 12
"""Doubts of one code that are said one by one; of more, the first is said and the others are counted."""


@dataclass(slots=True)
class Notes:
    """What a person told of a source, and what was noted of it while it was read."""

    name: str
    options: Options
    doubts: list[Doubt] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    _once: set[str] = field(default_factory=set)

    def doubt(self, code: str, message: str, line: int | None = None) -> None:
        """Note a doubt. The message says what was taken, and what to type to settle it."""
        self.doubts.append(Doubt(code, message, line))

    def doubt_once(self, code: str, message: str, line: int | None = None) -> None:
        """Note a doubt that is said once a source."""
        if code not in self._once:
            self._once.add(code)
            self.doubt(code, message, line)

    def drop(self, token: Token, why: str) -> None:
        """Note that a line is in no post and no header field."""
        self.dropped.append(Dropped(token.line, token.text, why))

    def refusal(self, line: int | None, what: str) -> SourceError:
        """Make the error that refuses the source."""
        return SourceError.at(self.name, line, what)

    def all_doubts(self) -> tuple[Doubt, ...]:
        """Give the doubts by line; of many that say the same, the first, with the count of the others."""
        kept: list[Doubt] = []
        counts = Counter(doubt.code for doubt in self.doubts)
        for doubt in sorted(self.doubts, key=lambda one: one.line or 0):
            count = counts[doubt.code]
            if 0 < count <= MOST_ALIKE:
                kept.append(doubt)
            elif count > MOST_ALIKE:
                kept.append(replace(doubt, message=f"{doubt.message} (and {count - 1:,} more like it)"))
                counts[doubt.code] = -1
        return tuple(kept)

    def all_dropped(self) -> tuple[Dropped, ...]:
        """Give what was left out, by line."""
        return tuple(sorted(self.dropped, key=lambda one: one.line))
