"""Microdata (HTML Living Standard, section 5) as things.

Read as pages write it: ``itemprop="liveBlogUpdate"`` is an item even without ``itemscope``, and stands in a live blog
even where nothing says so. Bodies keep their HTML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lxml.html

from publisher.sources.html.things import Thing, vocabulary_name

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from publisher.sources.html.page import Page

UPDATE = "liveblogupdate"
_BODIES = {"articlebody", "text"}
_LINKS = {"a": "href", "area": "href", "link": "href", "object": "data", "data": "value", "meter": "value"}
_SOURCES = {"audio", "embed", "iframe", "img", "source", "track", "video"}


def things(page: Page) -> list[Thing]:
    """Read the page's items, in document order; each knows its ``@element``."""
    items: dict[HtmlElement, Thing] = {}
    loose: list[Thing] = []
    bodies: set[HtmlElement] = set()
    for element in page.tree.iter("*"):
        names = [vocabulary_name(name) for name in (element.get("itemprop") or "").split()]
        item = _item(element, page) if element.get("itemscope") is not None or UPDATE in names else None
        scope = next((items[above] for above in element.iterancestors() if above in items), None) if names else None
        if item is not None:
            items[element] = item
            if UPDATE in names and not element.get("id"):
                element.set("id", f"update-{len(items)}")  # so that its block is found by name
            loose.extend([item] if scope is None and UPDATE in names else [])
        if scope is None:
            continue
        for name in names:
            if item is None and name in _BODIES:
                if _is_inside(element, bodies):
                    continue
                bodies.add(element)
            scope.setdefault(name, []).append(_value(element, name) if item is None else item)
    found = list(items.values())
    if loose:
        found.append({"@type": ["liveblogposting"], "@line": loose[0]["@line"], UPDATE: loose})
    return found


def _item(element: HtmlElement, page: Page) -> Thing:
    kinds = [vocabulary_name(kind) for kind in (element.get("itemtype") or "").split()]
    item: Thing = {"@type": kinds, "@line": page.line(element), "@element": element}
    if element.get("itemid"):
        item["@id"] = element.get("itemid")
    return item


def _is_inside(element: HtmlElement, others: set[HtmlElement]) -> bool:
    return any(above in others for above in element.iterancestors())


def _value(element: HtmlElement, name: str) -> Any:
    tag = str(element.tag)
    if element.get("content") is not None:
        return element.get("content")
    if tag == "time" or element.get("datetime"):
        return element.get("datetime") or element.text_content()
    if tag in _LINKS:
        return element.get(_LINKS[tag]) or element.text_content()
    if tag in _SOURCES:
        return element.get("src") or element.get("data-src") or ""
    if name in _BODIES:
        return lxml.html.tostring(element, encoding="unicode", with_tail=False)
    return element.text_content()
