"""History and deletions: archive documents (RFC 5005), ``next_url``, tombstones (RFC 6721), and who walks over them."""

import asyncio
import json
from datetime import timedelta
from urllib.parse import urljoin

import pytest
from channels import NOW, open_room
from folding import Story
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from making import ADDRESS, make_post
from patience import PATIENCE

from publisher.cache import ENTRY_BYTES, Cache
from publisher.library import Library
from publisher.projection import Projection
from publisher.scene import Billing, Scene
from shared.event import DeleteEvent, Logged, Position, PostEvent, ResetEvent, UpdateEvent
from shared.syndication import read_feed
from shared.wire import HISTORY, TOMBSTONES
from subscriber.follower import Follower

ATOM = "{http://www.w3.org/2005/Atom}"
FORMS = ["atom", "rss", "json"]


def slugs(feed):
    return [entry.post.id.rpartition("/")[2] for entry in reversed(feed.entries)]


def links(document):
    return {link.get("rel"): link.get("href") for link in etree.fromstring(document).findall(f"{ATOM}link")}


def tombstones(document):
    return {
        stone.get("ref").rpartition("/")[2]: stone.get("when")
        for stone in etree.fromstring(document).iter(f"{{{TOMBSTONES}}}deleted-entry")
    }


async def walk(room, form):
    """Read a feed and all that it links of its history, newest first."""
    url, documents = f"{room.root}feed.{form}", []
    while url:
        documents.append(read_feed(await room.body(url), None, url))
        url = documents[-1].older
    return documents


def names(first, last):
    return [f"p{number}" for number in range(first, last + 1)]


@pytest.mark.parametrize("form", FORMS)
async def test_a_long_story_is_reachable_whole_from_its_feed(form):
    async with open_room(window=3) as room:
        await room.post(*names(1, 11))
        window, *archives = await walk(room, form)
        assert slugs(window) == ["p11", "p10", "p9"]
        assert [slugs(archive) for archive in archives] == [["p9", "p8", "p7"], ["p6", "p5", "p4"], ["p3", "p2", "p1"]]
        assert not window.complete


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 2, 3])
async def test_a_window_that_holds_all_is_complete_and_has_no_history(form, count):
    async with open_room(window=3) as room:
        await room.post(*names(1, count))
        [window] = await walk(room, form)
        assert window.complete


@pytest.mark.parametrize("form", FORMS)
async def test_what_is_in_no_archive_document_is_in_the_window_whatever_was_deleted(form):
    async with open_room(window=3) as room:
        gone = set()
        for number in range(1, 20):
            await room.post(f"p{number}")
            if number % 4 == 0:
                await room.delete(f"p{number - 1}", f"p{number}")
                gone |= {f"p{number - 1}", f"p{number}"}
            found = {slug for document in await walk(room, form) for slug in slugs(document)}
            assert found == set(names(1, number)) - gone


async def test_archive_documents_link_each_other_and_say_what_they_are():
    async with open_room(window=2) as room:
        await room.post(*names(1, 5))
        feed = await room.body("feed.atom")
        assert links(feed)["prev-archive"] == f"{room.root}archive/2.atom"
        assert f"{{{HISTORY}}}archive" not in {element.tag for element in etree.fromstring(feed)}
        document = await room.body("archive/2.atom")
        assert etree.fromstring(document).find(f"{{{HISTORY}}}archive") is not None
        assert etree.fromstring(document).findtext(f"{ATOM}id") == etree.fromstring(feed).findtext(f"{ATOM}id")
        assert links(document) == {
            "self": f"{room.root}archive/2.atom",
            "alternate": room.root,
            "current": f"{room.root}feed.atom",
            "prev-archive": f"{room.root}archive/1.atom",
            "next-archive": f"{room.root}archive/3.atom",
        }
        status, headers, _ = await room.get("archive/3.atom")  # not full yet: what it will hold is in the feed
        assert (status, urljoin(f"{room.root}archive/3.atom", headers["Location"])) == (307, f"{room.root}feed.atom")
        assert (await room.get("archive/4.atom"))[0] == 404
        status, headers, _ = await room.get("archive/1.atom")
        assert "prev-archive" not in headers["Link"]
        assert headers["Cache-Control"] == "max-age=300"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("timestamps", ["shifted", "original"])
async def test_an_archive_document_changes_only_when_a_post_of_its_own_does(form, timestamps):
    async with open_room(window=2, timestamps=timestamps) as room:
        await room.clock()
        await room.post(*names(1, 4))
        first, second = [await room.get(f"archive/{number}.{form}") for number in (1, 2)]
        await room.clock(speed=120)
        await room.post(*names(5, 8))
        await room.revise("p7")
        await room.delete("p8")
        await room.clock("ended")
        for number, before in ((1, first), (2, second)):
            status, headers, body = await room.get(f"archive/{number}.{form}")
            assert (status, body) == (200, before[2])
            assert (headers["ETag"], headers["Last-Modified"]) == (before[1]["ETag"], before[1]["Last-Modified"])
            assert (await room.get(f"archive/{number}.{form}", **{"If-None-Match": headers["ETag"]}))[0] == 304
        await room.revise("p1")
        await room.delete("p2")
        assert (await room.body(f"archive/2.{form}")) == second[2]
        changed = read_feed(await room.body(f"archive/1.{form}"), None, room.root)
        assert [entry.post.title for entry in changed.entries] == ["About p1, corrected"]


async def test_a_new_take_has_archive_documents_of_its_own():
    async with open_room(window=2) as room:
        await room.post(*names(1, 4))
        assert links(await room.body("feed.atom"))["prev-archive"] == f"{room.root}archive/1.atom"
        await room.reset()
        await room.post(*names(1, 3))
        again = links(await room.body("feed.atom"))["prev-archive"]
        assert again == f"{room.root}archive/1.atom?take=2"
        assert len(read_feed(await room.body(again), None, again).entries) == 2
        status, headers, _ = await room.get("archive/1.atom")
        assert (status, headers["Location"]) == (307, "1.atom?take=2")
        await room.reset(3)
        assert (await room.get(again))[0] == 410


async def test_archives_and_deltas_are_kept_up_to_so_many_bytes():
    async with open_room(window=2) as room:
        room.channel.archives._made, room.channel.editions._beside = Cache(100_000), Cache(600_000)
        await room.post(*names(1, 20), content_html=f"<p>{'x' * 4_000}</p>")
        found = [await room.body(f"archive/{number}.atom") for number in range(1, 11)]
        assert len(room.channel.archives._made) == 100_000 // (ENTRY_BYTES + 2_000 + 4 * len(found[0]))
        assert await room.body("archive/1.atom") == found[0]
        assert all(not kept[1].posts for kept in room.channel.archives._made._kept.values())
        for number in range(1, 21):
            await room.get(f"posts/p{number}")
        assert 1 < len(room.channel.editions._beside) < 20


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["post", "post", "post", "update", "delete", "withdraw", "reset"]),
        st.sampled_from("abcdefghij"),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(STEPS, st.integers(1, 4))
def test_window_and_archives_together_are_the_story(steps, window):
    library, story = Library.open(":memory:", "e1"), Story()
    shelf = library.shelf("harbour")
    billing = Billing("Storm", "replay", "en", NOW.date(), NOW, window)
    scene = Scene(shelf, billing, Projection(ADDRESS, "shifted"), "e1")
    for seq, (kind, slug) in enumerate(steps, 1):
        post = make_post(slug, seq, title=f"Version {seq}", facts={"revision": seq})
        event = {
            "post": PostEvent(post=post),
            "update": UpdateEvent(post=post),
            "delete": DeleteEvent(id=slug, story_time=post.story_time),
            "withdraw": DeleteEvent(id=slug, story_time=post.story_time, withdrawn=True),
            "reset": ResetEvent(reason="seek", take=seq, run=1, story_time=post.story_time),
        }[kind]
        shelf.file([Logged(Position("e1", seq), f"k{seq}", NOW + timedelta(seconds=seq), event)])
        story.apply(event)
    snapshot = scene.snapshot()
    found = {post.id: post.title for post in snapshot.posts}
    while snapshot.older is not None:
        snapshot = scene.archive(snapshot.older)
        for post in snapshot.posts:
            assert found.setdefault(post.id, post.title) == post.title
    assert found == {ADDRESS.tag(post.id): post.title for post in story}
    library.close()


# Deletions.


async def test_a_deletion_leaves_the_window_and_stands_as_a_tombstone_while_the_window_reaches():
    async with open_room(window=3) as room:
        await room.post("p1", "p2")
        before = etree.fromstring(await room.body("feed.atom")).findtext(f"{ATOM}updated")
        await room.delete("p1")
        document = await room.body("feed.atom")
        updated = etree.fromstring(document).findtext(f"{ATOM}updated")
        assert updated > before
        assert tombstones(document) == {"p1": updated}
        assert slugs(read_feed(document, None, room.root)) == ["p2"]
        [stone] = json.loads(await room.body("feed.json"))["_newsreel"]["deleted"]
        assert stone["id"].endswith("/p1")
        assert stone["_newsreel"]["released_at"] and stone["_newsreel"]["story_time"]
        for form in ("atom", "json"):
            [read] = read_feed(await room.body(f"feed.{form}"), None, room.root).deletions
            assert read.id == stone["id"]
        await room.post("p3", "p4")
        assert tombstones(await room.body("feed.atom"))
        await room.post("p5")
        assert not tombstones(await room.body("feed.atom"))
        assert "deleted" not in json.loads(await room.body("feed.json"))["_newsreel"]
        assert tombstones(await room.body("archive/1.atom"))  # there it stands for ever


async def test_a_post_that_comes_back_has_no_tombstone():
    async with open_room() as room:
        await room.post("p1", "p2")
        await room.delete("p1")
        await room.post("p1")
        document = await room.body("feed.atom")
        assert tombstones(document) == {}
        assert slugs(read_feed(document, None, room.root)) == ["p1", "p2"]


async def test_an_edit_keeps_its_place_and_its_date_and_moves_updated():
    async with open_room() as room:
        await room.post("p1", "p2")
        before = read_feed(await room.body("feed.atom"), None, room.root)
        await room.revise("p1")
        after = read_feed(await room.body("feed.atom"), None, room.root)
        assert slugs(after) == slugs(before) == ["p2", "p1"]
        old, new = before.entries[0].post, after.entries[0].post
        assert (new.id, new.date_published) == (old.id, old.date_published)
        assert new.date_modified == after.updated > before.updated
        assert after.entries[1] == before.entries[1]


# Who walks over it.


async def shown(room, state, *, once=True, **options):
    async with asyncio.timeout(PATIENCE):
        follower = Follower(room.root, state=state, once=once, **options)
        return [
            (update.event, update.data.get("id", "").rpartition("/")[2])
            async for update in follower
            if update.event in {"post", "update", "delete"}
        ]


@pytest.mark.parametrize("poll", [False, True], ids=["stream", "poll"])
async def test_a_subscriber_who_was_away_until_the_log_forgot_misses_nothing(tmp_path, poll):
    async with open_room(window=3) as room:
        await room.post(*names(1, 4))
        state = tmp_path / "state"
        assert await shown(room, state, poll=poll) == [("post", f"p{n}") for n in (2, 3, 4)]
        await room.post(*names(5, 20))
        await room.delete("p12")
        await room.channel.prune(2)
        assert await shown(room, state, poll=poll) == [("post", f"p{n}") for n in range(5, 21) if n != 12]
        assert await shown(room, state, poll=poll) == []


async def test_a_reset_that_says_expired_is_followed_by_the_whole_history(tmp_path):
    async with open_room(window=3) as room:
        await room.post(*names(1, 4))
        state = tmp_path / "state"
        await shown(room, state)
        await room.post(*names(5, 20))
        await room.clock("ended")
        await room.channel.prune(2)
        assert await shown(room, state, once=False, until_end=True) == [("post", f"p{n}") for n in range(5, 21)]


async def test_the_rounds_before_are_forgotten_and_who_was_there_is_told_the_same():
    async with open_room(window=3) as room:
        for run in range(1, 30):
            if run > 1:
                await room.reset(take=run, reason="loop", run=run)
            await room.clock(run=run)
            await room.post(*names(1, 10))
            before = [
                await room.channel.join(Position(room.log.epoch, seq)) for seq in range(room.press.shelf.head + 1)
            ]
            await room.channel.prune(0)
            kept = [logged.event.kind for logged in await room.log.read(0)]
            assert kept == ["reset"] * (run > 1) + ["clock"] + ["post"] * 10
            after = [await room.channel.join(Position(room.log.epoch, seq)) for seq in range(room.press.shelf.head + 1)]
            assert after == before
        await room.channel.prune(4)
        assert len(await room.log.read(0)) == 4


@pytest.mark.parametrize("form", ["feed.atom", "feed.rss"])
async def test_a_subscriber_of_a_feed_walks_its_archives(tmp_path, form):
    async with open_room(window=3) as room:
        await room.post(*names(1, 3))
        state = tmp_path / "state"

        async def look():
            async with asyncio.timeout(PATIENCE):
                follower = Follower(room.root + form, state=state, once=True, poll=True)
                return [u.data["id"].rpartition("/")[2] async for u in follower if u.event == "post"]

        assert await look() == names(1, 3)
        await room.post(*names(4, 12))
        assert await look() == names(4, 12)
