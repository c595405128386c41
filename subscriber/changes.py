"""What an event or a window means to a reader who was shown what the bookmark says. Decides, and does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.item import BadItemError, read_json
from shared.syndication import read_entry
from shared.text import clean_line
from shared.wire import Clock
from subscriber.bookmark import Coming
from subscriber.update import Update, deletion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from shared.sse import Frame
    from shared.syndication import Entry, Feed
    from subscriber.bookmark import Bookmark

KNOWN_EVENTS = frozenset({"post", "update", "delete", "clock", "reset"})
"""Events of other names are passed over: servers may add some."""
_CLEARING = frozenset({"seek", "loop"})


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be told: updates in order, the ids of the window in the order of release, and what is forgotten."""

    coming: tuple[Coming, ...]
    window: tuple[str, ...] = ()
    forget: bool = False


def read_data(frame: Frame) -> dict[str, Any]:
    """Decode the data of an event.

    Raises:
        BadItemError: it is no JSON object.
    """
    data = read_json(frame.data)
    if not isinstance(data, dict):
        raise BadItemError("its data is no JSON object")
    return data


def from_event(frame: Frame, data: dict[str, Any], url: str, bookmark: Bookmark) -> Changes:
    """Tell what follows from a ``post``, ``update``, ``delete`` or ``clock``: nothing if it was shown already.

    Raises:
        BadItemError: it says nothing that can be understood.
        ValidationError: it is no clock.
    """
    position = frame.id or None
    if frame.event == "clock":
        Clock.model_validate(data)
        return Changes((Coming(Update("clock", position, data)),))
    if frame.event == "delete":
        post_id = clean_line(data["id"]) if isinstance(data.get("id"), str) else ""
        if not post_id:
            raise BadItemError("it names no id")
        return Changes((Coming(Update("delete", position, data), post_id),))
    entry = read_entry(data, url)
    if bookmark.digest(entry.post.id) == entry.post.digest:
        return Changes(())
    return Changes((_coming(frame.event, position, entry),))


def is_gap(feed: Feed, reset: Update | None, bookmark: Bookmark) -> bool:
    """Tell whether posts may lie between what was shown and the window, so that the history must be walked."""
    reason = reset.reason() if reset else ""
    resumed = len(bookmark) > 0 or reason == "expired"
    return (
        resumed
        and reason not in _CLEARING
        and not feed.complete
        and not any(entry.post.id in bookmark for entry in feed.entries)
    )


def from_window(feed: Feed, older: Sequence[Entry], reset: Update | None, bookmark: Bookmark) -> Changes:
    """Tell what lies between what was shown and a window.

    Args:
        feed: the window.
        older: what the history holds between the newest post that was shown and the window, oldest first.
        reset: the ``reset`` that brought the window, None for a look at a feed.
        bookmark: what was shown.
    """
    forget = reset is not None and reset.reason() in _CLEARING
    shown: Mapping[str, str] = {} if forget else bookmark.digests()
    inside = {entry.post.id for entry in feed.entries}
    entries = {entry.post.id: entry for entry in [*(e for e in older if e.post.id not in inside), *feed.entries]}
    # From a feed of others nothing follows from a post's absence, unless it says that it is complete.
    unplaced: Collection[str] = bookmark.unplaced() if feed.newsreel is not None else shown.keys()
    gone = _gone(shown, entries.keys(), complete=feed.complete, unplaced=unplaced)
    buried = {stone.id for stone in feed.deletions if stone.id in shown} - entries.keys() - set(gone)
    position = reset.id if reset else None
    coming = [
        *([Coming(reset)] if reset else []),
        *(Coming(deletion(post_id, position), post_id) for post_id in [*gone, *sorted(buried)]),
        *(
            _coming("update" if post_id in shown else "post", position, entry)
            for post_id, entry in entries.items()
            if shown.get(post_id) != entry.post.digest
        ),
    ]
    return Changes(tuple(coming), tuple(entries), forget)


def _gone(shown: Iterable[str], window: Collection[str], *, complete: bool, unplaced: Collection[str]) -> list[str]:
    """List what was shown and is there no more, in the order of release.

    Unless the window is the whole story, it tells only of what lies above its oldest post that was shown, and nothing
    of those whose place is not known.
    """
    in_reach = list(shown)
    if not complete:
        placed = [post_id for post_id in shown if post_id not in unplaced]
        edge = next((place for place, post_id in enumerate(placed) if post_id in window), len(placed))
        in_reach = placed[edge:]
    return [post_id for post_id in in_reach if post_id not in window]


def _coming(event: str, position: str | None, entry: Entry) -> Coming:
    return Coming(Update(event, position, entry.item), entry.post.id, entry.post.digest)
