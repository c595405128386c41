"""A reel: a finished story laid out by elapsed seconds from its first post. Immutable and pure."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING

from publisher.axis import Axis
from publisher.moments import microseconds, moment_at
from shared.errors import UsageError
from shared.event import DeleteEvent, PostEvent, UpdateEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from publisher.when import When

Cued = PostEvent | UpdateEvent | DeleteEvent

_SECOND = 1_000_000
_SUMMED_AT_ONCE = 1_000


class EmptyReelError(UsageError):
    """There is nothing to replay."""


@dataclass(frozen=True, slots=True)
class Cue:
    """An event and its place on the reel, in seconds from the reel's start.

    ``key`` names the fact within one take: ``post-id:revision``; a deletion is told by its moment. No two cues of a
    reel have the same: a log takes a key once only.
    """

    index: int
    elapsed: float
    event: Cued
    key: str


def _key(event: Cued) -> str:
    if isinstance(event, DeleteEvent):
        return f"{event.id}:deleted-{event.story_time.timestamp():.0f}"
    return f"{event.post.id}:{event.post.revision}"


def _seen(event: Cued) -> Iterable[str]:
    """Give what a reader sees of an event. The digest of a post says the same, and takes ten times as long."""
    if isinstance(event, DeleteEvent):
        return ()
    post, facts = event.post, event.post.newsreel
    seen = [post.title or "", post.content_html, *[author.name for author in post.authors], *post.tags]
    if facts.images or post.attachments or post.image or facts.key_event or facts.pinned:  # most have none of these
        seen += (post.image or "", "key" * facts.key_event, "pin" * facts.pinned)
        seen += [text or "" for image in facts.images for text in (image.url, image.caption, image.credit)]
        seen += [text or "" for file in post.attachments for text in (file.url, file.title)]
    return seen


def _telling(ordered: list[Cued]) -> list[Cued]:
    """Leave out the updates that change nothing of what a reader sees."""
    edited = {event.post.id for event in ordered if isinstance(event, UpdateEvent)}
    shown: dict[str, str] = {}
    told: list[Cued] = []
    if not edited:
        return ordered
    for event in ordered:
        if isinstance(event, DeleteEvent):
            shown.pop(event.id, None)
        elif event.post.id in edited:
            digest = event.post.digest
            if isinstance(event, UpdateEvent) and shown.get(event.post.id) == digest:
                continue
            shown[event.post.id] = digest
        told.append(event)
    return told


class Reel:
    """Cues in order of story time; of the same instant in the order given.

    An edit that a reader cannot see (white space, dates) is no cue: it would mark the post unread for nothing.

    Args:
        events: what happened, each with its story time, in any order.
        max_gap: silences longer than this are shortened to it, in story time. None: none is.

    Raises:
        EmptyReelError: there are no events.
    """

    def __init__(self, events: Iterable[Cued], *, max_gap: timedelta | None = None) -> None:
        ordered = _telling(sorted(events, key=attrgetter("story_time")))
        if not ordered:
            raise EmptyReelError("the source has no posts, so there is nothing to replay")
        self.max_gap = max_gap
        self._axis = Axis(array("q", [microseconds(event.story_time) for event in ordered]), max_gap).grown()
        self._elapsed = [elapsed / _SECOND for elapsed in self._axis.elapsed]
        cues: list[Cue] = []
        seen: Counter[str] = Counter()
        for index, (event, elapsed) in enumerate(zip(ordered, self._elapsed, strict=True)):
            key = _key(event)
            seen[key] += 1
            cues.append(Cue(index, elapsed, event, key if seen[key] == 1 else f"{key}:{seen[key]}"))
        self.cues: tuple[Cue, ...] = tuple(cues)

    def __len__(self) -> int:
        return len(self.cues)

    @property
    def start(self) -> datetime:
        """Tell the story time of the first cue, in the source's own offset."""
        return self.cues[0].event.story_time

    @property
    def duration(self) -> float:
        """Tell the elapsed seconds of the last cue."""
        return self._elapsed[-1]

    @cached_property
    def digest(self) -> str:
        """Name the reel's time axis, its cues and what they say: clocks of equal digests compare."""
        summed = hashlib.sha256(self._axis.elapsed.tobytes())
        for first in range(0, len(self.cues), _SUMMED_AT_ONCE):
            told: list[str] = []
            for cue in self.cues[first : first + _SUMMED_AT_ONCE]:
                told.append(cue.key)
                told += _seen(cue.event)
            summed.update("\n".join(told).encode())
        return summed.hexdigest()[:16]

    @cached_property
    def _indexes(self) -> dict[str, int]:
        return {cue.key: cue.index for cue in self.cues}

    def index(self, key: str) -> int | None:
        """Find a cue by its key; None if the reel has no such cue."""
        return self._indexes.get(key)

    def count(self, elapsed: float) -> int:
        """Count the cues that are due at ``elapsed`` seconds."""
        return bisect_right(self._elapsed, elapsed)

    @cached_property
    def _posts(self) -> list[float]:
        return [cue.elapsed for cue in self.cues if isinstance(cue.event, PostEvent)]

    def posts(self, elapsed: float) -> int:
        """Count the posts that are due at ``elapsed`` seconds."""
        return bisect_right(self._posts, elapsed)

    def lead(self, posts: int) -> float:
        """Tell where on the reel the first so many posts are out, in elapsed seconds."""
        return self._posts[min(posts, len(self._posts)) - 1] if posts > 0 and self._posts else 0.0

    def due(self, after: int, upto: float) -> Sequence[Cue]:
        """List the cues from index ``after`` on that are due at ``upto`` elapsed seconds."""
        return self.cues[after : bisect_right(self._elapsed, upto, lo=min(after, len(self.cues)))]

    def story_time(self, elapsed: float) -> datetime:
        """Tell what moment of the story stands at ``elapsed``; shortened silences are spread evenly, ends are held."""
        zone = self.cues[max(self.count(elapsed) - 1, 0)].event.story_time.tzinfo
        return moment_at(round(self._axis.time_at(elapsed * _SECOND))).astimezone(zone)

    def elapsed_at(self, story_time: datetime) -> float:
        """Tell where ``story_time`` stands on the reel, 0 before its start and its duration after its end."""
        return self._axis.elapsed_at(microseconds(story_time)) / _SECOND

    def locate(self, when: When) -> float:
        """Find a moment on the reel, in elapsed seconds."""
        if when.share is not None:
            return self.duration * when.share
        try:
            return self.elapsed_at(when.after(self.start))
        except OverflowError:  # later than any date
            return self.duration

    def until(self, when: When) -> Reel:
        """Give the reel that ends at ``when``; what comes later is cut off. At least the first cue stays."""
        upto = self.locate(when)
        kept = [cue.event for cue in self.cues if cue.elapsed <= upto]
        return Reel(kept or [self.cues[0].event], max_gap=self.max_gap)
