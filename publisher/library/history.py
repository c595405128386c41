"""The history of one take: every version of every post, so that the channel can be asked how it stood at any event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from publisher.library.filed import COLUMNS, Filed, filed_of, kept_bytes
from publisher.library.timeline import Mark, Timeline
from publisher.moments import microseconds
from shared.post import Author

if TYPE_CHECKING:
    from collections.abc import Collection

    from publisher.library.filed import Parsed
    from publisher.library.stacks import Stacks

NOW = 2**63 - 1
"""The sequence number to ask for what stands now."""

MOST_TOMBSTONES = 1000
"""However many posts are taken away at once, documents carry so many tombstones."""

_BEFORE_ALL = -(2**63)
_END = "SELECT seq, axis FROM version WHERE take = ? AND withdrawn = 0 ORDER BY axis {0}, seq {0} LIMIT 1"
GROWN = 10_000
"""Events by which the timeline grows in one go, in about 5 ms."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of an event: how many posts had been released first by then, and when it was released."""

    releases: int
    released: datetime


class History:
    """What one take of a channel holds, asked as of an event: ``upto`` is its sequence number.

    Nothing of what stood before ``upto`` is lost by what came after, but for withdrawals: a post that was withdrawn
    never was, and only who asks for ``NOW`` is told of its tombstone.
    """

    def __init__(self, stacks: Stacks, cache: Parsed, take: int) -> None:
        self.take = take
        self._stacks = stacks
        self._cache = cache
        self._line = Timeline()

    def tally(self, upto: int) -> Tally | None:
        """Tell of the newest event up to ``upto``, None if nothing was out yet."""
        row = self._stacks.row(
            "SELECT releases, released FROM version WHERE take = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
            (self.take, upto),
        )
        return Tally(row[0], datetime.fromisoformat(row[1])) if row else None

    def releases(self, upto: int) -> int:
        """Count the first releases up to ``upto``, those of posts that are gone by now included."""
        tally = self.tally(upto)
        return tally.releases if tally else 0

    def window(self, size: int, upto: int = NOW) -> list[Filed]:
        """List the ``size`` posts that were first released last, newest first."""
        if upto == NOW:  # past all that is gone, however much of it lies between the newest posts
            rows = self._stacks.rows(
                "SELECT (SELECT max(seq) FROM version WHERE take = ?1 AND slug = born.slug) FROM version AS born "
                "WHERE take = ?1 AND seq = first_seq AND gone IS NULL ORDER BY seq DESC LIMIT ?2",
                (self.take, size),
            )
        else:
            rows = self._stacks.rows(
                "SELECT (SELECT max(seq) FROM version WHERE take = ?1 AND slug = born.slug AND seq <= ?2) "
                "FROM version AS born WHERE take = ?1 AND seq = first_seq AND ordinal < ?3 AND seq <= ?2 "
                "AND (gone IS NULL OR gone > ?2) ORDER BY ordinal DESC LIMIT ?4",
                (self.take, upto, self.releases(upto), size),
            )
        return [self._version(seq) for (seq,) in rows]

    def find(self, slug: str, upto: int = NOW) -> Filed | None:
        """Find the version of a post that stood, or its tombstone."""
        row = self._stacks.row(
            "SELECT seq, withdrawn FROM version WHERE take = ? AND slug = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
            (self.take, slug, upto),
        )
        if row is None or (row[1] and upto != NOW):
            return None
        return self._version(row[0])

    def withdrew(self, slug: str) -> bool:
        """Tell whether a post was withdrawn for good, and has not come again."""
        row = self._stacks.row(
            "SELECT withdrawn FROM version WHERE take = ? AND slug = ? ORDER BY seq DESC LIMIT 1", (self.take, slug)
        )
        return row is not None and bool(row[0])

    def event(self, seq: int) -> Filed:
        """Give what an event that is on the timeline brought."""
        return self._version(seq)

    def withdrawal(self) -> tuple[int, datetime] | None:
        """Tell which event last withdrew a post, and when; None if none did."""
        row = self._stacks.row(
            "SELECT seq, released FROM version WHERE take = ? AND withdrawn ORDER BY seq DESC LIMIT 1", (self.take,)
        )
        return (row[0], datetime.fromisoformat(row[1])) if row else None

    def tombstones(self, size: int, upto: int = NOW) -> list[Filed]:
        """List the newest tombstones, newest first; each stands until ``size`` further posts have been released."""
        releases = self.releases(upto)
        rows = self._stacks.rows(
            "SELECT seq FROM version AS gone WHERE take = ? AND post IS NULL AND releases > ? AND releases <= ? "
            "AND seq <= ? AND (? OR NOT withdrawn) AND NOT EXISTS "
            "(SELECT 1 FROM version WHERE take = gone.take AND slug = gone.slug AND seq > gone.seq AND seq <= ?) "
            "ORDER BY releases DESC, seq DESC LIMIT ?",
            (self.take, releases - size, releases, upto, upto == NOW, upto, MOST_TOMBSTONES),
        )
        return [self._version(seq) for (seq,) in rows]

    def withdrawn(self) -> list[str]:
        """List the slugs of the posts that were withdrawn."""
        rows = self._stacks.rows("SELECT slug FROM version WHERE take = ? AND withdrawn", (self.take,))
        return [slug for (slug,) in rows]

    def withdrawals(self, after: int, most: int) -> int:
        """Count the withdrawals after the event ``after``, up to ``most``, also of posts that have come again since."""
        row = self._stacks.row(
            "SELECT count(*) FROM (SELECT 1 FROM version WHERE take = ? AND seq > ? AND withdrawn LIMIT ?)",
            (self.take, after, most),
        )
        return int(row[0])

    def authors(self, upto: int = NOW) -> tuple[Author, ...]:
        """List the authors of the posts that were out, each once, in order of first appearance."""
        # One look into an index an author: how many posts each has written costs nothing.
        first = (
            "(SELECT {} FROM credit WHERE credit.author = author.id AND first_seq <= ?2 AND since <= ?2 "
            "AND (until IS NULL OR until > ?2) ORDER BY first_seq, place LIMIT 1)"
        )
        rows = self._stacks.rows(
            f"SELECT author, {first.format('first_seq')} AS first, {first.format('place')} AS place "  # noqa: S608
            "FROM author WHERE take = ?1 AND first IS NOT NULL ORDER BY first, place",
            (self.take, upto),
        )
        return tuple(Author.model_validate_json(author) for author, _, _ in rows)

    def slot(self, first: int, size: int, upto: int = NOW) -> list[Filed]:
        """List the posts and tombstones whose ordinals begin at ``first`` and are ``size`` in a row, newest first.

        They are read past the cache: who walks through the history shall not drive the window out of it.
        """
        return [self._read(seq) for seq in self._slot(first, size, upto)]

    def slot_version(self, first: int, size: int) -> tuple[int, int]:
        """Give what changes whenever one of ``slot``'s posts does: how many there are, and the newest event of them."""
        seqs = self._slot(first, size, NOW)
        return len(seqs), max(seqs, default=0)

    def _slot(self, first: int, size: int, upto: int) -> list[int]:
        rows = self._stacks.rows(
            "SELECT (SELECT max(seq) FROM version WHERE take = ?1 AND slug = born.slug AND seq <= ?4) "
            "FROM version AS born "
            "WHERE take = ?1 AND seq = first_seq AND ordinal >= ?2 AND ordinal < ?3 AND seq <= ?4 "
            "AND (gone IS NULL OR gone > ?4 OR NOT EXISTS (SELECT 1 FROM version "  # released again, it stands there
            "WHERE take = ?1 AND slug = born.slug AND seq > born.gone AND seq <= ?4)) ORDER BY ordinal DESC",
            (self.take, first, first + size, upto),
        )
        return [seq for (seq,) in rows]

    def ends(self) -> tuple[Mark, Mark] | None:
        """Give the first and the last event of the timeline, None where there is none."""
        first, last = (self._stacks.row(_END.format(way), (self.take,)) for way in ("ASC", "DESC"))
        return (Mark(*first), Mark(*last)) if first else None

    def seq_at(self, moment: datetime) -> int:
        """Tell the last event that had happened at ``moment`` of the story; 0 before any had."""
        row = self._stacks.row(
            "SELECT seq FROM version WHERE take = ? AND withdrawn = 0 AND axis <= ? "
            "ORDER BY axis DESC, seq DESC LIMIT 1",
            (self.take, microseconds(moment)),
        )
        return int(row[0]) if row else 0

    def timeline(self) -> Timeline:
        """Give the timeline up to now; the same object, which grows. Reading a million events takes half a second."""
        while self.grow():
            pass
        return self._line

    def grow(self) -> bool:
        """Bring the timeline on by ``GROWN`` events; tell whether there may be more."""
        line = self._line
        rows = self._stacks.rows(
            "SELECT seq, axis FROM version WHERE take = ? AND withdrawn = 0 AND (axis, seq) > (?, ?) "
            "ORDER BY axis, seq LIMIT ?",
            (self.take, *((line.times[-1], line.seqs[-1]) if line.seqs else (_BEFORE_ALL, 0)), GROWN),
        )
        line.seqs.extend(seq for seq, _ in rows)
        line.times.extend(time for _, time in rows)
        return len(rows) == GROWN

    def strike(self, seqs: Collection[int]) -> None:
        """Take events out of the timeline: their post was withdrawn. Who holds the old one keeps it as it was."""
        self._line = self._line.without(seqs)
        for seq in seqs:
            self._cache.discard((self.take, seq))

    def _version(self, seq: int) -> Filed:
        filed = self._cache.get((self.take, seq))
        if filed is None:
            filed = self._read(seq)
            self._cache.put((self.take, seq), filed, kept_bytes(filed))
        return filed

    def _read(self, seq: int) -> Filed:
        row = self._stacks.row(
            f"SELECT {COLUMNS} FROM version WHERE take = ? AND seq = ?",  # noqa: S608 a constant
            (self.take, seq),
        )
        return filed_of(row)


@dataclass(frozen=True, slots=True)
class Past:
    """A shelf as it stood after the event ``head``; it answers what a shelf answers. Meant to be asked and let go."""

    history: History
    head: int

    @property
    def changed(self) -> datetime | None:
        """Tell when the event was released, None before any."""
        tally = self.history.tally(self.head)
        return tally.released if tally else None

    @property
    def releases(self) -> int:
        """Count the first releases so far, those of posts that are gone by now included."""
        return self.history.releases(self.head)

    def slot(self, first: int, size: int) -> list[Filed]:
        """List the posts and tombstones whose ordinals begin at ``first`` and are ``size`` in a row, newest first."""
        return self.history.slot(first, size, self.head)

    def window(self, size: int) -> list[Filed]:
        """List the ``size`` posts that were first released last, newest first."""
        return self.history.window(size, self.head)

    def find(self, slug: str) -> Filed | None:
        """Find a post or its tombstone by its slug."""
        return self.history.find(slug, self.head)

    def tombstones(self, size: int) -> list[Filed]:
        """List the tombstones, newest first; each stands until ``size`` further posts have been released."""
        return self.history.tombstones(size, self.head)

    def authors(self) -> tuple[Author, ...]:
        """List the authors of the posts that were out, each once, in order of first appearance."""
        return self.history.authors(self.head)
