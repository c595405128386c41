"""What search engines and microformats readers find in the pages: JSON-LD (schema.org) and h-feed."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import lxml.html
import making
import mf2py
import pytest
from channels import open_room
from serving import EXAMPLES

from publisher.render.page import live_page, post_page
from publisher.render.snapshot import Brand
from publisher.sources import html as html_source
from publisher.sources import jsonld, transcript
from publisher.sources.options import Options
from shared.text import clean_html

BRAND = Brand("Coast News", "https://news.example/icon.svg")


def linked_data(document):
    [script] = lxml.html.fromstring(document.decode()).cssselect("script[type='application/ld+json']")
    return script.text


def blog(snapshot):
    return json.loads(linked_data(live_page(snapshot)))


def moments(thing):
    """List every moment that is told anywhere."""
    if isinstance(thing, dict):
        return [v for k, v in thing.items() if k.startswith(("date", "coverage"))] + [
            moment for value in thing.values() for moment in moments(value)
        ]
    return [moment for value in thing for moment in moments(value)] if isinstance(thing, list) else []


def test_a_page_is_a_live_blog_posting():
    snapshot = replace(making.live(), brand=BRAND)
    found = blog(snapshot)
    assert found["@type"] == "LiveBlogPosting"
    assert found["headline"] == snapshot.title
    assert found["url"] == snapshot.address.root
    assert found["coverageStartTime"] == making.FIRST.isoformat()
    assert found["publisher"] == {
        "@type": "Organization",
        "name": "Coast News",
        "logo": {"@type": "ImageObject", "url": "https://news.example/icon.svg"},
    }
    assert [update["url"] for update in found["liveBlogUpdate"]] == [post.url for post in snapshot.posts]
    first = found["liveBlogUpdate"][0]
    assert first["@type"] == "BlogPosting"
    assert first["headline"] == "Divers find the anchor chain"
    assert first["datePublished"] == "2023-02-01T00:22:00-05:00"
    assert first["dateModified"] == "2023-02-01T00:26:00-05:00"
    assert [author["name"] for author in first["author"]] == ["Ada Quist", "Bo Lindqvist", "Cy Marten"]
    assert first["articleBody"] == snapshot.posts[0].content_text
    assert found["liveBlogUpdate"][2]["headline"] == "Wind is down to 40 km/h & falling."
    assert "author" not in found["liveBlogUpdate"][1]  # nobody is said to have written what they did not


@pytest.mark.parametrize("state", ["playing", "paused", "ended"])
def test_the_end_of_the_coverage_is_told_when_it_is_over(state):
    found = blog(making.replay(state, over=state == "ended"))
    assert ("coverageEndTime" in found) == (state == "ended")
    assert "coverageEndTime" not in blog(making.live())
    archive = blog(replace(making.live(), mode="archive", over=True))
    assert archive["coverageEndTime"] == (making.FIRST + timedelta(minutes=284)).isoformat()


async def test_of_an_archive_as_it_stood_the_end_is_not_told():
    async with open_room(mode="archive", timestamps="original") as room:
        await room.post("a", "b")

        async def told(path):
            return json.loads(linked_data(await room.body(path)))

        assert (await told(""))["coverageEndTime"] == (await told("?at=23:59"))["coverageEndTime"]
        before = await told("?at=%2B1s")
        assert len(before["liveBlogUpdate"]) == 1
        assert "coverageEndTime" not in before


def test_a_replay_is_dated_by_the_story_and_not_later_than_what_is_out():
    snapshot = making.replay()
    out = {post.story_time.isoformat() for post in snapshot.posts}
    assert set(moments(blog(snapshot))) <= out
    window = replace(snapshot, posts=snapshot.posts[:2], complete=False)
    assert "coverageStartTime" not in blog(window)  # not known: the window does not reach so far
    assert blog(replace(window, began=making.FIRST))["coverageStartTime"] == making.FIRST.isoformat()


def test_a_post_s_page_is_a_blog_posting():
    snapshot = making.live()
    found = json.loads(linked_data(post_page(snapshot, snapshot.posts[3])))
    assert found["@type"] == "BlogPosting"
    assert found["@context"] == "https://schema.org"
    assert found["url"] == snapshot.posts[3].url
    assert found["isPartOf"]["url"] == snapshot.address.root
    assert found["image"] == [
        {"@type": "ImageObject", "url": "https://news.example/chart.png?size=2", "caption": "Soundings, in metres."}
    ]
    assert found["associatedMedia"][0]["contentUrl"] == "https://news.example/a.mp3"


def test_nothing_ends_the_script():
    text = "</script><script>alert(1)</script><!-- ]]> \u2028 \u2029 &amp;"
    post = making.release(making.make_post(title=text, content_html=f"<p>{text}</p>", tags=(text,)))
    document = live_page(making.make_snapshot(post, title=text))
    raw = document.split(b'<script type="application/ld+json">')[1].partition(b"</script>")[0].decode()
    assert not set("<>&\u2028\u2029") & set(raw)
    assert json.loads(raw)["liveBlogUpdate"][0]["headline"] == post.heading
    for hostile in making.hostile().posts:
        json.loads(linked_data(post_page(making.hostile(), hostile)))


def test_an_empty_story():
    found = blog(making.make_snapshot())
    assert found["liveBlogUpdate"] == []
    assert not moments(found)


def told(post):
    """List what schema.org has a word for."""
    pictures = [(image.url, image.caption, image.credit) for image in post.images]
    return (
        post.heading,
        post.story_time,
        post.date_modified,
        [author.name for author in post.authors],
        " ".join(post.content_text.split()),
        pictures,
        post.tags,
        [file.url for file in post.attachments],
    )


@pytest.mark.parametrize("form", ["original", "shifted"])
def test_it_reads_back_as_the_same_posts(form):
    snapshot = making.live() if form == "original" else making.replay("ended")
    reading = jsonld.read(linked_data(live_page(snapshot)), "page", Options())
    assert reading.header.title == snapshot.title
    assert reading.header.url == snapshot.address.root
    unmodified = {"date_modified": None} if form == "shifted" else {}
    assert [told(post) for post in reading.posts] == [
        told(post.model_copy(update=unmodified)) for post in reversed(snapshot.posts)
    ]


@pytest.mark.parametrize("example", ["harbour-fire", "moon-landing"])
def test_the_pages_of_the_examples_read_back_as_the_examples(example):
    story = transcript.read((EXAMPLES / f"{example}.txt").read_text("utf-8"), example, Options()).posts
    snapshot = making.make_snapshot(*(making.release(post, seq) for seq, post in reversed([*enumerate(story, 1)])))
    page = live_page(snapshot)
    for reading in (
        jsonld.read(linked_data(page), "page", Options()),
        html_source.read(page.decode(), "page", Options()),
    ):
        assert [post.id for post in reading.posts] == [post.id for post in story]
        assert [told(post) for post in reading.posts] == [told(post) for post in story]
    assert [post.content_html for post in reading.posts] == [post.content_html for post in story]  # HTML keeps markup


def entries(document):
    return mf2py.parse(doc=document.decode(), url="https://news.example/harbour/")["items"]


def test_the_page_is_an_h_feed():
    snapshot = making.live()
    [feed] = entries(live_page(snapshot))
    assert feed["type"] == ["h-feed"]
    assert feed["properties"]["name"] == [snapshot.title]
    assert feed["properties"]["summary"] == [snapshot.subtitle]
    assert [entry["type"] for entry in feed["children"]] == [["h-entry"]] * 6
    shown = sorted(snapshot.posts, key=lambda post: not post.newsreel.pinned)  # these stand on top
    for entry, post in zip(feed["children"], shown, strict=True):
        found = entry["properties"]
        assert found["url"] == found["uid"] == [post.url]
        assert [datetime.fromisoformat(published) for published in found["published"]] == [post.story_time]
        assert found.get("name") == (None if post.newsreel.title_derived else [post.heading])
        assert [author["properties"]["name"] for author in found.get("author", [])] == [[a.name] for a in post.authors]
        assert clean_html(found["content"][0]["html"]) == post.content_html
        assert tuple(found.get("category", ())) == post.tags
        assert [photo["value"] for photo in found.get("photo", [])] == [image.url for image in post.images if image.url]


def test_a_post_s_page_is_an_h_entry():
    snapshot = making.live()
    [entry] = entries(post_page(snapshot, snapshot.posts[0]))
    assert entry["type"] == ["h-entry"]
    assert entry["properties"]["name"] == ["Divers find the anchor chain"]
