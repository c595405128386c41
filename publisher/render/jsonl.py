"""JSON lines of a reading, as ``subscriber --json`` prints events; ``publisher.sources.jsonl`` reads them back."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from shared.event import DeleteEvent
from shared.wire import JSON_FEED_VERSION, Deletion, DeletionFacts

if TYPE_CHECKING:
    from publisher.sources.reading import Header, Reading

# What JSON may carry as it is, but line readers and terminals take for a line end or a command.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")


def write(reading: Reading) -> str:
    """Write the header, then one line for each post, change and deletion, oldest first.

    Reading it back gives events equal to those written. Lines, time sources and doubts are the source's, not the
    story's, and are not written.
    """
    lines = [_line("reset", _head(reading.header))]
    for told in reading.told:
        event = told.event
        if isinstance(event, DeleteEvent):
            facts = DeletionFacts(story_time=event.story_time)
            lines.append(_line("delete", Deletion(id=event.id, newsreel=facts).to_dict()))
        else:
            lines.append(_line(event.kind, event.post.to_dict()))
    return "".join(f"{line}\n" for line in lines)


def _head(header: Header) -> dict[str, Any]:
    head: dict[str, Any] = {"version": JSON_FEED_VERSION, "title": header.title or ""}
    if header.url:
        head["home_page_url"] = header.url
    if header.language:
        head["language"] = header.language
    if header.authors:
        head["authors"] = [author.to_dict() for author in header.authors]
    head["_newsreel"] = {"reason": "start"}
    if header.updated:
        head["_newsreel"]["updated"] = header.updated.isoformat()
    return head


def _line(event: str, data: dict[str, Any]) -> str:
    text = json.dumps({"event": event, "data": data}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
