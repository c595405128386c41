"""The ring: the newest frames, for readers at the head and those who fell back a little."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from publisher.fanout.frames import EncodedFrame

RING_FRAMES = 4_096
"""Most frames kept for readers who fell back a little; who fell back further reads the log."""
RING_BYTES = 16 * 1024 * 1024
"""Most bytes kept in the ring, before compression."""

_SEQ = attrgetter("seq")


class Ring:
    """Every frame with a sequence number above ``floor``, up to ``head``.

    Attributes:
        head: sequence number of the newest frame.
        floor: sequence number up to which frames are gone, or never were here.
        reset: sequence number of the newest ``reset`` that was added.
    """

    def __init__(self, head: int = 0) -> None:
        self.head: int
        self.floor: int
        self.reset: int
        self._frames: list[EncodedFrame]
        self._gone: int  # this many at the front are no longer of the ring; removed now and then, all at once
        self._bytes: int
        self.begin(head)

    def begin(self, head: int) -> None:
        """Empty the ring, to go on after ``head``."""
        self.head = self.floor = head
        self.reset = self._gone = self._bytes = 0
        self._frames = []

    def __len__(self) -> int:
        return len(self._frames) - self._gone

    def add(self, frames: Sequence[EncodedFrame]) -> None:
        """Take new frames, and let go of the oldest."""
        self.head = frames[-1].seq
        for frame in frames:
            self._frames.append(frame)
            self._bytes += len(frame.body)
            if frame.kind == "reset":
                self.reset = frame.seq
        while len(self) > RING_FRAMES or (self._bytes > RING_BYTES and len(self) > 1):
            gone = self._frames[self._gone]
            self._gone += 1
            self._bytes -= len(gone.body)
            self.floor = gone.seq
        if self._gone * 8 > len(self._frames):
            del self._frames[: self._gone]
            self._gone = 0

    def blank(self, seqs: Collection[int]) -> None:
        """Blank the frames of a post that was withdrawn."""
        for frame in self._frames:
            if frame.seq in seqs:
                self._bytes -= len(frame.body) if frame.seq > self.floor else 0
                frame.blank()

    def after(self, cursor: int, most: int, *, single: bool = False) -> list[EncodedFrame]:
        """Give the frames after ``cursor``, which is not below ``floor``: as many as hold ``most`` bytes, or one."""
        first = bisect_right(self._frames, cursor, lo=self._gone, key=_SEQ)
        if single:
            return self._frames[first : first + 1]
        last, size = first, 0
        while last < len(self._frames) and size < most:
            size += len(self._frames[last].body)
            last += 1
        return self._frames[first:last]
