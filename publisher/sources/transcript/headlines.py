"""Headlines: which lines can be one, and where posts begin on a page that has kept nothing else."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.transcript.bylines import read_byline
from publisher.sources.transcript.page import Opening
from publisher.sources.transcript.tokens import FURNITURE, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.transcript.tokens import Token

LONGEST = 300
_LONGEST_UNSURE = 160
# What ends a sentence ends no headline; "?" and "!" may end either.
_SENTENCE = re.compile(r"[.:;,…。][\"”’')\]]*$")
_INITIALS = re.compile(r"(?:\b[^\W\d_]\.)+$")
_NO_HEADLINE = re.compile(
    r"[•‣◦●▪*(\[–—-]|.*(?:\)|\]|Credit\.\.\.|Photograph: |/[A-Z][\w ]+)$|image:|caption ?:", re.IGNORECASE
)


def is_headline(text: str) -> bool:
    """Tell whether a line can be a headline by its own words."""
    return len(text) <= _LONGEST_UNSURE and (not _SENTENCE.search(text) or bool(_INITIALS.search(text)))


def find_headlines(tokens: Sequence[Token]) -> list[Opening]:
    """Find the headlines of a page without times: short lines that end no sentence, each with a text under it.

    The first line of all is the page's title. Where the page counts its posts, none stands above the count.
    """
    said = [place for place, token in enumerate(tokens) if token.kind is not Kind.BLANK]
    start = _start(tokens, said)
    body = [place for place in said if place >= start and tokens[place].kind not in FURNITURE]
    openings = []
    for place, after in pairwise(body):
        if not _stands_alone(tokens, place):
            continue
        below = tokens[after]
        text = tokens[place].text
        if below.kind is Kind.TEXT and tokens[place].kind in {Kind.TEXT, Kind.SUMMARY} and _heads(text, below.text):
            openings.append(Opening(place, None, text, after=text, closed=True))
    return openings


def _start(tokens: Sequence[Token], said: list[int]) -> int:
    """Find where posts may begin: under the count, the summary's bullets and the page's title."""
    count = max((p for p in said if tokens[p].kind is Kind.COUNT), default=-1)
    navigation = [p for p in said if tokens[p].kind is Kind.NAVIGATION and p < 20]
    title = next((p for p in said if tokens[p].kind is Kind.TEXT and p > max(navigation, default=-1)), -1)
    return max(count, title) + 1


def _stands_alone(tokens: Sequence[Token], place: int) -> bool:
    return place == 0 or tokens[place - 1].kind is not Kind.TEXT


def _heads(text: str, below: str) -> bool:
    if not is_headline(text) or _NO_HEADLINE.match(text) or text[0].islower() or len(text) < 8:
        return False
    byline = read_byline(text)
    if byline and (byline.prefixed or byline.sure):
        return False
    under = read_byline(below)
    return not is_headline(below) or (under is not None and under.prefixed)


def whole(tokens: Sequence[Token]) -> list[Opening]:
    """Take all that stands under the title for one post: the honest reading of a page without boundaries."""
    said = [place for place, token in enumerate(tokens) if token.kind is not Kind.BLANK]
    start = _start(tokens, said)
    texts = [place for place in said if place >= start and tokens[place].kind is Kind.TEXT]
    place = next((p for p in texts if not ((byline := read_byline(tokens[p].text)) and byline.prefixed)), None)
    return [] if place is None else [Opening(place, None, tokens[place].text[:80], after=tokens[place].text)]
