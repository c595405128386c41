"""A reading: everything that a source said, and everything that newsreel is unsure of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from shared.errors import UsageError
from shared.event import DeleteEvent, PostEvent, UpdateEvent

if TYPE_CHECKING:
    from datetime import datetime

    from shared.post import Author, Post

TimeSource = Literal["own", "section", "header", "url", "relative", "interpolated"]
TimePrecision = Literal["second", "minute", "hour", "day", "month"]


class SourceError(UsageError):
    """A source that is refused: what is wrong with it, in which file and on which line, how to mend it."""

    @classmethod
    def at(cls, name: str, line: int | None, what: str) -> SourceError:
        """Make the error of a file and, where there is one, a line: ``page.txt:8: …``."""
        return cls(f"{name}:{line}: {what}" if line is not None else f"{name}: {what}")


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that newsreel was unsure of. ``code`` is stable, ``line`` counts from 1, None for the whole source."""

    code: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A line that is in no post and no header field. ``why`` is a stable word.

    ``control`` (a label of the page), ``dangling-link`` (a sentence whose link is lost), ``navigation`` and
    ``preamble`` (above the first post), ``page-stamp`` (an update stamp that says no moment), ``repeated-stamp``,
    ``section-date`` and ``dateline`` (they date posts, or place them), ``edit-stamp`` (when a post was edited),
    ``role`` (an author's office, or name on a network), ``world-clock``, ``separator``, ``boilerplate`` (a notice about
    the site), ``closing`` (a notice that the coverage has ended), ``summary`` (a box of key points), ``duplicate`` (a
    post that the page holds twice), ``empty-post`` (a time, or a time and names, with nothing under it).
    """

    line: int
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """One event that the source tells of, with where and how surely."""

    event: PostEvent | UpdateEvent | DeleteEvent
    line: int | None = None
    time_source: TimeSource = "own"
    time_precision: TimePrecision = "minute"


@dataclass(frozen=True, slots=True)
class Header:
    """What the source says of the whole story. None of it but title, language and url may be shown before its time."""

    title: str | None = None
    authors: tuple[Author, ...] = ()
    updated: datetime | None = None
    language: str | None = None
    claimed_posts: int | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A source, read. ``told`` is oldest first by story time; ties keep source order."""

    name: str
    format: str
    header: Header = field(default_factory=Header)
    told: tuple[Told, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    @property
    def posts(self) -> list[Post]:
        """List the posts in their first versions, oldest first."""
        return [t.event.post for t in self.told if isinstance(t.event, PostEvent)]
