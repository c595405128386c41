"""Grammars of pages without clocks: days, minutes of a match, numbers, headlines. They are asked last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.sources.transcript.evidence import FEWEST_ITEMS, Found, Grammar, all_say, has_text, open_at
from publisher.sources.transcript.furniture import EVENT_MINUTE
from publisher.sources.transcript.headlines import find_headlines
from publisher.sources.transcript.page import Opening
from publisher.sources.transcript.stamps import day_alone
from publisher.sources.transcript.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.transcript.tokens import Token


def _day_lines(tokens: Sequence[Token]) -> Found:
    """``12 February 2024`` above each post, or before it on its line, in one direction; for pages without clocks."""
    openings: list[Opening] = []
    for place, token in enumerate(tokens):
        if token.kind is Kind.DATE and token.day and token.day.month:
            openings.append(Opening(place, day_alone(token.day), token.text.rstrip(" :")))
        elif token.mark and token.mark.form == "day":
            openings.append(open_at(place, token))
    named = [stamp.named for opening in openings if (stamp := opening.stamp) and stamp.named]
    days = [(day.year or 0, day.month, day.day) for day in named]
    orderly = days in (sorted(set(days)), sorted(set(days), reverse=True))
    enough = len(openings) > 1 and orderly and all_say(tokens, openings)
    clocks = any(t.kind is Kind.STAMP or (t.mark and t.mark.stamp and t.mark.stamp.has_clock) for t in tokens)
    if not enough or clocks or len(find_headlines(tokens)) > len(openings):  # then the days are those of sections
        return Found([], 0)
    return Found(openings, float(len(openings)))


def _event_minutes(tokens: Sequence[Token]) -> Found:
    """``88'`` alone on its line or before its text, in one direction; for pages that know no other time."""
    found = [
        (place, match) for place, token in enumerate(tokens) if (match := EVENT_MINUTE.match(token.text)) is not None
    ]
    minutes = [(int(match["minute"]), int(match["added"] or match["early"] or 0)) for _, match in found]
    if len(found) < FEWEST_ITEMS or minutes not in (sorted(minutes), sorted(minutes, reverse=True)):
        return Found([], 0)
    return Found([Opening(p, None, m[0].strip(), tokens[p].text) for p, m in found], float(len(found)))


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
    if len(run) < FEWEST_ITEMS:
        return Found([], 0)
    ends = [*(place for place, _ in run[1:]), len(tokens)]
    filled = sum(has_text(tokens, place, end) for (place, _), end in zip(run, ends, strict=True))
    if filled * 2 < len(run):
        return Found([], 0)
    openings = [
        Opening(place, None, tokens[place].text, after=mark.after, closed=True, number=mark.number)
        for place, _ in run
        if (mark := tokens[place].mark) is not None
    ]
    return Found(openings, float(len(run)))


NUMBERED = Grammar("numbered", _items, inline=True, timed=False)
"""Weighed against those with clocks."""
CLOCKLESS = (
    Grammar("day-lines", _day_lines, inline=True),
    Grammar("event-minutes", _event_minutes, inline=True, timed=False),
    Grammar("headlines", lambda tokens: Found(find_headlines(tokens), 1), timed=False),
)
"""For pages on which no other grammar finds a post: the first that does reads the page."""
