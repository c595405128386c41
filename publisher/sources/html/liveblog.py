"""The live blog among a page's things, and its updates."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from publisher.sources.html.moments import Instant, read_instant
from publisher.sources.html.things import Thing, each, is_a
from publisher.sources.html.update import Update
from publisher.sources.html.values import attachments_of, authors_of, body_of, images_of, line_of, tags_of, words
from publisher.sources.reading import Doubt
from shared.text import clean_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.sources.html.page import Page
    from shared.post import Author

UPDATES = "liveblogupdate"
_BODY = ("articlebody", "text", "description")
_PUBLISHED = ("datepublished", "datecreated", "uploaddate", "datemodified")
_POST_ID = re.compile(r"(?:live-?(?:blog)?)?(?:post|update|entry|block|card)-?id", re.IGNORECASE)
_REPEATED = 3
"""Updates of one and the same second that are no coincidence, wherever the second comes from."""


@dataclass(slots=True)
class LiveBlog:
    """What a LiveBlogPosting says. ``began`` and ``ended`` are the coverage's, else the page's first and last dates."""

    line: int | None
    title: str | None
    url: str | None
    language: str | None
    authors: tuple[Author, ...]
    published: Instant | None
    modified: Instant | None
    began: Instant | None
    ended: Instant | None
    updates: list[Update] = field(default_factory=list)


def find_live_blog(things: Sequence[Thing], page: Page, doubts: list[Doubt]) -> LiveBlog | None:
    """Find the page's LiveBlogPosting; of several the one with the most updates, of equals the page's own."""
    updates = {id(update) for thing in things for update in each(thing.get(UPDATES))}
    blogs = [thing for thing in things if is_a(thing, "liveblogposting") and id(thing) not in updates]
    blogs += [thing for thing in things if UPDATES in thing and not is_a(thing, "liveblogposting")]
    if not blogs:
        return None
    ranked = sorted(blogs, key=lambda blog: (len(_updates(blog)), url_of(blog, page) == page.url), reverse=True)
    best = ranked[0]
    others = {_name(blog): len(_updates(blog)) for blog in ranked[1:] if _name(blog) != _name(best)}
    if any(others.values()):
        left = ", ".join(f"{name or 'one without a title'} ({count})" for name, count in others.items() if count)
        doubts.append(
            Doubt(
                "several-live-blogs",
                f"the page holds several live blogs; {_name(best) or 'the longest'} was read, with "
                f"{len(_updates(best))} posts, not {left}; save those from their own pages",
                best.get("@line"),
            )
        )
    return _read(best, page, doubts)


def url_of(thing: Thing, page: Page) -> str | None:
    """Tell the address that a thing says is its own."""
    for name in ("url", "mainentityofpage", "@id"):
        value = thing.get(name)
        if isinstance(value, list):
            value = next(each(value), None)
        if isinstance(value, dict):
            value = value.get("@id") or value.get("url")
        if isinstance(value, str) and (url := page.absolute(value)):
            return url
    return None


def _name(blog: Thing) -> str | None:
    name = line_of(blog.get("headline") or blog.get("name"))
    return repr(name) if name else None


def _updates(blog: Thing) -> list[Any]:
    return list(each(blog.get(UPDATES)))


def _read(blog: Thing, page: Page, doubts: list[Doubt]) -> LiveBlog:
    dates = {
        name: read_instant(words(blog.get(name))) for name in (*_PUBLISHED, "coveragestarttime", "coverageendtime")
    }
    found = LiveBlog(
        line=blog.get("@line"),
        title=line_of(blog.get("headline")) or line_of(blog.get("name")),
        url=url_of(blog, page),
        language=clean_language(line_of(blog.get("inlanguage")) or ""),
        authors=authors_of(blog.get("author")),
        published=dates["datepublished"],
        modified=dates["datemodified"],
        began=dates["coveragestarttime"] or dates["datepublished"],
        ended=dates["coverageendtime"] or dates["datemodified"],
    )
    for given in _updates(blog):
        if isinstance(given, dict):
            found.updates.append(_update(given, page))
        elif isinstance(given, str) and given.strip() and "://" not in given and not given.startswith("#"):
            html, plain = body_of(given, page)
            found.updates.append(Update(found.line, html=html, plain=plain))
        else:
            doubts.append(Doubt("bad-update", f"{str(given)[:60]!r} is no update; it was passed over", found.line))
    _forget_what_is_the_page_s(found, blog, page)
    return found


def _update(thing: Thing, page: Page) -> Update:
    body = next((thing[name] for name in _BODY if words(thing.get(name)).strip()), None)
    html, plain = body_of(body, page)
    published = next(filter(None, (read_instant(words(thing.get(name))) for name in _PUBLISHED)), None)
    return Update(
        line=thing.get("@line"),
        keys=tuple(_keys(thing)),
        published=published,
        modified=read_instant(words(thing.get("datemodified"))),
        headline=line_of(thing.get("headline")) or line_of(thing.get("name")),
        html=html,
        plain=plain,
        authors=authors_of(thing.get("author")),
        images=images_of(thing.get("image"), page),
        attachments=attachments_of(thing, page),
        tags=tags_of(thing.get("keywords")),
    )


def _keys(thing: Thing) -> list[str]:
    """List the names by which the page's HTML may know an update: its id, the anchor in its URL, a ``postId``."""
    element = thing.get("@element")
    keys = [element.get("id")] if element is not None and element.get("id") else []
    for name in ("@id", "url", "identifier", "mainentityofpage"):
        value = thing.get(name)
        value = value.get("@id") or value.get("url") if isinstance(value, dict) else value
        link = words(value).strip()
        if not link:
            continue
        try:
            parts = urlsplit(link)
        except ValueError:
            continue
        keys.extend([parts.fragment] if parts.fragment else [])
        keys.extend(
            value for key, values in parse_qs(parts.query).items() if _POST_ID.fullmatch(key) for value in values
        )
        keys.extend([link] if not parts.scheme and not parts.query and "/" not in link and "#" not in link else [])
    return list(dict.fromkeys(keys))


def _forget_what_is_the_page_s(blog: LiveBlog, thing: Thing, page: Page) -> None:
    """Take from the updates what the template gave them all and is the page's: dates, headline, authors, pictures."""
    updates = blog.updates
    published = [update.published for update in updates]
    headlines = [update.headline for update in updates]
    authors = [update.authors for update in updates]
    images = [update.images for update in updates]
    of_page = published[:1] in ([blog.published], [blog.modified])
    repeated = {
        "published": _is_one(published) and (of_page or len(updates) >= _REPEATED),
        "modified": _is_one([update.modified for update in updates]),
        "headline": _is_one(headlines) or headlines == [blog.title],
        "authors": _is_one(authors) and authors[0] == blog.authors and len(blog.authors) > 1,
        "images": _is_one(images) or images == [images_of(thing.get("image"), page)],
    }
    for name in (name for name, is_the_page_s in repeated.items() if is_the_page_s):
        for update in updates:
            setattr(update, name, () if name in {"authors", "images"} else None)


def _is_one(values: Sequence[object]) -> bool:
    return len(values) > 1 and bool(values[0]) and all(value == values[0] for value in values)
