"""Atom (RFC 4287) and RSS 2.0 (with the RSS Advisory Board's profile), written by feedgen and mended where it errs.

What feedgen gets wrong or does not know, ``feedmend`` writes. Every date is set: feedgen's default is the present
moment, and the bytes must not depend on it.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from feedgen.feed import FeedGenerator

from publisher.render.enclosures import picture_type
from publisher.render.feedmend import EntryMend, FeedMend
from publisher.render.media import pictures, shows_pictures
from publisher.render.stylesheet import styled
from shared import __version__
from shared.text import PICTURE_CLASS, STORY_TIME_CLASS, clean_line, text_html
from shared.wire import ATOM, HTML, RSS

if TYPE_CHECKING:
    from typing import Any

    from publisher.render.snapshot import Form, Snapshot
    from shared.post import Image, Post

_RSS_IMAGES = {"image/gif", "image/jpeg", "image/png"}
"""Kinds of pictures that the image of a channel may be (RSS 2.0, "image")."""
_RSS_TITLE = re.compile(rb"<title>[^<]*</title>")


def atom(snapshot: Snapshot) -> bytes:
    """Write the Atom feed of a snapshot, newest post first."""
    feed = _feed(snapshot, "atom", ATOM)
    feed.subtitle(clean_line(snapshot.subtitle))
    if snapshot.brand is not None:
        feed.icon(snapshot.brand.logo)
    # An entry without authors takes the feed's (RFC 4287, section 4.2.1), and nobody shall be said to have written
    # what they did not: so the feed's author is the channel.
    feed.author(name=_title(snapshot))
    for post in snapshot.posts:
        entry = _entry(feed, post)
        entry.published(post.date_published)
        entry.author([{"name": a.name, **({"uri": a.url} if a.url else {})} for a in post.authors if a.name])
    return styled(bytes(feed.atom_str()), snapshot)


def rss(snapshot: Snapshot) -> bytes:
    """Write the RSS feed of a snapshot, newest post first."""
    feed = _feed(snapshot, "rss", RSS)
    # Readers take descriptions for HTML, titles for plain text (RSS profile, "description", "title").
    feed.description(escape(clean_line(snapshot.subtitle) or _title(snapshot), quote=False))
    if snapshot.brand is not None and picture_type(snapshot.brand.logo) in _RSS_IMAGES:
        # Title and link are the channel's (RSS profile, "image").
        feed.image(snapshot.brand.logo, title=_title(snapshot), link=snapshot.address.root)
    feed.load_extension("dc", atom=False)
    for post in snapshot.posts:
        entry = _entry(feed, post)
        entry.description(escape(post.summary, quote=False), isSummary=True)
        entry.dc.dc_creator([author.name for author in post.authors if author.name])
    return styled(_RSS_TITLE.sub(_hexadecimal, bytes(feed.rss_str())), snapshot)


def _feed(snapshot: Snapshot, form: Form, media_type: str) -> Any:
    feed = FeedGenerator()
    feed.register_extension("newsreel", FeedMend, EntryMend)
    feed.newsreel.snapshot, feed.newsreel.form = snapshot, form
    feed.id(snapshot.address.feed_id)
    feed.title(_title(snapshot))
    feed.updated(snapshot.updated)
    feed.generator("newsreel", version=__version__)
    if snapshot.language:
        feed.language(clean_line(snapshot.language))
    feed.link(href=snapshot.itself(form), rel="self", type=media_type)
    feed.link(href=snapshot.address.page, rel="alternate", type=HTML)  # last: feedgen makes it the link of RSS
    return feed


def _entry(feed: Any, post: Post) -> Any:
    entry = feed.add_entry(order="append")
    entry.newsreel.post = post
    entry.id(post.id)
    entry.title(post.heading)
    entry.updated(post.date_modified or post.date_published)
    entry.content(_body(post), type="html")
    entry.category([{"term": tag} for tag in post.tags if tag])
    if post.url:
        entry.link(href=post.url)
    return entry


def _title(snapshot: Snapshot) -> str:
    # Posts are cleaned when they are made; titles also come from configuration files.
    return clean_line(snapshot.title) or snapshot.address.channel


def _body(post: Post) -> str:
    """Give the body with the pictures that it does not show itself: many readers show nothing but the body."""
    html = post.content_html
    if shows_pictures(post):
        return html
    figures = "".join(_figure(image) for image in pictures(post))
    # Before the last line, which tells when a replayed post first appeared.
    before, mark, line = html.rpartition(f'<p class="{STORY_TIME_CLASS}">')
    return (before + figures + mark + line if mark else html + figures) or text_html([post.heading])


def _figure(image: Image) -> str:
    words = " ".join(word for word in (image.caption, image.credit) if word)
    caption = f"<figcaption>{escape(words)}</figcaption>" if words else ""
    return f'<figure class="{PICTURE_CLASS}"><img src="{escape(image.url or "")}" alt="">{caption}</figure>'


def _hexadecimal(title: re.Match[bytes]) -> bytes:
    """Write ``&`` and ``<`` of a title as the RSS profile advises: readers that decode once too often stay right."""
    return title[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")
