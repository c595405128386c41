"""Media RSS (version 1.5.1): the pictures and files of a post, alternatives of one thing in one group."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lxml import etree

from publisher.render.enclosures import picture_type
from shared.post import Image

if TYPE_CHECKING:
    from shared.post import Attachment, Post

MEDIA = "http://search.yahoo.com/mrss/"
"""Namespace of Media RSS."""

_MEDIUMS = {"audio", "image", "video"}


def pictures(post: Post) -> list[Image]:
    """List the pictures of a post that have an address, each once; captions alone are none."""
    found = {image.url: image for image in post.images if image.url}
    if post.image and post.image not in found:
        found[post.image] = Image(url=post.image)
    return list(found.values())


def shows_pictures(post: Post) -> bool:
    """Tell whether the body shows the post's pictures itself."""
    return "<figure" in post.content_html or "<img" in post.content_html


def add_media(parent: etree._Element, post: Post) -> None:
    """Add a post's media to its entry or item.

    Attachments that share a title are alternatives of one thing (JSON Feed 1.1, "attachments"), the first the best.
    """
    shown = pictures(post)
    for image in shown:
        content = _content(parent, image.url or "", picture_type(image.url or ""), "image")
        _text(content, "description", image.caption)
        credit = _text(content, "credit", image.credit)
        if credit is not None:
            credit.set("role", "photographer")
    if shown:
        etree.SubElement(parent, f"{{{MEDIA}}}thumbnail", url=post.image or shown[0].url or "")
    known = {image.url for image in shown}
    titled: dict[str, list[Attachment]] = {}
    for file in post.attachments:
        if file.url not in known:
            titled.setdefault(file.title or file.url, []).append(file)
    for files in titled.values():
        alike = len(files) > 1
        holder = etree.SubElement(parent, f"{{{MEDIA}}}group") if alike else parent
        for place, file in enumerate(files):
            _file(holder, file, default=alike and place == 0)


def _file(parent: etree._Element, file: Attachment, *, default: bool) -> None:
    medium = file.mime_type.partition("/")[0].lower()
    content = _content(parent, file.url, file.mime_type, medium if medium in _MEDIUMS else "document")
    if file.size_in_bytes is not None:
        content.set("fileSize", str(file.size_in_bytes))
    if file.duration_in_seconds is not None:
        content.set("duration", f"{file.duration_in_seconds:.0f}")
    if default:
        content.set("isDefault", "true")
    _text(content, "title", file.title)


def _content(parent: etree._Element, url: str, media_type: str | None, medium: str) -> etree._Element:
    content = etree.SubElement(parent, f"{{{MEDIA}}}content", url=url)
    if media_type:
        content.set("type", media_type)
    content.set("medium", medium)
    return content


def _text(parent: etree._Element, name: str, text: str | None) -> etree._Element | None:
    if not text:
        return None
    element = etree.SubElement(parent, f"{{{MEDIA}}}{name}")
    if name != "credit":
        element.set("type", "html")
    element.text = escape(text, quote=False) if name != "credit" else text
    return element
