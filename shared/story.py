"""The story as a reader sees it, and what a reader who knows an older one has yet to be told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shared.post import Post


def differences(
    shown: Mapping[str, str], window: Sequence[Post], *, complete: bool, unplaced: Collection[str] = ()
) -> tuple[list[str], list[Post]]:
    """Tell what a reader who was shown ``shown`` has yet to be told about ``window``.

    Args:
        shown: the digest of each post by its id, in the order of first release.
        window: posts, oldest first.
        complete: the window holds the whole story.
        unplaced: ids whose place in the order is not known (an update came for a post that was never shown). Unless
            the window is complete, nothing follows from their being absent, nor from where they stand.

    Returns:
        The ids that are gone, and the posts of the window that are new or changed, both in order.
    """
    coming = {post.id for post in window}
    in_reach = list(shown)
    if not complete:
        placed = [post_id for post_id in shown if post_id not in unplaced]
        edge = next((place for place, post_id in enumerate(placed) if post_id in coming), len(placed))
        in_reach = placed[edge:]
    gone = [post_id for post_id in in_reach if post_id not in coming]
    return gone, [post for post in window if shown.get(post.id) != post.digest]
