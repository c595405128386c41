"""Sections: a page is cut at its openings, and each piece is told apart."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.transcript.furniture import is_event_minute, is_figure, is_teaser
from publisher.sources.transcript.habits import Habits, find_habits, headline_above, name_above
from publisher.sources.transcript.heads import take_head
from publisher.sources.transcript.page import Opening, Section
from publisher.sources.transcript.tokens import FURNITURE, SILENT, Kind, Token, says_edit

if TYPE_CHECKING:
    from collections.abc import Container

    from publisher.sources.transcript.dates import Day
    from publisher.sources.transcript.grammars import Choice
    from publisher.sources.transcript.notes import Notes


_FEWEST_COUNTS = 2
"""Bare numbers in a row that are no part of a text."""


class _Days:
    """The lines that name the day of the posts under them."""

    def __init__(self, found: list[tuple[int, Token]]) -> None:
        self._places = [place for place, _ in found]
        self._days = [token.day for _, token in found]
        self.lines = {token.line for _, token in found}

    def over(self, place: int) -> Day | None:
        """Tell the day that stands above a place."""
        number = bisect_left(self._places, place)
        return self._days[number - 1] if number else None


def cut(tokens: list[Token], choice: Choice, notes: Notes) -> tuple[list[Token], list[Section]]:
    """Cut a page at its openings.

    Returns:
        The tokens above the first post, and the posts in the order of the page.
    """
    openings = choice.openings
    tokens, updated = _without_foot(tokens, openings[-1].place, notes)
    if not choice.grammar.inline and _stand_below(tokens, openings):
        tokens, openings = _turned(tokens, openings)
    openings = _without_repeats(tokens, openings, notes)
    for opening in openings:
        _fold_announcement(tokens, opening, notes)
    habits = find_habits(tokens, openings, inline=choice.grammar.inline)
    if habits.name_above or habits.headline_above:
        openings = [_with_above(tokens, opening, habits) for opening in openings]
    starts = [opening.place - opening.above for opening in openings]
    days = _Days(_find_days(tokens, openings, starts[0]))
    header = updated
    for token in tokens[: starts[0]]:
        if token.line in days.lines:
            notes.drop(token, "section-date")
        else:
            header.append(token)
    above = _mark_above(header)
    sections = []
    for opening, (start, end) in zip(openings, pairwise([*starts, len(tokens)]), strict=True):
        section = _section(tokens[start:end], opening, days, habits, notes)
        section.pinned = section.pinned or above is Kind.PINNED
        section.key_event = section.key_event or above is Kind.KEY_EVENT
        above = _mark_above(tokens[opening.place : end])
        sections.append(section)
    return header, sections


def _without_foot(tokens: list[Token], last: int, notes: Notes) -> tuple[list[Token], list[Token]]:
    """Leave out the lists of other pages below the last post, and a page's own stamp at its very end.

    Returns:
        The other tokens; that stamp, if the page has no other.
    """
    end = next((p for p in range(last + 1, len(tokens)) if is_teaser(tokens[p].text)), len(tokens))
    for token in tokens[end:]:
        if token.kind is not Kind.BLANK:
            notes.drop(token, "navigation")
    tokens = tokens[:end]
    stamps = [place for place, token in enumerate(tokens) if token.kind is Kind.UPDATED]
    place = stamps[0] if len(stamps) == 1 else -1
    stamp = tokens[place].stamp if place > last else None
    below = any(token.kind not in SILENT for token in tokens[place + 1 :])
    if stamp is None or below or not (stamp.named and stamp.has_clock) or tokens[place - 1].kind is Kind.TEXT:
        return tokens, []
    return [*tokens[:place], *tokens[place + 1 :]], [tokens[place]]


def _stand_below(tokens: list[Token], openings: list[Opening]) -> bool:
    """Tell whether moments close their posts: each is glued to a text above, and under the last stands nothing."""
    closed = all(
        opening.stamp
        and tokens[opening.place - 1 if opening.place else 0].kind is Kind.TEXT
        and all(token.kind is Kind.BLANK for token in tokens[opening.place + 1 : opening.place + 2])
        for opening in openings
    )
    return closed and len(openings) > 1 and all(t.kind is not Kind.TEXT for t in tokens[openings[-1].place + 1 :])


def _turned(tokens: list[Token], openings: list[Opening]) -> tuple[list[Token], list[Opening]]:
    """Set each moment above the post that it closes; the first post is what stands on the lines right above it."""
    first = openings[0].place
    while first and tokens[first - 1].kind is not Kind.BLANK:
        first -= 1
    turned, moved = tokens[:first], []
    for start, opening in zip([first, *(one.place + 1 for one in openings)], openings, strict=False):
        moved.append(replace(opening, place=len(turned)))
        turned += [tokens[opening.place], *tokens[start : opening.place]]
    return turned + tokens[openings[-1].place + 1 :], moved


def _without_repeats(tokens: list[Token], openings: list[Opening], notes: Notes) -> list[Opening]:
    """Fold a moment that stands twice in a row, for the eye and for screen readers, into one."""
    kept: list[Opening] = []
    before = -1
    for opening in openings:
        last = kept[-1] if kept else None
        between, before = tokens[before + 1 : opening.place], opening.place
        if (
            last
            and not last.after
            and not opening.author
            and _is_same_moment(last, opening)
            and all(token.kind in SILENT for token in between)
        ):
            richer = max(last, opening, key=lambda one: (bool(one.after), *_says(one), one.place))
            poorer = last if richer is opening else opening
            token = tokens[poorer.place]
            notes.drop(token, "repeated-stamp")
            tokens[poorer.place] = Token(Kind.BLANK, token.line, "")
            kept[-1] = richer
        else:
            kept.append(opening)
    return kept


def _fold_announcement(tokens: list[Token], opening: Opening, notes: Notes) -> None:
    """Fold "published at 16:04 British Summer Time", which screen readers are told, into the moment under it."""
    place = opening.place - 1
    token = tokens[place] if place >= 0 else None
    said = token.stamp if token and token.kind is Kind.UPDATED else None
    if token and said and opening.stamp and said.has_clock and opening.stamp.has_clock:
        if said.clock != opening.stamp.clock:
            return
        notes.drop(token, "repeated-stamp")
        tokens[place] = Token(Kind.BLANK, token.line, "")


def _is_same_moment(one: Opening, other: Opening) -> bool:
    a, b = one.stamp, other.stamp
    if a is None or b is None:
        return False
    if not (a.has_clock and b.has_clock):  # "3 hours ago" beside the moment itself
        full = b if a.ago else a
        return bool(a.ago) != bool(b.ago) and full.has_clock and full.day is not None
    return a.clock == b.clock and (a.named is None or b.named is None or a.named == b.named)


def _says(opening: Opening) -> tuple[bool, bool]:
    return (bool(opening.stamp and opening.stamp.named), bool(opening.stamp and opening.stamp.zone))


def _with_above(tokens: list[Token], opening: Opening, habits: Habits) -> Opening:
    place = name_above(tokens, opening) if habits.name_above else headline_above(tokens, opening)
    return opening if place is None else replace(opening, above=opening.place - place)


def _find_days(tokens: list[Token], openings: list[Opening], start: int) -> list[tuple[int, Token]]:
    """Find the lines that name the day of the posts under them, on pages whose moments name none."""
    bare = sum(opening.stamp is not None and opening.stamp.named is None for opening in openings)
    if bare * 2 < len(openings):
        return []
    days = [(place, token) for place, token in enumerate(tokens) if token.kind is Kind.DATE]
    inside = [one for one in days if one[0] > start]
    above = [one for one in days if one[0] < start][-1:]
    if not inside and above and any(token.kind is Kind.TEXT for token in tokens[above[0][0] + 1 : start]):
        return []  # the page's own dateline
    return [*above, *inside]


def _mark_above(tokens: list[Token]) -> Kind | None:
    """Tell the mark in which tokens end: that of the post below them."""
    last = next((t for t in reversed(tokens) if t.kind not in {Kind.BLANK, Kind.CONTROL, Kind.SEPARATOR}), None)
    return last.kind if last else None


def _section(tokens: list[Token], opening: Opening, days: _Days, habits: Habits, notes: Notes) -> Section:
    opener = tokens[opening.above]
    section = Section(opener.line, opening.text, opening.stamp, days.over(opening.place), opener=opener)
    others = tokens[: opening.above] + tokens[opening.above + 1 :]
    others = _without_counts(others, notes)
    said = [token.line for token in others if token.kind not in SILENT]
    rest: list[Token] = []
    begun = False  # something of the post stands above
    for token in others:
        why = _why_left_out(token, days, {*said[:1], *said[-1:]})
        if why is None:
            rest.append(token)
            begun = begun or bool(token.text)
            continue
        notes.drop(token, why)
        section.closing = section.closing or token.kind is Kind.CLOSING
        if token.kind in {Kind.PINNED, Kind.KEY_EVENT} and not begun:
            section.pinned = section.pinned or token.kind is Kind.PINNED
            section.key_event = section.key_event or token.kind is Kind.KEY_EVENT
        if why == "edit-stamp" and says_edit(token.text):
            message = f"the post was edited ({token.text!r}); its first version is not in the source"
            notes.doubt("edited", message, token.line)
        rest.append(Token(Kind.BLANK, token.line, ""))
    if opener.mark is not None and opener.mark.form == "dateline":
        notes.drop(opener._replace(text=opener.mark.before), "dateline")
    section.lines = (opener, *(token for token in rest if token.kind is not Kind.BLANK))
    section.body = take_head(_with_minutes(rest), opening, habits, section, notes)
    return section


def _without_counts(tokens: list[Token], notes: Notes) -> list[Token]:
    """Leave out the bare numbers that end a post: replies, shares and likes, the pages that a site numbers."""
    end = len(tokens)
    while end and (tokens[end - 1].kind in SILENT or is_figure(tokens[end - 1].text)):
        end -= 1
    figures = [token for token in tokens[end:] if token.kind not in SILENT]
    if len(figures) < _FEWEST_COUNTS:
        return tokens
    for token in figures:
        notes.drop(token, "control")
    return [*tokens[:end], *(token for token in tokens[end:] if token not in figures)]


def _with_minutes(tokens: list[Token]) -> list[Token]:
    """Set the minute of a match before the text under it."""
    found: list[Token] = []
    minute: Token | None = None
    for token in tokens:
        if minute and token.kind is Kind.TEXT and not is_event_minute(token.text):
            found[-1] = minute._replace(text=f"{minute.text} {token.text}")
            minute = None
            continue
        if minute is None or token.kind is not Kind.BLANK:
            found.append(token)
            minute = token if is_event_minute(token.text) else None
    return found


def _why_left_out(token: Token, days: _Days, ends: Container[int]) -> str | None:
    """Tell why a line is no part of a post; None if it is one. ``ends`` are the post's first line and its last."""
    if token.kind in FURNITURE:
        return FURNITURE[token.kind]
    if token.kind is Kind.DATE and token.line in days.lines:
        return "section-date"
    return "edit-stamp" if token.kind is Kind.UPDATED and token.line in ends else None
