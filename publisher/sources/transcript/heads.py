"""Heads: headline and authors of a post, wherever the page's habit sets them; what remains is its body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from publisher.sources.transcript.bylines import read_byline
from publisher.sources.transcript.captions import is_credit
from publisher.sources.transcript.habits import GLUE, HANDLE, ROLE, Habits, read_speaker
from publisher.sources.transcript.headlines import LONGEST, is_headline
from publisher.sources.transcript.tokens import Kind, Token
from shared.post import Author

if TYPE_CHECKING:
    from publisher.sources.transcript.notes import Notes
    from publisher.sources.transcript.page import Opening, Section

_SIGNATURE = re.compile(r"^(?:[-–—] ?|[Bb]y )(?P<names>[^\W\d_].{3,100})$")
_INPUTS = re.compile(r" ?\((?:with )?inputs? (?:from|by) (?P<names>[^()]{3,100})\)\.?$", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:breaking(?: news)?|update|new|live|analysis|watch|video|latest)(?-i:(?=[A-Z][a-z]))", re.IGNORECASE
)


def take_head(tokens: list[Token], opening: Opening, habits: Habits, section: Section, notes: Notes) -> list[Token]:
    """Take headline and authors into ``section``; give the rest."""
    rest = _take_above(tokens, opening, habits, section, notes)
    behind = bool(opening.after)
    rest = (
        _take_behind(rest, opening, habits, section, notes) if behind else _without_head(rest, habits, section, notes)
    )
    if section.byline is not None:
        rest = _without_role(rest, section, notes)
    label = _LABEL.match(section.headline or "")
    if section.headline and label:
        section.headline = section.headline[label.end() :]
    return _without_signature(rest, section)


def _take_above(tokens: list[Token], opening: Opening, habits: Habits, section: Section, notes: Notes) -> list[Token]:
    """Take what stands above the moment."""
    if opening.author:
        name = read_byline(opening.author)
        section.authors = name.authors if name else (Author.of(opening.author),)
    if opening.label:
        section.tags = (opening.label,)
    if not opening.above:
        return tokens
    first = tokens[0]
    if habits.name_above:
        byline = read_byline(first.text)
        section.authors, section.byline = byline.authors if byline else (), first
        if len(tokens) > 1 and HANDLE.fullmatch(tokens[1].text):
            notes.drop(tokens[1], "role")
            return tokens[2:]
    else:
        section.headline = first.text
    return tokens[1:]


def _take_behind(tokens: list[Token], opening: Opening, habits: Habits, section: Section, notes: Notes) -> list[Token]:
    """Take what stands behind the moment on its line: a headline, or the beginning of the body."""
    after = opening.after
    if habits.speaker_behind and not section.authors and (said := read_speaker(after)):
        section.authors, after = (Author.of(said[0]),), said[1]
    glue = GLUE.search(after) if habits.headline_glued and not opening.closed else None
    if glue:
        section.headline = after[: glue.start()]
        return [Token(Kind.TEXT, section.line, after[glue.start() :]), *tokens]
    if section.headline is None and (opening.closed or (habits.headline_behind and is_headline(after))):
        section.headline = after
        return _without_byline(tokens, section, notes)
    return [Token(Kind.TEXT, section.line, after), *tokens]


def _without_byline(tokens: list[Token], section: Section, notes: Notes) -> list[Token]:
    """Take the byline under a headline that is known."""
    said = _said(tokens)
    byline = read_byline(tokens[said[0]].text) if said else None
    if _is_signed(section) or byline is None or not (byline.sure or len(said) > 1):
        return tokens
    section.authors, section.byline = byline.authors, tokens[said[0]]
    if not byline.sure:
        _doubt_author(tokens[said[0]], notes)
    return tokens[said[0] + 1 :]


def _without_head(tokens: list[Token], habits: Habits, section: Section, notes: Notes) -> list[Token]:
    """Take headline and byline, in either order, into ``section``; give the rest."""
    if section.headline is not None:
        return _without_byline(tokens, section, notes)
    texts = _said(tokens)
    words = [tokens[place].text for place in texts[:3]]
    if not texts:
        return tokens
    bylines = [None if _is_signed(section) else read_byline(text) for text in words[:2]]
    taken = 0
    if bylines[0] and (habits.name_under or (bylines[0].prefixed and bylines[0].sure)):
        section.authors, section.byline = bylines[0].authors, tokens[texts[0]]
        return _without_headline(_without_role(tokens[texts[0] + 1 :], section, notes), section)
    if len(words) > 1 and bylines[1] and (bylines[1].sure or len(words) > 2) and len(words[0]) <= LONGEST:
        section.headline, section.authors, section.byline = words[0], bylines[1].authors, tokens[texts[1]]
        taken = 2
        if not bylines[1].sure:
            _doubt_author(tokens[texts[1]], notes)
    elif is_headline(words[0]) and not _is_twin(words) and not is_credit(words[0]):
        section.headline, taken = words[0], 1
    return tokens[texts[taken - 1] + 1 :] if taken else tokens


def _without_headline(tokens: list[Token], section: Section) -> list[Token]:
    """Take the headline that stands under names, if a text stands under it."""
    said = _said(tokens)
    if len(said) < 2 or not is_headline(tokens[said[0]].text):
        return tokens
    section.headline = tokens[said[0]].text
    return tokens[said[0] + 1 :]


def _is_signed(section: Section) -> bool:
    """Tell whether the author stands above the time or beside it: then what looks like names under it is text."""
    return section.byline is not None or bool(section.authors)


def _doubt_author(token: Token, notes: Notes) -> None:
    notes.doubt(
        "byline-guessed", f"{token.text!r} was taken for an author; if it is none, end it with a full stop", token.line
    )


def _is_twin(words: list[str]) -> bool:
    """Tell whether the first line is the first half of a doubled caption."""
    return len(words) > 1 and words[1].startswith(words[0])


def _without_role(tokens: list[Token], section: Section, notes: Notes) -> list[Token]:
    """Take the line under a name that tells the author's office and place."""
    said = _said(tokens)
    role = ROLE.fullmatch(tokens[said[0]].text) if said else None
    if role is None or len(section.authors) != 1:
        return tokens
    where = role["place"] or role["there"]
    if where:
        section.authors = (Author.of(section.authors[0].name, where),)
    notes.drop(tokens[said[0]], "role")
    return tokens[said[0] + 1 :]


def _without_signature(tokens: list[Token], section: Section) -> list[Token]:
    """Take the names that end a post: ``-ABC News' Jo Doe``, ``(Inputs from Jo Doe)``."""
    said = _said(tokens)
    line = tokens[said[-1]] if said and not section.authors else None
    signature = line and (_INPUTS.search(line.text[-150:]) or (len(said) > 1 and _SIGNATURE.match(line.text)))
    byline = read_byline(f"From {signature['names']}") if signature else None
    if line is None or not signature or byline is None or not byline.sure:
        return tokens
    section.authors, section.byline = byline.authors, line
    words = line.text[: -len(signature[0])]
    return [*tokens[: said[-1]], *([line._replace(text=words)] if words else []), *tokens[said[-1] + 1 :]]


def _said(tokens: list[Token]) -> list[int]:
    """List the places of the lines that are not blank."""
    return [place for place, token in enumerate(tokens) if token.kind is not Kind.BLANK]
