"""What a watched channel has told, read out of its library."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from publisher.sources.matching import Version
from publisher.watch.difference import Known

if TYPE_CHECKING:
    from publisher.library import Shelf
    from shared.post import Post

_SLICE = 25


async def recall(shelf: Shelf, since: int) -> tuple[int, Known]:
    """Give what the channel has told, and the event up to which that is; in slices, between which the loop goes on.

    Args:
        shelf: of the channel.
        since: the last event that is of another source; what was first told by then is not this one's to take away.
    """
    while True:
        head, history = shelf.head, shelf.history
        out: dict[str, Version] = {}
        gone: dict[str, Post | None] = dict.fromkeys(history.withdrawn())
        others: set[str] = set()
        for first in range(0, shelf.releases, _SLICE):
            for filed in shelf.slot(first, _SLICE):
                if filed.post is not None:
                    out[filed.slug] = Version(filed.post, "second")
                    if filed.first_seq <= since:
                        others.add(filed.slug)
                elif filed.slug not in gone:
                    last = history.find(filed.slug, filed.seq - 1)
                    gone[filed.slug] = last.post if last is not None else None
            await asyncio.sleep(0)
        if head == shelf.head:
            return head, Known(out, gone, frozenset(others))
