"""A group: the readers who get the same bytes, written to in rounds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from publisher.fanout.counts import Counts
    from publisher.fanout.form import Form
    from publisher.fanout.frames import EncodedFrame, Sieve
    from publisher.fanout.reader import Reader
    from publisher.fanout.ring import Ring

JOINED_BYTES = 64 * 1024
"""Most bytes of events joined into one write; more are given in the next round, when all others had theirs."""
LOOK_AT_CLOCK = 32
"""Writes between two looks at the clock: about 0.3 ms."""
MEMO = 64
"""Most pieces remembered in a round: readers at the head share one, those who come back stand anywhere."""

NOBODY = 2**63
"""A cursor ahead of every head."""


class Host(Protocol):
    """Whose readers a group is: the fan-out, seen from here."""

    ring: Ring
    counts: Counts
    joining: bool

    def place(self, reader: Reader) -> None:
        """Give a reader another place: the ring does not serve it any more."""
        ...

    def refused(self, reader: Reader) -> None:
        """Take out a reader who takes no more."""
        ...


class Piece(NamedTuple):
    """What is due to a reader in one write: some events, the last of which is ``upto``; empty if none concerns it."""

    upto: int
    data: bytes
    events: int
    born: float


class Group:
    """Readers of one sieve and one form. A reader who leaves is passed over, and dropped when its turn comes.

    Attributes:
        size: number of those who take part.
        spoke: moment of the loop's clock at which all of them were last written to.
    """

    __slots__ = ("_at", "_low", "_memo", "_memo_head", "_next", "_now", "_whole", "form", "sieve", "size", "spoke")

    def __init__(self, sieve: Sieve | None, form: Form, head: int = 0) -> None:
        """Make a group that begins where the ring's ``head`` is."""
        self.sieve = sieve
        self.form = form
        self.size = 0
        self.spoke = time.monotonic()
        self._whole = head  # up to here all had everything: what somebody lacks of it is no news to the others
        self._now: list[Reader] = []  # whose turn is in this round, from _at on
        self._at = 0
        self._next: list[Reader] = []  # who had theirs
        self._low = NOBODY  # the lowest cursor in _next
        self._memo: dict[int, Piece] = {}
        self._memo_head = -1

    def add(self, reader: Reader) -> None:
        """Let a reader take part."""
        reader.group = self
        self.size += 1
        self._low = min(self._low, reader.cursor)
        self._next.append(reader)

    def remove(self, reader: Reader) -> None:
        """Let a reader take part no longer."""
        reader.group = None
        self.size -= 1

    def members(self) -> list[Reader]:
        """List those who take part."""
        self._now = [reader for reader in self._now[self._at :] if reader.group is self]
        self._next = [reader for reader in self._next if reader.group is self]
        self._at = 0
        return self._now + self._next

    def give(self, host: Host, ends: float) -> bool:
        """Give everybody what is due, in rounds, until ``ends`` (of the loop's clock); tell whether all have it."""
        while True:
            if self._at == len(self._now):
                if self._low >= host.ring.head:
                    self._whole = host.ring.head
                    self._memo.clear()
                    return True
                self._now, self._next, self._at, self._low = self._next, [], 0, NOBODY
            if not self._go_on(host, ends):
                return False

    def _go_on(self, host: Host, ends: float) -> bool:
        """Go on with the round; tell whether it came to its end in time."""
        readers, size, at, low = self._now, len(self._now), self._at, self._low
        had = self._next.append
        cursor, writes, looks = -1, 0, LOOK_AT_CLOCK
        piece: Piece | None = None
        in_time = True
        while at < size and in_time:
            reader = readers[at]
            at += 1
            if reader.group is not self:
                continue
            if reader.cursor != cursor:
                self._count(host.counts, piece, writes, cursor)
                writes, cursor = 0, reader.cursor
                piece = self._due(host, cursor)
                if piece is not None:
                    low = min(low, piece.upto)
            if piece is None:  # the ring moved on before its turn came
                self.remove(reader)
                host.place(reader)
                continue
            reader.cursor = piece.upto
            if piece.data:
                writes += 1
                if not reader.outlet.send(piece.data):
                    host.refused(reader)
                    continue
                looks -= 1
                if not looks:
                    looks = LOOK_AT_CLOCK
                    in_time = time.monotonic() < ends
            had(reader)
        self._count(host.counts, piece, writes, cursor)
        self._at, self._low = at, low
        return in_time

    def _due(self, host: Host, cursor: int) -> Piece | None:
        """Give what is due after ``cursor``; None if the ring does not reach back so far."""
        ring = host.ring
        if cursor < ring.floor:
            return None
        if self._memo_head != ring.head or len(self._memo) == MEMO:
            self._memo.clear()
            self._memo_head = ring.head
        piece = self._memo.get(cursor)
        if piece is None:
            piece = self._memo[cursor] = self._piece(ring.after(cursor, JOINED_BYTES, single=not host.joining), cursor)
        return piece

    def _piece(self, frames: list[EncodedFrame], cursor: int) -> Piece:
        if not frames:
            return Piece(cursor, b"", 0, 0)
        texts = [text for frame in frames if (text := frame.packed(self.sieve, gzip=self.form.gzip))]
        return Piece(frames[-1].seq, self.form.framed(b"".join(texts)), len(texts), frames[0].born)

    def _count(self, counts: Counts, piece: Piece | None, times: int, cursor: int) -> None:
        """Count writes of what was due after ``cursor``."""
        if piece is None or not times:
            return
        counts.sent(len(piece.data), piece.events, times)
        if cursor >= self._whole:
            self.spoke = time.monotonic()
            if piece.born:
                counts.latency.observe(self.spoke - piece.born, times * piece.events)
