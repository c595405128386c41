"""What ``publisher check`` says of a reading: JSON for programs, tables for people. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from shared.event import PostEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from publisher.sources.reading import Reading, Told
    from shared.post import Author, Image, Post

_LONGEST_DROPPED = 60

_GRAVE = (
    # which posts there are
    "no-boundaries", "shape-guessed", "headlines-guessed", "line-cut", "text-only", "no-updates", "paged", "not-whole",
    "count-mismatch", "numbers-mismatch", "long-pause", "summary-left-out",
    # when they appeared
    "date-assumed", "year-assumed", "date-order", "page-date-rejected", "zone-missing", "zone-unknown",
    "zone-ambiguous", "zone-assumed", "saved-at-assumed", "coarse-times", "times-interpolated", "order-guessed",
    "unclear-stamp",
)  # fmt: skip
_SLIGHT = (
    "out-of-order", "after-update", "no-headline", "byline-guessed", "zone-season", "clock-24h", "clock-struck-twice",
    "clock-skipped", "weekday-mismatch",
)  # fmt: skip
_IMPORTANCE = {code: place for place, code in enumerate(_GRAVE)} | {code: 200 + n for n, code in enumerate(_SLIGHT)}
_BETWEEN = 100
"""Importance of other doubts: something is lost, or was mended. Lower comes first."""


def report(reading: Reading) -> dict[str, Any]:
    """Make the JSON object of ``publisher check --json``: posts oldest first, dates in the source's own offset."""
    header = reading.header
    return {
        "source": {"name": reading.name, "format": reading.format, "claimed_posts": header.claimed_posts},
        "title": header.title,
        "authors": _authors(header.authors),
        "updated": header.updated.isoformat() if header.updated else None,
        "language": header.language,
        "posts": [_post(told, post) for told, post in _first_versions(reading)],
        "warnings": [{"code": d.code, "line": d.line, "message": d.message} for d in reading.doubts],
        "dropped": [{"line": d.line, "text": d.text, "why": d.why} for d in reading.dropped],
    }


def table(reading: Reading) -> RenderableType:
    """Make what ``publisher check`` prints for people."""
    parts: list[RenderableType] = [
        Text.assemble(reading.name, (f"  {reading.format}", "dim")),
        Text(reading.header.title or "(no title)", style="bold"),
    ]
    if reading.header.authors:
        parts.append(Text(_names(reading.header.authors), style="dim"))
    parts += [Text(), _posts(reading)]
    if reading.doubts:
        parts += [Text(), Text("Unsure of", style="bold yellow"), _doubts(reading)]
    if reading.dropped:
        parts += [Text(), Text("Left out", style="bold"), _dropped(reading)]
    parts += [Text(), Text(summary(reading), style="bold")]
    return Group(*parts)


def summary(reading: Reading) -> str:
    """Count in one line: ``6 posts of 6 claimed, 1 doubt``."""
    line = _count(len(reading.posts), "post")
    if reading.header.claimed_posts is not None:
        line += f" of {reading.header.claimed_posts} claimed"
    return line + (f", {_count(len(reading.doubts), 'doubt')}" if reading.doubts else "")


def _first_versions(reading: Reading) -> Iterable[tuple[Told, Post]]:
    return ((told, told.event.post) for told in reading.told if isinstance(told.event, PostEvent))


def _post(told: Told, post: Post) -> dict[str, Any]:
    return {
        "id": post.id,
        "title": post.title,
        "authors": _authors(post.authors),
        "published": post.story_time.isoformat(),
        "time_source": told.time_source,
        "time_precision": told.time_precision,
        "updated": post.date_modified.isoformat() if post.date_modified else None,
        "content_text": post.content_text,
        "content_html": post.content_html,
        "images": [_image(image) for image in post.images],
        "tags": list(post.tags),
        "key_event": post.newsreel.key_event,
        "pinned": post.newsreel.pinned,
        "line": told.line,
    }


def _authors(authors: Iterable[Author]) -> list[dict[str, str]]:
    return [{"name": a.name, "location": a.location} if a.location else {"name": a.name} for a in authors]


def _image(image: Image) -> dict[str, str | None]:
    return {"url": image.url, "caption": image.caption, "credit": image.credit}


def _posts(reading: Reading) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("line", "words", "images"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("time", no_wrap=True)
    sources = {told.time_source for told in reading.told} != {"own"}
    if sources:
        grid.add_column("from", no_wrap=True, style="dim")
    grid.add_column("headline", ratio=3)
    grid.add_column("authors", ratio=2, style="dim")
    for told, post in _first_versions(reading):
        heading = Text(post.title) if post.title else Text(post.heading, style="italic")
        grid.add_row(
            "" if told.line is None else str(told.line),
            str(len(post.content_text.split())),
            str(len(post.images) or ""),
            f"{post.story_time:%Y-%m-%d %H:%M %z}",
            *([_source(told)] if sources else []),
            heading,
            Text(_names(post.authors)),
        )
    return grid


def _source(told: Told) -> str:
    """Tell where a time is from and, unless it is known to the minute, how finely it is known."""
    fine = told.time_precision in {"second", "minute"}
    return told.time_source if fine else f"{told.time_source}, to the {told.time_precision}"


def _doubts(reading: Reading) -> Table:
    """List the doubts, the most important first: which posts, when they appeared, what is lost, what is odd."""
    doubts = sorted(reading.doubts, key=lambda doubt: (_IMPORTANCE.get(doubt.code, _BETWEEN), doubt.line or 0))
    return _notes((doubt.line, Text.assemble((doubt.code, "yellow"), f"  {doubt.message}")) for doubt in doubts)


def _dropped(reading: Reading) -> Table:
    return _notes(
        (dropped.line, Text.assemble((dropped.why, "cyan"), f"  {_short(dropped.text)}")) for dropped in reading.dropped
    )


def _notes(rows: Iterable[tuple[int | None, Text]]) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column()
    for line, text in rows:
        grid.add_row("" if line is None else str(line), text)
    return grid


def _names(authors: Iterable[Author]) -> str:
    return ", ".join(f"{a.name} ({a.location})" if a.location else a.name for a in authors)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_DROPPED else text[: _LONGEST_DROPPED - 1] + "…"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
