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
    grid.add_column("headline", ratio=3)
    grid.add_column("authors", ratio=2, style="dim")
    for told, post in _first_versions(reading):
        heading = Text(post.title) if post.title else Text(post.heading, style="italic")
        grid.add_row(
            "" if told.line is None else str(told.line),
            str(len(post.content_text.split())),
            str(len(post.images) or ""),
            f"{post.story_time:%Y-%m-%d %H:%M %z}" + ("" if told.time_source == "own" else f" ({told.time_source})"),
            heading,
            Text(_names(post.authors)),
        )
    return grid


def _doubts(reading: Reading) -> Table:
    return _notes((doubt.line, Text.assemble((doubt.code, "yellow"), f"  {doubt.message}")) for doubt in reading.doubts)


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
