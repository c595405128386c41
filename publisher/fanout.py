"""The fan-out: a ring of encoded frames and a cursor a reader.

A frame is encoded once, and framed for HTTP/1.1 once for all readers who get the same bytes. Readers who stand at the
head are written to in one loop, straight to their transports. A reader whose transport pushes back leaves the head and
catches up by itself (``publisher.web.stream``), so it slows nobody and costs one integer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from shared.sse import HEARTBEAT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.log.contract import Kind

RING_FRAMES = 4_096
"""Most frames kept for readers who fell back a little; who fell back further reads the log."""
RING_BYTES = 16 * 1024 * 1024
"""Most bytes kept in the ring."""


@dataclass(frozen=True, slots=True)
class Sieve:
    """What a reader asked to see (``?types=``, ``?tag=``); None lets everything pass."""

    types: frozenset[str] | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One event as it goes out.

    Attributes:
        seq: its place in the log.
        body: the frame's bytes.
        tags: of the post, after the event; None where it holds no post.
        was: tags of the post before the event, None where it was not out, or where ``was_unknown``.
        removal: the ``delete`` frame for readers out of whose sieve an update moves the post.
        arrival: the ``post`` frame for readers into whose sieve an update moves the post.
    """

    seq: int
    kind: Kind
    body: bytes
    tags: frozenset[str] | None = None
    was: frozenset[str] | None = None
    removal: bytes = b""
    arrival: bytes = b""
    was_unknown: bool = False

    def through(self, sieve: Sieve | None) -> bytes:
        """Give the bytes for a reader with this sieve; empty if the event does not concern it."""
        if sieve is None or self.kind in {"reset", "clock"}:
            return self.body
        kind, body = self.kind, self.body
        if sieve.tag is not None:
            matched = self.was_unknown or (self.was is not None and sieve.tag in self.was)
            matches = self.tags is not None and sieve.tag in self.tags
            if kind == "delete":
                body = self.body if matched else b""
            elif matched and not matches:
                kind, body = "delete", self.removal
            elif not matches:
                body = b""
            elif kind == "update" and not matched:
                kind, body = "post", self.arrival or self.body
        return body if sieve.types is None or kind in sieve.types else b""


class Outlet(Protocol):
    """Where a reader's bytes go: a connection, seen by the fan-out."""

    chunked: bool

    def ready(self) -> bool:
        """Tell whether the connection takes more without pushing back."""
        ...

    def send(self, framed: bytes) -> bool:
        """Hand over bytes, as HTTP/1.1 chunks where it is ``chunked``; tell whether it takes more."""
        ...

    def abort(self) -> None:
        """Close the connection at once, without sending what waits."""
        ...


class Reader:
    """A connected reader. ``cursor`` is the sequence number up to which it was given everything."""

    __slots__ = ("_left", "closing", "cursor", "outlet", "sieve")

    def __init__(self, outlet: Outlet, cursor: int, sieve: Sieve | None = None) -> None:
        self.outlet = outlet
        self.cursor = cursor
        self.sieve = sieve
        self.closing = False
        self._left: asyncio.Future[None] | None = None

    async def at_head(self) -> None:
        """Wait until the reader has left the head: it pushed back, or the fan-out closes."""
        if self._left is not None:
            await self._left


class Fanout:
    """One channel's readers."""

    def __init__(self, head: int = 0) -> None:
        self.head = head
        """Sequence number of the newest frame broadcast."""
        self.floor = head
        """The ring holds every frame above this sequence number."""
        self.closed = False
        self._ring: deque[EncodedFrame] = deque()
        self._ring_bytes = 0
        self._readers: set[Reader] = set()
        self._groups: dict[Sieve | None, set[Reader]] = {}  # those at the head

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def broadcast(self, frames: Sequence[EncodedFrame]) -> None:
        """Give frames to every reader at the head, several of them in one write, and keep them in the ring."""
        if not frames:
            return
        self.head = frames[-1].seq
        self._keep(frames)
        for sieve, readers in list(self._groups.items()):
            plain = b"".join(frame.through(sieve) for frame in frames)
            framed = chunk(plain)
            left: list[Reader] = []
            for reader in readers:
                if not reader.outlet.ready():
                    left.append(reader)
                    continue
                reader.cursor = self.head
                if plain:
                    reader.outlet.send(framed if reader.outlet.chunked else plain)
            for reader in left:
                self._fall_back(reader)

    def since(self, cursor: int) -> list[EncodedFrame] | None:
        """Give the frames after ``cursor``, None if the ring does not reach back so far."""
        if cursor < self.floor:
            return None
        newer = list(takewhile(lambda frame: frame.seq > cursor, reversed(self._ring)))
        return newer[::-1]

    def enter(self, reader: Reader) -> None:
        """Know a reader from now on, at the head or behind it, so that it can be dismissed; ``leave`` undoes it."""
        self._readers.add(reader)
        reader.closing = self.closed

    def join(self, reader: Reader) -> bool:
        """Put a reader at the head, if it has been given everything up to there; else it must catch up first."""
        if reader.cursor < self.head:
            return False
        reader._left = asyncio.get_running_loop().create_future()  # noqa: SLF001 one pair
        if self.closed:
            self._dismiss(reader)
        else:
            self._groups.setdefault(reader.sieve, set()).add(reader)
        return True

    def leave(self, reader: Reader) -> None:
        """Forget a reader; not being known is nothing."""
        self._readers.discard(reader)
        self._fall_back(reader)

    def _fall_back(self, reader: Reader) -> None:
        group = self._groups.get(reader.sieve)
        if group is not None:
            group.discard(reader)
            if not group:
                del self._groups[reader.sieve]
        if reader._left is not None and not reader._left.done():  # noqa: SLF001 one pair
            reader._left.set_result(None)  # noqa: SLF001

    def heartbeat(self) -> None:
        """Write a comment to every reader at the head, so that proxies keep and clients trust the connection."""
        framed = chunk(HEARTBEAT)
        for readers in self._groups.values():
            for reader in readers:
                if reader.outlet.ready():
                    reader.outlet.send(framed if reader.outlet.chunked else HEARTBEAT)

    def close(self) -> None:
        """Dismiss every reader, now and later. One that takes nothing is cut off: nobody waits for it."""
        self.closed = True
        for reader in [*self._readers, *(reader for readers in self._groups.values() for reader in readers)]:
            self._dismiss(reader)
            if not reader.outlet.ready():
                reader.outlet.abort()

    def _dismiss(self, reader: Reader) -> None:
        reader.closing = True
        self._fall_back(reader)

    def _keep(self, frames: Sequence[EncodedFrame]) -> None:
        self._ring.extend(frames)
        self._ring_bytes += sum(len(frame.body) for frame in frames)
        while len(self._ring) > RING_FRAMES or (self._ring_bytes > RING_BYTES and len(self._ring) > 1):
            gone = self._ring.popleft()
            self._ring_bytes -= len(gone.body)
            self.floor = gone.seq


def chunk(body: bytes) -> bytes:
    """Frame bytes as one chunk of HTTP/1.1's chunked coding (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(body), body)
