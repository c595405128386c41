"""Telling: dated updates as events, and the header of the story."""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.sources.html.claims import NO_SPAN
from publisher.sources.html.dating import choose_zone, date_all
from publisher.sources.html.joining import doubt_cut_bodies
from publisher.sources.minting import Mint
from publisher.sources.reading import Doubt, Dropped, Header, Reading, SourceError, Told
from shared.event import PostEvent
from shared.post import Post, PostFacts
from shared.text import clean_line, first_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import tzinfo

    from publisher.sources.html.claims import Span
    from publisher.sources.html.dating import Dated
    from publisher.sources.html.liveblog import LiveBlog
    from publisher.sources.html.page import Page
    from publisher.sources.html.update import Update
    from publisher.sources.options import Options

_LONGEST_DROPPED = 80


def read_updates(
    page: Page, given: list[Update], blog: LiveBlog | None, options: Options, form: str, *, span: Span = NO_SPAN
) -> Reading:
    """Make the reading of a page's updates.

    Args:
        page: the page.
        given: in its order.
        blog: what the markup says of the whole, if it has any.
        options: what a person tells.
        form: the format that the reading is of.
        span: when the page says that it began and ended, if the markup does not.

    Raises:
        SourceError: all updates are empty, or some have no time and nobody said what to do then.
    """
    doubts: list[Doubt] = []
    dropped: list[Dropped] = []
    updates = _without_twins(given, dropped, doubts)
    if not updates:
        line = blog.line if blog else None
        raise SourceError.at(page.name, line, "every post is empty; save the page from a browser, or as text")
    doubt_cut_bodies(updates, doubts)
    own = [*((blog.published, blog.modified, blog.began, blog.ended) if blog else ()), span.updated]
    zone = choose_zone(updates, own, options, doubts, language=page.language)
    first = (blog.began or blog.published) if blog else None
    first_day = options.date or (first.at(zone).date() if first else span.began)
    end = span.updated.at(zone) if span.updated else None
    dated = date_all(updates, zone, (first_day, end), options=options, name=page.name, doubts=doubts)
    mint = Mint()
    told = tuple(_tell(one, zone, mint) for one in dated)
    doubts.extend(_doubt_edits(told))
    dropped.sort(key=lambda one: one.line)
    return Reading(page.name, form, header_of(page, blog, zone), told, tuple(doubts), tuple(dropped))


def header_of(page: Page, blog: LiveBlog | None, zone: tzinfo) -> Header:
    """Make the header of what the markup says, else the page's head."""
    return Header(
        title=(blog.title if blog else None) or page.title,
        authors=blog.authors if blog else (),
        updated=blog.modified.at(zone) if blog and blog.modified else None,
        language=page.language or (blog.language if blog else None),
        url=page.url or (blog.url if blog else None),
    )


def _tell(dated: Dated, zone: tzinfo, mint: Mint) -> Told:
    """Make the event of one update. Ask oldest first: ids count from the oldest."""
    moment, update, source, precision = dated
    modified = update.modified.at(zone) if update.modified and source == "own" else None
    post = Post(
        id=mint.id(moment, update.headline or first_sentence(update.text)),
        title=update.headline,
        content_html=update.html,
        date_published=moment,
        # Clocks of two servers differ: an edit a second before its post is none.
        date_modified=modified if modified and modified > moment else None,
        image=next((image.url for image in update.images if image.url), None),
        authors=update.authors,
        tags=update.tags,
        attachments=update.attachments,
        newsreel=PostFacts(story_time=moment, images=update.images, key_event=update.key_event, pinned=update.pinned),
    )
    return Told(PostEvent(post=post), update.line, source, precision)


def _without_twins(updates: Iterable[Update], dropped: list[Dropped], doubts: list[Doubt]) -> list[Update]:
    """Leave out what says nothing, and the second of two that say the same: pages show pinned posts twice."""
    kept: dict[object, Update] = {}
    for update in updates:
        if update.empty:
            doubts.append(Doubt("empty-post", "a post says nothing: its embed was not saved; left out", update.line))
            dropped.append(Dropped(update.line or 1, str(next(iter(update.keys), "")), "empty-post"))
            continue
        text = update.text
        twin = kept.setdefault((update.published, update.clock, update.headline, text), update)
        if twin is not update:
            twin.pinned, twin.key_event = twin.pinned or update.pinned, twin.key_event or update.key_event
            words = clean_line(update.headline or text)[:_LONGEST_DROPPED]
            dropped.append(Dropped(update.line or 1, words, "duplicate"))
    return list(kept.values())


def _doubt_edits(told: Sequence[Told]) -> Iterator[Doubt]:
    """Say once that posts were edited, and that only their last versions are known."""
    edited = [one for one in told if isinstance(one.event, PostEvent) and one.event.post.date_modified]
    if edited:
        yield Doubt(
            "edited-later",
            f"of posts that were edited after they appeared ({len(edited)}), the page holds only the last versions;"
            " read earlier saves of it, too, to have the edits",
            edited[0].line,
        )
