"""Grammars: how posts open. One is chosen by evidence: which moments stand where, and how often.

A row of ``GRAMMARS`` finds the openings that it knows and weighs them; the heaviest row reads the page. Where none
finds any, the page has no clocks (``clockless``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.transcript.agenda import without_agenda
from publisher.sources.transcript.bylines import read_byline
from publisher.sources.transcript.clockless import CLOCKLESS, NUMBERED
from publisher.sources.transcript.evidence import FEWEST_ITEMS, Found, Grammar, all_say, has_text, open_at
from publisher.sources.transcript.order import DAY, share_in_order
from publisher.sources.transcript.page import Opening
from publisher.sources.transcript.tokens import Kind, Token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from publisher.sources.transcript.marks import Mark
    from publisher.sources.transcript.stamps import Stamp


@dataclass(frozen=True, slots=True)
class Choice:
    """The grammar chosen and its openings. ``sure`` is False where little speaks for it."""

    grammar: Grammar
    openings: list[Opening]
    sure: bool


_DATED, _CLOCK, _TICKER, _SIGNED, _PARTED, _UNPARTED = 5.0, 2.0, 3.0, 2.0, 1.5, 1.0
"""Weights of one opening: a moment with its day alone on a line is hardly anything else; ``10:01 text`` may be."""
_ENOUGH = 2.0
"""Weight under which a choice is not sure."""
_MOSTLY_CLOCKS = 3
"""How many times as many clocks as dated moments there are where both open posts."""
_ORDERLY, _CLEARLY_ORDERLY = 0.6, 0.9
_DOTTED = ("dot", " ")
_LIKE_FIGURES = {_DOTTED, ("bare", " ")}
"""Shapes of prices and years as well: "14.40 Euro", "1949 Pact"."""


def _is_dated(stamp: Stamp) -> bool:
    return stamp.named is not None or stamp.ago is not None


def _stamp_lines(tokens: Sequence[Token]) -> Found:
    """Moments alone on their lines. Clocks among dated moments open posts only where they are the rule."""
    stamps = [(place, stamp) for place, token in enumerate(tokens) if (stamp := _alone(token)) and not stamp.flaw]
    if len(stamps) > 1 and _is_page_s(tokens, stamps[0], stamps[1][0]):
        stamps = stamps[1:]
    dated = [(place, stamp) for place, stamp in stamps if _is_dated(stamp)]
    clocks = len(stamps) - len(dated)
    styles = Counter(stamp.style for _, stamp in stamps if not _is_dated(stamp)).most_common(1)
    if dated and clocks < _MOSTLY_CLOCKS * len(dated) and not _are_alike(stamps):
        stamps = dated
    elif dated and styles and all(stamp.style != styles[0][0] and stamp.has_clock for _, stamp in dated):
        stamps = [one for one in stamps if not _is_dated(one[1])]  # those of embedded posts
    elif len(dated) == 1 and clocks and stamps[0] == dated[0] and not has_text(tokens, stamps[0][0], stamps[1][0]):
        stamps = stamps[1:]  # the page's own dateline
    openings = [open_at(place, tokens[place]) for place, _ in stamps]
    return Found(openings, sum(_DATED if _is_dated(stamp) else _CLOCK for _, stamp in stamps))


def _is_page_s(tokens: Sequence[Token], first: tuple[int, Stamp], second: int) -> bool:
    """Tell whether the first moment is the page's own: beside another of its stamps, or under its byline."""
    place, stamp = first
    if not (stamp.named and stamp.has_clock):
        return False
    beside = [tokens[at] for at in (place - 1, place + 1) if 0 <= at < len(tokens)]
    updated = any(t.kind is Kind.UPDATED and t.stamp and t.stamp.clock != stamp.clock for t in beside)
    above = next((token for token in reversed(tokens[:place]) if token.kind is not Kind.BLANK), None)
    signed = above is not None and above.text[:3].casefold() == "by "
    texts = sum(token.kind is Kind.TEXT for token in tokens[place + 1 : second])
    return (updated and any(token.kind is Kind.TEXT for token in tokens[:place])) or (
        signed and texts <= 1 and read_byline(above.text if above else "") is not None
    )


def _are_alike(stamps: Sequence[tuple[int, Stamp]]) -> bool:
    """Tell whether clocks differ from dated moments by the day alone, which pages leave out of those of today."""
    shapes = {(stamp.style, stamp.zone.name) if stamp.zone else None for _, stamp in stamps if not stamp.ago}
    clocks = sum(not _is_dated(stamp) for _, stamp in stamps)
    return len(shapes) == 1 and None not in shapes and clocks * 2 > len(stamps)


def _alone(token: Token) -> Stamp | None:
    """Tell the moment that a line is, but for a dateline before it."""
    if token.kind is Kind.STAMP:
        return token.stamp
    return token.mark.stamp if token.mark and token.mark.form == "dateline" else None


def _marked(form: str) -> Callable[[Sequence[Token]], list[tuple[int, Mark, Stamp]]]:
    def find(tokens: Sequence[Token]) -> list[tuple[int, Mark, Stamp]]:
        return [
            (place, token.mark, token.mark.stamp)
            for place, token in enumerate(tokens)
            if token.mark is not None and token.mark.form == form and token.mark.stamp is not None
        ]

    return find


_FORMS = ("lead", "at", "ticker", "author", "label", "tail", "figure")
_leads, _at, _tickers, _signed, _labels, _tailed, _figures = map(_marked, _FORMS)


def _ticker(tokens: Sequence[Token]) -> Found:
    """``+++ 15:25 Headline +++``."""
    openings = [open_at(place, tokens[place]) for place, _, _ in _tickers(tokens)]
    return Found(openings, _TICKER * len(openings))


def _author_lines(tokens: Sequence[Token]) -> Found:
    """``Jo Doe 9/7/2016 4:57:09 PMText``, ``Tom (7:40pm) - text``."""
    openings = [open_at(place, tokens[place]) for place, _, _ in _signed(tokens)]
    return Found(openings, _SIGNED * len(openings))


def _tailed_lines(tokens: Sequence[Token]) -> Found:
    """``Gates close - 9:15 p.m. ET, June 4, 2021``, with the text below."""
    openings = [
        Opening(place, stamp, tokens[place].text.removeprefix(mark.before).strip(" -–—|·()"), mark.before, closed=True)
        for place, mark, stamp in _tailed(tokens)
    ]
    return Found(openings, _SIGNED * len(openings)) if len(openings) > 1 else Found([], 0)


def _edited_lines(tokens: Sequence[Token]) -> Found:
    """``Updated 9:15 p.m. ET, June 4, 2021`` under every headline; once, it is the page's own stamp."""
    places = [place for place, token in enumerate(tokens) if token.kind is Kind.UPDATED and token.stamp]
    parted = all(has_text(tokens, start, end) for start, end in pairwise([*places, len(tokens)]))
    return Found([open_at(place, tokens[place]) for place in places] if parted and len(places) > 1 else [], len(places))


def _figure_lines(tokens: Sequence[Token]) -> Found:
    """``21.15`` alone on its line, again and again, in one direction."""
    figures = _figures(tokens)
    ordered = share_in_order([stamp.minute for _, _, stamp in figures]) >= _ORDERLY
    enough = len(figures) >= FEWEST_ITEMS and ordered
    return Found([open_at(p, tokens[p]) for p, _, _ in figures] if enough else [], _UNPARTED * len(figures) * enough)


def _lead_lines(tokens: Sequence[Token]) -> Found:
    """``8.43am: text``, ``1800 GMT - Headline``, ``10:01 text``: those written as most are, or nearly so."""
    leads = _leads(tokens)
    if not leads:
        return Found([], 0)
    shapes = Counter((stamp.style, mark.joint) for _, mark, stamp in leads)
    (style, joint), count = shapes.most_common(1)[0]
    kin = {
        shape
        for shape, number in shapes.items()
        if (shape[0] == style and (shape != _DOTTED or joint == " "))
        or (shape[1] == joint and joint in {":", "-"})
        or (number * 4 >= count and (number > 1 or shape not in _LIKE_FIGURES))
    }
    alike = [(place, stamp) for place, mark, stamp in leads if (stamp.style, mark.joint) in kin]
    alike += [
        (place, token.stamp)
        for place, token in enumerate(tokens)
        if token.kind is Kind.STAMP and token.stamp and not token.stamp.flaw and token.stamp.style == style
        if place > alike[0][0]
    ]
    places = without_agenda(tokens, sorted(alike, key=lambda one: one[0]))
    minutes = [stamp.minute for place, stamp in alike if place in places and stamp.has_clock]
    # "14.40 Gates open" may be a price as well.
    few, orderly = (FEWEST_ITEMS, _CLEARLY_ORDERLY) if (style, joint) == _DOTTED else (2, _ORDERLY)
    share = max(share_in_order(minutes), _share_by_days(tokens, [one for one in alike if one[0] in places]))
    if (joint == " " and len(places) < few) or share < orderly:
        return Found([], 0)
    parted = joint in {":", "-"} or any(stamp.zone for _, stamp in alike)
    return Found([open_at(p, tokens[p]) for p in sorted(places)], (_PARTED if parted else _UNPARTED) * len(places))


def _share_by_days(tokens: Sequence[Token], found: Sequence[tuple[int, Stamp]]) -> float:
    """Tell which share of the steps goes the way most do where lines above the posts name their days."""
    days = [(place, t.day.on(2000)) for place, t in enumerate(tokens) if t.kind is Kind.DATE and t.day and t.day.month]
    moments = []
    for place, stamp in found:
        above = [day for at, day in days if at < place and day]
        if not above:
            return 0.0
        moments.append(above[-1].toordinal() * DAY + stamp.minute)
    steps = [b - a for a, b in pairwise(moments) if a != b]
    return max(sum(step > 0 for step in steps), sum(step < 0 for step in steps)) / len(steps) if steps else 0.0


def _at_lines(tokens: Sequence[Token]) -> Found:
    """``At 9 p.m., the gates were shut.``: prose, unless most of the page is written so, in one direction."""
    found = _at(tokens)
    texts = sum(token.kind is Kind.TEXT for token in tokens[found[0][0] :]) if found else 0
    ordered = share_in_order([stamp.minute for _, _, stamp in found]) >= _CLEARLY_ORDERLY
    if len(found) < FEWEST_ITEMS or len(found) * 2 < texts or not ordered:
        return Found([], 0)
    return Found([Opening(p, stamp, tokens[p].text[:40], mark.after) for p, mark, stamp in found], float(len(found)))


def _labelled_lines(tokens: Sequence[Token]) -> Found:
    """``VOTE 20:55`` with the text below, ``Toss, 6.00 pm text``, again and again, in one direction."""
    found = _labels(tokens)
    ordered = share_in_order([stamp.minute for _, _, stamp in found]) >= _CLEARLY_ORDERLY
    openings = [open_at(place, tokens[place]) for place, _, _ in found]
    enough = len(openings) >= FEWEST_ITEMS and ordered and all_say(tokens, openings)
    return Found(openings if enough else [], _UNPARTED * len(found) * enough)


GRAMMARS = (
    Grammar("time-lines", _stamp_lines),
    Grammar("figure-lines", _figure_lines),
    Grammar("edited-lines", _edited_lines),
    Grammar("ticker", _ticker, inline=True),
    Grammar("tailed", _tailed_lines, inline=True),
    Grammar("signed", _author_lines, inline=True),
    Grammar("labelled", _labelled_lines, inline=True),
    Grammar("time-and-text", _lead_lines, inline=True),
    Grammar("at-a-clock", _at_lines, inline=True),
    NUMBERED,
)


def choose(tokens: Sequence[Token]) -> Choice:
    """Choose the grammar for which most speaks; without any clocks that of headlines comes last, and may find none."""
    best, found = max(((grammar, grammar.find(tokens)) for grammar in GRAMMARS), key=lambda one: one[1].weight)
    if found.openings:
        return Choice(best, found.openings, sure=found.weight >= _ENOUGH)
    others = ((grammar, grammar.find(tokens).openings) for grammar in CLOCKLESS)
    grammar, openings = next((one for one in others if one[1]), (CLOCKLESS[-1], []))
    return Choice(grammar, openings, sure=True)
