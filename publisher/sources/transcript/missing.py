"""Missing times: posts that the page gives no time get one only if a person asks for it, and every one says so."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from publisher.sources.timing import spread
from publisher.sources.transcript.page import Dated
from publisher.sources.transcript.stamps import settled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.reading import TimePrecision
    from publisher.sources.transcript.clues import Clues
    from publisher.sources.transcript.notes import Notes
    from publisher.sources.transcript.page import Section

OFFER = "give --missing-times interpolate, or every=2m"
_STEP = timedelta(minutes=5)
"""Between posts, where only one end of the coverage is known."""
_BESIDE = timedelta(minutes=1)
"""Between posts above the first time of a page or below its last."""


def refuse_untimed(sections: Sequence[Section], notes: Notes) -> None:
    """Refuse a page on which some post has no time, unless a person says what to do with such posts.

    Raises:
        SourceError: some post has none.
    """
    untimed = [section for section in sections if section.stamp is None]
    if not untimed or notes.options.missing_times != "error":
        return
    what = f"{len(untimed)} of {len(sections)} posts have no time"
    if len(untimed) == len(sections):
        what = f"{len(sections)} posts were found, none with a time" if len(sections) > 1 else "the post has no time"
    raise notes.refusal(untimed[0].line, f"{what}; {OFFER}")


def fill(
    sections: Sequence[Section], dated: Sequence[Dated | None], way: int, clues: Clues, notes: Notes
) -> list[Dated]:
    """Give a time to every post that has none, and to those that share one known to the day or month only.

    Args:
        sections: the posts, in the order of the page.
        dated: what is known of them.
        way: 1 if the page runs oldest first, else -1.
        clues: of the page.
        notes: say how times are to be set.

    Raises:
        SourceError: nothing tells on which day.
    """
    every = notes.options.missing_times
    if every == "error":
        return [one for one in dated if one]
    shared = Counter(one.moment for one in dated if one)
    known = [None if one and one.precision in {"day", "month"} and shared[one.moment] > 1 else one for one in dated]
    missing = sum(one is None for one in known)
    if not missing:
        return [one for one in known if one]
    step = every if isinstance(every, timedelta) else None
    precision: TimePrecision = "hour"
    if missing < len(known):
        moments = [one.moment if one else None for one in known]
        times = spread(moments[::way], step or _BESIDE, evenly=step is None)
    else:
        times, precision = _from_ends(missing, _ends(dated, clues, sections[0], notes), step), "day"
    filled = [
        one or Dated(moment.replace(microsecond=0), section, "interpolated", precision)
        for section, one, moment in zip(sections, known, times[::way], strict=True)
    ]
    made_up = [one.moment for one in filled if one.source == "interpolated"]
    span = f"from {min(made_up):%Y-%m-%d %H:%M} to {max(made_up):%Y-%m-%d %H:%M %z}"
    message = f"{missing} of {len(known)} posts have no time; they were set {span}"
    notes.doubt("times-interpolated", message, sections[0].line)
    return filled


def _ends(
    dated: Sequence[Dated | None], clues: Clues, first: Section, notes: Notes
) -> tuple[datetime | None, datetime | None]:
    """Find when the coverage began and when it ended, as far as the page tells; one of them at least."""
    begin = clues.begin
    start = settled(datetime.combine(begin.day, datetime.min.time(), clues.zones.page.tz)) if begin else None
    end = clues.end.moment if clues.end else max((one.moment for one in dated if one), default=None)
    if start is None and end is None:
        end = notes.options.saved_at
    if start is None and end is None:
        raise notes.refusal(first.line, "the posts have no time, and nothing in the source says the day; give --date")
    return start, None if start and end and end <= start else end


def _from_ends(count: int, ends: tuple[datetime | None, datetime | None], step: timedelta | None) -> list[datetime]:
    """Spread posts over the coverage, oldest first."""
    start, end = ends
    if start and end and step is None:
        return spread([start, *[None] * count, end], _STEP, evenly=True)[1:-1]
    others = [None] * (count - 1)
    return spread([start, *others] if start else [*others, end], step or _STEP, evenly=False)
