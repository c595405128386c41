"""The list of the channels that feed readers import."""

import json
import urllib.request
from dataclasses import replace
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import listparser
import lxml.html
import making
from lxml import etree
from serving import EXAMPLES, publishing

from publisher.render.opml import channels_opml
from publisher.render.page import Listing
from publisher.render.snapshot import Address


def test_a_library_of_feed_readers_finds_every_channel():
    address = Address.of("https://news.example/a&b/", "harbour", "news.example", making.FIRST.date())
    snapshots = [making.live(), replace(making.replay(), address=address, title="<Storm> & “harbour”")]
    found = listparser.parse(channels_opml([Listing.of(snapshot) for snapshot in snapshots], making.RELEASED))
    assert not found.bozo
    assert found.meta.modified_parsed == making.RELEASED
    assert [(feed.url, feed.title) for feed in found.feeds] == [(s.address.atom, s.title) for s in snapshots]


def test_the_server_links_and_serves_it():
    with publishing("replay", EXAMPLES / "moon-landing.txt", "--speed", 1) as publisher:
        with urllib.request.urlopen(publisher.server) as answer:
            [link] = lxml.html.fromstring(answer.read()).cssselect("a[type='text/x-opml']")
        with urllib.request.urlopen(urljoin(publisher.server, link.get("href"))) as answer:
            assert answer.headers["Content-Type"] == "text/x-opml; charset=utf-8"
            assert [feed.url for feed in listparser.parse(answer.read()).feeds] == [f"{publisher.root}feed.atom"]
        with urllib.request.urlopen(publisher.root) as answer:
            [script] = lxml.html.fromstring(answer.read()).cssselect("script[type='application/ld+json']")
        brand = json.loads(script.text)["publisher"]
        assert brand["name"] == "127.0.0.1"
        with urllib.request.urlopen(brand["logo"]["url"]) as answer:
            assert answer.headers["Content-Type"] == "image/svg+xml"
            assert etree.fromstring(answer.read()).tag == "{http://www.w3.org/2000/svg}svg"


def test_outlines_lead_to_page_and_feed():
    snapshot = making.live()
    root = etree.fromstring(channels_opml([Listing.of(snapshot)], making.RELEASED))
    assert root.get("version") == "2.0"
    assert parsedate_to_datetime(root.findtext("head/dateModified")) == making.RELEASED
    [outline] = root.findall("body/outline")
    assert dict(outline.attrib) == {
        "type": "rss",
        "text": snapshot.title,
        "title": snapshot.title,
        "description": snapshot.subtitle,
        "language": "en",
        "xmlUrl": snapshot.address.atom,
        "htmlUrl": snapshot.address.root,
    }


def test_no_channel_is_no_outline():
    assert not listparser.parse(channels_opml([], making.RELEASED)).feeds
