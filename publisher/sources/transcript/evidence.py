"""Evidence: what a grammar finds on a page, and how openings are made of marks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from publisher.sources.transcript.page import Opening
from publisher.sources.transcript.tokens import Kind, Token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FEWEST_ITEMS = 3
"""Openings of a form that is no clear one by itself."""
_ITEM_NUMBER = re.compile(r"^[0-9]{1,4}[.)] (?=[0-9])")


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


def open_at(place: int, token: Token) -> Opening:
    """Make the opening of a line that is a moment, or has a mark."""
    mark = token.mark
    if mark is None:
        return Opening(place, token.stamp, token.text)
    said = token.text[: len(token.text) - len(mark.after)].strip(" :-–—+|·>»*#") if mark.after else token.text
    said = _ITEM_NUMBER.sub("", said)
    author = mark.before if mark.form == "author" else None
    label = mark.before if mark.form == "label" else None
    return Opening(place, mark.stamp, said or token.text, mark.after, author, label, mark.closed, number=mark.number)


def has_text(tokens: Sequence[Token], start: int, end: int) -> bool:
    """Tell whether a text stands between two places."""
    return any(token.kind is Kind.TEXT for token in tokens[start + 1 : end])


def all_say(tokens: Sequence[Token], openings: Sequence[Opening]) -> bool:
    """Tell whether every opening has a text, behind it or below."""
    ends = [opening.place for opening in openings[1:]] + [len(tokens)]
    return all(one.after or has_text(tokens, one.place, end) for one, end in zip(openings, ends, strict=False))
