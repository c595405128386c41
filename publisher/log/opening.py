"""Opens the log that a URL names. Another engine is one more branch here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from publisher.log.memory import MemoryStore
from publisher.log.sqlite import SqliteStore
from shared.errors import UsageError

if TYPE_CHECKING:
    from publisher.log.contract import LogStore

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(.*)", re.IGNORECASE | re.DOTALL)  # one letter and a colon is a drive


def log_path(url: str) -> str | None:
    """Tell which file ``url`` names; None for a log in memory.

    Raises:
        UsageError: the URL names no log that this version knows.
    """
    match = _SCHEME.fullmatch(url)
    scheme, rest = (match[1].lower(), match[2]) if match else ("sqlite", url)
    if scheme == "memory" and not rest:
        return None
    if scheme == "sqlite" and rest:
        return rest
    if scheme == "nats":
        raise UsageError(f"{url}: logs on NATS are not in this version; use a path or memory:")
    raise UsageError(f"{url!r} names no log; use a path, sqlite:PATH or memory:")


async def open_store(url: str) -> LogStore:
    """Open the log that ``url`` names: a path, ``sqlite:PATH`` or ``memory:``.

    Raises:
        UsageError: the URL names no log that this version knows, or a file that is something else.
        LogError: the log cannot be opened.
    """
    path = log_path(url)
    return MemoryStore() if path is None else await SqliteStore.open(path)
