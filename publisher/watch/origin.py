"""Where a watched source is: a file, or a web address. Each look brings its bytes, or that they are the same."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from watchfiles import awatch

from publisher.intake import MAX_DOWNLOAD_BYTES, NoSourceError, body_of, get_file
from shared.fetch import USER_AGENT, FetchError, fetch, open_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import aiohttp

    from shared.fetch import Validators

logger = logging.getLogger(__name__)

LONGEST_REST = 600.0
"""However long a web server says that its page may be kept, ask again after so many seconds."""
TICK_NS = 2_000_000_000
"""How coarse a file's times may be: those of FAT."""
ANSWER_SECONDS = 120.0
"""Longest that a page may take to come, from asking to its last byte."""
ACCEPT = (
    "text/html, application/feed+json;q=0.9, application/atom+xml;q=0.9, application/rss+xml;q=0.9, "
    "application/json;q=0.8, text/markdown;q=0.8, */*;q=0.5"
)


@dataclass(frozen=True, slots=True)
class Got:
    """The bytes of a source.

    Attributes:
        data: all of them.
        name: what to call the source in reports.
        moment: when it was as it is: the time of a file; None for what was got from the web just now.
    """

    data: bytes
    name: str
    moment: datetime | None


class Origin(Protocol):
    """A place where a source is.

    Attributes:
        local: it is a file of this machine.
        rest: seconds in which asking again is of no use, as the last answer says.
    """

    local: bool
    rest: float

    async def look(self) -> Got | None:
        """Get the source; None if it is what it was at the last look that brought it.

        Raises:
            NewsreelError: it could not be had.
        """
        ...

    async def listen(self, ring: Callable[[], None]) -> None:
        """Call ``ring`` whenever it may have changed; returns where nobody tells."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


class FileOrigin:
    """A file. Whether it changed is told by its inode, size and time; that it may have, by the operating system."""

    local = True
    rest = 0.0

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._state: tuple[int, ...] | None = None
        self._read: tuple[bytes, datetime | None] | None = None  # digest and time of what was read last

    async def look(self) -> Got | None:
        """Read the file, unless it is the one that was read last."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> Got | None:
        before = self._stat()
        if before is None:
            raise NoSourceError(f"{self._path}: there is no such file (yet)")
        if before == self._state:
            return None
        if not self._path.is_file():
            raise NoSourceError(f"{self._path}: is no file that can be read again and again; name one")
        self._state = None
        data, written = get_file(str(self._path))
        # What was written to while it was read is read again at the next look; so is what was written just now, for as
        # clocks tick another of the same size may have the same time.
        settled = before[-1] < time.time_ns() - TICK_NS
        self._state = before if settled and before == self._stat() else None
        read, self._read = self._read, (hashlib.sha256(data).digest(), written)
        return Got(data, self._path.name, written) if read != self._read else None

    def _stat(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 a name that can be none raises here, too
        except (OSError, ValueError):
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    async def listen(self, ring: Callable[[], None]) -> None:
        """Watch the folder: editors put another file in the place of the one that was there.

        Where the file is a link, also the folder that it leads to, and every name: a link of a folder may be moved.
        """
        folders = {self._path.parent, self._path.resolve().parent}
        linked = self._path.is_symlink()
        names = {self._path.name, self._path.resolve().name}
        try:
            async for _ in awatch(
                *folders,
                recursive=False,
                watch_filter=lambda _, changed: linked or Path(changed).name in names,
                debounce=400,
            ):
                ring()
        except (OSError, RuntimeError) as error:  # no such folder, or no more watches: the poll finds changes, too
            logger.info("%s: nobody tells when it changes (%s); it is looked at now and then", self._path, error)

    async def close(self) -> None:
        """Nothing is held open."""


class WebOrigin:
    """A web address, asked whether it has changed (RFC 9110, section 13).

    Args:
        url: http or https.
        allow_private: let it lead to this machine or its network.
        home: address of the server that asks, for who wants to know; empty if it has no public one.
    """

    local = False

    def __init__(self, url: str, *, allow_private: bool, home: str = "") -> None:
        self.rest = 0.0
        self._url = url
        self._allow_private = allow_private
        self._agent = f"{USER_AGENT} (+{home})" if home else USER_AGENT
        self._session: aiohttp.ClientSession | None = None
        self._validators: Validators | None = None
        self._digest = b""

    async def look(self) -> Got | None:
        """Ask for the page, unless it is as it was."""
        self.rest = 0.0
        if self._session is None:
            self._session = open_session(allow_private=self._allow_private, connections=1, agent=self._agent)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await fetch(
                    self._session,
                    self._url,
                    accept=ACCEPT,
                    validators=self._validators,
                    max_bytes=MAX_DOWNLOAD_BYTES,
                )
        except TimeoutError:
            raise FetchError(f"{self._url} takes too long; try again later", passing=True) from None
        self.rest = min(answer.max_age or 0.0, LONGEST_REST)
        if answer.unchanged and self._validators is None:
            raise FetchError(f"{self._url} answers 304, which nobody asked for", status=304, passing=True)
        self._validators = answer.validators
        if answer.unchanged:
            return None
        digest = hashlib.sha256(answer.body).digest()
        if digest == self._digest:
            return None
        self._digest = digest
        return Got(body_of(answer), self._url, None)

    async def listen(self, ring: Callable[[], None]) -> None:
        """Nobody tells when a page changes."""

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None
