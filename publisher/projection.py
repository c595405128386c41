"""The one projection from what the log holds to what readers get. Pure.

The log holds posts in story time, under their slugs; a released post has its ``tag:`` URI, its URL, its position, its
release facts, and the dates that the channel's ``timestamps`` setting asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

from publisher.when import spoken
from shared.text import STORY_TIME_CLASS
from shared.wire import Deletion, DeletionFacts

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.render.snapshot import Address
    from shared.event import Position
    from shared.post import Post, ReplayFacts

Timestamps = Literal["shifted", "original"]
Ids = Literal["same", "anew"]


@dataclass(frozen=True, slots=True)
class Projection:
    """How one channel shows its posts.

    ``timestamps``: ``shifted`` dates entries by their release and tells the story time in the body's last line;
    ``original`` dates them by the story. ``ids``: posts have the ``same`` in each round of a replay, or ones that are
    made ``anew``, so that readers who hide an id that they know show them again.
    """

    address: Address
    timestamps: Timestamps
    ids: Ids = "same"

    def slug(self, slug: str, replay: ReplayFacts | None) -> str:
        """Give the name of a post in ids and permalinks: its slug, with the round where ids are made anew.

        No slug has a ``~``, which a URI takes as it is (RFC 3986, section 2.3).
        """
        return f"{slug}~{replay.run}" if self.ids == "anew" and replay is not None else slug

    def post(
        self,
        post: Post,
        position: Position,
        *,
        first_released: datetime,
        released: datetime,
        replay: ReplayFacts | None,
    ) -> Post:
        """Give the released form of a post.

        Args:
            post: in story time.
            position: of the event that brought this version.
            first_released: when the post's first version was let out.
            released: when this version was let out.
            replay: round and speed at the release, None where there is no replay.
        """
        facts = post.newsreel.model_copy(
            update={
                "channel": self.address.channel,
                "position": str(position),
                "released_at": released,
                "replay": replay,
                "title_derived": None if post.title else True,
            }
        )
        changes: dict[str, object] = {
            "id": self.address.tag(self.slug(post.id, replay)),
            "url": self.address.post(self.slug(post.id, replay)),
            "title": post.heading,
            "newsreel": facts,
        }
        if replay is not None and post.revision == 1:
            changes["date_modified"] = None  # the source tells of an edit that is yet to come
        if self.timestamps == "shifted":
            changes["date_published"] = first_released
            changes["date_modified"] = released if post.revision > 1 else None
            changes["content_html"] = post.content_html + story_time_line(post.story_time)
        return post.model_copy(update=changes)

    def deletion(
        self, post_id: str, story_time: datetime, position: Position, released: datetime, replay: ReplayFacts | None
    ) -> Deletion:
        """Give the released form of a deletion."""
        return Deletion(
            id=self.address.tag(self.slug(post_id, replay)),
            newsreel=DeletionFacts(
                channel=self.address.channel,
                position=str(position),
                story_time=story_time,
                released_at=released,
                replay=replay,
            ),
        )

    def dated(self, story_time: datetime, released: datetime) -> datetime:
        """Choose between two dates of one event the one on the axis of the channel's entries."""
        return released if self.timestamps == "shifted" else story_time


def story_time_line(moment: datetime) -> str:
    """Make the last line of a replayed post: when it first appeared, in the source's own offset."""
    return (
        f'<p class="{STORY_TIME_CLASS}"><small>First published <time datetime="{escape(moment.isoformat())}">'
        f"{spoken(moment)}</time></small></p>"
    )
