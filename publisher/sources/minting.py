"""Ids of posts: a source's own where it is a slug, else ``20230201T0522Z-`` and some words of the headline.

The UTC minute, the words, and an ordinal for posts that share both (``…--2``: no slug holds two hyphens in a row, so an
ordinal never meets another post's words). Adding posts of another minute or other words changes no id.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING

from shared.text import slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from shared.post import Post

_ENOUGH = 300
"""Characters of a headline that can reach an id."""
LONGEST_ID = 120
"""Most characters of an id that a source gives itself."""
MINUTE = re.compile(r"\d{8}T\d{4}Z-", re.ASCII)
"""Begins each id that was made here."""
_SLUG = re.compile(r"[0-9A-Za-z]+(?:[-_]+[0-9A-Za-z]+)*", re.ASCII)


def kept(given: str) -> str | None:
    """Tell the slug that a source gave itself: ``given``, or the last part of a ``tag:`` URI; None if that is none."""
    last = given.rpartition("/")[2] if given.startswith("tag:") else given
    return last if len(last) <= LONGEST_ID and _SLUG.fullmatch(last) else None


class Mint:
    """Makes the ids of one story. Ask for them oldest first: ordinals count from the oldest.

    Args:
        taken: ids that other posts of the story have.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._seen: Counter[str] = Counter()
        self._taken = frozenset(taken)

    def id(self, story_time: datetime, words: str) -> str:
        """Make an id that is unique in the story.

        Args:
            story_time: zone-aware.
            words: the headline; without one, the first words of the body. Words that no letter of survives, ``post``.
        """
        utc = story_time.astimezone(UTC)
        plain = f"{utc.year:04}{utc:%m%dT%H%MZ}-{slug(words[:_ENOUGH]) or 'post'}"
        while True:
            self._seen[plain] += 1
            ordinal = self._seen[plain]
            made = plain if ordinal == 1 else f"{plain}--{ordinal}"
            if made not in self._taken:
                return made


def as_told(post: Post, post_id: str, moment: datetime) -> Post:
    """Give a post its id and, where its source named none, the time at which it appeared."""
    changes: dict[str, object] = {"id": post_id}
    if post.story_time != moment:
        changes |= {"date_published": moment, "newsreel": post.newsreel.model_copy(update={"story_time": moment})}
    return post.model_copy(update=changes)


def name_all(posts: Sequence[tuple[str, datetime, str]]) -> list[str]:
    """Choose the ids of a story's posts: their own where they are slugs (of twins the first keeps it), else minted.

    Args:
        posts: oldest first; of each the id that the source gave, the story time, and words as ``Mint.id`` takes them.
    """
    own: dict[str, int] = {}
    for place, (given, _, _) in enumerate(posts):
        slug_given = kept(given)
        if slug_given:
            own.setdefault(slug_given, place)
    named = {place: slug_given for slug_given, place in own.items()}
    mint = Mint(own)
    return [named.get(place) or mint.id(moment, words) for place, (_, moment, words) in enumerate(posts)]
