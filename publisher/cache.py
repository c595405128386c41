"""A cache that is bounded by bytes: what was asked for last stays."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps values as long as all of them together hold no more than ``limit`` bytes; the newest is always kept.

    A value's size is what whoever puts it says. Nobody may rely on a value's being here: it can always be made anew.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[K]:
        return iter(list(self._kept))  # to ask for one moves it

    def get(self, key: K) -> V | None:
        """Give a value and keep it longer; None if it is not here."""
        entry = self._kept.get(key)
        if entry is None:
            return None
        self._kept.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, size: int) -> V:
        """Keep a value of ``size`` bytes, and give it back; those asked for longest ago make room."""
        _, before = self._kept.pop(key, (None, 0))
        self._kept[key] = value, size
        self._size += size - before
        while self._size > self._limit and len(self._kept) > 1:
            _, (_, gone) = self._kept.popitem(last=False)
            self._size -= gone
        return value

    def discard(self, key: K) -> None:
        """Keep a value no longer."""
        _, size = self._kept.pop(key, (None, 0))
        self._size -= size

    def made(self, key: K, make: Callable[[], V], size: Callable[[V], int]) -> V:
        """Give a value, which is made where it is not here."""
        value = self.get(key)
        return self.put(key, made := make(), size(made)) if value is None else value

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._size = 0
