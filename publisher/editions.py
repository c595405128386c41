"""Editions: documents ready to be handed out, rendered once per change for all who ask."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from publisher.cache import Cache
from publisher.codings import IDENTITY, encode
from publisher.render.feedxml import atom, rss
from publisher.render.jsonfeed import json_feed
from publisher.render.page import live_page
from shared import __version__
from shared.event import Position
from shared.wire import ATOM, HTML, JSON_FEED, RSS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from publisher.cache import Budget
    from publisher.render.snapshot import Snapshot


AT_ONCE_BYTES = 32 * 1024
"""Largest body that is encoded between two turns of the loop, about 1 ms; larger ones are encoded beside it."""


@dataclass(frozen=True, eq=False)
class Edition:
    """A document as bytes.

    Attributes:
        media_type: with its charset.
        changed: when what it shows last changed.
        state: what it shows, in words that ``Editions.since`` understands; its entity tags begin with them. Empty
            where nobody can ask what has changed since.
        ready: what whoever hands it out has made of it, by a key of theirs; it lives as long as the edition.
    """

    body: bytes
    media_type: str
    changed: datetime
    state: str = ""
    ready: dict[Any, Any] = field(default_factory=dict, repr=False)
    _twins: dict[str, bytes] = field(default_factory=dict, init=False, repr=False)
    _coming: dict[str, asyncio.Future[bytes]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def digest(self) -> str:
        """Name the bytes and their type; the strong entity tag is made of it (RFC 9110, section 8.8.1).

        Twelve digits tell the states of one document apart, and go over the wire twice with each poll.
        """
        return hashlib.sha256(self.media_type.encode() + b"\n" + self.body).hexdigest()[:12]

    def etag(self, coding: str = IDENTITY) -> str:
        """Give the strong entity tag of the document in a coding: each coding has its own (RFC 9110, 8.8.3.3)."""
        return f'"{self.state}{self.digest}-{coding}"' if coding else f'"{self.state}{self.digest}"'

    def typed(self, media_type: str) -> Edition:
        """Give the same document under another media type, once made."""
        if media_type not in self.ready:
            self.ready[media_type] = replace(self, media_type=media_type, ready={})
        edition: Edition = self.ready[media_type]
        return edition

    async def encoded(self, coding: str) -> bytes:
        """Give the body in a coding, encoded on the first ask, once for however many ask."""
        if coding == IDENTITY:
            return self.body
        if coding not in self._twins:
            if len(self.body) <= AT_ONCE_BYTES:
                self._twins[coding] = encode(coding, self.body)
            else:
                if coding not in self._coming:
                    self._coming[coding] = asyncio.ensure_future(asyncio.to_thread(encode, coding, self.body))
                # One asker who leaves takes nothing from the others.
                self._twins[coding] = await asyncio.shield(self._coming[coding])
                self._coming.pop(coding, None)
        return self._twins[coding]

    @property
    def kept_bytes(self) -> int:
        """Tell about how many bytes it takes when all is made of it: coded twins, answers that are ready to be sent."""
        return 2_000 + 4 * len(self.body)

    @property
    def last_modified(self) -> datetime:
        """Tell the first whole second at which the last change was over.

        Rounding down, as is usual, would hide a second change within the same second from ``If-Modified-Since``.
        """
        whole = self.changed.astimezone(UTC).replace(microsecond=0)
        return whole if whole == self.changed else whole + timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Printing:
    """How one kind of document is made.

    ``delta``: how much of a change a cut of it can tell: nothing, posts that are there, or also deletions.
    """

    media_type: str
    render: Callable[[Snapshot], bytes]
    delta: Literal["none", "posts", "all"] = "none"


PRINTINGS = {
    "page": Printing(f"{HTML}; charset=utf-8", live_page),
    "feed.atom": Printing(f"{ATOM}; charset=utf-8", atom, "all"),
    "feed.rss": Printing(f"{RSS}; charset=utf-8", rss, "posts"),  # RSS has no tombstones
    "feed.json": Printing(f"{JSON_FEED}; charset=utf-8", json_feed, "all"),
}
"""Every document of a channel that shows its window."""

_NO_CUT = Edition(b"", "", datetime.min.replace(tzinfo=UTC))
"""Stands for a delta that cannot be."""
_STATE = re.compile(r"([0-9a-z]{1,16}-[0-9]{1,18})\.([0-9a-f]{8})\.", re.ASCII)


class Editions:
    """The current editions of one channel, each rendered on the first ask after a change.

    Args:
        printings: by name.
        snapshot: gives what they show.
        changed: gives when that last changed.
        budget: for deltas and documents of single posts: readers choose which they ask for.
        cut: gives a snapshot cut down to what is new since an event, None where it cannot be; without it there are no
            deltas. A delta is told of by its number alone, so ``settings`` must say all else that entries depend on.

    Attributes:
        rendered, served: how often each document was made, and asked for.
        settings: other settings, other entries.
    """

    def __init__(
        self,
        printings: Mapping[str, Printing],
        snapshot: Callable[[], Snapshot],
        changed: Callable[[], datetime],
        budget: Budget,
        *,
        cut: Callable[[Snapshot, int], Snapshot | None] | None = None,
        settings: object = None,
    ) -> None:
        self._printings = printings
        self._snapshot = snapshot
        self._changed = changed
        self._cut = cut
        self._imprint = hashlib.sha256(f"{__version__} {settings!r}".encode()).hexdigest()[:8]
        self._current: Snapshot | None = None
        self._made: dict[str, Edition] = {}
        self.rendered: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self._beside: Cache[tuple[str | int, ...], Edition] = Cache(budget)

    @property
    def current(self) -> Snapshot:
        """Give the snapshot that the editions show; one for all of them."""
        if self._current is None:
            self._current = self._snapshot()
        return self._current

    def get(self, name: str) -> Edition:
        """Give the current edition of a document, rendering it if nobody has asked for it since the last change."""
        self.served[name] += 1
        if name not in self._made:
            printing = self._printings[name]
            body = printing.render(self.current)
            self.rendered[name] += 1
            state = ""
            if self._cut is not None and printing.delta != "none":
                state = f"{self.current.position}.{self._imprint}."
            self._made[name] = Edition(body, printing.media_type, self._changed(), state)
        return self._made[name]

    def beside(self, key: tuple[str | int, ...], make: Callable[[], Edition]) -> Edition:
        """Give another document, by a key that says which; made on the first ask after a change."""
        edition = self._beside.get(key)
        if edition is None:
            edition = make()
            self._beside.put(key, edition, edition.kept_bytes)
        return edition

    def since(self, name: str, tag: str) -> Edition | None:
        """Give a document cut down to what is new for who has the edition of this entity tag (without its quotes).

        None where the tag is none of ours, or what it names is too far from what stands now: then the whole document
        is the answer.
        """
        match = _STATE.match(tag)
        if match is None or match[2] != self._imprint:
            return None
        position = Position.parse(match[1])
        if position.epoch != self.current.position.epoch:
            return None
        cut = self.beside((name, position.seq), lambda: self._make_cut(name, position.seq))
        return cut if cut is not _NO_CUT else None

    def _make_cut(self, name: str, seq: int) -> Edition:
        printing = self._printings[name]
        cut = self._cut(self.current, seq) if self._cut is not None and printing.delta != "none" else None
        if cut is None or (cut.deleted and printing.delta == "posts"):
            return _NO_CUT
        return Edition(printing.render(cut), printing.media_type, self._changed())

    def stale(self) -> None:
        """Forget what was made: the story has changed."""
        self._current = None
        self._made.clear()
        self._beside.clear()
