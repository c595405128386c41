"""A shelf: one channel's part of the library. Folds events as ``shared.story.Story`` does, and remembers more."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from publisher.library.filed import COLUMNS, Filed, filed_of
from shared.event import ClockEvent, DeleteEvent, PostEvent, ResetEvent, UpdateEvent
from shared.post import Author

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from publisher.library.filed import Cache
    from publisher.library.stacks import Stacks
    from shared.event import Logged
    from shared.post import Post

_SEQ_LIMIT = 2**63 - 1
MOST_TOMBSTONES = 1000
"""However many posts are taken away at once, documents carry so many tombstones."""


class Shelf:
    """The posts of one channel that are out, and its tombstones, clocks and last reset.

    Attributes:
        head: sequence number of the event that was filed last, 0 before any.
        changed: release time of the newest change, deletions and resets included; None before any.
        clock: the replay's clock as it was last set, None where there is none.
        last_reset: sequence number and event of the newest reset, None before any.
    """

    def __init__(self, stacks: Stacks, cache: Cache, channel: str, epoch: str) -> None:
        self._stacks = stacks
        self._cache = cache
        self._channel = channel
        self._epoch = epoch
        with stacks.transaction():
            self._begin()
        self._load()

    def _begin(self) -> None:
        """Make the shelf's row, unless it is there."""
        known = self._execute("SELECT id FROM shelf WHERE channel = ?", (self._channel,)).fetchone()
        if known is None:
            take = self._stacks.begin_take()
            self._execute("INSERT INTO shelf (channel, take) VALUES (?, ?)", (self._channel, take))

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        return self._stacks.execute(statement, values)

    def _load(self) -> None:
        """Take over what the file says."""
        row = self._execute(
            "SELECT id, take, head, posts, releases, changed, reset_seq, reset FROM shelf WHERE channel = ?",
            (self._channel,),
        ).fetchone()
        self._id: int
        self._take: int
        self._posts: int  # that are out
        self._releases: int  # first releases in this take, those of posts that are gone by now included
        self.head: int
        self._id, self._take, self.head, self._posts, self._releases, changed, reset_seq, reset = row
        self.changed = datetime.fromisoformat(changed) if changed else None
        self.last_reset = (reset_seq, ResetEvent.model_validate_json(reset)) if reset else None
        self._clock_set = _SEQ_LIMIT
        self.clock = self.clock_at(_SEQ_LIMIT - 1)
        self._clock_set = self._execute("SELECT max(seq) FROM clock WHERE shelf = ?", (self._id,)).fetchone()[0] or 0
        self._authors: tuple[Author, ...] | None = None

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
                    self.head = logged.seq
                self._save()
                self._stacks.sweep(len(fresh))
        except BaseException:
            self._cache.clear()
            self._load()
            raise

    def clear(self) -> None:
        """Empty the shelf, to be filed anew from the log's oldest event: it is behind what the log still holds."""
        with self._stacks.transaction():
            self._stacks.end_take(self._take)
            self._execute("DELETE FROM clock WHERE shelf = ?", (self._id,))
            self._execute("DELETE FROM shelf WHERE id = ?", (self._id,))
            self._begin()
        self._load()

    def _save(self) -> None:
        reset_seq, reset = self.last_reset or (None, None)
        self._execute(
            "UPDATE shelf SET take = ?, head = ?, posts = ?, releases = ?, changed = ?, reset_seq = ?, reset = ? "
            "WHERE id = ?",
            (
                self._take,
                self.head,
                self._posts,
                self._releases,
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
            case DeleteEvent(id=slug):
                self._take_away(slug, logged)
            case ResetEvent() as reset:
                self._stacks.end_take(self._take)
                self._take = self._stacks.begin_take()
                self._posts = self._releases = 0
                self._authors = None
                self.last_reset = (logged.seq, reset)
                self.changed = logged.released_at
            case ClockEvent() as clock:
                self._execute("INSERT INTO clock VALUES (?, ?, ?)", (self._id, logged.seq, clock.to_json().decode()))
                self.clock, self._clock_set = clock, logged.seq

    def _standing(self, slug: str) -> tuple[int, str, int, bool] | None:
        """Give first release, ordinal and whether it is a tombstone, without reading the post."""
        row: tuple[int, str, int, bool] | None = self._execute(
            "SELECT first_seq, first_released, ordinal, gone_after IS NOT NULL FROM post WHERE take = ? AND slug = ?",
            (self._take, slug),
        ).fetchone()
        return row

    def _put(self, post: Post, logged: Logged) -> None:
        released = logged.released_at.isoformat()
        first_seq, first_released, ordinal, gone = self._standing(post.id) or (0, "", 0, True)
        if gone:
            first_seq, first_released, ordinal = logged.seq, released, self._releases
            self._posts += 1
            self._releases += 1
        story_time = logged.event.story_time
        self._execute(
            "INSERT OR REPLACE INTO post "
            "(take, slug, first_seq, first_released, ordinal, seq, released, story_time, post) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._take,
                post.id,
                first_seq,
                first_released,
                ordinal,
                logged.seq,
                released,
                story_time.isoformat(),
                post.to_json().decode(),
            ),
        )
        self._credit(first_seq, post.authors)
        self.changed = logged.released_at
        first = datetime.fromisoformat(first_released)
        self._cache.put(
            self._take,
            Filed(
                post.id,
                post,
                first_seq,
                first,
                logged.seq,
                logged.released_at,
                deleted=False,
                story_time=story_time,
                ordinal=ordinal,
            ),
        )

    def _take_away(self, slug: str, logged: Logged) -> None:
        first_seq, first_released, ordinal, gone = self._standing(slug) or (0, "", 0, True)
        if gone:
            return
        story_time = logged.event.story_time
        self._execute(
            "UPDATE post SET seq = ?, released = ?, story_time = ?, gone_after = ?, post = NULL "
            "WHERE take = ? AND slug = ?",
            (
                logged.seq,
                logged.released_at.isoformat(),
                story_time.isoformat(),
                self._releases,
                self._take,
                slug,
            ),
        )
        self._credit(first_seq, ())
        self._posts -= 1
        self.changed = logged.released_at
        first = datetime.fromisoformat(first_released)
        self._cache.put(
            self._take,
            Filed(
                slug,
                None,
                first_seq,
                first,
                logged.seq,
                logged.released_at,
                deleted=True,
                story_time=story_time,
                ordinal=ordinal,
            ),
        )

    def _credit(self, first_seq: int, authors: tuple[Author, ...]) -> None:
        """Note who wrote the post that was first released at ``first_seq``, in the place of what was noted."""
        known = self._execute("DELETE FROM credit WHERE take = ? AND first_seq = ?", (self._take, first_seq)).rowcount
        for place, author in enumerate(dict.fromkeys(author.to_json().decode() for author in authors)):
            self._execute(
                "INSERT INTO author (take, author) VALUES (?, ?) ON CONFLICT DO NOTHING", (self._take, author)
            )
            self._execute(
                "INSERT INTO credit SELECT take, ?, ?, id FROM author WHERE take = ? AND author = ?",
                (first_seq, place, self._take, author),
            )
        # Whoever signs a new post stands behind those who are there: the list need not be asked for again.
        fresh = self._authors is not None and not known
        self._authors = tuple(dict.fromkeys((*(self._authors or ()), *authors))) if fresh else None

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
        """List the posts and tombstones whose ordinals begin at ``first`` and are ``size`` in a row, newest first.

        They are read past the cache: who walks through the history shall not drive the window out of it.
        """
        rows = self._execute(
            f"SELECT {COLUMNS} FROM post WHERE take = ? AND ordinal >= ? AND ordinal < ? "  # noqa: S608 a constant
            "ORDER BY ordinal DESC",
            (self._take, first, first + size),
        ).fetchall()
        return [filed_of(row) for row in rows]

    def slot_version(self, first: int, size: int) -> tuple[int, int]:
        """Give what changes whenever one of ``slot``'s posts does: how many there are, and the newest event of them."""
        count, newest = self._execute(
            "SELECT count(*), coalesce(max(seq), 0) FROM post WHERE take = ? AND ordinal >= ? AND ordinal < ?",
            (self._take, first, first + size),
        ).fetchone()
        return count, newest

    def window(self, size: int) -> list[Filed]:
        """List the ``size`` posts that were first released last, newest first."""
        return self.older(_SEQ_LIMIT, size)

    def older(self, before: int, size: int) -> list[Filed]:
        """List the ``size`` posts that were first released last before sequence number ``before``, newest first."""
        rows = self._execute(
            "SELECT slug FROM post WHERE take = ? AND gone_after IS NULL AND first_seq < ? "
            "ORDER BY first_seq DESC LIMIT ?",
            (self._take, before, size),
        ).fetchall()
        return [filed for (slug,) in rows if (filed := self.find(slug)) is not None]

    def find(self, slug: str) -> Filed | None:
        """Find a post or its tombstone by its slug."""
        cached = self._cache.get(self._take, slug)
        if cached is not None:
            return cached
        row = self._execute(
            f"SELECT {COLUMNS} FROM post WHERE take = ? AND slug = ?",  # noqa: S608 a constant
            (self._take, slug),
        ).fetchone()
        if row is None:
            return None
        filed = filed_of(row)
        self._cache.put(self._take, filed)
        return filed

    def tombstones(self, size: int) -> list[Filed]:
        """List the newest tombstones, newest first; each stands until ``size`` further posts have been released."""
        rows = self._execute(
            f"SELECT {COLUMNS} FROM post WHERE take = ? AND gone_after > ? "  # noqa: S608 a constant
            "ORDER BY gone_after DESC, seq DESC LIMIT ?",
            (self._take, self._releases - size, MOST_TOMBSTONES),
        ).fetchall()
        return [filed_of(row) for row in rows]

    def authors(self) -> tuple[Author, ...]:
        """List the authors of the posts that are out, each once, in order of first appearance."""
        if self._authors is None:
            # One look into an index an author: how many posts each has written costs nothing.
            first = "(SELECT {} FROM credit WHERE credit.author = author.id ORDER BY first_seq, place LIMIT 1)"
            rows = self._execute(
                f"SELECT author, {first.format('first_seq')} AS first, {first.format('place')} AS place "  # noqa: S608
                "FROM author WHERE take = ? AND first IS NOT NULL ORDER BY first, place",
                (self._take,),
            )
            self._authors = tuple(Author.model_validate_json(author) for author, _, _ in rows)
        return self._authors

    def clock_at(self, seq: int) -> ClockEvent | None:
        """Give the clock as it was last set at or before ``seq``, resets or no."""
        if seq >= self._clock_set:
            return self.clock
        row = self._execute(
            "SELECT event FROM clock WHERE shelf = ? AND seq <= ? ORDER BY seq DESC LIMIT 1", (self._id, seq)
        ).fetchone()
        return ClockEvent.model_validate_json(row[0]) if row else None
