"""An event on its way into the library's tables: from the press, decoded, or as the log holds it.

Of a log that is filed anew nothing is decoded but what the tables ask for, which takes a tenth of the time. A post is
cleaned, as always, when it is read from the library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from publisher.log.contract import Line
from shared.event import ClockEvent, DeleteEvent, PostEvent, ResetEvent, UpdateEvent, decode_event
from shared.post import encode_json

if TYPE_CHECKING:
    from shared.event import Event, Logged
    from shared.post import Post

_POST, _UPDATE = '{"kind":"post","post":', '{"kind":"update","post":'
"""How ``encode_event`` begins an event that brings a version of a post; the post itself follows, and a brace."""


@dataclass(slots=True)
class Entry:
    """What the tables take of an event.

    Attributes:
        seq: its sequence number.
        released: when it was, in ISO 8601.
        slug: of the post that it is about.
        story_time: of the event, in ISO 8601.
        text: JSON of the version that it brings, None where it brings none.
        authors: JSON of each, once, in order.
        post: that version, where it came decoded.
        event: itself, where it is no version of a post.
    """

    seq: int
    released: str
    slug: str = ""
    story_time: str = ""
    text: str | None = None
    authors: tuple[str, ...] = ()
    post: Post | None = None
    event: DeleteEvent | ResetEvent | ClockEvent | None = None

    @classmethod
    def of(cls, event: Logged | Line) -> Entry:
        """Make an entry. Raises ValueError where a line is none that a log writes."""
        if not isinstance(event, Line):
            return _decoded(event.seq, event.released_at.isoformat(), event.event)
        if event.event.startswith(_POST):
            return _undecoded(event, event.event[len(_POST) : -1], update=False)
        if event.event.startswith(_UPDATE):
            return _undecoded(event, event.event[len(_UPDATE) : -1], update=True)
        return _decoded(event.seq, event.released_at, decode_event(event.event))


def _decoded(seq: int, released: str, event: Event) -> Entry:
    story_time = event.story_time.isoformat()
    if not isinstance(event, PostEvent | UpdateEvent):
        return Entry(seq, released, event.id if isinstance(event, DeleteEvent) else "", story_time, event=event)
    post = event.post
    authors = tuple(author.to_json().decode() for author in dict.fromkeys(post.authors))
    return Entry(seq, released, post.id, story_time, post.to_json().decode(), authors, post)


def _undecoded(line: Line, text: str, *, update: bool) -> Entry:
    try:
        post: dict[str, Any] = from_json(text)
        story_time = (post.get("date_modified") if update else None) or post["_newsreel"]["story_time"]
        authors = tuple(dict.fromkeys(encode_json(author).decode() for author in post.get("authors", ())))
        return Entry(line.seq, line.released_at, post["id"], story_time, text, authors)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no post: {error}") from error
