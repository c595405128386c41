"""The grammar of pages whose posts begin with a full time line: CNN's live blogs and their kin.

A header, then posts: time line, headline, byline, body. Headline and byline may be absent, the blank lines too.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.reading import Doubt, Dropped, SourceError
from publisher.sources.transcript.bylines import read_byline
from publisher.sources.transcript.header import read_header
from publisher.sources.transcript.page import Page, Section
from publisher.sources.transcript.tokens import Kind, Token

if TYPE_CHECKING:
    from publisher.sources.transcript.stamps import Stamp
    from publisher.sources.transcript.zones import Zone

EXAMPLE = "12:22 a.m. ET, February 1, 2023"
"""What a full time line looks like, for people who have to write one."""

_LONGEST_HEADLINE = 300
_LONGEST_UNSURE_HEADLINE = 160
# What ends a sentence ends no headline; "?" and "!" may end either.
_SENTENCE = re.compile(r"[.:;,…][\"”’')\]]*$")
_INITIALS = re.compile(r"(?:\b[^\W\d_]\.)+$")


def parse(tokens: list[Token], name: str) -> Page:
    """Tell header, posts and what is neither.

    Raises:
        SourceError: no line is a time line with day and zone.
    """
    doubts: list[Doubt] = []
    dropped: list[Dropped] = []
    openers, zone = _openers(tokens, name, doubts)
    bounds = [*openers, len(tokens)]
    header, count_line = read_header(tokens[: bounds[0]], zone, dropped)
    sections = [_section(tokens[start:end], zone, doubts, dropped) for start, end in pairwise(bounds)]
    return Page(header, sections, count_line, doubts, dropped)


def _openers(tokens: list[Token], name: str, doubts: list[Doubt]) -> tuple[list[int], Zone | None]:
    """Find the tokens that open a post, and the one zone that all of them name (None if they differ)."""
    stamps = [(place, t, t.stamp) for place, t in enumerate(tokens) if t.kind is Kind.STAMP and t.stamp]
    zones = {stamp.zone.name: stamp.zone for _, _, stamp in stamps if stamp.zone and not stamp.flaw}
    zone = next(iter(zones.values())) if len(zones) == 1 else None
    openers = []
    for place, token, stamp in stamps:
        if stamp.zone and not stamp.flaw:
            openers.append(place)
        elif zone and not stamp.flaw:
            openers.append(place)
            doubts.append(Doubt("zone-assumed", f"{token.text!r} names no zone; taken as {zone.name}", token.line))
        elif zones:
            doubts.append(
                Doubt(
                    "unclear-stamp",
                    f"{token.text!r} {_flaw(stamp)}, so it opens no post; if it should, write it like {EXAMPLE!r}",
                    token.line,
                )
            )
    if openers:
        return openers, zone
    if stamps:
        _, token, stamp = stamps[0]
        raise SourceError.at(name, token.line, f"{token.text!r} {_flaw(stamp)}; write it in full, like {EXAMPLE!r}")
    raise SourceError.at(name, None, f"no post found: no line is a time like {EXAMPLE!r}; put one above every post")


def _flaw(stamp: Stamp) -> str:
    return stamp.flaw or "names no time zone"


def _section(tokens: list[Token], zone: Zone | None, doubts: list[Doubt], dropped: list[Dropped]) -> Section:
    opener, rest = tokens[0], []
    assert opener.stamp is not None  # noqa: S101 what opens a post is a STAMP
    for token in tokens[1:]:
        if token.kind is Kind.CONTROL:
            dropped.append(Dropped(token.line, token.text, "control"))
            rest.append(Token(Kind.BLANK, token.line, ""))
        else:
            rest.append(token)
    section = Section(opener.line, opener.text, opener.stamp, zone if opener.stamp.zone is None else None)
    section.body = _without_head(rest, section, doubts)
    return section


def _without_head(tokens: list[Token], section: Section, doubts: list[Doubt]) -> list[Token]:
    """Take headline and byline, in either order, into ``section``; give the rest."""
    texts = [place for place, token in enumerate(tokens) if token.kind is not Kind.BLANK][:3]
    words = [tokens[place].text for place in texts]
    if not texts:
        return tokens
    bylines = [read_byline(text) for text in words[:2]]
    taken = 0
    if bylines[0] and bylines[0].prefixed and bylines[0].sure:
        section.authors, section.byline, taken = bylines[0].authors, tokens[texts[0]], 1
        if len(words) > 2 and _is_headline(words[1]):
            section.headline, taken = words[1], 2
    elif len(words) > 1 and bylines[1] and (bylines[1].sure or len(words) > 2) and len(words[0]) <= _LONGEST_HEADLINE:
        section.headline, section.authors, section.byline = words[0], bylines[1].authors, tokens[texts[1]]
        taken = 2
        if not bylines[1].sure:
            doubts.append(Doubt("byline-guessed", f"{words[1]!r} was taken for an author", tokens[texts[1]].line))
    elif _is_headline(words[0]) and not _is_twin(words):
        section.headline, taken = words[0], 1
    return tokens[texts[taken - 1] + 1 :] if taken else tokens


def _is_headline(text: str) -> bool:
    return len(text) <= _LONGEST_UNSURE_HEADLINE and (not _SENTENCE.search(text) or bool(_INITIALS.search(text)))


def _is_twin(words: list[str]) -> bool:
    """Tell whether the first line is the first half of a doubled caption."""
    return len(words) > 1 and words[1].startswith(words[0])
