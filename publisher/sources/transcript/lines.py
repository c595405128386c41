"""Normalise: text into numbered lines, cleaned, as an editor counts them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from publisher.sources.reading import SourceError
from shared.text import clean_line

LONGEST = 1_000_000
"""Characters. libxml2 drops text nodes of ten million silently, and no paragraph comes near this."""

_ENDS = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the source. ``number`` counts from 1; ``text`` is cleaned (white space folded); empty if blank."""

    number: int
    text: str


def split(text: str, name: str) -> list[Line]:
    """Split ``text`` at LF, CRLF and CR, and clean every line.

    Raises:
        SourceError: a line is longer than any paragraph.
    """
    lines = [Line(number, clean_line(raw)) for number, raw in enumerate(_ENDS.split(text), 1)]
    for line in lines:
        if len(line.text) > LONGEST:
            raise SourceError.at(
                name, line.number, f"the line has over {LONGEST:,} characters; save the page with its line breaks"
            )
    return lines
