"""Bylines: who wrote, and from where.

``From CNN's A, B and C in London`` · ``By A, B and C, CNN`` · ``A, B, C and D``. A place belongs to every author named
before it and after the place before: in ``A and B in Kyiv and C in London`` both A and B are in Kyiv.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from shared.post import Author

LONGEST = 400
"""Characters; no list of names is longer."""

_PREFIX = re.compile(
    r"(?:(?:analysis|opinion|report|reported|compiled|written) (?:by|from)|reporting by|by|from):? ", re.IGNORECASE
)
# The outlet and its possessive: CNN's, Reuters', the Harbour Post's.
_OUTLET = re.compile(r"(?:the )?(?:[^\s,'’]+ ){0,4}?[^\s,'’]+(?:['’]s|(?<=s)['’]) ", re.IGNORECASE)
_THING = re.compile(r"The (?!.*(?:,| and ))")  # "The Whale" is nobody's name
_AND = re.compile(r",? (?:and|&) ")
_BY_ELSEWHERE = re.compile(r"(?:Par|Von|Por|Di|Door) (?=[^\W\d_a-z])")
_AND_ELSEWHERE = re.compile(r" (?:et|und|y|e|en) (?=[^\W\d_a-z])")
_IN = re.compile(r" (?:in|at|from) (?=[^\W\d_])")
_PARTICLES = frozenset(
    ("af", "al", "ap", "bin", "bint", "da", "das", "de", "del", "della", "der", "di", "do", "dos", "du", "e", "el",
     "ibn", "la", "las", "le", "los", "of", "op", "ten", "ter", "van", "vel", "von", "y", "zu")
)  # fmt: skip
_OUTLET_WORDS = frozenset(
    ("agency", "broadcasting", "business", "chronicle", "correspondent", "courier", "daily", "desk", "editor",
     "gazette", "herald", "journal", "magazine", "media", "mail", "network", "news", "online", "post", "press", "radio",
     "reporter", "review", "service", "staff", "standard", "telegraph", "times", "today", "tribune", "tv", "wire")
)  # fmt: skip
_WORD = re.compile(r"(?:[^\W\d_]\.)+|[^\W\d_]+(?:[-'’.·][^\W\d_]+)*\.?")
_SUFFIXED = re.compile(r", (?=(?:Jr|Sr)\.?(?:,| |$)|I{2,3}\b)")
_MOST_WORDS = 9  # "Chief International Security Correspondent" and a name
_MOST_WORDS_BARE = 5
_TEAMS = {"desk", "staff", "team", "wires"}


@dataclass(frozen=True, slots=True)
class Byline:
    """The authors that a line names.

    ``prefixed`` tells that the line says so itself (``From …``, ``By …``); ``sure`` is False where it could still be
    something else.
    """

    authors: tuple[Author, ...]
    prefixed: bool = True
    sure: bool = True


@lru_cache(maxsize=10_000)
def read_byline(line: str) -> Byline | None:
    """Read a cleaned line as a byline; None if it is anything else.

    Several rooms ask this of the same lines.
    """
    if len(line) > LONGEST:
        return None
    if _BY_ELSEWHERE.match(line):
        line = _AND_ELSEWHERE.sub(" and ", _BY_ELSEWHERE.sub("By ", line))
    prefix = _PREFIX.match(line)
    if prefix is None:
        authors = () if _THING.match(line) and not _is_outlet(["", line]) else _authors(line, prefixed=False)
        return Byline(authors, prefixed=False, sure=len(authors) > 1) if authors and not _one_word(authors) else None
    rest = line[prefix.end() :]
    outlet = _OUTLET.match(rest)
    authors = _authors(rest[outlet.end() :], prefixed=True) if outlet else ()
    if authors:
        return Byline(authors)
    authors = _authors(rest, prefixed=True)
    return Byline(authors, sure=not _one_word(authors)) if authors else None


def _one_word(authors: tuple[Author, ...]) -> bool:
    return any(" " not in author.name for author in authors)


def _authors(text: str, *, prefixed: bool) -> tuple[Author, ...]:
    """Read a list of names with places; empty if any part of it is no name."""
    parts = _AND.split(_SUFFIXED.sub(" ", text))
    elements = [element for part in parts[:-1] for element in part.split(", ")]
    last = parts[-1].split(", ")
    elements += last[:1]
    tail = last[1:]
    if len(parts) == 1:  # no "and": a list without one, or a name and its outlet
        elements, tail = ([*last[:-1]], last[-1:]) if prefixed and _is_outlet(last) else (last, [])
    named: list[tuple[str, str | None]] = []
    for element in elements:
        name, _, place = _placed(element)
        if named and named[-1][1] and " " not in element and _is_place(element):  # "in Lviv, Ukraine, and Jo Doe"
            named[-1] = (named[-1][0], f"{named[-1][1]}, {element}")
        elif is_name(name, _MOST_WORDS if prefixed else _MOST_WORDS_BARE) and (not place or _is_place(place)):
            named.append((name, place or None))
        else:
            return ()
    for element in tail:  # behind the last name: the rest of its place, or the outlet
        if named and named[-1][1] and _is_place(element) and not element.isupper():
            named[-1] = (named[-1][0], f"{named[-1][1]}, {element}")
        elif not prefixed or not is_name(element):
            return ()
    return _with_places(named)


def _with_places(named: list[tuple[str, str | None]]) -> tuple[Author, ...]:
    authors: list[Author] = []
    place = None
    for name, own in reversed(named):
        place = own or place
        authors.append(Author.of(name, place))
    return tuple(reversed(authors))


def _placed(element: str) -> tuple[str, str, str]:
    match = _IN.search(element)
    return (element, "", "") if match is None else (element[: match.start()], " in ", element[match.end() :])


def _is_outlet(elements: list[str]) -> bool:
    if len(elements) < 2:
        return False
    words = elements[-1].split(" ")
    acronym = len(words[0]) > 2 and words[0].isupper()
    return acronym or len(words) == 1 or words[-1].casefold() in _OUTLET_WORDS


def is_name(text: str, most: int = _MOST_WORDS_BARE) -> bool:
    """Tell whether a text is the name of a person or a team."""
    words = text.split(" ")
    if len(words) > 1 and words[-1] in _TEAMS:
        words.pop()
    return (
        len(words) <= most
        and not words[0].islower()
        and not words[-1].islower()
        and not (words[-1].endswith(".") and len(words[-1]) > 4)  # a sentence, not "Jr." or an initial
        and all(_WORD.fullmatch(w) and (not w[0].islower() or w in _PARTICLES or _elided(w)) for w in words)
    )


def _elided(word: str) -> bool:
    return word.startswith(("d'", "d’", "l'", "l’", "al-", "el-"))


def _is_place(text: str) -> bool:
    return is_name(text.removeprefix("the "))
