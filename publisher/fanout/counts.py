"""What the fan-out has done, in plain numbers for whoever collects them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Literal

Way = Literal["ring", "log", "reset"]

LATENCIES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latencies that are told apart, in seconds."""


class Histogram:
    """How often a value fell between two bounds.

    Attributes:
        bounds: upper bounds, each with its own; above the last there is one more.
        buckets: how many values fell into each, not added up.
        total: sum of all values.
    """

    def __init__(self, bounds: tuple[float, ...] = LATENCIES) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, which came up so many times."""
        self.buckets[bisect_left(self.bounds, value)] += times
        self.total += value * times

    @property
    def count(self) -> int:
        """Count the values."""
        return sum(self.buckets)


class Counts:
    """One channel's numbers; all but ``latency`` only grow.

    Attributes:
        deliveries: events written to readers, each to each.
        writes: calls that wrote them; ``joined`` of them carried more than one event.
        bytes_out: bytes of the stream, after compression, without those of HTTP's head.
        resumes: readers who joined, by what they were given first: from the ``ring``, from the ``log``, a ``reset``.
        closed: readers who are gone, by the reason.
        latency: seconds from the press to the write, of each delivery made in the rounds.
    """

    def __init__(self) -> None:
        self.deliveries = 0
        self.writes = 0
        self.joined = 0
        self.bytes_out = 0
        self.resumes: Counter[Way] = Counter()
        self.closed: Counter[str] = Counter()
        self.latency = Histogram()

    def sent(self, size: int, events: int, times: int = 1) -> None:
        """Count writes of ``size`` bytes and ``events`` events each."""
        self.writes += times
        self.deliveries += times * events
        self.bytes_out += times * size
        if events > 1:
            self.joined += times
