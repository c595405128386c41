"""What the fan-out has done, in plain numbers for whoever collects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from publisher.fanout.reader import Why
from publisher.measures import Histogram, tally

if TYPE_CHECKING:
    from collections import Counter

Way = Literal["ring", "log", "reset"]


class Counts:
    """One channel's numbers; all but ``latency`` only grow.

    Attributes:
        deliveries: events written to readers, each to each.
        writes: calls that wrote them; ``joined`` of them carried more than one event.
        bytes_out: bytes of the stream, after compression, without those of HTTP's head.
        resumes: readers who joined, by what they were given first: from the ``ring``, from the ``log``, a ``reset``.
        closed: readers who are gone, by the reason.
        latency: seconds from the press to the write, of each delivery to who was there when it was pressed.
    """

    def __init__(self) -> None:
        self.deliveries = 0
        self.writes = 0
        self.joined = 0
        self.bytes_out = 0
        self.resumes: Counter[Way] = tally(Way)
        self.closed: Counter[Why] = tally(Why)
        self.latency = Histogram()

    def sent(self, size: int, events: int, times: int = 1) -> None:
        """Count writes of ``size`` bytes and ``events`` events each."""
        self.writes += times
        self.deliveries += times * events
        self.bytes_out += times * size
        if events > 1:
            self.joined += times
