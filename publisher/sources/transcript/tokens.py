"""Tokens: what a line is by its own words, wherever it stands. Grammars decide what it means where it stands."""

from __future__ import annotations

import re
from enum import IntEnum, auto
from typing import TYPE_CHECKING, NamedTuple

from publisher.sources.transcript.clocks import may_hold
from publisher.sources.transcript.dates import Day, read_day, read_weekday
from publisher.sources.transcript.furniture import LONGEST_LABEL, is_boilerplate, is_closing, label_kind
from publisher.sources.transcript.marks import Mark, find_mark
from publisher.sources.transcript.stamps import Stamp, read_stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from publisher.sources.transcript.lines import Line


class Kind(IntEnum):
    """What a line is by its own words. Asked a dozen times a line, so an integer, whose hash costs nothing."""

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
    KEY_EVENT = auto()
    """The post beside it is a key event."""
    CLOSING = auto()
    """A notice that the coverage has ended."""
    SUMMARY = auto()
    """The heading of a box of key points."""
    TEXT = auto()


class Token(NamedTuple):
    """A line and what it is.

    ``stamp`` belongs to STAMP and UPDATED, ``day`` to DATE, ``posts`` (how many) to COUNT; ``mark`` is a moment that a
    line of other words begins or ends with.
    """

    kind: Kind
    line: int
    text: str
    stamp: Stamp | None = None
    posts: int | None = None
    day: Day | None = None
    mark: Mark | None = None


FURNITURE = {
    Kind.CONTROL: "control",
    Kind.BOILERPLATE: "boilerplate",
    Kind.SEPARATOR: "separator",
    Kind.PINNED: "control",
    Kind.KEY_EVENT: "control",
    Kind.CLOSING: "closing",
}
"""Kinds that are no news wherever they stand, and why they are dropped."""
SILENT = frozenset({Kind.BLANK, *FURNITURE})
"""Kinds of lines that are no part of any post."""

# What pages say of themselves, in the languages of ``dates``: "Publié le …, mis à jour le …".
PAGE_LABEL = re.compile(
    r"(?<![^\W_])(?:(?P<update>(?:last |page |zuletzt |laatste? )?"
    r"(?:updated?|modified|edited|aktualisiert|bearbeitet|stand|mis à jour|actualizado|actualización|aggiornato|"
    r"bijgewerkt|atualizado|oppdatert|opdateret|uppdaterad))"
    r"|(?:first |initially )?(?:posted|published|publié|publicado|pubblicato|gepubliceerd|veröffentlicht|publisert|"
    r"publicerad|offentliggjort))"
    r"(?: (?:at|on|am|um|le|à|el|a las|il|op|em|om|às|alle|den))*(?: ?:)? ",
    re.IGNORECASE,
)
_STEMS = re.compile(
    "updat|modif|edited|bearb|posted|publ|pubbl|stand|aktual|actual|mis à|aggior|bijge|veröff|atual|pdat|offentl"
)
"""Of the labels: one of these is in each, and in few other lines."""
_PARTING = " ,;|·–—-"
COUNT = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,6}) (?:posts?|updates?|entries)", re.IGNORECASE)
"""Says how many posts a page has."""
_LONGEST_DATE = 45


def tokenise(lines: Iterable[Line]) -> list[Token]:
    """Say of each line what it is."""
    return [_token(line) for line in lines]


def _token(line: Line) -> Token:
    text, number = line.text, line.number
    if not text:
        return Token(Kind.BLANK, number, "")
    timed = may_hold(text)
    if len(text) <= LONGEST_LABEL and (found := _label(text, number, timed=timed)):
        return found
    if is_closing(text):
        return Token(Kind.CLOSING, number, text)
    if is_boilerplate(text):
        return Token(Kind.BOILERPLATE, number, text)
    return Token(Kind.TEXT, number, text, mark=find_mark(text) if timed else None)


def says_update(text: str) -> bool:
    """Tell whether a page's own stamp is that of its last update, not of its first publishing."""
    return says_edit(text) or PAGE_LABEL.match(text) is None


def says_edit(text: str) -> bool:
    """Tell whether a text says that something was changed."""
    return any(label["update"] for label in PAGE_LABEL.finditer(text))


def _page_stamp(text: str) -> Stamp | None:
    """Read ``Updated`` and a moment, and what else a page says of when it was published; the update counts."""
    labels = list(PAGE_LABEL.finditer(text)) if _STEMS.search(text.lower()) else []
    if not labels:
        return None
    ends = [*(label.start() for label in labels[1:]), len(text)]
    first = text[: labels[0].start()].strip(_PARTING)
    said = [text[label.end() : end].strip(_PARTING) for label, end in zip(labels, ends, strict=True)]
    if first and len(labels) == 1 and (stamp := read_stamp(f"{first} {said[0]}")):
        return stamp  # the day in front
    moments = [read_stamp(one) for one in said]
    stamps = [stamp for stamp in moments if stamp]
    before = read_stamp(first) if first else None
    if len(stamps) < len(moments) or (first and before is None):
        return None
    updates = [stamp for stamp, label in zip(stamps, labels, strict=True) if label["update"]]
    return [*stamps[:1], *([before] if before else []), *updates][-1]


def _day_alone(text: str) -> Day | None:
    """Read a line that is nothing but a day."""
    if len(text) > _LONGEST_DATE:
        return None
    dated = read_day(text)
    return dated[0] if dated and text[dated[1] :] in {"", ":", "."} else read_weekday(text)


def _label(text: str, number: int, *, timed: bool) -> Token | None:
    if timed:
        if stamp := read_stamp(text):
            return Token(Kind.STAMP, number, text, stamp)
        if count := COUNT.fullmatch(text):
            return Token(Kind.COUNT, number, text, posts=int(count[1].replace(",", "")))
        if stamp := _page_stamp(text):
            return Token(Kind.UPDATED, number, text, stamp)
    if day := _day_alone(text):
        return Token(Kind.DATE, number, text, day=day)
    label = label_kind(text)
    return Token(Kind[label], number, text) if label else None
