"""The words that a page shows, line by line, for who reads text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from publisher.sources.html.labels import is_edit_label, label_of, written
from shared.text import clean_line

if TYPE_CHECKING:
    from datetime import date

    from publisher.sources.html.page import Page

UNSEEN = {
    "button", "canvas", "datalist", "dialog", "footer", "form", "head", "iframe", "input", "map", "math", "nav",
    "noscript", "object", "option", "script", "select", "style", "svg", "template", "textarea", "title",
}  # fmt: skip
"""Elements that are no part of what a page tells."""

_INLINE = {
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img",
    "ins", "kbd", "label", "mark", "q", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time",
    "tt", "u", "var", "wbr",
}  # fmt: skip


@dataclass(slots=True)
class _Lines:
    """Lines as they are said; blocks are parted by a blank one."""

    done: list[tuple[str, int | None]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    begun: int | None = None

    def say(self, text: str | None, line: int | None) -> None:
        if text and text.strip() and self.begun is None:
            self.begun = line
        self.open.append(text or "")

    def say_as_written(self, text: str, line: int | None) -> None:
        """Say text whose line breaks count."""
        for place, part in enumerate(text.split("\n")):
            if place:
                self.end(blank=not part.strip())
            self.say(part, None if line is None else line + place)

    def end(self, *, blank: bool) -> None:
        text = clean_line("".join(self.open))
        if text:
            self.done.append((text, self.begun))
        if blank and self.done and self.done[-1][0]:
            self.done.append(("", None))
        self.open.clear()
        self.begun = None


@dataclass(frozen=True, slots=True)
class Words:
    """The lines that a page shows, each with its line in the source; blank ones part blocks."""

    lines: tuple[tuple[str, int | None], ...]

    @property
    def text(self) -> str:
        """Give them as one text."""
        return "\n".join(text for text, _ in self.lines)

    def under(self, day: date | None) -> Words:
        """Give them under the day on which the page says in its head that it began."""
        return Words((*([(day.isoformat(), None), ("", None)] if day else []), *self.lines))

    def source_line(self, line: int | None) -> int | None:
        """Tell where in the source a line of the text stands."""
        return self.lines[line - 1][1] if line is not None and 0 < line <= len(self.lines) else None


def visible_words(page: Page) -> Words:
    """Read what a page shows.

    Where a ``<time>`` that stands for itself says the exact moment, that is written instead of its words.
    """
    lines = _Lines()
    walk = etree.iterwalk(page.tree, events=("start", "end"))
    for step, element in walk:
        block = element.tag not in _INLINE and element.tag != "br"
        if block or element.tag == "br":
            lines.end(blank=block)
        line = page.line(element)
        if step == "end":
            lines.say(element.tail, line)
            continue
        if element.tag in UNSEEN or element.get("hidden") is not None:
            walk.skip_subtree()
        elif element.tag == "time" and (label := label_of(element)) is not None and (moment := written(element)):
            alone = not is_edit_label(element, label)  # "Updated at" stays before its moment
            lines.end(blank=True) if alone else None
            lines.say(moment, line)
            lines.end(blank=True) if alone else None
            walk.skip_subtree()
        elif element.tag == "pre":
            lines.say_as_written(element.text or "", line)
        else:
            lines.say(element.text, line)
    lines.end(blank=False)
    return Words(tuple(lines.done))
