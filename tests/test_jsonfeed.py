"""JSON Feed, and the stream's reset document."""

import json
from dataclasses import replace

import making

from publisher.render.jsonfeed import json_feed, reset_document
from publisher.render.snapshot import Brand
from shared.post import Author


def test_a_json_feed_has_what_version_1_1_asks():
    snapshot = making.live()
    feed = json.loads(json_feed(snapshot))
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["title"] == snapshot.title
    assert feed["description"] == snapshot.subtitle
    assert feed["home_page_url"] == "https://news.example/harbour/"
    assert feed["feed_url"] == "https://news.example/harbour/feed.json"
    assert feed["language"] == "en"
    assert "expired" not in feed
    assert feed["items"] == [post.to_dict() for post in snapshot.posts]
    for item in feed["items"]:
        assert item["id"].startswith("tag:news.example,2023-01-31:harbour/")
        assert item["content_html"]
        assert item["date_published"]


def test_the_document_tells_where_it_stands():
    snapshot = making.replay()
    facts = json.loads(json_feed(snapshot))["_newsreel"]
    assert facts == {
        "channel": "harbour",
        "mode": "replay",
        "position": "k3f9-6",
        "complete": True,
        "replay": {"run": 1, "speed": 60.0},
        "clock": {"state": "playing", "speed": 60.0, "story_time": "2023-02-01T00:26:00-05:00", "run": 1},
        "events": "https://news.example/harbour/events",
    }


def test_hubs_and_the_logo_are_told():
    address = replace(making.ADDRESS, hubs=("https://news.example/hub",))
    snapshot = replace(making.live(), address=address, brand=Brand("Coast News", "https://news.example/logo.png"))
    feed = json.loads(json_feed(snapshot))
    assert feed["hubs"] == [{"type": "WebSub", "url": "https://news.example/hub"}]
    assert feed["icon"] == "https://news.example/logo.png"


def test_a_static_site_has_no_stream():
    snapshot = making.live()
    static = replace(snapshot, address=replace(snapshot.address, has_stream=False))
    assert "events" not in json.loads(json_feed(static))["_newsreel"]


def test_a_replay_that_has_ended_is_expired():
    assert json.loads(json_feed(making.replay("ended")))["expired"] is True
    assert "expired" not in json.loads(json_feed(making.replay("paused")))


def test_items_are_encoded_as_in_the_stream():
    snapshot = making.live()
    encoded = [post.to_json() for post in snapshot.posts]
    assert json_feed(snapshot, encoded) == json_feed(snapshot)
    for item in encoded:
        assert item in json_feed(snapshot)


def test_a_reset_is_the_same_document_with_its_reason_on_one_line():
    for snapshot in (making.replay(), making.hostile()):
        reset = reset_document(snapshot, "seek")
        assert not set(b"\r\n") & set(reset)
        document = json.loads(reset)
        assert document["_newsreel"].pop("reason") == "seek"
        assert document == json.loads(json_feed(snapshot))


def test_nobody_is_said_to_have_written_what_they_did_not():
    unsigned = making.live()
    assert not unsigned.posts[1].authors
    assert json.loads(json_feed(unsigned))["authors"] == [{"name": "Storm at the harbour"}]
    signed = replace(unsigned, posts=unsigned.posts[:1], authors=(Author.of("Ada Quist", "Holmavik"),))
    assert json.loads(json_feed(signed))["authors"] == [{"name": "Ada Quist", "_newsreel": {"location": "Holmavik"}}]


def test_an_empty_story_is_a_feed():
    feed = json.loads(json_feed(making.make_snapshot(language=None, title=" \x07")))
    assert feed["items"] == []
    assert feed["title"] == "harbour"
    assert "language" not in feed
