"""Deltas: a feed cut down to what a reader lacks who has it as it stood before (RFC 3229, manipulation ``feed``)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.event import Position

if TYPE_CHECKING:
    from publisher.library import Shelf
    from publisher.render.snapshot import Snapshot


def delta(snapshot: Snapshot, shelf: Shelf, after: int, size: int) -> Snapshot | None:
    """Cut a channel's snapshot down to the posts that came into its window or changed, and the tombstones put up.

    The library remembers every version of every post, so what the reader has is known exactly from the number alone,
    through restarts and on every node, and nothing is kept a reader.

    Args:
        snapshot: what the shelf shows now.
        shelf: the same channel's.
        after: sequence number of the event as of which the reader has the feed.
        size: most posts that the feed shows.

    Returns:
        None where there is no such thing: the reader is ahead, the channel was reset since, so much happened that it
        would be the whole window, or a tombstone does not stand any more.
    """
    reset = shelf.last_reset
    if after > shelf.head or (reset is not None and reset[0] > after):
        return None
    had = shelf.at(after).window(size)
    buried = {filed.slug for filed in shelf.tombstones(size) if filed.seq > after}
    # What was withdrawn since is forgotten, also that the reader had it, and that so many older posts were not shown.
    unsure = len(buried - {filed.slug for filed in had})
    had = had[: len(had) - unsure]
    known = {filed.seq for filed in had}
    fresh = tuple(post for post in snapshot.posts if _seq(post.newsreel.position) not in known)
    if snapshot.posts and len(fresh) == len(snapshot.posts):
        return None
    for filed in had:
        if filed.slug not in buried and _is_gone(shelf, filed.slug):
            return None
    return replace(
        snapshot,
        posts=fresh,
        deleted=tuple(stone for stone in snapshot.deleted if _seq(stone.deletion.newsreel.position) > after),
        complete=False,
        older=None,
    )


def _is_gone(shelf: Shelf, slug: str) -> bool:
    filed = shelf.find(slug)
    return filed is None or filed.deleted


def _seq(position: str | None) -> int:
    return Position.parse(position or "").seq
