"""Reading options: what a person tells newsreel about a source that the source does not say itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from publisher.sources.transcript.zones import find_zone
from publisher.when import parse_duration
from shared.errors import UsageError

Order = Literal["newest", "oldest", "as-is"]
ORDERS: tuple[Order, ...] = ("newest", "oldest", "as-is")


class OptionError(UsageError):
    """What was told about a source cannot be understood."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a source is to be read. None, everywhere, leaves it to the source.

    Attributes:
        tz: zone of times that name none, and of names that stand for several zones.
        date: the day on which the page began.
        saved_at: zone-aware moment at which the page was saved: what ``4 min ago`` is counted from.
        file_time: zone-aware moment at which the file was last written; counts where neither ``saved_at`` nor the
            page itself says when it was saved.
        order: which post stands first on the page.
        missing_times: what to do with posts without a time: refuse (``error``), spread them between their neighbours
            (``interpolate``), or set them this far apart.
        keep_summaries: read boxes of key points as posts.
    """

    tz: tzinfo | None = None
    date: date | None = None
    saved_at: datetime | None = None
    file_time: datetime | None = None
    order: Order | None = None
    missing_times: Literal["error", "interpolate"] | timedelta = "error"
    keep_summaries: bool = False

    @classmethod
    def of(
        cls,
        *,
        tz: str = "",
        date: str = "",
        saved_at: str = "",
        order: str = "",
        missing_times: str = "error",
        keep_summaries: bool = False,
    ) -> Options:
        """Make options of what people write; an empty text leaves it to the source.

        Args:
            tz: ``Europe/London``, ``ET`` or ``+01:00``.
            date: ``2023-02-01``.
            saved_at: ``2023-02-02T01:30-05:00``; without an offset it is meant in ``tz``, else in UTC.
            order: ``newest``, ``oldest`` or ``as-is``.
            missing_times: ``error``, ``interpolate`` or ``every=2m``.
            keep_summaries: as the attribute.

        Raises:
            OptionError: a text is none of these.
        """
        zone = _zone(tz) if tz else None
        return cls(
            tz=zone,
            date=_date(date) if date else None,
            saved_at=_moment(saved_at, zone) if saved_at else None,
            order=_order(order) if order else None,
            missing_times=_missing(missing_times),
            keep_summaries=keep_summaries,
        )


def _zone(text: str) -> tzinfo:
    name = text.strip()
    known = find_zone(name)
    if known is not None:
        return known.tz
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise OptionError(f"{text!r} is no time zone; write Europe/London, ET or +01:00") from None


def _date(text: str) -> date:
    try:
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        raise OptionError(f"{text!r} is no day; write 2023-02-01") from None


def _moment(text: str, zone: tzinfo | None) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise OptionError(f"{text!r} is no moment; write 2023-02-02T01:30-05:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone or UTC)


def _order(text: str) -> Order:
    for order in ORDERS:
        if text == order:
            return order
    raise OptionError(f"{text!r} is no order; write {', '.join(ORDERS[:-1])} or {ORDERS[-1]}")


def _missing(text: str) -> Literal["error", "interpolate"] | timedelta:
    if text == "error":
        return "error"
    if text == "interpolate":
        return "interpolate"
    if text.startswith("every="):
        apart = parse_duration(text.removeprefix("every="))
        if apart > timedelta():
            return apart
    raise OptionError(f"{text!r} is no way to time posts; write error, interpolate or every=2m")
