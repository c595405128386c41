"""How often a value fell between two bounds: plain numbers for whoever collects them (``publisher.metrics``)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any, TypeVar, get_args

Word = TypeVar("Word", bound=str)

LATENCIES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latencies that are told apart, in seconds."""


def tally(words: Any) -> Counter[Word]:
    """Make a counter of the words of a ``Literal``, all at 0: of what appears with its first count no rate is known."""
    return Counter(dict.fromkeys(get_args(words), 0))


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
