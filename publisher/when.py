"""How people write durations, speeds and moments, and how they are told to people, whatever the locale. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from publisher.clock import FASTEST, SLOWEST
from shared.errors import UsageError

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)
_SPEED = re.compile(r"(\d+(?:\.\d+)?)x?", re.ASCII)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%", re.ASCII)


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class WhenError(UsageError):
    """The text is no duration, speed or moment."""


@dataclass(frozen=True, slots=True)
class When:
    """A place in a story; exactly one member is set.

    Attributes:
        moment: a moment of the world; without a zone it is meant in the story's.
        clock: a time of day, its first occurrence after the story's start, in the story's zone.
        offset: from the story's start.
        share: of the reel's whole length, 0 to 1.
    """

    moment: datetime | None = None
    clock: time | None = None
    offset: timedelta | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> When:
        """Read ``2023-02-01T05:00Z``, ``21:30``, ``+10m`` or ``50%``.

        Raises:
            WhenError: the text is none of these.
        """
        text = text.strip()
        if match := _CLOCK.fullmatch(text):
            return cls(clock=time(int(match[1]), int(match[2]), int(match[3] or 0)))
        if match := _PERCENT.fullmatch(text):
            share = float(match[1]) / 100
            if share <= 1:
                return cls(share=share)
        elif text.startswith("+"):
            return cls(offset=parse_duration(text[1:]))
        else:
            try:
                return cls(moment=datetime.fromisoformat(text))
            except ValueError:
                pass
        raise WhenError(f"{text!r} is no moment; write 2023-02-01T05:00Z, 21:30, +10m or 50%")

    def after(self, first: datetime) -> datetime:
        """Find the moment in a story that begins at ``first``, whose zone counts where none is written.

        Raises:
            OverflowError: it is no date that can be.
            ValueError: it is a share, which only who knows the story's length finds.
        """
        if self.moment is not None:
            return self.moment if self.moment.tzinfo else self.moment.replace(tzinfo=first.tzinfo)
        if self.clock is not None:
            moment = datetime.combine(first.date(), self.clock, tzinfo=first.tzinfo)
            return moment if moment >= first else moment + timedelta(days=1)
        if self.offset is not None:
            return first + self.offset
        raise ValueError("a share is no moment")


def parse_duration(text: str) -> timedelta:
    """Read ``30s``, ``5m``, ``1h30m``, ``2d``.

    Raises:
        WhenError: the text is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise WhenError(f"{text!r} is no duration; write 30s, 5m or 1h30m")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise WhenError(f"{text!r} is longer than any story") from None


def parse_start(text: str) -> datetime | None:
    """Read the wall-clock moment at which something is to begin: ``2026-01-31T19:42-05:00``; None for ``now``.

    Without an offset it is meant in this machine's zone.

    Raises:
        WhenError: the text is neither, or a date without a time.
    """
    text = text.strip()
    if text == "now":
        return None
    try:
        moment = datetime.fromisoformat(text) if len(text) > len("2026-01-31") else None
        if moment is not None:
            return moment if moment.tzinfo else moment.astimezone()
    except (ValueError, OverflowError):
        pass
    raise WhenError(f"{text!r} is no moment to start at; write now, or a date and time such as 2026-01-31T19:42-05:00")


def parse_speed(text: str) -> float:
    """Read ``60``, ``60x``, ``0.5``.

    Raises:
        WhenError: the text is no speed, or one out of range.
    """
    match = _SPEED.fullmatch(text.strip())
    speed = float(match[1]) if match else 0.0
    if not SLOWEST <= speed <= FASTEST:
        raise WhenError(f"{text!r} is no speed; write a number from {SLOWEST:g} to {FASTEST:g}, such as 60 or 0.5x")
    return speed


def spoken_duration(seconds: float) -> str:
    """Say a duration as people write it: ``45s``, ``12m``, ``1h30m``, ``2d3h``."""
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    leading = next((i for i, (count, _) in enumerate(parts) if count), 3)
    return "".join(f"{count}{unit}" for count, unit in parts[leading : leading + 2] if count) or "0s"


def spoken_speed(speed: float) -> str:
    """Say a speed: ``60×``, ``0.5×``."""
    return f"{speed:g}×"


def spoken(moment: datetime) -> str:
    """Say a moment in words that no locale changes: ``1 February 2023, 00:22 (UTC-05:00)``."""
    return f"{spoken_day(moment)}, {moment:%H:%M} ({offset(moment)})"


def spoken_day(moment: date) -> str:
    """Say a day in words that no locale changes: ``1 February 2023``."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def offset(moment: datetime) -> str:
    """Say the offset of a zone-aware moment: ``UTC``, ``UTC-05:00``."""
    text = moment.strftime("%z")
    return "UTC" if text in {"", "+0000"} else f"UTC{text[:3]}:{text[3:5]}"
