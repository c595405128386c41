"""Leaving out: sections that are no posts. Summaries, closing notices, second copies, moments with nothing under."""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.sources.transcript.furniture import is_closing, label_kind
from publisher.sources.transcript.tokens import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.transcript.body import Body
    from publisher.sources.transcript.notes import Notes
    from publisher.sources.transcript.page import Section

_SHORT = 400
"""Characters of a notice that ends the coverage, with what it says besides."""


def without_notices(sections: Sequence[Section], notes: Notes) -> list[Section]:
    """Leave out summaries (they are written at the end and would give it away) and closing notices."""
    kept, left = [], []
    for section in sections:
        first = section.headline or next((token.text for token in section.body if token.text), "")
        words = sum(len(token.text) for token in section.body)
        if not notes.options.keep_summaries and label_kind(first) == "SUMMARY":
            _drop(section, "summary", notes)
            left.append(section)
        elif is_closing(first) or (section.closing and words <= _SHORT and not section.headline):
            _drop(section, "closing", notes)
        else:
            kept.append(section)
    timed = [section for section in left if section.stamp]
    if timed:
        what = f"{len(timed)} summaries were" if len(timed) > 1 else f"the summary at {timed[0].text!r} was"
        notes.doubt("summary-left-out", f"{what} left out; give --keep-summaries to keep such posts", timed[0].line)
    return kept


def without_copies(sections: Sequence[Section], notes: Notes) -> list[Section]:
    """Leave out second copies: a pinned post that stands in its own place too, the lines of a table of contents."""
    by_words: dict[tuple[str, str], tuple[Section, tuple[str, ...]]] = {}
    copies: set[int] = set()
    for section in sections:
        words = tuple(token.text for token in section.body if token.kind is not Kind.BLANK)
        head = section.headline or (words[0] if words else "")
        if not head:
            continue
        key = (_moment(section), head.removeprefix("> "))
        if key not in by_words:
            by_words[key] = section, words
            continue
        other, theirs = by_words[key]
        if words == theirs or _is_title_alone(other, theirs):
            copies.add(id(other))
            section.pinned = section.pinned or other.pinned
            by_words[key] = section, words
        elif _is_title_alone(section, words):
            copies.add(id(section))
    found = [section for section in sections if id(section) in copies]
    for section in found:
        _drop(section, "duplicate", notes)
    if found:
        what = f"{found[0].text!r} stands" if len(found) == 1 else f"{len(found)} posts stand"
        notes.doubt("repeated-post", f"{what} twice; one copy was left out", found[0].line)
    return [section for section in sections if id(section) not in copies]


def without_empty(sections: Sequence[Section], bodies: Sequence[Body], notes: Notes) -> list[tuple[Section, Body]]:
    """Leave out moments with nothing under them; what stood there was an embed, mostly."""
    kept = []
    for section, body in zip(sections, bodies, strict=True):
        notes.dropped += body.dropped
        if section.headline or body.html:
            kept.append((section, body))
            continue
        left = {line.line for line in body.dropped}
        for token in section.lines:
            if token.line not in left:
                notes.drop(token, "empty-post")
        message = f"nothing stands under {section.text!r}; if a post was lost, add its text"
        notes.doubt("empty-post", message, section.line)
    return kept


def _moment(section: Section) -> str:
    stamp = section.stamp
    if stamp is None:
        return ""
    return f"{stamp.clock if stamp.has_clock else section.text} {stamp.named} {section.day}"


def _is_title_alone(section: Section, words: tuple[str, ...]) -> bool:
    return len(words) + (section.headline is not None) == 1


def _drop(section: Section, why: str, notes: Notes) -> None:
    for token in section.lines:
        notes.drop(token, why)
