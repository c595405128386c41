"""A show: one rerun that is watched, and those who watch it. Nobody who watches has a task or a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from publisher.cache import Cache
from publisher.rerun.showing import Showing
from shared.sse import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from publisher.fanout import Form, Outlet, Sieve
    from publisher.rerun.playback import Playback
    from shared.event import ClockState, Position, ResetReason

Why = Literal["left", "stalled", "moved", "life", "drain", "end"]
"""Why a viewer is gone: it left by itself, or was closed; ``moved``: its rerun begins at no place of the story now."""
Given = Cache[tuple[object, ...], tuple[bytes, int]]
"""What viewers were given last, of all shows: bytes and the place after them, by all that they depend on."""


class Stage(Protocol):
    """Where viewers are looked after: the reruns, seen from here."""

    def bring(self, viewer: Viewer) -> None:
        """Give a viewer in its turn what it lacks."""
        ...

    def leave(self, viewer: Viewer, why: Why) -> None:
        """Forget a viewer."""
        ...


class Viewer:
    """Who watches a show. It was given everything before the ``place`` of the playback ``epoch``.

    Attributes:
        owed: bytes that it is given before anything else.
        reason: why it begins with a reset, if it does.
        told: what it was last told that the clock does; None if it is still to be told.
        waits: it is to be given something, in its turn.
        expires: moment of the loop's clock at which its connection has lived long enough.
        stage: by whom it is looked after, None once it is gone.
        released: called once when it is gone.
    """

    __slots__ = (
        "epoch", "expires", "outlet", "owed", "place", "reason", "released", "show", "sieve", "stage", "told", "waits",
    )  # fmt: skip

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
        self.owed = b""
        self.epoch = ""
        self.place = 0
        self.told: ClockState | None = None
        self.waits = False
        self.stage: Stage | None = None
        self.expires = float("inf")

    def go_on(self, position: Position, told: ClockState | None) -> None:
        """Have it begin after a position instead of with a reset."""
        self.epoch, self.place, self.told = position.epoch, self.show.playback.place_of(position.seq), told

    def room(self) -> None:
        """Be given more: the connection takes it."""
        if self.stage is not None:
            self.stage.bring(self)

    def gone(self, why: Why = "left") -> None:
        """Be forgotten: the connection is closed, or is to be."""
        if self.stage is not None:
            self.stage.leave(self, why)


class Show:
    """One rerun that is watched. Moments are told in microseconds since 1970.

    Attributes:
        place: of the event that comes next; all before it is due to those who watch.
        coming: when that is due; None if there is none, or none yet.
        state: what the clock does.
        viewers: all who watch.
    """

    __slots__ = ("_given", "coming", "place", "playback", "state", "viewers")

    def __init__(self, playback: Playback, now: int, given: Given) -> None:
        self._given = given
        self.viewers: set[Viewer] = set()
        self.begin(playback, now)

    def begin(self, playback: Playback, now: int) -> None:
        """Show a playback, of which nobody was given anything."""
        self.playback = playback
        self.place = 0
        self.advance(now)

    def advance(self, now: int) -> int | None:
        """Stand where it stands now, and tell when to look again; None if the channel will tell.

        It never goes back; the machine's clock may.
        """
        playback, timetable = self.playback, self.playback.timetable
        self.place = max(self.place, timetable.place(now))
        self.coming = timetable.next(self.place)
        self.state: ClockState = playback.state(now, self.coming)
        return playback.wake(now, self.state, self.coming)

    def give(self, viewer: Viewer, now: int) -> bool:
        """Give a viewer one piece of what it lacks; tell whether it takes and lacks more."""
        outlet, playback = viewer.outlet, self.playback
        if not outlet.ready():
            return False
        data, viewer.owed = viewer.owed, b""
        if viewer.epoch != playback.epoch:
            # Body and place are taken in one step: what is due while the body is on its way comes after it.
            data += self._reset(viewer, now)
            viewer.epoch, viewer.place, viewer.told = playback.epoch, self.place, None
        elif viewer.place < self.place:
            piece, viewer.place = self._piece(viewer)
            data = data + piece if data else piece
        if viewer.told != self.state and viewer.place >= self.place:
            viewer.told = self.state
            data += outlet.form.briefly(encode_frame("clock", playback.clock(now, self.state).to_json()))
        return (not data or outlet.send(data)) and viewer.place < self.place

    def _piece(self, viewer: Viewer) -> tuple[bytes, int]:
        """Give what comes next for a viewer, and the place after it."""
        after, upto, sieve, form = viewer.place, self.place, viewer.sieve, viewer.outlet.form
        if len(self.viewers) == 1:
            return self._encoded(after, upto, sieve, form)
        key = self.playback.epoch, after, upto, sieve, form
        return self._given.made(key, lambda: self._encoded(after, upto, sieve, form), _size)

    def _encoded(self, after: int, upto: int, sieve: Sieve | None, form: Form) -> tuple[bytes, int]:
        text, place = self.playback.frames(after, upto, sieve, gzip=form.gzip)
        return form.framed(text), place

    def _reset(self, viewer: Viewer, now: int) -> bytes:
        tag, form = viewer.sieve.tag if viewer.sieve else None, viewer.outlet.form

        def made() -> tuple[bytes, int]:
            showing = Showing(self.playback, now, self.place, bare=True)
            return form.framed(showing.reset_frame(viewer.reason, tag, gzip=form.gzip)), self.place

        key = self.playback.epoch, self.playback.ground.billing, self.place, self.state, viewer.reason, tag, form
        return self._given.made(key, made, _size)[0]


def _size(piece: tuple[bytes, int]) -> int:
    return len(piece[0]) + 500
