"""Mending the HTML of a body: links absolute, pictures and embeds such as a reader elsewhere can load."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from publisher.sources.html.labels import HEADINGS, classes
from publisher.sources.html.values import media_type
from publisher.sources.transcript.captions import part_sure_credit
from shared.post import Attachment, Image
from shared.text import clean_line

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from publisher.sources.html.page import Page

_CREDIT_CLASS = re.compile(r"(?:.*[-_])?(?:credits?|copyright|photographer)", re.IGNORECASE)
_CREDIT_LABEL = re.compile(r"(?:Photograph|Photo|Image credit|Credit)s?: ?", re.IGNORECASE)
_LINKS = ("data-src", "data-original", "data-lazy-src", "src")
"""Where pages keep the address of a picture that is loaded late; the true one first."""
_WIDTH = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)[wx]", re.ASCII)
_FULL_WITHOUT_WORDS = {"br", "hr", "img", "td", "th"}
_BLOCKS = (*HEADINGS, "p", "div", "ul", "ol", "li", "table", "blockquote", "figure", "pre", "section", "article", "dl")
_BOXES = ("div", "section", "article", "header", "center", "address", "aside")


@dataclass(slots=True)
class Mending:
    """Mends bodies, and keeps what it finds in them."""

    page: Page
    images: dict[Image, None] = field(default_factory=dict)
    attachments: dict[str, Attachment] = field(default_factory=dict)

    def mend(self, element: HtmlElement) -> None:
        """Mend ``element`` and all in it, in place."""
        for inner in list(element.iter()):
            match inner.tag:
                case "a":
                    self._link(inner)
                case "img":
                    self._picture(inner)
                case "source" if inner is not element:
                    inner.drop_tag()  # libxml2 puts what follows into it
                case "video" | "audio":
                    self._media(inner)
                case "iframe":
                    self._embed(inner)
                case "h1":
                    inner.tag = "h2"
        _tidy(element)

    def _link(self, link: HtmlElement) -> None:
        href = (link.get("href") or "").strip()
        url = href if href.lower().startswith("mailto:") else self.page.absolute(href)
        if url:
            link.set("href", url)
        else:
            link.attrib.pop("href", None)

    def _picture(self, img: HtmlElement) -> None:
        links = [img.get(name) for name in _LINKS]
        links += [_widest(img.get(name) or "") for name in ("data-srcset", "srcset")]
        url = next((url for url in map(self.page.picture, links) if url), None)
        figure = next(img.iterancestors("figure"), None)
        caption, credit = _caption(figure) if figure is not None else ("", None)
        if url or caption:
            self.images[Image(url=url, caption=caption or None, credit=credit)] = None
        if url:
            img.set("src", url)
        else:
            _void(img)

    def _media(self, media: HtmlElement) -> None:
        source = media.find("source")
        url = self.page.absolute(media.get("src") or (source.get("src") if source is not None else None))
        if url:
            self.attachments.setdefault(url, Attachment(url=url, mime_type=media_type(url)))

    def _embed(self, frame: HtmlElement) -> None:
        """Put a link in the place of a frame: else a post of nothing but an embed would be empty."""
        url = self.page.absolute(frame.get("src") or frame.get("data-src"))
        frame.clear(keep_tail=True)
        frame.tag = "p"
        if url:
            link = etree.SubElement(frame, "a", href=url)
            link.text = url


def is_bare(element: HtmlElement) -> bool:
    """Tell whether an element holds nothing: no words, no element."""
    return len(element) == 0 and not (element.text or "").strip() and element.tag not in _FULL_WITHOUT_WORDS


def _tidy(element: HtmlElement) -> None:
    for inner in reversed(list(element.iterdescendants())):
        if is_bare(inner):
            inner.drop_tree()
    if element.tag == "li":  # the item of a list of posts is no list's item any more
        element.tag = "div"
    # Boxes are not kept, and without them words of two would run together.
    for box in element.iter(*_BOXES):
        if next(box.iterdescendants(*_BLOCKS), None) is None:
            box.tag = "p"


def _void(element: HtmlElement) -> None:
    element.clear(keep_tail=True)
    element.tag = "span"


def _widest(srcset: str) -> str | None:
    """Take the widest picture of a ``srcset``."""
    best: tuple[float, str] | None = None
    for part in srcset.split(", "):
        link, _, size = part.strip().partition(" ")
        width = _WIDTH.fullmatch(size.strip())
        one = (float(width[1]) if width else 1.0, link)
        best = max(best or one, one)
    return best[1] if best else None


def _caption(figure: HtmlElement) -> tuple[str, str | None]:
    said = next(figure.iter("figcaption"), None)
    if said is None:
        return "", None
    whole = clean_line(said.text_content())
    for inner in said.iterdescendants():
        if any(_CREDIT_CLASS.fullmatch(name) for name in classes(inner)):
            credit = clean_line(inner.text_content())
            return clean_line(whole.replace(credit, " ", 1)), _CREDIT_LABEL.sub("", credit, count=1) or None
    return part_sure_credit(whole)
