"""The replay's clock: wall-clock moments on one side, elapsed seconds of the reel on the other. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from publisher.moments import TICK

if TYPE_CHECKING:
    from datetime import datetime

    from shared.event import ClockEvent

SLOWEST = 0.1
FASTEST = 100_000.0


@dataclass(frozen=True, slots=True)
class ReplayClock:
    """A value: at the wall-clock moment ``anchor`` the reel stood at ``elapsed`` seconds.

    ``speed`` is reel seconds a second.
    Every control gives a new clock that agrees with the old one about the past: nothing ever jumps but by ``seeked``.
    """

    anchor: datetime
    elapsed: float = 0.0
    speed: float = 1.0
    playing: bool = True

    @classmethod
    def of(cls, event: ClockEvent) -> ReplayClock:
        """Give the clock that an event set."""
        return cls(event.anchor, event.elapsed, event.speed, playing=event.state == "playing")

    def at(self, now: datetime) -> float:
        """Tell the elapsed seconds that the clock shows at ``now``; never before its anchor's."""
        if not self.playing or now <= self.anchor:
            return self.elapsed
        return self.elapsed + (now - self.anchor).total_seconds() * self.speed

    def when(self, elapsed: float) -> datetime | None:
        """Tell the first moment at which the clock shows ``elapsed``; None if that is never, or later than any date."""
        if elapsed <= self.elapsed:
            return self.anchor
        if not self.playing:
            return None
        try:
            moment = self.anchor + timedelta(seconds=(elapsed - self.elapsed) / self.speed)
        except OverflowError:
            return None
        # Moments have whole microseconds. A rounded-down one would wake the conductor just before the cue is due.
        while self.at(moment) < elapsed:
            moment += TICK
        return moment

    def paused(self, now: datetime) -> ReplayClock:
        """Stop at ``now``."""
        return replace(self, anchor=now, elapsed=self.at(now), playing=False)

    def resumed(self, now: datetime) -> ReplayClock:
        """Go on from where it stands."""
        return replace(self, anchor=now, elapsed=self.at(now), playing=True)

    def at_speed(self, now: datetime, speed: float) -> ReplayClock:
        """Change the speed from ``now`` on."""
        return replace(self, anchor=now, elapsed=self.at(now), speed=speed)

    def seeked(self, now: datetime, elapsed: float) -> ReplayClock:
        """Stand at ``elapsed`` at ``now``, playing or not as before."""
        return replace(self, anchor=now, elapsed=elapsed)
