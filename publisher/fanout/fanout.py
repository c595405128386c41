"""One channel's readers: who takes part in the rounds, who refuses, who is behind; and when they are let go."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from publisher.fanout.counts import Counts
from publisher.fanout.group import Group
from publisher.fanout.lives import LIFE_SECONDS, expiry, farewell, spread
from publisher.fanout.ring import Ring
from shared.sse import HEARTBEAT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from publisher.fanout.form import Form
    from publisher.fanout.frames import EncodedFrame, Sieve
    from publisher.fanout.reader import Reader, Why

TURN_SECONDS = 0.005
"""How long the loop is held by writing, before others have their turn."""
SLOW_SECONDS = 30.0
"""How long a connection may refuse to take more before it is closed; the reader resumes where it stood."""
LAG_SECONDS = 5.0
"""How long it may refuse once what is due to it has left the ring, that is, once it lags by its frames or bytes."""
BEAT_SECONDS = 15.0
"""How long a stream is silent before a comment says that it is alive."""
_SWEEP_SECONDS = 1.0
_SWEEPS_A_LIFE_CHECK = 5
_CUT_OFF = frozenset({"stalled", "lagging", "failed"})


class Backlog(Protocol):
    """Brings readers forward whom the ring does not serve."""

    def take(self, reader: Reader) -> None:
        """Take a reader who is ready to be given more; bring it to where ``Fanout.place`` can let it take part."""
        ...

    def forget(self) -> None:
        """Keep nothing for readers to come: a post was withdrawn."""
        ...


class Fanout:
    """One channel's readers. Belongs to the loop on which it is used first.

    Attributes:
        ring: the newest frames.
        counts: what was done so far.
        joining: several events that are due go out in one write; off only to measure what that is worth.
        life: seconds that a connection lives at most; 0 lets it live.
        beat: seconds of silence after which a comment is sent.
        backlog: takes readers whom the ring does not serve.
        closed: nobody is let in any more.
    """

    def __init__(self, head: int = 0, *, joining: bool = True) -> None:
        self.ring = Ring(head)
        self.counts = Counts()
        self.joining = joining
        self.life = LIFE_SECONDS
        self.beat = BEAT_SECONDS
        self.backlog: Backlog | None = None
        self.closed = False
        self._groups: dict[tuple[Sieve | None, Form], Group] = {}
        self._readers: set[Reader] = set()
        self._refusing: set[Reader] = set()
        self._due: dict[Group, None] = {}  # to whom something is due, in the order of their turns
        self._chores: deque[Iterator[None]] = deque()
        self._turn_is_set = False
        self._sweeping = False
        self._sweeps = 0

    @property
    def head(self) -> int:
        """Tell the sequence number of the newest frame."""
        return self.ring.head

    @property
    def readers(self) -> int:
        """Count the readers."""
        return len(self._readers)

    @property
    def behind(self) -> int:
        """Count those who take no part in the rounds: they refuse, or are being brought forward."""
        return len(self._readers) - sum(group.size for group in self._groups.values())

    @property
    def lag(self) -> int:
        """Tell how far, in sequence numbers, the reader who is furthest behind is from the head."""
        behind = (self.head - reader.cursor for reader in self._readers if reader.group is None)
        return max(behind, default=0)

    # Writing.

    def broadcast(self, frames: Sequence[EncodedFrame]) -> None:
        """Keep frames in the ring and have them written to every reader who takes part."""
        if not frames:
            return
        now = time.monotonic()
        for frame in frames:
            frame.born = now
        self.ring.add(frames)
        for group in self._groups.values():
            self._due.setdefault(group)  # those who have not had their turn keep it
        self._set_turn()

    def blank(self, seqs: Collection[int]) -> None:
        """Give the events ``seqs`` of a post that was withdrawn to nobody any more."""
        self.ring.blank(seqs)
        if self.backlog is not None:
            self.backlog.forget()

    def offer(self, reader: Reader, data: bytes, events: int) -> bool:
        """Write to one reader who is ready; tell whether it takes more. If not, it is placed once it does."""
        self.counts.sent(len(data), events)
        if reader.outlet.send(data):
            return True
        self.refused(reader)
        return False

    def _set_turn(self) -> None:
        if not self._turn_is_set:
            self._turn_is_set = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Write for a while, then let others have the loop."""
        self._turn_is_set = False
        ends = time.monotonic() + TURN_SECONDS
        try:
            while self._due:
                group = next(iter(self._due))
                del self._due[group]
                if not group.give(self, ends):
                    self._due[group] = None  # the others first, next time
                if time.monotonic() >= ends:
                    return
            while self._chores and time.monotonic() < ends:
                if next(self._chores[0], self) is self:
                    self._chores.popleft()
        finally:
            if self._due or self._chores:
                self._set_turn()

    # Coming and going.

    def enter(self, reader: Reader) -> None:
        """Know a reader from now on; ``place`` is what gives it anything."""
        reader.fanout = self
        self._readers.add(reader)
        reader.expires = expiry(self.life)
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def place(self, reader: Reader) -> None:
        """Give a reader who is ready its place: in the rounds if the ring holds all that it needs, else behind."""
        self._refusing.discard(reader)
        ring = self.ring
        if self.closed:
            self.dismiss(reader, "end")
        elif not reader.outlet.ready():
            self.refused(reader)
        elif reader.lacks or reader.untold or reader.cursor < max(ring.floor, ring.reset):
            if self.backlog is not None:
                self.backlog.take(reader)
        else:
            key = (reader.sieve, reader.outlet.form)
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = Group(*key, ring.head)
            group.add(reader)
            if reader.cursor < ring.head:
                self._due.setdefault(group)
                self._set_turn()

    def refused(self, reader: Reader) -> None:
        """Note that a reader takes no more; it says itself when there is room again."""
        self._leave_group(reader)
        if reader.fanout is self:
            self._refusing.add(reader)

    def leave(self, reader: Reader, why: Why = "left") -> None:
        """Forget a reader; not being known is nothing."""
        if reader.fanout is None:
            return
        reader.fanout = None
        self._leave_group(reader)
        self._readers.discard(reader)
        self._refusing.discard(reader)
        self.counts.closed[why] += 1
        if reader.released is not None:
            reader.released()

    def _leave_group(self, reader: Reader) -> None:
        group = reader.group
        if group is not None:
            group.remove(reader)
            if not group.size:
                self._groups.pop((group.sieve, group.form), None)

    def dismiss(self, reader: Reader, why: Why) -> None:
        """End a reader's stream, saying when to come back; one that takes nothing is cut off."""
        self.leave(reader, why)
        if why in _CUT_OFF:
            reader.outlet.abort()
        else:
            reader.outlet.end(farewell(why))

    def close(self) -> None:
        """Dismiss every reader, now and later."""
        self.closed = True
        for reader in list(self._readers):
            self.dismiss(reader, "end")

    async def drain(self, seconds: float) -> None:
        """Dismiss the readers spread over ``seconds``, in no order; the last of them is gone when this returns."""
        async for reader in spread(self._readers, seconds):
            if reader.fanout is self:
                self.dismiss(reader, "drain")
        self.close()

    # Now and then.

    def _beat(self, groups: list[Group]) -> Iterator[None]:
        """Write a comment to all who take part, so that proxies keep and clients trust the connection."""
        for group in groups:
            data = group.form.of(HEARTBEAT)
            for reader in group.members():
                if reader.group is group:
                    self.offer(reader, data, 0)
                yield

    def _sweep(self) -> None:
        """Let go of those who refuse for too long or lived long enough; break silences."""
        self._sweeping = bool(self._readers)
        if not self._sweeping:
            return
        asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)
        now = time.monotonic()
        for reader in list(self._refusing):
            refusing = now - reader.outlet.refused_since
            if refusing > SLOW_SECONDS:
                self.dismiss(reader, "stalled")
            elif refusing > LAG_SECONDS and reader.cursor < self.ring.floor and not reader.lacks:
                self.dismiss(reader, "lagging")
        silent = [group for group in self._groups.values() if now - group.spoke > self.beat - 2 * _SWEEP_SECONDS]
        if silent:
            for group in silent:
                group.spoke = now
            self._chores.append(self._beat(silent))
        self._sweeps += 1
        if self.life and not self._sweeps % _SWEEPS_A_LIFE_CHECK:
            self._chores.append(self._end_lives(now))
        if self._chores:
            self._set_turn()

    def _end_lives(self, now: float) -> Iterator[None]:
        for reader in list(self._readers):
            if reader.expires < now and reader.fanout is self:
                self.dismiss(reader, "life")
            yield
