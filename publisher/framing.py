"""Framing: events as they go out on a channel's stream, projected and encoded, once for all readers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from publisher.cache import Cache
from publisher.fanout import EncodedFrame
from publisher.render.jsonfeed import reset_document
from publisher.scene import clock_of
from shared.event import ClockEvent, DeleteEvent, PostEvent, ResetEvent, UpdateEvent
from shared.sse import encode_frame

if TYPE_CHECKING:
    from publisher.cache import Budget
    from publisher.fanout import Form
    from publisher.scene import Scene
    from shared.event import Logged, ResetReason
    from shared.post import Post


class Framing:
    """Encodes the events of one channel, as its scene shows posts."""

    def __init__(self, scene: Scene, budget: Budget) -> None:
        self._scene = scene
        self._shelf = scene.shelf
        self._projection = scene.projection
        # Readers choose the tags, so there is no end of them.
        self._resets: Cache[tuple[ResetReason, str | None], EncodedFrame] = Cache(budget)
        self._formed: Cache[tuple[ResetReason, str | None, Form], bytes] = Cache(budget)

    def frame(self, logged: Logged, was: frozenset[str] | None = None, *, was_unknown: bool = False) -> EncodedFrame:
        """Encode an event that is filed already; ``was`` are the post's tags before it."""
        position = str(logged.position)
        match logged.event:
            case PostEvent(post=post) | UpdateEvent(post=post):
                body = self.item(logged, post).to_json()
                tags = frozenset(post.tags)
                moved = logged.event.kind == "update" and was != tags
                return EncodedFrame(
                    logged.seq,
                    logged.event.kind,
                    encode_frame(logged.event.kind, body, position),
                    tags,
                    was,
                    removal=self._removal(logged, post.id) if moved else b"",
                    arrival=encode_frame("post", body, position) if moved else b"",
                    was_unknown=was_unknown,
                )
            case DeleteEvent(id=post_id, withdrawn=True):
                # What tags it had may be gone from the log by now: all are told, who never had it passes it over.
                return EncodedFrame(logged.seq, "delete", self._removal(logged, post_id), was_unknown=True)
            case DeleteEvent(id=post_id):
                return EncodedFrame(
                    logged.seq, "delete", self._removal(logged, post_id), was=was, was_unknown=was_unknown
                )
            case ResetEvent(reason=reason):
                return EncodedFrame(logged.seq, "reset", self._reset(reason, position, None))
            case ClockEvent() as clock:
                return EncodedFrame(logged.seq, "clock", encode_frame("clock", clock_of(clock).to_json(), position))

    def item(self, logged: Logged, post: Post) -> Post:
        """Give the released form of the ``post`` that an event brought: what stream and documents show of it."""
        filed = self._shelf.find(post.id)
        return self._projection.post(
            post,
            logged.position,
            first_released=filed.first_released if filed is not None else logged.released_at,
            released=logged.released_at,
            replay=self._scene.replay_at(logged.seq),
        )

    def reset(self, reason: ResetReason, tag: str | None, form: Form) -> bytes:
        """Give the ``reset`` that a reader who joins now begins with, as it goes out; one for all who join here."""
        return self._formed.made(
            (reason, tag, form),
            lambda: form.framed(self._frame(reason, tag).packed(None, gzip=form.gzip)),
            lambda data: len(data) + len(tag or ""),
        )

    def _frame(self, reason: ResetReason, tag: str | None) -> EncodedFrame:
        head = self._shelf.head
        return self._resets.made(
            (reason, tag),
            lambda: EncodedFrame(head, "reset", self._reset(reason, str(self._scene.position(head)), tag)),
            lambda frame: 2 * len(frame.body) + len(tag or ""),  # as it is, and compressed
        )

    def stale(self) -> None:
        """Forget the resets: the story has changed."""
        self._resets.clear()
        self._formed.clear()

    def tags_before(self, logged: Logged) -> frozenset[str] | None:
        """Give the tags of an event's post before it is filed; None where it brings a post, or none is out."""
        match logged.event:
            case UpdateEvent(post=post):
                filed = self._shelf.find(post.id)
            case DeleteEvent(id=post_id):
                filed = self._shelf.find(post_id)
            case _:
                return None
        return frozenset(filed.post.tags) if filed is not None and filed.post is not None else None

    def _reset(self, reason: ResetReason, position: str, tag: str | None) -> bytes:
        snapshot = self._scene.snapshot()
        if tag is not None:
            snapshot = replace(snapshot, posts=tuple(post for post in snapshot.posts if tag in post.tags))
        return encode_frame("reset", reset_document(snapshot, reason), position)

    def _removal(self, logged: Logged, post_id: str) -> bytes:
        deletion = self._projection.deletion(
            post_id, logged.event.story_time, logged.position, logged.released_at, self._scene.replay_at(logged.seq)
        )
        return encode_frame("delete", deletion.to_json(), str(logged.position))
