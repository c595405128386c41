"""The bookmark: where a reader stands and what it was shown, in a file that survives ``kill -9``.

Each update is noted after the consumer took it, so that a crash repeats at most the last one and loses nothing. When
several updates follow from one event of the stream (a ``reset``), they are written down first, together with the
position, and then crossed off one by one.
"""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import NewsreelError
from subscriber.update import Update, dump

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_APPLICATION = 0x6E72626D  # "nrbm", in the header of the file
_VERSION = 1
_MENDS = {
    sqlite3.SQLITE_BUSY: "close the other program that uses it",
    sqlite3.SQLITE_FULL: "free space on its disk, and start again: nothing is lost",
    sqlite3.SQLITE_CANTOPEN: "see that its folder exists and may be written to",
    sqlite3.SQLITE_READONLY: "see that the file and its folder may be written to",
}
_SCHEMA = f"""
BEGIN;
CREATE TABLE followed (url TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE shown (url TEXT, id TEXT, digest TEXT NOT NULL, place INTEGER, PRIMARY KEY (url, id)) WITHOUT ROWID;
CREATE TABLE pending (url TEXT, number INTEGER, event TEXT NOT NULL, position TEXT, data TEXT NOT NULL,
                      post_id TEXT, digest TEXT, PRIMARY KEY (url, number)) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
COMMIT;
"""


class BookmarkError(NewsreelError):
    """The state file could not be opened, read or written."""


@dataclass(slots=True)
class Shown:
    """A post that was shown: the digest of its version, and its place in the order of release.

    ``place`` is None where an update came for a post that was never shown: it lies somewhere below the others.
    """

    digest: str
    place: int | None


@dataclass(frozen=True, slots=True)
class Coming:
    """An update on its way to the consumer: with the id and digest of its post; a deletion has no digest."""

    update: Update
    post_id: str | None = None
    digest: str | None = None


class Bookmark:
    """Position and shown posts of one followed URL. Without a file it lives in memory.

    Use it as a context manager; it is not shared between threads.
    """

    def __init__(self, path: Path | None, url: str) -> None:
        self._name = str(path) if path else "memory"
        self._url = url
        self._pending: deque[Coming] = deque()
        self._planned: dict[str, int] = {}  # places of posts that are still to be shown
        self._written = 0  # of the pending updates, those that are in the file
        self._crossed = 0  # number of the next one to cross off
        self._next_position = ""
        self._shown: dict[str, Shown] = {}
        with self._clear_errors():
            self._file = sqlite3.connect(path or ":memory:", timeout=5.0, isolation_level=None)
        try:
            with self._clear_errors():
                self._open()
        except BookmarkError:
            self._file.close()
            raise

    @classmethod
    def followed(cls, path: Path) -> list[str]:
        """List the URLs that a file has bookmarks of; none if there is no such file.

        Raises:
            BookmarkError: it is something else.
        """
        if not path.exists():
            return []
        with cls(path, "") as any_of_it:
            return [url for (url,) in any_of_it._file.execute("SELECT url FROM followed ORDER BY url")]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def position(self) -> str:
        """Tell where to resume; empty if there is nothing to resume from."""
        return self._position

    @property
    def next(self) -> Update | None:
        """Give the update that is to be shown next, None if all were."""
        return self._pending[0].update if self._pending else None

    def __len__(self) -> int:
        return len(self._shown)

    def __contains__(self, post_id: object) -> bool:
        return post_id in self._shown

    def digest(self, post_id: str) -> str | None:
        """Tell the digest of the version that was shown, None if the post was not."""
        known = self._shown.get(post_id)
        return known.digest if known else None

    def digests(self) -> dict[str, str]:
        """Give the digests of what was shown, by id, in the order of release."""
        ordered = sorted(self._shown.items(), key=lambda known: known[1].place or 0)
        return {post_id: shown.digest for post_id, shown in ordered}

    def unplaced(self) -> set[str]:
        """List the ids whose place in the order is not known."""
        return {post_id for post_id, shown in self._shown.items() if shown.place is None}

    def expect(
        self, coming: Sequence[Coming], position: str, *, window: Sequence[str] = (), forget: bool = False
    ) -> None:
        """Write down what is to be shown next, and the position that is reached then.

        Args:
            coming: what follows from one event of the stream or one look at a feed.
            position: where to resume once they were shown.
            window: the ids of the newest posts in the order of release, if a window came.
            forget: what was shown counts no more.
        """
        self._pending.extend(coming)
        self._next_position = position
        if len(coming) == 1 and not window and not forget:
            return  # noted in one step by took()
        with self._transaction():
            if forget:
                self._shown.clear()
                self._file.execute("DELETE FROM shown WHERE url = ?", (self._url,))
            if coming or forget:
                self._place(window)
            for one in coming:
                update = one.update
                self._file.execute(
                    "INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        self._url,
                        self._crossed + self._written,
                        update.event,
                        update.id,
                        dump(update.data),
                        one.post_id,
                        one.digest,
                    ),
                )
                self._written += 1
            self._move()

    def took(self) -> None:
        """Note that the consumer took the next update."""
        one = self._pending.popleft()
        with self._transaction():
            if one.post_id is not None and one.digest is not None:
                self._show(one.post_id, one.digest, is_new=one.update.event == "post")
            elif one.post_id is not None:
                self._shown.pop(one.post_id, None)
                self._file.execute("DELETE FROM shown WHERE url = ? AND id = ?", (self._url, one.post_id))
            if self._written:
                self._file.execute("DELETE FROM pending WHERE url = ? AND number = ?", (self._url, self._crossed))
                self._written -= 1
                self._crossed += 1
            else:
                self._move()

    def _open(self) -> None:
        (application,) = self._file.execute("PRAGMA application_id").fetchone()
        (version,) = self._file.execute("PRAGMA user_version").fetchone()
        (tables,) = self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables == 0:
            # A crash of the process loses nothing; a power cut may lose the last moments, which are then repeated.
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.executescript(_SCHEMA)
        elif (application, version) != (_APPLICATION, _VERSION):
            raise BookmarkError(f"{self._name} is no state file of this program; name another with --state")
        self._file.execute("PRAGMA synchronous = NORMAL")
        row = self._file.execute("SELECT position FROM followed WHERE url = ?", (self._url,)).fetchone()
        self._position: str = row[0] if row else ""
        for post_id, digest, place in self._file.execute(
            "SELECT id, digest, place FROM shown WHERE url = ?", (self._url,)
        ):
            self._shown[post_id] = Shown(digest, place)
        self._top = max((shown.place or 0 for shown in self._shown.values()), default=0)
        for number, event, position, data, post_id, digest in self._file.execute(
            "SELECT number, event, position, data, post_id, digest FROM pending WHERE url = ? ORDER BY number",
            (self._url,),
        ):
            self._crossed = self._crossed if self._pending else number
            self._pending.append(Coming(Update(event, position, json.loads(data)), post_id, digest))
        self._written = len(self._pending)
        self._next_position = self._position

    def _place(self, window: Sequence[str]) -> None:
        self._planned.clear()
        for place, post_id in enumerate(window, self._top + 1):
            known = self._shown.get(post_id)
            if known is None:
                self._planned[post_id] = place
            else:
                known.place = place
                self._file.execute("UPDATE shown SET place = ? WHERE url = ? AND id = ?", (place, self._url, post_id))
        self._top += len(window)

    def _show(self, post_id: str, digest: str, *, is_new: bool) -> None:
        known = self._shown.get(post_id)
        if known is not None:
            known.digest = digest
        else:
            place = self._planned.pop(post_id, None)
            if place is None and is_new:
                self._top += 1
                place = self._top
            known = self._shown[post_id] = Shown(digest, place)
        self._file.execute(
            "INSERT OR REPLACE INTO shown VALUES (?, ?, ?, ?)", (self._url, post_id, digest, known.place)
        )

    def _move(self) -> None:
        self._position = self._next_position
        self._file.execute("INSERT OR REPLACE INTO followed VALUES (?, ?)", (self._url, self._position))

    @contextmanager
    def _transaction(self) -> Generator[None, None, None]:
        with self._clear_errors():
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._file.rollback()
                raise
            self._file.execute("COMMIT")

    @contextmanager
    def _clear_errors(self) -> Generator[None, None, None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # https://www.sqlite.org/rescode.html
            mend = _MENDS.get(code, "name another, or delete it if it is newsreel's")
            raise BookmarkError(f"the state file {self._name} cannot be used: {error}; {mend}") from None
