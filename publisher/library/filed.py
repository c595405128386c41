"""What stands on a shelf: a version of a post, or its tombstone, as the library's file holds it and as kept parsed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from sys import getsizeof

from publisher.cache import Cache
from shared.post import Post

COLUMNS = "slug, first_seq, first_released, seq, released, story_time, post IS NULL, post, ordinal"
"""What ``filed_of`` reads, as the columns of a ``SELECT`` from the table of versions."""

Row = tuple[str, int, str, int, str, str, int, str | None, int]


@dataclass(frozen=True, slots=True)
class Filed:
    """A version of a post, or the tombstone of one.

    Attributes:
        slug: the post's id within its channel.
        post: the version, in story time; None on a tombstone.
        first_seq: sequence number of the event that first released it (in this take, and since its last deletion).
        first_released: when that was.
        seq: sequence number of the event that brought this version, or took the post away.
        released: when that was.
        deleted: it is a tombstone.
        story_time: of that event: when the post was made, changed or taken away in the world.
        ordinal: how many posts had been released first before this one was (in this take), from 0.
    """

    slug: str
    post: Post | None
    first_seq: int
    first_released: datetime
    seq: int
    released: datetime
    deleted: bool
    story_time: datetime
    ordinal: int


Parsed = Cache[tuple[int, int], Filed]
"""Versions, parsed, by take and event: those that were asked for or filed last, so that a window is not parsed anew."""


def kept_bytes(filed: Filed) -> int:
    """Tell about how many bytes a version takes as it is kept: parsed, and its words once more without the markup."""
    return 4_000 + 2 * getsizeof(filed.post.content_html) if filed.post is not None else 1_000


def filed_of(row: Row) -> Filed:
    """Make an entry of a row of ``COLUMNS``."""
    slug, first_seq, first_released, seq, released, story_time, deleted, post, ordinal = row
    return Filed(
        slug=slug,
        post=Post.model_validate_json(post) if post is not None else None,
        first_seq=first_seq,
        first_released=datetime.fromisoformat(first_released),
        seq=seq,
        released=datetime.fromisoformat(released),
        deleted=bool(deleted),
        story_time=datetime.fromisoformat(story_time),
        ordinal=ordinal,
    )
