"""The timeline of a take: its events in the order of the log, which is that of the story, with their story times."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection


class Mark(NamedTuple):
    """An event on the timeline: its sequence number, and its effective story time in microseconds since 1970."""

    seq: int
    time: int


class Timeline:
    """Log order against story time, for every event of a take but withdrawn posts'.

    The effective story time of an event is the latest one of all events up to it: so it never falls.

    Attributes:
        seqs: sequence numbers, ascending.
        times: effective story times in microseconds since 1970, never falling.
    """

    def __init__(self) -> None:
        self.seqs: array[int] = array("q")
        self.times: array[int] = array("q")

    def without(self, seqs: Collection[int]) -> Timeline:
        """Give another one that lacks some events; the times of the others stay as they are."""
        line = Timeline()
        line.seqs, line.times = self.seqs[:], self.times[:]
        for seq in seqs:
            place = bisect_left(line.seqs, seq)
            if place < len(line.seqs) and line.seqs[place] == seq:
                del line.seqs[place], line.times[place]
        return line
