"""Captions: pictures are lost in a text, their captions are not, and often stand twice. Credits come in many styles.

``(Name/Agency)`` · ``(AP Photo/Name)`` · ``[File: Name/Agency]`` · ``Photograph: Name/Agency`` ·
``Photo: AGENCY/Name`` · ``Credit: Agency/Name`` ·
``Credit...Name/Outlet`` · ``© Name / Agency`` · ``Name | Agency`` · ``Name / Outlet``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.post import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

QUOTES = tuple("\"“„«‘'")  # noqa: RUF001 real pages use all of them, and never in pairs
_STRAIGHT = str.maketrans("“”„«»‘’", '"""""\'\'')  # noqa: RUF001 as above
_LONGEST_CREDIT = 150
_LONGEST_FIRST = 300
"""Characters of a first paragraph that may be the caption of the credit under it."""

# Words that say "credit": what follows them to the end of the line is one.
_SPOKEN = re.compile(
    r"(?:(?:Credit){1,3}\.\.\.|\b(?:Photograph|Photo|Picture|Credit|Image credit|Photo credit|Foto|Bild)s?: |© ?)"
    r"(?P<credit>[^.:]{2,150})\.?$"
)
_ENCLOSED = re.compile(r"[(\[](?P<credit>[^()\[\]]{1,150})[)\]]\.?$")
_LONE = re.compile(r"(?P<person>[^|/]{4,60}) ?[|/] ?(?P<agency>[^|/]{2,40}(?:/[^|/]{2,40})?)$")
_ALT = re.compile(r"image: ?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line of a body. ``glued`` tells that no blank line parts it from the one above."""

    text: str
    glued: bool


def read_caption(paragraphs: Sequence[Paragraph], *, first: bool) -> tuple[Image | None, int]:
    """Read the caption that paragraphs begin with: alt text and caption, caption and credit, or one of them.

    Args:
        paragraphs: up to three.
        first: they are the first of the body.

    Returns:
        The image, and how many paragraphs it took; None and 1 if the first is no caption.
    """
    this, after = paragraphs[0], paragraphs[1] if len(paragraphs) > 1 else None
    alt = _ALT.match(this.text)
    words = this.text[alt.end() :] if alt else this.text
    if after is not None:
        caption, credit = part_credit(after.text)
        if credit and caption and _bare(caption) == _bare(words):
            return Image(caption=caption, credit=credit), 2
        if after.glued and after.text == words and not words.startswith(QUOTES):
            third = _lone_credit(paragraphs[2].text) if len(paragraphs) > 2 else None
            return Image(caption=words, credit=third), 3 if third else 2
        lone = _lone_credit(after.text)
        near = after.glued or alt or (first and len(paragraphs) > 2 and len(words) <= _LONGEST_FIRST)
        if lone and near and not words.startswith(QUOTES):
            return Image(caption=words, credit=lone), 2
    caption, credit = part_sure_credit(words)
    if credit:
        return Image(caption=caption or None, credit=credit), 1
    return (Image(caption=words), 1) if alt and words else (None, 1)


def is_credit(text: str) -> bool:
    """Tell whether a line is beside the news: alt text, a credit with or without its caption, all in brackets."""
    matches = _ALT.match(text) or _ENCLOSED.fullmatch(text) or _lone_credit(text) or _spoken(text)
    return matches is not None


def part_credit(text: str) -> tuple[str, str | None]:
    """Part a caption from the credit at its end; the credit is None if there is none."""
    found = _spoken(text)
    if found is None:
        found = _ENCLOSED.search(text, max(len(text) - _LONGEST_CREDIT - 3, 0))
        if found is None or (found[0][0] == "[" and "/" not in found["credit"]):
            return text, None
    return text[: found.start()].rstrip(), found["credit"].strip() or None


def part_sure_credit(text: str) -> tuple[str, str | None]:
    """Part a caption from a credit that says itself that it is one: by a word, or as ``Jo Doe/Some Agency``."""
    caption, credit = part_credit(text)
    sure = credit and (_spoken(text) or _is_person_and_agency(credit))
    return (caption, credit) if sure else (text, None)


def _spoken(text: str) -> re.Match[str] | None:
    tail = text[-_LONGEST_CREDIT - 40 :]
    if ": " not in tail and "..." not in tail and "©" not in tail:
        return None  # most texts; the expression is slow to fail
    match = _SPOKEN.search(text, len(text) - len(tail))
    return match if match and _is_names(match["credit"]) else None


def _lone_credit(text: str) -> str | None:
    """Read a line that is nothing but a credit."""
    if len(text) > _LONGEST_CREDIT:
        return None
    caption, credit = part_sure_credit(text)
    if credit and not caption:
        return credit
    match = _LONE.fullmatch(text)
    if match is None or not _is_names(match["person"]) or not _is_names(match["agency"]):
        return None
    return text if 2 <= len(match["person"].split()) <= 4 else None


def _is_names(text: str) -> bool:
    words = re.split(r"[ /|]+", text.strip())
    return all(
        word[:1].isupper() or word in {"via", "of", "for", "and", "de", "von", "van", "the"} for word in words if word
    )


def _is_person_and_agency(credit: str) -> bool:
    """Tell whether ``credit`` alone makes its line a caption: ``Jo Doe/Some Agency``, ``AP Photo/Jo Doe``."""
    person, *agencies = credit.removeprefix("File: ").split("/")
    words = person.split()
    return bool(agencies) and len(words) > 1 and all(word[:1].isupper() for word in [*words, *agencies])


def _bare(text: str) -> str:
    return text.translate(_STRAIGHT).rstrip(". ").casefold()
