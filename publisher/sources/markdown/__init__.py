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
from typing import TYPE_CHECKING, Any

from publisher.sources.firsts import First, tell_firsts
from publisher.sources.markdown.dates import date_parts
from publisher.sources.markdown.parts import EXAMPLE, HEADING, read_line, read_names, split, truth
from publisher.sources.minting import kept
from publisher.sources.paragraphs import markdown_html
from publisher.sources.reading import Doubt, Header, Reading, SourceError, Told
from shared.event import DeleteEvent, UpdateEvent
from shared.item import UNKNOWN_TIME, each, moment, read_item
from shared.post import Author
from shared.text import clean_language

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.sources.markdown.dates import Dated
    from publisher.sources.markdown.parts import Part, Parts
    from publisher.sources.options import Options
    from shared.post import Post

FORMAT = "markdown"

_FRONT_MATTER = re.compile(r"\s*---[ \t]*\n(?:[A-Za-z_][\w-]*:|#).*\n(?:.*\n){0,200}?---[ \t]*(?:\n|\Z)")
_TIMED_HEADING = re.compile(rf"^{HEADING.pattern}", re.MULTILINE | re.ASCII)
_FACTS = ("revision", "images")
_MEMBERS = ("url", "image", "language", "attachments", "tags", "authors")
_KINDS = frozenset({"key-event", "pinned", "update", "delete"})
_KEYS = frozenset({*_FACTS, *_MEMBERS, "id", "title", "published", "updated", "key_event", "pinned"})


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
        raise SourceError.at(name, None, f"no post found: a post opens with a heading, {EXAMPLE}")
    header = _header(parts)
    dated = date_parts(parts, options, name)
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
        title=read_line(front.get("title")) or parts.title,
        authors=tuple(_authors(front.get("authors"))),
        updated=moment(front.get("updated")),
        language=clean_language(read_line(front.get("language")) or ""),
        url=read_line(front.get("url")),
    )


def _authors(given: object) -> list[Author]:
    """Read authors as front matter has them: one line, or a list of lines and of mappings (name, location, url)."""
    if isinstance(given, str):
        return list(read_names(given))
    authors: list[Author] = []
    for one in given if isinstance(given, list) else ():
        if isinstance(one, str):
            authors += read_names(one)
        elif isinstance(one, dict) and read_line(one.get("name")):
            place = read_line(one.get("location"))
            facts = {"_newsreel": {"location": place}} if place else {}
            authors += each(Author, [{"name": one["name"], "url": one.get("url")} | facts])
    return authors


def _tell(dated: list[Dated], doubts: list[Doubt], options: Options, name: str) -> list[Told]:
    """Make the events: first versions are timed and named, then changes and deletions find their post by its id."""
    firsts: list[Dated] = []
    later: list[Dated] = []
    orphaned: list[Dated] = []
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


def _first(one: Dated) -> First:
    at = moment(one.part.front.get("published")) or one.at
    post = _post(one.part, at or UNKNOWN_TIME, None, 1)
    return First(post, _given(one.part), at, one.part.line, one.source, one.precision)


def _buried(orphaned: list[Dated], doubts: list[Doubt]) -> list[Told]:
    """Tell deletions of posts that are not in the file: these may have left it, and no more than that."""
    told: dict[str, Told] = {}
    for one in orphaned:
        known_id = kept(_given(one.part))
        if known_id in told:
            doubts.append(_deleted_before(known_id, one))
        elif known_id is not None and one.at is not None:
            event = DeleteEvent(id=known_id, story_time=one.at)
            told[known_id] = Told(event, one.part.line, one.source, one.precision)
    return [*told.values()]


def _what_became(later: list[Dated], named: dict[str, Post], doubts: list[Doubt]) -> list[Told]:
    """Tell changes and deletions, by their times; those of one time as the file has them.

    Args:
        later: the parts that are changes and deletions, as the file has them.
        named: the first versions, by the ids that the file gave them.
        doubts: filled.
    """
    latest = {post.id: post for post in named.values()}
    changes: list[tuple[datetime, str, Dated]] = []
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
        told.append(Told(event, one.part.line, one.source, one.precision))
    return told


def _deleted_before(post_id: str, one: Dated) -> Doubt:
    what = f"{post_id[:80]!r} was deleted above: this deletion was left out"
    return Doubt("no-such-post", what, one.part.line)


def _given(part: Part) -> str:
    return part.id or read_line(part.front.get("id")) or ""


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
        "title": part.title or read_line(front.get("title")),
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
