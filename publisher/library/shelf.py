"""A shelf: one channel's part of the library. Folds events as ``shared.story.Story`` does, and remembers more."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from publisher.library.filed import Filed
from publisher.library.frames import Frames
from publisher.library.history import NOW, History, Past, microseconds
from shared.event import ClockEvent, DeleteEvent, PostEvent, ResetEvent, UpdateEvent

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from publisher.library.filed import Cache
    from publisher.library.stacks import Stacks
    from shared.event import Logged
    from shared.post import Author, Post


class Shelf:
    """The posts of one channel that are out, and its tombstones, clocks and last reset.

    Attributes:
        head: sequence number of the event that was filed last, 0 before any.
        released: release time of that event.
        changed: release time of the newest change, deletions and resets included; None before any.
        clock: the replay's clock as it was last set, None where there is none.
        last_reset: sequence number and event of the newest reset, None before any.
        history: of the present take: what stood when. Another object after a reset.
        lost: sequence number up to which the log had forgotten its events when the shelf was filed from it; 0 if none.
    """

    def __init__(self, stacks: Stacks, cache: Cache, channel: str, epoch: str) -> None:
        self._stacks = stacks
        self._cache = cache
        self._channel = channel
        self._epoch = epoch
        with stacks.transaction():
            self._begin()
        self._load()

    def _begin(self, lost: int = 0) -> None:
        """Make the shelf's row, unless it is there."""
        known = self._execute("SELECT id FROM shelf WHERE channel = ?", (self._channel,)).fetchone()
        if known is None:
            take = self._stacks.begin_take()
            self._execute("INSERT INTO shelf (channel, take, lost) VALUES (?, ?, ?)", (self._channel, take, lost))

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        return self._stacks.execute(statement, values)

    def _load(self) -> None:
        """Take over what the file says."""
        row = self._execute(
            "SELECT id, take, head, released, posts, releases, axis, changed, reset_seq, reset, lost FROM shelf "
            "WHERE channel = ?",
            (self._channel,),
        ).fetchone()
        self._id: int
        self._posts: int  # that are out
        self._releases: int  # first releases in this take, those of posts that are gone by now included
        self._axis: int | None  # story time of the latest event of this take, in microseconds; None before any
        self.head: int
        self.lost: int
        self._id, take, self.head, released, *counts, changed, reset_seq, reset, self.lost = row
        self._posts, self._releases, self._axis = counts
        self.released = datetime.fromisoformat(released) if released else None
        self.history = self._history_of(take)
        self.changed = datetime.fromisoformat(changed) if changed else None
        self.last_reset = (reset_seq, ResetEvent.model_validate_json(reset)) if reset else None
        self._clock_set = NOW
        self.clock = self.clock_at(NOW - 1)
        self._clock_set = self._execute("SELECT max(seq) FROM clock WHERE shelf = ?", (self._id,)).fetchone()[0] or 0
        self._authors: tuple[Author, ...] | None = None

    def frames(self) -> Frames:
        """Give the frames of the present take."""
        return Frames(self._stacks, self.history.take)

    def _history_of(self, take: int) -> History:
        return History(self._stacks, self._cache, take)

    # Filing.

    def file(self, batch: Sequence[Logged]) -> None:
        """File events, in the order of the log, in one transaction; what is filed already is passed over.

        A hundred posts take about 10 ms: cut long batches where the loop must not wait.

        Raises:
            LibraryError: the file failed; nothing of the batch is filed.
        """
        fresh = [logged for logged in batch if logged.seq > self.head]
        if not fresh:
            return
        if fresh[0].position.epoch != self._epoch:
            raise ValueError(f"an event of epoch {fresh[0].position.epoch} in a library of {self._epoch}")
        try:
            with self._stacks.transaction():
                for logged in fresh:
                    self._fold(logged)
                    self.head, self.released = logged.seq, logged.released_at
                self._save()
                self._stacks.sweep(len(fresh))
        except BaseException:
            self._cache.clear()
            self._load()
            raise

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

    def clear(self, lost: int = 0) -> None:
        """Empty the shelf, to be filed anew from the log's oldest event: it is behind what the log still holds.

        Args:
            lost: sequence number up to which the log has forgotten.
        """
        with self._stacks.transaction():
            self._stacks.end_take(self.history.take)
            self._execute("DELETE FROM clock WHERE shelf = ?", (self._id,))
            self._execute("DELETE FROM shelf WHERE id = ?", (self._id,))
            self._begin(lost)
        self._load()

    def _save(self) -> None:
        reset_seq, reset = self.last_reset or (None, None)
        self._execute(
            "UPDATE shelf SET take = ?, head = ?, released = ?, posts = ?, releases = ?, axis = ?, changed = ?, "
            "reset_seq = ?, reset = ? WHERE id = ?",
            (
                self.history.take,
                self.head,
                self.released.isoformat() if self.released else None,
                self._posts,
                self._releases,
                self._axis,
                self.changed.isoformat() if self.changed else None,
                reset_seq,
                reset.to_json().decode() if reset else None,
                self._id,
            ),
        )

    def _fold(self, logged: Logged) -> None:
        match logged.event:
            case PostEvent(post=post) | UpdateEvent(post=post):
                self._put(post, logged)
            case DeleteEvent(id=slug, withdrawn=withdrawn):
                self._take_away(slug, logged, withdrawn=withdrawn)
            case ResetEvent() as reset:
                self._stacks.end_take(self.history.take)
                self.history = self._history_of(self._stacks.begin_take())
                self._posts = self._releases = 0
                self._axis = None
                self._authors = None
                self.last_reset = (logged.seq, reset)
                self.changed = logged.released_at
            case ClockEvent() as clock:
                self._execute("INSERT INTO clock VALUES (?, ?, ?)", (self._id, logged.seq, clock.to_json().decode()))
                self.clock, self._clock_set = clock, logged.seq

    def _standing(self, slug: str) -> tuple[int, str, int, bool] | None:
        """Give first release, ordinal and whether it is a tombstone, without reading the post."""
        row: tuple[int, str, int, bool] | None = self._execute(
            "SELECT first_seq, first_released, ordinal, post IS NULL FROM version WHERE take = ? AND slug = ? "
            "ORDER BY seq DESC LIMIT 1",
            (self.history.take, slug),
        ).fetchone()
        return row

    def _put(self, post: Post, logged: Logged) -> None:
        first_seq, first_released, ordinal, gone = self._standing(post.id) or (0, "", 0, True)
        if gone:
            first_seq, first_released, ordinal = logged.seq, logged.released_at.isoformat(), self._releases
            self._posts += 1
            self._releases += 1
        self._add(logged, post.id, post, (first_seq, first_released, ordinal))
        self._credit(first_seq, post.authors, logged.seq)

    def _take_away(self, slug: str, logged: Logged, *, withdrawn: bool) -> None:
        standing = self._standing(slug)
        if standing is None or (standing[3] and not withdrawn):
            return
        first_seq, first_released, ordinal, gone = standing
        self._posts -= not gone
        if withdrawn:
            self._withdraw(slug)
        else:
            self._execute(
                "UPDATE version SET gone = ? WHERE take = ? AND seq = ?", (logged.seq, self.history.take, first_seq)
            )
            self._credit(first_seq, (), logged.seq)
        # Of one that is withdrawn, too, readers who have it must be told, even if it had been deleted before.
        self._add(logged, slug, None, (first_seq, first_released, ordinal), withdrawn=withdrawn)

    def _add(
        self, logged: Logged, slug: str, post: Post | None, first: tuple[int, str, int], *, withdrawn: bool = False
    ) -> None:
        """Add a version, or a tombstone, to the history; ``first`` is its first release: event, moment, ordinal."""
        story_time = logged.event.story_time
        moment = microseconds(story_time)
        self._axis = moment if self._axis is None else max(self._axis, moment)
        self._execute(
            "INSERT INTO version (take, seq, axis, releases, withdrawn, slug, first_seq, first_released, "
            "ordinal, released, story_time, post) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.history.take,
                logged.seq,
                self._axis,
                self._releases,
                withdrawn,
                slug,
                *first,
                logged.released_at.isoformat(),
                story_time.isoformat(),
                post.to_json().decode() if post is not None else None,
            ),
        )
        self.changed = logged.released_at
        first_seq, first_released, ordinal = first
        self._cache.put(
            self.history.take,
            Filed(
                slug,
                post,
                first_seq,
                datetime.fromisoformat(first_released),
                logged.seq,
                logged.released_at,
                deleted=post is None,
                story_time=story_time,
                ordinal=ordinal,
            ),
        )

    def _withdraw(self, slug: str) -> None:
        """Take a post out of the history, as if it had never been.

        Only its own rows are touched. The releases are counted on as if it had been: places in archives are for ever.
        """
        take = self.history.take
        rows = self._execute("SELECT seq, first_seq FROM version WHERE take = ? AND slug = ?", (take, slug)).fetchall()
        for born in {first_seq for _, first_seq in rows}:
            self._execute("DELETE FROM credit WHERE take = ? AND first_seq = ?", (take, born))
        self._execute("DELETE FROM version WHERE take = ? AND slug = ?", (take, slug))
        self._authors = None
        self.history.strike([seq for seq, _ in rows])

    def _credit(self, first_seq: int, authors: tuple[Author, ...], since: int) -> None:
        """Note who wrote the post that was first released at ``first_seq``, in the place of what was noted."""
        take = self.history.take
        credited = [author.to_json().decode() for author in dict.fromkeys(authors)]
        fresh = since == first_seq
        if not fresh:  # something may have been noted before
            noted = self._execute(
                "SELECT author.author FROM credit JOIN author ON author.id = credit.author "
                "WHERE credit.take = ? AND first_seq = ? AND until IS NULL ORDER BY place",
                (take, first_seq),
            ).fetchall()
            if credited == [author for (author,) in noted]:
                return
            self._execute(
                "UPDATE credit SET until = ? WHERE take = ? AND first_seq = ? AND until IS NULL",
                (since, take, first_seq),
            )
        for place, author in enumerate(credited):
            self._execute("INSERT INTO author (take, author) VALUES (?, ?) ON CONFLICT DO NOTHING", (take, author))
            self._execute(
                "INSERT INTO credit (take, first_seq, since, place, author) "
                "SELECT take, ?, ?, ?, id FROM author WHERE take = ? AND author = ?",
                (first_seq, since, place, take, author),
            )
        # Whoever signs a new post stands behind those who are there: the list need not be asked for again.
        known = self._authors if fresh else None
        self._authors = tuple(dict.fromkeys((*known, *authors))) if known is not None else None

    # Asking.

    def count(self) -> int:
        """Count the posts that are out."""
        return self._posts

    @property
    def releases(self) -> int:
        """Count the first releases of this take, those of posts that are gone by now included."""
        return self._releases

    @property
    def take(self) -> int:
        """Tell which take it is, from 1: every reset begins another."""
        return self.last_reset[1].take if self.last_reset else 1

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
        if self._authors is None:
            self._authors = self.history.authors()
        return self._authors

    def at(self, seq: int) -> Past:
        """Give the shelf as it stood after the event ``seq`` of the present take; never later than now."""
        return Past(self.history, min(seq, self.head))

    def clock_at(self, seq: int) -> ClockEvent | None:
        """Give the clock as it was last set at or before ``seq``, resets or no."""
        if seq >= self._clock_set:
            return self.clock
        row = self._execute(
            "SELECT event FROM clock WHERE shelf = ? AND seq <= ? ORDER BY seq DESC LIMIT 1", (self._id, seq)
        ).fetchone()
        return ClockEvent.model_validate_json(row[0]) if row else None
