"""What is to be told where a source, read again, says other than what is out. Pure.

Nothing is kept between two readings but what the channel itself knows, so a restart decides as if there had been none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from publisher.sources.matching import Version, match
from publisher.sources.minting import MINUTE, Mint
from publisher.sources.reading import Doubt
from publisher.sources.saves import held_in, next_version
from publisher.sources.timing import AHEAD
from publisher.watch.days import at_known_times
from shared.event import DeleteEvent, PostEvent, UpdateEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from publisher.sources.reading import Reading
    from publisher.sources.saves import Held
    from shared.post import Post

Reach = Literal["whole", "page", "stated"]
"""What of a source tells that a post was taken away: that it lacks it (``whole``), that it lacks it though it shows an
older one (``page``), or only what it says itself (``stated``), as feeds hold their newest entries only."""

_MANY = 3
"""Posts that a page may lack at once, if they are also more than a third of what it could show: else it is not
believed. A list of key events, or an error in a page's dress, looks like this."""
_REMEMBERED = 20
"""Versions of a post by which older copies of its page are known: one that tells a score changes without end."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the channel has told so far.

    Attributes:
        out: the posts that are out, by id, each with how exact its time is.
        gone: those that were taken away, with their last version; None where the desk withdrew it for good.
        others: ids of posts that are out and not from this source, which must not be taken away for its sake.
        before: digests of what posts last said before they were changed, as far as this process saw that.
    """

    out: Mapping[str, Version] = field(default_factory=dict)
    gone: Mapping[str, Post | None] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Change(NamedTuple):
    """An event to be told, and the number of the version that it brings; a deletion counts as one."""

    slug: str
    number: int
    event: PostEvent | UpdateEvent | DeleteEvent


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be told, in the order of story time.

    Attributes:
        known: what the channel has told, once ``changes`` are.
        doubtful: ids of posts that the source lacks, or that read as they did before a change: told if it is so still
            when the source is looked at again.
        due: when the first of the posts comes out that are dated ahead; None if there is none.
        doubts: what somebody may want to know.
    """

    changes: tuple[Change, ...]
    known: Known
    doubtful: frozenset[str] = frozenset()
    due: datetime | None = None
    doubts: tuple[Doubt, ...] = ()


def difference(
    known: Known, reading: Reading, now: datetime, *, reach: Reach, doubted: frozenset[str] = frozenset()
) -> Difference:
    """Tell what a reading says other than what is out.

    Posts are matched as between saves of a page (``publisher.sources.matching``): they keep id and story time. A change
    is dated by the source's own newer stamp, else by ``now``. A post comes again if the source has it again, unless the
    desk withdrew it. One is taken away, or set back to what it said before a change, only if the source had it so the
    last time, too: editors write files in two steps, and the copies of a page that are spread over the world are not
    of one age.

    Args:
        known: what the channel has told.
        reading: what the source says.
        now: zone-aware.
        reach: what tells that a post was taken away.
        doubted: what was doubtful the last time.
    """
    telling = _Telling(known, now, doubted)
    coming = list(held_in(reading).values())
    earlier = list(known.out.values())
    pairs = match(earlier, [one.version for one in coming])
    dated = at_known_times(earlier, coming, pairs)
    for one, before in dated:
        if before is not None:
            telling.again(one, before)
        else:
            telling.new(one)
    lacking = _lacking(telling, [one for one, _ in dated], reach)
    for slug in sorted(lacking & doubted, key=lambda slug: (known.out[slug].post.story_time, slug)):
        telling.delete(slug, now)
    for told in reading.told:
        if isinstance(told.event, DeleteEvent) and told.event.id not in telling.seen | telling.others:
            telling.delete(told.event.id, min(told.event.story_time, now))
    if telling.ahead:
        first = min(telling.ahead)
        what = (
            f"{len(telling.ahead)} of its posts lie ahead and come out at their time, the first at "
            f"{first.isoformat()}; if they are of the past, tz sets the zone of their times"
        )
        telling.doubts.append(Doubt("ahead", what))
    return Difference(
        tuple(sorted(telling.changes, key=lambda change: change.event.story_time)),
        Known(telling.out, telling.gone, known.others, telling.before),
        (lacking & telling.out.keys()) | telling.reverted,
        min(telling.ahead, default=None),
        tuple(telling.doubts),
    )


class _Telling:
    """What was decided so far."""

    def __init__(self, known: Known, now: datetime, doubted: frozenset[str]) -> None:
        self.out = dict(known.out)
        self.gone = dict(known.gone)
        self.others = known.others
        self.before = dict(known.before)
        self.reverted: set[str] = set()
        self._doubted = doubted
        self.changes: list[Change] = []
        self.doubts: list[Doubt] = []
        self.seen: set[str] = set()
        self.ahead: list[datetime] = []
        self._now = now
        self._mint = Mint(known.out.keys() | known.gone.keys())
        self._withdrawn = {slug for slug, last in known.gone.items() if last is None}
        self._minutes = {match[0] for slug in self._withdrawn if (match := MINUTE.match(slug))}

    def again(self, one: Held, before: Post) -> None:
        """Tell how a post that is out has changed, if it has."""
        self.seen.add(before.id)
        if one.post.digest == before.digest:
            return
        stamp, said = one.post.date_modified, self.before.get(before.id, ())
        own = stamp if stamp is not None and _latest(before) < stamp <= self._now + AHEAD else None
        if own is None and one.post.digest in said and before.id not in self._doubted:
            self.reverted.add(before.id)
            return
        self.before[before.id] = (*said, before.digest)[-_REMEMBERED:]
        self._put(one, next_version(before, one.post, own or self._now))

    def new(self, one: Held) -> None:
        """Tell a post that is not out: one that never was, or that was taken away."""
        post = one.post
        if post.story_time > self._now + AHEAD:
            self.ahead.append(post.story_time)
            return
        minute = MINUTE.match(post.id)
        if post.id in self._withdrawn or (minute and minute[0] in self._minutes):
            # Its headline may have been another one when it was withdrawn, and what it said is known to nobody.
            self.doubts.append(
                Doubt("withdrawn", f"{post.id} stays away: it was withdrawn, or is of the same minute", one.told.line)
            )
            return
        if post.date_modified is not None and post.date_modified > self._now + AHEAD:
            post = post.model_copy(update={"date_modified": None})
        last = self.gone.pop(post.id, None)
        if last is not None:  # its deletion was a version, too
            self._put(one, next_version(last, post, self._now, last.revision + 2))
            return
        while post.id in self.out:  # another post came out under it
            post = post.model_copy(update={"id": self._mint.id(post.story_time, post.title or post.content_text)})
        self.out[post.id] = Version(post, one.told.time_precision)
        self.seen.add(post.id)
        self.changes.append(Change(post.id, post.revision, PostEvent(post=post)))

    def _put(self, one: Held, post: Post) -> None:
        self.seen.add(post.id)
        self.out[post.id] = Version(post, one.told.time_precision)
        self.changes.append(Change(post.id, post.revision, UpdateEvent(post=post)))

    def delete(self, slug: str, moment: datetime) -> None:
        """Tell that a post was taken away."""
        last = self.out.pop(slug, None)
        if last is not None:
            self.gone[slug] = last.post
            self.changes.append(
                Change(slug, last.post.revision + 1, DeleteEvent(id=slug, story_time=max(moment, _latest(last.post))))
            )


def _latest(post: Post) -> datetime:
    return post.date_modified or post.story_time


def _lacking(telling: _Telling, coming: Sequence[Held], reach: Reach) -> frozenset[str]:
    """List what the source would show if it were there still."""
    edge = _edge(coming) if reach == "page" else None
    if reach == "stated" or (reach == "page" and edge is None):
        return frozenset()
    in_reach = [
        slug
        for slug, version in telling.out.items()
        if slug not in telling.others and (edge is None or version.post.story_time > edge)
    ]
    lacking = frozenset(slug for slug in in_reach if slug not in telling.seen)
    if reach == "page" and len(lacking) > _MANY and len(lacking) * 3 > len(in_reach):
        what = (
            f"{len(lacking)} of {len(in_reach)} posts are missing, more than somebody takes away at once; they stay. "
            "DELETE withdraws one"
        )
        telling.doubts.append(Doubt("many-deletions", what))
        return frozenset()
    return lacking


def _edge(coming: Sequence[Held]) -> datetime | None:
    """Tell the time of the post at the older end of a page: older ones may be one click on the reader's side away.

    That is its last line where it begins with the newest post, whatever old post is kept at its top.
    """
    free = [one for one in coming if not one.post.newsreel.pinned]
    lines = [one.told.line for one in free if one.told.line is not None]
    if free and len({*lines}) == len(free):
        by_line = sorted(free, key=lambda one: one.told.line or 0)
        times = [one.post.story_time for one in by_line]
        rises = sum((a < b) - (a > b) for a, b in pairwise(times))
        if rises:
            return times[0] if rises > 0 else times[-1]
    return min((one.post.story_time for one in free), default=None)
