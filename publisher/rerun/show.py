"""A show: one rerun that is watched, and those who watch it. Nobody who watches has a task or a queue."""

from __future__ import annotations

import random
import time
from bisect import bisect_right
from typing import TYPE_CHECKING, Protocol

from publisher.fanout import RETRY_MS, SLOW_SECONDS
from shared.sse import HEARTBEAT, encode_comment, encode_frame, encode_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from publisher.fanout import EncodedFrame, Form, Outlet, Sieve
    from publisher.rerun.playback import Playback
    from shared.event import ClockState, Position, ResetReason

AT_ONCE = 100
"""Most events of one rerun that are encoded without a pause, about 10 ms."""
PIECE_BYTES = 64 * 1024
"""Bytes of events given to a viewer who is behind before others have their turn."""


class Stage(Protocol):
    """Where viewers are looked after: the reruns, seen from here."""

    def bring(self, viewer: Viewer) -> None:
        """Give a viewer in its turn what it lacks."""
        ...

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        ...


class Viewer:
    """Who watches a show. It was given everything up to the event ``cursor`` of the playback ``epoch``.

    Attributes:
        reason: why it begins with a reset, if it does.
        expires: moment of the loop's clock at which its connection has lived long enough.
        told: what it was last told that the clock does; None if it is still to be told.
        stage: by whom it is looked after, None once it is gone.
        released: called once when it is gone.
    """

    __slots__ = ("cursor", "epoch", "expires", "outlet", "reason", "released", "show", "sieve", "stage", "told")

    def __init__(
        self,
        show: Show,
        outlet: Outlet,
        sieve: Sieve | None,
        reason: ResetReason,
        released: Callable[[], None] | None = None,
    ) -> None:
        self.show = show
        self.outlet = outlet
        self.sieve = sieve
        self.reason = reason
        self.released = released
        self.epoch = ""
        self.cursor = 0
        self.told: ClockState | None = None
        self.stage: Stage | None = None
        self.expires = float("inf")

    def go_on(self, position: Position, told: ClockState | None) -> None:
        """Have it begin after a position instead of with a reset."""
        self.epoch, self.cursor, self.told = position.epoch, position.seq, told

    def room(self) -> None:
        """Be given more: the connection takes it."""
        if self.stage is not None:
            self.stage.bring(self)

    def gone(self) -> None:
        """Be forgotten: the connection is closed."""
        if self.stage is not None:
            self.stage.leave(self)


class Show:
    """One rerun that is watched: its viewers, and how far they have been brought.

    Attributes:
        head: sequence number of the event up to which those who attend were given everything.
        viewers: all who watch.
    """

    def __init__(self, playback: Playback, now: datetime) -> None:
        self.playback = playback
        self.head = playback.seq(now)
        self.viewers: set[Viewer] = set()
        self.state = playback.state(now)
        self._attending: dict[tuple[Sieve | None, Form], set[Viewer]] = {}

    @property
    def place(self) -> int:
        """Tell the place of the next event on the timeline."""
        return bisect_right(self.playback.seqs, self.head)

    # Those who stand at the head.

    def advance(self, now: datetime) -> bool:
        """Broadcast what has fallen due since; tell whether more has than was taken at once."""
        playback = self.playback
        place, due = self.place, playback.timetable.place(now)
        upto = min(due, place + AT_ONCE)
        frames = playback.frames(place, upto) if upto > place else []
        self.head = frames[-1].seq if frames else self.head
        more = upto < due
        state = self.state if more else playback.state(now, due)
        told = self._clock(now) if state != self.state else b""
        self.state = state
        if frames or told:
            self._broadcast(frames, told)
        return more

    def begin_anew(self, playback: Playback, reason: ResetReason, now: datetime) -> None:
        """Go on with another playback, of which those who watch know nothing."""
        self.playback = playback
        self.head, self.state = playback.seq(now), playback.state(now)
        attending = [viewer for viewers in self._attending.values() for viewer in viewers]
        self._attending.clear()
        for viewer in self.viewers:
            if viewer.epoch:
                viewer.reason = reason
        for viewer in attending:
            viewer.room()

    def _broadcast(self, frames: Sequence[EncodedFrame], last: bytes = b"") -> None:
        for (sieve, form), viewers in list(self._attending.items()):
            data = form.framed(b"".join(frame.packed(sieve, gzip=form.gzip) for frame in frames)) + form.of(last)
            for viewer in list(viewers):
                viewer.cursor, viewer.told = self.head, self.state
                if data and not viewer.outlet.send(data):
                    self.leave(viewer)

    def leave(self, viewer: Viewer) -> None:
        """Have it attend no longer."""
        key = (viewer.sieve, viewer.outlet.form)
        attending = self._attending.get(key)
        if attending is not None:
            attending.discard(viewer)
            if not attending:
                del self._attending[key]

    # Those who do not.

    def give(self, viewer: Viewer, now: datetime) -> bool:
        """Give a viewer one piece of what it lacks; tell whether it takes and lacks more. At the head it attends."""
        form = viewer.outlet.form
        if not viewer.outlet.ready():
            return False
        if viewer.epoch != self.playback.epoch:
            # Body and cursor are taken in one step, at the head of those who attend: what comes next for them does too.
            tag = viewer.sieve.tag if viewer.sieve else None
            data = form.of(self.playback.at(now, self.head).reset_frame(viewer.reason, tag))
            viewer.epoch, viewer.cursor, viewer.told = self.playback.epoch, self.head, None
            return viewer.outlet.send(data)
        if viewer.cursor > self.head:  # what it read in a document has not been brought to the others yet
            self.advance(now)
            return True
        if viewer.cursor < self.head:
            text = bytearray()
            place = bisect_right(self.playback.seqs, viewer.cursor)
            for frame in self.playback.frames(place, min(self.place, place + AT_ONCE)):
                viewer.cursor = frame.seq
                text += frame.through(viewer.sieve)
                if len(text) >= PIECE_BYTES:
                    break
            return not text or viewer.outlet.send(form.of(bytes(text)))
        if viewer.told != self.state:
            viewer.told = self.state
            if not viewer.outlet.send(form.of(self._clock(now))):
                return False
        self._attending.setdefault((viewer.sieve, form), set()).add(viewer)
        return False

    def _clock(self, now: datetime) -> bytes:
        return encode_frame("clock", self.playback.clock(now).to_json())

    # Now and then.

    def heartbeat(self) -> None:
        """Write a comment to all who attend, so that proxies keep and clients trust the connection."""
        self._broadcast((), HEARTBEAT)

    def sweep(self) -> None:
        """Let go of those who refuse for too long, or have watched long enough."""
        now = time.monotonic()
        for viewer in list(self.viewers):
            if not viewer.outlet.ready():
                if now - viewer.outlet.refused_since > SLOW_SECONDS:
                    viewer.outlet.abort()
            elif viewer.expires < now:
                self.dismiss(viewer, "life")

    def dismiss(self, viewer: Viewer, why: str) -> None:
        """End a viewer's stream, saying when to come back: spread over a while, not all at once."""
        viewer.gone()
        viewer.outlet.end(encode_comment(f"closed: {why}") + encode_retry(RETRY_MS + random.randrange(RETRY_MS)))  # noqa: S311
