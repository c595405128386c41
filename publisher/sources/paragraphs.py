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
_MOST_ROUNDS = 8
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
    Markdown means by asterisks: ``<strong>`` and ``<em>``. What is inline holds no blocks: a link round two paragraphs
    becomes one in each. Normal HTML stays as it is.
    """
    return "".join(blocks(html))


def blocks(html: str) -> list[str]:
    """Split sanitised HTML into its outermost blocks, each in normal form."""
    found = _blocks(html)
    for _ in range(_MOST_ROUNDS):  # without an inline element between them, two headings are no longer nested
        shown = "".join(found)
        again = clean_html(shown)
        if again == shown:
            break
        found = _blocks(again)
    return found


def _blocks(html: str) -> list[str]:
    found: list[str] = []
    block: list[str] = []
    loose: list[str] = []  # words outside of any block
    depth = 0
    for token, tag, closing in _tightened(_tokens(html)):
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


def _tokens(html: str) -> list[tuple[str, str, bool]]:
    """List the tokens; texts that nothing parts any more are one."""
    tokens: list[tuple[str, str, bool]] = []
    for token, tag, closing in _parted(html):
        if not tag and tokens and not tokens[-1][1]:
            tokens[-1] = (tokens[-1][0] + token, "", False)
        else:
            tokens.append((token, tag, closing))
    return tokens


def _parted(html: str) -> Iterator[tuple[str, str, bool]]:
    """Give tokens, each with its tag (empty for text) and whether that closes.

    What is inline ends where a block begins or ends, and goes on where the next words are.
    """
    opened: list[tuple[str, str]] = []  # as (token, tag)
    shown = 0  # how many of these stand in what was given
    for match in _TOKEN.finditer(html):
        token, tag, closing = match[0], match[2] or "", match[1] == "/"
        if tag in _BLOCKS:
            yield from ((f"</{name}>", name, True) for _, name in reversed(opened[:shown]))
            shown = 0
            yield token, tag, closing
        elif not tag and token.isspace():
            yield token, tag, closing
        elif not tag or tag in _VOID:
            yield from ((opening, name, False) for opening, name in opened[shown:])
            shown = len(opened)
            yield token, tag, closing
        elif not closing:
            opened.append((token, tag))
        elif opened:
            opened.pop()
            if shown > len(opened):
                shown = len(opened)
                yield token, tag, closing


def _tightened(tokens: list[tuple[str, str, bool]]) -> Iterator[tuple[str, str, bool]]:
    """Leave out needless white space."""
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
