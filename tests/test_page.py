"""The pages: what their HTML holds, and that no post can break out of it. test_live.py watches them in a browser."""

import base64
import hashlib
import re
import urllib.request
from dataclasses import replace
from urllib.parse import parse_qs

import lxml.html
import making
import pytest

from publisher.render.page import (
    CONTENT_SECURITY_POLICY,
    ICON,
    Listing,
    channels_page,
    error_page,
    live_page,
    post_page,
)
from publisher.sources.minting import kept


def parse(document):
    return lxml.html.fromstring(document.decode())


def text(element):
    return " ".join(element.text_content().split())


def ids(document):
    return [article.get("data-id") for article in parse(document).cssselect("[role=feed] > article")]


def test_the_page_holds_every_post_newest_first_below_the_pinned_one():
    snapshot = making.live()
    posts = snapshot.posts
    assert [post.newsreel.pinned for post in posts].index(True) == 4
    assert ids(live_page(snapshot)) == [post.id for post in (posts[4], *posts[:4], posts[5])]
    # What was pinned then is among the posts of then on the pages of a static site's archive.
    shelved = replace(snapshot, archive=1, address=replace(snapshot.address, has_stream=False))
    assert ids(live_page(shelved)) == [post.id for post in posts]


def test_a_post_shows_when_what_and_by_whom():
    snapshot = making.live()
    pinned, first, *_ = parse(live_page(snapshot)).cssselect("[role=feed] > article")
    assert text(first.cssselect("h2")[0]) == "Divers find the anchor chain"
    assert text(first.cssselect(".by")[0]) == "By Ada Quist in Holmavik, Bo Lindqvist and Cy Marten in London"
    assert text(first.cssselect(".marks")[0]) == "Key eventEdited"
    assert text(first.cssselect(".when")[0]) == "00:22 1 February 2023 UTC-05:00"
    assert first.cssselect(".when time")[0].get("datetime") == "2023-02-01T00:22:00-05:00"
    assert first.cssselect(".when a")[0].get("href") == snapshot.posts[0].url
    assert text(first.cssselect("blockquote")[0]).startswith("“We pulled")
    assert text(pinned.cssselect(".marks")[0]) == "Pinned"


def test_pictures_show_with_caption_and_credit():
    _, *articles = parse(live_page(making.live())).cssselect("article")
    assert (
        text(articles[1].cssselect("figure.unseen")[0])
        == "The crane, seen from the lighthouse. Dee Okafor/Coast Agency"
    )
    assert articles[3].cssselect("figure img")[0].get("src") == "https://news.example/chart.png?size=2"


def test_a_picture_that_stands_in_the_body_is_not_shown_twice():
    post = making.make_post(
        content_html="<p>Look.</p><figure><figcaption>The boat.</figcaption></figure>",
        facts={"images": (making.PICTURED,)},
    )
    page = parse(live_page(making.make_snapshot(making.release(post))))
    assert len(page.cssselect("figure")) == 1


def test_a_post_without_headline_has_a_heading_for_who_listens():
    article = parse(live_page(making.live())).cssselect("article")[3]
    heading = article.cssselect("h2")[0]
    assert heading.get("class") == "derived"
    assert text(heading) == "Wind is down to 40 km/h & falling."


def test_feeds_and_stream_can_be_discovered():
    snapshot = making.live()
    page = parse(live_page(snapshot))
    links = {link.get("type"): link for link in page.cssselect("head link[rel=alternate]")}
    assert {kind: link.get("href") for kind, link in links.items()} == {
        "application/atom+xml": snapshot.address.atom,
        "application/rss+xml": snapshot.address.rss,
        "application/feed+json": snapshot.address.json,
        "text/event-stream": snapshot.address.events,
    }
    assert all(snapshot.title in link.get("title") for link in links.values())
    assert page.cssselect("link[rel=canonical]")[0].get("href") == snapshot.address.root
    assert page.cssselect("meta[name=description]")[0].get("content") == snapshot.subtitle
    shown = [link.get("href") for link in page.cssselect("nav a")]
    assert shown == [snapshot.address.atom, snapshot.address.rss, snapshot.address.json]


def test_the_page_names_its_hubs_and_itself_as_what_they_push():
    snapshot = making.live()
    assert not parse(live_page(snapshot)).cssselect("link[rel=hub], link[rel=self]")
    hubs = ("https://news.example/hub", "https://hub.example/?a=1&b=2")
    page = parse(live_page(replace(snapshot, address=replace(snapshot.address, hubs=hubs))))
    assert tuple(link.get("href") for link in page.cssselect("head link[rel=hub]")) == hubs
    assert [link.get("href") for link in page.cssselect("head link[rel=self]")] == [snapshot.address.root]


def test_the_page_goes_on_where_the_snapshot_stood():
    feed = parse(live_page(making.replay())).get_element_by_id("_posts")
    assert feed.get("data-position") == "k3f9-6"
    assert feed.get("data-stream") == "events"  # relative: also right behind another host name


def test_a_static_site_has_neither_script_nor_stream():
    snapshot = making.live()
    static = live_page(replace(snapshot, address=replace(snapshot.address, has_stream=False)))
    assert not parse(static).cssselect("script:not([type='application/ld+json'])")
    assert b"events" not in static
    assert b"k3f9-6" not in re.sub(rb"<article.*</article>", b"", static, flags=re.DOTALL)
    assert len(parse(static).cssselect("article")) == 6


def test_a_page_says_once_what_it_is():
    header = text(parse(live_page(making.live())).cssselect("header")[0])
    assert header.startswith("Live Storm at the harbour Live coverage of 31 January 2023.")


def test_the_page_says_that_it_is_a_replay_and_of_when():
    header = parse(live_page(making.replay())).cssselect("header")[0]
    assert text(header).startswith(
        "Replay Storm at the harbour (replay) A replay of live coverage of 31 January 2023, at 60× its speed."
    )


def again(snapshot):
    return [text(link) for link in parse(live_page(snapshot)).cssselect(".again a")]


def test_who_comes_late_to_a_replay_can_watch_it_from_the_beginning():
    playing = making.replay()
    assert again(playing) == ["Watch it from the beginning"]
    assert again(replace(playing, clock=playing.clock.model_copy(update={"starts": making.RELEASED}))) == []


def test_a_rerun_and_a_moment_of_the_story_say_what_they_are():
    snapshot = making.replay()
    rerun = replace(snapshot, address=replace(snapshot.address, query="?rerun=2026-03-02T09:00Z"))
    assert text(parse(live_page(rerun)).cssselect(".mode")[0]) == "Rerun"
    assert again(rerun) == ["To the story itself"]
    stood = replace(snapshot, address=replace(snapshot.address, query="?at=21:30", has_stream=False))
    page = parse(live_page(stood))
    assert text(page.cssselect(".mode")[0]) == "As it stood"
    assert text(page.get_element_by_id("_status")) == "This page does not change"


def older(snapshot):
    return [link.get("href") for link in parse(live_page(snapshot)).cssselect("#_older:not([hidden]) a")]


def test_posts_from_before_the_window_are_a_click_away():
    snapshot = making.live()
    assert older(snapshot) == []
    window = replace(snapshot, complete=False)
    oldest = snapshot.posts[-1].story_time
    [href] = older(window)
    root, _, query = href.partition("?")
    assert (root, parse_qs(query)) == (snapshot.address.root, {"at": [oldest.isoformat()]})
    stood = replace(window, address=replace(snapshot.address, query="?at=21:30", has_stream=False))
    assert older(stood) == [href]
    # A static site answers no questions; and a page that would lead to itself leads nowhere.
    assert older(replace(window, address=replace(snapshot.address, has_stream=False))) == []
    assert older(replace(window, posts=snapshot.posts[:1])) == []


def test_a_post_that_is_shared_shows_its_headline_words_and_picture():
    snapshot = making.live()
    page = parse(post_page(snapshot, snapshot.posts[3]))
    shared = {meta.get("property"): meta.get("content") for meta in page.cssselect("meta[property^='og:']")}
    assert shared["og:title"] == snapshot.posts[3].heading
    assert shared["og:description"] == snapshot.posts[3].summary
    assert shared["og:url"] == snapshot.posts[3].url
    assert shared["og:image"] == "https://news.example/chart.png?size=2"
    assert page.cssselect("meta[name=description]")[0].get("content") == snapshot.posts[3].summary


def test_an_error_is_told_in_whole_sentences():
    page = parse(error_page("Not Found", "there is no channel 'x'; / lists the channels", "/"))
    assert text(page.cssselect(".subtitle")[0]) == "There is no channel 'x'; / lists the channels."


def test_an_empty_story_says_so():
    page = parse(live_page(making.make_snapshot()))
    nothing = page.get_element_by_id("_nothing")
    assert nothing.get("hidden") is None
    assert page.get_element_by_id(page.cssselect("a.skip")[0].get("href")[1:]) in nothing.iterancestors()
    assert text(nothing) == "Nothing yet. The first post will appear here."
    assert page.get_element_by_id("_posts").get("hidden") is not None  # a feed without articles is none (ARIA 1.2)
    full = parse(live_page(making.live()))
    assert full.get_element_by_id("_nothing").get("hidden") is not None
    assert full.get_element_by_id("_posts").get("hidden") is None


def test_the_policy_allows_exactly_the_inlined_style_and_script():
    page = parse(live_page(making.hostile()))
    for tag, directive in (("style", "style-src"), ("script:not([type])", "script-src")):
        [inlined] = page.cssselect(tag)
        digest = base64.b64encode(hashlib.sha256(inlined.text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert not page.xpath("//@style | //@*[starts-with(name(), 'on')]")


@pytest.mark.parametrize(
    "document",
    [live_page(making.hostile()), *(post_page(making.hostile(), post) for post in making.hostile().posts)],
    ids=["live", *(post.id.rpartition("/")[2] for post in making.hostile().posts)],
)
def test_hostile_posts_stay_text(document):
    page = parse(document)
    assert len(page.cssselect("script:not([type])")) == (1 if page.cssselect("[role=feed]") else 0)
    assert [script.get("type") for script in page.cssselect("script[type]")] == ["application/ld+json"]
    assert len(page.cssselect("style")) == 1
    assert len(page.cssselect("main")) == 1
    assert not page.cssselect("iframe, object, form, main style, main script, article article")
    assert not page.xpath("//@*[starts-with(name(), 'on')]")
    links = page.xpath("//@href | //@src")
    assert all(re.match(r"https?://|#|data:image/svg", link) for link in links)
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", document)


def test_hostile_words_can_still_be_read():
    articles = parse(live_page(making.hostile())).cssselect("article")
    headings = [text(article.cssselect("h2")[0]) for article in articles]
    assert headings == [post.heading for post in making.hostile().posts]
    assert headings[3] == "<script>alert('t')</script>"
    assert articles[5].get("lang") == "ar"
    assert articles[5].cssselect("h2")[0].get("dir") == "auto"


def test_the_icon_is_a_url():
    [icon] = parse(live_page(making.live())).cssselect("link[rel=icon]")
    with urllib.request.urlopen(icon.get("href")) as found:
        assert found.read().decode() == ICON
    assert " " not in icon.get("href")


def test_the_page_is_made_for_assistive_technology():
    page = parse(live_page(making.live()))
    assert page.get("lang") == "en"
    feed = page.get_element_by_id("_posts")
    assert feed.get("aria-label")
    assert feed.get("aria-busy") == "false"
    assert page.get_element_by_id("_status").get("role") == "status"
    assert page.get_element_by_id("_news").get("aria-live") == "polite"
    assert feed in page.get_element_by_id(page.cssselect("a.skip")[0].get("href")[1:])
    assert len(page.cssselect("h1")) == len(page.cssselect("main")) == 1
    for place, article in enumerate(page.cssselect("article"), 1):
        assert (article.get("aria-posinset"), article.get("aria-setsize")) == (str(place), "6")
        label = page.get_element_by_id(article.get("aria-labelledby"))
        assert label.tag == "h2"
        assert (article.get("tabindex"), article.get("role")) == ("0", "article")
    assert unique(page.xpath("//@id"))
    assert all(image.get("alt") is not None for image in page.cssselect("img"))
    table = making.make_snapshot(making.release(making.make_post(content_html="<table><tr><td>1</td></tr></table>")))
    assert parse(live_page(table)).cssselect("table")[0].get("tabindex") == "0"  # it may be too wide, and scrolls then
    window = parse(live_page(replace(making.live(), complete=False)))
    assert {article.get("aria-setsize") for article in window.cssselect("article")} == {"-1"}


def unique(names):
    return len(names) == len(set(names))


def test_no_post_has_the_id_of_a_part_of_the_page():
    own = parse(live_page(making.live())).xpath("//*[not(self::article or self::h2)]/@id")
    slugs = [slug for name in own for slug in (name, name.strip("_"), name.strip("_") + "-title")]
    posts = [making.release(making.make_post(slug), place) for place, slug in enumerate(slugs) if kept(slug)]
    assert len(posts) == 2 * len(own)
    assert unique(parse(live_page(making.make_snapshot(*posts))).xpath("//@id"))


def test_a_post_has_a_page_of_its_own():
    snapshot = making.replay()
    page = parse(post_page(snapshot, snapshot.posts[0]))
    assert text(page.cssselect("article h1")[0]) == "Divers find the anchor chain"
    assert page.cssselect("link[rel=canonical]")[0].get("href") == snapshot.posts[0].url
    assert snapshot.address.root in [link.get("href") for link in page.cssselect("header a")]
    assert "A replay of live coverage" in text(page.cssselect("header")[0])
    back = page.cssselect(".back a")[0].get("href")
    assert back == f"{snapshot.address.root}#20230201T0522Z-divers"
    assert parse(live_page(snapshot)).get_element_by_id(back.partition("#")[2]) is not None


def test_the_channels_are_listed_with_their_feeds():
    snapshots = [making.live(), making.hostile()]
    page = parse(channels_page([Listing.of(snapshot) for snapshot in snapshots]))
    links = page.cssselect("head link[rel=alternate][type='application/atom+xml']")
    assert [link.get("href") for link in links] == [snapshot.address.atom for snapshot in snapshots]
    assert links[0].get("title") == "Storm at the harbour"
    channels = page.cssselect("li.channel")
    assert [text(channel.cssselect("h2")[0]) for channel in channels] == [
        "Storm at the harbour",
        "Storm <b>&</b> harbour",
    ]
    assert channels[0].cssselect("h2 a")[0].get("href") == snapshots[0].address.root
    assert not page.cssselect("script, b")
    assert "No channel" in text(parse(channels_page([])))
