"""The parts of a Markdown story: where each post begins, and the lines that say who, what kind and more."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from publisher.sources.paragraphs import markdown_line
from publisher.sources.reading import Doubt, Dropped
from shared.post import Author
from shared.text import clean_line, html_text

HEADING = re.compile(
    r"##[ \t]+(?:(\d{4}-\d\d-\d\d)[Tt ])?(\d{1,2}:\d\d(?::\d\d(?:\.\d{1,6})?)?)[ ]?([Zz]|[+-]\d\d:?\d\d)?(?=\s|$)(.*)",
    re.ASCII,
)
"""Opens a post: the day, the clock, the offset, and the rest of the line."""
EXAMPLE = "## 2023-02-01T00:22-05:00 Headline"
DAY = re.compile(r"#[ \t]+(\d{4}-\d\d-\d\d)\s*", re.ASCII)
"""Opens a day."""

_PLAIN_HEADING = re.compile(r"##[ \t]+(.*)")
_TITLE = re.compile(r"#[ \t]+(.*)")
_BRACES = re.compile(r"(?:^|\s)\{\s*([#.][^\s{}]+(?:\s+[#.][^\s{}]+)*)\s*\}\s*$")
_DATED = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)[Tt ]+(\d{1,2}:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?([Zz]|[+-]\d\d:?\d\d)?\s*", re.ASCII
)
_NAMES_APART = re.compile(r",\s+(?![^()]*\))|\s+and\s+(?![^()]*\))")
_NAMED = re.compile(r"([^()]+?)(?:\s+\(([^()]+)\))?")
_FENCE = re.compile(r"-{3,}\s*")
_LONGEST_FRONT_MATTER = 64 * 1024
_MOST_NAMES_LENGTH = 1000


class FrontMatterError(ValueError):
    """The front matter cannot be read; the message is one line."""


@dataclass(slots=True)
class Part:
    """One post, change or deletion as it stands in the file. ``clock`` is None where the heading names no time."""

    line: int
    day: str | None = None
    section_day: str | None = None
    clock: str | None = None
    offset: str | None = None
    title: str | None = None
    id: str = ""
    kinds: frozenset[str] = frozenset()
    authors: tuple[Author, ...] = ()
    tags: tuple[str, ...] = ()
    front: dict[str, Any] = field(default_factory=dict)
    body: str = ""


@dataclass(slots=True)
class Parts:
    """A file, split."""

    front: dict[str, Any] = field(default_factory=dict)
    title: str | None = None
    parts: list[Part] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)


class _PlainLoader(yaml.BaseLoader):
    """Takes every value for text (``no`` is a language, ``2023`` a title), and no alias: a few fill all memory."""

    def compose_node(self, parent: yaml.nodes.Node | None, index: Any) -> yaml.nodes.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise FrontMatterError("front matter may not use aliases (*name)")
        return super().compose_node(parent, index)


def mapping(text: str) -> dict[str, Any]:
    """Read YAML front matter; every value is text, a list or a mapping.

    Raises:
        FrontMatterError: it is no YAML, no mapping, or too long.
    """
    if len(text) > _LONGEST_FRONT_MATTER:
        raise FrontMatterError(f"front matter has over {_LONGEST_FRONT_MATTER:,} characters")
    try:
        value = yaml.load(text, _PlainLoader)  # noqa: S506 it makes nothing but text, lists and mappings
    except (yaml.YAMLError, RecursionError) as error:
        problem = getattr(error, "problem", None) or "nested too deeply"
        raise FrontMatterError(f"front matter is no YAML: {clean_line(str(problem))[:100]}") from None
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise FrontMatterError("front matter is no list of names and values (title: …)")
    return {str(name).lower(): member for name, member in value.items()}


def read_line(value: object) -> str | None:
    """Read a line of text; None if it is none, or says nothing."""
    return clean_line(value) or None if isinstance(value, str) else None


def read_names(text: str) -> tuple[Author, ...]:
    """Read ``Ada Quist (Holmavik), Bo Lindqvist``; empty if a part of it is no name."""
    if len(text) > _MOST_NAMES_LENGTH:
        return ()
    named = [_NAMED.fullmatch(clean_line(part)) for part in _NAMES_APART.split(text)]
    return tuple(Author.of(m[1], m[2]) for m in named if m) if all(named) else ()


def read_tags(text: str) -> tuple[str, ...]:
    """Read ``harbour, divers``."""
    return tuple(tag for part in text.split(",") if (tag := clean_line(part)))


def read_title(text: str) -> str | None:
    """Read a headline: one line of Markdown, of which the words are kept."""
    return clean_line(html_text(markdown_line(text))) or None


def truth(value: object) -> bool:
    """Read a yes or no of front matter."""
    return str(value).strip().lower() in {"true", "yes", "on", "1"}


def split(text: str) -> Parts:
    """Split a file into its header and its posts, in the order of the file."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = Parts()
    start = next((place for place, line in enumerate(lines) if line.strip()), len(lines))
    front, begin = _front_matter(lines, start, found)
    timed = any(HEADING.fullmatch(line) for line in lines[begin:])
    if front is not None and not timed and _time_of(front):
        _documents(lines, start, found)
        return found
    found.front = front or {}
    after = next((place for place in range(begin, len(lines)) if lines[place].strip()), len(lines))
    if not timed and front is not None and _document(lines, after):
        _documents(lines, after, found)
        return found
    _headings(lines, begin, HEADING if timed else _PLAIN_HEADING, found)
    return found


def _headings(lines: list[str], begin: int, opening: re.Pattern[str], found: Parts) -> None:
    """Split at headings."""
    day: str | None = None
    own: list[str] | None = None
    bodies: list[list[str]] = []
    for number, line in enumerate(lines[begin:], begin + 1):
        match, new_day = opening.fullmatch(line), DAY.fullmatch(line)
        if match:
            found.parts.append(_opened(match, number, day))
            own = []
            bodies.append(own)
        elif new_day:
            day, own = new_day[1], None
        elif own is not None:
            own.append(line)
        elif line.strip():
            heading = _TITLE.fullmatch(line)
            if heading and not found.title and not found.parts:
                found.title = read_title(heading[1])
            else:
                found.dropped.append(Dropped(number, clean_line(line), "preamble"))
    for part, body in zip(found.parts, bodies, strict=True):
        _read_head(part, body, found)


def _opened(match: re.Match[str], number: int, day: str | None) -> Part:
    timed = match.re is HEADING
    rest = match[4] if timed else match[1]
    part = Part(number, section_day=day)
    if timed:
        part.day, part.clock, part.offset = match[1], match[2], match[3]
    braces = _BRACES.search(rest)
    if braces:
        rest = rest[: braces.start()]
        marks = re.findall(r"[#.][^\s{}]+", braces[1])
        part.id = next((mark[1:] for mark in marks if mark[0] == "#"), "")
        part.kinds = frozenset(mark[1:].lower() for mark in marks if mark[0] == ".")
    part.title = read_title(rest.strip())
    return part


def _read_head(part: Part, lines: list[str], found: Parts) -> None:
    """Read the lines that follow a heading without a blank line between; the rest is the body."""
    place = 0
    while place < len(lines):
        line = lines[place]
        if line.startswith("By ") and not part.authors and (names := read_names(line[3:])):
            part.authors = names
        elif line.lower().startswith("tags:") and not part.tags:
            part.tags = read_tags(line[5:])
        else:
            break
        place += 1
    front, after = _front_matter(lines, place, found, part.line)
    part.front = front or {}
    part.body = "\n".join(lines[after:])


def _front_matter(lines: list[str], start: int, found: Parts, offset: int = 0) -> tuple[dict[str, Any] | None, int]:
    """Read the front matter that begins at ``start``: its mapping, None if there is none, and the place after it."""
    if start >= len(lines) or not _FENCE.fullmatch(lines[start]):
        return None, start
    end = next((place for place in range(start + 1, len(lines)) if _FENCE.fullmatch(lines[place])), None)
    if end is None:
        return None, start
    try:
        return mapping("\n".join(lines[start + 1 : end])), end + 1
    except FrontMatterError as error:
        found.doubts.append(Doubt("bad-front-matter", f"{error}; it was left out", offset + start + 1))
        found.dropped += [
            Dropped(offset + start + 1 + place, clean_line(line), "bad-front-matter")
            for place, line in enumerate(lines[start : end + 1])
            if line.strip()
        ]
        return {}, end + 1


def _time_of(front: dict[str, Any]) -> re.Match[str] | None:
    given = front.get("date") or front.get("published")
    return _DATED.fullmatch(given) if isinstance(given, str) else None


def _document(lines: list[str], place: int) -> tuple[Part, int] | None:
    """Read the front matter of a post of its own, which names a moment, if such begins at ``place``; the body is below.

    Also gives the place after it.
    """
    front, after = _front_matter(lines, place, Parts())
    match = _time_of(front) if front is not None else None
    if front is None or match is None:
        return None
    title = front.pop("title", None)
    front.pop("date", None)
    return Part(place + 1, day=match[1], clock=match[2], offset=match[3], title=read_line(title), front=front), after


def _documents(lines: list[str], begin: int, found: Parts) -> None:
    """Split at front matter that names a moment."""
    opened: list[tuple[Part, int]] = []
    after = begin
    for place in range(begin, len(lines)):
        document = _document(lines, place) if place >= after else None
        if document:
            opened.append(document)
            after = document[1]
    ends = [part.line - 1 for part, _ in opened[1:]]
    for (part, after), end in zip(opened, [*ends, len(lines)], strict=True):
        part.body = "\n".join(lines[after:end])
        found.parts.append(part)
