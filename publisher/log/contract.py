"""What an event log promises. The contract suite (``tests/test_log.py``) holds every engine to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeVar

from shared.errors import NewsreelError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
    from datetime import datetime

    from shared.event import Event, Logged

T = TypeVar("T")
Kind = Literal["post", "update", "delete", "reset", "clock"]


class LogError(NewsreelError):
    """The log could not be opened, read or written."""


class StaleAppendError(LogError):
    """Somebody else appended first: the log's head is not where the writer believed it to be. Read on, then decide."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event on its way into the log.

    ``key`` names the fact (``take-1:20230201T0522Z-alpha:1``, of take, post and version): the same key is the same
    fact, however often it is appended. ``released_at`` is zone-aware.
    """

    key: str
    released_at: datetime
    event: Event


class Line(NamedTuple):
    """An event as a log holds it: its place, when it was released (ISO 8601), and what ``encode_event`` wrote."""

    seq: int
    released_at: str
    event: str


READ_BYTES = 8 * 1024 * 1024
"""Characters of events that are read at once, about."""


def enough(found: Iterable[T], length: Callable[[T], int]) -> list[T]:
    """Take as many events as hold ``READ_BYTES``, or all; ``length`` tells how many characters one has."""
    size, taken = 0, []
    for one in found:
        taken.append(one)
        size += length(one)
        if size >= READ_BYTES:
            break
    return taken


class EventLog(Protocol):
    """One channel's events, in order, for ever or until pruned.

    The law:

    * **Order.** Sequence numbers grow; they may leave gaps (channels share a file) but are never used twice, not even
      after the newest event was pruned and the log was opened again.
    * **Durability.** ``append`` returns when the events survive a power cut (an engine in memory: when they survive
      as long as the process). Nothing is readable before it is durable.
    * **One group.** The drafts of one append become readable together, next to each other, or not at all.
    * **Idempotence.** A draft whose key the log has seen is not written again; the answer holds the event as it was
      logged the first time. Keys are forgotten with their pruned events.
    * **Refusal.** With ``expect``, the append happens only if the channel's head is exactly that sequence number,
      else StaleAppendError and nothing is written. (An append whose every key is known is answered all the same.)
    * **Hand-over.** ``tail(after)`` gives every event after ``after`` exactly once and in order, however appends and
      reads fall together.
    * **Known loss.** ``oldest`` is the lowest sequence number from which reading is whole: a reader that stands at
      ``oldest - 1`` or later can go on, one before it has lost events. It survives reopening.
    * **Withdrawal.** A ``delete`` that is ``withdrawn`` takes, in the same append, the words out of all events of its
      post, in whatever take: they keep place, key, kind, id and times. An engine on a disk overwrites them there.
    * **Epoch.** Drawn at random when the log is created, kept for its life; positions of two epochs do not compare.
    """

    @property
    def epoch(self) -> str:
        """Tell the log's epoch: 1 to 16 characters of ``0-9a-z``."""
        ...

    async def append(self, drafts: Sequence[Draft], *, expect: int | None = None) -> list[Logged]:
        """Write a group and give it back as logged, in the same order.

        Raises:
            StaleAppendError: ``expect`` is not the head.
            LogError: the medium failed; nothing of the group is readable.
        """
        ...

    async def read(self, after: int, limit: int = 500) -> list[Logged]:
        """Give up to ``limit`` events with a sequence number above ``after``, in order; empty at the head.

        Fewer where they are large, as ``enough`` has it.
        """
        ...

    async def lines(self, after: int, limit: int = 500) -> list[Line]:
        """Give the same events as ``read``, not decoded: decoding and cleaning take ten times as long as reading.

        Who files a log asks for thousands at once.
        """
        ...

    def tail(self, after: int) -> AsyncGenerator[list[Logged], None]:
        """Give what follows ``after`` in batches, none empty, and wait for more; ends when the log is closed."""
        ...

    async def latest(self, *kinds: Kind) -> Logged | None:
        """Give the newest event of one of ``kinds``. The newest ``reset`` and ``clock`` are found even if pruned."""
        ...

    async def head(self) -> int:
        """Tell the newest sequence number of this channel, pruned or not; 0 if it never had an event."""
        ...

    async def oldest(self) -> int:
        """Tell the lowest sequence number from which reading is whole; 1 while nothing was pruned."""
        ...

    async def prune(self, upto: int) -> None:
        """Forget the events with a sequence number of ``upto`` or less."""
        ...


class LogStore(Protocol):
    """Holds the logs of all channels of one server."""

    @property
    def epoch(self) -> str:
        """Tell the epoch, which all channels of a store share."""
        ...

    def channel(self, name: str) -> EventLog:
        """Give the log of a channel; the same object for the same name."""
        ...

    async def close(self) -> None:
        """Finish what was begun, end every tail, let go of the medium. Closing twice is nothing."""
        ...
