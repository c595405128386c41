"""What independent judges say of the feeds: the grammar of RFC 4287, a schema of JSON Feed, two parsers."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import fastfeedparser
import feedparser
import making
import pytest
from jsonschema import Draft202012Validator
from lxml import etree

from publisher.render.feedxml import atom, rss
from publisher.render.jsonfeed import json_feed
from publisher.render.snapshot import Brand, Tombstone
from shared.post import Attachment, Image
from shared.wire import Deletion

SCHEMAS = Path(__file__).parent / "schemas"
RFC_4287 = etree.RelaxNG(etree.parse(SCHEMAS / "atom.rng"))
JSON_FEED_1_1 = Draft202012Validator(json.loads((SCHEMAS / "jsonfeed.json").read_text()))
ATOM = "{http://www.w3.org/2005/Atom}"


def pictured():
    """Give a snapshot of a part of a story that has everything a document can have."""
    files = (
        Attachment(url="https://news.example/a.mp3", mime_type="audio/mpeg", title="Radio", size_in_bytes=9),
        Attachment(url="https://news.example/a.ogg", mime_type="audio/ogg", title="Radio", duration_in_seconds=61.5),
    )
    images = (Image(url="https://news.example/boat.jpg", caption="The boat & crew.", credit="Eve Tran"),)
    posts = [
        making.release(making.make_post("b", 5, attachments=files, facts={"images": images, "revision": 3}), 7),
        making.release(making.make_post("a", 4, title=None, authors=(), image="https://news.example/quay"), 6),
    ]
    gone = Tombstone(Deletion(id=making.ADDRESS.tag("gone")), making.RELEASED)
    return making.make_snapshot(
        *posts,
        address=replace(making.ADDRESS, hubs=("https://hub.example/",)),
        brand=Brand("Coast News", "https://news.example/logo.png"),
        deleted=(gone,),
        complete=False,
        older=4,
    )


def archived():
    """Give the same as an archive document."""
    return replace(pictured(), archive=5, older=4, newer=6, take=2)


def empty():
    """Give a story that has not begun."""
    return making.make_snapshot(language=None)


MAKERS = [making.live, making.replay, making.hostile, pictured, archived, empty]
every_document = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


@every_document
def test_atom_is_what_the_grammar_of_rfc_4287_allows(make):
    document = etree.fromstring(atom(make()))
    assert RFC_4287.validate(document), RFC_4287.error_log.last_error
    for entry in document.iter(f"{ATOM}entry"):
        # What the grammar leaves to its Schematron rules, and to the prose (sections 4.1.1 and 4.1.2).
        assert document.find(f"{ATOM}author") is not None or entry.find(f"{ATOM}author") is not None
        alternates = [(link.get("type"), link.get("hreflang")) for link in entry.iter(f"{ATOM}link[@rel='alternate']")]
        assert len(alternates) == len(set(alternates))
    ids = [entry.findtext(f"{ATOM}id") for entry in document.iter(f"{ATOM}entry")]
    assert len(ids) == len(set(ids))


def test_the_grammar_has_teeth():
    document = etree.fromstring(atom(making.live()))
    document.find(f"{ATOM}entry/{ATOM}id").text = None
    document.find(f"{ATOM}entry").remove(document.find(f"{ATOM}entry/{ATOM}updated"))
    assert not RFC_4287.validate(document)


@every_document
def test_json_feed_is_what_its_schema_allows(make):
    document = json.loads(json_feed(make()))
    assert [error.message for error in JSON_FEED_1_1.iter_errors(document)] == []


def test_the_schema_has_teeth():
    document = json.loads(json_feed(making.live()))
    for spoil in (
        {"items": [{"id": 5, "content_html": ""}]},
        {"author": {"name": "Ada"}},
        {"hubs": ["https://a.example/"]},
    ):
        assert list(JSON_FEED_1_1.iter_errors(document | spoil))


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def by_feedparser(document, *, atom):
    parsed = feedparser.parse(BytesIO(document), sanitize_html=False, resolve_relative_uris=False)
    assert not parsed.bozo, parsed.get("bozo_exception")
    for entry in parsed.entries:
        yield {
            "id": entry.id,
            "title": entry.title,
            "link": entry.link,
            "published": datetime(*entry.published_parsed[:6], tzinfo=UTC),
            "updated": datetime(*entry.updated_parsed[:6], tzinfo=UTC) if atom else None,
            "authors": [author.get("name") for author in entry.get("authors", []) if author],
            "body": entry.content[0].value,
            "tags": [tag.term for tag in entry.get("tags", [])],
        }


def by_fastfeedparser(document, *, atom):
    for entry in fastfeedparser.parse(document).entries:
        yield {
            "id": entry["id"],
            "title": entry["title"],
            "link": entry["link"],
            "published": instant(entry["published"]).replace(microsecond=0),
            "updated": instant(entry["updated"]).replace(microsecond=0) if atom else None,
            "authors": [author["name"] for author in entry.get("authors", ())],
            "body": entry["content"][0]["value"],
            "tags": [tag["term"] for tag in entry.get("tags", ())],
        }


@every_document
@pytest.mark.parametrize("write", [atom, rss], ids=["atom", "rss"])
def test_two_parsers_read_the_same(make, write):
    snapshot = make()
    document = write(snapshot)
    first = list(by_feedparser(document, atom=write is atom))
    second = list(by_fastfeedparser(document, atom=write is atom))
    assert [entry | {"authors": entry["authors"][:1]} for entry in first] == second  # which knows one author only
    assert [entry["id"] for entry in first] == [post.id for post in snapshot.posts]
    for entry, post in zip(first, snapshot.posts, strict=True):
        assert entry["authors"] == [author.name for author in post.authors]
        assert entry["published"] == post.date_published.astimezone(UTC).replace(microsecond=0)
