"""The header: what stands above the first post.

Title, ``By A and B, OUTLET``, ``Updated …``, ``N Posts``; the rest is furniture. A date in the title dates no post.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from publisher.sources.reading import Dropped, Header
from publisher.sources.transcript.bylines import read_byline
from publisher.sources.transcript.tokens import Kind, Token

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.sources.transcript.zones import Zone
    from shared.post import Author

_LONGEST_TITLE = 300


def read_header(tokens: list[Token], zone: Zone | None, dropped: list[Dropped]) -> tuple[Header, int | None]:
    """Read the header; what it has no field for goes to ``dropped``.

    Args:
        tokens: the lines above the first post.
        zone: of the posts, for an update stamp that names none.
        dropped: filled.

    Returns:
        The header, and the line on which the page claims its number of posts.
    """
    top = _Top(zone)
    # What stands above a line of navigation is navigation.
    start = max((place for place, token in enumerate(tokens) if token.kind is Kind.NAVIGATION), default=-1) + 1
    for place, token in enumerate(tokens):
        above = place < start and token.kind in {Kind.TEXT, Kind.NAVIGATION}
        why = "navigation" if above else top.take(token)
        if why:
            dropped.append(Dropped(token.line, token.text, why))
    header = Header(
        title=top.title,
        authors=top.authors,
        updated=top.updated,
        claimed_posts=top.count.count if top.count else None,
        language="en",  # the language in which this header's labels are written
    )
    return header, top.count.line if top.count else None


@dataclass(slots=True)
class _Top:
    """The header as far as it was read."""

    zone: Zone | None
    title: str | None = None
    authors: tuple[Author, ...] = ()
    updated: datetime | None = None
    count: Token | None = None

    def take(self, token: Token) -> str | None:
        """Take a line into the field it belongs to; tells why if it belongs to none."""
        match token.kind:
            case Kind.BLANK:
                return None
            case Kind.CONTROL:
                return "control"
            case Kind.COUNT if self.count is None:
                self.count = token
                return None
            case Kind.UPDATED | Kind.STAMP:
                return None if token.kind is Kind.UPDATED and self._take_update(token) else "page-stamp"
        return None if self._take_text(token.text) else "preamble"

    def _take_update(self, token: Token) -> bool:
        stamp = token.stamp
        if self.updated or stamp is None or stamp.flaw or not (stamp.zone or self.zone):
            return False
        self.updated = stamp.moment(self.zone)[0]
        return True

    def _take_text(self, text: str) -> bool:
        if self.authors:
            return False
        # Before the title, only a line that says "By" is the page's byline.
        byline = read_byline(text) if self.title or text.lower().startswith("by ") else None
        if byline and (byline.prefixed or byline.sure):
            self.authors = byline.authors
            return True
        if self.title is None and len(text) <= _LONGEST_TITLE:
            self.title = text
            return True
        return False
