"""A channel at another time: what a rerun of it shows, and how it stood at a moment. The library knows what stood."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from publisher.fanout import deflate, stored
from publisher.library import Past
from publisher.moments import microseconds
from publisher.projection import Projection
from publisher.render.jsonfeed import json_feed, reset_document
from publisher.rerun.playback import MOST_SECONDS
from publisher.rerun.rerun import moment_of
from publisher.scene import Scene
from publisher.when import spoken, spoken_speed
from shared.post import ReplayFacts
from shared.sse import FRAME_END, encode_frame

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.channel import Channel
    from publisher.library import Filed
    from publisher.rerun.ground import Stood
    from publisher.rerun.playback import Playback
    from publisher.when import When
    from shared.event import ResetReason
    from shared.post import Post
    from shared.wire import Clock

_ITEMS_END = b"]}" + FRAME_END
_BRIEF_BYTES = 4_096  # what is no longer is not worth compressing for one reader


class Showing(Scene):
    """What a rerun shows at a moment, in microseconds since 1970. It is a pure function of URL, log and moment.

    A ``bare`` one does not project its posts: whoever casts them in moulds asks of them only by whom they are.
    """

    def __init__(self, playback: Playback, now: int, place: int | None = None, *, bare: bool = False) -> None:
        """Make it of what a playback shows at ``now``, or of how it stood before the event at an earlier ``place``."""
        ground, timetable = playback.ground, playback.timetable
        projection = Projection(playback.address, "shifted")
        super().__init__(ground.channel.press.shelf, ground.billing, projection, playback.epoch)
        place = timetable.place(now) if place is None else place
        self.state = playback.state(now, timetable.next(place))
        self._playback = playback
        self._stood = ground.stood(playback.seq_before(place))
        self._facts = ReplayFacts(run=1, speed=playback.rerun.speed)
        self._bare = bare

    @property
    def view(self) -> Stood:
        """What stands by now."""
        return self._stood

    @property
    def take(self) -> int:
        """Tell the take: a rerun is of one only."""
        return 1

    def moments(self, filed: Filed) -> tuple[datetime, datetime]:
        """Tell when a post and its version are due."""
        return self._playback.moments(filed)

    def replay_at(self, _seq: int) -> ReplayFacts:
        """Say that it is a rerun, and how fast."""
        return self._facts

    def project(self, filed: Filed) -> Post | None:
        """Give the released form of a post."""
        return filed.post if self._bare else super().project(filed)

    @cached_property
    def changed(self) -> datetime:
        """Tell when what it shows last changed."""
        playback = self._playback
        newest: list[datetime] = []
        if self._stood.head:
            newest.append(self.moments(playback.history.event(self._stood.head))[1])
        if playback.ground.withdrawn is not None:
            newest.append(playback.ground.withdrawn)
        clock = playback.channel.press.clock
        if self.state == "ended" and clock is not None:
            newest.append(clock.anchor)  # the channel itself may have ended after the rerun had nothing left
        return max(newest, default=self.billing.opened)

    @cached_property
    def clock(self) -> Clock:
        """Give the clock as it was last set: at the start, at the end, or on catching up."""
        set_at = self.changed if self.state in {"ended", "live"} else self._playback.rerun.start
        return self._playback.clock(microseconds(set_at), self.state)

    def title(self, *, over: bool) -> str:
        """Word the title, which says that it is a rerun."""
        return f"{self.billing.title if over else self.billing.open_title} (rerun)"

    def subtitle(self, _speed: float) -> str:
        """Word the subtitle: a rerun of when, how fast, since when."""
        rerun = self._playback.rerun
        paced = f", at {spoken_speed(rerun.speed)} its speed" if rerun.speed != 1 else ""
        return f"A rerun of live coverage{self.billing.of_when}{paced}, from {spoken(rerun.start)} on."

    def json_feed(self) -> bytes:
        """Write the JSON Feed; the scene is bare."""
        return json_feed(self.snapshot(), [self._playback.item(one.seq) for one in self._window()])

    def reset_frame(self, reason: ResetReason, tag: str | None, *, gzip: bool) -> bytes:
        """Encode the ``reset`` that a reader who joins now begins with; the scene is bare."""
        snapshot, filed = self.snapshot(), self._window()
        if tag is not None:
            filed = [one for one in filed if one.post is not None and tag in one.post.tags]
            snapshot = replace(snapshot, posts=tuple(one.post for one in filed if one.post is not None))
        empty = encode_frame("reset", reset_document(snapshot, reason, ()), str(snapshot.position))
        head, end = empty.removesuffix(_ITEMS_END), _ITEMS_END
        if gzip:
            head, end = (deflate if len(head) > _BRIEF_BYTES else stored)(head), stored(end)
        items = [self._playback.item(one.seq, b"," if at else b"", gzip=gzip) for at, one in enumerate(filed)]
        return b"".join([head, *items, end])

    def _window(self) -> list[Filed]:
        return self.view.window(self.billing.window)


class AsOf(Scene):
    """A channel as it stood at a moment of the story, never later than what is out."""

    def __init__(self, channel: Channel, when: When) -> None:
        """Find the moment.

        Raises:
            RerunError: it is a percentage of a story that is not finished.
        """
        scene = channel.press.scene
        history = scene.shelf.history
        ends = history.ends()
        first = history.event(ends[0].seq).story_time if ends else scene.billing.began or scene.billing.opened
        if when.share is not None and channel.finished and ends:
            moment = first + timedelta(microseconds=int((ends[1].time - ends[0].time) * when.share))
        else:
            moment = moment_of("at", when, first)
        address = replace(
            channel.address, query=f"?at={quote(moment.isoformat(), safe=':')}", hubs=(), has_stream=False
        )
        super().__init__(scene.shelf, scene.billing, replace(scene.projection, address=address), scene.epoch)
        self._past = Past(history, history.seq_at(moment))
        self._withdrawal = history.withdrawal()
        self._over = channel.finished and ends is not None and self._past.head == ends[1].seq
        # Of what comes after the newest event nothing is known, so the story stands where that left it.
        newest = history.event(ends[1].seq).story_time if ends else first
        self._moment = min(moment, max(newest, first)) if not channel.finished else moment
        self.max_age = MOST_SECONDS if channel.finished else None

    @property
    def view(self) -> Past:
        """What stood."""
        return self._past

    @property
    def changed(self) -> datetime:
        """Tell when what it shows last changed."""
        changes = [self._past.changed, self._withdrawal[1] if self._withdrawal else None]
        return max((change for change in changes if change is not None), default=self.billing.opened)

    @property
    def clock(self) -> None:
        """Tell of no clock: it stands still."""
        return

    @property
    def over(self) -> bool:
        """Tell whether nothing followed."""
        return self._over

    def title(self, *, over: bool) -> str:  # noqa: ARG002
        """Word the title, which says as of when; as long as something followed it does not tell of the end."""
        title = self.billing.title if self._over else self.billing.open_title
        replayed = " (replay)" if self.billing.mode == "replay" else ""
        return f"{title}{replayed}, as of {spoken(self._moment)}"

    def project(self, filed: Filed) -> Post | None:
        """Give the released form of a post; a change that the source dates later had not been made."""
        post = super().project(filed)
        if post is not None and post.date_modified is not None and filed.post is not None:
            modified = filed.post.date_modified
            if modified is not None and modified > self._moment:
                return post.model_copy(update={"date_modified": None})
        return post
