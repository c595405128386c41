"""Text as it may enter newsreel: no illegal characters, safe HTML, plain words for titles and slugs.

Everything here is idempotent: cleaning what is clean changes nothing, so both sides may clean.
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

import lxml.html
import nh3
from slugify import slugify

if TYPE_CHECKING:
    from collections.abc import Iterable

STORY_TIME_CLASS = "newsreel-story-time"
"""Class of the paragraph that a replay adds to a body, telling the time at which the post first appeared."""

PICTURE_CLASS = "newsreel-picture"
"""Class of the figures that Atom and RSS add to a body which does not show its pictures itself."""

# What XML 1.0 cannot carry (section 2.2, Char), which is also what JSON and HTML are better without. One such
# character makes a whole feed unreadable, so it is removed once, here; with it DEL and C1 controls, which XML 1.0
# advises against. Of these only NEL means something: a new line.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Marks without width that only break searches and comparisons. U+200C and U+200D stay: Persian and emoji need them.
_WIDTHLESS = re.compile("[\u200b\u2060\ufeff\u00ad]")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)  # as RFC 4287's grammar has it
_WEB = re.compile(r"https?://", re.IGNORECASE)
_URI_SIGNS = "!#$%&'*()+,/:;=?@[]~"
_URI = re.compile(rf"[A-Za-z0-9_.{re.escape(_URI_SIGNS)}-]+")
_SPACES = re.compile(r"\s+")
# Control characters (C0, DEL, C1), line and paragraph separators, marks that turn the direction of writing.
_UNSHOWABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "dd", "del", "dl", "dt", "em", "figcaption",
    "figure", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "picture",
    "pre", "q", "s", "samp", "small", "source", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot",
    "th", "thead", "time", "tr", "u", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"lang", "dir"},
    "a": {"href", "title", "hreflang"},
    "abbr": {"title"},
    "blockquote": {"cite"},
    "del": {"datetime"},
    "img": {"src", "alt", "title", "width", "height"},
    "ins": {"datetime"},
    "ol": {"start"},
    "q": {"cite"},
    "source": {"src", "type", "media"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
_INSECURE = re.compile(r"\s*http:", re.IGNORECASE)


def _secure(tag: str, name: str, value: str) -> str | None:
    """Take out the address of a picture that anybody on the way could change, and that secure pages do not show."""
    return None if name == "src" and tag in {"img", "source"} and _INSECURE.match(value) else value


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    allowed_classes={"p": {STORY_TIME_CLASS}, "figure": {PICTURE_CLASS}},
    attribute_filter=_secure,
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow noopener",
    url_relative="deny",  # whoever reads a page resolves its links; what is still relative leads nowhere
)
_EMPTY_CLASS = re.compile(r'(<(?:p|figure)(?: [a-z]+="[^"]*")*) class=""')
_NO_SOURCE = re.compile(r"<img(?![^>]* src=)[^>]*>")
_MANY_TAGS = 200
"""Signs of tags from which on it is looked at how deeply they nest: lxml drops what lies 256 deep, words and all."""
_MOST_OPEN = 50
"""Tags that may then be open at once. A parser's time grows with the depth: 256 KiB took ten seconds."""
_TAG = re.compile(r"<(/?)([a-z][^\s/>]*)[^>]*>?", re.IGNORECASE)
_ENDED_BY_OTHERS = {
    "a", "area", "base", "br", "col", "colgroup", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta",
    "optgroup", "option", "p", "param", "rp", "rt", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track",
    "wbr",
}  # fmt: skip
"""Tags that hold nothing, or that another one ends: no more of them are open at once than of what they are in."""
_MOST_ROUNDS = 8
"""Times that HTML is cleaned before nothing but its words is kept; one or two are enough for what people write."""
_PRE = re.compile(r"<pre>\n+")
_BLOCKS = {
    "blockquote", "caption", "dd", "div", "dl", "dt", "figcaption", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "table", "tr", "ul",
}  # fmt: skip
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"”’»)]*(?:\s+|$)|(?<=[。！？])")  # noqa: RUF001 CJK sentences end so


def clean_text(text: str) -> str:
    """Remove what no document may carry (illegal in XML 1.0) and marks without width; keep every line as it is."""
    if text.isprintable():
        return text  # most lines; what is removed here is not printable
    return _WIDTHLESS.sub("", _ILLEGAL.sub("", text.replace("\x85", "\n")))


def clean_line(text: str) -> str:
    """Clean ``text`` and fold it into one line: every run of white space, NBSP included, is one space."""
    return " ".join(clean_text(text).split())


def showable(text: str) -> str:
    """Make text from outside harmless for a terminal, whose cursor and colours it must not move; line feeds stay."""
    return _UNSHOWABLE.sub("", text)


def clean_html(html: str) -> str:
    """Make HTML from outside safe to publish and to show (nh3, an allow-list): no script, no style, no frames."""
    cleaned = _cleaned(clean_text(html))
    # Of a tree whose unsafe parts were taken out, the words may read as another tree (<li><div><li> without its div):
    # a reader would see what was never looked at. Cleaned HTML is what cleaning leaves as it is.
    for _ in range(_MOST_ROUNDS):
        again = _cleaned(cleaned)
        if again == cleaned:
            return cleaned
        cleaned = again
    return text_html([html_text(cleaned, figures=True)])


def _cleaned(html: str) -> str:
    html = html.replace("\u00a0", " ").replace("&nbsp;", " ")
    cleaned = _CLEANER.clean(_flattened(html) if html.count("<") > _MANY_TAGS else html)
    cleaned = _EMPTY_CLASS.sub(r"\1", _NO_SOURCE.sub("", cleaned)).strip()
    return _PRE.sub("<pre>", cleaned)  # parsers drop the first line end there (WHATWG HTML, 13.2.6.4.7)


def _flattened(html: str) -> str:
    """Take out the tags that are within too many others; their words stay."""
    opened: Counter[str] = Counter()
    left_out: Counter[str] = Counter()

    def kept(tag: re.Match[str]) -> str:
        name = tag[2].lower()
        if name in _ENDED_BY_OTHERS:
            return tag[0]
        if not tag[1]:
            where = opened if opened.total() < _MOST_OPEN else left_out
            where[name] += 1
        else:
            where = left_out if left_out[name] else opened
            where[name] -= where[name] > 0
        return tag[0] if where is opened else ""

    return _TAG.sub(kept, html)


def clean_url(text: str) -> str | None:
    """Give a web address (http, https) as a URI (RFC 3986), which every reader takes; None if it is none."""
    url = clean_line(text)
    if not _WEB.match(url):
        return None
    try:
        parts = urlsplit(url)
        if not parts.hostname or (parts.port is not None and not parts.port):
            return None
        if _URI.fullmatch(url):
            return url
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    except ValueError:  # UnicodeError is one
        return None
    return urlunsplit((parts.scheme, *(quote(part, safe=_URI_SIGNS) for part in (host, *parts[2:]))))


def clean_language(text: str) -> str | None:
    """Give a language tag (BCP 47); None if it is not of that shape: it would make an Atom document invalid."""
    tag = text.strip()
    return tag if _LANGUAGE.fullmatch(tag) else None


def html_text(html: str, *, figures: bool = False) -> str:
    """Tell the words of ``html``, paragraphs parted by a blank line.

    Captions are left out unless ``figures`` is true, and so is the line with which a replay names the story time.
    """
    html = clean_text(html)
    if not html.strip():
        return ""
    blocks: list[list[str]] = [[]]
    _gather(lxml.html.fragment_fromstring(html, create_parent="div"), blocks, figures=figures)
    lines = (_fold("".join(block)) for block in blocks)
    return "\n\n".join(line for line in lines if line)


def text_html(paragraphs: Iterable[str]) -> str:
    """Make HTML of plain paragraphs; a line break inside one becomes ``<br>``."""
    return "".join(f"<p>{escape(p, quote=False).replace(chr(10), '<br>')}</p>" for p in paragraphs if p.strip())


def first_sentence(text: str, limit: int = 100) -> str:
    """Take the first sentence of ``text``, cut at a word after ``limit`` characters: a title for who has none."""
    line = clean_line(text.split("\n\n", 1)[0])
    sentence = _SENTENCE_END.split(line, maxsplit=1)[0] if line else ""
    if len(sentence) <= limit:
        return sentence
    cut = sentence[: limit - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[limit // 2 :] else cut).rstrip(" ,;:–—-") + "…"


def slug(words: str, limit: int = 48) -> str:
    """Make a path segment of ``words``: lower-case ASCII letters, digits and hyphens, cut at a word. May be empty."""
    return str(slugify(clean_line(words), max_length=limit, word_boundary=True, save_order=True))


def _fold(block: str) -> str:
    return "\n".join(line for line in (" ".join(part.split()) for part in block.split("\n")) if line)


def _gather(element: lxml.html.HtmlElement, blocks: list[list[str]], *, figures: bool) -> None:
    tag = element.tag if isinstance(element.tag, str) else ""
    skipped = not tag or (tag == "figure" and not figures) or element.get("class") == STORY_TIME_CLASS
    if tag in _BLOCKS or tag == "figure":
        blocks.append([])
    if not skipped:
        if tag == "br":
            blocks[-1].append("\n")
        blocks[-1].append(_SPACES.sub(" ", element.text or ""))
        for child in element:
            _gather(child, blocks, figures=figures)
    if tag in _BLOCKS or tag == "figure":
        blocks.append([])
    elif tag in {"td", "th"}:
        blocks[-1].append(" ")
    blocks[-1].append(_SPACES.sub(" ", element.tail or ""))
