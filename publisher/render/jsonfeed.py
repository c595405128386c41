"""JSON Feed 1.1, and the same document as the stream's ``reset`` carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.post import encode_json
from shared.text import clean_line
from shared.wire import JSON_FEED_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from publisher.render.snapshot import Snapshot
    from shared.event import ResetReason


def json_feed(snapshot: Snapshot, items: Iterable[bytes] | None = None) -> bytes:
    """Write the JSON Feed of a snapshot, one line, newest post first.

    Args:
        snapshot: what to show.
        items: the posts of the snapshot as they are already encoded for the stream (``Post.to_json``), in the same
            order; they are joined as they are.
    """
    return _document(snapshot, items, {})


def reset_document(snapshot: Snapshot, reason: ResetReason, items: Iterable[bytes] | None = None) -> bytes:
    """Write the data of a ``reset`` event: the JSON Feed, its ``_newsreel`` telling the reason. One line."""
    return _document(snapshot, items, {"reason": reason})


def _document(snapshot: Snapshot, items: Iterable[bytes] | None, facts: dict[str, Any]) -> bytes:
    head = encode_json(_head(snapshot) | {"_newsreel": facts | _facts(snapshot)})
    if items is None:
        items = (post.to_json() for post in snapshot.posts)
    return head[:-1] + b',"items":[' + b",".join(items) + b"]}"


def _head(snapshot: Snapshot) -> dict[str, Any]:
    title = clean_line(snapshot.title) or snapshot.address.channel
    head: dict[str, Any] = {
        "version": JSON_FEED_VERSION,
        "title": title,
        "home_page_url": snapshot.address.page,
        "feed_url": snapshot.address.json,  # of an archive document, too: it names the feed (JSON Feed 1.1, "feed_url")
    }
    if snapshot.brand is not None:
        head["icon"] = snapshot.brand.logo
    if snapshot.address.hubs and snapshot.archive is None:
        head["hubs"] = [{"type": "WebSub", "url": hub} for hub in snapshot.address.hubs]
    if snapshot.older is not None:
        head["next_url"] = snapshot.archived(snapshot.older, "json")
    if snapshot.subtitle:
        head["description"] = clean_line(snapshot.subtitle)
    if snapshot.language:
        head["language"] = clean_line(snapshot.language)
    # An item without authors takes the feed's (JSON Feed 1.1, "authors"), and nobody shall be said to have written
    # what they did not: the feed names people only where every item does.
    signed = snapshot.authors and all(post.authors for post in snapshot.posts)
    head["authors"] = [author.to_dict() for author in snapshot.authors] if signed else [{"name": title}]
    if snapshot.clock is not None and snapshot.clock.state == "ended":
        head["expired"] = True
    return head


def _facts(snapshot: Snapshot) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "channel": snapshot.address.channel,
        "mode": snapshot.mode,
        "position": str(snapshot.position),
        "complete": snapshot.complete,
    }
    if snapshot.replay is not None:
        facts["replay"] = snapshot.replay.to_dict()
    if snapshot.clock is not None:
        facts["clock"] = snapshot.clock.to_dict()
    if snapshot.address.events is not None:
        facts["events"] = snapshot.address.events
    if snapshot.archive is not None:
        facts["archive"] = snapshot.archive
    if snapshot.deleted:
        facts["deleted"] = [stone.deletion.to_dict() for stone in snapshot.deleted]
    return facts
