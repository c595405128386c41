"""Caches that are bounded by bytes: what was asked for last stays."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

K = TypeVar("K")
V = TypeVar("V")


ENTRY_BYTES = 500
"""What a value costs besides its own bytes: its key, and its places here."""


class Budget:
    """Bytes that caches share: what was asked for longest ago, in whichever of them, makes room."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._sizes: OrderedDict[tuple[Cache[Any, Any], Any], int] = OrderedDict()  # as they were asked for

    def take(self, cache: Cache[K, V], key: K, size: int) -> None:
        """Have a value count ``size`` bytes, and those asked for longest ago make room; it stays itself in any case."""
        self.free(cache, key)
        self._sizes[cache, key] = size = size + ENTRY_BYTES
        self._size += size
        while self._size > self._limit and len(self._sizes) > 1:
            (others, oldest), _ = next(iter(self._sizes.items()))
            others.discard(oldest)

    def use(self, cache: Cache[K, V], key: K) -> None:
        """Note that a value was asked for."""
        self._sizes.move_to_end((cache, key))

    def free(self, cache: Cache[K, V], key: K) -> None:
        """Have a value count no more."""
        self._size -= self._sizes.pop((cache, key), 0)


class Cache(Generic[K, V]):
    """Keeps values as long as there is room for them; the newest is always kept.

    A value's size is what whoever puts it says; what is large in its key counts, too. Nobody may rely on a value's
    being here: it can always be made anew.

    Args:
        budget: bytes of its own, or those that it shares with other caches.
    """

    def __init__(self, budget: Budget | int) -> None:
        self._budget = Budget(budget) if isinstance(budget, int) else budget
        self._kept: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[K]:
        return iter(self._kept)

    def get(self, key: K) -> V | None:
        """Give a value and keep it longer; None if it is not here."""
        value = self._kept.get(key)
        if value is not None:
            self._budget.use(self, key)
        return value

    def put(self, key: K, value: V, size: int) -> V:
        """Keep a value of ``size`` bytes, and give it back."""
        self._kept[key] = value
        self._budget.take(self, key, size)
        return value

    def discard(self, key: K) -> None:
        """Keep a value no longer."""
        self._kept.pop(key, None)
        self._budget.free(self, key)

    def made(self, key: K, make: Callable[[], V], size: Callable[[V], int]) -> V:
        """Give a value, which is made where it is not here."""
        value = self.get(key)
        return self.put(key, made := make(), size(made)) if value is None else value

    def clear(self) -> None:
        """Forget all."""
        for key in self._kept:
            self._budget.free(self, key)
        self._kept.clear()
