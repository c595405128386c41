"""From a post as it was released back to the post in story time: the projection, undone.

Feeds, streams and recordings of newsreel carry released posts. ``publisher.projection`` says what a release adds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.post import FIRST_YEAR, LAST_YEAR, Post, PostFacts
from shared.text import STORY_TIME_CLASS, text_html

if TYPE_CHECKING:
    from datetime import datetime

REPLAY_LABEL = " (replay)"
"""Behind the title of a story that is replayed."""
_STORY_TIME_LINE = re.compile(rf'<p class="{STORY_TIME_CLASS}">(?:(?!</p>).)*</p>\s*\Z', re.DOTALL)


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
