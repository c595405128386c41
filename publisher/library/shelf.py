"""A shelf: one channel's part of the library."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from publisher.library.entry import Entry
from publisher.library.frames import Frames
from publisher.library.history import NOW, Past
from publisher.library.opening import LibraryError
from publisher.library.take import Take
from publisher.log.contract import Line
from shared.event import ClockEvent, DeleteEvent, ResetEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from publisher.library.filed import Filed, Parsed
    from publisher.library.history import History
    from publisher.library.stacks import Stacks
    from shared.event import Logged
    from shared.post import Author


class Shelf:
    """The posts of one channel that are out, and its tombstones, clocks and last reset.

    Attributes:
        channel: its name.
        head: sequence number of the event that was filed last, 0 before any.
        released: when that was released, in ISO 8601; None before any.
        clock: the replay's clock as it was last set, None where there is none.
        last_reset: sequence number and event of the newest reset, None before any.
        lost: sequence number up to which the log had forgotten its events when the shelf was filed from it; 0 if none.
    """

    def __init__(self, stacks: Stacks, cache: Parsed, channel: str, epoch: str) -> None:
        self._stacks = stacks
        self._cache = cache
        self.channel = channel
        self._epoch = epoch
        with stacks.transaction():
            self._begin()
        self._load()

    def _begin(self, lost: int = 0) -> None:
        """Make the shelf's row, unless it is there."""
        if self._stacks.row("SELECT id FROM shelf WHERE channel = ?", (self.channel,)) is None:
            self._stacks.execute(
                "INSERT INTO shelf (channel, take, lost) VALUES (?, ?, ?)",
                (self.channel, self._stacks.begin_take(), lost),
            )

    def _load(self) -> None:
        """Take over what the file says."""
        self._id: int
        self.head: int
        self.released: str | None
        self._changed: str | None
        self.lost: int
        row = self._stacks.row(
            "SELECT id, head, released, changed, lost, reset_seq, reset, take, posts, releases, axis FROM shelf "
            "WHERE channel = ?",
            (self.channel,),
        )
        self._id, self.head, self.released, self._changed, self.lost, *row = row
        reset_seq, reset, number, posts, releases, axis = row
        self._take = Take(self._stacks, self._cache, number, (posts, releases, axis))
        self.last_reset = (reset_seq, ResetEvent.model_validate_json(reset)) if reset else None
        self._clock_set = NOW
        self.clock = self.clock_at(NOW - 1)
        (self._clock_set,) = self._stacks.row("SELECT coalesce(max(seq), 0) FROM clock WHERE shelf = ?", (self._id,))

    # Filing.

    def file(self, batch: Sequence[Logged] | Sequence[Line]) -> None:
        """File events, in the order of the log, in one transaction; what is filed already is passed over.

        A hundred posts take about 10 ms, lines of the log a fourth of that: cut long batches where the loop must not
        wait.

        Raises:
            LibraryError: the file failed, or a line cannot be read; nothing of the batch is filed.
        """
        fresh = [event for event in batch if event.seq > self.head]
        if not fresh:
            return
        if not isinstance(fresh[0], Line) and fresh[0].position.epoch != self._epoch:
            raise ValueError(f"an event of epoch {fresh[0].position.epoch} in a library of {self._epoch}")
        with self.together():
            for event in fresh:
                self._fold(self._entry(event))
            self._save()
            self._stacks.sweep(len(fresh))

    @contextmanager
    def together(self) -> Iterator[None]:
        """File what is filed in the ``with`` block in one transaction: a third of the time of one an event.

        Raises:
            LibraryError: the file failed; nothing of the block is filed.
        """
        try:
            with self._stacks.transaction():
                yield
        except BaseException:
            self._cache.clear()
            self._load()
            raise

    async def wiped(self) -> None:
        """Wait until no word of what was withdrawn is on the disk."""
        await self._stacks.wiped()

    def clear(self, lost: int = 0) -> None:
        """Empty the shelf, to be filed anew from the log's oldest event: what it holds does not go on there.

        Args:
            lost: sequence number up to which the log has forgotten.
        """
        with self._stacks.transaction():
            self._stacks.end_take(self._take.number)
            self._stacks.execute("DELETE FROM clock WHERE shelf = ?", (self._id,))
            self._stacks.execute("DELETE FROM shelf WHERE id = ?", (self._id,))
            self._begin(lost)
        self._load()

    def _save(self) -> None:
        take = self._take
        reset_seq, reset = self.last_reset or (None, None)
        self._stacks.execute(
            "UPDATE shelf SET take = ?, posts = ?, releases = ?, axis = ?, head = ?, released = ?, changed = ?, "
            "reset_seq = ?, reset = ? WHERE id = ?",
            (
                take.number,
                take.posts,
                take.releases,
                take.axis,
                self.head,
                self.released,
                self._changed,
                reset_seq,
                reset.to_json().decode() if reset else None,
                self._id,
            ),
        )

    def _entry(self, event: Logged | Line) -> Entry:
        try:
            return Entry.of(event)
        except ValueError as error:
            raise LibraryError(
                f"event {event.seq} of the log cannot be read; it was changed by hand, or written by a newer newsreel"
            ) from error

    def _fold(self, entry: Entry) -> None:
        match entry.event:
            case None:
                self._take.put(entry)
                self._changed = entry.released
            case DeleteEvent(withdrawn=withdrawn):
                if self._take.take_away(entry, withdrawn=withdrawn):
                    self._changed = entry.released
            case ResetEvent() as reset:
                self._stacks.end_take(self._take.number)
                self._take = Take(self._stacks, self._cache, self._stacks.begin_take())
                self._changed = entry.released
                self.last_reset = (entry.seq, reset)
                # Of what was before nobody asks any more, but for how the clock stood.
                self._stacks.execute(
                    "DELETE FROM clock WHERE shelf = ?1 AND seq < (SELECT max(seq) FROM clock WHERE shelf = ?1)",
                    (self._id,),
                )
            case ClockEvent() as clock:
                self._stacks.execute(
                    "INSERT INTO clock VALUES (?, ?, ?)", (self._id, entry.seq, clock.to_json().decode())
                )
                self.clock, self._clock_set = clock, entry.seq
        self.head, self.released = entry.seq, entry.released

    # Asking.

    @property
    def changed(self) -> datetime | None:
        """Tell when the newest change was released, deletions and resets included; None before any."""
        return datetime.fromisoformat(self._changed) if self._changed else None

    @property
    def history(self) -> History:
        """Give what stood when in the present take; another object after a reset."""
        return self._take.history

    @property
    def releases(self) -> int:
        """Count the first releases of this take, those of posts that are gone by now included."""
        return self._take.releases

    @property
    def take(self) -> int:
        """Tell which take it is, from 1: every reset begins another."""
        return self.last_reset[1].take if self.last_reset else 1

    def count(self) -> int:
        """Count the posts that are out."""
        return self._take.posts

    def frames(self) -> Frames:
        """Give the frames of the present take."""
        return Frames(self._stacks, self._take.number)

    def slot(self, first: int, size: int) -> list[Filed]:
        """List the posts and tombstones whose ordinals begin at ``first`` and are ``size`` in a row, newest first."""
        return self.history.slot(first, size)

    def slot_version(self, first: int, size: int) -> tuple[int, int]:
        """Give what changes whenever one of ``slot``'s posts does: how many there are, and the newest event of them."""
        return self.history.slot_version(first, size)

    def window(self, size: int) -> list[Filed]:
        """List the ``size`` posts that were first released last, newest first."""
        return self.history.window(size)

    def find(self, slug: str) -> Filed | None:
        """Find a post or its tombstone by its slug."""
        return self.history.find(slug)

    def withdrew(self, slug: str) -> bool:
        """Tell whether a post was withdrawn for good, and has not come again."""
        return self.history.withdrew(slug)

    def tombstones(self, size: int) -> list[Filed]:
        """List the tombstones, newest first; each stands until ``size`` further posts have been released."""
        return self.history.tombstones(size)

    def authors(self) -> tuple[Author, ...]:
        """List the authors of the posts that are out, each once, in order of first appearance."""
        return self._take.authors()

    def at(self, seq: int) -> Past:
        """Give the shelf as it stood after the event ``seq`` of the present take; never later than now."""
        return Past(self.history, min(seq, self.head))

    def clock_at(self, seq: int) -> ClockEvent | None:
        """Give the clock as it was last set at or before ``seq``, resets or no."""
        if seq >= self._clock_set:
            return self.clock
        row = self._stacks.row(
            "SELECT event FROM clock WHERE shelf = ? AND seq <= ? ORDER BY seq DESC LIMIT 1", (self._id, seq)
        )
        return ClockEvent.model_validate_json(row[0]) if row else None
