"""Markdown of a reading, made to be mended by hand; ``publisher.sources.markdown`` reads it back and tells the form.

Everything is written the plain way where that reads back to the same, else the safe way: a headline with its
punctuation escaped, authors and tags as front matter, a block of a body as the HTML that it is.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import yaml
from markdownify import MarkdownConverter

from publisher.sources.markdown.parts import DAY, HEADING, read_names, read_tags, read_title
from publisher.sources.paragraphs import blocks, markdown_html
from shared.event import DeleteEvent, UpdateEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from publisher.sources.reading import Header, Reading
    from shared.post import Author, Post


def _converter(*, escape: bool) -> MarkdownConverter:
    return MarkdownConverter(
        heading_style="ATX",
        bullets="-",
        newline_style="BACKSLASH",
        autolinks=False,
        escape_asterisks=escape,
        escape_underscores=escape,
        escape_misc=escape,
    )


_PLAIN, _ESCAPED = _converter(escape=False), _converter(escape=True)
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_WORDS = re.compile(r"<p>([^<]*)</p>")
_TAG = re.compile(r"<([a-z0-9]+)")
_MERGING = {"ul", "ol"}
"""Two of these in a row would be read as one."""


def write(reading: Reading) -> str:
    """Write the header as front matter, then a heading with its text for each event, oldest first.

    Reading it back gives posts, changes and deletions with equal ids, times (with offset), headlines, authors and their
    places, tags, flags, pictures, attachments and revisions. Bodies come back in the normal form of
    ``publisher.sources.paragraphs.normal``, which shows the same; bodies in that form come back as they are.
    """
    parts = _front_matter(_header(reading.header))
    for told in reading.told:
        event = told.event
        if isinstance(event, DeleteEvent):
            parts.append(_heading(event.story_time, None, event.id, ["delete"]))
        else:
            parts.append(_post(event.post, event.story_time, is_update=isinstance(event, UpdateEvent)))
    return "\n\n".join(parts) + "\n"


def _header(header: Header) -> dict[str, Any]:
    return _told(
        title=header.title,
        authors=[_author(author) for author in header.authors],
        updated=header.updated.isoformat() if header.updated else None,
        language=header.language,
        url=header.url,
    )


def _post(post: Post, at: datetime, *, is_update: bool) -> str:
    facts = post.newsreel
    flags = {"update": is_update, "key-event": facts.key_event, "pinned": facts.pinned}
    title = _title(post.title)
    lines = [_heading(at, title, post.id, [flag for flag, on in flags.items() if on])]
    names = ", ".join(f"{a.name} ({a.location})" if a.location else a.name for a in post.authors)
    signed = read_names(names) == post.authors
    if signed and names:
        lines.append(f"By {names}")
    tags = ", ".join(post.tags)
    tagged = read_tags(tags) == post.tags
    if tagged and tags:
        lines.append(f"Tags: {tags}")
    item = post.to_dict()
    front = _told(
        title=post.title if title is None else None,
        published=post.story_time.isoformat() if is_update else None,
        updated=post.date_modified.isoformat() if post.date_modified and not is_update else None,
        revision=facts.revision if facts.revision > 1 else None,
        authors=None if signed else [_author(author) for author in post.authors],
        tags=None if tagged else list(post.tags),
        url=post.url,
        image=post.image,
        images=item["_newsreel"].get("images"),
        attachments=item.get("attachments"),
        language=post.language,
    )
    lines += _front_matter(front)
    return "\n".join(lines) + "".join(f"\n\n{block}" for block in _body(post.content_html))


def _told(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in (None, "", [])}


def _front_matter(members: dict[str, Any]) -> list[str]:
    if not members:
        return []
    text = yaml.safe_dump(members, allow_unicode=True, sort_keys=False, width=120)
    return [f"---\n{text}---"]


def _author(author: Author) -> str | dict[str, str]:
    name = f"{author.name} ({author.location})" if author.location else author.name
    if read_names(name) == (author,):
        return name
    return _told(name=author.name, location=author.location, url=author.url)


def _heading(at: datetime, title: str | None, post_id: str, classes: Iterable[str]) -> str:
    time = at.isoformat(timespec="auto" if at.second or at.microsecond else "minutes")
    marks = " ".join([f"#{post_id}", *(f".{name}" for name in classes)])
    return f"## {time} {title} {{{marks}}}" if title else f"## {time} {{{marks}}}"


def _title(title: str | None) -> str | None:
    """Write a headline as one line of Markdown; None if none comes back as it is."""
    if not title:
        return ""
    for text in (title, _PUNCTUATION.sub(r"\\\1", title)):
        if read_title(text) == title:
            return text
    return None


def _body(html: str) -> list[str]:
    """Write the blocks of a body, each as Markdown if that comes back as the same block."""
    wanted = blocks(html)
    written: list[str] = []
    before = ""
    for block in wanted:
        match = _TAG.match(block)
        tag = match[1] if match else ""
        written.append(_raw(block) if {tag, before} <= _MERGING else _block(block))
        before = tag
    alone = len(wanted) < 2 or all(block.startswith("<p>") for block in wanted)  # paragraphs do not touch each other
    return written if alone or markdown_html("\n\n".join(written)) == "".join(wanted) else [*map(_raw, wanted)]


def _block(block: str) -> str:
    for text in _attempts(block):
        opens = any(HEADING.fullmatch(line) or DAY.fullmatch(line) for line in text.split("\n"))
        if not opens and markdown_html(text) == block:
            return text
    return _raw(block)


def _attempts(block: str) -> Iterator[str]:
    """Give ways to write a block, the plainest first."""
    words = _WORDS.fullmatch(block)
    if words:
        yield unescape(words[1])
    try:
        for converter in (_PLAIN, _ESCAPED):
            yield str(converter.convert(block)).strip("\n")
    except RecursionError:  # nested too deeply for the converter
        return


def _raw(block: str) -> str:
    """Write a block as HTML on one line: Markdown lets it through up to the next blank line."""
    return block.replace("\n", "&#10;")
