"""What a follower tells: one event, the same shape whether it came by stream or by feed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.item import read_item
from shared.wire import Clock, Deletion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.post import Post

# Characters that JSON may carry raw but a terminal or a line reader takes for a command or a line end.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Update:
    """One event of a story.

    Attributes:
        event: ``post``, ``update``, ``delete``, ``clock`` or ``reset``.
        id: the position in the stream, None while polling a feed.
        data: of ``post`` and ``update`` a JSON Feed item, of ``delete`` an id, of ``clock`` the clock, all as received
            with unknown members; of ``reset`` a JSON Feed without its items.
    """

    event: str
    id: str | None
    data: Mapping[str, Any]

    def post(self) -> Post:
        """Read the post of a ``post`` or ``update``: cleaned, safe to show."""
        return read_item(self.data)

    def clock(self) -> Clock:
        """Read the clock of a ``clock``. Raises pydantic's ValidationError if it is none."""
        return Clock.model_validate(self.data)

    def reason(self) -> str:
        """Tell why a ``reset`` happened; empty if it did not say."""
        facts = self.data.get("_newsreel")
        reason = facts.get("reason") if isinstance(facts, dict) else None
        return reason if isinstance(reason, str) else ""

    def to_json(self) -> str:
        """Write one line of JSON with the keys event, id, data, in this order."""
        return dump({"event": self.event, "id": self.id, "data": self.data})


def deletion(post_id: str, position: str | None) -> Update:
    """Make the ``delete`` of a post that a window no longer holds, though it held it before."""
    return Update("delete", position, Deletion(id=post_id).to_dict())


def dump(value: object) -> str:
    """Write one line of JSON that is safe on a terminal."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
