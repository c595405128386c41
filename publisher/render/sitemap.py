"""Sitemaps (https://www.sitemaps.org/protocol.html): the pages of a site, for search engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
MOST_PAGES = 50_000
"""Pages that one sitemap may list; more go into several, listed in an index."""


def sitemaps(root: str, pages: Sequence[tuple[str, datetime]]) -> dict[str, bytes]:
    """Make the sitemap of a site, by file names; the first is ``sitemap.xml``.

    Args:
        root: URL of the folder that the files will be in, ending in a slash.
        pages: URL and time of the last change of each.
    """
    if len(pages) <= MOST_PAGES:
        return {"sitemap.xml": _list("urlset", "url", pages)}
    parts = {
        f"sitemap-{number}.xml": pages[first : first + MOST_PAGES]
        for number, first in enumerate(range(0, len(pages), MOST_PAGES), 1)
    }
    index = [(root + name, max(changed for _, changed in part)) for name, part in parts.items()]
    made = {name: _list("urlset", "url", part) for name, part in parts.items()}
    return {"sitemap.xml": _list("sitemapindex", "sitemap", index)} | made


def _list(outer: str, inner: str, entries: Sequence[tuple[str, datetime]]) -> bytes:
    root = etree.Element(f"{{{NAMESPACE}}}{outer}", nsmap={None: NAMESPACE})
    for url, changed in entries:
        entry = etree.SubElement(root, f"{{{NAMESPACE}}}{inner}")
        etree.SubElement(entry, f"{{{NAMESPACE}}}loc").text = url
        etree.SubElement(entry, f"{{{NAMESPACE}}}lastmod").text = changed.isoformat(timespec="seconds")
    return etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)
