"""A saved HTML page, parsed: its tree, and what its head says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import lxml.html
from lxml import etree

from publisher.sources.reading import SourceError
from shared.item import absolute_url
from shared.text import clean_line, clean_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

LAST_LINE = 65_535
"""libxml2 counts lines in sixteen bits."""

# What browsers write above a page that they save.
_SAVED_FROM = re.compile(r"<!-- saved from url=\(\d{4}\)(https?://[^\s<>]+) -->", re.ASCII)
# Where browsers put the pictures of a page that they save.
_BESIDE = re.compile(r"(?:\./)?[^/:]+_files/")
_HEAD = 4096
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_WEB = re.compile(r"https?://", re.IGNORECASE)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*", re.IGNORECASE | re.ASCII)


@dataclass(slots=True)
class Page:
    """A page.

    Attributes:
        tree: its root element.
        url: its own address, None where it does not say.
        base: what relative links are read against; empty if unknown.
        title: as its head gives it.
        language: BCP 47 tag.
    """

    name: str
    tree: HtmlElement
    url: str | None = None
    base: str = ""
    title: str | None = None
    language: str | None = None
    _metas: dict[str, str] = field(default_factory=dict)

    def line(self, element: HtmlElement) -> int | None:
        """Tell on which line of the source an element begins; None where it cannot be told."""
        line = element.sourceline
        return line if line is not None and line < LAST_LINE else None

    def meta(self, name: str) -> str | None:
        """Tell what ``<meta name>`` or ``<meta property>`` holds."""
        return self._metas.get(name)

    def absolute(self, value: object) -> str | None:
        """Make an http(s) URL of a link of the page; None if it is none."""
        url = absolute_url(value, self.base)
        return url if url and _WEB.match(url) else None

    def picture(self, value: object) -> str | None:
        """Make an https URL of a picture's link; None for other schemes and for files saved beside the page."""
        if isinstance(value, str) and _BESIDE.match(value.strip()):
            return None
        url = self.absolute(value)
        return url if url and url.lower().startswith("https://") else None


def parse(text: str, name: str) -> Page:
    """Parse a page. Nothing is fetched, no entity but HTML's own is known.

    Raises:
        SourceError: it is nested so deeply that the parser gives up, or holds no element.
    """
    parser = lxml.html.HTMLParser(no_network=True, huge_tree=True, remove_comments=True, remove_pis=True)
    declared = _DECLARATION.match(text)  # lxml takes no encoding declaration in text that is decoded already
    try:
        tree = lxml.html.document_fromstring(clean_text(text[declared.end() :] if declared else text), parser=parser)
    except (etree.LxmlError, ValueError) as error:
        raise SourceError.at(name, None, f"is no HTML page: {clean_line(str(error))[:120]}; save it as text") from None
    for fault in parser.error_log:
        if fault.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
            raise SourceError.at(name, fault.line, "elements are nested too deeply to be a page; save it as text")
    page = Page(name, tree)
    _read_head(page, text[:_HEAD])
    return page


def _read_head(page: Page, head: str) -> None:
    for meta in page.tree.iter("meta"):
        key, content = meta.get("property") or meta.get("name"), clean_line(meta.get("content") or "")
        if key and content:
            page._metas.setdefault(key.lower(), content)  # noqa: SLF001 its own module
    links = {link.get("rel", "").lower(): link.get("href") for link in reversed(list(page.tree.iter("link")))}
    saved = _SAVED_FROM.search(head)
    from_url = saved[1] if saved else None
    page.base = from_url or ""
    page.url = page.absolute(links.get("canonical")) or page.absolute(page.meta("og:url")) or from_url
    page.base = from_url or page.url or ""
    if (base := page.tree.find(".//base")) is not None:
        page.base = page.absolute(base.get("href")) or page.base
    title = page.tree.find(".//title")
    page.title = page.meta("og:title") or clean_line(title.text_content() if title is not None else "") or None
    language = page.tree.get("lang") or page.tree.get("xml:lang") or ""
    language = language or page.meta("og:locale") or ""
    page.language = language.replace("_", "-") if _LANGUAGE.fullmatch(language) else None
