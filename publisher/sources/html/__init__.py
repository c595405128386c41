"""HTML: live blogs saved as web pages.

text -> ``page`` (a tree) -> ``things`` (schema.org, from JSON-LD and ``microdata``) -> ``liveblog`` (the one and its
updates); beside it ``blocks`` (what the HTML itself shows) -> ``joining`` -> ``dating`` -> ``telling``. A page that has
neither is read as a transcript of the ``words`` that it shows.

Edits: a page holds the last version of every post. That version is told as a ``post`` at the time at which the post
first appeared, with ``date_modified``; earlier versions are known only from earlier saves.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from lxml.html import defs

from publisher.sources import transcript
from publisher.sources.html import claims, microdata
from publisher.sources.html.blocks import read_blocks
from publisher.sources.html.dating import take_opening_clocks
from publisher.sources.html.joining import join
from publisher.sources.html.liveblog import LiveBlog, find_live_blog
from publisher.sources.html.page import parse
from publisher.sources.html.telling import header_of, read_updates
from publisher.sources.html.things import scripts
from publisher.sources.html.words import visible_words
from publisher.sources.reading import Doubt, Reading, SourceError

if TYPE_CHECKING:
    from publisher.sources.html.page import Page
    from publisher.sources.html.words import Words
    from publisher.sources.options import Options

FORMAT = "html"

_BEFORE_TAGS = re.compile(r"\s+|<!--.*?-->|<\?xml[^>]*\?>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<(?:!doctype\s+)?([a-z][a-z0-9:-]*)", re.IGNORECASE)
_TAGS = frozenset((*defs.tags, "main", "template", "search", "dialog", "picture", "data", "slot"))
_FEEDS = {"rss", "feed", "rdf:rdf", "opml"}


def fits(text: str) -> bool:
    """Tell whether ``text`` is HTML: markup that is no feed."""
    start = 0
    while passed := _BEFORE_TAGS.match(text, start):
        start = passed.end()
    match = _TAG.match(text, start)
    if match is None:
        return False
    tag = match[1].lower()
    return tag in _TAGS or (tag not in _FEEDS and f"</{tag}" in text.lower())  # "<Media omitted>" is no markup


def read(text: str, name: str, options: Options) -> Reading:
    """Read a live blog saved as a web page.

    Args:
        text: the whole page.
        name: what to call it in errors.
        options: what a person tells about it.

    Raises:
        SourceError: it holds no post, or none that says when it appeared.
    """
    page = parse(text, name)
    doubts: list[Doubt] = []
    words = visible_words(page)
    claimed = claims.claimed_posts(words)
    claims.doubt_pages(page, words, doubts)
    span = claims.claimed_span(page, words)
    blog = _live_blog(page, doubts)
    blocks = read_blocks(page, blog.updates if blog else ())
    updates = join(blog.updates, blocks, doubts) if blog and blog.updates else blocks
    take_opening_clocks(updates)
    reading = None
    if not any(update.published or update.clock for update in updates):
        reading = _read_words(page, words.under(span.began), blog, options, doubts, may_fail=bool(updates))
    if reading is None:
        reading = read_updates(page, updates, blog, options, FORMAT, span=span)
        reading = replace(reading, header=replace(reading.header, claimed_posts=claimed[0] if claimed else None))
        claims.compare(claimed, len(reading.told), doubts)
        if blog and not blog.updates:
            message = "its LiveBlogPosting holds no posts; they were read from the page itself"
            doubts.append(Doubt("no-updates", message, blog.line))
    everything = dict.fromkeys((*doubts, *reading.doubts))  # of the page and of its words, some are the same
    return replace(reading, doubts=tuple(sorted(everything, key=lambda doubt: doubt.line or 0)))


def _live_blog(page: Page, doubts: list[Doubt]) -> LiveBlog | None:
    """Find the live blog in the JSON-LD, else in the microdata."""
    blog = find_live_blog(scripts(page, doubts), page, doubts)
    if blog and blog.updates:
        return blog
    marked = find_live_blog(microdata.things(page), page, doubts)
    return marked if marked and marked.updates else blog or marked


def _read_words(
    page: Page, words: Words, blog: LiveBlog | None, options: Options, doubts: list[Doubt], *, may_fail: bool
) -> Reading | None:
    """Read the page as a transcript of what it shows; None if that fails and ``may_fail``."""
    try:
        # Where there are posts that times can be made up for, the words count only if they have times.
        asked = replace(options, missing_times="error") if may_fail else options
        reading = transcript.read(words.text, page.name, asked)
    except SourceError as error:
        if may_fail:
            return None
        line, markup = (blog.line, "its LiveBlogPosting holds no posts") if blog else (None, "has no LiveBlogPosting")
        for doubt in doubts:
            if doubt.code == "bad-script":
                line, markup = doubt.line, doubt.message
        what = str(error).removeprefix(f"{page.name}:").lstrip("0123456789: ")
        message = f"{markup}, nor blocks with times; save it from a browser once it has loaded. As text: {what}"
        raise SourceError.at(page.name, line, message) from None
    header, named = reading.header, header_of(page, blog, options.tz or UTC)
    doubt = Doubt("text-only", "no markup tells the posts apart; the words that the page shows were read")
    return replace(
        reading,
        format=FORMAT,
        header=replace(
            header,
            title=named.title or header.title,
            authors=named.authors or header.authors,
            language=named.language or header.language,
            updated=header.updated or named.updated,
            url=named.url,
        ),
        told=tuple(replace(told, line=words.source_line(told.line)) for told in reading.told),
        doubts=(doubt, *(replace(doubt, line=words.source_line(doubt.line)) for doubt in reading.doubts)),
        dropped=tuple(
            replace(one, line=line) for one in reading.dropped if (line := words.source_line(one.line)) is not None
        ),
    )
