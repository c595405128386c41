"""Taking HTML apart into blocks of plain text, as a terminal shows them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

import lxml.html

from shared.text import STORY_TIME_CLASS

_SPACES = re.compile(r"\s+")
_NUMBER = re.compile(r"[0-9]{1,9}")
_PARAGRAPHS = {"p", "h2", "h3", "h4", "h5", "h6", "tr", "dt", "dd", "caption", "hr", "table", "ul", "ol", "dl"}


@dataclass(slots=True)
class Block:
    """A run of text that stands by itself: a paragraph, a quotation, an item of a list, code, a caption."""

    text: str
    indent: int = 0
    style: str = ""
    mark: str = ""

    @property
    def listed(self) -> bool:
        """Tell whether it is an item of a list, which follows the one before without a gap."""
        return self.mark[:1] == "•" or self.mark[:1].isdigit()


_Open = tuple[Block, list[str]]
"""A block, and the pieces of its text that came so far."""


def blocks(html: str, *, captions: bool = True) -> list[Block]:
    """Take a body apart into blocks of plain text. ``captions``: those of its figures, too."""
    if not html.strip():
        return []
    found: list[_Open] = [(Block(""), [])]
    _walk(lxml.html.fragment_fromstring(html, create_parent="div"), found, Block(""), captions=captions)
    for block, words in found:
        block.text = "".join(words)
        if block.style != "code":
            lines = (_SPACES.sub(" ", line).strip() for line in block.text.split("\n"))
            block.text = "\n".join(line for line in lines if line)
    return [block for block, _ in found if block.text.strip()]


def _walk(element: lxml.html.HtmlElement, found: list[_Open], within: Block, *, captions: bool) -> None:
    tag = element.tag if isinstance(element.tag, str) else ""
    inner = _inner(tag, within)
    if inner is not None:
        found.append((inner, []))
    hidden = not tag or element.get("class") == STORY_TIME_CLASS or (tag == "figure" and not captions)
    if not hidden:
        context = inner or within
        found[-1][1].append("\n" if tag == "br" else "")
        found[-1][1].append(_words(element.text, context))
        start = element.get("start") or ""
        number = int(start) if _NUMBER.fullmatch(start) else 1
        for child in element:
            item = child.tag == "li" and tag == "ol"
            mark = f"{number}. " if item else ""
            _walk(child, found, Block("", context.indent, context.style, mark), captions=captions)
            number += item
    if inner is not None:
        found.append((Block("", within.indent, within.style), []))
    elif tag in {"td", "th"} and element.getnext() is not None:
        found[-1][1].append(" | ")
    found[-1][1].append(_words(element.tail, within))


def _inner(tag: str, within: Block) -> Block | None:
    """Tell how the block that ``tag`` opens looks, None if it opens none."""
    match tag:
        case "blockquote":
            return Block("", within.indent + 4, "italic")
        case "li":
            return Block("", within.indent + 2, within.style, within.mark or "• ")
        case "pre":
            return Block("", within.indent + 4, "code")
        case "figure" | "figcaption":
            return Block("", within.indent, "italic dim", "▣ " if tag == "figcaption" else "")
        case _ if tag in _PARAGRAPHS:
            # A paragraph inside a list item goes on after its mark.
            return Block("", within.indent, "bold" if tag[0] == "h" and tag != "hr" else within.style)
    return None


def _words(text: str | None, within: Block) -> str:
    if not text:
        return ""
    return text if within.style == "code" else _SPACES.sub(" ", text)
