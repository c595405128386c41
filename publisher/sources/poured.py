"""A whole live blog poured into one item of a feed: its posts begin at paragraphs that hold nothing but a time.

``<p><time datetime="2016-07-02T15:16:56Z">4.16pm</time></p>``, then perhaps a headline, then the body, then perhaps
``<p>Updated at <time datetime="…">4.20pm</time></p>``. Works on sanitised HTML, which has no ``div``: all stands side
by side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

import lxml.html

from shared.item import moment
from shared.post import Post, PostFacts
from shared.text import clean_line, html_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

_FEWEST = 2
"""Marks that make an item a live blog: one alone is the date line of an article."""
_UPDATED = re.compile(r"(?:last )?updated?\b", re.IGNORECASE)
_LONGEST_STAMP = 60
_HEADINGS = {"h2", "h3", "h4"}


@dataclass(slots=True)
class Piece:
    """What stands under one time mark; of what stands above the first, ``published`` is None."""

    published: datetime | None
    title: str | None = None
    updated: datetime | None = None
    html: str = ""

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing stands under the mark: no headline, no words, no picture."""
        return not self.title and "<img" not in self.html and not html_text(self.html, figures=True)

    def post(self, at: datetime) -> Post:
        """Make the post, of which the item says no id."""
        return Post(
            id="unnamed",
            title=self.title,
            content_html=self.html,
            date_published=at,
            date_modified=self.updated if self.updated != at else None,
            newsreel=PostFacts(story_time=at),
        )


@dataclass(frozen=True, slots=True)
class Poured:
    """An item taken apart: what stands above the first mark, and the posts, oldest first."""

    intro: Piece
    posts: tuple[Piece, ...]


def split(html: str, tz: tzinfo | None) -> Poured | None:
    """Split the body of an item; None if it is no live blog.

    Args:
        html: sanitised.
        tz: zone of marks that name no offset; None for UTC.
    """
    if html.count("<time") < _FEWEST:
        return None
    intro = Piece(None)
    posts: list[Piece] = []
    body = lxml.html.fragment_fromstring(html, create_parent="div")
    intro.html = escape(body.text or "", quote=False)
    for element in body:
        piece = posts[-1] if posts else intro
        published = _mark(element, tz)
        if published is not None:
            posts.append(Piece(published, html=escape(element.tail or "", quote=False)))
        elif posts and (updated := _stamp(element, tz)) is not None:
            piece.updated = updated
            piece.html += escape(element.tail or "", quote=False)
        elif posts and element.tag in _HEADINGS and not piece.title and not piece.html.strip():
            piece.title = clean_line(element.text_content()) or None
            piece.html = escape(element.tail or "", quote=False)
        else:
            piece.html += lxml.html.tostring(element, encoding="unicode")
    if len(posts) < _FEWEST:
        return None
    times = [piece.published for piece in posts if piece.published]
    if sum(a > b for a, b in pairwise(times)) >= sum(a < b for a, b in pairwise(times)):
        posts.reverse()
    return Poured(intro, tuple(posts))


def _mark(element: lxml.html.HtmlElement, tz: tzinfo | None) -> datetime | None:
    """Read a mark: an element that says nothing but a time."""
    if element.tag == "time":
        return _moment(element, tz)
    times = list(_times(element))
    if element.tag == "p" and len(times) == 1 and _words(element) == _words(times[0]):
        return _moment(times[0], tz)
    return None


def _stamp(element: lxml.html.HtmlElement, tz: tzinfo | None) -> datetime | None:
    """Read the line that tells when a post was changed."""
    words = _words(element)
    if element.tag == "p" and len(words) <= _LONGEST_STAMP and _UPDATED.match(words):
        return next((_moment(time, tz) for time in _times(element)), None)
    return None


def _times(element: lxml.html.HtmlElement) -> Iterator[lxml.html.HtmlElement]:
    return element.iter("time")


def _words(element: lxml.html.HtmlElement) -> str:
    return clean_line(str(element.text_content()))


def _moment(time: lxml.html.HtmlElement, tz: tzinfo | None) -> datetime | None:
    given = time.get("datetime") or ""
    found = moment(given)
    if found is None or tz is None:
        return found
    try:
        naive = datetime.fromisoformat(given.strip()).tzinfo is None
    except ValueError:
        return found
    return found.replace(tzinfo=tz) if naive else found
