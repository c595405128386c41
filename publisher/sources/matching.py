"""Which post of a later save is which post of an earlier one."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from publisher.sources.reading import TimePrecision, TimeSource
    from shared.post import Post

DAYLESS: frozenset[TimeSource] = frozenset({"header", "url"})
"""Where a time is from of which the post itself tells no more than the clock."""
_SLACK: dict[TimePrecision, timedelta] = {
    "second": timedelta(),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=31),
}
"""How far apart two readings of the same time may lie."""
_SAME_TIME, _NEAR = 0.5, 0.75
"""Share of words that two versions have in common: at the same time, and at times as near as their precision tells."""
_MOVED = timedelta(days=1)
"""How far a post whose every word is the same may have moved."""
_HALF_DAY = 12 * 3600
"""Seconds. A time that was mended by days, or from ``a.m.`` to ``p.m.``, is the same but for a number of these."""
_NEIGHBOURS = 50
"""Candidates before and after that a post is compared with, so that thousands of one minute cost no minutes."""
_WORDS = 400


@dataclass(frozen=True, slots=True)
class Version:
    """A post as one save has it, with how exact its time is, and from where it is."""

    post: Post
    precision: TimePrecision
    source: TimeSource = "own"

    @property
    def at(self) -> datetime:
        """Tell its time."""
        return self.post.story_time


def moved(before: Version, version: Version) -> bool:
    """Tell whether the time of a post was mended: it lies further off than the two can be exact."""
    return abs(before.at - version.at) > _slack(before, version)


def match(earlier: Sequence[Version], later: Sequence[Version]) -> Mapping[int, int]:
    """Pair the posts of two saves.

    In this order: the same words at the same time; the same id; words alike at the same time; words more alike at a
    time as near as its precision tells (``1 hr ago``); the same words within a day, or words alike at the same clock of
    another day or half of it (a time was mended). Each post is paired once, the most alike first.

    Args:
        earlier: posts of the earlier save.
        later: posts of the later save.

    Returns:
        The place in ``earlier`` by the place in ``later``.
    """
    pairs: dict[int, int] = {}
    left = dict.fromkeys(range(len(earlier)))
    for key in (_words_and_time, _id):
        places: defaultdict[object, deque[int]] = defaultdict(deque)
        for old in left:
            places[key(earlier[old])].append(old)
        for new, version in enumerate(later):
            same = places.get(key(version))
            if new not in pairs and same:
                pairs[new] = same.popleft()
                del left[pairs[new]]
    shown = [later[new].at for new in pairs if not later[new].post.newsreel.pinned]
    span = (min(shown), max(version.at for version in earlier)) if shown else None
    news = {new: _Said(version) for new, version in enumerate(later) if new not in pairs}
    if not news or not left:  # as at most looks at a page: the words of a long story need not be counted
        return pairs
    olds = {old: _Said(earlier[old]) for old in left}
    found = [*_alike(olds, news), *_mended(olds, news, span)]
    for _, new, old in sorted(found, key=lambda one: -one[0]):
        if new not in pairs and old in left:
            pairs[new] = old
            del left[old]
    return pairs


def _words_and_time(version: Version) -> object:
    return version.at.timestamp(), version.post.digest


def _id(version: Version) -> object:
    return version.post.id


class _Said:
    """A version, with its words counted: those of the headline, and those of the body."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.at = version.at
        self.clock = version.at.timestamp() % _HALF_DAY
        post = version.post
        self.headline = Counter((post.title or "").lower().split()[:_WORDS])
        self.body = Counter(post.content_text.lower().split()[:_WORDS])

    def likeness(self, other: _Said) -> float:
        """Tell how alike headlines or bodies are."""
        return max(_likeness(self.headline, other.headline), _likeness(self.body, other.body))

    def whole_likeness(self, other: _Said) -> float:
        """Tell how alike headline and body together are."""
        return _likeness(self.headline + self.body, other.headline + other.body)


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """Tell how alike two texts are, 0 to 1: the share of words in common (Sørensen, Dice)."""
    return 2 * (one & other).total() / (one.total() + other.total()) if one and other else 0.0


def _alike(olds: Mapping[int, _Said], news: Mapping[int, _Said]) -> Iterator[tuple[float, int, int]]:
    """Give the pairs that may be one post and stand at one time, or as near as that tells, with their likeness."""
    by_time = sorted(olds, key=lambda old: olds[old].at)
    times = [olds[old].at for old in by_time]
    for new, said in news.items():
        place = bisect_left(times, said.at)
        for old in by_time[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]:
            if moved(olds[old].version, said.version):
                continue
            apart = olds[old].at != said.at
            alike = olds[old].likeness(said)
            if alike >= (_NEAR if apart else _SAME_TIME):
                yield alike + (not apart), new, old


def _mended(
    olds: Mapping[int, _Said], news: Mapping[int, _Said], span: tuple[datetime, datetime] | None
) -> Iterator[tuple[float, int, int]]:
    """Give the pairs that may be one post whose time was mended, with their likeness; ``span``: see ``_was_shown``."""
    same_words: defaultdict[str, list[int]] = defaultdict(list)
    same_clock: defaultdict[float, list[int]] = defaultdict(list)
    for old, before in olds.items():
        same_words[before.version.post.digest].append(old)
        same_clock[before.clock].append(old)
    for new, said in news.items():
        for old in same_words.get(said.version.post.digest, ())[:_NEIGHBOURS]:
            before = olds[old]
            is_slip = before.clock == said.clock or _was_shown(before, said, span)
            if is_slip and abs(before.at - said.at) <= _MOVED:
                yield _NEAR, new, old
        for old in same_clock.get(said.clock, ())[:_NEIGHBOURS]:
            before = olds[old]
            if said.version.source in DAYLESS:  # its day may have moved with the page's stamp
                alike = before.likeness(said)
            else:
                alike = before.whole_likeness(said) if _was_shown(before, said, span) else 0.0
            if alike >= _NEAR:
                yield alike - 1, new, old


def _was_shown(before: _Said, said: _Said, span: tuple[datetime, datetime] | None) -> bool:
    """Tell whether the later save would show the earlier post, or the earlier save could have shown the later one.

    Else the same words are said again: "Still no news", while the first one is pages below by now.

    Args:
        before: of the earlier save.
        said: of the later one.
        span: from the oldest post that both saves show to the newest of the earlier one; None if they share none.
    """
    return span is None or before.at >= span[0] or said.at <= span[1]


def _slack(before: Version, version: Version) -> timedelta:
    return max(_SLACK[before.precision], _SLACK[version.precision])
