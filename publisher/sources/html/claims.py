"""What a page claims about itself: how many posts it has, that it goes on elsewhere, on which day it began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from publisher.sources.html.moments import Instant, read_instant
from publisher.sources.reading import Doubt
from publisher.sources.transcript.dates import find_days, find_url_day
from publisher.sources.transcript.furniture import doubt_of_pages
from publisher.sources.transcript.lines import Line
from publisher.sources.transcript.tokens import COUNT, Kind, says_update, tokenise

if TYPE_CHECKING:
    from datetime import date

    from publisher.sources.html.page import Page
    from publisher.sources.html.words import Words

_LONGEST = 40
_PUBLISHED = ("article:published_time", "datepublished", "date", "dc.date", "dc.date.issued", "parsely-pub-date",
              "pubdate", "publish-date")  # fmt: skip
_HEAD = 60
"""Lines at the top of a page in which its own stamps stand."""


@dataclass(frozen=True, slots=True)
class Span:
    """When a page says that it began, and when it was last updated; None where it does not."""

    began: date | None = None
    updated: Instant | None = None


NO_SPAN = Span()


def claimed_span(page: Page, words: Words) -> Span:
    """Find the day on which the page began and its last update, in its head, its own stamps, its address and title."""
    published = next((found for name in _PUBLISHED if (found := read_instant(page.meta(name)))), None)
    updated = None
    dated: date | None = None
    tokens = tokenise(Line(0, text) for text, _ in words.lines[:_HEAD])
    for token in tokens:
        stamp = token.stamp if token.kind is Kind.UPDATED and not (token.stamp and token.stamp.flaw) else None
        if stamp and stamp.day and stamp.has_clock and updated is None and says_update(token.text):
            updated = Instant(stamp.moment()[0] if stamp.zone else datetime.combine(stamp.day, stamp.clock))
        dated = dated or (stamp.day if stamp and not says_update(token.text) else None)
    heading = next((token.text for token in tokens if token.kind is Kind.TEXT), "")
    title = [day for text in (page.title or "", heading) for day in find_days(text)]
    began = published.moment.date() if published else dated or find_url_day(page.url or "") or find_url_day(page.name)
    return Span(began or next((on for day in title if day.year and (on := day.on())), None), updated)


def claimed_posts(words: Words) -> tuple[int, int | None] | None:
    """Find the first line that counts posts: the number, and the line of the source."""
    for text, line in words.lines:
        if len(text) <= _LONGEST and (match := COUNT.fullmatch(text)):
            return int(match[1].replace(",", "")), line
    return None


def compare(claimed: tuple[int, int | None] | None, found: int, doubts: list[Doubt]) -> None:
    """Doubt a count that is not that of the posts found."""
    if claimed is not None and claimed[0] != found:
        text = (
            f"the page claims {claimed[0]} posts, {found} were found; the others may load as one scrolls: save it then"
        )
        doubts.append(Doubt("count-mismatch", text, claimed[1]))


def doubt_pages(page: Page, words: Words, doubts: list[Doubt]) -> None:
    """Doubt that the page is the whole story where it says that it is one of several."""
    for text, line in words.lines:
        if len(text) <= _LONGEST and (message := doubt_of_pages(text)):
            doubts.append(Doubt("paged", message, line))
            return
    for link in page.tree.iter("link", "a"):
        if "next" in (link.get("rel") or "").lower().split() and (url := page.absolute(link.get("href"))):
            message = f"the story goes on at {url[:200]}; save that page and read it too"
            doubts.append(Doubt("paged", message, page.line(link)))
            return
