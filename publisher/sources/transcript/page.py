"""A page as a grammar understood it: whose line is whose. Nothing is dated, ordered or made HTML yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.sources.reading import TimePrecision, TimeSource
    from publisher.sources.transcript.dates import Day
    from publisher.sources.transcript.stamps import Stamp
    from publisher.sources.transcript.tokens import Token
    from shared.post import Author


@dataclass(frozen=True, slots=True)
class Opening:
    """Where a post opens.

    Attributes:
        place: of the token that opens it.
        stamp: its moment; None where the page says none.
        text: the moment as the page writes it, or the words that open the post.
        after: what the opening line says behind the moment.
        author: who the opening line names in front of it.
        label: of what kind the opening line says that the post is, in front of it.
        closed: ``after`` is a headline by its own marks.
        number: the item's number.
        above: how many tokens above ``place`` belong to the post: a byline or a headline, and what stands between.
    """

    place: int
    stamp: Stamp | None
    text: str
    after: str = ""
    author: str | None = None
    label: str | None = None
    closed: bool = False
    number: int | None = None
    above: int = 0


@dataclass(slots=True)
class Section:
    """One post's lines. ``body`` holds blank lines too: which lines stand together carries meaning.

    ``text`` is the moment as the page writes it; ``day`` that of the section line above the post; ``byline`` the line
    that ``authors`` were read from; ``closing`` tells that a notice of the end was taken out of it.
    """

    line: int
    text: str
    stamp: Stamp | None
    day: Day | None = None
    headline: str | None = None
    authors: tuple[Author, ...] = ()
    tags: tuple[str, ...] = ()
    byline: Token | None = None
    body: list[Token] = field(default_factory=list)
    opener: Token | None = None
    pinned: bool = False
    key_event: bool = False
    closing: bool = False
    lines: tuple[Token, ...] = ()
    """Every token of the section that is not furniture, for when it is left out whole."""


@dataclass(frozen=True, slots=True)
class Dated:
    """A post and its moment, with how that is known."""

    moment: datetime
    section: Section
    source: TimeSource = "own"
    precision: TimePrecision = "minute"
