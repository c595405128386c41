"""Atom (RFC 4287) and RSS 2.0 (with the RSS Advisory Board's profile), written by feedgen and mended where it errs.

feedgen lets an extension add to each element that it has made. Ours writes what feedgen gets wrong (links of entries
lose their ``rel`` and ``type``; dates of RSS pass through the process locale) or does not know (``fh:complete``, the
story time). Every date is set: feedgen's default is the present moment, and the bytes must not depend on it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING

from feedgen.feed import FeedGenerator
from lxml import etree

from publisher.render.enclosures import enclosures
from shared import __version__
from shared.text import clean_line, text_html
from shared.wire import ATOM, HTML, NAMESPACE, RSS

if TYPE_CHECKING:
    from typing import Any

    from publisher.render.snapshot import Snapshot
    from shared.post import Post, ReplayFacts

HISTORY = "http://purl.org/syndication/history/1.0"
"""Namespace of feed paging and archiving (RFC 5005)."""

_SUMMARY_CHARACTERS = 400
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_RSS_TITLE = re.compile(rb"<title>[^<]*</title>")


def atom(snapshot: Snapshot) -> bytes:
    """Write the Atom feed of a snapshot, newest post first."""
    feed = _feed(snapshot, snapshot.address.atom, ATOM)
    feed.subtitle(clean_line(snapshot.subtitle))
    # An entry without authors takes the feed's (RFC 4287, section 4.2.1), and nobody shall be said to have written
    # what they did not: so the feed's author is the channel.
    feed.author(name=_title(snapshot))
    for post in snapshot.posts:
        entry = _entry(feed, post)
        entry.published(_moment(post.date_published))
        entry.author([{"name": a.name, **({"uri": a.url} if a.url else {})} for a in post.authors if a.name])
    return bytes(feed.atom_str())


def rss(snapshot: Snapshot) -> bytes:
    """Write the RSS feed of a snapshot, newest post first."""
    feed = _feed(snapshot, snapshot.address.rss, RSS)
    # Readers take descriptions for HTML, titles for plain text (RSS profile, "description", "title").
    feed.description(escape(clean_line(snapshot.subtitle) or _title(snapshot), quote=False))
    feed.load_extension("dc", atom=False)
    for post in snapshot.posts:
        entry = _entry(feed, post)
        entry.description(escape(_summary(post), quote=False), isSummary=True)
        entry.dc.dc_creator([author.name for author in post.authors if author.name])
    return _RSS_TITLE.sub(_hexadecimal, bytes(feed.rss_str()))


def _feed(snapshot: Snapshot, url: str, media_type: str) -> Any:
    feed = FeedGenerator()
    feed.register_extension("newsreel", _FeedMend, _EntryMend)
    feed.newsreel.snapshot = snapshot
    feed.id(snapshot.address.tag_prefix)
    feed.title(_title(snapshot))
    feed.updated(_moment(snapshot.updated))
    feed.generator("newsreel", version=__version__)
    if snapshot.language:
        feed.language(clean_line(snapshot.language))
    feed.link(href=url, rel="self", type=media_type)
    feed.link(href=snapshot.address.root, rel="alternate", type=HTML)  # last: feedgen makes it the link of RSS
    return feed


def _entry(feed: Any, post: Post) -> Any:
    entry = feed.add_entry(order="append")
    entry.newsreel.post = post
    entry.id(post.id)
    entry.title(post.heading)
    entry.updated(_moment(post.date_modified or post.date_published))
    entry.content(post.content_html or text_html([post.heading]), type="html")
    entry.category([{"term": tag} for tag in post.tags if tag])
    if post.url:
        entry.link(href=post.url)
    return entry


class _FeedMend:
    """What feedgen leaves out of the feed itself. Its methods are those that feedgen calls on an extension."""

    snapshot: Snapshot

    def extend_ns(self) -> dict[str, str]:
        return {"newsreel": NAMESPACE} | ({"fh": HISTORY} if self.snapshot.complete else {})

    def extend_atom(self, feed: etree._Element) -> None:
        self._mark(feed)

    def extend_rss(self, feed: etree._Element) -> None:
        channel = feed[0]
        _child(channel, "lastBuildDate").text = _http_date(self.snapshot.updated)
        self._mark(channel)

    def _mark(self, parent: etree._Element) -> None:
        if self.snapshot.complete:
            etree.SubElement(parent, f"{{{HISTORY}}}complete")
        _mark_replay(parent, self.snapshot.replay)


class _EntryMend:
    """What feedgen gets wrong in an entry, or leaves out."""

    post: Post

    def extend_atom(self, entry: etree._Element) -> None:
        post = self.post
        if post.language:
            entry.set(_XML_LANG, post.language)
        if post.url:
            link = _child(entry, "link")
            link.set("rel", "alternate")
            link.set("type", HTML)
        for file in enclosures(post):
            link = etree.SubElement(entry, "link", rel="enclosure", type=file.mime_type, href=file.url)
            if file.title:
                link.set("title", file.title)
            if file.size_in_bytes is not None:
                link.set("length", str(file.size_in_bytes))
        self._mark(entry)

    def extend_rss(self, item: etree._Element) -> None:
        etree.SubElement(item, "pubDate").text = _http_date(self.post.date_published)
        for file in enclosures(self.post)[:1]:  # at most one an item (RSS profile, "enclosure")
            length = str(file.size_in_bytes or 0)  # 0: not known
            etree.SubElement(item, "enclosure", url=file.url, length=length, type=file.mime_type)
        self._mark(item)

    def _mark(self, parent: etree._Element) -> None:
        facts = self.post.newsreel
        etree.SubElement(parent, f"{{{NAMESPACE}}}story-time").text = _moment(facts.story_time).isoformat()
        etree.SubElement(parent, f"{{{NAMESPACE}}}revision").text = str(facts.revision)
        _mark_replay(parent, facts.replay)


def _mark_replay(parent: etree._Element, replay: ReplayFacts | None) -> None:
    if replay is not None:
        mark = etree.SubElement(parent, f"{{{NAMESPACE}}}replay")
        mark.set("run", str(replay.run))
        mark.set("speed", repr(replay.speed).removesuffix(".0"))


def _child(parent: etree._Element, name: str) -> etree._Element:
    found = parent.find(name)
    return found if found is not None else etree.SubElement(parent, name)


def _title(snapshot: Snapshot) -> str:
    # Posts are cleaned when they are made; titles also come from configuration files.
    return clean_line(snapshot.title) or snapshot.address.channel


def _summary(post: Post) -> str:
    text = " ".join(post.content_text.split()) or post.heading
    if len(text) <= _SUMMARY_CHARACTERS:
        return text
    cut = text[: _SUMMARY_CHARACTERS - 1]
    return cut.rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _moment(moment: datetime) -> datetime:
    """Give the same moment in an offset that RFC 3339 can write: whole minutes."""
    offset = moment.utcoffset()
    return _utc(moment) if offset is None or offset.seconds % 60 or offset.microseconds else moment


def _http_date(moment: datetime) -> str:
    return format_datetime(_utc(moment), usegmt=True)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _hexadecimal(title: re.Match[bytes]) -> bytes:
    """Write ``&`` and ``<`` of a title as the RSS profile advises: readers that decode once too often stay right."""
    return title[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")
