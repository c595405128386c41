"""What a page claims about itself: how many posts it has, and that it goes on elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from publisher.sources.reading import Doubt

if TYPE_CHECKING:
    from publisher.sources.html.page import Page
    from publisher.sources.html.words import Words

_COUNT = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,6}) (?:posts?|updates?|entries)", re.IGNORECASE)
_PAGES = re.compile(r"page ([0-9]{1,5}) (?:of|/) ([0-9]{1,5})", re.IGNORECASE)
_LONGEST = 40


def claimed_posts(words: Words) -> tuple[int, int | None] | None:
    """Find the first line that counts posts: the number, and the line of the source."""
    for text, line in words.lines:
        if len(text) <= _LONGEST and (match := _COUNT.fullmatch(text)):
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
        if len(text) <= _LONGEST and (match := _PAGES.fullmatch(text)) and match[2] != "1":
            message = f"this is page {match[1]} of {match[2]}; save the others and read them too"
            doubts.append(Doubt("paged", message, line))
            return
    for link in page.tree.iter("link", "a"):
        if "next" in (link.get("rel") or "").lower().split() and (url := page.absolute(link.get("href"))):
            message = f"the story goes on at {url[:200]}; save that page and read it too"
            doubts.append(Doubt("paged", message, page.line(link)))
            return
