"""Bodies: the lines of one post as HTML, its pictures, and what was left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from publisher.sources.reading import Dropped
from publisher.sources.transcript.tokens import Kind, Token
from shared.post import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTES = "\"“„«‘'"  # noqa: RUF001 real pages use all of them, and never in pairs
_CLOSING = "\"”“»’'"
_STRAIGHT = str.maketrans("“”„«»‘’", '"""""\'\'')  # noqa: RUF001 as above
_BULLET = re.compile(r"[•‣◦●▪*-] (?=\S)")
# "Some context:", one to five words.
_KICKER = re.compile(r"[^\W\d_][^\s:.!?\"“”]*(?: [^\s:.!?\"“”]+){0,4}:(?= [^\s\"“„«‘'])")  # noqa: RUF001 what a name says in quotes is speech, no kicker
_LONGEST_KICKER = 60
_URL = re.compile(r"https?://[^\s<>\"“”]+", re.IGNORECASE)
_LONGEST_CAPTION = 3000
_LONGEST_CREDIT = 150

_LONGEST_DANGLING = 120
_VERBS = r"(?:read|watch|see|listen(?: to)?|view|follow|find|learn|track|click|tap)"
_DANGLING = re.compile(
    rf"(?:(?:you can|please|to) )?{_VERBS}\b[^\"“:]*\bhere ?[.:!]?"
    rf"|{_VERBS} (?:more|on)(?: (?:about|on|from) [^\"“:.]+)? ?[.:…]?"
    rf"|{_VERBS} (?:the |our |more of the |[^\s:]+['’]s )?(?:full |latest |live )*"
    r"(?:story|article|report|analysis|coverage|interview|transcript|explainer|video|clip|moment) ?[.:]?",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Body:
    """``html`` is not sanitised yet; ``opening`` is the first words, for a post without headline."""

    html: str = ""
    opening: str = ""
    images: list[Image] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Paragraph:
    text: str
    glued: bool
    """No blank line parts it from the one above."""


def make_body(tokens: list[Token]) -> Body:
    """Make the body of a post of its lines (blank ones included)."""
    body = Body()
    html: list[str] = []
    for piece in _pieces(list(_paragraphs(tokens, body.dropped))):
        if isinstance(piece, Image):
            body.images.append(piece)
            html.append(_figure(piece))
        else:
            html.extend(_run(piece))
        if not body.opening:
            body.opening = (piece.caption or "") if isinstance(piece, Image) else piece[0].text
    body.html = "".join(html)
    return body


def _paragraphs(tokens: list[Token], dropped: list[Dropped]) -> Iterator[_Paragraph]:
    blank = True
    texts = [token for token in tokens if token.kind is not Kind.BLANK]
    following = iter([token.text for token in texts[1:]] + [""])
    for token in tokens:
        if token.kind is Kind.BLANK:
            blank = True
            continue
        if _dangles(token.text, next(following)):
            dropped.append(Dropped(token.line, token.text, "dangling-link"))
            blank = True
            continue
        yield _Paragraph(token.text, glued=not blank)
        blank = False


def _dangles(text: str, following: str) -> bool:
    """Tell whether ``text`` only points to a link that the page had and the text has not."""
    points = len(text) <= _LONGEST_DANGLING and _DANGLING.fullmatch(text) is not None
    return points and not _URL.search(text) and not _URL.match(following)


def _pieces(paragraphs: list[_Paragraph]) -> Iterator[Image | list[_Paragraph]]:
    """Fold captions into images; give the other paragraphs in runs that no blank line parts."""
    run: list[_Paragraph] = []
    place = 0
    while place < len(paragraphs):
        this = paragraphs[place]
        after = paragraphs[place + 1] if place + 1 < len(paragraphs) else None
        image, used = _image(this, after)
        if run and (image or not this.glued):
            yield run
            run = []
        if image:
            yield image
        else:
            run.append(this)
        place += used
    if run:
        yield run


def _image(this: _Paragraph, after: _Paragraph | None) -> tuple[Image | None, int]:
    """Read a caption: alt text and caption, or a caption alone. Tells how many paragraphs it took."""
    if len(this.text) > _LONGEST_CAPTION:
        return None, 1
    if after is not None:
        caption, credit = _credited(after.text)
        if credit and _bare(caption) == _bare(this.text):
            return Image(caption=caption, credit=credit), 2
        if after.glued and after.text == this.text and this.text[0] not in _QUOTES:
            return Image(caption=this.text), 2
    caption, credit = _credited(this.text)
    if credit and caption and _is_person_and_agency(credit):
        return Image(caption=caption, credit=credit), 1
    return None, 1


def _credited(text: str) -> tuple[str, str | None]:
    """Part a caption from the credit in brackets at its end."""
    line = text.removesuffix(".")
    start = line.rfind("(")
    credit = line[start + 1 : -1]
    if not line.endswith(")") or start < 0 or not 0 < len(credit) <= _LONGEST_CREDIT or ")" in credit:
        return text, None
    return line[:start].rstrip(), credit.strip() or None


def _is_person_and_agency(credit: str) -> bool:
    """Tell whether ``credit`` alone makes its line a caption: ``Jo Doe/Some Agency``."""
    person, *agencies = credit.split("/")
    words = person.split()
    return bool(agencies) and len(words) > 1 and all(word[:1].isupper() for word in [*words, *agencies])


def _bare(text: str) -> str:
    return text.translate(_STRAIGHT).rstrip(". ").casefold()


def _figure(image: Image) -> str:
    credit = f" <small>{escape(image.credit, quote=False)}</small>" if image.credit else ""
    return f"<figure><figcaption>{escape(image.caption or '', quote=False)}{credit}</figcaption></figure>"


def _run(run: list[_Paragraph]) -> Iterator[str]:
    """Make HTML of paragraphs that stand together: quotes, bullets, else one after the other."""
    texts = [paragraph.text for paragraph in run]
    if _is_one_quote(texts):
        yield _quote(texts)
        return
    for shape, group in groupby(texts, key=_shape):
        lines = list(group)
        if shape == "quote" and len(lines) > 1:
            yield _quote(lines)
        elif shape == "bullet" and len(lines) > 1:
            yield _list(lines)
        else:
            yield from (f"<p>{_inline(line, kicker=True)}</p>" for line in lines)


def _shape(text: str) -> str:
    return "quote" if text[0] in _QUOTES else "bullet" if _BULLET.match(text) else "plain"


def _is_one_quote(texts: list[str]) -> bool:
    """Tell whether one quotation opens in the first line and closes in the last, and not before."""
    first, last = texts[0], texts[-1]
    return len(texts) > 1 and first[0] in _QUOTES and first[-1] not in _CLOSING and last[-1] in _CLOSING


def _quote(texts: list[str]) -> str:
    return f"<blockquote>{''.join(f'<p>{_inline(text)}</p>' for text in texts)}</blockquote>"


def _list(texts: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{_inline(_BULLET.sub(str(), text, count=1))}</li>' for text in texts)}</ul>"


def _inline(text: str, *, kicker: bool = False) -> str:
    """Make HTML of one line: a bold kicker, live links, everything else escaped."""
    start = 0
    html = []
    label = _KICKER.match(text) if kicker else None
    if label and label.end() <= _LONGEST_KICKER:
        html.append(f"<strong>{escape(label[0], quote=False)}</strong>")
        start = label.end()
    for match in _URL.finditer(text, start):
        url = match[0].rstrip(".,;:!?'’»]}")
        if url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1]
        html.append(escape(text[start : match.start()], quote=False))
        html.append(f'<a href="{escape(url)}">{escape(url, quote=False)}</a>')
        start = match.start() + len(url)
    html.append(escape(text[start:], quote=False))
    return "".join(html)
