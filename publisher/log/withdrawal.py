"""What a withdrawal does to the log: a post's events stay where they are, and its words go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.event import DeleteEvent, PostEvent, UpdateEvent
from shared.post import Post, PostFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from publisher.log.contract import Draft
    from shared.event import Event, Logged


def withdrawn_by(event: Event) -> str | None:
    """Tell which post an event withdraws for good; None of every other event."""
    match event:
        case DeleteEvent(id=slug, withdrawn=True):
            return slug
    return None


def key_ranges(draft: Draft) -> Iterator[tuple[str, str]]:
    """Give the ranges, ends excluded, of the keys that a withdrawn post's events have in this take and earlier ones.

    Args:
        draft: of the withdrawal; its key has the form that ``Draft`` tells of.
    """
    take, _, fact = draft.key.partition(":")
    name, _, number = take.rpartition("-")
    slug = fact.rpartition(":")[0]
    for earlier in range(1, int(number) + 1) if number.isdecimal() else ():
        yield f"{name}-{earlier}:{slug}:", f"{name}-{earlier}:{slug};"  # ";" comes next after ":"


def wordless(logged: Logged, slug: str) -> Logged:
    """Take the words out of an event of the post ``slug``: id, times and revision stay, so that it folds as before."""
    match logged.event:
        case (PostEvent(post=post) | UpdateEvent(post=post)) as event if post.id == slug:
            bare = Post(
                id=post.id,
                date_published=post.date_published,
                date_modified=post.date_modified,
                newsreel=PostFacts(story_time=post.story_time, revision=post.revision),
            )
            return replace(logged, event=event.model_copy(update={"post": bare}))
    return logged
