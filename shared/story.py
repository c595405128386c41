"""The story: the posts of one live blog as a reader sees them now. One fold, used on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.event import DeleteEvent, PostEvent, ResetEvent, UpdateEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from shared.event import Event
    from shared.post import Post


class Story:
    """The fold of events. Posts stand in the order of their first release.

    ``apply`` works in place: a story of 100,000 posts would not bear a copy an event.
    """

    def __init__(self, posts: Iterable[Post] = ()) -> None:
        self._posts: dict[str, Post] = {post.id: post for post in posts}
        self._unplaced: set[str] = set()  # updated before they were ever shown: they lie somewhere below

    def __len__(self) -> int:
        return len(self._posts)

    def __iter__(self) -> Iterator[Post]:
        return iter(self._posts.values())

    def __contains__(self, post_id: object) -> bool:
        return post_id in self._posts

    def get(self, post_id: str) -> Post | None:
        """Find a post by its id."""
        return self._posts.get(post_id)

    def window(self, size: int) -> list[Post]:
        """List the ``size`` posts that were released last, newest first."""
        return list(reversed(self._posts.values()))[:size]

    def apply(self, event: Event) -> bool:
        """Fold one event in. True if a reader now sees something else than before."""
        match event:
            case PostEvent(post=post) | UpdateEvent(post=post):
                before = self._posts.get(post.id)
                self._posts[post.id] = post
                if before is None and isinstance(event, UpdateEvent):
                    self._unplaced.add(post.id)
                return before is None or before.digest != post.digest
            case DeleteEvent(id=post_id):
                self._unplaced.discard(post_id)
                return self._posts.pop(post_id, None) is not None
            case ResetEvent():
                shown = bool(self._posts)
                self._posts.clear()
                self._unplaced.clear()
                return shown
            case _:
                return False

    def changes_to(self, window: Sequence[Post], *, complete: bool) -> list[Event]:
        """List the events that lead from this story to one whose newest posts are ``window``.

        Args:
            window: posts, oldest first, as a snapshot gives them.
            complete: the window holds the whole story, so what it does not hold is deleted. Otherwise only posts
                younger than the oldest post of the window that is known here are: the others may lie below the window.
        """
        gone, fresh = differences(
            {post.id: post.digest for post in self}, window, complete=complete, unplaced=self._unplaced
        )
        changes: list[Event] = []
        for post_id in gone:
            post = self._posts[post_id]
            changes.append(DeleteEvent(id=post_id, story_time=post.date_modified or post.story_time))
        changes += (UpdateEvent(post=post) if post.id in self else PostEvent(post=post) for post in fresh)
        return changes


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
