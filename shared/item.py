"""Reading one JSON Feed item, whoever wrote it: what is right is taken, what is wrong is left out."""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

import lxml.html
from pydantic import ValidationError

from shared.errors import NewsreelError
from shared.post import Attachment, Author, Frozen, Post, PostFacts, encode_json
from shared.text import clean_line, text_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands where a source names no date anywhere. Nothing is invented: the present moment would change at every poll."""

MOST_DIGITS = 1000
"""Longest whole number that is read."""

Thing = TypeVar("Thing", bound=Frozen)

_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_RELATIVE_LINK = re.compile(r"\b(?:href|src|cite)\s*=\s*[\"']?(?!\s*(?:[a-z][a-z0-9+.\-]*:|#))", re.IGNORECASE)


class BadItemError(NewsreelError):
    """The text is no JSON, or no item can be made of it."""


def read_json(data: bytes | str) -> Any:
    """Decode JSON (RFC 8259) as generously as is safe.

    Bytes that are no UTF-8 become replacement characters; numbers that cannot be written down again become null.

    Raises:
        BadItemError: it is none.
    """
    if isinstance(data, bytes):
        data = data.decode(json.detect_encoding(data), "replace")
    try:
        value = json.loads(data, parse_constant=_no_number, parse_float=_float, parse_int=_int)
        return _whole(value) if _ESCAPED_SURROGATE.search(data) else value
    except RecursionError:
        raise BadItemError("this is no JSON: it is nested too deeply") from None
    except ValueError as error:
        raise BadItemError(f"this is no JSON: {clean_line(str(error))[:120]}") from None


def _whole(value: Any) -> Any:
    """Remove the halves of surrogate pairs that JSON can write and UTF-8 cannot."""
    match value:
        case str():
            return _SURROGATE.sub("", value)
        case list():
            return [_whole(member) for member in value]
        case dict():
            return {_whole(name): _whole(member) for name, member in value.items()}
    return value


def _no_number(_: str) -> None:
    """Read NaN and Infinity, which JSON does not know."""


def _float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _int(digits: str) -> int | None:
    return int(digits) if len(digits) <= MOST_DIGITS else None


def read_item(item: object, *, base: str = "", undated: datetime = UNKNOWN_TIME) -> Post:
    """Make a post, in released form, of a JSON Feed item (1.1 or 1.0).

    An item without an id is known by its link, else by a digest of what it says. Its story time is what
    ``_newsreel`` says, else ``date_published``, else ``date_modified``, else ``undated``.

    Args:
        item: the decoded JSON.
        base: URL against which relative links are read.
        undated: zone-aware moment for an item without any date.

    Raises:
        BadItemError: it is no object, or says nothing at all.
    """
    if not isinstance(item, dict):
        raise BadItemError("an item must be a JSON object")
    html, title, url = _body(item, base), _text(item.get("title")), absolute_url(item.get("url"), base)
    post_id = identity(item, base)
    if not post_id:
        raise BadItemError("an item has neither id nor link, title or content")
    modified = moment(item.get("date_modified"))
    published = moment(item.get("date_published")) or modified or undated
    attachments = item.get("attachments")
    try:
        return Post(
            id=post_id,
            url=url,
            title=title,
            content_html=html,
            date_published=published,
            date_modified=None if modified == published else modified,
            image=absolute_url(item.get("image"), base),
            authors=tuple(_authors(item)),
            tags=tuple(tag for tag in _list(item.get("tags")) if isinstance(tag, str) and clean_line(tag)),
            attachments=tuple(each(Attachment, _list(attachments))),
            language=_text(item.get("language")),
            newsreel=_facts(item.get("_newsreel"), published),
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise BadItemError(f"item {post_id[:80]!r}: {fault['loc']}: {clean_line(fault['msg'])}") from None


def identity(item: Mapping[str, Any], base: str = "") -> str:
    """Tell by what an item is known: its id, else its link, else a digest of its words; empty if it says nothing."""
    given = item.get("id")
    if isinstance(given, int | float) and not isinstance(given, bool):
        given = str(given)  # JSON Feed 1.1, "id": a number is to be read as a string
    if isinstance(given, str) and clean_line(given):
        return clean_line(given)
    link = absolute_url(item.get("url"), base)
    if link:
        return link
    words = [item.get(key) for key in ("title", "content_html", "content_text") if isinstance(item.get(key), str)]
    return "urn:sha256:" + hashlib.sha256(encode_json([*map(str, words)])).hexdigest()[:32] if any(words) else ""


def moment(value: object) -> datetime | None:
    """Read a date, RFC 3339 or RFC 822, in its own offset; without one it is UTC. None if it cannot be read."""
    if not isinstance(value, str):
        return None
    text = value.strip()[:64]
    try:
        found = datetime.fromisoformat(text.upper() if text[-1:] == "z" else text)
    except ValueError:
        try:
            found = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
    if not 1 < found.year < 9999:  # arithmetic with offsets must not leave what a datetime holds
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def each(kind: type[Thing], values: Iterable[object]) -> Iterable[Thing]:
    """Give those ``values`` of which a ``kind`` can be made."""
    for value in values:
        try:
            yield kind.model_validate(value)
        except ValidationError:
            continue


def absolute_url(value: object, base: str) -> str | None:
    """Resolve a link against ``base``; None if there is none, or one that no URL can be made of."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        return urljoin(base, value.strip())
    except ValueError:  # http://[ and the like
        return None


def absolute_html(html: str, base: str) -> str:
    """Resolve the relative links of ``html`` against ``base``; HTML that has none is given back as it is."""
    if not base or not _RELATIVE_LINK.search(html):
        return html
    try:
        body = lxml.html.fragment_fromstring(html, create_parent="div")
        body.make_links_absolute(base, resolve_base_href=False, handle_failures="ignore")
    except (ValueError, lxml.etree.LxmlError):
        return html
    return lxml.html.tostring(body, encoding="unicode").removeprefix("<div>").removesuffix("</div>")


def plain_html(text: str) -> str:
    """Make HTML of plain text whose paragraphs are parted by blank lines."""
    return text_html(part.strip() for part in _PARAGRAPHS.split(text.replace("\r\n", "\n")))


def _body(item: Mapping[str, Any], base: str) -> str:
    html, text = item.get("content_html"), item.get("content_text")
    if isinstance(html, str) and html.strip():
        return absolute_html(html, base)
    return plain_html(text) if isinstance(text, str) else ""


def _authors(item: Mapping[str, Any]) -> Iterable[Author]:
    given = _list(item.get("authors")) or [item.get("author")]  # JSON Feed 1.0 knew one author
    named = [
        {**author, "name": author.get("name") or author.get("url")} for author in given if isinstance(author, dict)
    ]
    return (author for author in each(Author, named) if author.name)


def _facts(given: object, published: datetime) -> PostFacts:
    facts: dict[str, Any] = {"story_time": published}
    if not isinstance(given, dict):
        return PostFacts.model_validate(facts)
    try:
        return PostFacts.model_validate(facts | given)
    except ValidationError as error:  # one bad fact does not take the others with it
        bad = {fault["loc"][0] for fault in error.errors() if fault["loc"]}
        return PostFacts.model_validate(facts | {name: value for name, value in given.items() if name not in bad})


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
