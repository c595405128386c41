"""A take: what a channel lets out between two resets, as it is written into the library's tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from publisher.library.filed import Filed, kept_bytes
from publisher.library.frames import Frames
from publisher.library.history import History
from publisher.moments import microseconds

if TYPE_CHECKING:
    from publisher.library.entry import Entry
    from publisher.library.filed import Parsed
    from publisher.library.stacks import Stacks
    from shared.post import Author

MOST_AUTHORS = 4_096
"""Authors whose numbers are kept at hand."""

Counts = tuple[int, int, int | None]
"""What a take has counted: ``posts``, ``releases`` and ``axis``, as below."""


class First(NamedTuple):
    """A post's first release: the event, the moment in ISO 8601, and how many posts were released first before it."""

    seq: int
    released: str
    ordinal: int


class Take:
    """Folds events into the tables, and remembers more than a reader sees.

    Attributes:
        number: the library's own, given to no other take.
        history: what it holds, for who asks.
        posts: how many are out.
        releases: first releases, those of posts that are gone by now included.
        axis: story time of the latest event in microseconds; None before any.
    """

    def __init__(self, stacks: Stacks, cache: Parsed, number: int, counts: Counts = (0, 0, None)) -> None:
        self.number = number
        self.history = History(stacks, cache, number)
        self.posts, self.releases, self.axis = counts
        self._stacks = stacks
        self._cache = cache
        self._authors: tuple[Author, ...] | None = None
        self._numbers: dict[str, int] = {}  # of authors

    def authors(self) -> tuple[Author, ...]:
        """List the authors of the posts that are out, each once, in order of first appearance."""
        if self._authors is None:
            self._authors = self.history.authors()
        return self._authors

    def put(self, entry: Entry) -> None:
        """Take a version of a post."""
        standing = self._standing(entry.slug)
        if standing is not None and not standing[1]:
            self._add(entry, standing[0])
            self._credit_anew(entry, standing[0])
            return
        first = First(entry.seq, entry.released, self.releases)
        self.posts += 1
        self.releases += 1
        self._add(entry, first)
        self._credit(entry, first)
        # Whoever signs a new post stands behind those who are there: the list need not be made anew.
        known, post = self._authors, entry.post
        self._authors = tuple(dict.fromkeys((*known, *post.authors))) if known is not None and post else None

    def take_away(self, entry: Entry, *, withdrawn: bool) -> bool:
        """Take a post away; False if there is none. One that is withdrawn, as if it had never been."""
        standing = self._standing(entry.slug)
        if standing is None or (standing[1] and not withdrawn):
            return False
        first, gone = standing
        self.posts -= not gone
        self._authors = None
        if withdrawn:
            self._withdraw(entry.slug)
        else:
            self._stacks.execute(
                "UPDATE version SET gone = ? WHERE take = ? AND seq = ?", (entry.seq, self.number, first.seq)
            )
            self._end_credit(first, entry.seq)
        # Of one that is withdrawn, too, readers who have it must be told, even if it had been deleted before.
        self._add(entry, first, withdrawn=withdrawn)
        return True

    def _standing(self, slug: str) -> tuple[First, bool] | None:
        """Give a post's first release and whether it is gone, None if it never was; the post is not read."""
        row = self._stacks.row(
            "SELECT first_seq, first_released, ordinal, post IS NULL FROM version WHERE take = ? AND slug = ? "
            "ORDER BY seq DESC LIMIT 1",
            (self.number, slug),
        )
        return (First(*row[:3]), bool(row[3])) if row else None

    def _add(self, entry: Entry, first: First, *, withdrawn: bool = False) -> None:
        """Add a version, or a tombstone, to the history."""
        story_time = datetime.fromisoformat(entry.story_time)
        moment = microseconds(story_time)
        self.axis = moment if self.axis is None else max(self.axis, moment)
        self._stacks.execute(
            "INSERT INTO version (take, seq, axis, releases, withdrawn, slug, first_seq, first_released, ordinal, "
            "released, story_time, post) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.number,
                entry.seq,
                self.axis,
                self.releases,
                withdrawn,
                entry.slug,
                *first,
                entry.released,
                entry.story_time,
                entry.text,
            ),
        )
        if entry.post is None and entry.text is not None:
            return  # it is parsed when it is asked for
        filed = Filed(
            entry.slug,
            entry.post,
            first.seq,
            datetime.fromisoformat(first.released),
            entry.seq,
            datetime.fromisoformat(entry.released),
            deleted=entry.post is None,
            story_time=story_time,
            ordinal=first.ordinal,
        )
        self._cache.put((self.number, entry.seq), filed, kept_bytes(filed))

    def _withdraw(self, slug: str) -> None:
        """Take a post out of the history, and out of what is still to be swept away of earlier takes.

        Only its own rows are touched. The releases are counted on as if it had been: places in archives are for ever.
        """
        for take in self._stacks.ended:
            self._remove(take, slug)
        self.history.strike(self._remove(self.number, slug))
        self._numbers.clear()
        self._stacks.wipe()

    def _remove(self, take: int, slug: str) -> list[int]:
        """Leave nothing of a post in a take but the places of its frames. Give the events that it had there."""
        rows = self._stacks.rows("SELECT seq, first_seq FROM version WHERE take = ? AND slug = ?", (take, slug))
        for born in {first_seq for _, first_seq in rows}:
            credited = self._stacks.rows(
                "SELECT DISTINCT author FROM credit WHERE take = ? AND first_seq = ?", (take, born)
            )
            self._stacks.execute("DELETE FROM credit WHERE take = ? AND first_seq = ?", (take, born))
            for author in credited:  # who wrote nothing else is forgotten, too
                self._stacks.execute(
                    "DELETE FROM author WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM credit WHERE author = ?1)", author
                )
        self._stacks.execute("DELETE FROM version WHERE take = ? AND slug = ?", (take, slug))
        seqs = [seq for seq, _ in rows]
        Frames(self._stacks, take).blank(seqs)
        return seqs

    def _credit_anew(self, entry: Entry, first: First) -> None:
        """Note who wrote a post, in the place of what was noted before."""
        noted = self._stacks.rows(
            "SELECT author.author FROM credit JOIN author ON author.id = credit.author "
            "WHERE credit.take = ? AND first_seq = ? AND until IS NULL ORDER BY place",
            (self.number, first.seq),
        )
        if entry.authors != tuple(author for (author,) in noted):
            self._authors = None
            self._end_credit(first, entry.seq)
            self._credit(entry, first)

    def _credit(self, entry: Entry, first: First) -> None:
        for place, author in enumerate(entry.authors):
            self._stacks.execute(
                "INSERT INTO credit (take, first_seq, since, place, author) VALUES (?, ?, ?, ?, ?)",
                (self.number, first.seq, entry.seq, place, self._number_of(author)),
            )

    def _end_credit(self, first: First, until: int) -> None:
        self._stacks.execute(
            "UPDATE credit SET until = ? WHERE take = ? AND first_seq = ? AND until IS NULL",
            (until, self.number, first.seq),
        )

    def _number_of(self, author: str) -> int:
        number = self._numbers.get(author)
        if number is None:
            values = (self.number, author)
            self._stacks.execute("INSERT INTO author (take, author) VALUES (?, ?) ON CONFLICT DO NOTHING", values)
            (number,) = self._stacks.row("SELECT id FROM author WHERE take = ? AND author = ?", values)
            if len(self._numbers) == MOST_AUTHORS:
                self._numbers.clear()
            self._numbers[author] = number
        return number
