"""Getting at a source: a path, standard input or a web address. The reading itself is pure (``publisher.sources``)."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publisher.sources.opening import read
from shared.errors import UsageError
from shared.fetch import check_url, fetch, open_session
from shared.text import slug

if TYPE_CHECKING:
    from publisher.sources.reading import Reading


MAX_SOURCE_BYTES = 64 * 1024 * 1024
"""Most bytes of a source; a live blog of 20,000 posts has about 20 MB."""
_ON_THE_WEB = re.compile("https?://", re.IGNORECASE)
_STDIN = 0


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
    if _ON_THE_WEB.match(source):
        return read(asyncio.run(_download(source)), source, format=form)
    try:
        with open(_STDIN, "rb", closefd=False) if source == "-" else Path(source).open("rb") as file:
            data = file.read(MAX_SOURCE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: what can be no file's name
        why = getattr(error, "strerror", None) or error
        raise NoSourceError(
            f"{source or 'no source'}: {why}; give a file, - for standard input, or a web address"
        ) from None
    if len(data) > MAX_SOURCE_BYTES:
        raise NoSourceError(f"{source}: larger than {MAX_SOURCE_BYTES >> 20} MiB, which no live blog is; cut it")
    return read(data, "-" if source == "-" else Path(source).name, format=form)


def channel_name(source: str) -> str:
    """Make the channel's path segment of a source: the file's stem as a slug. Raises BadUrlError."""
    if _ON_THE_WEB.match(source):
        check_url(source)
        source = urlsplit(source).path
    stem = Path(source).stem
    return slug(stem, limit=63) or "story"


async def _download(url: str) -> bytes:
    async with open_session() as session:
        return (await fetch(session, url, max_bytes=MAX_SOURCE_BYTES)).body
