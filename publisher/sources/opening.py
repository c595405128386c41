"""Open a source: decode its bytes, tell its format, read it."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from publisher.sources import feed, html, jsonl, jsonld, markdown, transcript
from publisher.sources.options import Options
from publisher.sources.reading import Doubt, Reading, SourceError
from shared.item import BadItemError, read_json

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FORMATS", "Format", "SourceError", "decode", "read"]


@dataclass(frozen=True, slots=True)
class Format:
    """A format that sources come in.

    Attributes:
        name: as ``--format`` and reports call it.
        fits: tells from the text whether it is of this format; the first format that fits is taken.
        read: from text, the source's name and the options to a reading; raises SourceError.
    """

    name: str
    fits: Callable[[str], bool]
    read: Callable[[str, str, Options], Reading]


_MARKUP = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml|rss|feed)\b", re.IGNORECASE)
_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{])")

FORMATS = (
    Format(feed.FORMAT, feed.fits, feed.read),
    Format(html.FORMAT, html.fits, html.read),
    Format(jsonl.FORMAT, jsonl.fits, jsonl.read),
    Format(jsonld.FORMAT, jsonld.fits, jsonld.read),
    Format(markdown.FORMAT, markdown.fits, markdown.read),
    # Any text may be a transcript, so it is asked last; only markup and JSON are surely none.
    Format(transcript.FORMAT, lambda text: not (_MARKUP.match(text) or _JSON.match(text)), transcript.read),
)

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TOP = 4096
"""Bytes in which a page or an XML document names its encoding (WHATWG HTML, section 13.2.3.2, looks at 1,024)."""
_MOST_NULS = 0.4
"""Share of every second byte above which text is UTF-16; of Latin letters it is all, of Chinese ones none."""
_DECLARED = re.compile(rb"<(?:meta|\?xml)\b[^>]*?(?:charset|encoding)\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_CONTROLS = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROLS = 0.05
"""Share of control characters above which something is not text. Compressed bytes have over 0.1."""


def read(
    data: bytes,
    name: str,
    *,
    format: str | None = None,  # noqa: A002 as --format
    options: Options | None = None,
) -> Reading:
    """Read a source.

    Args:
        data: all of it.
        name: what to call it in reports and errors: a file's name, a URL.
        format: the name of a format, None to tell it from the text.
        options: what a person tells about it.

    Raises:
        SourceError: it is empty, not text, of no known format, or holds no post.
    """
    text, doubts = decode(data, name)
    if not text.strip():
        raise SourceError.at(name, None, "the source is empty; give a live blog saved as text")
    chosen = _choose(text, name, format)
    reading = chosen.read(text, name, options or Options())
    return replace(reading, doubts=(*doubts, *reading.doubts))


def decode(data: bytes, name: str) -> tuple[str, tuple[Doubt, ...]]:
    """Decode by byte order mark, else as UTF-8, else as the markup declares, else as Windows-1252 with a doubt.

    UTF-16 without its mark is known by its zeros.

    Raises:
        SourceError: the bytes are no text, or not of the encoding that their mark promises.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return _text(data[len(mark) :].decode(encoding), name), ()
            except UnicodeDecodeError as error:
                raise SourceError.at(
                    name, None, f"begins as {encoding.upper()} and breaks at byte {error.start}; save it as UTF-8"
                ) from None
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = data[start:_TOP:2]
        if half.count(0) > _MOST_NULS * len(half):
            with suppress(UnicodeDecodeError):
                return _text(data.decode(encoding), name), (_guessed(encoding.upper(), 1),)
    try:
        return _text(data.decode("utf-8"), name), ()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    declared = _DECLARED.search(data[:_TOP])
    if declared:
        try:
            return _text(data.decode(codecs.lookup(declared[1].decode()).name), name), ()
        except (LookupError, UnicodeError):
            pass  # it says what it is not
    try:
        text, taken = data.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:  # five bytes mean nothing there; every byte means something in Latin-1
        text, taken = data.decode("latin-1"), "Latin-1"
    return _text(text, name), (_guessed(taken, line),)


def _guessed(taken: str, line: int) -> Doubt:
    return Doubt("encoding-guessed", f"not UTF-8; read as {taken}. Save it as UTF-8", line)


def _text(text: str, name: str) -> str:
    if len(_CONTROLS.findall(text)) > _MOST_CONTROLS * len(text):
        raise SourceError.at(name, None, "is not text but binary; save the live blog as plain text")
    return text


def _choose(text: str, name: str, wanted: str | None) -> Format:
    if wanted is not None:
        for one in FORMATS:
            if one.name == wanted:
                return one
        known = ", ".join(one.name for one in FORMATS)
        raise SourceError.at(name, None, f"there is no format {wanted!r}; choose one of: {known}")
    for one in FORMATS:
        if one.fits(text):
            return one
    if _JSON.match(text):
        try:
            read_json(text)
            why = "is JSON, but no posts that newsreel knows"
        except BadItemError as error:
            why = f"begins as JSON and cannot be read: {str(error).removeprefix('this is no JSON: ')}"
        raise SourceError.at(name, None, f"{why}; give a JSON Feed, its items one a line, or a LiveBlogPosting")
    raise SourceError.at(name, None, "is markup that holds no posts; save the page as plain text")
