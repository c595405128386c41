"""From a post as it was released back to the post in story time: the projection, undone.

Feeds, streams and recordings of newsreel carry released posts. ``publisher.projection`` says what a release adds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from publisher.sources.reading import Header
from shared.item import each, moment
from shared.post import FIRST_YEAR, LAST_YEAR, Author, Post, PostFacts
from shared.text import STORY_TIME_CLASS, clean_language, text_html

if TYPE_CHECKING:
    from datetime import datetime

    from shared.syndication import Feed

REPLAY_LABEL = " (replay)"
"""Behind the title of a story that is replayed."""
_STORY_TIME_LINE = re.compile(rf'<p class="{STORY_TIME_CLASS}">(?:(?!</p>).)*</p>\s*\Z', re.DOTALL)


def header_of(feed: Feed, *, title_signs: bool) -> Header:
    """Give what a feed, or a stream's ``reset``, says of the story, as its source told it.

    Args:
        feed: as ``shared.syndication`` reads it.
        title_signs: an author of the title's name is nobody. So newsreel signs a story that not everybody signed.
    """
    facts, title = feed.newsreel or {}, feed.title
    given = feed.head.get("authors") or [feed.head.get("author")]  # JSON Feed 1.0 knew one
    named = (author for author in each(Author, given if isinstance(given, list) else ()) if author.name)
    return Header(
        title=(title.removesuffix(REPLAY_LABEL) or None) if title and facts.get("replay") else title,
        authors=tuple(author for author in named if not (title_signs and author.name == title)),
        updated=feed.updated or moment(facts.get("updated")),
        language=clean_language(feed.language or ""),
        url=feed.home_page_url,
    )


def in_story_time(post: Post, *, ours: bool) -> Post:
    """Give a post as its source told it. Only what a release added is taken away; the id stays a ``tag:`` URI.

    A change that was released on shifted dates is told at the speed of its replay: exact while the clock ran without a
    pause or a jump.

    Args:
        post: as ``shared.item`` reads it.
        ours: newsreel wrote the document that the post stood in.
    """
    facts = post.newsreel
    if not ours and facts.position is None:
        return post
    body = _STORY_TIME_LINE.sub("", post.content_html)
    title = None if facts.title_derived else post.title
    if title and not facts.position and body == text_html([title]):
        body = ""  # Atom and RSS, which name no position, have no entries without content
    bare = post.model_copy(
        update={
            "url": None,
            "title": None,
            "content_html": body,
            "date_published": facts.story_time,
            "date_modified": _modified(post),
            "newsreel": PostFacts(
                story_time=facts.story_time,
                revision=facts.revision,
                key_event=facts.key_event,
                pinned=facts.pinned,
                images=facts.images,
            ),
        }
    )
    # A headline that is what a title would be derived from is a derived one: Atom and RSS do not tell them apart.
    derived = bare.content_html and not facts.position and bare.heading == title
    return bare if derived else bare.model_copy(update={"title": title})


def is_shifted(post: Post) -> bool:
    """Tell whether a post's dates are those of a replay, not of the world."""
    return post.date_published != post.story_time


def _modified(post: Post) -> datetime | None:
    if post.date_modified is None or not is_shifted(post):
        return post.date_modified
    speed = post.newsreel.replay.speed if post.newsreel.replay else 1.0
    try:
        changed = post.story_time + (post.date_modified - post.date_published) * speed
    except (OverflowError, ValueError):  # a speed that nobody can play at
        return None
    return changed if FIRST_YEAR <= changed.year <= LAST_YEAR else None
