"""Reruns: a private replay as a pure function of the request's URL, of what is out, and of the moment.

A rerun plays a channel's events in log order by their effective story times (``publisher.library.history``). All is
reckoned in whole microseconds and exact fractions, so that feed, stream and page of the same URL agree on each event.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import quote

from publisher.when import When, WhenError, parse_duration, parse_speed
from shared.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
DEFAULT_SPEED = 60.0
"""Story seconds a second where the URL does not say, as the command's."""
PARAMETERS = ("rerun", "speed", "from", "max_gap", "ids")
"""The parameters of a rerun's URL."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A "+" in a query means a space to most who write one: 2026-02-01T05:00+01:00, +10m.
_SPACED_ZONE = re.compile(r" (?=\d\d:?\d\d$)", re.ASCII)
_LONGEST = 80
_START = "write the moment at which it begins, such as 2026-02-01T20:00Z"


class RerunError(UsageError):
    """The parameters make no rerun, or no moment of the story."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """What a rerun's URL says.

    Attributes:
        start: the wall-clock moment at which it begins; in UTC.
        speed: story seconds a second.
        begin: where in the story; everything earlier is out at once. None: at its beginning.
        begin_text: the same as it was written.
        max_gap: silences longer than this are shortened to it, in story time. None: none is.
        anew: its entries have ids of their own.
    """

    start: datetime
    speed: float = DEFAULT_SPEED
    begin: When | None = None
    begin_text: str = ""
    max_gap: timedelta | None = None
    anew: bool = False

    @classmethod
    def parse(cls, query: Mapping[str, str], now: datetime) -> Rerun | None:
        """Read the parameters of a URL; None if there are none. ``rerun=now`` begins at ``now``, in whole seconds.

        Raises:
            RerunError: one of them cannot be read; the message names it and says how to write it.
        """
        given = [name for name in PARAMETERS if name in query]
        if not given:
            return None
        if "rerun" not in given:
            raise RerunError(f"{given[0]}: belongs to a rerun; add rerun=START: {_START}")
        ids = query.get("ids", "same")
        if ids not in {"same", "anew"}:
            raise RerunError(f"ids: {ids[:40]!r} is neither same nor anew")
        begin = _repaired(query.get("from", ""))
        return cls(
            start=_start(query["rerun"], now),
            speed=_read("speed", parse_speed, query["speed"]) if "speed" in query else DEFAULT_SPEED,
            begin=_read("from", When.parse, begin) if "from" in query else None,
            begin_text=begin,
            max_gap=_read("max_gap", parse_duration, query["max_gap"]) if "max_gap" in query else None,
            anew=ids == "anew",
        )

    @property
    def query(self) -> str:
        """Write the parameters as a URL has them, in one form, from the question mark on."""
        parts = [f"rerun={_iso(self.start)}", f"speed={repr(self.speed).removesuffix('.0')}"]
        if self.begin is not None:
            parts.append(f"from={quote(self.begin_text, safe=':')}")
        if self.max_gap is not None:
            parts.append(f"max_gap={repr(self.max_gap.total_seconds()).removesuffix('.0')}s")
        return "?" + "&".join(parts) + ("&ids=anew" if self.anew else "")

    def digest(self, *facts: object) -> str:
        """Name the rerun, and what else its positions depend on, in 12 characters of 0-9a-f."""
        return hashlib.sha256("\n".join([self.query, *map(str, facts)]).encode()).hexdigest()[:12]


class Axis:
    """The elapsed microseconds of a timeline's events, its silences shortened. Grows as the timeline does.

    Args:
        times: effective story times in microseconds, never falling; may be appended to.
        max_gap: silences longer than this are shortened to it. None: none is.
    """

    def __init__(self, times: array[int], max_gap: timedelta | None) -> None:
        self.times = times
        self.max_gap = None if max_gap is None else max_gap // _MICROSECOND
        self.elapsed: array[int] = array("q")

    def grown(self) -> Axis:
        """Reckon what was appended to the timeline since."""
        times, elapsed, cap = self.times, self.elapsed, self.max_gap
        for place in range(len(elapsed), len(times)):
            gap = times[place] - times[place - 1] if place else 0
            elapsed.append((elapsed[-1] if elapsed else 0) + (gap if cap is None else min(gap, cap)))
        return self

    def elapsed_at(self, time: int) -> int:
        """Tell where a story time stands on the axis; shortened silences are spread evenly, ends are held."""
        place = bisect_right(self.times, time, hi=len(self.elapsed))
        if place == 0:
            return 0
        if place == len(self.elapsed):
            return self.elapsed[-1]
        before, after = self.times[place - 1], self.times[place]
        return self.elapsed[place - 1] + (time - before) * (self.elapsed[place] - self.elapsed[place - 1]) // (
            after - before
        )

    def time_at(self, elapsed: int) -> int:
        """Tell what story time stands at a place of the axis, which has events; ends are held."""
        place = bisect_right(self.elapsed, elapsed)
        if place == 0:
            return self.times[0]
        if place == len(self.elapsed):
            return self.times[place - 1]
        before, after = self.elapsed[place - 1], self.elapsed[place]
        return self.times[place - 1] + (elapsed - before) * (self.times[place] - self.times[place - 1]) // (
            after - before
        )


class Timetable:
    """When each event of a story is due in a rerun. Events are told by their places on the axis, from 0.

    Args:
        rerun: the parameters.
        axis: the events that are out, grown.
        first: story time of the first event, in the story's zone; None where there is none.
        finished: nothing will ever follow.

    Raises:
        RerunError: its ``from`` is a percentage of a story that is not finished.
    """

    def __init__(self, rerun: Rerun, axis: Axis, first: datetime | None, *, finished: bool) -> None:
        self._axis = axis
        self._start = (rerun.start - _EPOCH) // _MICROSECOND
        self._speed = rerun.speed
        self._numerator, self._denominator = Fraction(rerun.speed).as_integer_ratio()
        self.finished = finished
        self._bulk = 0  # so many are out at once when it begins
        self._begin = 0
        if rerun.begin is not None and first is not None:
            self._locate(rerun.begin, first)

    def __len__(self) -> int:
        return len(self._axis.elapsed)

    def _locate(self, begin: When, first: datetime) -> None:
        if begin.share is not None:
            if not self.finished:
                raise RerunError("from: a percentage needs a finished story; write 21:30, +10m or a moment")
            self._begin = int(self._axis.elapsed[-1] * Fraction(begin.share))
            self._bulk = bisect_right(self._axis.elapsed, self._begin)
            return
        time = (moment_of("from", begin, first) - _EPOCH) // _MICROSECOND
        self._begin = self._axis.elapsed_at(time)
        self._bulk = bisect_right(self._axis.times, time, hi=len(self))

    def place(self, now: datetime) -> int:
        """Count the events that are due at ``now``."""
        since = (now - _EPOCH) // _MICROSECOND - self._start
        if since < 0:
            return 0
        return max(self._bulk, bisect_right(self._axis.elapsed, self._elapsed(since)))

    def _elapsed(self, since: int) -> int:
        return self._begin + since * self._numerator // self._denominator

    def moment(self, place: int) -> datetime | None:
        """Tell when an event is due; None if that is later than any date."""
        try:
            return _EPOCH + timedelta(microseconds=self.due(place))
        except OverflowError:
            return None

    def due(self, place: int) -> int:
        """Tell the same in microseconds since 1970."""
        if place < self._bulk:
            return self._start
        past = self._axis.elapsed[place] - self._begin
        return self._start + max(0, -(-past * self._denominator // self._numerator))

    def stamp(self, place: int) -> datetime | None:
        """Date an event: when it is due, events of the same moment a microsecond apart, in their order."""
        elapsed = self._axis.elapsed
        tied = place - bisect_left(elapsed, elapsed[place], hi=place)
        # Those that are out at once fill the microseconds from the start on; what follows must not be dated among them.
        moment = max(self.due(place) + tied, self._start + place) if place >= self._bulk else self._start + place
        try:
            return _EPOCH + timedelta(microseconds=moment)
        except OverflowError:
            return None

    def story_time(self, now: datetime) -> datetime | None:
        """Tell what moment of the story stands at ``now``; None where there is no story yet."""
        if not self:
            return None
        since = (now - _EPOCH) // _MICROSECOND - self._start
        return _EPOCH + timedelta(microseconds=self._axis.time_at(self._elapsed(max(since, 0))))

    def caught_up(self, now: datetime, present: datetime, rate: float) -> timedelta | None:
        """Tell how long it takes until the rerun stands where a story that goes on stands, which is at ``present``.

        Zero or less: it does already. None: never, as things are. What is out is due already, or this is not asked.

        Args:
            now: the wall-clock moment.
            present: the story's own moment at ``now``.
            rate: story seconds a second at which that moves.
        """
        if not self:
            return timedelta()
        elapsed = self._elapsed((now - _EPOCH) // _MICROSECOND - self._start)
        behind = self._axis.elapsed[-1] - elapsed
        silence = (present - _EPOCH) // _MICROSECOND - self._axis.times[len(self) - 1]
        waits: list[float] = []
        if self._axis.max_gap is not None:
            waits.append((behind + self._axis.max_gap) / self._speed)
        if behind + silence <= 0:
            waits.append(0.0)
        elif self._speed > rate:
            waits.append((behind + silence) / (self._speed - rate))
        try:
            return timedelta(microseconds=min(waits)) if waits else None
        except OverflowError:
            return None


def moment_of(name: str, when: When, first: datetime) -> datetime:
    """Find a moment of a story that begins at ``first``, whose zone counts where none is written.

    Raises:
        RerunError: the parameter ``name`` is a percentage, or no date that can be.
    """
    if when.moment is not None:
        return when.moment if when.moment.tzinfo else when.moment.replace(tzinfo=first.tzinfo)
    try:
        if when.clock is not None:
            moment = datetime.combine(first.date(), when.clock, tzinfo=first.tzinfo)
            return moment if moment >= first else moment + timedelta(days=1)
        if when.offset is not None:
            return first + when.offset
    except OverflowError:
        raise RerunError(f"{name}: that is later than any date; write 21:30, +10m or a moment") from None
    raise RerunError(f"{name}: a percentage cannot be told here; write 21:30, +10m or a moment")


def parse_at(text: str) -> When:
    """Read the parameter ``at``. Raises RerunError."""
    return _read("at", When.parse, _repaired(text))


def _start(text: str, now: datetime) -> datetime:
    if text == "now":
        return now.astimezone(UTC).replace(microsecond=0)
    try:
        moment = datetime.fromisoformat(_repaired(text.strip()))
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RerunError(f"rerun: {text[:40]!r} is no moment; {_START}") from None
    return moment


def _repaired(text: str) -> str:
    return _SPACED_ZONE.sub("+", "+" + text[1:] if text.startswith(" ") else text)


def _read(name: Literal["speed", "from", "max_gap", "at"], parse: Callable[[str], T], text: str) -> T:
    if len(text) > _LONGEST:
        raise RerunError(f"{name}: {text[:_LONGEST]!r}… is too long")
    try:
        return parse(text)
    except WhenError as error:
        raise RerunError(f"{name}: {error}") from None


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
