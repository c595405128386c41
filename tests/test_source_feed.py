"""Feeds as sources: the corpus, newsreel's own feeds read back, refusals."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import making
import pytest
from cases import cases, expected, orphans
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.render.feedxml import atom, rss
from publisher.render.jsonfeed import json_feed
from publisher.render.report import report
from publisher.sources.feed import fits
from publisher.sources.opening import read
from publisher.sources.options import Options
from publisher.sources.poured import split
from publisher.sources.reading import SourceError
from shared.post import Image

CASES = cases("feed")
OPTIONS = {"times-missing-in-part": Options(missing_times="interpolate")}
ITEM = "<item><guid>{0}</guid><title>{1}</title>{2}</item>"
RSS = '<rss version="2.0"><channel><title>T</title><link>https://t.example/</link>{}</channel></rss>'


def reading_of(text, **options):
    return read(text.encode(), "feed.xml", options=Options(**options))


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.stem)
def test_corpus(case):
    assert report(read(case.read_bytes(), case.name, options=OPTIONS.get(case.stem))) == expected(case)


def test_corpus_has_an_expectation_for_every_case_and_none_too_many():
    assert len(CASES) >= 8 and orphans("feed") == []


@pytest.mark.parametrize("write", [atom, rss, json_feed])
@pytest.mark.parametrize("mode", ["live", "replay"])
def test_our_own_feeds_read_back_to_the_same_story(write, mode):
    reading = read(write(making.replay() if mode == "replay" else making.live()), "feed")
    told = list(reversed(making.story()))
    assert reading.format == "feed" and reading.header.title == "Storm at the harbour"
    for post, was in zip(reading.posts, told, strict=True):
        assert (post.id, post.title, post.content_html) == (was.id, was.title, was.content_html)
        assert (post.story_time, post.date_published, post.revision, post.tags) == (
            was.story_time, was.story_time, was.revision, was.tags,
        )  # fmt: skip
        assert [a.name for a in post.authors] == [a.name for a in was.authors]
        assert [image for image in post.images if image.url] == [image for image in was.images if image.url]
        assert post.url is None and post.newsreel.position is None and post.newsreel.replay is None
        if write is json_feed:
            assert post.digest == was.digest


@pytest.mark.parametrize("write", [atom, rss, json_feed])
def test_captions_and_credits_of_our_own_feeds_stay_their_pictures(write):
    images = (
        making.PICTURED,
        Image(url="https://news.example/buoy.png"),
        Image(url="https://news.example/net.png", caption="A net, < 3 m & torn.", credit="Gus Ito/Coast & Agency"),
    )
    post = making.make_post(facts={"images": images})
    reading = read(write(making.make_snapshot(making.release(post))), "feed")
    assert reading.posts[0].images == images and reading.posts[0].content_html == post.content_html


@pytest.mark.parametrize("write", [atom, rss, json_feed])
def test_a_transcript_comes_back_from_its_feeds_with_its_captions(write):
    page = "8:02 p.m. ET, March 3, 2024\n\nGates close\n\nGates.\nGates. (Mira Sol/Reed & Co)\n\nThey were shut.\n"
    [post] = read(page.encode(), "page.txt").posts
    assert post.images == (Image(caption="Gates.", credit="Mira Sol/Reed & Co"),)
    assert read(write(making.make_snapshot(making.release(post))), "feed").posts[0].images == post.images


def test_captions_of_other_feeds_are_read_too():
    media = (
        '<media:group><media:content url="https://t.example/a.jpg" type="image/jpeg"><media:description type="plain">'
        "A lock &lt;b&gt;</media:description><media:credit>Mira Sol</media:credit></media:content>"
        '<media:content url="https://t.example/a.mp4" type="video/mp4"/></media:group>'
        '<media:content url="https://t.example/b.jpg" medium="image"/>'
    )
    date = "<pubDate>Tue, 05 Mar 2024 10:00:00 GMT</pubDate>"
    feed = RSS.replace("<rss", '<rss xmlns:media="http://search.yahoo.com/mrss/"').format(
        ITEM.format("a", "A", date) + ITEM.format("b", "B", date + media)
    )
    posts = {post.id: post for post in reading_of(feed).posts}
    assert posts["a"].images == ()
    assert posts["b"].images == (Image(url="https://t.example/a.jpg", caption="A lock <b>", credit="Mira Sol"),)


def test_a_replays_own_changes_are_reckoned_with_a_doubt():
    reading = read(json_feed(making.replay()), "feed.json")
    assert [d.code for d in reading.doubts] == ["estimated-update"]
    changed = [p for p in reading.posts if p.date_modified]
    # making's replay releases the second version a second after the first, at sixty times the speed
    assert [(p.revision, p.date_modified - p.story_time) for p in changed] == [(2, timedelta(minutes=1))]


def test_a_window_of_a_longer_story_is_named_so():
    reading = read(json_feed(making.make_snapshot(making.release(making.make_post()), complete=False)), "feed.json")
    assert [d.code for d in reading.doubts] == ["not-whole"]


def test_ids_that_are_no_slugs_are_minted_and_twins_told_apart():
    items = [
        ITEM.format(
            guid, title, f"<pubDate>Tue, 05 Mar 2024 1{n}:00:00 GMT</pubDate><link>https://t.example/{n}</link>"
        )
        for n, (guid, title) in enumerate([("urn:x", "One"), ("two", "Two"), ("two", "Three"), ("a b", "One")])
    ]
    reading = reading_of(RSS.format("".join(items)))
    assert [p.id for p in reading.posts] == ["20240305T1000Z-one", "two", "20240305T1200Z-three", "20240305T1300Z-one"]


def test_a_minted_id_never_meets_a_given_one():
    date = "<pubDate>Tue, 05 Mar 2024 10:00:00 GMT</pubDate>"
    items = ITEM.format("20240305T1000Z-one", "Other", date) + ITEM.format("urn:x", "One", date)
    assert {p.id for p in reading_of(RSS.format(items)).posts} == {"20240305T1000Z-one", "20240305T1000Z-one--2"}


def test_two_ids_that_come_to_one_slug_are_deleted_once():
    feed = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"><title>T</title>'
        "{}<entry><id>a</id><title>A</title><updated>2024-03-05T10:00:00Z</updated></entry></feed>"
    )
    stone = '<at:deleted-entry ref="{}" when="2024-03-05T11:00:00Z"/>'
    reading = reading_of(feed.format(stone.format("a") + stone.format("tag:x,2024:y/a")))
    assert [told.event.kind for told in reading.told] == ["post", "delete"]


def test_missing_dates_are_refused_unless_an_option_says_what_to_do():
    items = "".join(ITEM.format(f"i{n}", f"N{n}", "") for n in range(3))
    with pytest.raises(SourceError, match=r"^feed\.xml:1: 3 of 3 posts have no time; --missing-times interpolate"):
        reading_of(RSS.format(items))
    with pytest.raises(SourceError, match="give --date"):
        reading_of(RSS.format(items), missing_times="interpolate")
    every = reading_of(
        RSS.format(items), missing_times=timedelta(minutes=2), date=datetime(2024, 3, 5, tzinfo=UTC).date()
    )
    assert [(p.title, p.story_time.minute) for p in every.posts] == [("N2", 0), ("N1", 2), ("N0", 4)]
    saved = datetime(2024, 3, 5, 12, tzinfo=UTC)
    oldest = reading_of(RSS.format(items), missing_times="interpolate", saved_at=saved, order="oldest")
    assert [(p.title, p.story_time) for p in oldest.posts][-1] == ("N2", saved)
    assert {t.time_source for t in oldest.told} == {"interpolated"}


def test_times_before_and_after_all_known_ones_are_a_minute_apart():
    date = "<pubDate>Tue, 05 Mar 2024 10:00:00 GMT</pubDate>"
    items = ITEM.format("c", "C", "") + ITEM.format("b", "B", date) + ITEM.format("a", "A", "")
    reading = reading_of(RSS.format(items), missing_times="interpolate")
    assert [(p.id, p.story_time.hour, p.story_time.minute) for p in reading.posts] == [
        ("a", 9, 59),
        ("b", 10, 0),
        ("c", 10, 1),
    ]


def test_one_time_mark_is_an_article_and_marks_without_offset_are_of_the_given_zone():
    mark = '<p><time datetime="2024-05-14T{}:00">x</time></p><p>Body {}</p>'
    assert split(mark.format("10:00", 1), None) is None
    poured = split(mark.format("10:00", 1) + mark.format("11:00", 2), timezone(timedelta(hours=2)))
    assert [p.published.isoformat() for p in poured.posts] == ["2024-05-14T10:00:00+02:00", "2024-05-14T11:00:00+02:00"]


def test_the_summary_above_a_poured_live_blog_can_be_kept():
    [case] = [case for case in CASES if case.stem == "whole-live-blog-in-one-item"]
    reading = read(case.read_bytes(), case.name, options=Options(keep_summaries=True))
    assert reading.posts[0].content_text == "All that happens in the chamber today." and reading.dropped == ()


def test_a_declared_encoding_no_longer_holds_once_decoded():
    text = '<?xml version="1.0" encoding="utf-16"?>' + RSS.format(
        ITEM.format("a", "Überfahrt", "<pubDate>Tue, 05 Mar 2024 10:00:00 GMT</pubDate>")
    )
    assert reading_of(text).posts[0].title == "Überfahrt"


BOMB = '<?xml version="1.0"?>\n<!DOCTYPE rss [\n<!ENTITY a "aaaaaaaaaa">\n<!ENTITY b "&a;&a;&a;&a;">\n]>\n'


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (BOMB + RSS.format(ITEM.format("x", "&b;", "")), "feed.xml:3: defines XML entities"),
        (RSS.format(""), "feed.xml: the feed holds no posts"),
        ('{"version":"https://jsonfeed.org/version/1.1","items":[]}', "feed.xml: the feed holds no posts"),
        ('{"version":"https://jsonfeed.org/version/1.1","items":' + "[" * 10_000, "feed.xml: is no feed"),
        ('{"version":"https://jsonfeed.org/version/1.1"', "feed.xml: is no feed"),
        ("<rss><channel>" + "<item>" * 20_000, "feed.xml: "),
    ],
    ids=["bomb", "empty", "empty-json", "deep-json", "cut-json", "deep-xml"],
)
def test_hostile_feeds_are_refused_in_one_line(text, what):
    with pytest.raises(SourceError) as refusal:
        reading_of(text)
    assert str(refusal.value).startswith(what) and "\n" not in str(refusal.value) and len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    "text", ["<html><head><title>A page about <rss></title>", '{"id":1}\n{"items":[]}', "rss feed", ""]
)
def test_what_is_no_feed(text):
    assert not fits(text)


TEXTS = [case.read_text("utf-8", "replace") for case in CASES]


@settings(max_examples=150)
@given(st.data())
def test_a_feed_cut_anywhere_is_read_or_refused(data):
    text = data.draw(st.sampled_from(TEXTS))
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
    with suppress(SourceError):
        report(read((text[:start] + text[end:]).encode(), "feed", format="feed"))
