"""Habits: where a page sets names and headlines: above the moment, behind it on its line, or under it.

What most openings do is taken for all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from publisher.sources.transcript.bylines import is_name, read_byline
from publisher.sources.transcript.headlines import is_headline
from publisher.sources.transcript.tokens import SILENT, Kind, Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from publisher.sources.transcript.page import Opening

_MOST = 0.6
"""Share of the openings that makes a habit."""
_SOME = 0.4
"""Share of all openings that must have a headline behind them, where others have nothing under them."""
_NEARLY_ALL = 0.9
"""Share of the openings that must have a headline above: the last line of the post above can look like one."""
_WINDOW = 4
"""Tokens above or below an opening that are looked at."""
# "…wordsThe text": a headline and a text that lost what was between them. Names (YouTube) have a capital nearer.
GLUE = re.compile(r"(?:(?<=[^\W\d_A-Z]{3})|(?<=[^\W\d_A-Z][?!”\"’)]))(?=[A-Z“])")


# What a line under a name says of its bearer: "Ferry Correspondent reporting from Upper Reach".
ROLE = re.compile(
    r"(?:[^\W\d_][^\s.,:;]* ){0,4}(?:correspondent|reporter|editor|presenter|producer|journalist)"
    r"(?:(?:,? (?:reporting )?(?:from|in|at) |, )(?P<place>[^.:;]{2,60}))?"
    r"|reporting (?:from|in|at) (?P<there>[^.:;]{2,60})",
    re.IGNORECASE,
)
HANDLE = re.compile(r"@\w[\w.-]*(?:@[\w.-]+)?")
"""A name on a network, which stands under the bearer's own."""
# Who says what follows: "Ada Finch: The gate is shut", "<ada> the gate is shut".
SPEAKER = re.compile(r"(?:<(?P<nick>[^<>\s]{1,30})>|(?P<name>[^\W\d_][^:,.“\"]{2,40}):) (?=\S)")


@dataclass(frozen=True, slots=True)
class Habits:
    """How a page sets its posts."""

    name_above: bool = False
    headline_above: bool = False
    headline_behind: bool = False
    headline_glued: bool = False
    speaker_behind: bool = False
    name_under: bool = False


def find_habits(tokens: Sequence[Token], openings: Sequence[Opening], *, inline: bool) -> Habits:
    """Find the habits of a page; ``inline`` tells that opening lines hold words of the post."""
    if inline:
        filled = [o for o in openings if o.after and not o.closed and _says_more(tokens, o.place)]
        heads = sum(is_headline(o.after) for o in filled)
        above = _share(headline_above(tokens, o) is not None for o in openings)
        return Habits(
            headline_behind=heads >= max(1, _MOST * len(filled), _SOME * len(openings)),
            headline_above=len(openings) > 1 and above >= _NEARLY_ALL and not heads,
            speaker_behind=_speakers_behind(openings),
            headline_glued=len(openings) > 1 and _share(GLUE.search(o.after) is not None for o in openings) >= _MOST,
        )
    if any(opening.stamp is None for opening in openings):
        return Habits()
    names = _share(name_above(tokens, opening) is not None for opening in openings)
    if names >= _MOST:
        return Habits(name_above=True)
    above = _share(headline_above(tokens, opening) is not None for opening in openings)
    under = _share(_headline_under(tokens, opening) for opening in openings)
    return Habits(
        headline_above=len(openings) > 1 and above >= _NEARLY_ALL and under < 1 - _MOST,
        name_under=_names_under(tokens, openings),
    )


def _share(facts: Iterable[bool]) -> float:
    told = list(facts)
    return sum(told) / len(told) if told else 0.0


def _says_more(tokens: Sequence[Token], place: int) -> bool:
    """Tell whether text stands under an opening before the next."""
    below = next((t for t in tokens[place + 1 : place + _WINDOW] if t.kind not in SILENT), None)
    return below is not None and below.kind is Kind.TEXT and below.mark is None


def _above(tokens: Sequence[Token], opening: Opening) -> tuple[int, Token] | None:
    """Find the text right above an opening."""
    for place in range(opening.place - 1, max(opening.place - _WINDOW, -1), -1):
        token = tokens[place]
        if token.kind is Kind.TEXT and not HANDLE.fullmatch(token.text):
            return place, token
        if token.kind is not Kind.TEXT and token.kind not in SILENT:
            return None
    return None


def name_above(tokens: Sequence[Token], opening: Opening) -> int | None:
    """Find the place of the name right above an opening."""
    found = _above(tokens, opening)
    if found is None:
        return None
    byline = read_byline(found[1].text)
    return found[0] if byline and (byline.sure or len(found[1].text.split()) <= 3) else None


def headline_above(tokens: Sequence[Token], opening: Opening) -> int | None:
    """Find the place of the headline right above an opening."""
    found = _above(tokens, opening)
    if found is None or found[1].mark is not None:
        return None
    place, token = found
    apart = place == 0 or tokens[place - 1].kind is not Kind.TEXT
    return place if apart and is_headline(token.text) and not read_byline(token.text) else None


def _names_under(tokens: Sequence[Token], openings: Sequence[Opening]) -> bool:
    """Tell whether a name stands under most moments: with an office under it, or a name that comes again."""
    names: list[str] = []
    offices = 0
    for opening in openings:
        below = [t for t in tokens[opening.place + 1 : opening.place + 2 * _WINDOW] if t.kind is Kind.TEXT][:2]
        byline = read_byline(below[0].text) if below else None
        if byline and len(byline.authors) == 1 and not byline.prefixed:
            names.append(byline.authors[0].name)
            offices += len(below) > 1 and ROLE.fullmatch(below[1].text) is not None
    most = _MOST * len(openings)
    return len(openings) > 1 and len(names) >= most and (offices >= most or len(set(names)) * 2 <= len(names))


def read_speaker(text: str) -> tuple[str, str] | None:
    """Read who says a text, and what."""
    match = SPEAKER.match(text)
    if match is None:
        return None
    name = match["nick"] or match["name"]
    names = match["nick"] or (" " in name and is_name(name))
    return (name, text[match.end() :]) if names else None


def _speakers_behind(openings: Sequence[Opening]) -> bool:
    """Tell whether the posts say who speaks: most name somebody, and some name the same."""
    names = [said[0] for opening in openings if (said := read_speaker(opening.after))]
    return len(set(names)) < len(names) and len(names) >= _MOST * len(openings)


def _headline_under(tokens: Sequence[Token], opening: Opening) -> bool:
    below = next((t for t in tokens[opening.place + 1 : opening.place + _WINDOW] if t.kind is Kind.TEXT), None)
    return below is not None and is_headline(below.text) and not read_byline(below.text)
