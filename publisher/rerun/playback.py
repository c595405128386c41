"""A rerun of a channel, as the channel stands: what is due when, and what is sent of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from copy import copy
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Literal

from publisher.moments import microseconds, moment_at
from publisher.rerun.mould import written
from publisher.rerun.timetable import Timetable
from shared.wire import Clock

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.axis import Axis
    from publisher.fanout import Sieve
    from publisher.library import Filed
    from publisher.rerun.ground import Ground
    from publisher.rerun.mould import Mould, Moulds, Values
    from publisher.rerun.rerun import Rerun
    from shared.event import ClockState, Position, ResetReason

MOST_SECONDS = 300
"""Longest ``max-age`` of what is shown again: a withdrawal shall soon be felt everywhere."""
PIECE_BYTES = 64 * 1024
"""Bytes of events that go out in one write."""
LOOK_AGAIN = 1_000
"""Shortest time, in microseconds, to the next look at whether a rerun has caught up."""
AT_ONCE = 100
"""Most events that are encoded without a pause: 10 ms if none of them has been before."""


class Playback:
    """A rerun of a channel, as the channel stands: to be made anew when that has changed. Nothing is kept in it.

    Moments are told in microseconds since 1970, events by their places on the timeline, from 0.

    Attributes:
        epoch: first part of its positions. Another one means that what was shown counts no more.
        timetable: when each event is due.
        seqs: sequence numbers of the events.
    """

    def __init__(self, ground: Ground, rerun: Rerun, axis: Axis, moulds: Moulds) -> None:
        """Make it.

        Args:
            ground: what it plays.
            rerun: what its URL says.
            axis: of the ground's timeline, with the rerun's ``max_gap``.
            moulds: of all reruns together.

        Raises:
            RerunError: its ``from`` cannot be found in this story.
        """
        channel = ground.channel
        self.ground = ground
        self.channel = channel
        self.rerun = rerun
        self.history = ground.history
        self.seqs = ground.line.seqs
        self.timetable = Timetable(rerun, axis, ground.first, finished=ground.finished)
        self.epoch = rerun.digest(*ground.facts)
        prefix = channel.address.tag_prefix
        self.address = replace(
            channel.address,
            query=rerun.query,
            hubs=(),
            tag_prefix=f"{prefix}/{rerun.digest('ids')}" if rerun.anew else prefix,
        )
        self._moulds = moulds
        self._filling = (
            self.address.query.encode(),
            self.address.tag_prefix.encode(),
            self.epoch.encode(),
            str(rerun.speed).encode(),
        )

    def renewed(self, ground: Ground, axis: Axis) -> Playback:
        """Give the same as its channel stands now, with another epoch if what was shown counts no more.

        Raises:
            RerunError: as when it was made.
        """
        if ground.facts != self.ground.facts:
            return Playback(ground, self.rerun, axis, self._moulds)
        playback = copy(self)
        playback.ground = ground
        playback.timetable = Timetable(self.rerun, axis, ground.first, finished=ground.finished)
        return playback

    # When.

    def place_of(self, seq: int) -> int:
        """Tell the place of the first event after a sequence number."""
        return bisect_right(self.seqs, seq)

    def seq_before(self, place: int) -> int:
        """Tell the sequence number of the event before a place; 0 at the beginning."""
        return self.seqs[place - 1] if place else 0

    def moments(self, filed: Filed) -> tuple[datetime, datetime]:
        """Tell when a post and this version of it are due, but never before the channel had them."""
        released = self._moment(filed.seq, microseconds(filed.released))
        if filed.first_seq != filed.seq:
            first = self._moment(filed.first_seq, microseconds(filed.first_released))
        else:
            first = released
        return moment_at(first), moment_at(released)

    def _moment(self, seq: int, released: int) -> int:
        return max(self.timetable.stamp(bisect_left(self.seqs, seq)), released)

    def state(self, now: int, coming: int | None) -> ClockState:
        """Tell what the rerun's clock does while the next event is the one due at ``coming``, or there is none."""
        if now < self.timetable.start:
            return "paused"
        if coming is not None:
            return "playing"
        if self.timetable.finished:
            return "ended"
        wait = self.caught_up(now)
        return "live" if wait is not None and wait <= 0 else "playing"

    def caught_up(self, now: int) -> float | None:
        """Tell in how many microseconds the rerun has caught up with a channel that goes on; None for never."""
        clock = self.channel.clock(moment_at(now))
        if clock is None:
            return self.timetable.caught_up(now, now, 1.0)
        rate = clock.speed if clock.state == "playing" else 0.0
        return self.timetable.caught_up(now, microseconds(clock.story_time), rate)

    def wake(self, now: int, state: ClockState, coming: int | None) -> int | None:
        """Tell when its state or what it shows will be another; None if only the channel can tell."""
        if state == "paused":
            return self.timetable.start
        if coming is not None or state != "playing":
            return coming
        wait = self.caught_up(now)
        return now + max(int(wait), LOOK_AGAIN) if wait is not None else None

    def clock(self, moment: int, state: ClockState) -> Clock:
        """Tell what the rerun's clock showed at a moment, in the story's zone."""
        time, first = self.timetable.story_time(moment), self.ground.first
        story_time = moment_at(time) if time is not None else self.channel.press.billing.began
        return Clock(
            state=state,
            speed=self.rerun.speed,
            story_time=(story_time or moment_at(moment)).astimezone(first.tzinfo if first else UTC),
            run=1,
            starts=self.rerun.start if state == "paused" else None,
        )

    def max_age(self, now: int) -> int | None:
        """Tell for how many seconds nothing can change what it shows; None where something may at any moment."""
        if self.channel.press.billing.mode == "replay" and not self.timetable.finished:
            return None  # its clock may be moved
        coming = self.timetable.next(self.timetable.place(now))
        if coming is None:
            return MOST_SECONDS if self.timetable.finished else None
        return min((coming - now) // 1_000_000, MOST_SECONDS)

    def join(self, position: Position | None, now: int) -> tuple[Literal["go-on", "reset", "over"], ResetReason]:
        """Decide how a reader who was last at ``position`` joins its stream; and why, if by a reset."""
        if position is None:
            return "reset", "start"
        place = self.timetable.place(now)
        head = self.seq_before(place)
        if position.epoch != self.epoch or position.seq > head:
            return "reset", "epoch"
        over = position.seq == head and self.state(now, self.timetable.next(place)) == "ended"
        return "over" if over else "go-on", "start"

    # What.

    def frames(self, after: int, upto: int, sieve: Sieve | None, *, gzip: bool) -> tuple[bytes, int]:
        """Encode the events from one place on and before another, as many as hold ``PIECE_BYTES``.

        Returns:
            What a reader with this sieve gets of them, and the place of the event after them.
        """
        texts: list[bytes] = []
        size, place = 0, after
        while place < upto and size < PIECE_BYTES and place - after < AT_ONCE:
            mould = self._mould(self.seqs[place])
            text = mould.frame(self._values(mould, place), sieve, gzip=gzip)
            texts.append(text)
            size += len(text)
            place += 1
        return b"".join(texts), place

    def item(self, seq: int, lead: bytes = b"", *, gzip: bool = False) -> bytes:
        """Encode the post that an event brought."""
        mould = self._mould(seq)
        return mould.item(self._values(mould, bisect_left(self.seqs, seq)), lead, gzip=gzip)

    def _mould(self, seq: int) -> Mould:
        return self._moulds.get(self.history, seq, self.channel.address)

    def _values(self, mould: Mould, place: int) -> Values:
        released = written(max(self.timetable.stamp(place), mould.released))
        if mould.first_seq == mould.seq:
            return (*self._filling, released, released)
        return (*self._filling, written(self._moment(mould.first_seq, mould.first_released)), released)
