"""Archive documents (RFC 5005, section 4): the history of a channel, in slices that never move."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from publisher.cache import Cache
from publisher.editions import Edition
from publisher.render.feedxml import atom, rss
from publisher.render.jsonfeed import json_feed
from shared.wire import ATOM, JSON_FEED, RSS

if TYPE_CHECKING:
    from collections.abc import Callable

    from publisher.cache import Budget
    from publisher.render.snapshot import Form, Snapshot
    from publisher.scene import Scene

_FORMS: dict[Form, tuple[str, Callable[[Snapshot], bytes]]] = {
    "atom": (f"{ATOM}; charset=utf-8", atom),
    "rss": (f"{RSS}; charset=utf-8", rss),
    "json": (f"{JSON_FEED}; charset=utf-8", json_feed),
}


class Archives:
    """The archive documents of one channel, rendered when they are asked for.

    Number ``n`` holds the posts of the ``n``-th hundred (or whatever the window is) of first releases that are still
    out. It exists once that hundred is full, and changes only when a post of its own does.
    """

    def __init__(self, scene: Scene, budget: Budget) -> None:
        self._scene = scene
        self._made: Cache[tuple[int, Form], tuple[tuple[int, ...], Snapshot, Edition]] = Cache(budget)

    def get(self, number: int, form: Form) -> tuple[Snapshot, Edition] | None:
        """Give an archive document and what it shows but its posts; None where there is none of that number (yet)."""
        if not 1 <= number <= self._scene.archives:
            return None
        size, shelf = self._scene.billing.window, self._scene.shelf
        version = (self._scene.take, self._scene.archives == number, *shelf.slot_version((number - 1) * size, size))
        known = self._made.get((number, form))
        if known is None or known[0] != version:
            snapshot = self._scene.archive(number)
            edition = render(snapshot, form)
            known = version, replace(snapshot, posts=(), deleted=()), edition
            self._made.put((number, form), known, edition.kept_bytes)
        return known[1:]


def render(snapshot: Snapshot, form: Form) -> Edition:
    """Render an archive document."""
    media_type, write = _FORMS[form]
    facts = [post.newsreel for post in snapshot.posts], [stone.deletion.newsreel for stone in snapshot.deleted]
    changes = [fact.released_at for kind in facts for fact in kind if fact.released_at is not None]
    return Edition(write(snapshot), media_type, max(changes, default=snapshot.updated))
