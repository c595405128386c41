"""The header: what stands above the first post.

Title, ``By A and B, OUTLET``, ``Updated …``, ``N Posts``; boxes of key points, clocks of the world; the rest is
furniture.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from publisher.sources.transcript.bylines import read_byline
from publisher.sources.transcript.captions import is_credit
from publisher.sources.transcript.dates import without_days
from publisher.sources.transcript.marks import ends_in_stamp
from publisher.sources.transcript.tokens import FURNITURE, Kind, Token, says_update
from publisher.sources.transcript.zones import find_declaration

if TYPE_CHECKING:
    from publisher.sources.transcript.notes import Notes
    from publisher.sources.transcript.zones import Zone
    from shared.post import Author

_LONGEST_TITLE = 300
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_ONLY_URL = re.compile(
    r"(?:(?:source|url|link|from|quelle|saved from|retrieved from):? )?(https?://\S+)", re.IGNORECASE
)
_BY = re.compile(r"(?:edited |live reporting )?by ", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]{2}")
_MARKER = re.compile(
    r"\blive\b|\blive ?-?(?:blog|ticker)|as it happened|zum nachlesen|news-?ticker|\blatest\b|\b(?:en|le) direct\b"
    r"|^direct\b|\b(?:en directo|en vivo|ao vivo|in diretta|minuto a minuto)\b",
    re.IGNORECASE,
)
_MOST_WORDS_OF_A_NAME = 4
"""Words of an outlet's or a section's name that stands above the title."""
_SHIFTS = re.compile(r" ?\((?:now|earlier|previously|until now|and earlier)\)[;,]?", re.IGNORECASE)


@dataclass(slots=True)
class Top:
    """What a header says.

    Attributes:
        updated: the page's own update stamp.
        stamps: other moments and days of the page itself: its dateline, when it was first published.
        count: the line that claims a number of posts.
        urls: addresses of the page.
        declared: what the page says of all its times, the line and the zone; the zone is None if it is no known one.
        boxes: summaries, each with its heading first.
        lines: the others; one may name the day.
    """

    title: Token | None = None
    authors: tuple[Author, ...] = ()
    updated: Token | None = None
    stamps: list[Token] = field(default_factory=list)
    count: Token | None = None
    urls: list[tuple[int, str]] = field(default_factory=list)
    declared: tuple[int, str, Zone | None] | None = None
    boxes: list[list[Token]] = field(default_factory=list)
    lines: list[Token] = field(default_factory=list)


def read_header(tokens: list[Token], notes: Notes) -> Top:
    """Read the lines above the first post; what it has no field for is dropped."""
    top = Top()
    tokens = [_update(tokens, place) for place in range(len(tokens))]
    start = _end_of_navigation(tokens)
    title = _find_title(tokens[start:])
    box: list[Token] | None = None
    for place, token in enumerate(tokens):
        if token.kind is Kind.TEXT or token.kind in FURNITURE:
            declare(token, top)
        if token.kind is Kind.BLANK:
            continue
        if token.kind is Kind.SUMMARY:
            box = []
            top.boxes.append(box)
        elif token.kind is not Kind.TEXT or (_BY.match(token.text) and not top.authors):
            box = None
        if box is not None:
            box.append(token)
            if not notes.options.keep_summaries:
                notes.drop(token, "summary")
        elif place < start and token.kind in {Kind.TEXT, Kind.NAVIGATION}:
            notes.drop(token, "navigation")
        else:
            _take(token, title, top, notes)
    return top


def _update(tokens: list[Token], place: int) -> Token:
    """Take a moment beside "First published …" for the page's last update."""
    token = tokens[place]
    if token.kind is not Kind.STAMP or token.stamp is None or not (token.stamp.named and token.stamp.has_clock):
        return token
    beside = tokens[max(place - 1, 0) : place + 2]
    published = any(one.kind is Kind.UPDATED and not says_update(one.text) for one in beside)
    return token._replace(kind=Kind.UPDATED) if published else token


def _end_of_navigation(tokens: list[Token]) -> int:
    """Find where the page itself begins: what stands above a line of navigation is navigation, if no title is."""
    end = 0
    for place, token in enumerate(tokens):
        if token.kind is Kind.NAVIGATION:
            end = place + 1
        elif token.kind is Kind.TEXT and len(token.text.split()) > _MOST_WORDS_OF_A_NAME and _may_be_title(token.text):
            break
    return end


def _find_title(tokens: list[Token]) -> Token | None:
    """Find the title: the first line that can be one, or a later one that says so where the first is but a name."""
    lines = [token for token in tokens if token.kind is Kind.TEXT and _may_be_title(token.text)]
    times = Counter(token.text for token in lines)
    lines = [token for token in lines if times[token.text] == 1] or lines[:1]
    if not lines:
        return None
    first = lines[0]
    if len(first.text.split()) > _MOST_WORDS_OF_A_NAME:
        return first
    marked = [token for token in lines if _MARKER.search(token.text)]
    long = [token for token in marked if len(token.text.split()) > _MOST_WORDS_OF_A_NAME]
    if first in marked and not (_is_crumb(lines) and long):
        return first
    return next(iter(long or marked), None) or (_below_crumbs(lines) if _is_crumb(lines) else first)


def _is_crumb(lines: list[Token]) -> bool:
    """Tell whether the first line is one of several short ones without a gap: where in a site the page stands."""
    return len(lines) > 1 and lines[1].line == lines[0].line + 1 and len(lines[1].text.split()) < _MOST_WORDS_OF_A_NAME


def _below_crumbs(lines: list[Token]) -> Token:
    return next((token for token in lines if len(token.text.split()) > _MOST_WORDS_OF_A_NAME), lines[0])


def _may_be_title(text: str) -> bool:
    if len(text) > _LONGEST_TITLE or not _LETTER.search(text) or _ONLY_URL.fullmatch(text) or ends_in_stamp(text):
        return False
    if _BY.match(text) or _SHIFTS.search(text) or is_credit(text):
        return False
    return not text.startswith(("•", "- ", "– ", "— "))


def declare(token: Token, top: Top) -> None:
    """Note what a line says of all times of the page."""
    if top.declared is None and (said := find_declaration(token.text)):
        top.declared = (token.line, *said)


def _take(token: Token, title: Token | None, top: Top, notes: Notes) -> None:
    """Take a line into the field it belongs to."""
    match token.kind:
        case Kind.COUNT if top.count is None:
            top.count = token
        case Kind.UPDATED if top.updated is None and says_update(token.text) and not (token.stamp and token.stamp.ago):
            top.updated = token
        case Kind.UPDATED | Kind.STAMP | Kind.DATE:
            top.stamps.append(token)
            notes.drop(token, "page-stamp")
        case Kind.TEXT:
            if token is title:
                top.title = token
                return
            top.lines.append(token)
            if not _take_authors(token.text, top, under_title=top.title is not None):
                top.urls += [(token.line, url) for url in _URL.findall(token.text)]
                notes.drop(token, "world-clock" if ends_in_stamp(token.text) else "preamble")
        case kind:
            notes.drop(token, "navigation" if kind is Kind.NAVIGATION else FURNITURE.get(kind, "preamble"))


def _take_authors(text: str, top: Top, *, under_title: bool) -> bool:
    """Take a byline. Above the title, only a line that says "By" is one."""
    if top.authors or not (under_title or _BY.match(text) or _SHIFTS.search(text)):
        return False
    byline = read_byline(_SHIFTS.sub(",", _BY.sub("By ", without_days(text))).strip(","))
    if byline is None or not (byline.prefixed or byline.sure):
        return False
    top.authors = byline.authors
    return True
