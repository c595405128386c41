"""Deltas: a feed cut down to what a reader lacks who has it as it stood before (RFC 3229, manipulation ``feed``)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from publisher.library.history import MOST_TOMBSTONES
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
    then = shelf.at(after)
    if shelf.releases - then.releases >= size or len(shelf.tombstones(size)) >= MOST_TOMBSTONES:
        return None  # a tombstone that was put up since may not stand any more
    had = then.window(size)
    # What was withdrawn since is forgotten, also that it stood where the oldest of these now seem to have stood.
    had = had[: len(had) - shelf.history.withdrawals(after, len(had))]
    known = {filed.seq for filed in had}
    fresh = tuple(post for post in snapshot.posts if _seq(post.newsreel.position) not in known)
    if snapshot.posts and len(fresh) == len(snapshot.posts):
        return None
    return replace(
        snapshot,
        posts=fresh,
        deleted=tuple(stone for stone in snapshot.deleted if _seq(stone.deletion.newsreel.position) > after),
        complete=False,
        older=None,
    )


def _seq(position: str | None) -> int:
    return Position.parse(position or "").seq
