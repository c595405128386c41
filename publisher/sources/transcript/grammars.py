"""Grammars: how posts open. One is chosen by evidence: which moments stand where, and how often.

A row of ``GRAMMARS`` finds the openings that it knows and weighs them; the heaviest row reads the page. Two have no
times: numbered lists, and headlines alone.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.transcript.agenda import without_agenda
from publisher.sources.transcript.bylines import read_byline
from publisher.sources.transcript.furniture import EVENT_MINUTE
from publisher.sources.transcript.headlines import find_headlines
from publisher.sources.transcript.order import DAY, share_in_order
from publisher.sources.transcript.page import Opening
from publisher.sources.transcript.stamps import day_alone
from publisher.sources.transcript.tokens import Kind, Token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from publisher.sources.transcript.marks import Mark
    from publisher.sources.transcript.stamps import Stamp


@dataclass(frozen=True, slots=True)
class Found:
    """What a grammar found: the openings, and how much speaks for them."""

    openings: list[Opening]
    weight: float


@dataclass(frozen=True, slots=True)
class Grammar:
    """A way in which posts open. ``inline`` tells that the opening line holds words of the post."""

    name: str
    find: Callable[[Sequence[Token]], Found]
    inline: bool = False
    timed: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """The grammar chosen and its openings. ``sure`` is False where little speaks for it."""

    grammar: Grammar
    openings: list[Opening]
    sure: bool


_DATED, _CLOCK, _TICKER, _SIGNED, _PARTED, _UNPARTED, _ITEM = 5.0, 2.0, 3.0, 2.0, 1.5, 1.0, 1.0
"""Weights of one opening: a moment with its day alone on a line is hardly anything else; ``10:01 text`` may be."""
_ENOUGH = 2.0
"""Weight under which a choice is not sure."""
_MOSTLY_CLOCKS = 3
"""How many times as many clocks as dated moments there are where both open posts."""
_ORDERLY, _CLEARLY_ORDERLY = 0.6, 0.9
_DOTTED = ("dot", " ")
_ITEM_NUMBER = re.compile(r"^[0-9]{1,4}[.)] (?=[0-9])")
_FEWEST_ITEMS = 3


def _opening(place: int, token: Token) -> Opening:
    mark = token.mark
    if mark is None:
        return Opening(place, token.stamp, token.text)
    said = token.text[: len(token.text) - len(mark.after)].strip(" :-–—+|·>»*#") if mark.after else token.text
    said = _ITEM_NUMBER.sub("", said)
    author = mark.before if mark.form == "author" else None
    label = mark.before if mark.form == "label" else None
    return Opening(place, mark.stamp, said or token.text, mark.after, author, label, mark.closed, number=mark.number)


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
    elif len(dated) == 1 and clocks and stamps[0] == dated[0] and not _has_text(tokens, stamps[0][0], stamps[1][0]):
        stamps = stamps[1:]  # the page's own dateline
    openings = [_opening(place, tokens[place]) for place, _ in stamps]
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


def _has_text(tokens: Sequence[Token], start: int, end: int) -> bool:
    return any(token.kind is Kind.TEXT for token in tokens[start + 1 : end])


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
    openings = [_opening(place, tokens[place]) for place, _, _ in _tickers(tokens)]
    return Found(openings, _TICKER * len(openings))


def _author_lines(tokens: Sequence[Token]) -> Found:
    """``Jo Doe 9/7/2016 4:57:09 PMText``, ``Tom (7:40pm) - text``."""
    openings = [_opening(place, tokens[place]) for place, _, _ in _signed(tokens)]
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
    parted = all(_has_text(tokens, start, end) for start, end in pairwise([*places, len(tokens)]))
    return Found(
        [_opening(place, tokens[place]) for place in places] if parted and len(places) > 1 else [], len(places)
    )


def _figure_lines(tokens: Sequence[Token]) -> Found:
    """``21.15`` alone on its line, again and again, in one direction."""
    figures = _figures(tokens)
    ordered = share_in_order([stamp.minute for _, _, stamp in figures]) >= _ORDERLY
    enough = len(figures) >= _FEWEST_ITEMS and ordered
    return Found([_opening(p, tokens[p]) for p, _, _ in figures] if enough else [], _UNPARTED * len(figures) * enough)


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
        or number * 4 >= count
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
    few, orderly = (_FEWEST_ITEMS, _CLEARLY_ORDERLY) if (style, joint) == _DOTTED else (2, _ORDERLY)
    share = max(share_in_order(minutes), _share_by_days(tokens, [one for one in alike if one[0] in places]))
    if (joint == " " and len(places) < few) or share < orderly:
        return Found([], 0)
    parted = joint in {":", "-"} or any(stamp.zone for _, stamp in alike)
    return Found([_opening(p, tokens[p]) for p in sorted(places)], (_PARTED if parted else _UNPARTED) * len(places))


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
    if len(found) < _FEWEST_ITEMS or len(found) * 2 < texts or not ordered:
        return Found([], 0)
    return Found([Opening(p, stamp, tokens[p].text[:40], mark.after) for p, mark, stamp in found], float(len(found)))


def _labelled_lines(tokens: Sequence[Token]) -> Found:
    """``VOTE 20:55`` with the text below, ``Toss, 6.00 pm text``, again and again, in one direction."""
    found = _labels(tokens)
    ordered = share_in_order([stamp.minute for _, _, stamp in found]) >= _CLEARLY_ORDERLY
    openings = [_opening(place, tokens[place]) for place, _, _ in found]
    enough = len(openings) >= _FEWEST_ITEMS and ordered and _all_say(tokens, openings)
    return Found(openings if enough else [], _UNPARTED * len(found) * enough)


def _all_say(tokens: Sequence[Token], openings: Sequence[Opening]) -> bool:
    """Tell whether every opening has a text, behind it or below."""
    ends = [opening.place for opening in openings[1:]] + [len(tokens)]
    return all(one.after or _has_text(tokens, one.place, end) for one, end in zip(openings, ends, strict=False))


def _day_lines(tokens: Sequence[Token]) -> Found:
    """``12 February 2024`` above each post, or before it on its line, in one direction; for pages without clocks."""
    openings: list[Opening] = []
    for place, token in enumerate(tokens):
        if token.kind is Kind.DATE and token.day and token.day.month:
            openings.append(Opening(place, day_alone(token.day), token.text.rstrip(" :")))
        elif token.mark and token.mark.form == "day":
            openings.append(_opening(place, token))
    named = [stamp.named for opening in openings if (stamp := opening.stamp) and stamp.named]
    days = [(day.year or 0, day.month, day.day) for day in named]
    orderly = days in (sorted(set(days)), sorted(set(days), reverse=True))
    enough = len(openings) > 1 and orderly and _all_say(tokens, openings)
    clocks = any(t.kind is Kind.STAMP or (t.mark and t.mark.stamp and t.mark.stamp.has_clock) for t in tokens)
    if not enough or clocks or len(find_headlines(tokens)) > len(openings):  # then the days are those of sections
        return Found([], 0)
    return Found(openings, _UNPARTED * len(openings))


def _event_minutes(tokens: Sequence[Token]) -> Found:
    """``88'`` alone on its line or before its text, in one direction; for pages that know no other time."""
    found = [
        (place, match) for place, token in enumerate(tokens) if (match := EVENT_MINUTE.match(token.text)) is not None
    ]
    minutes = [(int(match["minute"]), int(match["added"] or match["early"] or 0)) for _, match in found]
    if len(found) < _FEWEST_ITEMS or minutes not in (sorted(minutes), sorted(minutes, reverse=True)):
        return Found([], 0)
    return Found([Opening(p, None, m[0].strip(), tokens[p].text) for p, m in found], _ITEM * len(found))


def _items(tokens: Sequence[Token]) -> Found:
    """``1. Headline``, with the post under it; not a list inside a post."""
    marks = [(p, t.mark.number) for p, t in enumerate(tokens) if t.mark and t.mark.form == "number" and t.mark.number]
    run: list[tuple[int, int]] = []
    for place, number in marks:
        if (
            not run
            or number == run[-1][1] + 1
            or (number == run[-1][1] - 1 and (len(run) < 2 or run[-1][1] < run[-2][1]))
        ):
            run.append((place, number))
    if len(run) < _FEWEST_ITEMS:
        return Found([], 0)
    ends = [*(place for place, _ in run[1:]), len(tokens)]
    filled = sum(_has_text(tokens, place, end) for (place, _), end in zip(run, ends, strict=True))
    if filled * 2 < len(run):
        return Found([], 0)
    openings = [
        Opening(place, None, tokens[place].text, after=mark.after, closed=True, number=mark.number)
        for place, _ in run
        if (mark := tokens[place].mark) is not None
    ]
    return Found(openings, _ITEM * len(run))


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
    Grammar("numbered", _items, inline=True, timed=False),
)
WITHOUT_CLOCKS = (
    Grammar("day-lines", _day_lines, inline=True),
    Grammar("event-minutes", _event_minutes, inline=True, timed=False),
)
"""For pages on which no other grammar finds a post."""
HEADLINES = Grammar("headlines", lambda tokens: Found(find_headlines(tokens), 1), timed=False)
"""For pages whose times are lost, and their numbers too."""


def choose(tokens: Sequence[Token]) -> Choice:
    """Choose the grammar for which most speaks; without any times it is that of headlines, which may find none."""
    best, found = max(((grammar, grammar.find(tokens)) for grammar in GRAMMARS), key=lambda one: one[1].weight)
    if not found.openings:
        for grammar in WITHOUT_CLOCKS:
            if openings := grammar.find(tokens).openings:
                return Choice(grammar, openings, sure=True)
        return Choice(HEADLINES, HEADLINES.find(tokens).openings, sure=True)
    return Choice(best, found.openings, sure=found.weight >= _ENOUGH)
