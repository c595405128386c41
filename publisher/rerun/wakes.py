"""What is to be looked at, and when: a heap in which what was put off stays, dead, until it comes up."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Wakes(Generic[T]):
    """When to look at each of many things; moments are numbers that only grow."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, T]] = []  # when to look at it, a number, it
        self._alive: dict[T, int] = {}  # the number of its entry; others of it are dead
        self._count = count()

    def __len__(self) -> int:
        return len(self._alive)

    def __contains__(self, one: object) -> bool:
        return one in self._alive

    @property
    def first(self) -> int | None:
        """Tell when to look again; None for never. It may be too early, as of what was put off."""
        return self._heap[0][0] if self._heap else None

    def set(self, one: T, at: int) -> None:
        """Look at it at a moment, and no sooner."""
        self.drop(one)
        number = self._alive[one] = next(self._count)
        heapq.heappush(self._heap, (at, number, one))

    def drop(self, one: T) -> None:
        """Do not look at it."""
        self._alive.pop(one, None)
        if len(self._heap) > 2 * len(self._alive):  # most of it is dead
            self._heap = [entry for entry in self._heap if self._alive.get(entry[2]) == entry[1]]
            heapq.heapify(self._heap)

    def due(self, now: int) -> T | None:
        """Take the next one that is to be looked at by now; None if there is none."""
        while self._heap and self._heap[0][0] <= now:
            _, number, one = heapq.heappop(self._heap)
            if self._alive.get(one) == number:
                del self._alive[one]
                return one
        return None
