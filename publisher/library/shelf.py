"""A shelf: one channel's part of the library. Folds events as ``shared.story.Story`` does, and remembers more."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from shared.event import ClockEvent, DeleteEvent, PostEvent, ResetEvent, UpdateEvent
from shared.post import Author, Post

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from publisher.library.stacks import Stacks
    from shared.event import Logged

_COLUMNS = "slug, first_seq, first_released, seq, released, story_time, gone_after IS NOT NULL, post"
_SEQ_LIMIT = 2**63 - 1
Row = tuple[str, int, str, int, str, str, int, str | None]


@dataclass(frozen=True, slots=True)
class Filed:
    """A post as it stands on the shelf, or the tombstone of one.

    Attributes:
        slug: the post's id within its channel.
        post: the newest version, in story time; None on a tombstone.
        first_seq: sequence number of the event that first released it (in this take, and since its last deletion).
        first_released: when that was.
        seq: sequence number of the event that brought this version, or took the post away.
        released: when that was.
        deleted: it is a tombstone.
        story_time: of that newest event: when the post was made, changed or taken away in the world.
    """

    slug: str
    post: Post | None
    first_seq: int
    first_released: datetime
    seq: int
    released: datetime
    deleted: bool
    story_time: datetime


class Cache:
    """Posts, parsed: those that were asked for or filed last, so that a window is not parsed at each ask."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._filed: OrderedDict[tuple[int, str], Filed] = OrderedDict()

    def get(self, take: int, slug: str) -> Filed | None:
        """Find an entry and keep it longer."""
        filed = self._filed.get((take, slug))
        if filed is not None:
            self._filed.move_to_end((take, slug))
        return filed

    def put(self, take: int, filed: Filed) -> None:
        """Keep an entry, in the place of an older version of it."""
        self._filed[take, filed.slug] = filed
        self._filed.move_to_end((take, filed.slug))
        if len(self._filed) > self._size:
            self._filed.popitem(last=False)

    def clear(self) -> None:
        """Forget all: a transaction failed, so some of what was put here never happened."""
        self._filed.clear()


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

    def _standing(self, slug: str) -> tuple[int, str, bool] | None:
        """Give first release and whether it is a tombstone, without reading the post."""
        row: tuple[int, str, bool] | None = self._execute(
            "SELECT first_seq, first_released, gone_after IS NOT NULL FROM post WHERE take = ? AND slug = ?",
            (self._take, slug),
        ).fetchone()
        return row

    def _put(self, post: Post, logged: Logged) -> None:
        released = logged.released_at.isoformat()
        first_seq, first_released, gone = self._standing(post.id) or (logged.seq, released, True)
        if gone:
            first_seq, first_released = logged.seq, released
            self._posts += 1
            self._releases += 1
        story_time = logged.event.story_time
        self._execute(
            "INSERT OR REPLACE INTO post (take, slug, first_seq, first_released, seq, released, story_time, post) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._take,
                post.id,
                first_seq,
                first_released,
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
                post.id, post, first_seq, first, logged.seq, logged.released_at, deleted=False, story_time=story_time
            ),
        )

    def _take_away(self, slug: str, logged: Logged) -> None:
        first_seq, first_released, gone = self._standing(slug) or (0, "", True)
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
            Filed(slug, None, first_seq, first, logged.seq, logged.released_at, deleted=True, story_time=story_time),
        )

    def _credit(self, first_seq: int, authors: tuple[Author, ...]) -> None:
        """Note who wrote the post that was first released at ``first_seq``, in the place of what was noted."""
        self._execute("DELETE FROM credit WHERE take = ? AND first_seq = ?", (self._take, first_seq))
        for place, author in enumerate(dict.fromkeys(author.to_json().decode() for author in authors)):
            self._execute(
                "INSERT INTO author (take, author) VALUES (?, ?) ON CONFLICT DO NOTHING", (self._take, author)
            )
            self._execute(
                "INSERT INTO credit SELECT take, ?, ?, id FROM author WHERE take = ? AND author = ?",
                (first_seq, place, self._take, author),
            )
        self._authors = None

    # Asking.

    def count(self) -> int:
        """Count the posts that are out."""
        return self._posts

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
            f"SELECT {_COLUMNS} FROM post WHERE take = ? AND slug = ?",  # noqa: S608 a constant
            (self._take, slug),
        ).fetchone()
        if row is None:
            return None
        filed = _filed(row)
        self._cache.put(self._take, filed)
        return filed

    def tombstones(self, size: int) -> list[Filed]:
        """List the tombstones, newest first; each stands until ``size`` further posts have been released."""
        rows = self._execute(
            f"SELECT {_COLUMNS} FROM post WHERE take = ? AND gone_after > ? "  # noqa: S608 a constant
            "ORDER BY gone_after DESC, seq DESC",
            (self._take, self._releases - size),
        ).fetchall()
        return [_filed(row) for row in rows]

    def authors(self) -> tuple[Author, ...]:
        """List the authors of the posts that are out, each once, in order of first appearance."""
        if self._authors is None:
            rows = self._execute(
                "SELECT author.author FROM author JOIN credit ON credit.author = author.id "
                "WHERE author.take = ? "
                "AND credit.first_seq = (SELECT min(first_seq) FROM credit WHERE credit.author = author.id) "
                "ORDER BY credit.first_seq, credit.place",
                (self._take,),
            )
            self._authors = tuple(Author.model_validate_json(author) for (author,) in rows)
        return self._authors

    def clock_at(self, seq: int) -> ClockEvent | None:
        """Give the clock as it was last set at or before ``seq``, resets or no."""
        if seq >= self._clock_set:
            return self.clock
        row = self._execute(
            "SELECT event FROM clock WHERE shelf = ? AND seq <= ? ORDER BY seq DESC LIMIT 1", (self._id, seq)
        ).fetchone()
        return ClockEvent.model_validate_json(row[0]) if row else None


def _filed(row: Row) -> Filed:
    slug, first_seq, first_released, seq, released, story_time, deleted, post = row
    return Filed(
        slug=slug,
        post=Post.model_validate_json(post) if post is not None else None,
        first_seq=first_seq,
        first_released=datetime.fromisoformat(first_released),
        seq=seq,
        released=datetime.fromisoformat(released),
        deleted=bool(deleted),
        story_time=datetime.fromisoformat(story_time),
    )
