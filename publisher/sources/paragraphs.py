"""Bodies in the form that Markdown can hold: blocks one after the other, and no white space that nobody sees."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from shared.text import clean_html

if TYPE_CHECKING:
    from collections.abc import Iterator

# HTML in Markdown is let through: what is unsafe in it, ``clean_html`` removes afterwards, as everywhere.
_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

# The sanitiser writes one canonical form: lower case, attributes in double quotes, ``<`` and ``>`` of text escaped.
_TOKEN = re.compile(r'<(/?)([a-z][a-z0-9]*)(?:\s+[a-z-]+(?:="[^"]*")?)*\s*/?>|[^<]+|<')
_BLOCKS = frozenset(
    ("blockquote", "caption", "dd", "dl", "dt", "figcaption", "figure", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol",
     "p", "pre", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul")
)  # fmt: skip
_VOID = frozenset(("br", "hr", "img", "source"))
_SAME = {"b": "strong", "i": "em"}
_SPACES = re.compile(r"\s+")


def markdown_html(text: str) -> str:
    """Make the body of a post from Markdown: CommonMark with tables and ``~~struck~~``, sanitised, in normal form.

    Markdown nested deeper than the parser's limit (20) loses what lies below.
    """
    return normal(clean_html(_MARKDOWN.render(text)))


def markdown_line(text: str) -> str:
    """Make sanitised HTML of one line of Markdown, without a paragraph round it."""
    return clean_html(_MARKDOWN.renderInline(text))


def normal(html: str) -> str:
    """Bring sanitised HTML into its normal form, which shows the same.

    Runs of white space are one space, and none where no reader shows any: at the ends of blocks and beside ``<br>``; in
    ``<pre>`` only the last line end goes. Words outside of any block become a paragraph, and ``<b>`` and ``<i>`` what
    Markdown means by asterisks: ``<strong>`` and ``<em>``. Normal HTML stays as it is.
    """
    return "".join(blocks(html))


def blocks(html: str) -> list[str]:
    """Split sanitised HTML into its outermost blocks, each in normal form."""
    found: list[str] = []
    block: list[str] = []
    loose: list[str] = []  # words outside of any block
    depth = 0
    for token, tag, closing in _tightened(html):
        if tag not in _BLOCKS:
            (block if depth else loose).append(token)
            continue
        found += _paragraph(loose)
        loose = []
        block.append(token)
        if tag not in _VOID:
            depth += -1 if closing else 1
        if depth == 0:
            found.append("".join(block))
            block = []
    return found + _paragraph(loose)


def _paragraph(loose: list[str]) -> list[str]:
    text = "".join(loose).strip()
    return [f"<p>{text}</p>"] if text else []


def _tightened(html: str) -> Iterator[tuple[str, str, bool]]:
    """Give tokens without needless white space, each with its tag (empty for text) and whether that closes."""
    tokens = [(match[0], match[2] or "", match[1] == "/") for match in _TOKEN.finditer(html)]
    verbatim = 0
    for place, (token, tag, closing) in enumerate(tokens):
        if tag == "pre":
            verbatim += -1 if closing else 1
        if tag:
            name = _SAME.get(tag, tag)
            yield token.replace(tag, name, 1), name, closing
            continue
        after = tokens[place + 1][1:] if place + 1 < len(tokens) else ("p", True)
        if verbatim > 0:
            text = token.rstrip("\n") if after in {("pre", True), ("code", True)} else token
        else:
            text = _SPACES.sub(" ", token)
            if place == 0 or _breaks(tokens[place - 1][1]):
                text = text.lstrip()
            if _breaks(after[0]):
                text = text.rstrip()
        if text:
            yield text, "", False


def _breaks(tag: str) -> bool:
    return tag in _BLOCKS or tag == "br"
