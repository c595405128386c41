"""Tokens: what a line is by its own words, wherever it stands. Grammars decide what it means where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from publisher.sources.transcript.dates import Day, read_day
from publisher.sources.transcript.furniture import (
    LONGEST_LABEL,
    is_boilerplate,
    is_closing,
    is_control,
    is_navigation,
    is_pinned,
    is_separator,
    is_summary,
)
from publisher.sources.transcript.marks import Mark, find_mark
from publisher.sources.transcript.stamps import Stamp, read_stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from publisher.sources.transcript.lines import Line


class Kind(Enum):
    """What a line is by its own words."""

    BLANK = auto()
    STAMP = auto()
    """Nothing but a moment."""
    DATE = auto()
    """Nothing but a day."""
    UPDATED = auto()
    """``Updated`` and a moment."""
    COUNT = auto()
    """``6 Posts``."""
    CONTROL = auto()
    """A label of the page's buttons, saved with the text."""
    NAVIGATION = auto()
    """A label of what stands above a page."""
    BOILERPLATE = auto()
    """A notice about the site."""
    SEPARATOR = auto()
    """A rule between posts."""
    PINNED = auto()
    """The post under it is pinned."""
    CLOSING = auto()
    """A notice that the coverage has ended."""
    SUMMARY = auto()
    """The heading of a box of key points."""
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A line and what it is.

    ``stamp`` belongs to STAMP and UPDATED, ``day`` to DATE, ``count`` to COUNT; ``mark`` is a moment that a line of
    other words begins or ends with.
    """

    kind: Kind
    line: int
    text: str
    stamp: Stamp | None = None
    count: int | None = None
    day: Day | None = None
    mark: Mark | None = None


FURNITURE = {
    Kind.CONTROL: "control",
    Kind.BOILERPLATE: "boilerplate",
    Kind.SEPARATOR: "separator",
    Kind.PINNED: "control",
    Kind.CLOSING: "closing",
}
"""Kinds that are no news wherever they stand, and why they are dropped."""

_UPDATED = re.compile(
    r"(?P<day>.{6,30}? )?(?:last |page |first |zuletzt )?(?:updated|modified|published|stand|aktualisiert)"
    r"(?: at| on| am)?:? (?P<moment>.+)",
    re.IGNORECASE,
)
_MAY_BE_UPDATED = re.compile(r"[0-9].*[0-9]")
_COUNT = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,6}) (?:posts?|updates?)", re.IGNORECASE)
_LONGEST_DATE = 45


def tokenise(lines: Iterable[Line]) -> list[Token]:
    """Say of each line what it is."""
    return [_token(line) for line in lines]


def _token(line: Line) -> Token:
    text, number = line.text, line.number
    if not text:
        return Token(Kind.BLANK, number, "")
    if len(text) <= LONGEST_LABEL:
        found = _label(text, number)
        if found:
            return found
    if is_closing(text):
        return Token(Kind.CLOSING, number, text)
    if is_boilerplate(text):
        return Token(Kind.BOILERPLATE, number, text)
    return Token(Kind.TEXT, number, text, mark=find_mark(text))


def _label(text: str, number: int) -> Token | None:
    stamp = read_stamp(text)
    if stamp is not None:
        return Token(Kind.STAMP, number, text, stamp)
    if count := _COUNT.fullmatch(text):
        return Token(Kind.COUNT, number, text, count=int(count[1].replace(",", "")))
    if (
        _MAY_BE_UPDATED.search(text)
        and (updated := _UPDATED.fullmatch(text))
        and (stamp := read_stamp((updated["day"] or "") + updated["moment"]))
    ):
        return Token(Kind.UPDATED, number, text, stamp)
    if len(text) <= _LONGEST_DATE:
        dated = read_day(text)
        if dated and text[dated[1] :] in {"", ":", "."}:
            return Token(Kind.DATE, number, text, day=dated[0])
    for kind, fits in (
        (Kind.CONTROL, is_control),
        (Kind.NAVIGATION, is_navigation),
        (Kind.PINNED, is_pinned),
        (Kind.SEPARATOR, is_separator),
        (Kind.SUMMARY, is_summary),
    ):
        if fits(text):
            return Token(kind, number, text)
    return None
