"""Markdown: one file, made to be mended by hand. ``publisher.render.markdown`` writes it.

::

    ---
    title: Storm at the harbour
    authors: [Ada Quist (Holmavik), Bo Lindqvist]
    language: en
    tz: America/New_York
    ---

    ## 2023-02-01T00:22-05:00 Divers find the anchor chain {#divers .key-event}
    By Ada Quist (Holmavik), Bo Lindqvist
    Tags: harbour, divers
    ---
    image: https://news.example/chain.jpg
    ---

    The chain lay in *eleven* metres of water.

All but the time is optional. A time without an offset is of ``tz``; one without a day (``## 00:22``) of the day that
stands above it alone (``# 2023-02-01``), of the heading before, or of ``date`` at the top. In the braces stand the id
and ``.key-event``, ``.pinned``, ``.update`` (what stands here replaces the post, at the heading's time), ``.delete``
(at that time). The small front matter holds whatever a JSON Feed item can say besides, and ``published``, ``updated``,
``revision``, ``images``. Instead of headings with times, posts may be front matter with a ``date`` and a body, one
after the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from publisher.sources.firsts import First, tell_firsts
from publisher.sources.markdown_parts import HEADING, Part, read_names, split, truth
from publisher.sources.minting import kept
from publisher.sources.paragraphs import markdown_html
from publisher.sources.reading import Doubt, Header, Reading, SourceError, Told
from shared.event import DeleteEvent, UpdateEvent
from shared.item import UNKNOWN_TIME, each, moment, read_item
from shared.post import FIRST_YEAR, LAST_YEAR, Author
from shared.text import clean_language, clean_line

if TYPE_CHECKING:
    from datetime import tzinfo

    from publisher.sources.markdown_parts import Parts
    from publisher.sources.options import Options
    from publisher.sources.reading import TimePrecision, TimeSource
    from shared.post import Post

FORMAT = "markdown"

_FRONT_MATTER = re.compile(r"\s*---[ \t]*\n(?:[A-Za-z_][\w-]*:|#).*\n(?:.*\n){0,200}?---[ \t]*(?:\n|\Z)")
_TIMED_HEADING = re.compile(rf"^{HEADING.pattern}", re.MULTILINE | re.ASCII)
_MIDNIGHT = timedelta(hours=6)
"""A clock that goes back by more than this has passed midnight; by less, posts stand out of order."""
_DAY = 24 * 3600.0
_FACTS = ("revision", "images")
_MEMBERS = ("url", "image", "language", "attachments", "tags", "authors")
_KINDS = frozenset({"key-event", "pinned", "update", "delete"})
_KEYS = frozenset({*_FACTS, *_MEMBERS, "id", "title", "published", "updated", "key_event", "pinned"})
_EXAMPLE = "## 2023-02-01T00:22-05:00 Headline"


@dataclass(frozen=True, slots=True)
class _Dated:
    """A part and its time, None where it names none."""

    part: Part
    at: datetime | None
    source: TimeSource


def fits(text: str) -> bool:
    """Tell whether ``text`` is Markdown: it begins with front matter, or a heading opens with a time."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _FRONT_MATTER.match(text) is not None or _TIMED_HEADING.search(text) is not None


def read(text: str, name: str, options: Options) -> Reading:
    """Read Markdown.

    Args:
        text: the whole file.
        name: what to call it in errors.
        options: ``tz`` and ``date`` win over those of the file; ``order`` and ``missing_times`` count.

    Raises:
        SourceError: there is no post, or a time is none, or has no zone or day, or is missing.
    """
    parts = split(text)
    if not parts.parts:
        raise SourceError.at(name, None, f"no post found: a post opens with a heading, {_EXAMPLE}")
    header = _header(parts)
    dated = _dates(parts, _zone(parts, options, name), options, name)
    told = _tell(dated, parts.doubts, options, name)
    places = {one.part.line: place for place, one in enumerate(dated)}
    return Reading(
        name=name,
        format=FORMAT,
        header=header,
        told=tuple(sorted(told, key=lambda one: (one.event.story_time, places[one.line or 0]))),
        doubts=tuple(sorted(parts.doubts, key=lambda doubt: doubt.line or 0)),
        dropped=tuple(sorted(parts.dropped, key=lambda dropped: dropped.line)),
    )


def _header(parts: Parts) -> Header:
    front = parts.front
    return Header(
        title=_line(front.get("title")) or parts.title,
        authors=tuple(_authors(front.get("authors"))),
        updated=moment(front.get("updated")),
        language=clean_language(_line(front.get("language")) or ""),
        url=_line(front.get("url")),
    )


def _line(value: object) -> str | None:
    return clean_line(value) or None if isinstance(value, str) else None


def _authors(given: object) -> list[Author]:
    """Read authors as front matter has them: one line, or a list of lines and of mappings (name, location, url)."""
    if isinstance(given, str):
        return list(read_names(given))
    authors: list[Author] = []
    for one in given if isinstance(given, list) else ():
        if isinstance(one, str):
            authors += read_names(one)
        elif isinstance(one, dict) and _line(one.get("name")):
            place = _line(one.get("location"))
            facts = {"_newsreel": {"location": place}} if place else {}
            authors += each(Author, [{"name": one["name"], "url": one.get("url")} | facts])
    return authors


def _zone(parts: Parts, options: Options, name: str) -> tzinfo | None:
    given = _line(parts.front.get("tz"))
    if options.tz is not None or given is None:
        return options.tz
    try:
        return ZoneInfo(given)
    except (ValueError, OSError, KeyError):  # what ZoneInfo raises for what is no zone, or no name of one
        raise SourceError.at(name, 1, f"tz: {given[:40]!r} is no time zone; write one such as Europe/London") from None


def _dates(parts: Parts, zone: tzinfo | None, options: Options, name: str) -> list[_Dated]:
    """Give every part its time, oldest first in the order of the file."""
    found = parts.parts
    if options.order == "newest" or (options.order is None and _falls(found)):
        found = found[::-1]
    first = options.date.isoformat() if options.date else (_line(parts.front.get("date")) or "")[:10]
    day, day_source = first, "header"
    before: datetime | None = None
    dated = []
    for part in found:
        if part.clock is None:
            dated.append(_Dated(part, None, "interpolated"))
            continue
        source: TimeSource = "own"
        if part.day is None and part.section_day:
            source = "section"
        elif part.day is None:
            source = "header" if day_source == "header" else "section"
        at = _moment(part, part.day or part.section_day or day, zone, name)
        if part.day or part.section_day:
            day_source = "section"
        elif before is not None and before - at > _MIDNIGHT:
            at += timedelta(days=1)
        elif before is not None and at - before > timedelta(days=1) - _MIDNIGHT:
            at -= timedelta(days=1)
        day, before = at.date().isoformat(), at
        dated.append(_Dated(part, at, source))
    return dated


def _falls(parts: list[Part]) -> bool:
    """Tell whether the newest post stands first. Clocks without a day are taken for no more than half a day apart."""
    steps = [step for one, other in pairwise(part for part in parts if part.clock) if (step := _step(one, other))]
    return sum(step < 0 for step in steps) > sum(step > 0 for step in steps)


def _step(one: Part, other: Part) -> float:
    """Tell the seconds from one part to the next."""
    seconds = _seconds(other) - _seconds(one)
    days = [_ordinal(part) for part in (one, other)]
    if days[0] is not None and days[1] is not None:
        return seconds + (days[1] - days[0]) * _DAY
    return (seconds + _DAY / 2) % _DAY - _DAY / 2


def _ordinal(part: Part) -> int | None:
    try:
        return date.fromisoformat(part.day or part.section_day or "").toordinal()
    except ValueError:  # none, or one that the calendar lacks: its moment is refused later
        return None


def _seconds(part: Part) -> float:
    clock = sum(float(n) * unit for n, unit in zip((part.clock or "").split(":"), (3600, 60, 1), strict=False))
    offset = re.fullmatch(r"([+-])(\d\d):?(\d\d)", part.offset or "")
    if offset is None:
        return clock
    ahead = int(offset[2]) * 3600 + int(offset[3]) * 60
    return clock + (ahead if offset[1] == "-" else -ahead)


def _moment(part: Part, day: str, zone: tzinfo | None, name: str) -> datetime:
    clock = part.clock or ""
    hour, _, rest = clock.partition(":")
    if not day:
        what = f"{clock} has no day; write it as in {_EXAMPLE}, or give --date"
        raise SourceError.at(name, part.line, what)
    try:
        at = datetime.fromisoformat(f"{day}T{hour:0>2}:{rest}")
        offset = datetime.fromisoformat(f"2000-01-01T00:00{part.offset.upper()}").tzinfo if part.offset else None
    except ValueError:
        raise SourceError.at(name, part.line, f"{day} {clock} is no moment of the calendar") from None
    if not FIRST_YEAR < at.year < LAST_YEAR:
        raise SourceError.at(name, part.line, f"{day} is too far from our days; years are {FIRST_YEAR} to {LAST_YEAR}")
    if offset is None and zone is None:
        what = f"{clock} names no zone; write it as in {_EXAMPLE}, put tz: Europe/London at the top, or give --tz"
        raise SourceError.at(name, part.line, what)
    return at.replace(tzinfo=offset or zone)


def _tell(dated: list[_Dated], doubts: list[Doubt], options: Options, name: str) -> list[Told]:
    """Make the events: first versions are timed and named, then changes and deletions find their post by its id."""
    firsts: list[_Dated] = []
    later: list[_Dated] = []
    orphaned: list[_Dated] = []
    known: set[str] = set()
    for one in dated:
        given = _given(one.part)
        is_change = bool(one.part.kinds & {"update", "delete"})
        is_later = is_change and given != "" and given in known and one.at is not None
        if given and given in known and not is_later:
            what = f"the id {given[:80]!r} is another post's; a new one was made. Is this an .update?"
            doubts.append(Doubt("repeated-id", what, one.part.line))
        if is_later:
            later.append(one)
        elif "delete" in one.part.kinds:
            orphaned.append(one)
        else:
            firsts.append(one)
            known.add(given)
        _question(one.part, doubts, orphaned=is_change and not is_later)
    if not firsts:
        raise SourceError.at(name, dated[0].part.line, "there are changes and deletions, but no post")
    told, named = tell_firsts([_first(one) for one in firsts], options, name)
    return told + _buried(orphaned, doubts) + _what_became(later, named, doubts)


def _first(one: _Dated) -> First:
    at = moment(one.part.front.get("published")) or one.at
    post = _post(one.part, at or UNKNOWN_TIME, None, 1)
    return First(post, _given(one.part), at, one.part.line, one.source, _precision(one))


def _buried(orphaned: list[_Dated], doubts: list[Doubt]) -> list[Told]:
    """Tell deletions of posts that are not in the file: these may have left it, and no more than that."""
    told: dict[str, Told] = {}
    for one in orphaned:
        known_id = kept(_given(one.part))
        if known_id in told:
            doubts.append(_deleted_before(known_id, one))
        elif known_id is not None and one.at is not None:
            event = DeleteEvent(id=known_id, story_time=one.at)
            told[known_id] = Told(event, one.part.line, one.source, _precision(one))
    return [*told.values()]


def _what_became(later: list[_Dated], named: dict[str, Post], doubts: list[Doubt]) -> list[Told]:
    """Tell changes and deletions, by their times; those of one time as the file has them.

    Args:
        later: the parts that are changes and deletions, as the file has them.
        named: the first versions, by the ids that the file gave them.
        doubts: filled.
    """
    latest = {post.id: post for post in named.values()}
    changes: list[tuple[datetime, str, _Dated]] = []
    for one in later:
        first = named[_given(one.part)]
        if one.at is not None:  # edits are stamped a second before the post, at times
            changes.append((max(one.at, first.story_time), first.id, one))
    told: list[Told] = []
    gone: set[str] = set()
    for at, known_id, one in sorted(changes, key=lambda change: change[0]):
        event: UpdateEvent | DeleteEvent = DeleteEvent(id=known_id, story_time=at)
        if "update" in one.part.kinds:
            before = latest[known_id]
            changed = _post(one.part, before.story_time, at, before.revision + 1).model_copy(update={"id": known_id})
            latest[known_id] = changed
            event = UpdateEvent(post=changed)
            gone.discard(known_id)
        elif known_id in gone:
            doubts.append(_deleted_before(known_id, one))
            continue
        else:
            gone.add(known_id)
        told.append(Told(event, one.part.line, one.source, _precision(one)))
    return told


def _deleted_before(post_id: str, one: _Dated) -> Doubt:
    what = f"{post_id[:80]!r} was deleted above: this deletion was left out"
    return Doubt("no-such-post", what, one.part.line)


def _given(part: Part) -> str:
    return part.id or _line(part.front.get("id")) or ""


def _question(part: Part, doubts: list[Doubt], *, orphaned: bool) -> None:
    """Say what of a part was not understood."""
    given = _given(part)
    if given and kept(given) is None:
        doubts.append(
            Doubt("bad-id", f"the id {given[:80]!r} is none: letters, digits and hyphens; replaced", part.line)
        )
    strange = sorted([*(f".{kind}" for kind in part.kinds - _KINDS), *(key for key in part.front if key not in _KEYS)])
    if strange:
        doubts.append(Doubt("unknown-key", f"{', '.join(strange)[:120]} means nothing here; passed over", part.line))
    if orphaned:
        what = "deletion tells nothing of it" if "delete" in part.kinds else "was taken for the post itself"
        doubts.append(Doubt("no-such-post", f"no post above has the id {given[:80]!r}: this {what}", part.line))


def _post(part: Part, at: datetime, changed: datetime | None, revision: int) -> Post:
    """Make the post of a part; ``changed`` is when this version was made, None for a first one."""
    front = part.front
    facts = {name: front[name] for name in _FACTS if name in front}
    story_time = moment(front.get("published")) or at
    item: dict[str, Any] = {name: front[name] for name in _MEMBERS if name in front}
    item |= {
        "id": "unnamed",
        "title": part.title or _line(front.get("title")),
        "content_html": markdown_html(part.body),
        "authors": [author.to_dict() for author in part.authors or _authors(front.get("authors"))],
        "tags": list(part.tags) or front.get("tags"),
        "date_published": story_time.isoformat(),
        "date_modified": changed.isoformat() if changed else front.get("updated"),
        "_newsreel": {
            "revision": revision,
            **facts,
            "story_time": story_time.isoformat(),
            "key_event": "key-event" in part.kinds or truth(front.get("key_event")),
            "pinned": "pinned" in part.kinds or truth(front.get("pinned")),
        },
    }
    return read_item(item)


def _precision(one: _Dated) -> TimePrecision:
    return "second" if one.part.clock and one.part.clock.count(":") > 1 else "minute"
