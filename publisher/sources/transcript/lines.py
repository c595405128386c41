"""Normalise: text into numbered lines, cleaned, as an editor counts them."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, NamedTuple

from publisher.sources.reading import SourceError
from shared.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 1_000_000
"""Characters. libxml2 drops text nodes of ten million silently, and no paragraph comes near this."""

_ENDS = re.compile(r"\r\n|\n|\r")
_ENTITY = re.compile(
    r"&(?:amp|quot|apos|nbsp|lt|gt|[lr][sd]quo|ndash|mdash|hellip|#[0-9]{2,5}|#x[0-9a-f]{2,4});", re.IGNORECASE
)


class Line(NamedTuple):
    """A line of the source. ``number`` counts from 1; ``text`` is cleaned (white space folded); empty if blank."""

    number: int
    text: str


def split(text: str, name: str) -> Iterator[Line]:
    """Split ``text`` at LF, CRLF and CR, and clean every line.

    Raises:
        SourceError: a line is longer than any paragraph.
    """
    for number, raw in enumerate(_ENDS.split(text), 1):
        line = normal(raw) if raw else ""
        if len(line) > LONGEST:
            what = f"the line has over {LONGEST:,} characters; save the page with its line breaks"
            raise SourceError.at(name, number, what)
        yield Line(number, line)


def normal(raw: str) -> str:
    """Clean a line and undo what copying did to it: entities, escaped quotes, the same words twice without a gap."""
    text = clean_line(raw)
    if "&" in text and _ENTITY.search(text):
        text = clean_line(unescape(text))
    if '\\"' in text:
        text = text.replace('\\"', '"')
    return _undoubled(text)


def _undoubled(text: str) -> str:
    """Take one half of ``10.25am BST10.25am BST`` or ``A headlineA headline``; a word said twice (``haha``) stays."""
    half, odd = divmod(len(text), 2)
    if odd or half < 5 or text[:half] != text[half:] or text[half].isspace():
        return text
    return text[:half] if " " in text[:half] or text[0].isdigit() else text
