"""Ids for posts whose source gives none: ``20230201T0522Z-`` and some words of the headline.

The UTC minute, the words, and an ordinal for posts that share both (``…--2``: no slug holds two hyphens in a row, so an
ordinal never meets another post's words). Adding posts of another minute or other words changes no id.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING

from shared.text import slug

if TYPE_CHECKING:
    from datetime import datetime

_ENOUGH = 300
"""Characters of a headline that can reach an id."""


class Mint:
    """Makes the ids of one story. Ask for them oldest first: ordinals count from the oldest."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def id(self, story_time: datetime, words: str) -> str:
        """Make an id that is unique in the story.

        Args:
            story_time: zone-aware.
            words: the headline; without one, the first words of the body. Words that no letter of survives, ``post``.
        """
        utc = story_time.astimezone(UTC)
        plain = f"{utc.year:04}{utc:%m%dT%H%MZ}-{slug(words[:_ENOUGH]) or 'post'}"
        self._seen[plain] += 1
        ordinal = self._seen[plain]
        return plain if ordinal == 1 else f"{plain}--{ordinal}"
