"""Getting at a source: a path, standard input or a web address. The reading itself is pure (``publisher.sources``)."""

from __future__ import annotations

import asyncio
import codecs
import os
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publisher.sources.opening import read
from publisher.sources.options import OptionError, Options
from publisher.sources.saves import merge
from shared.errors import UsageError
from shared.fetch import check_url, fetch, open_session
from shared.text import slug

if TYPE_CHECKING:
    from publisher.sources.reading import Reading
    from shared.fetch import Fetched


MAX_SOURCE_BYTES = 64 * 1024 * 1024
"""Most bytes of a file; a live blog of 20,000 posts has about 20 MB."""
MAX_DOWNLOAD_BYTES = 20 * 1024 * 1024
"""Most bytes of a page from the web."""
ON_THE_WEB = re.compile("https?://", re.IGNORECASE)
"""Begins a source that is no path."""
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_STDIN = 0


class NoSourceError(UsageError):
    """The source cannot be got at."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read, and how.

    Attributes:
        sources: a path, ``-`` for standard input, or an http(s) URL; several are saves of one page, oldest first.
        form: their format, None to detect it.
        saved_at: of each source, as far as told, the moment at which it was saved.
        allow_private: let web addresses lead to this machine and its network.
    """

    sources: tuple[str, ...]
    form: str | None = None
    options: Options = field(default_factory=Options)
    saved_at: tuple[datetime, ...] = ()
    allow_private: bool = False


def read_sources(wanted: Wanted) -> Reading:
    """Get and read a source, or several saves of it as one story.

    Raises:
        OptionError: more moments are told than there are sources.
        NoSourceError: there is no such source, or it is too large.
        SourceError: it was got but cannot be read.
        FetchError: the web address did not answer with it.
    """
    told, count = len(wanted.saved_at), len(wanted.sources)
    if told > count:
        raise OptionError(f"--saved-at is told {told} times, and the sources are {count}; tell it once for each")
    readings: list[Reading] = []
    times: list[datetime | None] = []
    saved: list[datetime | None] = [*wanted.saved_at, *[None] * (count - told)]
    for source, moment in zip(wanted.sources, saved, strict=True):
        data, name, written = _get(source, allow_private=wanted.allow_private)
        times.append(written)
        options = replace(wanted.options, saved_at=moment, file_time=written)
        readings.append(read(data, name, format=wanted.form, options=options))
    return readings[0] if len(readings) == 1 else merge(readings, saved, times)


def channel_name(source: str) -> str:
    """Make the channel's path segment of a source: the file's stem as a slug. Raises BadUrlError."""
    if ON_THE_WEB.match(source):
        check_url(source)
        source = urlsplit(source).path
    stem = Path(source).stem
    return slug(stem, limit=63) or "story"


def _get(source: str, *, allow_private: bool) -> tuple[bytes, str, datetime | None]:
    """Give a source's bytes, what to call it, and when its file was last written."""
    if ON_THE_WEB.match(source):
        return asyncio.run(_download(source, allow_private=allow_private)), source, None
    data, written = get_file(source)
    return data, "-" if source == "-" else Path(source).name, written


def get_file(source: str) -> tuple[bytes, datetime | None]:
    """Give the bytes of a file, or of standard input (``-``), and when it was last written.

    Raises:
        NoSourceError: there is no such file, or it is too large.
    """
    try:
        with open(_STDIN, "rb", closefd=False) if source == "-" else Path(source).open("rb") as file:
            data = file.read(MAX_SOURCE_BYTES + 1)
            written = None if source == "-" else datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
    except (OSError, ValueError) as error:  # ValueError: what can be no file's name
        why = getattr(error, "strerror", None) or error
        raise NoSourceError(
            f"{source or 'no source'}: {why}; give a file, - for standard input, or a web address"
        ) from None
    if len(data) > MAX_SOURCE_BYTES:
        raise NoSourceError(f"{source}: larger than {MAX_SOURCE_BYTES >> 20} MiB, which no live blog is; cut it")
    return data, written


async def _download(url: str, *, allow_private: bool) -> bytes:
    async with open_session(allow_private=allow_private) as session:
        return body_of(await fetch(session, url, max_bytes=MAX_DOWNLOAD_BYTES))


def body_of(answer: Fetched) -> bytes:
    """Give the body of a page, in UTF-8 where its server names an encoding."""
    told = _CHARSET.search(answer.content_type or "")
    try:
        # What the server says of its encoding beats what a page says of itself (RFC 9110, section 8.3.2).
        return answer.body.decode(codecs.lookup(told[1]).name).encode() if told else answer.body
    except (LookupError, UnicodeError):
        return answer.body
