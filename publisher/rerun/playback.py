"""A channel at another time: a rerun of it, or as it stood at a moment of the story. The library knows what stood."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from publisher.library import Past
from publisher.projection import Projection
from publisher.render.jsonfeed import json_feed, reset_document
from publisher.rerun.mould import Filling
from publisher.rerun.rerun import Timetable, moment_of
from publisher.scene import Scene
from publisher.when import spoken, spoken_speed
from shared.post import ReplayFacts
from shared.sse import encode_frame
from shared.wire import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from publisher.channel import Channel
    from publisher.fanout import EncodedFrame
    from publisher.library import Filed, History
    from publisher.render.snapshot import Snapshot
    from publisher.rerun.mould import Moulds
    from publisher.rerun.rerun import Axis, Rerun
    from publisher.when import When
    from shared.event import ClockState, Position, ResetReason
    from shared.post import Post

MOST_SECONDS = 300
"""Longest ``max-age`` of what is shown again: a withdrawal shall soon be felt everywhere."""


class Playback:
    """A rerun of a channel, as the channel stands: to be made anew when that has changed. Nothing is kept in it.

    Attributes:
        epoch: first part of its positions. Another one means that what was shown counts no more.
        timetable: when each event is due.
        filed: up to which event the channel was filed.
    """

    def __init__(
        self, channel: Channel, rerun: Rerun, axis: Callable[[History, timedelta | None], Axis], moulds: Moulds
    ) -> None:
        """Make it.

        Args:
            channel: of which it is a rerun.
            rerun: what its URL says.
            axis: gives the axis of a history for a ``max_gap``.
            moulds: of all reruns together.

        Raises:
            RerunError: its ``from`` cannot be found in this story.
        """
        shelf = channel.press.shelf
        self.channel = channel
        self.rerun = rerun
        self.history = shelf.history
        self.filed = shelf.head
        line = self.history.timeline()
        self.seqs = line.seqs
        first = self.history.event(line.seqs[0]).story_time if line.seqs else None
        self.timetable = Timetable(rerun, axis(self.history, rerun.max_gap), first, finished=channel.finished)
        self._zone = first.tzinfo if first is not None else None
        reset, self.withdrawal = shelf.last_reset, self.history.withdrawal()
        self.epoch = rerun.digest(
            channel.log.epoch,
            reset[0] if reset else 0,
            self.withdrawal[0] if self.withdrawal else 0,
            shelf.lost,
        )
        prefix = channel.address.tag_prefix
        self.address = replace(
            channel.address,
            query=rerun.query,
            hubs=(),
            tag_prefix=f"{prefix}/{rerun.digest('ids')}" if rerun.anew else prefix,
        )
        self._moulds = moulds
        self._filling = Filling.of(self.address, self.epoch, rerun.speed)

    def at(self, now: datetime, head: int | None = None) -> Showing:
        """Give what it shows at a moment, or how it stood after an event that was due before that."""
        return Showing(self, now, self.seq(now) if head is None else head)

    def seq(self, now: datetime) -> int:
        """Tell the newest event that is due; 0 before any is."""
        return self.seq_of(self.timetable.place(now))

    def seq_of(self, place: int) -> int:
        """Tell the sequence number of the event before a place of the timeline; 0 at its beginning."""
        return self.seqs[place - 1] if place else 0

    def moments(self, filed: Filed) -> tuple[datetime, datetime]:
        """Tell when a post and this version of it are due, but never before the channel had them."""
        released = self._moment(filed.seq, filed.released)
        first = released if filed.first_seq == filed.seq else self._moment(filed.first_seq, filed.first_released)
        return first, released

    def _moment(self, seq: int, released: datetime) -> datetime:
        stamp = self.timetable.stamp(bisect_left(self.seqs, seq))
        return released if stamp is None else max(stamp, released)

    def frames(self, after: int, upto: int) -> list[EncodedFrame]:
        """Encode the events from a place of the timeline on and before another."""
        moulds = [self._moulds.get(self.history, seq, self.channel.address) for seq in self.seqs[after:upto]]
        return [mould.frame(self._filling, self.moments(mould.filed)) for mould in moulds]

    def items(self, filed: Iterable[Filed]) -> list[bytes]:
        """Encode posts as they stand."""
        moulds = [self._moulds.get(self.history, one.seq, self.channel.address) for one in filed]
        return [mould.item(self._filling, self.moments(mould.filed)) for mould in moulds]

    def next(self, now: datetime, place: int | None = None) -> datetime | None:
        """Tell when the next event is due, None if that is not known yet, or there is none.

        Who knows the ``place`` at ``now`` may say so, here and below.
        """
        place = self.timetable.place(now) if place is None else place
        return self.timetable.moment(place) if place < len(self.timetable) else None

    def state(self, now: datetime, place: int | None = None) -> ClockState:
        """Tell what the rerun's clock does."""
        if now < self.rerun.start:
            return "paused"
        if (self.timetable.place(now) if place is None else place) < len(self.timetable):
            return "playing"
        if self.timetable.finished:
            return "ended"
        wait = self.caught_up(now)
        return "live" if wait is not None and wait <= timedelta() else "playing"

    def caught_up(self, now: datetime) -> timedelta | None:
        """Tell how long it takes until the rerun has caught up with a channel that goes on; None for never."""
        clock = self.channel.clock(now)
        if clock is None:
            return self.timetable.caught_up(now, now, 1.0)
        return self.timetable.caught_up(now, clock.story_time, clock.speed if clock.state == "playing" else 0.0)

    def clock(self, now: datetime) -> Clock:
        """Tell what the rerun's clock shows."""
        return self.clock_at(now, self.state(now))

    def clock_at(self, moment: datetime, state: ClockState) -> Clock:
        """Tell what it showed at a moment, in the story's zone."""
        story_time = self.timetable.story_time(moment) or self.channel.press.billing.began or moment
        return Clock(
            state=state,
            speed=self.rerun.speed,
            story_time=story_time.astimezone(self._zone or UTC),
            run=1,
            starts=self.rerun.start if state == "paused" else None,
        )

    def max_age(self, now: datetime) -> int | None:
        """Tell for how many seconds nothing can change what it shows; None where something may at any moment."""
        if self.channel.press.billing.mode == "replay" and not self.timetable.finished:
            return None  # its clock may be moved
        coming = self.next(now)
        if coming is None and not self.timetable.finished:
            return None
        wait = (coming - now).total_seconds() if coming is not None else MOST_SECONDS
        return int(min(wait, MOST_SECONDS))

    def join(self, position: Position | None, now: datetime) -> tuple[Literal["go-on", "reset", "over"], ResetReason]:
        """Decide how a reader who was last at ``position`` joins its stream; and why, if by a reset."""
        if position is None:
            return "reset", "start"
        head = self.seq(now)
        if position.epoch != self.epoch or position.seq > head:
            return "reset", "epoch"
        return "over" if position.seq == head and self.state(now) == "ended" else "go-on", "start"


class Showing(Scene):
    """What a rerun shows at a moment. It is a pure function of URL, log and moment."""

    def __init__(self, playback: Playback, now: datetime, head: int) -> None:
        billing = replace(playback.channel.press.billing, mode="replay")
        projection = Projection(playback.address, "shifted")
        super().__init__(playback.channel.press.shelf, billing, projection, playback.epoch)
        self._playback = playback
        self._now = now
        self._past = Past(playback.history, head)
        self.state = playback.state(now)
        self._facts = ReplayFacts(run=1, speed=playback.rerun.speed)

    @property
    def view(self) -> Past:
        """What stands by now."""
        return self._past

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

    @property
    def changed(self) -> datetime:
        """Tell when what it shows last changed."""
        newest: list[datetime] = []
        if self._past.head:
            last = self._playback.history.event(self._past.head)
            newest.append(self.moments(last)[1])
        if self._playback.withdrawal is not None:
            newest.append(self._playback.withdrawal[1])
        clock = self._playback.channel.press.clock
        if self.state == "ended" and clock is not None:
            newest.append(clock.anchor)  # the channel itself may have ended after the rerun had nothing left
        return max(newest, default=self.billing.opened)

    @property
    def clock(self) -> Clock:
        """Give the clock as it was last set: at the start, at the end, or on catching up."""
        set_at = self.changed if self.state in {"ended", "live"} else self._playback.rerun.start
        return self._playback.clock_at(set_at, self.state)

    def title(self, *, over: bool) -> str:
        """Word the title, which says that it is a rerun."""
        return f"{self.billing.title if over else self.billing.open_title} (rerun)"

    def subtitle(self, _speed: float) -> str:
        """Word the subtitle: a rerun of when, how fast, since when."""
        rerun = self._playback.rerun
        paced = f", at {spoken_speed(rerun.speed)} its speed" if rerun.speed != 1 else ""
        return f"A rerun of live coverage{self.billing.of_when}{paced}, from {spoken(rerun.start)} on."

    def json_feed(self) -> bytes:
        """Write the JSON Feed; its posts are cast in moulds."""
        return json_feed(self._bare(), self._playback.items(self._window()))

    def reset_frame(self, reason: ResetReason, tag: str | None) -> bytes:
        """Encode the ``reset`` that a reader who joins now begins with."""
        snapshot, filed = self._bare(), self._window()
        if tag is not None:
            filed = [one for one in filed if one.post is not None and tag in one.post.tags]
            snapshot = replace(snapshot, posts=tuple(one.post for one in filed if one.post is not None))
        body = reset_document(snapshot, reason, self._playback.items(filed))
        return encode_frame("reset", body, str(snapshot.position))

    def _window(self) -> list[Filed]:
        return self.view.window(self.billing.window)

    def _bare(self) -> Snapshot:
        """Give the snapshot with posts that are not projected: whoever has the items looks at nothing of theirs."""
        return _Bare(self._playback, self._now, self._past.head).snapshot()


class _Bare(Showing):
    """The same; its posts are as the library has them, which tells by whom they are."""

    def project(self, filed: Filed) -> Post | None:
        return filed.post


class AsOf(Scene):
    """A channel as it stood at a moment of the story, never later than what is out."""

    def __init__(self, channel: Channel, when: When) -> None:
        """Find the moment.

        Raises:
            RerunError: it is a percentage of a story that is not finished.
        """
        scene = channel.press.scene
        history = scene.shelf.history
        line = history.timeline()
        first = history.event(line.seqs[0]).story_time if line.seqs else scene.billing.began or scene.billing.opened
        if when.share is not None and channel.finished and line.seqs:
            moment = first + timedelta(microseconds=int((line.times[-1] - line.times[0]) * when.share))
        else:
            moment = moment_of("at", when, first)
        address = replace(
            channel.address, query=f"?at={quote(moment.isoformat(), safe=':')}", hubs=(), has_stream=False
        )
        super().__init__(scene.shelf, scene.billing, replace(scene.projection, address=address), scene.epoch)
        self._past = Past(history, line.seq_at(moment))
        self._withdrawal = history.withdrawal()
        self._over = channel.finished and bool(line.seqs) and self._past.head == line.seqs[-1]
        # Of what comes after the newest event nothing is known, so the story stands where that left it.
        newest = history.event(line.seqs[-1]).story_time if line.seqs else first
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
        replayed = "replay, " if self.billing.mode == "replay" else ""
        title = self.billing.title if self._over else self.billing.open_title
        return f"{title} ({replayed}as of {spoken(self._moment)})"

    def project(self, filed: Filed) -> Post | None:
        """Give the released form of a post; a change that the source dates later had not been made."""
        post = super().project(filed)
        if post is not None and post.date_modified is not None and filed.post is not None:
            modified = filed.post.date_modified
            if modified is not None and modified > self._moment:
                return post.model_copy(update={"date_modified": None})
        return post
