"""Joining: what the markup says of a post and what the page's HTML shows of the same post.

The HTML's body is richer and whole; the markup's dates and headlines are surer, unless they are the page's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from publisher.sources.html.block import bare_key
from publisher.sources.reading import Doubt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.html.moments import Instant
    from publisher.sources.html.update import Update

_WORD = re.compile(r"\w+")
_OPENING = 12
"""Words by whose likeness a body and a block are one."""
_WHOLE = 0.9
"""Share of the markup's words that a block must hold for its body to be taken: nobody loses half a post to a match."""
_CUT = 1000
"""Characters at which a large publisher cuts all its bodies."""
_SHORTEST_CUT = 250
_ELLIPSIS = ("…", "...", "[…]", "[...]")


def join(updates: Sequence[Update], blocks: Sequence[Update], doubts: list[Doubt]) -> list[Update]:
    """Complete the updates from the blocks that show the same posts; blocks that the markup leaves out are added."""
    find = _Finder(blocks)
    joined: dict[int, Update] = {}
    for update in updates:
        shown = find(update)
        if shown is not None:
            joined.setdefault(id(shown), update)
            _complete(update, shown)
    left = [block for block in blocks if id(block) not in joined and _stands_alone(block)]
    if not joined or not left:
        return list(updates)
    doubts.append(
        Doubt(
            "not-in-markup",
            f"the page shows posts that its LiveBlogPosting leaves out ({len(left)}); they were taken, too",
            left[0].line,
        )
    )
    held = {id(update) for update in joined.values()}
    alone = [update for update in updates if id(update) not in held]
    return [*(joined.get(id(block), block) for block in blocks if id(block) in joined or _stands_alone(block)), *alone]


def _stands_alone(block: Update) -> bool:
    """Tell whether a block that no update has is a post all the same: it says something, and when."""
    return not block.empty and bool(block.published or block.clock)


class _Finder:
    """Finds the block of an update: by its name, else by its first words, else by its moment."""

    def __init__(self, blocks: Sequence[Update]) -> None:
        self._by_key = {key: block for block in reversed(blocks) for key in block.keys}
        self._by_words: dict[tuple[str, ...], list[Update]] = defaultdict(list)
        self._by_moment: dict[Instant, list[Update]] = defaultdict(list)
        for block in blocks:
            self._by_words[_opening(block)].append(block)
            if block.published:
                self._by_moment[block.published].append(block)

    def __call__(self, update: Update) -> Update | None:
        keys = (key for given in update.keys for key in (given, bare_key(given)))
        named = next((self._by_key[key] for key in keys if key in self._by_key), None)
        opening = _opening(update)
        alike = self._by_words.get(opening, []) if opening else []
        at_once = self._by_moment.get(update.published, []) if update.published else []
        return named or next((found[0] for found in (alike, at_once) if len(found) == 1), None)


def doubt_cut_bodies(updates: Sequence[Update], doubts: list[Doubt]) -> None:
    """Doubt bodies that end where a template cuts them: at 1,000 characters, at a length that others share, at dots."""
    texts = [(update, update.text) for update in updates if update.plain]
    longest = max((len(text) for _, text in texts), default=0)
    shared = sum(len(text) == longest for _, text in texts) > 1 and longest >= _SHORTEST_CUT
    for update, text in texts:
        if (
            len(text) in {_CUT - 1, _CUT}
            or (shared and len(text) == longest and text[-1].isalnum())
            or text.endswith(_ELLIPSIS)
        ):
            doubts.append(
                Doubt(
                    "body-cut",
                    f"the body of {update.headline or text[:40]!r} ends after {len(text):,} characters; the rest is not"
                    " in the page. Save the page from a browser once it has loaded, or as text",
                    update.line,
                )
            )


def _opening(update: Update) -> tuple[str, ...]:
    return tuple(word.casefold() for word in _WORD.findall(update.text)[:_OPENING])


def _complete(update: Update, block: Update) -> None:
    update.published = update.published or block.published
    update.clock = update.clock or block.clock
    update.modified = update.modified or block.modified
    update.headline = update.headline or block.headline
    update.authors = block.authors or update.authors
    update.images = block.images or update.images
    update.attachments = update.attachments or block.attachments
    update.key_event = update.key_event or block.key_event
    update.pinned = update.pinned or block.pinned
    update.line = block.line or update.line
    said = len(_WORD.findall(update.text))
    if len(_WORD.findall(block.text)) >= _WHOLE * said:
        update.html, update.plain = block.html or update.html, update.plain and not block.html
