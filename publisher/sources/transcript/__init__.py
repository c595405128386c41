"""Transcripts: live blogs saved as plain text.

text -> ``lines`` (cleaned, numbered) -> ``blobs`` (lost line breaks) -> ``tokens`` (what a line is) -> ``grammars``
(how posts open, by evidence) -> ``sections`` (whose line is whose) -> ``leaving`` (what is no post) -> ``dating`` ->
posts.
"""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.minting import Mint
from publisher.sources.reading import Header, Reading, Told
from publisher.sources.transcript.blobs import break_blobs
from publisher.sources.transcript.body import Body, make_body
from publisher.sources.transcript.clockwork import find_zones
from publisher.sources.transcript.clues import Clues, find_clues
from publisher.sources.transcript.dating import date_all
from publisher.sources.transcript.furniture import EVENT_MINUTE, doubt_of_pages
from publisher.sources.transcript.header import Top, declare, read_header
from publisher.sources.transcript.leaving import without_copies, without_empty, without_notices
from publisher.sources.transcript.lines import split
from publisher.sources.transcript.mail import take_mail_head
from publisher.sources.transcript.missing import fill, refuse_untimed
from publisher.sources.transcript.notes import NO_CALENDAR, Notes
from publisher.sources.transcript.order import oldest_first, trend
from publisher.sources.transcript.page import Dated, Section
from publisher.sources.transcript.sections import cut
from publisher.sources.transcript.shape import find_shape, none_of
from publisher.sources.transcript.tokens import Kind, Token, tokenise
from shared.event import PostEvent
from shared.post import FIRST_YEAR, LAST_YEAR, Post, PostFacts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from publisher.sources.options import Options
    from publisher.sources.transcript.grammars import Choice

FORMAT = "transcript"
_HEADING = re.compile(r"#{1,6} ")
_LONGEST_PAUSE = timedelta(days=7)
"""Between posts of one live blog."""


def read(text: str, name: str, options: Options) -> Reading:
    """Read a live blog saved as text.

    Args:
        text: the whole file.
        name: what to call it in errors; a day in it counts.
        options: what a person tells about it.

    Raises:
        SourceError: no post was found, or nothing tells when the posts appeared.
    """
    notes = Notes(name, options)
    tokens = take_mail_head(tokenise(break_blobs(split(text, name))))
    broken = next((token for token, after in pairwise(tokens) if token.line == after.line), None)
    if broken:
        notes.doubt("line-cut", "the line holds several posts; it was cut at their times", broken.line)
    texts = [token.text for token in tokens]
    choice = find_shape(tokens, notes)
    top, filled = _posts(tokens, choice, notes)
    sections = [section for section, _ in filled]
    bodies = {id(section): body for section, body in filled}
    zones = find_zones(sections, top, texts, notes)
    try:
        clues = find_clues(sections, top, zones, notes)
        ordered = oldest_first(_dated(sections, choice, clues, notes), notes)
    except OverflowError:
        raise notes.refusal(None, NO_CALENDAR) from None
    if ordered[0].moment.year < FIRST_YEAR or ordered[-1].moment.year > LAST_YEAR:
        raise notes.refusal(None, NO_CALENDAR)
    for box in top.boxes if options.keep_summaries else ():
        ordered.append(_boxed(box, clues.updated or ordered[-1].moment, bodies))
    ordered.sort(key=lambda one: one.moment)
    _compare(ordered, choice, top, clues.updated, notes)
    _doubt_pages(tokens, notes)
    _doubt_posts(filled, notes)
    mint = Mint()
    header = Header(
        title=_HEADING.sub("", top.title.text) if top.title else None,
        authors=top.authors,
        updated=clues.updated,
        language=zones.language,
        claimed_posts=top.count.posts if top.count else None,
    )
    told = tuple(_told(one, bodies[id(one.section)], mint) for one in ordered)
    return Reading(name, FORMAT, header, told, notes.all_doubts(), notes.all_dropped())


def _posts(tokens: list[Token], choice: Choice, notes: Notes) -> tuple[Top, list[tuple[Section, Body]]]:
    """Tell the header, and the posts with their bodies."""
    head, sections = cut(tokens, choice, notes)
    top = read_header(head, notes)
    for token in tokens:
        if token.kind is Kind.BOILERPLATE:
            declare(token, top)
    sections = without_copies(without_notices(sections, notes), notes)
    filled = without_empty(sections, [make_body(section.body) for section in sections], notes)
    if not filled:
        what = none_of(top.count) if top.count else "no time line has a post under it; is the file cut off?"
        raise notes.refusal(tokens[choice.openings[0].place].line, what)
    refuse_untimed([section for section, _ in filled], notes)
    return top, filled


def _dated(sections: Sequence[Section], choice: Choice, clues: Clues, notes: Notes) -> list[Dated]:
    """Date the posts, in the order of the page."""
    dated = date_all(sections, clues, notes)
    known = [one.moment for one in dated if one]
    way = {"newest": -1, "oldest": 1, "as-is": 1, None: trend(known) or -1}[notes.options.order]
    untimed = len(dated) - len(known)
    if notes.options.order is None and untimed > 1 and len(known) < 2 and choice.grammar.name != "numbered":
        message = "the page does not say which post is the newest; the first was taken to be"
        notes.doubt("order-guessed", f"{message}. Give --order to say otherwise", sections[0].line)
    return fill(sections, dated, way, clues, notes)


def _boxed(box: list[Token], moment: datetime, bodies: dict[int, Body]) -> Dated:
    """Make a post of a box of key points, which are written at the end."""
    section = Section(box[0].line, box[0].text, None, headline=box[0].text.rstrip(":"), body=box[1:], opener=box[0])
    bodies[id(section)] = make_body(section.body)
    return Dated(moment, section, "header", "day")


def _doubt_pages(tokens: Sequence[Token], notes: Notes) -> None:
    """Say that the page is one of several, where it says so."""
    for token in tokens:
        if token.kind is Kind.CONTROL and (message := doubt_of_pages(token.text)):
            notes.doubt_once("paged", message, token.line)


def _compare(ordered: Sequence[Dated], choice: Choice, top: Top, updated: datetime | None, notes: Notes) -> None:
    """Hold the posts against what the page says of itself."""
    found = len(ordered)
    if top.count and top.count.posts != found:
        message = f"the page claims {top.count.posts} posts, {found} were found"
        notes.doubt("count-mismatch", message, top.count.line)
    numbers = [opening.number for opening in choice.openings if opening.number]
    if len(numbers) == len(choice.openings) and min(numbers) > 1:
        message = f"the posts are numbered from {min(numbers)}; if the page has others, save these too"
        notes.doubt("numbers-mismatch", message, ordered[-1].section.line)
    for earlier, later in pairwise(ordered):
        pause = later.moment - earlier.moment
        if pause > _LONGEST_PAUSE and later.source != "interpolated" and later.precision != "day":
            message = f"{pause.days} days lie before {later.section.text!r}"
            notes.doubt(
                "long-pause", f"{message}; if the source holds several live blogs, part them", later.section.line
            )
    newest = ordered[-1]
    if updated is not None and updated < newest.moment and newest.source == "own":
        message = f"{newest.section.text!r} is later than the page's own last update"
        notes.doubt("after-update", message, newest.section.line)


def _doubt_posts(filled: Sequence[tuple[Section, Body]], notes: Notes) -> None:
    """Say which posts look damaged."""
    bare = [
        section
        for section, body in filled
        if section.headline is None and section.stamp and not EVENT_MINUTE.match(body.opening)
    ]
    if len(bare) * 2 <= len(filled) or len(filled) == 1:  # else the page has no headlines
        for section in bare:
            notes.doubt("no-headline", f"{section.text!r} has no headline under it", section.line)
    for section, body in filled:
        if body.waits:
            message = f"the post of {section.text!r} ends in a colon; if something followed, add it"
            notes.doubt("embed-lost", message, section.line)


def _told(one: Dated, body: Body, mint: Mint) -> Told:
    section = one.section
    post = Post(
        id=mint.id(one.moment, section.headline or body.opening),
        title=section.headline,
        content_html=body.html,
        date_published=one.moment,
        authors=section.authors,
        tags=section.tags,
        newsreel=PostFacts(
            story_time=one.moment, images=tuple(body.images), pinned=section.pinned, key_event=section.key_event
        ),
    )
    return Told(PostEvent(post=post), section.line, one.source, one.precision)
