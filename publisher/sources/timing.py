"""Times of posts that name none, and how exact the times of a source are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.reading import SourceError
from shared.post import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from publisher.sources.options import Options
    from publisher.sources.reading import TimePrecision

AHEAD = timedelta(minutes=5)
"""How far another machine's clock may be ahead. A story's time never goes back, so a post that is dated years ahead
would hide all that is said later from reruns and ``?at=``: one that is written is refused, one that is read waits."""
_STEP = timedelta(minutes=1)
"""Between posts that stand outside all known times and are to be interpolated."""


def fill(moments: Sequence[datetime | None], options: Options, name: str, line: int | None = None) -> list[datetime]:
    """Give every post a time; known ones stay.

    Times are spread evenly between known neighbours, or set ``options.missing_times`` after the post before them; past
    the last known time and before the first they are a minute apart.

    Args:
        moments: of the posts, oldest first.
        options: ``missing_times``; where no time is known at all also ``date``, ``saved_at`` and ``file_time``.
        name: of the source, for the error.
        line: of the first post without a time.

    Raises:
        SourceError: times are missing, and ``options`` does not say what to do.
    """
    missing = sum(moment is None for moment in moments)
    if not missing:
        return [moment for moment in moments if moment is not None]
    if options.missing_times == "error":
        raise SourceError.at(
            name,
            line,
            f"{missing} of {len(moments)} posts have no time; --missing-times interpolate spreads them between their"
            " neighbours, --missing-times every=2m sets them two minutes apart",
        )
    evenly = options.missing_times == "interpolate"
    step = _STEP if isinstance(options.missing_times, str) else options.missing_times
    filled = list(moments)
    if missing == len(filled):
        filled[0] = _begin(len(filled) - 1, step, options, name)
    try:
        times = spread(filled, step, evenly=evenly)
    except OverflowError:
        times = []
    if not times or not FIRST_YEAR <= min(times).year <= max(times).year <= LAST_YEAR:
        what = f"{missing} posts {step} apart leave the calendar; choose less, or another --date"
        raise SourceError.at(name, line, what)
    return times


def precision(moments: Iterable[datetime]) -> TimePrecision:
    """Tell how exact a source's times are: if all are whole minutes, it knew no seconds."""
    return "second" if any(moment.second or moment.microsecond for moment in moments) else "minute"


def spread(moments: Sequence[datetime | None], step: timedelta, *, evenly: bool) -> list[datetime]:
    """Give every post a time, those without one a ``step`` from their neighbour or evenly between two.

    Args:
        moments: of the posts, oldest first, one of them known at least.
        step: between posts; where ``evenly`` is true, between those outside all known times.
        evenly: spread the others between their neighbours.

    Raises:
        OverflowError: the times leave the calendar.
    """
    known = [(place, moment) for place, moment in enumerate(moments) if moment is not None]
    first, begin = known[0]
    times = [begin - (first - place) * step for place in range(first + 1)]
    for (place, moment), (after, upto) in pairwise(known):
        apart = (upto - moment) / (after - place) if evenly and upto > moment else step
        times += [moment + apart * count for count in range(1, after - place)]
        times.append(upto)
    last, end = known[-1]
    return times + [end + step * count for count in range(1, len(moments) - last)]


def _begin(steps: int, step: timedelta, options: Options, name: str) -> datetime:
    """Choose the first time of a source that names none."""
    if options.date is not None:
        return datetime.combine(options.date, datetime.min.time(), options.tz or UTC)
    end = options.saved_at or options.file_time
    if end is None:
        raise SourceError.at(name, None, "no post has a time, and nothing says on which day it began; give --date")
    return end - steps * step
