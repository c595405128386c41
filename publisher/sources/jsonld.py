"""JSON-LD by itself: a LiveBlogPosting as a file, or as the answer of an interface that pages load it from."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from publisher.sources.html.dating import take_opening_clocks
from publisher.sources.html.liveblog import find_live_blog, url_of
from publisher.sources.html.page import parse
from publisher.sources.html.telling import read_updates
from publisher.sources.html.things import decode, is_a, merged, walk
from publisher.sources.reading import Doubt, Reading, SourceError
from shared.item import BadItemError

if TYPE_CHECKING:
    from publisher.sources.options import Options

FORMAT = "jsonld"

_LIVE_BLOG = re.compile(r"LiveBlogPosting\"|liveBlogUpdate\"", re.IGNORECASE)


def fits(text: str) -> bool:
    """Tell whether ``text`` is JSON that speaks of a live blog as schema.org does."""
    return text.lstrip("\ufeff \t\r\n")[:1] in {"{", "["} and _LIVE_BLOG.search(text) is not None


def read(text: str, name: str, options: Options) -> Reading:
    """Read a live blog that is JSON-LD and nothing else.

    Args:
        text: the whole file.
        name: what to call it in errors.
        options: what a person tells about it.

    Raises:
        SourceError: it is no JSON, holds no live blog, or one without posts or times.
    """
    try:
        things = merged(list(walk(decode(text, 1))))
    except BadItemError as error:
        raise SourceError.at(name, None, f"{error}; save it anew") from None
    doubts: list[Doubt] = []
    page = parse("<html></html>", name)
    page.base = next((url for thing in things if is_a(thing, "liveblogposting") and (url := url_of(thing, page))), "")
    blog = find_live_blog(things, page, doubts)
    if blog is None or not blog.updates:
        raise SourceError.at(name, blog.line if blog else None, "holds no LiveBlogPosting with posts; give its page")
    take_opening_clocks(blog.updates)
    reading = read_updates(page, blog.updates, blog, options, FORMAT)
    return replace(reading, doubts=(*doubts, *reading.doubts))
