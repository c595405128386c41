"""The library: a node's own copy of the log, indexed for what documents ask. Made anew from the log when in doubt.

Calls are synchronous and made for the event loop: microseconds, but for long batches to file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.cache import Cache
from publisher.library.filed import Filed, Parsed
from publisher.library.history import History, Past
from publisher.library.opening import LibraryError, PassingError
from publisher.library.shelf import Shelf
from publisher.library.stacks import Stacks
from publisher.log.opening import log_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Filed", "History", "Library", "LibraryError", "PassingError", "Past", "Shelf", "library_path"]

PARSED_BYTES = 32 * 1024 * 1024
"""Bytes of posts kept parsed, of all channels together: parsing and cleaning one costs 30 µs, a window holds 100."""


def library_path(log: str) -> str:
    """Tell where the library of a log lives: beside the log's file, or like it in memory."""
    path = log_path(log)
    return ":memory:" if path is None else path + ".library"


class Library:
    """The shelves of all channels of one log; ``epoch`` is that log's."""

    def __init__(self, stacks: Stacks, epoch: str) -> None:
        self.epoch = epoch
        self._stacks = stacks
        self._cache: Parsed = Cache(PARSED_BYTES)
        self._shelves: dict[str, Shelf] = {}

    @classmethod
    def open(cls, path: str | Path, epoch: str) -> Library:
        """Open the library at ``path``, or begin one; ``:memory:`` lives in memory, an empty path in a temporary file.

        What was filed from a log of another epoch, or by another version, is thrown away; a power cut takes what was
        filed last. Each shelf's ``head`` tells from where on the log is to be filed. A process that finds the file
        taken by another gets a temporary one.

        Raises:
            UsageError: the file is something else.
            LibraryError: the file cannot be opened.
        """
        return cls(Stacks.open(str(path), epoch), epoch)

    def shelf(self, channel: str) -> Shelf:
        """Give the shelf of a channel; the same object for the same name."""
        if channel not in self._shelves:
            self._shelves[channel] = Shelf(self._stacks, self._cache, channel, self.epoch)
        return self._shelves[channel]

    def close(self) -> None:
        """Close the file. Closing twice is nothing."""
        self._stacks.close()
