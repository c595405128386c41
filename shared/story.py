"""The story: the posts of one live blog as a reader sees them now. One fold, used on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.event import DeleteEvent, PostEvent, ResetEvent, UpdateEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.event import Event
    from shared.post import Post


class Story:
    """The fold of events. Posts stand in the order of their first release.

    ``apply`` works in place: a story of 100,000 posts would not bear a copy an event.
    """

    def __init__(self, posts: Iterable[Post] = ()) -> None:
        self._posts: dict[str, Post] = {post.id: post for post in posts}

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
                return before is None or before.digest != post.digest
            case DeleteEvent(id=post_id):
                return self._posts.pop(post_id, None) is not None
            case ResetEvent():
                shown = bool(self._posts)
                self._posts.clear()
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
        coming = {post.id: post for post in window}
        changes: list[Event] = []
        if complete:
            in_reach = list(self._posts)
        else:
            known = list(self._posts)
            first = next((place for place, post_id in enumerate(known) if post_id in coming), len(known))
            in_reach = known[first:]
        for post_id in in_reach:
            if post_id not in coming:
                gone = self._posts[post_id]
                changes.append(DeleteEvent(id=post_id, story_time=gone.date_modified or gone.story_time))
        for post in window:
            before = self._posts.get(post.id)
            if before is None:
                changes.append(PostEvent(post=post))
            elif before.digest != post.digest:
                changes.append(UpdateEvent(post=post))
        return changes
