"""Which post of a later save is which post of an earlier one."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from publisher.sources.reading import TimePrecision
    from shared.post import Post

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
_NEIGHBOURS = 50
"""Candidates before and after that a post is compared with, so that thousands of one minute cost no minutes."""
_WORDS = 400


@dataclass(frozen=True, slots=True)
class Version:
    """A post as one save has it, with how exact its time is."""

    post: Post
    precision: TimePrecision


def match(earlier: Sequence[Version], later: Sequence[Version]) -> Mapping[int, int]:
    """Pair the posts of two saves.

    In this order: the same words at the same time; the same id; words alike at the same time; words more alike at a
    time as near as its precision tells (``1 hr ago``); the same words within a day (a time was mended). Each post is
    paired once, the most alike first.

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
            found = places.get(key(version))
            if new not in pairs and found:
                pairs[new] = found.popleft()
                del left[pairs[new]]
    news = [new for new in range(len(later)) if new not in pairs]
    for _, new, old in sorted(_alike(earlier, later, news, list(left)), key=lambda one: -one[0]):
        if new not in pairs and old in left:
            pairs[new] = old
            del left[old]
    return pairs


def _words_and_time(version: Version) -> object:
    return version.post.story_time.timestamp(), version.post.digest


def _id(version: Version) -> object:
    return version.post.id


def _words(version: Version) -> tuple[Counter[str], Counter[str]]:
    """Count the words of the headline and of the body."""
    post = version.post
    return Counter((post.title or "").lower().split()[:_WORDS]), Counter(post.content_text.lower().split()[:_WORDS])


def _likeness(one: tuple[Counter[str], Counter[str]], other: tuple[Counter[str], Counter[str]]) -> float:
    """Tell how alike two posts are, 0 to 1: the share of words in common (Sørensen, Dice) of headlines or of bodies."""
    return max(
        2 * (a & b).total() / (a.total() + b.total()) if a and b else 0.0 for a, b in zip(one, other, strict=True)
    )


def _alike(
    earlier: Sequence[Version], later: Sequence[Version], news: Sequence[int], olds: Sequence[int]
) -> list[tuple[float, int, int]]:
    """List the pairs that may be one post, with their likeness."""
    found: list[tuple[float, int, int]] = []
    same_words: defaultdict[str, list[int]] = defaultdict(list)
    for old in olds:
        same_words[earlier[old].post.digest].append(old)
    words = {old: _words(earlier[old]) for old in olds}
    by_time = sorted(olds, key=lambda old: earlier[old].post.story_time)
    times = [earlier[old].post.story_time for old in by_time]
    for new in news:
        version = later[new]
        at, own_words = version.post.story_time, _words(version)
        twins = same_words.get(version.post.digest, ())[:_NEIGHBOURS]
        found += [(_NEAR, new, old) for old in twins if abs(earlier[old].post.story_time - at) <= _MOVED]
        place = bisect_left(times, at)
        for old in by_time[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]:
            before = earlier[old]
            apart = abs(before.post.story_time - at)
            slack = max(_SLACK[before.precision], _SLACK[version.precision])
            if apart > slack:
                continue
            alike = _likeness(words[old], own_words)
            if alike >= (_NEAR if apart else _SAME_TIME):
                found.append((alike + (not apart), new, old))
    return found
