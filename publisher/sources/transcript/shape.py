"""Shape: which grammar reads a page, and what is unsure about where its posts begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.sources.transcript.dating import EXAMPLE
from publisher.sources.transcript.grammars import Choice, choose
from publisher.sources.transcript.headlines import whole
from publisher.sources.transcript.missing import OFFER
from publisher.sources.transcript.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.transcript.notes import Notes
    from publisher.sources.transcript.tokens import Token


def find_shape(tokens: Sequence[Token], notes: Notes) -> Choice:
    """Choose a grammar; where none finds a post, take the page for one post if times need not be told.

    Raises:
        SourceError: there is no post.
    """
    choice = choose(tokens)
    must_be_timed = notes.options.missing_times == "error"
    flawed = next((token for token in tokens if token.kind is Kind.STAMP and token.stamp and token.stamp.flaw), None)
    if choice.openings and (choice.grammar.timed or flawed is None or not must_be_timed):
        _say(tokens, choice, notes)
        return choice
    if flawed and flawed.stamp:
        what = f"{flawed.text!r} {flawed.stamp.flaw}; write it in full, like {EXAMPLE!r}"
        raise notes.refusal(flawed.line, what)
    openings = whole(tokens)
    claimed = next((token for token in tokens if token.posts), None)
    if claimed and not openings:
        raise notes.refusal(claimed.line, none_of(claimed))
    if must_be_timed or not openings:
        what = f"no post found: no line is a time like {EXAMPLE!r}; put one above every post"
        raise notes.refusal(None, f"{what}, or, to take all for one post, {OFFER}")
    choice = Choice(choice.grammar, openings, sure=True)
    _say(tokens, choice, notes)
    return choice


def none_of(claimed: Token) -> str:
    """Say that a page holds none of the posts that it claims."""
    return f"the page claims {claimed.text!r}, and holds none; save it again when its posts have loaded"


def _say(tokens: Sequence[Token], choice: Choice, notes: Notes) -> None:
    first = choice.openings[0]
    line = tokens[first.place].line
    if not choice.sure:
        message = f"{first.text!r} was taken for a post's time; if it is none, write it otherwise"
        notes.doubt("shape-guessed", message, line)
    if choice.grammar.name == "headlines" and len(choice.openings) == 1:
        message = "no line tells where posts begin; all was taken for one. Put a time above every post"
        notes.doubt("no-boundaries", message, line)
    elif choice.grammar.name == "headlines":
        what = f"posts were taken to begin at {len(choice.openings)} short lines that end no sentence"
        notes.doubt("headlines-guessed", f"{what}. Put a time above every post", line)
    elif choice.grammar.name == "time-lines":
        _say_unclear(tokens, choice, notes)


def _say_unclear(tokens: Sequence[Token], choice: Choice, notes: Notes) -> None:
    """Say which moments open no post, though they stand alone on their lines."""
    opened = {opening.place for opening in choice.openings}
    first = choice.openings[0]
    dated = first.stamp is not None and (first.stamp.named is not None or first.stamp.ago is not None)
    for place, token in enumerate(tokens):
        if token.kind is not Kind.STAMP or token.stamp is None or place in opened:
            continue
        if token.stamp.flaw is None and (not dated or token.stamp.named) and place < first.place:
            continue  # the page's own dateline
        unlike = "has no date, as the others do" if dated else "is written as no other time is"
        flaw = token.stamp.flaw or unlike
        what = f"{token.text!r} {flaw}, so it opens no post; if it should, write it like {EXAMPLE!r}"
        notes.doubt("unclear-stamp", what, token.line)
