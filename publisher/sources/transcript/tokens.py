"""Tokens: what a line is by its own words, wherever it stands. Grammars decide what it means where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from publisher.sources.transcript.stamps import Stamp, read_stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from publisher.sources.transcript.lines import Line


class Kind(Enum):
    """What a line is by its own words."""

    BLANK = auto()
    STAMP = auto()
    """Nothing but a moment."""
    UPDATED = auto()
    """``Updated`` and a moment."""
    COUNT = auto()
    """``6 Posts``."""
    CONTROL = auto()
    """A label of the page's buttons, saved with the text."""
    NAVIGATION = auto()
    """A label of what stands above a page."""
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A line and what it is. ``stamp`` belongs to STAMP and UPDATED, ``count`` to COUNT."""

    kind: Kind
    line: int
    text: str
    stamp: Stamp | None = None
    count: int | None = None


_UPDATED = re.compile(r"(?:last )?(?:updated|modified)(?: at| on)?:? (.+)", re.IGNORECASE)
_COUNT = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,6}) (?:posts?|updates?)", re.IGNORECASE)


def _squeezed(labels: Iterable[str]) -> frozenset[str]:
    return frozenset(label.casefold().replace(" ", "") for label in labels)


# Compared without spaces: a label and the alt text of its icon come glued together.
_CONTROLS = _squeezed(
    (
        "Sort by", "Dropdown arrow", "Sort by Dropdown arrow", "Link copied", "Link copied!", "Copy link",
        "Advertisement", "Ad feedback", "Video Ad feedback", "Show more", "Show less", "Load more", "Previous Next",
        "Timeline Refresh", "Font Size", "Viewer Comments", "Translate posts and comments.",
    )
)  # fmt: skip
_NAVIGATION = _squeezed(("Live Updates", "Follow CNN", "Skip to main content", "Accessibility links", "Menu", "Search"))
_LONGEST_LABEL = 100


def tokenise(lines: Iterable[Line]) -> list[Token]:
    """Say of each line what it is."""
    return [_token(line) for line in lines]


def _token(line: Line) -> Token:
    text = line.text
    if not text:
        return Token(Kind.BLANK, line.number, "")
    stamp = read_stamp(text)
    if stamp is not None:
        return Token(Kind.STAMP, line.number, text, stamp)
    if len(text) > _LONGEST_LABEL:
        return Token(Kind.TEXT, line.number, text)
    if count := _COUNT.fullmatch(text):
        return Token(Kind.COUNT, line.number, text, count=int(count[1].replace(",", "")))
    if (updated := _UPDATED.fullmatch(text)) and (stamp := read_stamp(updated[1])):
        return Token(Kind.UPDATED, line.number, text, stamp)
    label = text.casefold().replace(" ", "")
    kind = Kind.CONTROL if label in _CONTROLS else Kind.NAVIGATION if label in _NAVIGATION else Kind.TEXT
    return Token(kind, line.number, text)
