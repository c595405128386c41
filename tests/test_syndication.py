"""Reading feeds of every format: good entries survive bad neighbours, order, dates, ids, history, tombstones."""

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.item import UNKNOWN_TIME, BadItemError, moment, read_item, read_json
from shared.syndication import Feed, NotAFeedError, read_feed, read_json_feed
from shared.wire import NAMESPACE

URL = "http://news.example/live/feed"
NEW_YORK = timezone(timedelta(hours=-5))


def atom(body: str, head: str = "") -> Feed:
    document = (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:at="http://purl.org/atompub/tombstones/1.0" xmlns:fh="http://purl.org/syndication/history/1.0" '
        f'xmlns:newsreel="{NAMESPACE}"><title>Harbour</title><id>tag:h</id>{head}{body}</feed>'
    )
    return read_feed(document.encode(), "application/atom+xml; charset=utf-8", URL)


def rss(body: str, head: str = "") -> Feed:
    document = (
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/">'
        f"<channel><title>Harbour</title><link>http://news.example/</link>{head}{body}</channel></rss>"
    )
    return read_feed(document.encode(), "application/rss+xml", URL)


def json_feed(*items, **head) -> Feed:
    document = {"version": "https://jsonfeed.org/version/1.1", "title": "Harbour", "items": list(items), **head}
    return read_feed(json.dumps(document).encode(), "application/feed+json", URL)


# JSON Feed.


def test_json_items_are_kept_as_received_and_given_oldest_first():
    item = {"id": "b", "content_html": "<p>x", "date_published": "2023-02-01T01:00:00-05:00", "_other": {"x": [1]}}
    feed = json_feed(item, {"id": "a", "content_text": "one <\n\ntwo", "date_published": "2023-02-01T00:00:00-05:00"})
    assert [entry.post.id for entry in feed.entries] == ["a", "b"]
    assert feed.entries[1].item == item
    assert feed.posts[0].content_html == "<p>one &lt;</p><p>two</p>"
    assert feed.posts[1].date_published == datetime(2023, 2, 1, 1, tzinfo=NEW_YORK)
    assert feed.posts[1].date_published.utcoffset() == timedelta(hours=-5)
    assert (feed.title, feed.format, feed.newsreel, feed.complete) == ("Harbour", "json", None, False)
    assert "items" not in feed.head


def test_what_newsreel_says_of_itself():
    facts = {
        "mode": "replay",
        "complete": True,
        "events": "http://news.example/live/events",
        "replay": {"run": 2, "speed": 60},
    }
    feed = json_feed(
        {"id": "a", "date_published": "2026-01-01T00:00:00Z", "_newsreel": {"story_time": "2023-02-01T00:22:00-05:00"}},
        _newsreel=facts,
        expired=True,
        next_url="feed?page=2",
        home_page_url="http://news.example/live/",
    )
    assert feed.posts[0].story_time == datetime(2023, 2, 1, 0, 22, tzinfo=NEW_YORK)
    assert (feed.newsreel, feed.complete, feed.expired) == (facts, True, True)
    assert feed.older == "http://news.example/live/feed?page=2"
    assert ("http://news.example/live/events", "text/event-stream") in [(link.href, link.type) for link in feed.links]


def test_its_own_feeds_are_reversed_and_never_sorted():
    dates = ["2023-01-03", "2023-01-01", "2023-01-02"]  # the restored one stands where it was released
    items = [{"id": date, "date_published": f"{date}T00:00:00Z"} for date in dates]
    assert [p.id for p in json_feed(*items, _newsreel={}).posts] == dates[::-1]


def test_a_feed_of_others_that_is_oldest_first_keeps_its_order():
    items = [{"id": str(n), "date_published": f"2023-01-0{n}T00:00:00Z"} for n in range(1, 5)]
    assert [p.id for p in json_feed(*items).posts] == ["1", "2", "3", "4"]
    assert [p.id for p in json_feed(*items[::-1]).posts] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("bad", [None, 7, "text", [], {}, {"title": 3}, {"id": {}}, {"_newsreel": {}}])
def test_a_bad_item_costs_itself_only(bad):
    feed = json_feed({"id": "b", "title": "B"}, bad, {"id": "a", "title": "A"})
    assert [p.id for p in feed.posts] == ["a", "b"]
    assert len(feed.doubts) == 1 and "passed over" in feed.doubts[0]


def test_members_of_the_wrong_kind_are_left_out():
    post = read_item(
        {
            "id": 17,
            "url": "javascript:alert(1)",
            "title": ["no"],
            "content_html": "<p onclick=x>hi<script>bad()</script></p>",
            "authors": [
                {"name": "Ann", "_newsreel": {"location": "Oslo"}},
                {"name": 3},
                "Bob",
                {"url": "http://c.example/"},
            ],
            "tags": ["a", 3, None, " "],
            "attachments": [{"url": "http://a.example/x"}, {"url": "http://a.example/y", "mime_type": "audio/mpeg"}],
            "image": 5,
            "date_published": "yesterday",
            "date_modified": "2023-02-01T00:00:00Z",
            "_newsreel": {"story_time": "soon", "revision": -1, "key_event": True, "images": [{"caption": "c"}]},
        }
    )
    assert (post.id, post.url, post.title, post.content_html, post.image) == ("17", None, None, "<p>hi</p>", None)
    assert [(a.name, a.location) for a in post.authors] == [("Ann", "Oslo"), ("http://c.example/", None)]
    assert post.tags == ("a",)
    assert [a.url for a in post.attachments] == ["http://a.example/y"]
    assert post.date_published == post.story_time == datetime(2023, 2, 1, tzinfo=UTC)
    assert post.date_modified is None
    assert (post.revision, post.newsreel.key_event, post.images[0].caption) == (1, True, "c")


def test_json_feed_1_0_had_one_author():
    assert read_item({"id": "a", "author": {"name": "Ann"}}).authors[0].name == "Ann"


def test_an_item_without_an_id_is_known_by_its_link_or_its_words_and_says_so():
    feed = json_feed({"url": "posts/1", "title": "A"}, {"title": "B"}, {"title": "C"})
    ids = [entry.post.id for entry in feed.entries]
    assert ids[2] == "http://news.example/live/posts/1"
    assert ids[0] != ids[1] and ids[0].startswith("urn:")
    assert [entry.item["id"] for entry in feed.entries] == ids
    assert ids == [p.id for p in json_feed({"url": "posts/1", "title": "A"}, {"title": "B"}, {"title": "C"}).posts]


def test_undated_items_take_the_date_of_a_neighbour_or_none_is_invented():
    feed = json_feed({"id": "c", "date_published": "2023-01-03T00:00:00Z"}, {"id": "b"}, {"id": "a"})
    assert {p.date_published for p in feed.posts} == {datetime(2023, 1, 3, tzinfo=UTC)}
    assert json_feed({"id": "a"}).posts[0].date_published == UNKNOWN_TIME


def test_the_same_id_twice_is_one_post_unless_the_links_differ():
    feed = json_feed(
        {"id": "x", "url": "http://n.example/2", "title": "two"},
        {"id": "x", "url": "http://n.example/1", "title": "one"},
        {"id": "y", "title": "old", "date_modified": "2023-01-01T00:00:00Z"},
        {"id": "y", "title": "new", "date_modified": "2023-01-02T00:00:00Z"},
    )
    assert sorted((p.id, p.title) for p in feed.posts) == [
        ("http://n.example/1", "one"),
        ("x", "two"),
        ("y", "new"),
    ]


def test_halves_of_surrogate_pairs_and_bad_utf8_cost_one_character():
    feed = read_feed(
        b'\xef\xbb\xbf{"items":[{"id":"a\\ud800","title":"\xff","content_text":"\\ud83d\\ude00"}]}', None, URL
    )
    assert [(p.id, p.title, p.content_text) for p in feed.posts] == [("a", "\ufffd", "😀")]


def test_numbers_that_nobody_can_write_down_cost_themselves_only():
    feed = read_feed(
        b'{"items":[{"id":"a","n":NaN,"m":1e999,"o":%s},{"id":-Infinity,"title":"B"}]}' % (b"1" * 5000), None, URL
    )
    assert [p.title or p.id for p in feed.posts] == ["B", "a"]
    assert feed.entries[1].item == {"id": "a", "n": None, "m": None, "o": None}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a"}'])
def test_what_is_no_json_is_one_clear_error(text):
    with pytest.raises(BadItemError, match="no JSON") as caught:
        read_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("document", [None, 3, [], {}, {"items": {}}, {"version": "1.1"}])
def test_what_is_no_json_feed_is_one_clear_error(document):
    with pytest.raises(NotAFeedError, match="no JSON Feed"):
        read_json_feed(document, URL)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_MEMBERS = st.sampled_from(
    [
        "id",
        "url",
        "title",
        "content_html",
        "content_text",
        "authors",
        "author",
        "tags",
        "image",
        "attachments",
        "_newsreel",
    ]
)


@given(st.lists(st.dictionaries(_MEMBERS, _JSON) | _JSON, max_size=4))
def test_no_json_breaks_the_reader(items):
    feed = read_json_feed({"items": items, "title": items, "_newsreel": items, "next_url": items}, URL)
    good = json_feed({"id": "good"}, *items)
    assert "good" in {p.id for p in good.posts}
    assert len(feed.entries) <= len(items)


# Dates.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-02-01T00:22:00-05:00", "2023-02-01T00:22:00-05:00"),
        ("2023-02-01T00:22:00.250Z", "2023-02-01T00:22:00.250000+00:00"),
        ("2023-02-01t00:22:00z", "2023-02-01T00:22:00+00:00"),
        ("2023-02-01T00:22:00", "2023-02-01T00:22:00+00:00"),
        ("2023-02-01", "2023-02-01T00:00:00+00:00"),
        ("Wed, 01 Feb 2023 00:22:00 -0500", "2023-02-01T00:22:00-05:00"),
        ("Wed, 01 Feb 2023 00:22:00 EST", "2023-02-01T00:22:00-05:00"),
        ("01 Feb 2023 00:22:00 GMT", "2023-02-01T00:22:00+00:00"),
    ],
)
def test_dates_keep_their_own_offset(text, expected):
    assert moment(text).isoformat() == expected


@pytest.mark.parametrize(
    "value", [None, 5, "", "soon", "0001-01-01T00:00:00+14:00", "9999-12-31T00:00:00Z", "x" * 10_000]
)
def test_what_is_no_date_is_none(value):
    assert moment(value) is None


# Atom.


def test_an_atom_entry_in_full():
    [post] = atom(
        "<entry><id>tag:h,2023:1</id><title type='html'>a &amp;lt; &lt;b&gt;b&lt;/b&gt;</title>"
        "<link href='posts/1'/><link rel='enclosure' href='e.mp3' type='audio/mpeg' length='12' title='E'/>"
        "<author><name>Ann</name><uri>http://ann.example/</uri></author><author><name>Bob</name></author>"
        "<published>2023-02-01T00:22:00-05:00</published><updated>2023-02-01T00:30:00-05:00</updated>"
        "<content type='html'>&lt;p&gt;&lt;a href='y'&gt;y&lt;/a&gt;&lt;script&gt;&lt;/script&gt;&lt;/p&gt;</content>"
        "<category term='t' label='Tag'/><newsreel:story-time>2020-01-01T00:00:00Z</newsreel:story-time>"
        "<newsreel:revision>3</newsreel:revision><newsreel:replay run='2' speed='60'/></entry>"
    ).posts
    assert (post.id, post.title, post.url) == ("tag:h,2023:1", "a < b", "http://news.example/live/posts/1")
    assert post.content_html == '<p><a href="http://news.example/live/y" rel="nofollow noopener">y</a></p>'
    assert post.date_published.isoformat() == "2023-02-01T00:22:00-05:00"
    assert post.date_modified.isoformat() == "2023-02-01T00:30:00-05:00"
    assert [(a.name, a.url) for a in post.authors] == [("Ann", "http://ann.example/"), ("Bob", None)]
    assert post.tags == ("Tag",)
    [file] = post.attachments
    assert (file.url, file.mime_type, file.size_in_bytes, file.title) == (
        "http://news.example/live/e.mp3",
        "audio/mpeg",
        12,
        "E",
    )
    assert post.story_time == datetime(2020, 1, 1, tzinfo=UTC)
    assert (post.revision, post.newsreel.replay.run, post.newsreel.replay.speed) == (3, 2, 60)


def test_plain_and_xhtml_content_and_xml_base():
    feed = atom(
        "<entry><id>b</id><title>B</title><content>one &lt;\n\ntwo</content></entry>"
        "<entry xml:base='http://b.example/x/'><id>tag:a</id><title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>"
        "<i>A</i></div></title><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p><a href='y'>z</a></p>"
        "</div></content></entry>"
    )
    assert feed.posts[1].content_html == "<p>one &lt;</p><p>two</p>"
    assert feed.posts[0].title == "A"
    assert 'href="http://b.example/x/y"' in feed.posts[0].content_html


def test_tombstones_history_and_links():
    feed = atom(
        "<at:deleted-entry ref='tag:h,2023:1' when='2023-02-01T01:00:00Z'/>"
        "<at:deleted-entry ref='tag:h,2023:2' when='x'/>",
        "<fh:complete/><link rel='prev-archive' href='archive/1.atom'/><link rel='self' href='feed.atom'/>"
        "<link rel='alternate' type='text/event-stream' href='events'/><link rel='alternate' href='/live/'/>",
    )
    assert [(d.id, d.newsreel.story_time) for d in feed.deletions] == [
        ("tag:h,2023:1", datetime(2023, 2, 1, 1, tzinfo=UTC)),
        ("tag:h,2023:2", None),
    ]
    assert feed.complete and feed.newsreel == {}
    assert feed.older == "http://news.example/live/archive/1.atom"
    assert feed.head["feed_url"] == "http://news.example/live/feed.atom"
    assert feed.home_page_url == "http://news.example/live/"


def test_a_cut_document_gives_the_entries_that_are_whole_enough():
    whole = "<entry><id>a</id><title>A</title></entry><entry><id>b</id><title>B</title>"
    document = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>H</title>{whole}'.encode()
    assert {p.id for p in read_feed(document, "application/atom+xml", URL).posts} >= {"a"}


def test_no_external_entity_is_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hidden words")
    document = (
        f'<!DOCTYPE feed [<!ENTITY x SYSTEM "{secret.as_uri()}">]><feed xmlns="http://www.w3.org/2005/Atom">'
        "<title>H</title><entry><id>a</id><title>&x;</title></entry></feed>"
    ).encode()
    assert "hidden" not in repr(read_feed(document, "application/atom+xml", URL))
    with pytest.raises(NotAFeedError):
        read_feed(str(secret).encode(), None, URL)  # a path is not opened


# RSS and RDF.


def test_an_rss_item_in_full():
    feed = rss(
        "<item><title>AT&amp;T &lt;b&gt;x&lt;/b&gt;</title><guid isPermaLink='false'>g1</guid><link>/p/1</link>"
        "<pubDate>Wed, 01 Feb 2023 00:22:00 -0500</pubDate><dc:creator>Ann</dc:creator><description>short</description>"
        "<content:encoded>&lt;p&gt;full&lt;/p&gt;</content:encoded><category>x</category><category>x</category>"
        "<enclosure url='e.mp3' type='audio/mpeg' length='0'/>"
        "<media:content url='http://i.example/i.jpg' medium='image'/></item>"
    )
    [post] = feed.posts
    assert (post.id, post.title, post.url) == ("g1", "AT&T x", "http://news.example/p/1")
    assert (post.content_html, post.tags, post.image) == ("<p>full</p>", ("x",), "http://i.example/i.jpg")
    assert post.date_published.isoformat() == "2023-02-01T00:22:00-05:00"
    assert post.authors[0].name == "Ann"
    assert post.attachments[0].size_in_bytes is None
    assert (feed.format, feed.home_page_url, feed.complete) == ("rss", "http://news.example/", False)


def test_rss_items_without_guid_title_or_date():
    feed = rss("<item><description>only words</description></item><item><link>http://n.example/1</link></item>")
    assert feed.posts[0].id == "http://n.example/1"
    assert feed.posts[1].content_text == "only words" and feed.posts[1].title is None


def test_a_guid_that_is_a_number_stays_as_given():
    assert rss("<item><guid>12345</guid><title>T</title></item>").posts[0].id == "12345"


def test_rdf():
    document = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        b'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="c"><title>C</title></channel>'
        b'<item rdf:about="http://n.example/1"><title>T</title><link>http://n.example/1</link>'
        b"<dc:date>2023-02-01T00:22:00-05:00</dc:date></item></rdf:RDF>"
    )
    [post] = read_feed(document, "application/rdf+xml", URL).posts
    assert (post.id, post.date_published.isoformat()) == ("http://n.example/1", "2023-02-01T00:22:00-05:00")


@pytest.mark.parametrize("data", [b"", b"hello", b"<!doctype html><p>x", b"<xml/>", b"\x00\x01", b"<feed"])
def test_what_is_no_feed_is_one_clear_error(data):
    with pytest.raises(NotAFeedError, match=r"http://news\.example/live/feed is no feed"):
        read_feed(data, "text/html", URL)


@given(
    st.binary(max_size=200),
    st.sampled_from([None, "application/json", "text/xml; charset=utf-16", "text/html; charset=x"]),
)
def test_no_bytes_break_the_reader(data, content_type):
    for document in (data, b"<feed xmlns='http://www.w3.org/2005/Atom'><entry>" + data, b'{"items":[' + data):
        with contextlib.suppress(NotAFeedError):
            read_feed(document, content_type, URL)


def test_what_the_publisher_writes_is_read_back():
    post = read_item(
        {
            "id": "tag:h,2023-02-01:harbour/a",
            "url": "http://news.example/live/posts/a",
            "title": "A < B & C",
            "content_html": "<p>words</p>",
            "date_published": "2026-02-01T00:22:00Z",
            "authors": [{"name": "Ann"}],
            "tags": ["t"],
            "_newsreel": {"story_time": "2023-02-01T00:22:00-05:00", "revision": 2},
        }
    )
    feed = json_feed(post.to_dict(), _newsreel={})
    assert feed.posts == [post]
    assert feed.posts[0].digest == post.digest
