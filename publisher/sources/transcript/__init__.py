"""Transcripts: live blogs saved as plain text.

text -> ``lines`` (cleaned, numbered) -> ``tokens`` (what a line is) -> a grammar (``time_first``: whose line is whose)
-> ``dating`` -> posts. Another shape of page is another grammar that gives a ``Page``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.sources.minting import Mint
from publisher.sources.reading import Doubt, Dropped, Reading, SourceError, Told
from publisher.sources.transcript import time_first
from publisher.sources.transcript.body import Body, make_body
from publisher.sources.transcript.dating import date_all, oldest_first
from publisher.sources.transcript.lines import split
from publisher.sources.transcript.tokens import tokenise
from shared.event import PostEvent
from shared.post import Post, PostFacts

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.sources.transcript.page import Page, Section

FORMAT = "transcript"


def read(text: str, name: str) -> Reading:
    """Read a live blog saved as text.

    Args:
        text: the whole file.
        name: what to call it in errors.

    Raises:
        SourceError: no post was found, or none that says when it appeared.
    """
    page = time_first.parse(tokenise(split(text, name)), name)
    bodies = _bodies(page)
    dated = date_all([section for section in page.sections if section.line in bodies], page.doubts)
    if not dated:
        raise SourceError.at(name, page.sections[0].line, "no time line has a post under it; is the file cut off?")
    ordered = oldest_first(dated, page.doubts)
    _compare(page, ordered)
    mint = Mint()
    told = tuple(_told(moment, section, bodies[section.line], mint) for moment, section in ordered)
    return Reading(
        name=name,
        format=FORMAT,
        header=page.header,
        told=told,
        doubts=tuple(sorted(page.doubts, key=lambda doubt: doubt.line or 0)),
        dropped=tuple(sorted(page.dropped, key=lambda dropped: dropped.line)),
    )


def _bodies(page: Page) -> dict[int, Body]:
    """Make the bodies by their time line's number; a time with nothing under it has none."""
    bodies: dict[int, Body] = {}
    for place, section in enumerate(page.sections):
        body = make_body(section.body)
        page.dropped.extend(body.dropped)
        if section.headline or body.html:
            bodies[section.line] = body
            if section.headline is None:
                page.doubts.append(Doubt("no-headline", f"{section.text!r} has no headline under it", section.line))
            continue
        after = page.sections[place + 1 : place + 2]
        repeated = section.byline is None and bool(after) and after[0].text == section.text
        page.dropped.append(Dropped(section.line, section.text, "repeated-stamp" if repeated else "empty-post"))
        if section.byline:
            page.dropped.append(Dropped(section.byline.line, section.byline.text, "empty-post"))
        if not repeated:
            page.doubts.append(Doubt("empty-post", f"nothing stands under {section.text!r}", section.line))
    return bodies


def _compare(page: Page, ordered: list[tuple[datetime, Section]]) -> None:
    """Hold the posts against what the page says of itself."""
    claimed, found = page.header.claimed_posts, len(ordered)
    if claimed is not None and claimed != found:
        page.doubts.append(
            Doubt("count-mismatch", f"the page claims {claimed} posts, {found} were found", page.count_line)
        )
    newest, section = ordered[-1]
    if page.header.updated is not None and page.header.updated < newest:
        page.doubts.append(
            Doubt("after-update", f"{section.text!r} is later than the page's own last update", section.line)
        )


def _told(moment: datetime, section: Section, body: Body, mint: Mint) -> Told:
    post = Post(
        id=mint.id(moment, section.headline or body.opening),
        title=section.headline,
        content_html=body.html,
        date_published=moment,
        authors=section.authors,
        newsreel=PostFacts(story_time=moment, images=tuple(body.images)),
    )
    return Told(PostEvent(post=post), section.line, "own", "second" if section.stamp.to_the_second else "minute")
