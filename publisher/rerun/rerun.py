"""What the URL of a rerun says: when it begins, how fast it plays, and what of the story. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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


def moment_of(name: str, when: When, first: datetime) -> datetime:
    """Find a moment of a story that begins at ``first``, whose zone counts where none is written.

    Raises:
        RerunError: the parameter ``name`` is a percentage, or no date that can be.
    """
    if when.share is not None:
        raise RerunError(f"{name}: a percentage cannot be told here; write 21:30, +10m or a moment")
    try:
        return when.after(first)
    except OverflowError:
        raise RerunError(f"{name}: that is later than any date; write 21:30, +10m or a moment") from None


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
