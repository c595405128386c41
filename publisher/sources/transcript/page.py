"""A page as a grammar understood it: whose line is whose. Nothing is dated, ordered or made HTML yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.sources.reading import Doubt, Dropped, Header
    from publisher.sources.transcript.stamps import Stamp
    from publisher.sources.transcript.tokens import Token
    from publisher.sources.transcript.zones import Zone
    from shared.post import Author


@dataclass(slots=True)
class Section:
    """One post's lines. ``body`` holds blank lines too: which lines stand together carries meaning.

    ``text`` is the time line as the page writes it; ``zone`` that of the other posts, where this one names none;
    ``byline`` the line that ``authors`` were read from.
    """

    line: int
    text: str
    stamp: Stamp
    zone: Zone | None = None
    headline: str | None = None
    authors: tuple[Author, ...] = ()
    byline: Token | None = None
    body: list[Token] = field(default_factory=list)


@dataclass(slots=True)
class Page:
    """A header, and the posts in the order of the page. ``count_line`` is where the page claims its count."""

    header: Header
    sections: list[Section]
    count_line: int | None
    doubts: list[Doubt]
    dropped: list[Dropped]
