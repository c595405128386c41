"""Blobs: a page whose line breaks were lost. Lines are cut again where their posts begin.

``10 min agoHeadlineFrom CNN's Jo DoeBody one.Body two.8 min ago…`` and ``… 2330 text. 2329 text. 2328: text``. A line
is cut only where at least three moments of one form stand, and these run in one direction as those of posts do.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.transcript.lines import Line
from publisher.sources.transcript.order import share_in_order
from publisher.sources.transcript.stamps import scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from publisher.sources.transcript.stamps import Stamp

_SHORTEST = 160
"""Characters; a shorter line is no page."""
_FEWEST = 3
_CLEAR = 0.7
"""Share of neighbours that must run in one direction."""

# Where a post may begin: behind the end of a sentence, or glued to a word.
_EDGE = re.compile(
    r"(?:(?<=[.!?:;”\"’'»)\]]) ?|(?<=[^\W\d_])(?=[0-9])|^)(?=[0-9]|just now)|(?:(?<= )|^)(?=Update [0-9])"
)
_UPDATE = "Update "
_SENTENCE_END = re.compile(r"[.!?][”\"’']? ")
# A byline glued behind a headline, and what is glued behind a sentence or a name.
_FROM = re.compile(r"(?<=[^\W\d_]|[?!”\"’'.)])(?=From (?:[^\W\d_]+ ){0,3}?[^\W\d_]+[’']s [^\W\d_])")
_GLUED_SENTENCE = re.compile(
    r"(?<=[^\W_][.!?])(?=[^\W\d_a-z])|(?<=[^\W_][.!?][”\"])(?=[^\W\d_a-z])|(?<=[a-z][.!?])(?=[“\"])"
)
_NAME_THEN_TEXT = re.compile(r"(?<=[^\W\d_A-Z]{2})(?=[A-Z“\"])")


def break_blobs(lines: Iterable[Line]) -> Iterator[Line]:
    """Cut the lines that hold several posts; all the pieces of one have its number."""
    for line in lines:
        cuts = _cuts(line.text) if len(line.text) >= _SHORTEST else []
        if not cuts:
            yield line
            continue
        for start, end in pairwise([0, *(cut for cut in cuts if cut), len(line.text)]):
            for piece in _pieces(line.text[start:end].strip()):
                yield Line(line.number, piece)
                yield Line(line.number, "")


def _cuts(text: str) -> list[int]:
    """Find where the posts of a blob begin; empty if it is an ordinary line."""
    if sum(map(text.count, "0123456789")) < _FEWEST and text.count("just now") < _FEWEST:
        return []  # most lines; the expression below is slow to fail
    found: dict[tuple[str, bool], list[tuple[int, Stamp]]] = defaultdict(list)
    for edge in _EDGE.finditer(text):
        start = edge.end()
        labelled = text.startswith(_UPDATE, start)
        read = scan(text, start + len(_UPDATE) * labelled, before_words=True)
        if read is None or read[0].flaw or read[1] >= len(text):
            continue
        stamp, end = read
        if stamp.style == "dot" or (text[end] == " " and text[end + 1 : end + 2].islower()) or text[end].islower():
            continue
        found[(stamp.style, labelled)].append((start, stamp))
    for (style, labelled), places in sorted(found.items(), key=lambda one: -len(one[1])):
        clocks = [stamp.minute for _, stamp in places]
        if len(places) >= _FEWEST and (style == "ago" or share_in_order(clocks) >= _CLEAR):
            starts = [start for start, _ in places]
            return sorted({*starts, *(_before_headline(text, start) for start in starts)}) if labelled else starts
    return []


def _before_headline(text: str, start: int) -> int:
    """Find where the sentence begins that ends at ``start``: the headline in front of its stamp."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text, max(start - 300, 0), start)]
    ends = [end for end in ends if end < start]
    return ends[-1] if ends else start


def _pieces(text: str) -> list[str]:
    """Part what is glued in one post: stamp, headline, byline, paragraphs."""
    read = scan(text, before_words=True)
    pieces = []
    if read and read[0].ago and read[1] < len(text) and text[read[1]] != " ":
        pieces.append(text[: read[1]])
        text = text[read[1] :]
    byline = _FROM.search(text)
    if byline:
        pieces.append(text[: byline.start()])
        text = text[byline.start() :]
        names = _NAME_THEN_TEXT.search(text, len("From "))
        if names:
            pieces.append(text[: names.start()])
            text = text[names.start() :]
    return [piece for piece in (*pieces, *_GLUED_SENTENCE.split(text)) if piece.strip()]
