"""Getting at a source: a path, standard input or a web address. The reading itself is pure (``publisher.sources``)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publisher.sources.opening import read
from shared.errors import UsageError
from shared.fetch import fetch, open_session
from shared.text import slug

if TYPE_CHECKING:
    from publisher.sources.reading import Reading

MAX_SOURCE_BYTES = 64 * 1024 * 1024
"""Most bytes of a source; a live blog of 20,000 posts has about 20 MB."""


class NoSourceError(UsageError):
    """The source cannot be got at."""


def read_source(source: str, form: str | None = None) -> Reading:
    """Get and read a source.

    Args:
        source: a path, ``-`` for standard input, or an http(s) URL.
        form: the source's format; None to detect it.

    Raises:
        NoSourceError: there is no such source, or it is too large.
        SourceError: it was got but cannot be read.
        FetchError: the web address did not answer with it.
    """
    if source == "-":
        return read(_bounded(sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1), "standard input"), "-", format=form)
    if urlsplit(source).scheme in {"http", "https"}:
        return read(asyncio.run(_download(source)), source, format=form)
    path = Path(source)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SOURCE_BYTES + 1)
    except OSError as error:
        raise NoSourceError(
            f"{source}: {error.strerror}; give a file, - for standard input, or a web address"
        ) from None
    return read(_bounded(data, source), path.name, format=form)


def channel_name(source: str) -> str:
    """Make the channel's path segment of a source: the file's stem as a slug."""
    stem = Path(urlsplit(source).path).stem if "://" in source else Path(source).stem
    return slug(stem, limit=63) or "story"


async def _download(url: str) -> bytes:
    async with open_session() as session:
        return (await fetch(session, url, max_bytes=MAX_SOURCE_BYTES)).body


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > MAX_SOURCE_BYTES:
        raise NoSourceError(f"{name}: larger than {MAX_SOURCE_BYTES >> 20} MiB, which no live blog is; cut it")
    return data
