"""Asking for a rerun: a story from its beginning, on a clock of one's own (``docs/protocol.md``, "Reruns")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from subscriber.discover import Channel

if TYPE_CHECKING:
    from collections.abc import Iterable

_START = r"[0-9T:.Z-]+"


@dataclass(frozen=True, slots=True)
class Rerun:
    """What to ask for; the server says what is wrong with it. Empty members are left to it.

    Attributes:
        speed: story seconds a second, such as ``60``.
        begin: where in the story, such as ``21:30``, ``+10m`` or ``50%``; everything earlier comes at once.
        max_gap: silences longer than this are shortened to it, such as ``30s``.
    """

    speed: str = ""
    begin: str = ""
    max_gap: str = ""

    def fixed(self, url: str, now: datetime, known: Iterable[str] = ()) -> str:
        """Add the rerun to the address ``url``: the one of ``known`` addresses that is the same, or one from now on."""
        before, after = added(url, "rerun="), self._rest
        same = re.compile(re.escape(before) + _START + re.escape(after))
        found = [address for address in known if same.fullmatch(address)]
        start = now.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
        return found[-1] if found else f"{before}{start}{after}"

    @property
    def _rest(self) -> str:
        given = {"speed": self.speed, "from": self.begin, "max_gap": self.max_gap}
        return "".join(f"&{name}={quote(value, safe=':')}" for name, value in given.items() if value)


def added(url: str, query: str) -> str:
    """Add to the query of an address; its fragment is of no use."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query, fragment=""))


def rerun_of(channel: Channel, url: str) -> Channel:
    """Give the addresses of a channel's rerun, that of the fixed address ``url``."""
    query = urlsplit(url).query
    asked = query[query.index("rerun=") :]
    stream = added(channel.stream, asked) if channel.stream is not None else None
    return Channel(channel.title, stream, {kind: added(feed, asked) for kind, feed in channel.feeds.items()})
