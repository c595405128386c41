"""Bodies: the lines of one post as HTML, its pictures, and what was left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from publisher.sources.reading import Dropped
from publisher.sources.transcript.captions import QUOTES, Paragraph, read_caption
from publisher.sources.transcript.furniture import EVENT_MINUTE
from publisher.sources.transcript.tokens import Kind, Token
from shared.post import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOSING = tuple("\"”“»’'")
_BULLET = re.compile(r"[•‣◦●▪*-] (?=\S)")
# "Some context:", one to five words.
_KICKER = re.compile(r"[^\W\d_][^\s:.!?\"“”]*(?: [^\s:.!?\"“”]+){0,4}:(?= [^\s\"“„«‘'])")  # noqa: RUF001 what a name says in quotes is speech, no kicker
_LONGEST_KICKER = 60
_URL = re.compile(r"https?://[^\s<>\"“”]+", re.IGNORECASE)

_LONGEST_DANGLING = 120
_VERBS = r"(?:read|watch|see|listen(?: to)?|view|follow|find|learn|track|click|tap)"
_DANGLING = re.compile(
    rf"(?:(?:you can|please|to) )?{_VERBS}\b[^\"“:]*\bhere ?[.:!]?"
    rf"|{_VERBS} (?:more|on)(?: (?:about|on|from) [^\"“:.]+)? ?[.:…]?"
    rf"|{_VERBS} (?:the |our |more of the |[^\s:]+['’]s )?(?:full |latest |live )*"
    r"(?:story|article|report|analysis|coverage|interview|transcript|explainer|video|clip|moment) ?[.:]?",
    re.IGNORECASE,
)
# What heads the title of another page, which stands behind it or on the lines below.
_RELATED = re.compile(
    r"(?:related|read also|also read|see also|(?:à )?lire aussi|(?:lesen sie|lies) auch|mehr zum thema|lea también|"
    r"lee también|leia (?:também|mais)|leggi anche|lees ook)(?: ?:| ?\||$).{0,160}(?<![.!?])",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Body:
    """``html`` is not sanitised yet; ``opening`` is the first words, for a post without headline.

    ``waits`` tells that it ends in a colon: what that announced did not survive the copying.
    """

    html: str = ""
    opening: str = ""
    waits: bool = False
    images: list[Image] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)


def make_body(tokens: list[Token]) -> Body:
    """Make the body of a post of its lines (blank ones included)."""
    body = Body()
    html: list[str] = []
    for piece in _pieces(list(_paragraphs(tokens, body.dropped))):
        if isinstance(piece, Image):
            body.images.append(piece)
            html.append(_figure(piece))
            body.waits = False
        else:
            html.extend(_run(piece))
            body.waits = piece[-1].text.endswith(":")
        if not body.opening:
            body.opening = (piece.caption or "") if isinstance(piece, Image) else piece[0].text
    body.html = "".join(html)
    return body


def _paragraphs(tokens: list[Token], dropped: list[Dropped]) -> Iterator[Paragraph]:
    blank, related = True, False
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
        if _RELATED.fullmatch(token.text) or (related and not blank and not EVENT_MINUTE.match(token.text)):
            related = True
            dropped.append(Dropped(token.line, token.text, "dangling-link"))
            blank = False
            continue
        related = False
        yield Paragraph(token.text, glued=not blank)
        blank = False


def _dangles(text: str, following: str) -> bool:
    """Tell whether ``text`` only points to a link that the page had and the text has not."""
    points = len(text) <= _LONGEST_DANGLING and _DANGLING.fullmatch(text) is not None
    return points and not _URL.search(text) and not _URL.match(following)


def _pieces(paragraphs: list[Paragraph]) -> Iterator[Image | list[Paragraph]]:
    """Fold captions into images; give the other paragraphs in runs that no blank line parts."""
    run: list[Paragraph] = []
    place = 0
    while place < len(paragraphs):
        this = paragraphs[place]
        image, used = read_caption(paragraphs[place : place + 3], first=place == 0)
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


def _figure(image: Image) -> str:
    credit = f" <small>{escape(image.credit, quote=False)}</small>" if image.credit else ""
    return f"<figure><figcaption>{escape(image.caption or '', quote=False)}{credit}</figcaption></figure>"


def _run(run: list[Paragraph]) -> Iterator[str]:
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
    return "quote" if text.startswith(QUOTES) else "bullet" if _BULLET.match(text) else "plain"


def _is_one_quote(texts: list[str]) -> bool:
    """Tell whether one quotation opens in the first line and closes in the last, and not before."""
    first, last = texts[0], texts[-1]
    return len(texts) > 1 and first.startswith(QUOTES) and not first.endswith(_CLOSING) and last.endswith(_CLOSING)


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
