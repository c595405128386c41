"""Atom and RSS: read back by feedparser, by lxml, and against each other."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from io import BytesIO

import feedparser
import making
import pytest
from lxml import etree

import shared
from publisher.render.feedxml import atom, rss
from publisher.render.media import MEDIA
from publisher.render.snapshot import Address, Brand
from shared.post import Attachment, Author, Image
from shared.wire import HISTORY, NAMESPACE

FORMATS = {"atom": atom, "rss": rss}
ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
DC = "{http://purl.org/dc/elements/1.1/}creator"
MRSS = f"{{{MEDIA}}}"
OURS = f"{{{NAMESPACE}}}"


def read(document):
    parsed = feedparser.parse(BytesIO(document))
    assert not parsed.bozo, parsed.get("bozo_exception")
    return parsed


def entries(document):
    return etree.fromstring(document).findall(f"{ATOM}entry")


def items(document):
    return etree.fromstring(document).findall("channel/item")


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("make", [making.live, making.replay], ids=["live", "replay"])
def test_readers_get_what_the_snapshot_holds(write, make):
    snapshot = make()
    parsed = read(write(snapshot))
    assert parsed.feed.title == snapshot.title
    assert parsed.feed.link == snapshot.address.root
    assert parsed.feed.language == "en"
    assert [entry.id for entry in parsed.entries] == [post.id for post in snapshot.posts]
    for entry, post in zip(parsed.entries, snapshot.posts, strict=True):
        assert entry.link == post.url
        assert datetime(*entry.published_parsed[:6], tzinfo=UTC) == post.date_published
        assert [author.name for author in entry.get("authors", []) if author] == [a.name for a in post.authors] or (
            write is atom and not post.authors
        )
        assert [tag.term for tag in entry.get("tags", [])] == list(post.tags)


def test_both_formats_carry_the_same_titles_and_bodies():
    snapshot = making.replay()
    pairs = list(zip(entries(atom(snapshot)), items(rss(snapshot)), snapshot.posts, strict=True))
    assert len(pairs) == 6
    for entry, item, post in pairs:
        assert entry.findtext(f"{ATOM}title") == item.findtext("title") == post.heading
        body = entry.findtext(f"{ATOM}content")
        assert body == item.findtext(CONTENT)
        assert re.sub('<figure class="newsreel-picture">.*</figure>', "", body) == post.content_html
        assert entry.findtext(f"{ATOM}id") == item.findtext("guid") == post.id
        assert [name.text for name in entry.iter(f"{ATOM}name")] == [name.text for name in item.iter(DC)]


def test_an_atom_feed_is_what_rfc_4287_asks():
    snapshot = making.live()
    root = etree.fromstring(atom(snapshot))
    assert root.findtext(f"{ATOM}id") == "tag:news.example,2023-01-31:harbour"
    assert datetime.fromisoformat(root.findtext(f"{ATOM}updated")) == snapshot.updated
    assert root.findtext(f"{ATOM}subtitle") == snapshot.subtitle
    assert root.findtext(f"{ATOM}author/{ATOM}name") == snapshot.title  # for entries that name nobody
    generator = root.find(f"{ATOM}generator")
    assert (generator.text, generator.get("version")) == ("newsreel", shared.__version__)
    links = {link.get("rel"): (link.get("href"), link.get("type")) for link in root.findall(f"{ATOM}link")}
    assert links == {
        "self": (snapshot.address.atom, "application/atom+xml"),
        "alternate": (snapshot.address.root, "text/html"),
    }
    for entry, post in zip(root.iter(f"{ATOM}entry"), snapshot.posts, strict=True):
        assert [link.get("href") for link in entry.findall(f"{ATOM}link[@rel='alternate']")] == [post.url]
        assert entry.find(f"{ATOM}content").get("type") == "html"
        updated = datetime.fromisoformat(entry.findtext(f"{ATOM}updated"))
        assert updated == (post.date_modified or post.date_published)


def test_an_rss_feed_is_what_the_profile_asks():
    snapshot = making.live()
    channel = etree.fromstring(rss(snapshot))[0]
    assert channel.findtext("link") == snapshot.address.root
    assert [link.get("href") for link in channel.findall(f"{ATOM}link")] == [snapshot.address.rss]
    assert channel.findtext("lastBuildDate") == "Wed, 01 Feb 2023 05:26:00 GMT"
    first = channel.find("item")
    assert first.findtext("pubDate") == "Wed, 01 Feb 2023 05:22:00 GMT"
    assert first.find("guid").get("isPermaLink") == "false"
    names = [child.tag for child in first]
    assert names.index("description") < names.index(CONTENT)
    assert first.findtext("description").startswith("The chain lay in eleven metres of water")


def test_titles_of_rss_are_safe_for_readers_that_decode_once_too_often():
    document = rss(making.live())
    assert b"<title>What the chart shows: rocks &#x3C; 3 m &#x26; sand &gt; 3 m</title>" in document


def test_titles_of_atom_are_plain_text():
    # The validator would have one that looks like markup declared as HTML, but sfeed and reader show that as it stands.
    document = atom(making.make_snapshot(making.release(making.make_post(title="Type <b> & say &amp; twice"))))
    element = entries(document)[0].find(f"{ATOM}title")
    assert (element.get("type"), element.text) == (None, "Type <b> & say &amp; twice")


def test_addresses_are_such_as_every_reader_takes():
    post = making.make_post(
        image="https://news.example/ä ö.png?q=ü#é",
        content_html='<p><a href="/rel">a</a> <a href="https://x.example/">b</a> <img src="pic.png" alt=""></p>',
        authors=(Author(name="Ada", url="https://dö.example/x y"),),
        attachments=(
            Attachment(url="https://[", mime_type="audio/mpeg"),
            Attachment(url="https://news.example/é.mp3", mime_type='x" onload="alert(8)'),
        ),
    )
    [entry] = entries(atom(making.make_snapshot(making.release(post))))
    enclosed = [(link.get("href"), link.get("type")) for link in entry.findall(f"{ATOM}link[@rel='enclosure']")]
    assert enclosed == [
        ("https://news.example/%C3%A9.mp3", "application/octet-stream"),
        ("https://news.example/%C3%A4%20%C3%B6.png?q=%C3%BC#%C3%A9", "image/png"),
    ]
    assert entry.findtext(f"{ATOM}author/{ATOM}uri") == "https://xn--d-1ga.example/x%20y"
    body = entry.findtext(f"{ATOM}content")
    assert '<a rel="nofollow noopener">a</a> <a href="https://x.example/" rel="nofollow noopener">b</a>' in body
    assert "pic.png" not in body


@pytest.mark.parametrize(
    ("host", "authority"),
    [
        ("News.example", "news.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "localhost"),
        ("dö.example", "xn--d-1ga.example"),
    ],
)
def test_ids_are_tags_whatever_the_host_is(host, authority):
    address = Address.of("https://news.example/harbour/", "harbour", host, date(2023, 1, 31))
    assert address.tag("a") == f"tag:{authority},2023-01-31:harbour/a"


def test_descriptions_of_rss_are_html():
    descriptions = [item.findtext("description") for item in items(rss(making.live()))]
    assert "Wind is down to 40 km/h &amp; falling. Boats may leave from six." in descriptions


def test_a_long_description_is_cut_at_a_word():
    post = making.release(making.make_post(content_html=f"<p>{'wave after wave, ' * 60}</p>"))
    [item] = items(rss(making.make_snapshot(post)))
    assert len(item.findtext("description")) <= 400
    assert item.findtext("description").endswith(("wave…", "after…"))


def test_the_story_time_has_an_element_of_its_own():
    snapshot = making.replay()
    for listed in (entries(atom(snapshot)), items(rss(snapshot))):
        first = listed[0]
        assert first.findtext(f"{OURS}story-time") == "2023-02-01T00:22:00-05:00"
        assert first.findtext(f"{OURS}revision") == "2"
        assert dict(first.find(f"{OURS}replay").attrib) == {"run": "1", "speed": "60"}
    live = atom(making.live())
    assert b"newsreel:story-time" in live
    assert b"newsreel:replay" not in live


def test_a_replay_is_labelled_and_dated_by_one_axis_only():
    root = etree.fromstring(atom(making.replay()))
    assert "(replay)" in root.findtext(f"{ATOM}title")
    assert "replay of live coverage of 31 January 2023" in root.findtext(f"{ATOM}subtitle")
    dates = [e.text for e in root.iter(f"{ATOM}updated", f"{ATOM}published")]
    assert {date[:4] for date in dates} == {"2026"}


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_only_a_whole_story_is_called_complete(write):
    snapshot = making.live()
    assert etree.fromstring(write(snapshot)).findall(f".//{{{HISTORY}}}complete")
    assert HISTORY.encode() not in write(replace(snapshot, complete=False))


def test_attachments_are_enclosed():
    entry = entries(atom(making.live()))[3]
    enclosed = [dict(link.attrib) for link in entry.findall(f"{ATOM}link[@rel='enclosure']")]
    assert enclosed == [
        {
            "rel": "enclosure",
            "type": "audio/mpeg",
            "href": "https://news.example/a.mp3",
            "title": "Radio",
            "length": "9000",
        },
        {"rel": "enclosure", "type": "image/png", "href": "https://news.example/chart.png?size=2"},
    ]
    [enclosure] = items(rss(making.live()))[3].findall("enclosure")
    assert dict(enclosure.attrib) == {"url": "https://news.example/a.mp3", "length": "9000", "type": "audio/mpeg"}


def test_alternatives_stand_in_one_group():
    files = [
        ("https://news.example/a.mp3", "audio/mpeg", "Radio"),
        ("https://news.example/a.ogg", "audio/ogg", "Radio"),
        ("https://news.example/chart.pdf", "application/pdf", "Chart"),
    ]
    attachments = [Attachment(url=url, mime_type=kind, title=title, size_in_bytes=9) for url, kind, title in files]
    images = (
        Image(url="https://news.example/boat.jpg", caption="The boat.", credit="Eve Tran"),
        Image(caption="Lost."),
    )
    post = making.make_post(attachments=attachments, facts={"images": images})
    snapshot = making.make_snapshot(making.release(post))
    for listed in (entries(atom(snapshot)), items(rss(snapshot))):
        [entry] = listed
        group = entry.find(f"{MRSS}group")
        assert [(c.get("url"), c.get("isDefault")) for c in group] == [
            ("https://news.example/a.mp3", "true"),
            ("https://news.example/a.ogg", None),
        ]
        boat, chart = entry.findall(f"{MRSS}content")
        assert dict(boat.attrib) == {"url": "https://news.example/boat.jpg", "type": "image/jpeg", "medium": "image"}
        assert (boat.findtext(f"{MRSS}description"), boat.findtext(f"{MRSS}credit")) == ("The boat.", "Eve Tran")
        assert (chart.get("medium"), chart.get("fileSize")) == ("document", "9")
        assert entry.find(f"{MRSS}thumbnail").get("url") == "https://news.example/boat.jpg"


def test_hubs_and_the_logo_are_told():
    address = replace(making.ADDRESS, hubs=("https://news.example/hub", "https://hub.example/"))
    snapshot = replace(making.live(), address=address, brand=Brand("Coast News", "https://news.example/logo.png"))
    root, channel = etree.fromstring(atom(snapshot)), etree.fromstring(rss(snapshot))[0]
    for parent in (root, channel):
        assert [link.get("href") for link in parent.findall(f"{ATOM}link[@rel='hub']")] == list(address.hubs)
    assert root.findtext(f"{ATOM}icon") == "https://news.example/logo.png"
    image = channel.find("image")
    assert [image.findtext(name) for name in ("url", "title", "link")] == [
        "https://news.example/logo.png", channel.findtext("title"), channel.findtext("link"),
    ]  # fmt: skip
    archived = replace(snapshot, archive=1)
    assert b'rel="hub"' not in atom(archived) + rss(archived)


@pytest.mark.parametrize(("state", "ttl"), [("playing", "1"), ("ended", "1440")])
def test_rss_tells_how_often_to_look(state, ttl):
    assert etree.fromstring(rss(making.replay(state)))[0].findtext("ttl") == ttl


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_hostile_posts_do_not_kill_the_feed(write):
    snapshot = making.hostile()
    document = write(snapshot)
    parsed = read(document)
    assert [entry.id for entry in parsed.entries] == [post.id for post in snapshot.posts]
    listed = entries(document) if write is atom else items(document)
    titles = [entry.findtext(f"{ATOM}title") or entry.findtext("title") for entry in listed]
    assert titles == [post.heading for post in snapshot.posts]
    assert titles[0] == "Bell and null"
    assert titles[5] == "عادت العبّارة إلى الرصيف"
    assert b"javascript:" not in document
    assert b"alert('b')" not in document


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_an_empty_story_is_a_feed(write):
    parsed = read(write(making.make_snapshot(language=None)))
    assert parsed.entries == []
    assert parsed.feed.title == "Storm at the harbour"


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize(
    "moment",
    [
        datetime(1883, 1, 1, tzinfo=timezone(-timedelta(hours=4, minutes=56, seconds=2))),
        datetime(2, 1, 1, tzinfo=timezone(timedelta(hours=9))),
        datetime(9998, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=9))),
    ],
    ids=["mean-time", "first-year", "last-year"],
)
def test_odd_dates_do_not_kill_the_feed(write, moment):
    post = making.release(making.make_post(date_published=moment))
    assert len(read(write(making.make_snapshot(post, updated=moment))).entries) == 1


@pytest.mark.parametrize(
    "environment", [{"TZ": "Asia/Tokyo", "LC_ALL": "C"}, {"TZ": "America/Bogota", "LC_ALL": "C.UTF-8"}]
)
def test_the_bytes_depend_on_the_snapshot_alone(environment):
    code = (
        "import locale, hashlib, making, time; locale.setlocale(locale.LC_ALL, '');"
        "from publisher.render.feedxml import atom, rss; from publisher.render.jsonfeed import json_feed;"
        "from publisher.render.page import live_page;"
        "from test_judges import archived, pictured;"
        "forms = (atom, rss, json_feed, live_page);"
        "print(*[hashlib.sha256(f(s)).hexdigest() for s in (making.replay(), pictured(), archived()) for f in forms])"
    )

    def digests(**variables):
        path = os.pathsep.join(p for p in sys.path if p)
        run = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": path} | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout

    assert digests(**environment, PYTHONHASHSEED="1") == digests(TZ="UTC", PYTHONHASHSEED="2")
