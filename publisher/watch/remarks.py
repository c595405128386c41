"""What people are told of a watched source: each thing once, and not at each look."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from publisher.sources.reading import Doubt

logger = logging.getLogger(__name__)

_MOST_DOUBTS = 10
"""Doubts of one reading that are told one by one."""
_REMEMBERED = 1_000
"""Doubts of which it is remembered that they were told."""
_NUMBER = re.compile(r"\d+")


class Remarks:
    """Warnings in the log of the program; ``source`` as it was named."""

    def __init__(self, channel: str, source: str) -> None:
        self._channel = channel
        self._source = source
        self._complaint = ""
        self._doubted: set[tuple[str, str]] = set()

    def doubt(self, doubts: Iterable[Doubt]) -> None:
        """Say what is unsure of what was read."""
        news = []
        for doubt in doubts:
            key = doubt.code, _NUMBER.sub("", doubt.message)
            if len(self._doubted) > _REMEMBERED:
                self._doubted.clear()
            if key not in self._doubted:
                self._doubted.add(key)
                news.append(doubt)
        for doubt in news[:_MOST_DOUBTS]:
            where = f":{doubt.line}" if doubt.line is not None else ""
            logger.warning("%s: %s%s: %s", self._channel, self._source, where, doubt.message)
        if len(news) > _MOST_DOUBTS:
            more = len(news) - _MOST_DOUBTS
            logger.warning(
                "%s: %s: %d doubts more; newsreel-publisher check lists them", self._channel, self._source, more
            )

    def complain(self, complaint: str) -> None:
        """Say why it cannot be read, until there is another reason or it can be."""
        if complaint != self._complaint:
            self._complaint = complaint
            logger.warning("%s: %s; what is out stays, and it is looked at again", self._channel, complaint)

    def settle(self) -> None:
        """Say that it is read again, if there was a complaint."""
        if self._complaint:
            logger.warning("%s: %s is read again", self._channel, self._source)
            self._complaint = ""
