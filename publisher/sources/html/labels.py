"""Labels: the small pieces of a page that are no prose but say when, by whom, of what kind."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from publisher.sources.html.moments import Instant, read_instant
from publisher.sources.transcript.tokens import PAGE_LABEL, says_edit
from publisher.sources.transcript.zones import find_zone
from shared.text import clean_line

if TYPE_CHECKING:
    from lxml.html import HtmlElement

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_LABEL_WORDS = {"ago", "am", "at", "first", "last", "live", "min", "on", "pm", "time", "uhr", "um"}
"""Beside those of ``PAGE_LABEL``."""
_WORD = re.compile(r"[^\W\d_]+")
_EDITED_CLASS = re.compile(r"updated|modified|edited|last-?mod", re.IGNORECASE)
_LONGEST_LABEL = 100
_MOST_ELEMENTS = 30
_HIGHEST = 8
"""Levels above a time that can be its label."""
_STRUCTURE = {"article", "body", "html", "main", "section", "ul", "ol", "table"}


def label_of(time: HtmlElement) -> HtmlElement | None:
    """Find the largest element that is only the label of ``time``; None if ``time`` stands in prose."""
    label, own = time, clean_line(time.text_content())
    if len(own) > _LONGEST_LABEL:
        return None
    for above in islice(time.iterancestors(), _HIGHEST):
        text = _text_within(above)
        if text is None or above.tag in _STRUCTURE or not _is_label(text.replace(own, " ", 1)):
            in_prose = above.tag in {"p", "blockquote", "em", "strong", "b", "i", "a", "figcaption", "q"}
            return None if in_prose else label
        if any(True for _ in above.iter(*HEADINGS, "img", "p")) and above.tag != "p":
            return label
        label = above
    return label


def is_edit_label(time: HtmlElement, label: HtmlElement) -> bool:
    """Tell whether a time says when a post was edited, not when it appeared."""
    classes = " ".join((e.get("class") or "") + " " + (e.get("itemprop") or "") for e in {time, label})
    return _EDITED_CLASS.search(classes) is not None or says_edit(f"{clean_line(label.text_content())} ")


def instant_of(time: HtmlElement) -> Instant | None:
    """Read the moment of a ``<time>``: its attribute, else its words."""
    given = time.get("datetime") or time.get("content") or time.get("dateTime")
    return read_instant(given) or read_instant(clean_line(time.text_content())[:_LONGEST_LABEL])


def written(time: HtmlElement) -> str | None:
    """Write the moment of a ``<time>`` as a line that a reader of text knows; None if it says no full moment."""
    found = instant_of(time)
    if found is None or found.precision == "day":
        return None
    exactness = "seconds" if found.precision == "second" else "minutes"
    return found.moment.isoformat(" ", exactness).replace("+00:00", " UTC")


def classes(element: HtmlElement) -> list[str]:
    """List the classes of an element."""
    return (element.get("class") or "").split()


def _text_within(element: HtmlElement) -> str | None:
    """Give the text of a small element, None if it is too long to be a label."""
    if sum(1 for _ in islice(element.iter(), _MOST_ELEMENTS)) == _MOST_ELEMENTS:
        return None
    text = ""
    for part in element.itertext():
        text += part
        if len(text) > _LONGEST_LABEL * 4:
            return None
    text = clean_line(text)
    return text if len(text) <= _LONGEST_LABEL else None


def _is_label(text: str) -> bool:
    return all(
        word.lower() in _LABEL_WORDS or find_zone(word) for word in _WORD.findall(PAGE_LABEL.sub(" ", f"{text} "))
    )
