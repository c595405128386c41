"""What ``publisher check`` shows people of a reading: posts, doubts, and what was left out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from publisher.render.grid import GAP, Column, Grid
from shared.event import DeleteEvent, PostEvent, UpdateEvent
from shared.text import showable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from publisher.render.grid import Cell
    from publisher.sources.reading import Reading, Told
    from shared.post import Author, Post

_LONGEST = 300
"""Characters that are shown of a headline or a line that was left out."""
_ROOMY = 74
"""Columns from which headlines and authors stand side by side; in fewer, authors stand under their headline."""
_LEAST, _LEAST_AUTHORS = 10, 20
_NARROW = 60
"""Columns of a screen that has no room for counts."""

_GRAVE = (
    # which posts there are
    "no-boundaries", "shape-guessed", "headlines-guessed", "line-cut", "text-only", "no-updates", "paged", "not-whole",
    "count-mismatch", "numbers-mismatch", "long-pause", "summary-left-out",
    # when they appeared
    "date-assumed", "year-assumed", "date-order", "page-date-rejected", "zone-missing", "zone-unknown",
    "zone-ambiguous", "zone-assumed", "saved-at-assumed", "coarse-times", "times-interpolated", "order-guessed",
    "unclear-stamp", "time-mended",
)  # fmt: skip
_SLIGHT = (
    "out-of-order", "after-update", "no-headline", "byline-guessed", "zone-season", "clock-24h", "clock-struck-twice",
    "clock-skipped", "weekday-mismatch",
)  # fmt: skip
_IMPORTANCE = {code: place for place, code in enumerate(_GRAVE)} | {code: 200 + n for n, code in enumerate(_SLIGHT)}
_BETWEEN = 100
"""Importance of other doubts: something is lost, or was mended. Lower comes first."""


def overview(reading: Reading, width: int) -> RenderableType:
    """Make what is printed; ``width`` is that of the screen, in columns. Nothing in it is taken for markup."""
    parts: list[RenderableType] = [*_head(reading), Text(), _events(reading, width)]
    if reading.doubts:
        parts += [Text(), Text("Unsure of", style="bold yellow"), _doubts(reading, width)]
    if reading.dropped:
        rows = [(one.line, Text(one.why, "cyan"), _text(one.text)) for one in reading.dropped]
        parts += [Text(), Text("Left out", style="bold"), _notes(rows, width)]
    return Group(*parts, Text(), Text(summary(reading), style="bold"))


def summary(reading: Reading) -> str:
    """Count in one line: ``6 posts of 6 claimed, 2 edits, 1 doubt``."""
    posts = _count(len(reading.posts), "post")
    if reading.header.claimed_posts is not None:
        posts += f" of {reading.header.claimed_posts} claimed"
    counts = (
        (sum(isinstance(told.event, UpdateEvent) for told in reading.told), "edit"),
        (sum(isinstance(told.event, DeleteEvent) for told in reading.told), "deletion"),
        (len(reading.doubts), "doubt"),
    )
    return ", ".join([posts, *(_count(number, noun) for number, noun in counts if number)])


def _head(reading: Reading) -> Iterable[Text]:
    header = reading.header
    yield Text.assemble(_text(reading.name), (f"  {reading.format}", "dim"))
    yield _text(header.title or "(no title)", "bold")
    if header.authors:
        yield _text(_names(header.authors), "dim")
    sources = {_source(one) for one in reading.told}
    about = [
        f"updated {header.updated:%Y-%m-%d %H:%M} {_offset(header.updated)}" if header.updated else "",
        f"language {showable(header.language)}" if header.language else "",
        *(f"times from: {source}" for source in sources if len(sources) == 1 and source != "own"),
    ]
    if any(about):
        yield Text(", ".join(filter(None, about)), "dim")


def _events(reading: Reading, width: int) -> Grid:
    """List posts, edits and deletions, oldest first; the day, with its offset, stands above its first one."""
    told = reading.told
    posts = {post.id: post for post in reading.posts}
    said = [(one, *_what(one, posts)) for one in told]
    clock = "%H:%M:%S" if any(one.time_precision == "second" for one in told) else "%H:%M"
    before = {"line": max(len(_line(one.line)) for one in told), "time": len(f"{told[0].event.story_time:{clock}}")}
    sources = {_source(one) for one in told}
    if len(sources) > 1:
        before["from"] = max(map(len, sources))
    counts = ["words", *(["images"] if any(post and post.images for _, _, post in said) else [])]
    counts = counts if width >= _NARROW else []
    columns = {name: Column(max(len(name), longest), right=name == "line") for name, longest in before.items()}
    after = {name: Column(len(name), right=True) for name in counts}
    room = width - sum(column.width + GAP for column in (*columns.values(), *after.values()))
    headline, authors = _shares(said, room)
    columns["headline"] = Column(headline)
    if authors:
        columns["authors"] = Column(authors)
    columns |= after
    rows: list[Sequence[Cell]] = [[Text(name, "dim") for name in columns]]
    day = ""
    for one, what, post in said:
        at = one.event.story_time
        if day != (day := f"{at:%A %Y-%m-%d} {_offset(at)}"):
            rows.append([*[Text()] * len(before), Text(day, "bold")])
        where = [_line(one.line), f"{at:{clock}}", *([_source(one)] if "from" in before else [])]
        signed = _text(_names(post.authors), "dim") if post else Text()
        numbers = [len(post.content_text.split()), len(post.images) or ""] if post else []
        rows.append([
            *(Text(words, "dim") for words in where),
            *([what, signed] if authors else [(what, signed) if signed else what]),
            *(Text(str(number), "dim") for number in numbers[: len(counts)]),
        ])  # fmt: skip
    return Grid([*columns.values()], rows)


def _shares(said: Sequence[tuple[Told, Text, Post | None]], room: int) -> tuple[int, int]:
    """Share the columns that are left between headlines and authors; 0 for authors that stand under theirs."""
    headline = max(len("Wednesday 2024-03-06 +00:00"), *(what.cell_len for _, what, _ in said))
    authors = max(cell_len(_names(post.authors)) if post else 0 for _, _, post in said)
    if not authors or room < _ROOMY:
        return min(max(headline, authors + GAP), max(room, _LEAST)), 0
    authors = max(authors, len("authors"))
    if headline + GAP + authors > room:
        authors = min(authors, max(_LEAST_AUTHORS, room // 3, room - GAP - headline))
    return min(headline, room - GAP - authors), authors


def _what(told: Told, posts: Mapping[str, Post]) -> tuple[Text, Post | None]:
    """Tell what an event says, and the post that it brings; without a headline, the first words stand for it."""
    event = told.event
    if isinstance(event, DeleteEvent):
        gone = posts[event.id].heading if event.id in posts else event.id
        return Text.assemble(("deleted: ", "red"), _text(gone)), None
    post = event.post
    facts = post.newsreel
    marks = [word for word, on in (("pinned", facts.pinned), ("key event", facts.key_event)) if on]
    said = _text(post.title) if post.title else _text(f"… {post.heading}", "italic")
    edited = Text("edited: ", "yellow") if not isinstance(event, PostEvent) else ""
    return Text.assemble(edited, said, *((f"  ({word})", "magenta") for word in marks)), post


def _source(told: Told) -> str:
    """Tell where a time is from and, unless it is known to the minute, how finely it is known."""
    fine = told.time_precision in {"second", "minute"}
    return told.time_source if fine else f"{told.time_source}, to the {told.time_precision}"


def _doubts(reading: Reading, width: int) -> Grid:
    """List the doubts, the most important first: which posts, when they appeared, what is lost, what is odd."""
    doubts = sorted(reading.doubts, key=lambda doubt: (_IMPORTANCE.get(doubt.code, _BETWEEN), doubt.line or 0))
    return _notes([(doubt.line, Text(doubt.code, "yellow"), _text(doubt.message)) for doubt in doubts], width)


def _notes(notes: Sequence[tuple[int | None, Text, Text]], width: int) -> Grid:
    line = Column(max(len("line"), *(len(_line(number)) for number, _, _ in notes)), right=True)
    code = Column(max(code.cell_len for _, code, _ in notes))
    words = Column(max(width - line.width - code.width - 2 * GAP, _LEAST))
    return Grid([line, code, words], [(Text(_line(number), "dim"), code, text) for number, code, text in notes])


def _line(line: int | None) -> str:
    return "" if line is None else str(line)


def _text(text: str, style: str = "") -> Text:
    """Make text of a source's words, which shall move no cursor and turn no line."""
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return Text(showable(short).replace("\n", " "), style)


def _names(authors: Iterable[Author]) -> str:
    return ", ".join(f"{a.name} ({a.location})" if a.location else a.name for a in authors)


def _offset(moment: datetime) -> str:
    said = f"{moment:%z}"
    return f"{said[:3]}:{said[3:5]}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
