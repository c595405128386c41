"""Feeds: RSS, Atom, RDF and JSON Feed, through ``shared.syndication``.

A feed knows only the last version of a post. It is told as one post at the time at which the first version was
published; its ``date_modified`` says that there was a change.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from publisher.sources.firsts import First, tell_firsts
from publisher.sources.minting import kept
from publisher.sources.poured import split
from publisher.sources.reading import Doubt, Dropped, Header, Reading, SourceError, Told
from publisher.sources.released import header_of, in_story_time, is_shifted
from publisher.sources.timing import precision
from shared.event import DeleteEvent, PostEvent
from shared.post import Image
from shared.syndication import NotAFeedError, read_feed
from shared.text import clean_line, html_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from publisher.sources.options import Options
    from publisher.sources.poured import Poured
    from shared.post import Post
    from shared.syndication import Entry, Feed

FORMAT = "feed"

_ROOT = re.compile(r"<(?:rss|feed|(?:\w+:)?RDF)\b[^>]*>")
_PROLOG = 4096
"""Characters within which the root of an XML feed begins; comments and style sheets may stand before it."""
_DECLARED_ENCODING = re.compile(r"""(\A\s*<\?xml[^>]*?)\s+encoding\s*=\s*["'][^"']*["']""")
_JSON_FEED = re.compile(r'"version"\s*:\s*"https?:\\?/\\?/jsonfeed\.org|"items"\s*:\s*\[')
_ID = re.compile(r"""<(?:guid|id)\b[^>]*>\s*([^<]+?)\s*<|"id"\s*:\s*"?([^",}\n]+)|\srdf:about=["']([^"']+)""")
_LOST_PICTURE = re.compile(
    r"<figure><figcaption>((?:(?!</?fig).)*?)(?: <small>((?:(?!</?small|</?fig).)*)</small>)?</figcaption></figure>",
    re.DOTALL,
)


def fits(text: str) -> bool:
    """Tell whether ``text`` is a feed."""
    head = text[:_PROLOG].lstrip("\ufeff \t\r\n")
    if head.startswith("{"):  # JSON lines begin so, too; but theirs are several objects
        return _JSON_FEED.search(text) is not None and len(re.findall(r"^\{", text, re.MULTILINE)) < 2
    return head.startswith("<") and _ROOT.search(head) is not None and "<html" not in head.lower()


def read(text: str, name: str, options: Options) -> Reading:
    """Read a feed.

    Args:
        text: the whole document.
        name: its file or address; relative links are resolved against an address.
        options: ``missing_times`` counts; ``order`` where no item has a date; ``tz`` and ``keep_summaries`` where a
            whole live blog stands in one item.

    Raises:
        SourceError: it is no feed, holds no post, defines entities, or has items without dates.
    """
    feed = _parse(text, name)
    doubts = [Doubt("bad-item", line) for line in feed.doubts]
    dropped: list[Dropped] = []
    header = header_of(feed, title_signs=True)  # whoever wrote it
    found: list[First] = []
    lines = _lines(text)
    for entry in _in_order(feed, options):
        line = lines.get(entry.post.id)
        poured = split(entry.post.content_html, options.tz)
        if poured is None:
            found.append(_one(entry, line, ours=feed.newsreel is not None))
        else:
            header = _header_of_item(header, entry.post)
            found += _several(poured, line, entry.post.date_published if options.keep_summaries else None)
            _account(poured, line, dropped, doubts, keep_intro=options.keep_summaries)
    if not found:
        raise SourceError.at(name, None, "the feed holds no posts; give one that does")
    told, named = tell_firsts(found, options, name)
    told += _deletions(feed, told, named, doubts)
    doubts += _compare(feed)
    return Reading(
        name=name,
        format=FORMAT,
        header=header,
        told=tuple(sorted(told, key=lambda one: one.event.story_time)),
        doubts=tuple(doubts),
        dropped=tuple(dropped),
    )


def _parse(text: str, name: str) -> Feed:
    """Read the document; it was decoded before, so what its declaration says of bytes no longer holds."""
    root = _ROOT.search(text[:_PROLOG])
    entity = text.find("<!ENTITY", 0, root.start() if root else _PROLOG)
    if entity >= 0:  # XML 1.0, section 4.2: no feed needs any, and a few of them can fill all memory
        line = text.count("\n", 0, entity) + 1
        raise SourceError.at(name, line, "defines XML entities, which are not read; take the DOCTYPE out")
    plain = _DECLARED_ENCODING.sub(r"\1", text.lstrip("\ufeff \t\r\n"), count=1)
    media_type = None if plain.startswith(("{", "[")) else "application/xml; charset=utf-8"
    base = name if name.startswith(("http://", "https://")) else ""
    try:
        feed = read_feed(plain.encode("utf-8", "replace"), media_type, base)
    except NotAFeedError as error:
        raise SourceError.at(name, None, clean_line(str(error).removeprefix(base))) from None
    return replace(feed, doubts=tuple(clean_line(line.removeprefix(f"{base}:")) for line in feed.doubts))


def _lines(text: str) -> Mapping[str, int]:
    """Find the line on which each id stands first."""
    ends = [match.start() for match in re.finditer("\n", text)]
    lines: dict[str, int] = {}
    for match in _ID.finditer(text):
        given = clean_line(match[match.lastindex or 0].replace("&amp;", "&").replace("\\/", "/"))
        lines.setdefault(given, bisect_right(ends, match.start()) + 1)
    return lines


def _in_order(feed: Feed, options: Options) -> tuple[Entry, ...]:
    """Give the entries oldest first. Without any date they were taken for newest first, which is the custom."""
    undated = not any(entry.dated for entry in feed.entries)
    return feed.entries[::-1] if undated and options.order in {"oldest", "as-is"} else feed.entries


def _header_of_item(header: Header, post: Post) -> Header:
    """Give the header of a live blog that is one item: title, authors and dates are the item's."""
    return replace(
        header,
        title=post.title or header.title,
        authors=post.authors or header.authors,
        updated=post.date_modified or header.updated,
        url=post.url or header.url,
    )


def _one(entry: Entry, line: int | None, *, ours: bool) -> First:
    post = in_story_time(entry.post, ours=ours)
    return First(_pictured(post), post.id, post.story_time if entry.dated else None, line)


def _pictured(post: Post) -> Post:
    """File pictures among the images, once; one that the body shows is not named again.

    Where the body has kept no more of a picture than its caption, that is one, too.
    """
    files = [file for file in post.attachments if file.mime_type.startswith("image/")]
    found = {image.url: image for image in post.images if image.url}
    for image in [*(Image(url=file.url, caption=file.title) for file in files), Image(url=post.image)]:
        if image.url and image.url.replace("&", "&amp;") not in post.content_html:
            found.setdefault(image.url, image)
    known = {image.caption for image in post.images}
    lost = [image for one in _LOST_PICTURE.finditer(post.content_html) if (image := _caption(one)).caption not in known]
    images = (*(image for image in post.images if not image.url), *lost, *found.values())
    return post.model_copy(
        update={
            "attachments": tuple(file for file in post.attachments if file not in files),
            "image": post.image or next((file.url for file in files), None),
            "newsreel": post.newsreel.model_copy(update={"images": images}),
        }
    )


def _caption(figure: re.Match[str]) -> Image:
    return Image(caption=html_text(figure[1]), credit=html_text(figure[2] or "") or None)


def _several(poured: Poured, line: int | None, intro_at: datetime | None) -> list[First]:
    """Give the posts of a live blog that is one item; with ``intro_at`` what stands above the first one is a post."""
    pieces = poured.posts
    if intro_at is not None:
        pieces = (replace(poured.intro, published=intro_at), *pieces)
    return [First(p.post(p.published), "", p.published, line) for p in pieces if p.published and not p.is_empty]


def _account(
    poured: Poured, line: int | None, dropped: list[Dropped], doubts: list[Doubt], *, keep_intro: bool
) -> None:
    """Say what of such an item became no post."""
    if not keep_intro and not poured.intro.is_empty:
        dropped.append(Dropped(line or 1, clean_line(html_text(poured.intro.html, figures=True)), "summary"))
    doubts += [
        Doubt("empty-post", f"nothing stands under the mark {piece.published.isoformat()}; it was left out", line)
        for piece in poured.posts
        if piece.published and piece.is_empty
    ]


def _deletions(feed: Feed, told: list[Told], named: Mapping[str, Post], doubts: list[Doubt]) -> list[Told]:
    """Tell the tombstones (RFC 6721); one that does not say when counts at the feed's own last update."""
    posted = {one.event.post.id: one.event.story_time for one in told if isinstance(one.event, PostEvent)}
    buried: dict[str, Told] = {}  # a post is buried once, though two ids come to the same
    for stone in feed.deletions:
        post_id = named[stone.id].id if stone.id in named else kept(stone.id)
        when = stone.newsreel.story_time or feed.updated
        if post_id is None:
            doubts.append(Doubt("unknown-deletion", f"{stone.id[:80]!r} was deleted; the feed does not hold it"))
        elif when is None or when < posted.get(post_id, when):
            doubts.append(Doubt("deletion-time", f"nothing says when {stone.id[:80]!r} was deleted; it stays"))
        else:
            buried[post_id] = Told(DeleteEvent(id=post_id, story_time=when), time_precision=precision([when]))
    return list(buried.values())


def _compare(feed: Feed) -> list[Doubt]:
    """Say what a feed cannot tell."""
    doubts = []
    if feed.older:
        doubts.append(
            Doubt("not-whole", f"the feed holds its newest posts only; older ones are at {feed.older}: read that, too")
        )
    elif feed.newsreel is not None and not feed.complete:
        doubts.append(Doubt("not-whole", "the feed holds its newest posts only"))
    if any(entry.post.date_modified and is_shifted(entry.post) for entry in feed.entries):
        doubts.append(
            Doubt("estimated-update", "the feed is a replay's; when posts were changed was reckoned from its speed")
        )
    return doubts
