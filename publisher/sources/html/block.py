"""One block of HTML as an update: its time, headline, authors, pictures, and what is left, the body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import lxml.html

from publisher.sources.html.labels import HEADINGS, classes, instant_of, is_edit_label, label_of
from publisher.sources.html.mending import Mending, is_bare
from publisher.sources.html.moments import Instant, read_clock, read_instant
from publisher.sources.html.update import Update
from publisher.sources.html.values import authors_of
from publisher.sources.html.words import UNSEEN
from publisher.sources.transcript.furniture import is_event_minute, label_kind
from publisher.sources.transcript.tokens import PAGE_LABEL
from shared.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.html import HtmlElement

    from publisher.sources.html.page import Page
    from publisher.sources.transcript.stamps import Stamp
    from shared.post import Author

_TIME_ATTRIBUTE = re.compile(r"data-.*(?:time|date|published|posted).*|datetime|timestamp")
_EDIT_ATTRIBUTE = re.compile(r".*(?:updat|modif|edit|sort).*")
_TIME_CLASS = re.compile(r"(?:.*[-_])?(?:time(?:stamp)?|date|clock|(?:uhr)?zeit|heure|hora|tijd)", re.IGNORECASE)
_HEADLINE_CLASS = re.compile(r"(?:.*[-_])?(?:headline|title|heading)", re.IGNORECASE)
_BYLINE_CLASS = re.compile(
    r"(?:.*[-_])?(?:byline|authors?|contributors?|display-?name|user-?name)(?:[-_]+name)?", re.IGNORECASE
)
_HANDLE = re.compile(r" ?(?<!\w)@\w[\w.@-]*")
"""A name on a network, beside the bearer's own."""
_FURNITURE_CLASS = re.compile(
    r"(?:.*[-_])?(?:share|sharing|social|toolbar|copy-?link|permalink|newsletter|advert(?:isement)?|ad|ad-slot|related|"
    r"comments?|avatar|visually-?hidden|sr-only|screen-reader-text)(?:[-_].*)?",
    re.IGNORECASE,
)
_KEY = re.compile(r"(?:is-)?(?:key-?event|key-?moment|key-?post|highlight(?:ed)?)", re.IGNORECASE)
_PINNED = re.compile(r"(?:.*[-_])?(?:is-)?pinned(?:[-_](?:post|block))?", re.IGNORECASE)
_KEY_PREFIX = re.compile(r"(?:block|update|post|entry|item|liveblog|card|lb)[-_](?:(?:post|update|entry|block)[-_])?")
_KEY_ATTRIBUTES = (
    "id", "data-id", "data-post-id", "data-block-id", "data-update-id", "data-entry-id", "data-liveblog-post-id",
    "data-card-id", "name",
)  # fmt: skip
_PROSE = ("p", "li", "blockquote")
_TOLD = (*HEADINGS, *_PROSE, "div", "span", "a")
_SMALL = {"span", "div", "p", "a", "strong", "b", "em", "small", "li"}
_LONGEST_HEADLINE = 300
_LONGEST_TIME = 100
_FIRST_OF_TWO = re.compile(
    r"(?:<(?:div|li|article)\b[^<>]*>\s*)*<(?P<tag>span|p|div|strong|b)\b[^<>]*>\s*(?P<alone>[^<>]{1,8}?)\s*</(?P=tag)>"
    r"\s*(?:<div\b[^<>]*>\s*)*<p\b[^<>]*>"
)
_YES = {"", "1", "true", "yes"}


def read_block(page: Page, group: list[HtmlElement]) -> Update:
    """Read one post. ``group`` is used up: what has a field of its own is taken out of it."""
    first = group[0]
    update = Update(page.line(first), keys=tuple(keys_of(group)))
    update.pinned, update.key_event = _flags(group)
    for instant, edit in moments_in(group):
        if edit:
            update.modified = update.modified or instant
        else:
            update.published = update.published or instant
    if update.published is None:
        label, said = next(spoken_times(group), (None, None))
        update.published, update.clock = (said, None) if isinstance(said, Instant) else (None, said)
        if label is not None:
            label.drop_tree()
    _drop_furniture(group)
    update.headline = _take_headline(group)
    update.authors = _take_authors(group)
    mending = Mending(page)
    for element in group:
        mending.mend(element)
    update.images = tuple(mending.images)
    update.attachments = tuple(mending.attachments.values())
    update.html = _with_minute("".join(_html(element) for element in _bodies(group) if not is_bare(element)))
    return update


def _with_minute(html: str) -> str:
    """Set the minute of a match, which stands alone above, before the first paragraph."""
    first = _FIRST_OF_TWO.match(html)
    return f"<p>{first['alone']} {html[first.end() :]}" if first and is_event_minute(first["alone"]) else html


def keys_of(group: list[HtmlElement]) -> list[str]:
    """List the names of a block, with and without ``block-`` and its like."""
    keys: dict[str, None] = {}
    for element in group:
        for name in _KEY_ATTRIBUTES:
            if key := element.get(name):
                keys |= {key: None, bare_key(key): None}
    return list(keys)


def bare_key(key: str) -> str:
    """Take ``block-`` and its like from a key."""
    return _KEY_PREFIX.sub("", key, count=1)


def moments_in(group: list[HtmlElement]) -> Iterator[tuple[Instant, bool]]:
    """Give the moments that a block shows, in its order, and whether each is of an edit."""
    for element in _few(group):
        for name, value in element.items():
            if _TIME_ATTRIBUTE.fullmatch(name) and element.tag != "time" and (found := read_instant(value)):
                yield found, bool(_EDIT_ATTRIBUTE.fullmatch(name))
    for element in group:
        for time in element.iter("time", "abbr"):
            found = instant_of(time) if time.tag == "time" else read_instant(time.get("title"))
            if found is None or any(above.tag in {"blockquote", "aside"} for above in time.iterancestors()):
                continue
            label = label_of(time)
            if label is not None:
                yield found, is_edit_label(time, label)


def _few(group: list[HtmlElement]) -> Iterator[HtmlElement]:
    """Give the outer elements of a block: itself, and what has nothing but it around it."""
    for element in group:
        inner: HtmlElement | None = element
        while inner is not None:
            yield inner
            inner = (
                inner[0] if len(inner) and not (inner.text or "").strip() and isinstance(inner[0].tag, str) else None
            )


def _flags(group: list[HtmlElement]) -> tuple[bool, bool]:
    """Tell whether a block is marked as pinned, and as a key event."""
    pinned = key = False
    for element in group:
        for one in [element, *element.iterdescendants("span", "div", "p", "article")]:
            names = [*classes(one), one.get("id") or ""]
            pinned = pinned or any(_PINNED.fullmatch(name) for name in names) or one.get("data-pinned", "no") in _YES
            pinned = pinned or (len(one) == 0 and label_kind(clean_line((one.text or "")[:_LONGEST_TIME])) == "PINNED")
            key = key or any(_KEY.fullmatch(name) for name in names)
            key = key or any(one.get(name, "no").lower() in _YES for name in ("data-key-event", "data-is-key-event"))
    return pinned, key


def _drop_furniture(group: list[HtmlElement]) -> None:
    for element in group:
        for inner in list(element.iterdescendants()):
            if not isinstance(inner.tag, str) or inner.getparent() is None:
                continue
            if inner.tag == "time" and (label := label_of(inner)) is not None and not _is_prose(inner):
                target = label if label is not element and label.getparent() is not None else inner
                target.drop_tree()
            elif _is_unseen(inner) or _is_furniture(inner) or _is_label(inner):
                inner.drop_tree()


def _is_unseen(element: HtmlElement) -> bool:
    hidden = element.tag in UNSEEN - {"iframe"} or element.get("aria-hidden") == "true"
    return hidden or (element.tag == "img" and (element.get("alt") or "").casefold() == "avatar")


def _is_prose(time: HtmlElement) -> bool:
    return any(above.tag == "blockquote" for above in time.iterancestors())


def _is_label(element: HtmlElement) -> bool:
    """Tell whether an element that stands for itself is a label: of a button, of a pinned post."""
    text = clean_line(element.text or "") if element.tag in _SMALL and len(element) == 0 else ""
    if not text or label_kind(text) not in {"PINNED", "KEY_EVENT", "CONTROL"}:
        return False
    around = element.getparent()
    return not (element.tail or "").strip() and around is not None and around.tag not in {*_PROSE, *HEADINGS}


def _is_furniture(element: HtmlElement) -> bool:
    named = any(_FURNITURE_CLASS.fullmatch(name) for name in classes(element))
    return named and len(element.findall(".//p")) < 2 and element.find(".//blockquote") is None


def spoken_times(group: list[HtmlElement]) -> Iterator[tuple[HtmlElement, Instant | Stamp]]:
    """Give the labels by whose words a block says its time, where no attribute does."""
    for element in group:
        for inner in element.iterdescendants("*"):
            if (found := spoken_time(inner)) is not None:
                yield inner, found


def spoken_time(element: HtmlElement) -> Instant | Stamp | None:
    """Read the words of an element that is there to tell a time; None if it is not, or tells none."""
    if element.tag != "time" and not any(_TIME_CLASS.fullmatch(name) for name in classes(element)):
        return None
    for name, value in element.items():
        if _TIME_ATTRIBUTE.fullmatch(name) and (instant := read_instant(value)) and label_of(element) is not None:
            return instant
    text = clean_line(element.text_content())[:_LONGEST_TIME]
    label = PAGE_LABEL.match(text)
    if label and label["update"]:
        return None
    text = text[label.end() if label else 0 :].removeprefix("at ")
    found = read_instant(text) or read_clock(text)
    return found if found and label_of(element) is not None else None


def _take_headline(group: list[HtmlElement]) -> str | None:
    """Take the heading that stands before all prose."""
    for element in group:
        for inner in element.iter(*_TOLD):
            if _is_body(inner):
                return None
            is_heading = _is_heading(inner)
            if (not is_heading and inner.tag not in _PROSE) or (inner is element and inner.tag == "li"):
                continue
            text = clean_line(inner.text_content())
            if text and is_heading and len(text) <= _LONGEST_HEADLINE:
                _take(inner, element)
                return text
            if text and not _is_byline(inner):
                return None
    return None


def _is_heading(element: HtmlElement) -> bool:
    named = any(_HEADLINE_CLASS.fullmatch(name) for name in classes(element))
    return element.tag in HEADINGS or named or "headline" in (element.get("itemprop") or "").lower().split()


def _is_body(element: HtmlElement) -> bool:
    # e-content is the body's class in microformats, which newsreel's own pages have.
    return "articlebody" in (element.get("itemprop") or "").lower().split() or "e-content" in classes(element)


def _take(inner: HtmlElement, element: HtmlElement) -> None:
    if inner is element:
        inner.clear(keep_tail=True)
    else:
        inner.drop_tree()


def _is_byline(element: HtmlElement) -> bool:
    return any(_BYLINE_CLASS.fullmatch(name) for one in (element, *element.iterdescendants()) for name in classes(one))


def _take_authors(group: list[HtmlElement]) -> tuple[Author, ...]:
    found: dict[Author, None] = {}
    for element in group:
        for inner in list(element.iterdescendants()):
            if inner.getparent() is None or not isinstance(inner.tag, str):
                continue
            named = any(_BYLINE_CLASS.fullmatch(name) for name in classes(inner))
            if named or "author" in (inner.get("itemprop") or "").split() or inner.get("rel") == "author":
                text = _HANDLE.sub("", clean_line(inner.text_content()))
                if (
                    text
                    and len(text) <= _LONGEST_HEADLINE
                    and not any(above.tag in {"blockquote", "figure"} for above in inner.iterancestors())
                ):
                    found |= dict.fromkeys(authors_of(text))
                    inner.drop_tree()
    return tuple(found)


def _bodies(group: list[HtmlElement]) -> list[HtmlElement]:
    """Find the elements that are marked as the body; all of the block if none is."""
    marked = [inner for element in group for inner in element.iter("*") if _is_body(inner)]
    outer = set(marked)
    return [one for one in marked if not any(above in outer for above in one.iterancestors())] or group


def _html(element: HtmlElement) -> str:
    if element.tag in HEADINGS:  # a body in a heading's clothes
        element.tag = "p"
    return lxml.html.tostring(element, encoding="unicode", with_tail=False)
