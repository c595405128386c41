"""Values of schema.org properties, each in all the forms in which pages write it."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from publisher.sources.html.things import Thing, each
from publisher.sources.transcript.bylines import read_byline
from publisher.sources.transcript.captions import part_sure_credit
from shared.item import absolute_html, plain_html
from shared.post import Attachment, Author, Image
from shared.text import clean_line, html_text, text_html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from publisher.sources.html.page import Page

_TAG = re.compile(
    r"</?(?:a|b|blockquote|br|div|em|figure|h[1-6]|hr|i|img|li|ol|p|span|strong|table|ul)\b[^<>]*>", re.IGNORECASE
)
_BLOCK_TAG = re.compile(r"<(?:blockquote|div|figure|h[1-6]|ol|p|table|ul)\b", re.IGNORECASE)
_TEXT_MEMBERS = ("@value", "text", "value", "articlebody", "name", "headline")
_MEDIA = ("video", "audio", "associatedmedia", "encoding", "sharedcontent")
_MEDIA_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl", "m4a": "audio/mp4", "mov": "video/quicktime", "mp3": "audio/mpeg",
    "mp4": "video/mp4", "ogg": "audio/ogg", "webm": "video/webm",
}  # fmt: skip
_DURATION = re.compile(r"P(?:(\d{1,4})D)?T?(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8})(?:\.\d+)?S)?", re.ASCII)
_SEPARATOR = re.compile(r"[,;|]")


def words(value: Any) -> str:
    """Tell the words of a value as it is written: text, an object with a text in it, a list of either."""
    return "\n\n".join(part for part in (_words(member) for member in each(value)) if part)


def line_of(value: Any) -> str | None:
    """Tell a value as one line of plain text: entities read, tags gone."""
    text = unescape(words(value))
    return clean_line(html_text(text) if _TAG.search(text) else text) or None


def body_of(value: Any, page: Page) -> tuple[str, bool]:
    """Make HTML of a body; tells whether it was plain text.

    Entities are read twice where the first reading uncovers markup: templates escape what was escaped already.
    """
    text = words(value).replace("\r\n", "\n").strip()
    if not _TAG.search(text):
        text = unescape(text)
        if not _TAG.search(text):
            return (plain_html(text) if "\n\n" in text else text_html(text.split("\n"))), True
    return absolute_html(text if _BLOCK_TAG.search(text) else f"<p>{text}</p>", page.base), False


def authors_of(value: Any) -> tuple[Author, ...]:
    """Read authors: names, persons, lists of both."""
    return tuple(dict.fromkeys(author for member in each(value) for author in _authors(member)))


def images_of(value: Any, page: Page) -> tuple[Image, ...]:
    """Read pictures. Several without captions are one picture cut to several shapes, so the first stands for all."""
    found = [image for member in each(value) if (image := _image(member, page))]
    captioned = {image.caption: image for image in reversed(found) if image.caption}
    return tuple(reversed(captioned.values())) or tuple(found[:1])


def attachments_of(thing: Thing, page: Page) -> tuple[Attachment, ...]:
    """Read the sound and film that a thing names by their own addresses."""
    found: dict[str, Attachment] = {}
    for name in _MEDIA:
        for media in each(thing.get(name)):
            if isinstance(media, dict) and (attachment := _attachment(media, page)):
                found.setdefault(attachment.url, attachment)
    return tuple(found.values())


def media_type(url: str) -> str:
    """Guess the media type of sound and film by the name's ending."""
    ending = url.partition("?")[0].partition("#")[0].rpartition(".")[2].lower()
    return _MEDIA_TYPES.get(ending, "application/octet-stream")


def tags_of(value: Any) -> tuple[str, ...]:
    """Read keywords: a list, or one line of them."""
    parts = [part for member in each(value) for part in _SEPARATOR.split(_words(member))]
    return tuple(dict.fromkeys(tag for part in parts if (tag := clean_line(unescape(part)))))


def _words(value: Any) -> str:
    if isinstance(value, dict):
        value = next((value[name] for name in _TEXT_MEMBERS if isinstance(value.get(name), str)), "")
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def _authors(value: Any) -> Iterator[Author]:
    if isinstance(value, str):
        name = line_of(value)
        byline = read_byline(name) if name else None
        if byline and byline.sure:
            yield from byline.authors
        elif name and "://" not in name:
            yield Author(name=name)
    elif isinstance(value, dict):
        whole = " ".join(part for part in (words(value.get("givenname")), words(value.get("familyname"))) if part)
        url = value.get("url") or value.get("@id")
        names = [name for member in each(value.get("name")) if (name := line_of(member))] or [clean_line(whole)]
        for name in filter(None, names):
            yield Author(name=name, url=url if isinstance(url, str) and len(names) == 1 else None)


def _image(value: Any, page: Page) -> Image | None:
    if isinstance(value, dict):
        link = value.get("url") or value.get("contenturl") or value.get("@id")
        caption, credit = part_sure_credit(line_of(value.get("caption") or value.get("description")) or "")
        people = value.get("credittext") or value.get("copyrightholder") or value.get("creator")
        credit = line_of(people) or credit
    else:
        link, caption, credit = value, "", None
    url = page.picture(link if isinstance(link, str) else words(link))
    return Image(url=url, caption=caption or None, credit=credit) if url or caption else None


def _attachment(media: Thing, page: Page) -> Attachment | None:
    url = page.absolute(words(media.get("contenturl")))
    if url is None:
        return None
    kind = words(media.get("encodingformat"))
    length = _DURATION.fullmatch(words(media.get("duration")))
    days, hours, minutes, seconds = (int(part or 0) for part in length.groups()) if length else (0, 0, 0, 0)
    duration = days * 86_400 + hours * 3600 + minutes * 60 + seconds
    try:
        return Attachment(
            url=url,
            mime_type=kind if "/" in kind else media_type(url),
            title=line_of(media.get("name") or media.get("headline")),
            duration_in_seconds=duration or None,
        )
    except ValidationError:
        return None
