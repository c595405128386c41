"""The model that shelves and saves are held against: the posts of a story as plain folding of its events gives them."""

from shared.event import DeleteEvent, PostEvent, ResetEvent, UpdateEvent


class Story:
    """Posts stand in the order of their first release."""

    def __init__(self):
        self.posts = {}

    def __len__(self):
        return len(self.posts)

    def __iter__(self):
        return iter(self.posts.values())

    def __contains__(self, post_id):
        return post_id in self.posts

    def get(self, post_id):
        return self.posts.get(post_id)

    def window(self, size):
        """List the posts that were released last, newest first."""
        return list(reversed(self.posts.values()))[:size]

    def apply(self, event):
        match event:
            case PostEvent(post=post) | UpdateEvent(post=post):
                self.posts[post.id] = post
            case DeleteEvent(id=post_id):
                self.posts.pop(post_id, None)
            case ResetEvent():
                self.posts.clear()
