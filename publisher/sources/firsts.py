"""The first versions of posts that stand one by one in their source: timed, named, told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from publisher.sources.minting import as_told, name_all
from publisher.sources.reading import Told
from publisher.sources.timing import fill, precision
from shared.event import PostEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from publisher.sources.options import Options
    from publisher.sources.reading import TimePrecision, TimeSource
    from shared.post import Post


@dataclass(frozen=True, slots=True)
class First:
    """A post as its source has it first.

    Attributes:
        post: what it says; its id counts for nothing, nor does its time where ``moment`` is None.
        given: the id that the source gave it, empty if none.
        moment: when it appeared, None where the source does not say.
        line: where it stands.
        source: where ``moment`` is from.
        precision: how exact it is; None to judge by those of the whole source.
    """

    post: Post
    given: str
    moment: datetime | None
    line: int | None
    source: TimeSource = "own"
    precision: TimePrecision | None = None


def tell_firsts(firsts: Sequence[First], options: Options, name: str) -> tuple[list[Told], dict[str, Post]]:
    """Give each post a time and an id, and tell it.

    Args:
        firsts: oldest first as far as the source is in order.
        options: ``missing_times`` counts, and what ``timing.fill`` takes besides.
        name: of the source, for errors.

    Returns:
        The events, oldest first, and the posts by the ids that the source gave them, of twins the older.

    Raises:
        SourceError: times are missing.
    """
    undated = next((one.line for one in firsts if one.moment is None), None)
    moments = fill([one.moment for one in firsts], options, name, undated)
    exact = precision(one.moment for one in firsts if one.moment)
    dated = sorted(zip(moments, firsts, strict=True), key=lambda pair: pair[0])
    ids = name_all([(one.given, at, one.post.title or one.post.content_text) for at, one in dated])
    told: list[Told] = []
    named: dict[str, Post] = {}
    for post_id, (at, one) in zip(ids, dated, strict=True):
        post = as_told(one.post, post_id, at)
        named.setdefault(one.given, post)
        source: TimeSource = one.source if one.moment else "interpolated"
        told.append(Told(PostEvent(post=post), one.line, source, one.precision or exact))
    return told, named
