"""OPML 2.0: the channels as a list of subscriptions, for feed readers to import (http://opml.org/spec2.opml)."""

from __future__ import annotations

from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING

from lxml import etree

from shared import __version__
from shared.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from publisher.render.page import Listing


def channels_opml(channels: Sequence[Listing], changed: datetime) -> bytes:
    """List the Atom feed of each channel.

    Args:
        channels: in order.
        changed: when any of them last did.
    """
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = "Channels"
    etree.SubElement(head, "dateModified").text = format_datetime(changed.astimezone(UTC), usegmt=True)
    etree.SubElement(head, "docs").text = "http://opml.org/spec2.opml"
    etree.SubElement(head, "generator").text = f"newsreel {__version__}"
    body = etree.SubElement(root, "body")
    for channel in channels:
        # "rss" is the specification's word for every kind of feed.
        facts = {
            "type": "rss",
            "text": clean_line(channel.title),
            "title": clean_line(channel.title),
            "description": clean_line(channel.subtitle),
            "language": clean_line(channel.language or ""),
            "xmlUrl": channel.atom,
            "htmlUrl": channel.page,
        }
        etree.SubElement(body, "outline", {name: value for name, value in facts.items() if value})
    return etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)
