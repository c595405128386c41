"""What feedgen gets wrong in Atom and RSS, or leaves out: it lets an extension add to each element that it has made.

Links of entries lose their ``rel`` and ``type``, RSS has no links but one, and its dates pass through the process
locale. Tombstones, archives, Media RSS, stories' times and replays are not known to it at all.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from lxml import etree

from publisher.render.enclosures import enclosures
from publisher.render.media import MEDIA, add_media, pictures
from shared.wire import ATOM, HISTORY, HTML, NAMESPACE, RSS, TOMBSTONES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from publisher.render.snapshot import Form, Snapshot
    from shared.post import Post, ReplayFacts

SYNDICATION = "http://purl.org/rss/1.0/modules/syndication/"
"""Namespace of ``updatePeriod`` (RDF Site Summary 1.0, module syndication)."""

_ATOM = "http://www.w3.org/2005/Atom"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_DAY_MINUTES = 24 * 60


class FeedMend:
    """Mends the feed itself. Its methods are those that feedgen calls on an extension."""

    snapshot: Snapshot
    form: Form

    def extend_ns(self) -> dict[str, str]:
        """Name the prefixes that the document needs."""
        snapshot = self.snapshot
        prefixes = {"newsreel": NAMESPACE}
        if self.form == "rss" and snapshot.archive is None:
            prefixes["sy"] = SYNDICATION
        if snapshot.complete or snapshot.archive is not None:
            prefixes["fh"] = HISTORY
        if self.form == "atom" and snapshot.deleted:
            prefixes["at"] = TOMBSTONES
        if any(post.attachments or pictures(post) for post in snapshot.posts):
            prefixes["media"] = MEDIA
        return prefixes

    def extend_atom(self, feed: etree._Element) -> None:
        """Mend an Atom feed."""
        for link in _links(self.snapshot, "atom", ATOM):
            etree.SubElement(feed, "link", link)
        self._mark(feed)
        for stone in self.snapshot.deleted:  # before the entries, where the grammar of RFC 4287 has extensions
            etree.SubElement(feed, f"{{{TOMBSTONES}}}deleted-entry", ref=stone.deletion.id, when=stone.when.isoformat())

    def extend_rss(self, feed: etree._Element) -> None:
        """Mend an RSS feed."""
        channel = feed[0]
        built = channel.find("lastBuildDate")
        assert built is not None  # noqa: S101 feedgen always writes one
        built.text = _http_date(self.snapshot.updated)
        for link in _links(self.snapshot, "rss", RSS):
            etree.SubElement(channel, f"{{{_ATOM}}}link", link)
        if self.snapshot.archive is None:
            self._pace(channel)
        self._mark(channel)

    def _pace(self, channel: etree._Element) -> None:
        """Tell readers how often to look: every minute while posts may come, once a day when none will."""
        clock = self.snapshot.clock
        over = self.snapshot.mode == "archive" or (clock is not None and clock.state == "ended")
        etree.SubElement(channel, "ttl").text = str(_DAY_MINUTES if over else 1)
        etree.SubElement(channel, f"{{{SYNDICATION}}}updatePeriod").text = "daily" if over else "hourly"
        etree.SubElement(channel, f"{{{SYNDICATION}}}updateFrequency").text = "1" if over else "60"

    def _mark(self, parent: etree._Element) -> None:
        if self.snapshot.complete:
            etree.SubElement(parent, f"{{{HISTORY}}}complete")
        if self.snapshot.archive is not None:
            etree.SubElement(parent, f"{{{HISTORY}}}archive")
        _mark_replay(parent, self.snapshot.replay)


class EntryMend:
    """Mends an entry."""

    post: Post

    def extend_atom(self, entry: etree._Element) -> None:
        """Mend an Atom entry."""
        post = self.post
        if post.language:
            entry.set(_XML_LANG, post.language)
        link = entry.find("link")
        if link is not None:
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
        """Mend an RSS item."""
        etree.SubElement(item, "pubDate").text = _http_date(self.post.date_published)
        for file in enclosures(self.post)[:1]:  # at most one an item (RSS profile, "enclosure")
            length = str(file.size_in_bytes or 0)  # 0: not known
            etree.SubElement(item, "enclosure", url=file.url, length=length, type=file.mime_type)
        self._mark(item)

    def _mark(self, parent: etree._Element) -> None:
        facts = self.post.newsreel
        add_media(parent, self.post)
        etree.SubElement(parent, f"{{{NAMESPACE}}}story-time").text = facts.story_time.isoformat()
        etree.SubElement(parent, f"{{{NAMESPACE}}}revision").text = str(facts.revision)
        _mark_replay(parent, facts.replay)


def _links(snapshot: Snapshot, form: Form, media_type: str) -> Iterator[dict[str, str]]:
    """Give the links to the hubs (WebSub, section 4) and to the history (RFC 5005, section 4), as attributes."""
    if snapshot.archive is None:  # nobody is told of changes in an archive document
        yield from ({"rel": "hub", "href": hub} for hub in snapshot.address.hubs)
    history = {
        "current": snapshot.address.feed(form) if snapshot.archive is not None else None,
        "prev-archive": snapshot.archived(snapshot.older, form) if snapshot.older is not None else None,
        "next-archive": snapshot.archived(snapshot.newer, form) if snapshot.newer is not None else None,
    }
    for rel, href in history.items():
        if href is not None:
            yield {"rel": rel, "type": media_type, "href": href}


def _mark_replay(parent: etree._Element, replay: ReplayFacts | None) -> None:
    if replay is not None:
        mark = etree.SubElement(parent, f"{{{NAMESPACE}}}replay")
        mark.set("run", str(replay.run))
        mark.set("speed", repr(replay.speed).removesuffix(".0"))


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)
