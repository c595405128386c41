"""What ``publisher check --json`` says of a reading to programs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.event import PostEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from publisher.sources.reading import Reading, Told
    from shared.post import Author, Image, Post


def report(reading: Reading) -> dict[str, Any]:
    """Make the JSON object of ``publisher check --json``: posts oldest first, dates in the source's own offset."""
    header = reading.header
    return {
        "source": {"name": reading.name, "format": reading.format, "claimed_posts": header.claimed_posts},
        "title": header.title,
        "authors": _authors(header.authors),
        "updated": header.updated.isoformat() if header.updated else None,
        "language": header.language,
        "posts": [_post(told, told.event.post) for told in reading.told if isinstance(told.event, PostEvent)],
        "warnings": [{"code": d.code, "line": d.line, "message": d.message} for d in reading.doubts],
        "dropped": [{"line": d.line, "text": d.text, "why": d.why} for d in reading.dropped],
    }


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
