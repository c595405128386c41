"""JSON lines: one JSON Feed item a line, or events as ``subscriber --json`` prints them, or both.

A recording of the subscriber is a source, and so is what ``publisher convert --to jsonl`` writes
(``publisher.render.jsonl``): the same lines. A ``reset`` names the story; what it or a ``clock`` says else has no part
in the story. After a jump or a new round a replay's recording tells posts again: they are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from publisher.sources.firsts import First, tell_firsts
from publisher.sources.minting import as_told, kept
from publisher.sources.reading import Doubt, Dropped, Header, Reading, SourceError, Told
from publisher.sources.released import header_of, in_story_time, is_shifted
from shared.event import DeleteEvent, PostEvent, UpdateEvent
from shared.item import UNKNOWN_TIME, BadItemError, read_item, read_json
from shared.syndication import read_json_feed
from shared.text import clean_line
from shared.wire import Deletion

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.sources.options import Options
    from shared.post import Post

FORMAT = "jsonl"
LONGEST_LINE = 4 * 1024 * 1024
"""Characters; no post is longer."""

_PADDING = " \t\r\x1e\ufeff"
"""Round a line; a record separator (RFC 7464) among it."""
_PEEK, _FIRST_LINES = 1000, 20
_SAYS = {"title", "content_html", "content_text"}
_LONGEST_TEXT = 200
_CLEARING = {"seek", "loop"}


@dataclass(slots=True)
class _Version:
    """One version of a post, or its end (``post`` is None), and when that was."""

    given: str
    line: int
    post: Post | None
    at: datetime
    is_first: bool = False


@dataclass(slots=True)
class _Lines:
    """The lines as far as they were read."""

    versions: list[_Version] = field(default_factory=list)
    latest: dict[str, Post] = field(default_factory=dict)
    last: dict[str, datetime] = field(default_factory=dict)
    """When each post was told or changed last."""
    newest: datetime | None = None
    """When something was told, changed or deleted last."""
    gone: dict[str, datetime] = field(default_factory=dict)
    header: Header | None = None
    doubts: list[Doubt] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    is_recording: bool = False
    again: frozenset[str] = frozenset()
    """Ids that were told before the recording's last jump or round."""

    def read(self, text: str, number: int) -> None:
        """Take in a line; one that cannot be read costs itself only."""
        try:
            value = _decode(text)
            if isinstance(value, dict) and "event" in value and isinstance(value.get("data"), dict):
                self.is_recording = True
                why = self._event(value["event"], value["data"], number)
            else:
                why = self._item(value, number, is_update=False)
        except (BadItemError, ValidationError) as error:
            what = "it cannot be understood" if isinstance(error, ValidationError) else str(error)
            self.doubts.append(Doubt("bad-line", f"{clean_line(what)[:160]}; the line was left out", number))
            why = "bad-line"
        if why:
            self.dropped.append(Dropped(number, clean_line(text)[:_LONGEST_TEXT], why))

    def _event(self, event: object, data: dict[str, Any], number: int) -> str | None:
        """Take in an event; give the reason if it is left out."""
        match event:
            case "post" | "update":
                return self._item(data, number, is_update=event == "update")
            case "delete":
                return self._delete(Deletion.model_validate(data), number)
            case "reset":
                facts = data.get("_newsreel")
                if isinstance(facts, dict) and facts.get("reason") in _CLEARING:
                    self.again = frozenset(self.latest)
                if self.header is not None:
                    return "reset"
                story = read_json_feed(data | {"items": []}, "")
                self.header = header_of(story, title_signs=bool((story.newsreel or {}).get("channel")))
                return None
            case "clock":
                return "clock"
        self.doubts.append(Doubt("unknown-event", f"an event {clean_line(str(event))[:40]!r} says nothing", number))
        return "unknown-event"

    def _item(self, item: object, number: int, *, is_update: bool) -> str | None:
        released = read_item(item)
        post = in_story_time(released, ours=False)
        given, before = post.id, self.latest.get(post.id)
        if before is None:
            self.gone.pop(given, None)  # before it was told, which is no end of what is told now
            self._note(_Version(given, number, post, _changed(post), is_first=True))
            self.last[given] = post.story_time
        elif given in self.again:
            return "repeated"
        elif given in self.gone:  # it came back
            post = self._change(number, post, before, max(_changed(post), self.gone.pop(given)))
        elif before.digest == post.digest and post.revision <= before.revision:
            return "repeated"
        elif _changed(post) > _changed(before) or (is_update and post.revision > before.revision):
            post = self._change(number, post, before, max(_changed(post), self.last[given]))
        else:
            what = f"{given[:80]!r} is told twice; give the later one a date_modified, or another id"
            self.doubts.append(Doubt("repeated-id", what, number))
            return "repeated-id"
        if is_shifted(released) and released.date_modified is not None:
            what = f"when {given[:80]!r} was changed was reckoned from the replay's speed"
            self.doubts.append(Doubt("estimated-update", what, number))
        self.latest[given] = post
        return None

    def _change(self, number: int, post: Post, before: Post, at: datetime) -> Post:
        """Note a later version of a post and number it; ``at`` is never before the version that it follows."""
        facts = post.newsreel.model_copy(update={"revision": max(post.revision, before.revision + 1)})
        post = post.model_copy(update={"newsreel": facts, "date_modified": at})
        self._note(_Version(post.id, number, post, at))
        self.last[post.id] = at
        return post

    def _delete(self, deletion: Deletion, number: int) -> str | None:
        given = clean_line(deletion.id)
        if given in self.again or given in self.gone:
            return "repeated"
        if given not in self.latest and kept(given) is None:
            self.doubts.append(Doubt("unknown-deletion", f"{given[:80]!r} is deleted, but was never told", number))
            return "unknown-deletion"
        at = deletion.newsreel.story_time
        if at is None:
            # Found missing by a look at the window, after all that was told before.
            at = self.newest
            if at is None:
                self.doubts.append(Doubt("deletion-time", f"nothing says when {given[:80]!r} was deleted", number))
                return "deletion-time"
            self.doubts.append(Doubt("deletion-time", f"{given[:80]!r} is deleted with the event before it", number))
        if given in self.latest:
            at = max(at, self.last[given])  # the lines tell what came last
        self.gone[given] = at
        self._note(_Version(given, number, None, at))
        return None

    def _note(self, version: _Version) -> None:
        self.versions.append(version)
        self.newest = max(self.newest or version.at, version.at)


def fits(text: str) -> bool:
    """Tell whether ``text`` is JSON lines: among its first lines is an event or an item, each whole."""
    if text[:_PEEK].lstrip("\n" + _PADDING)[:1] != "{":
        return False
    first = text.split("\n", _FIRST_LINES)[:_FIRST_LINES]
    # What is indented belongs to an object of several lines.
    return any(line.lstrip("\x1e\ufeff")[:1] == "{" and _tells(line.strip(_PADDING)) for line in first)


def _tells(line: str) -> bool:
    try:
        value = _decode(line)
    except BadItemError:
        return False
    if not isinstance(value, dict) or any(name[:1] == "@" for name in value) or "liveBlogUpdate" in value:
        return False  # of the last two JSON-LD is made
    return {"event", "data"} <= value.keys() or bool(_SAYS & value.keys()) or {"id", "date_published"} <= value.keys()


def read(text: str, name: str, options: Options) -> Reading:
    """Read JSON lines.

    Args:
        text: the whole file.
        name: what to call it in errors.
        options: ``missing_times`` and ``order`` count.

    Raises:
        SourceError: no line holds a post, or posts have no time.
    """
    lines = _Lines()
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines: JSON may hold U+2028 and the like as it is
        stripped = line.strip(_PADDING)
        if stripped:
            lines.read(stripped, number)
    firsts = [version for version in lines.versions if version.is_first and version.post]
    if not firsts:
        at = lines.doubts[0].line if lines.doubts else None
        why = f": {lines.doubts[0].message}" if lines.doubts else ""
        raise SourceError.at(name, at, f"no line holds a post{why}. A line is a JSON Feed item")
    if options.order == "newest" or (options.order is None and not lines.is_recording and _falls(firsts)):
        firsts.reverse()
    told = _tell(firsts, lines, options, name)
    sign = -1 if len(firsts) > 1 and firsts[0].line > firsts[-1].line else 1
    return Reading(
        name=name,
        format=FORMAT,
        header=lines.header or Header(),
        told=tuple(sorted(told, key=lambda one: _order(one, sign))),
        doubts=tuple(lines.doubts),
        dropped=tuple(sorted(lines.dropped, key=lambda one: one.line)),
    )


def _order(one: Told, sign: int) -> tuple[datetime, bool, int]:
    """Sort by story time, then as the lines have it; what became of a post is below it, though the newest be first."""
    is_change = sign < 0 and not isinstance(one.event, PostEvent)
    return one.event.story_time, is_change, (one.line or 0) * (1 if is_change else sign)


def _decode(line: str) -> object:
    if len(line) > LONGEST_LINE:
        raise BadItemError(f"the line has over {LONGEST_LINE:,} characters")
    return read_json(line)


def _changed(post: Post) -> datetime:
    return post.date_modified or post.story_time


def _falls(firsts: list[_Version]) -> bool:
    posts = [version.post for version in firsts if version.post]
    times = [post.story_time for post in posts if post.story_time != UNKNOWN_TIME]
    return sum(a > b for a, b in pairwise(times)) > sum(a < b for a, b in pairwise(times))


def _tell(firsts: list[_Version], lines: _Lines, options: Options, name: str) -> list[Told]:
    """Time and name the first versions, then tell what became of them."""
    posts = [
        First(one.post, one.given, None if one.post.story_time == UNKNOWN_TIME else one.post.story_time, one.line)
        for one in firsts
        if one.post
    ]
    told, named = tell_firsts(posts, options, name)
    exact = told[0].time_precision
    gone: set[str] = set()
    for version in lines.versions:
        first = named.get(version.given)
        known_id = first.id if first else kept(version.given)
        if known_id is None:
            continue
        if version.is_first:
            gone.discard(known_id)
            continue
        event: UpdateEvent | DeleteEvent
        if version.post and first:
            event = UpdateEvent(post=as_told(version.post, known_id, first.story_time))
            gone.discard(known_id)
        elif known_id not in gone:
            event = DeleteEvent(id=known_id, story_time=version.at)
            gone.add(known_id)
        else:  # another id that comes to the same
            lines.dropped.append(Dropped(version.line, version.given[:_LONGEST_TEXT], "repeated"))
            continue
        told.append(Told(event, version.line, time_precision=exact))
    return told
