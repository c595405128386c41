"""The library agrees with the fold that readers do, and can be trusted or is made anew."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path

import pytest
from folding import Story
from hypothesis import given, settings
from hypothesis import strategies as st
from making import make_post
from patience import PATIENCE

from publisher import filing
from publisher.fanout import EncodedFrame
from publisher.filing import file_log
from publisher.library import Filed, Library, LibraryError, checkpoints, library_path, opening, stacks
from publisher.log.contract import Draft, Line
from publisher.log.memory import MemoryStore
from publisher.log.sqlite import SqliteStore
from shared.errors import UsageError
from shared.event import ClockEvent, DeleteEvent, Logged, Position, PostEvent, ResetEvent, UpdateEvent
from shared.post import Author

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ADA, BEN, ADA_AWAY = Author.of("Ada Quist", "Holmavik"), Author.of("Ben Oru"), Author.of("Ada Quist", "Vik")


def logged(seq, event, epoch="k3f9"):
    return Logged(Position(epoch, seq), f"k{seq}", NOW + timedelta(seconds=seq), event)


def post(slug, seq=1, *authors, title=None):
    return logged(seq, PostEvent(post=make_post(slug, authors=authors, title=title)))


def update(slug, seq, *authors, title=None):
    modified = make_post(slug, minutes=seq).date_published
    return logged(
        seq,
        UpdateEvent(post=make_post(slug, authors=authors, title=title, date_modified=modified, facts={"revision": 2})),
    )


def delete(slug, seq):
    return logged(seq, DeleteEvent(id=slug, story_time=NOW - timedelta(days=seq)))


def withdraw(slug, seq):
    return logged(seq, DeleteEvent(id=slug, story_time=NOW - timedelta(days=seq), withdrawn=True))


def reset(seq):
    return logged(seq, ResetEvent(reason="seek", take=seq, run=1, story_time=NOW))


def clock(seq, speed=60.0):
    return logged(
        seq, ClockEvent(state="playing", speed=speed, anchor=NOW, elapsed=0, story_time=NOW, run=1, reel="e3b0")
    )


def slugs(filed):
    return [one.slug for one in filed]


opened = []


@pytest.fixture(autouse=True)
def all_closed():
    """Close what ``shelf_in_memory`` opened."""
    yield
    while opened:
        opened.pop().close()


def shelf_in_memory(epoch):
    opened.append(Library.open(":memory:", epoch))
    return opened[-1].shelf("harbour")


@pytest.fixture
def library():
    library = Library.open(":memory:", "k3f9")
    yield library
    library.close()


@pytest.fixture
def shelf(library):
    return library.shelf("harbour")


def test_an_empty_shelf(library, shelf):
    assert (shelf.head, shelf.count(), shelf.window(9), shelf.tombstones(9), shelf.authors()) == (0, 0, [], [], ())
    assert (shelf.changed, shelf.clock, shelf.last_reset, shelf.find("a"), shelf.clock_at(9)) == (None,) * 5
    assert library.shelf("harbour") is shelf


def test_a_post_and_its_update(shelf):
    first, second = post("a", 3), update("a", 7, title="Changed")
    shelf.file([first])
    made = Filed("a", first.event.post, 3, first.released_at, 3, first.released_at, False, first.event.story_time, 0)  # noqa: FBT003
    assert shelf.find("a") == made
    assert shelf.window(5) == [made]
    shelf.file([post("b", 5), second])
    found = shelf.find("a")
    assert found.post == second.event.post
    assert (found.first_seq, found.seq) == (3, 7)
    assert (found.first_released, found.released) == (first.released_at, second.released_at)
    assert found.story_time == second.event.story_time
    assert slugs(shelf.window(5)) == ["b", "a"]
    assert shelf.changed == second.released_at
    assert shelf.head == 7


def test_a_deleted_post_leaves_a_tombstone(shelf):
    gone = delete("a", 4)
    shelf.file([post("a", 1), post("b", 2), gone])
    stone = shelf.find("a")
    assert stone.deleted
    assert stone.post is None
    assert (stone.first_seq, stone.seq, stone.released, stone.story_time) == (
        1, 4, gone.released_at, gone.event.story_time,
    )  # fmt: skip
    assert shelf.tombstones(5) == [stone]
    assert slugs(shelf.window(5)) == ["b"]
    assert shelf.count() == 1
    assert shelf.changed == gone.released_at


def test_deleting_what_is_not_there_changes_nothing(shelf):
    shelf.file([post("a", 1), delete("a", 2), delete("a", 3), delete("never", 4)])
    assert shelf.changed == NOW + timedelta(seconds=2)
    assert shelf.find("a").seq == 2
    assert shelf.find("never") is None
    assert shelf.head == 4


@pytest.mark.parametrize("again", [post, update])
def test_a_tombstone_comes_alive_with_a_new_first_release(shelf, again):
    shelf.file([post("a", 1), post("b", 2), delete("a", 3), again("a", 4)])
    found = shelf.find("a")
    assert (found.deleted, found.first_seq, found.first_released) == (False, 4, NOW + timedelta(seconds=4))
    assert slugs(shelf.window(5)) == ["a", "b"]
    assert shelf.tombstones(5) == []
    assert shelf.count() == 2


def test_tombstones_last_for_as_many_further_posts_as_the_window_holds(shelf):
    shelf.file([post("a", 1), post("b", 2), delete("a", 3), delete("b", 4)])
    assert slugs(shelf.tombstones(2)) == ["b", "a"]
    shelf.file([post("c", 5), update("c", 6)])
    assert slugs(shelf.tombstones(2)) == ["b", "a"]
    shelf.file([post("d", 7)])
    assert shelf.tombstones(2) == []
    assert slugs(shelf.tombstones(3)) == ["b", "a"]
    shelf.file([delete("d", 8)])
    assert slugs(shelf.tombstones(2)) == ["d"]
    assert shelf.find("a").deleted  # a permalink answers 410 for ever


def test_a_reset_clears_the_posts_and_keeps_the_clocks(shelf):
    shelf.file([clock(1, 60), post("a", 2, ADA), delete("a", 3), post("b", 4, BEN), reset(5), clock(6, 120)])
    assert (shelf.window(9), shelf.tombstones(9), shelf.count(), shelf.authors()) == ([], [], 0, ())
    assert shelf.find("a") is None
    assert shelf.last_reset == (5, reset(5).event)
    assert shelf.changed == NOW + timedelta(seconds=5)
    assert shelf.clock.speed == 120
    assert [shelf.clock_at(seq).speed for seq in (1, 5, 6, 99)] == [60, 60, 120, 120]
    assert shelf.clock_at(0) is None
    shelf.file([post("b", 7)])
    assert shelf.find("b").first_seq == 7


def test_authors_stand_in_the_order_in_which_they_appeared(shelf):
    shelf.file([post("a", 1, BEN, ADA, BEN), post("b", 2, ADA_AWAY), post("c", 3, ADA)])
    assert shelf.authors() == (BEN, ADA, ADA_AWAY)
    shelf.file([delete("a", 4)])
    assert shelf.authors() == (ADA_AWAY, ADA)
    shelf.file([update("b", 5, BEN)])
    assert shelf.authors() == (BEN, ADA)


def test_what_is_filed_is_not_filed_twice(shelf):
    shelf.file([post("a", 1), post("b", 2)])
    shelf.file([delete("a", 1), post("c", 2), post("d", 3)])
    assert slugs(shelf.window(9)) == ["d", "b", "a"]
    shelf.file([])
    assert shelf.head == 3


def test_slots_are_cut_by_first_releases_and_never_move(shelf):
    shelf.file([post(f"p{n}", n) for n in range(1, 8)])
    assert (shelf.releases, shelf.take) == (7, 1)
    assert slugs(shelf.slot(0, 3)) == ["p3", "p2", "p1"]
    assert slugs(shelf.slot(3, 3)) == ["p6", "p5", "p4"]
    versions = [shelf.slot_version(first, 3) for first in (0, 3)]
    shelf.file([update("p2", 8), delete("p3", 9), post("p8", 10), post("p9", 11)])
    first = shelf.slot(0, 3)
    assert [(filed.slug, filed.deleted, filed.ordinal) for filed in first] == [
        ("p3", True, 2),
        ("p2", False, 1),
        ("p1", False, 0),
    ]
    assert slugs(shelf.slot(3, 3)) == ["p6", "p5", "p4"]
    assert slugs(shelf.slot(6, 3)) == ["p9", "p8", "p7"]
    assert shelf.slot_version(0, 3) == (3, 9) != versions[0]
    assert shelf.slot_version(3, 3) == versions[1]
    shelf.file([post("p3", 12)])  # released again, it stands among the newest
    assert slugs(shelf.slot(0, 3)) == ["p2", "p1"]
    assert slugs(shelf.slot(9, 3)) == ["p3"]
    shelf.file([reset(13)])
    assert (shelf.releases, shelf.take, shelf.slot(0, 3)) == (0, reset(13).event.take, [])


def test_who_walks_through_the_history_does_not_drive_the_window_out_of_the_cache(shelf):
    shelf.file([post(f"p{n}", n) for n in range(1, 10)])
    before = list(shelf._cache._kept)
    shelf.slot(0, 9)
    assert list(shelf._cache._kept) == before


def test_posts_are_kept_parsed_up_to_so_many_bytes(monkeypatch):
    monkeypatch.setattr("publisher.library.PARSED_BYTES", 1_000_000)
    shelf = shelf_in_memory("k3f9")
    content = f"<p>{'x' * 100_000}</p>"
    shelf.file([logged(n, PostEvent(post=make_post(f"p{n}", content_html=content))) for n in range(1, 30)])
    assert len(shelf._cache) == 4  # each is 100 KB, and may be as much again without its markup
    assert slugs(shelf.window(29)) == [f"p{n}" for n in range(29, 0, -1)]
    assert len(shelf._cache) == 4
    shelf.file([withdraw("p1", 30)])
    assert "p1" not in {filed.slug for filed in shelf._cache._kept.values() if filed.post}


def test_tombstones_have_an_end_however_many_fall_at_once(shelf, monkeypatch):
    monkeypatch.setattr("publisher.library.history.MOST_TOMBSTONES", 3)
    shelf.file([post(f"p{n}", n) for n in range(1, 6)])
    shelf.file([delete(f"p{n}", 10 + n) for n in range(1, 6)])
    assert slugs(shelf.tombstones(9)) == ["p5", "p4", "p3"]


def test_channels_share_a_library(library):
    harbour, hill = library.shelf("harbour"), library.shelf("hill")
    harbour.file([post("a", 1, ADA), clock(3)])
    hill.file([post("a", 2, BEN)])
    harbour.file([reset(4)])
    assert (harbour.count(), hill.count()) == (0, 1)
    assert hill.authors() == (BEN,)
    assert hill.clock is None
    assert (harbour.head, hill.head) == (4, 2)


def test_an_event_of_another_log_is_refused(shelf):
    with pytest.raises(ValueError, match="epoch zzz"):
        shelf.file([logged(1, post("a").event, "zzz")])


def test_of_clocks_before_a_reset_only_the_last_is_kept(library, shelf):
    shelf.file([clock(1), clock(2, 30), post("a", 3), reset(4), clock(5, 90), clock(6, 15)])
    assert [shelf.clock_at(seq) and shelf.clock_at(seq).speed for seq in (1, 2, 4, 5, 6)] == [None, 30, 30, 90, 15]


def test_a_batch_that_fails_is_not_filed_at_all(library, shelf):
    shelf.file([post("a", 1, ADA)])
    before = (shelf.head, shelf.count(), shelf.window(9), shelf.authors(), shelf.changed, shelf.last_reset)
    unwritable = clock(5).event.model_copy(update={"speed": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        shelf.file([post("b", 2, BEN), update("a", 3), reset(4), logged(5, unwritable)])
    assert (shelf.head, shelf.count(), shelf.window(9), shelf.authors(), shelf.changed, shelf.last_reset) == before
    shelf.file([post("b", 2)])
    assert slugs(shelf.window(9)) == ["b", "a"]


def test_a_window_is_the_same_from_the_cache_and_from_the_file(library, shelf):
    shelf.file([post(f"p{n}", n, ADA) for n in range(1, 30)])
    cached = shelf.window(20)
    shelf._cache.clear()
    assert shelf.window(20) == cached
    assert shelf.window(20)[0] is shelf.find("p29")  # parsed once


def test_ended_takes_are_swept_away_with_later_filings(library, shelf, monkeypatch):
    monkeypatch.setattr(stacks, "SWEPT_VERSIONS", 3)
    shelf.file([post(f"p{n}", n, ADA) for n in range(1, 21)])
    shelf.file([reset(21), post("a", 22, BEN)])
    rows = []
    for seq in range(23, 40):
        shelf.file([update("a", seq, BEN)])
        ended = library._stacks.execute("SELECT count(*) FROM version WHERE take < ?", (shelf.history.take,))
        rows.append(ended.fetchone()[0])
    assert all(after <= before for before, after in pairwise(rows))
    assert rows[-1] == 0
    for table in ("take", "author", "credit"):
        assert library._stacks.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
    assert slugs(shelf.window(9)) == ["a"]


def test_a_cleared_shelf_begins_anew(shelf):
    shelf.file([clock(1), post("a", 2), reset(3), post("b", 4)])
    shelf.clear()
    assert (shelf.head, shelf.count(), shelf.clock, shelf.last_reset, shelf.changed) == (0, 0, None, None, None)
    shelf.file([post("c", 2)])
    assert slugs(shelf.window(9)) == ["c"]


# Agreement with the fold.

SLUG = st.sampled_from("abcdefgh")
AUTHORS = st.lists(st.sampled_from([ADA, BEN, ADA_AWAY]), max_size=3)
STEP = st.one_of(
    st.tuples(st.just(post), SLUG, AUTHORS),
    st.tuples(st.just(update), SLUG, AUTHORS),
    st.tuples(st.just(delete), SLUG, st.just([])),
    st.tuples(st.just(reset), st.none(), st.just([])),
    st.tuples(st.just(clock), st.none(), st.just([])),
)
WEIGHED = st.one_of(STEP, st.tuples(st.just(post), SLUG, AUTHORS), st.tuples(st.just(delete), SLUG, st.just([])))


def told(steps):
    return [
        make(seq) if slug is None else make(slug, seq, *authors) for seq, (make, slug, authors) in enumerate(steps, 1)
    ]


def everything(shelf):
    found = [shelf.find(slug) for slug in "abcdefgh"]
    return (
        shelf.head, shelf.count(), shelf.window(99), shelf.tombstones(3), shelf.authors(), shelf.changed, shelf.clock,
        shelf.last_reset, found, shelf.releases, shelf.slot(0, 2), shelf.slot(2, 2), shelf.slot_version(0, 99),
    )  # fmt: skip


@settings(max_examples=150)
@given(st.lists(WEIGHED, max_size=40), st.lists(st.integers(0, 40), max_size=6), st.integers(0, 40))
def test_it_agrees_with_the_story_however_it_is_filed(tmp_path_factory, steps, cuts, reopened):
    events = told(steps)
    path = tmp_path_factory.mktemp("library") / "harbour.library"
    library = Library.open(path, "k3f9")
    places = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    story = Story()
    for start, end in pairwise(places):
        shelf = library.shelf("harbour")
        shelf.file(events[max(0, start - 2) : end])  # some of it again
        for one in events[start:end]:
            story.apply(one.event)
        posts = story.window(99)
        assert [filed.post for filed in shelf.window(99)] == posts
        assert [filed.post for filed in shelf.window(2)] == posts[:2]
        assert shelf.count() == len(story)
        assert shelf.authors() == tuple(dict.fromkeys(author for one in reversed(posts) for author in one.authors))
        for slug in "abcdefgh":
            filed = shelf.find(slug)
            assert (filed.post if filed else None) == story.get(slug)
        if start >= reopened:
            library.close()
            library = Library.open(path, "k3f9")
    kept = everything(library.shelf("harbour"))
    library.close()

    one_by_one = Library.open(":memory:", "k3f9")
    for one in events:
        one_by_one.shelf("harbour").file([one])
    assert everything(one_by_one.shelf("harbour")) == kept
    one_by_one.close()


# What stood when.


def moments(shelf, *minutes):
    return [shelf.history.seq_at(make_post(minutes=minute).date_published) for minute in minutes]


def stands(shelf):
    found = [shelf.find(slug) for slug in "abcdefgh"]
    slots = [shelf.slot(first, 2) for first in (0, 2, 4)]
    return (shelf.window(99), shelf.window(2), shelf.releases, shelf.tombstones(3), shelf.authors(), found, slots)


@settings(max_examples=100)
@given(st.lists(WEIGHED, max_size=40))
def test_it_remembers_how_it_stood_after_every_event_of_the_take(steps):
    library = Library.open(":memory:", "k3f9")
    shelf = library.shelf("harbour")
    stood = {}
    for one in told(steps):
        if isinstance(one.event, ResetEvent):
            stood.clear()
        shelf.file([one])
        stood[one.seq] = stands(shelf)
    assert {seq: stands(shelf.at(seq)) for seq in stood} == stood
    library.close()


def test_the_timeline_follows_the_log_and_never_falls(shelf):
    shelf.file([post("a", 1), update("b", 3), update("a", 5)])
    assert moments(shelf, -1, 0, 2, 3, 4, 5, 99) == [0, 1, 1, 3, 3, 5, 5]
    shelf.file([clock(6), logged(7, PostEvent(post=make_post("late", minutes=2))), update("b", 9)])
    assert moments(shelf, 4, 5, 8, 9) == [3, 7, 7, 9]  # told of late, so it is known late
    shelf.file([reset(10), post("a", 11)])
    assert moments(shelf, -1, 0, 99) == [0, 11, 11]


def test_what_was_withdrawn_never_was_but_its_readers_are_told(shelf):
    gone = withdraw("a", 6)
    shelf.file([post("a", 1, ADA), post("b", 2, BEN), update("a", 3, ADA_AWAY), delete("b", 4), post("c", 5, BEN)])
    shelf.history.timeline()
    shelf.file([gone])
    assert slugs(shelf.tombstones(9)) == ["a", "b"]
    assert (shelf.find("a").deleted, shelf.count(), slugs(shelf.window(9))) == (True, 1, ["c"])
    assert shelf.authors() == (BEN,)
    assert shelf.changed == gone.released_at
    for seq, out in {1: [], 2: ["b"], 3: ["b"], 4: [], 5: ["c"], 6: ["c"]}.items():
        past = shelf.at(seq)
        assert slugs(past.window(9)) == out
        assert past.find("a") is None
        assert "a" not in slugs(past.tombstones(9))
        assert past.authors() in {(), (BEN,)}
    assert list(shelf.history.timeline().seqs) == [2, 4, 5]
    shelf.file([post("a", 7, ADA)])
    assert slugs(shelf.at(7).window(9)) == ["a", "c"]


def test_who_has_a_deleted_post_is_told_of_it_also_after_its_withdrawal(shelf):
    shelf.file([post("a", 1, ADA), post("b", 2), delete("a", 3), withdraw("a", 4)])
    assert [(stone.slug, stone.seq) for stone in shelf.tombstones(9)] == [("a", 4)]
    assert [shelf.withdrew(slug) for slug in ("a", "b", "never")] == [True, False, False]
    assert (shelf.find("a").deleted, shelf.count(), shelf.changed) == (True, 1, NOW + timedelta(seconds=4))
    assert [slugs(shelf.at(seq).window(9)) for seq in (1, 2, 3, 4)] == [[], ["b"], ["b"], ["b"]]
    shelf.file([withdraw("never", 5)])
    assert (slugs(shelf.tombstones(9)), shelf.changed) == (["a"], NOW + timedelta(seconds=4))


@settings(max_examples=150, deadline=None)
@given(st.lists(WEIGHED, max_size=30), st.lists(st.tuples(SLUG, st.integers(0, 30)), min_size=1, max_size=4))
def test_after_a_withdrawal_all_is_as_if_the_post_had_never_been(steps, withdrawn):
    with_it = told(steps)
    for slug, place in sorted(withdrawn, key=lambda one: -one[1]):
        with_it.insert(min(place, len(with_it)), withdraw(slug, 1))
    with_it = [replace(one, position=Position("k3f9", seq)) for seq, one in enumerate(with_it, 1)]
    # A withdrawal is felt backwards up to the last reset, and takes all that the post ever said before it.
    last = {
        slug: max(
            one.seq for one in with_it if one.event.kind == "delete" and one.event.withdrawn and one.event.id == slug
        )
        for slug, _ in withdrawn
    }
    without = [one for one in with_it if one.seq > last.get(_slug(one), 0)]
    found = []
    for events in (with_it, without):
        library = Library.open(":memory:", "k3f9")
        shelf = library.shelf("harbour")
        shelf.file(events)
        reset_at = shelf.last_reset[0] if shelf.last_reset else 0
        past = [shelf.at(seq) for seq in range(reset_at + 1, len(with_it) + 1)]
        found.append(
            (
                shelf.count(), slugs(shelf.window(99)), shelf.authors(),
                [(slugs(then.window(99)), slugs(then.window(2)), then.authors()) for then in past],
                list(shelf.history.timeline().seqs),
            )
        )  # fmt: skip
        library.close()
    assert found[0] == found[1]


def _slug(one):
    return getattr(one.event, "id", None) or (one.event.post.id if hasattr(one.event, "post") else None)


def test_the_past_survives_a_restart_and_the_pruning_of_the_log(tmp_path):
    library = filled(tmp_path / "library")
    library.shelf("harbour").file([update("c", 7, BEN), delete("c", 8)])
    library.close()
    library = Library.open(tmp_path / "library", "k3f9")
    shelf = library.shelf("harbour")
    assert [shelf.at(seq).find("c") and shelf.at(seq).find("c").seq for seq in (5, 6, 7, 8)] == [None, 6, 7, 8]
    assert list(shelf.history.timeline().seqs) == [6, 7, 8]
    assert shelf.at(7).changed == NOW + timedelta(seconds=7)
    library.close()


# Filing the log.


async def logs(tmp_path):
    """Give a log in memory and one in a file."""
    return MemoryStore("k3f9"), await SqliteStore.open(tmp_path / "log.db")


def drafts(events):
    return [Draft(one.key, one.released_at, one.event) for one in events]


@settings(max_examples=60, deadline=None)
@given(st.lists(WEIGHED, max_size=40), st.integers(1, 9), st.sampled_from([0, 1]))
def test_the_log_is_filed_as_the_press_files_it(tmp_path_factory, steps, at_once, engine):
    async def scenario(path):
        stores = await logs(path)
        log = stores[engine].channel("harbour")
        pressed, filed = [shelf_in_memory(log.epoch) for _ in "pf"]
        for one in told(steps):
            pressed.file(await log.append(drafts([one])))
        shares = []
        await file_log(log, filed, shares.append)
        assert everything(filed) == everything(pressed)
        assert stands(filed.at(filed.head - 1)) == stands(pressed.at(filed.head - 1))
        assert list(filed.history.timeline().times) == list(pressed.history.timeline().times)
        assert shares == sorted(shares)
        assert shares[-1:] in ([], [1.0])
        for store in stores:
            await store.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filing, "FILED", at_once)
        asyncio.run(scenario(tmp_path_factory.mktemp("log")))


async def test_a_post_that_was_made_with_its_change_is_filed_at_its_first_time(tmp_path):
    told_late = make_post("a", date_modified=make_post(minutes=9).date_published)
    for store in await logs(tmp_path):
        log, shelf = store.channel("harbour"), shelf_in_memory(store.epoch)
        await log.append([Draft("k", NOW, PostEvent(post=told_late))])
        await file_log(log, shelf)
        assert (shelf.find("a").story_time, shelf.find("a").post) == (told_late.story_time, told_late)
        await store.close()


async def test_of_a_log_that_was_reset_only_what_counts_is_filed(tmp_path, monkeypatch):
    for store in await logs(tmp_path):
        log, shelf = store.channel("harbour"), shelf_in_memory(store.epoch)
        await log.append(drafts([clock(1), *(post(f"p{n}", n) for n in range(2, 9)), reset(9), post("a", 10)]))
        read = []
        lines = log.lines

        async def counted(after, limit, lines=lines, read=read):
            read += (found := await lines(after, limit))
            return found

        monkeypatch.setattr(log, "lines", counted)
        await file_log(log, shelf)
        assert (len(read), slugs(shelf.window(9)), shelf.clock, shelf.head) == (1, ["a"], clock(1).event, 10)
        await store.close()


@pytest.mark.parametrize(
    ("after", "lost"), [([], True), ([reset(6)], False), ([reset(6), post("e", 7)], False)], ids=["lost", "none", "new"]
)
async def test_what_neither_log_nor_library_has_any_more_is_told(after, lost, caplog):
    store = MemoryStore("k3f9")
    log, shelf = store.channel("harbour"), shelf_in_memory(store.epoch)
    await log.append(drafts([post("a", 1), post("b", 2), post("c", 3), clock(4), post("d", 5), *after]))
    await log.prune(3)
    await file_log(log, shelf)
    assert shelf.lost == 3
    assert ("what came before event 4 is not in the log any more" in caplog.text) == lost
    caplog.clear()
    await file_log(log, shelf)
    assert not caplog.records


async def test_a_log_that_was_put_back_from_a_copy_is_filed_anew(tmp_path):
    (tmp_path / "old").mkdir()
    store = await SqliteStore.open(tmp_path / "log.db")
    await store.channel("harbour").append(drafts([post("a", 1), post("b", 2)]))
    await store.close()
    shutil.copy(tmp_path / "log.db", tmp_path / "old")
    library = Library.open(tmp_path / "library", store.epoch)
    shelf = library.shelf("harbour")
    store = await SqliteStore.open(tmp_path / "log.db")
    await store.channel("harbour").append(drafts([post("c", 3), post("d", 4)]))
    await file_log(store.channel("harbour"), shelf)
    assert slugs(shelf.window(9)) == ["d", "c", "b", "a"]
    await store.close()

    store = await SqliteStore.open(tmp_path / "old" / "log.db")
    log = store.channel("harbour")
    await file_log(log, shelf)
    assert (slugs(shelf.window(9)), shelf.head) == (["b", "a"], 2)
    await log.append(drafts([post("e", 5), post("f", 6)]))
    await file_log(log, shelf)
    store_, log_ = store, log
    await log_.append(drafts([post("g", 7)]))
    shelf.file([replace(one, released_at=NOW) for one in await log_.read(4)])  # another event of the same number
    await file_log(log_, shelf)
    assert slugs(shelf.window(9)) == ["g", "f", "e", "b", "a"]
    assert shelf.find("g").released == NOW + timedelta(seconds=7)
    await store_.close()
    library.close()


async def test_a_line_that_cannot_be_read_is_named(tmp_path):
    store = await SqliteStore.open(tmp_path / "log.db")
    shelf = shelf_in_memory(store.epoch)
    for broken in (
        '{"kind":"post","post":{}}',
        '{"kind":"post","post":',
        '{"kind":"what"}',
        "",
        '{"kind":"post","post":[]}',
    ):
        with pytest.raises(LibraryError, match="event 1 of the log cannot be read"):
            shelf.file([Line(1, NOW.isoformat(), broken)])
    assert shelf.head == 0
    await store.close()


async def test_who_is_cancelled_while_the_log_is_filed_leaves_a_whole_shelf(tmp_path, monkeypatch):
    store = await SqliteStore.open(tmp_path / "log.db")
    log = store.channel("harbour")
    await log.append(drafts([post(f"p{n}", n) for n in range(1, 200)]))
    monkeypatch.setattr(filing, "FILED", 10)
    library = Library.open(tmp_path / "library", store.epoch)
    shelf = library.shelf("harbour")
    begun = asyncio.Event()
    task = asyncio.create_task(file_log(log, shelf, lambda _: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 10 <= shelf.head < 199
    assert slugs(shelf.window(999)) == [f"p{n}" for n in range(shelf.head, 0, -1)]
    await file_log(log, shelf)
    assert shelf.count() == 199
    library.close()
    await store.close()


# The file.


def filled(path, epoch="k3f9"):
    library = Library.open(path, epoch)
    library.shelf("harbour").file([clock(1), post("a", 2, ADA), post("b", 3), delete("b", 4), reset(5), post("c", 6)])
    return library


def head(path, epoch="k3f9"):
    library = Library.open(path, epoch)
    found = library.shelf("harbour").head
    library.close()
    return found


def test_it_is_whole_after_reopening(tmp_path):
    library = filled(tmp_path / "library")
    before = everything(library.shelf("harbour"))
    library.close()
    library.close()
    library = Library.open(tmp_path / "library", "k3f9")
    assert everything(library.shelf("harbour")) == before
    assert library.shelf("harbour").clock_at(4) == clock(1).event
    library.close()


def test_it_is_emptied_for_another_epoch(tmp_path):
    filled(tmp_path / "library").close()
    assert head(tmp_path / "library", "zzz") == 0
    assert head(tmp_path / "library") == 0


def test_it_is_emptied_for_another_version(tmp_path, monkeypatch):
    filled(tmp_path / "library").close()
    monkeypatch.setattr(opening, "LIBRARY", replace(opening.LIBRARY, version=99))
    assert head(tmp_path / "library") == 0


@pytest.mark.parametrize("settled", [0, 20], ids=["before-a-checkpoint", "after-one"])
def test_a_power_cut_takes_what_was_filed_last_and_leaves_the_rest_whole(tmp_path, settled):
    steps = [[(post, "abcdefgh"[n % 8], [ADA])] if n % 5 else [(delete, "abcdefgh"[n % 7], [])] for n in range(40)]
    events = told([step for group in steps for step in group])
    library = Library.open(tmp_path / "library", "k3f9")
    library.shelf("harbour").file(events[:1])
    library._stacks._checkpoints._wiping.result()  # of what may be left of before a crash
    for seq in range(1, len(events)):
        if seq == settled:
            library._stacks._checkpoints._checkpoint()
        library.shelf("harbour").file(events[seq : seq + 1])
    whole = everything(library.shelf("harbour"))
    file, log = [(tmp_path / f"library{suffix}").read_bytes() for suffix in ("", "-wal")]
    library.close()
    heads = set()
    for cut in range(0, len(log), len(log) // 25):  # the disk has the file, and this much of what came after
        (tmp_path / "left").write_bytes(file)
        (tmp_path / "left-wal").write_bytes(log[:cut] + b"\0" * (len(log) - cut))
        library = Library.open(tmp_path / "left", "k3f9")
        shelf = library.shelf("harbour")
        assert library._stacks.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        heads.add(shelf.head)
        assert shelf.head == 0 or everything(shelf) == everything(filed(events[: shelf.head]))
        shelf.file(events)
        assert everything(shelf) == whole
        library.close()
    assert min(heads) >= settled
    assert len(heads) > 5


def filed(events):
    shelf = shelf_in_memory("k3f9")
    shelf.file(events)
    return shelf


def test_checkpoints_are_made_beside_the_filing(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "CHANGES", 10)
    library = Library.open(tmp_path / "library", "k3f9")
    begun = (tmp_path / "library").stat().st_size
    for seq in range(1, 200):
        library.shelf("harbour").file([post(f"p{seq}", seq)])
    library._stacks._checkpoints._latest.result(PATIENCE)
    assert (tmp_path / "library").stat().st_size > begun
    library.close()
    assert not (tmp_path / "library-wal").exists()  # it was all brought into the file


WORDS = "Zanzibar"


def words_in(path):
    """Tell whether the words are anywhere in a library's file and what SQLite keeps beside it."""
    return any(WORDS.encode() in file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


async def test_what_is_withdrawn_is_overwritten_beside_the_loop(tmp_path, monkeypatch):
    path, threads, said = tmp_path / "library", set(), []
    run = checkpoints.Checkpoints._run
    monkeypatch.setattr(
        checkpoints.Checkpoints, "_run", lambda self, kind: (threads.add(threading.get_ident()), run(self, kind))[1]
    )
    library = Library.open(path, "k3f9")
    library._stacks._connection.set_trace_callback(said.append)
    shelf = library.shelf("harbour")
    for n in range(9):  # others around it, so that pages are split and filled
        shelf.file([post(f"p{n}", 3 * n + 1, title=f"Post {n}" * 300)])
        shelf.file([post(f"a{n}", 3 * n + 2, Author.of(WORDS), title=WORDS * 400)])
        shelf.file([update(f"a{n}", 3 * n + 3, title=WORDS * 500)])
    assert words_in(path)
    shelf.file([withdraw(f"a{n}", 30 + n) for n in range(9)])
    await shelf.wiped()
    assert not words_in(path)
    assert len(said) > 100
    assert not [one for one in said if "wal_checkpoint" in one]
    assert threads and threading.get_ident() not in threads
    library.close()


async def test_what_is_withdrawn_is_overwritten_also_in_takes_that_are_still_to_be_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(stacks, "SWEPT_VERSIONS", 1)
    path = tmp_path / "library"
    library = Library.open(path, "k3f9")
    shelf = library.shelf("harbour")
    seqs = count(1)
    for others in (300, 30):
        told = [*(post(f"p{n}", next(seqs), ADA) for n in range(others)), post("a", next(seqs), Author.of(WORDS))]
        told.append(update("a", next(seqs), Author.of(WORDS), title=WORDS * 99))
        frames = shelf.frames()
        shelf.file(told)
        frames.keep([EncodedFrame(one.seq, "post", WORDS.encode(), frozenset({WORDS})) for one in told[-2:]], 0)
        shelf.file([reset(next(seqs))])
    shelf.file([post("a", next(seqs), title=WORDS), withdraw("a", next(seqs))])
    await shelf.wiped()
    assert library._stacks.execute("SELECT count(*) FROM version").fetchone() > (50,), "they are still there"
    assert not words_in(path)
    for seq in range(400, 700):
        shelf.file([post(f"q{seq}", seq)])
    assert library._stacks.execute("SELECT count(*) FROM take").fetchone() == (1,)
    library.close()


async def test_who_reads_the_library_for_long_holds_up_neither_the_loop_nor_the_wiping_for_ever(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(checkpoints, "WIPED_SECONDS", 0.01)
    path = tmp_path / "library"
    library = Library.open(path, "k3f9")
    shelf = library.shelf("harbour")
    shelf.file([post("a", 1, title=WORDS)])
    await shelf.wiped()  # of before a crash
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM version").fetchall()
    shelf.file([withdraw("a", 2)])
    await shelf.wiped()
    assert "stays in its write-ahead log until that has ended" in caplog.text
    shelf.file([post("b", 3)])
    assert slugs(shelf.window(9)) == ["b"]
    reader.close()
    monkeypatch.undo()
    await shelf.wiped()
    assert not words_in(path)
    library.close()


async def test_a_kill_at_any_statement_leaves_whole_batches_and_no_word_of_what_was_withdrawn(tmp_path, monkeypatch):
    path, killed = tmp_path / "library", []

    def kill(_statement=""):
        """Keep what the files hold just now: that is what a kill leaves."""
        left = tmp_path / f"{len(killed)}" / "library"
        left.parent.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{left}{suffix}")
        killed.append((left, len(filed_)))

    run = checkpoints.Checkpoints._run
    monkeypatch.setattr(checkpoints.Checkpoints, "_run", lambda self, kind: (kill(), run(self, kind))[1])
    batches, filed_ = (
        [
            [clock(1), post("a", 2, Author.of(WORDS), title=WORDS), post("b", 3, ADA)],
            [update("a", 4, BEN, title=WORDS), delete("b", 5)],
            [withdraw("a", 6), post("b", 7, BEN)],
            [reset(8), clock(9, 30), post("c", 10, ADA)],
            [update("c", 11, BEN)],
        ],
        [],
    )
    library = Library.open(path, "k3f9")
    shelf = library.shelf("harbour")
    await shelf.wiped()
    library._stacks._connection.set_trace_callback(kill)
    for batch in batches:
        shelf.file(batch)
        await shelf.wiped()
        filed_.append(batch[-1].seq)
    library._stacks._connection.set_trace_callback(None)
    library.close()
    monkeypatch.undo()
    states = [0, *filed_]
    assert len(killed) > 60
    for left, acknowledged in killed:
        library = Library.open(left, "k3f9")
        shelf = library.shelf("harbour")
        await shelf.wiped()
        assert shelf.head in states[acknowledged : acknowledged + 2]
        assert shelf.head < 6 or not words_in(left)
        before = [one for batch in batches for one in batch if one.seq <= shelf.head]
        assert everything(shelf) == everything(filed(before))
        assert slugs(shelf.at(shelf.head).window(9)) == slugs(filed(before).at(shelf.head).window(9))
        library.close()


FILE_FOR_EVER = """
import sys
from itertools import count
from test_library import Library, post
shelf = Library.open(sys.argv[1], "k3f9").shelf("harbour")
for seq in count(1):
    shelf.file([post(f"p{seq}", seq)])
    print(seq, flush=True)
"""


def test_a_killed_process_leaves_a_whole_library(tmp_path):
    path = tmp_path / "library"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    with subprocess.Popen(
        [sys.executable, "-c", FILE_FOR_EVER, path], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if line == "500\n":
                break
        process.kill()
        last = [500, *map(int, process.stdout.read().split())][-1]
    library = Library.open(path, "k3f9")
    shelf = library.shelf("harbour")
    assert shelf.head >= last
    assert slugs(shelf.window(10_000)) == [f"p{seq}" for seq in range(shelf.head, 0, -1)]
    library.close()


def test_a_second_process_gets_a_library_of_its_own(tmp_path):
    first = filled(tmp_path / "library")
    second = filled(tmp_path / "library")
    first.shelf("harbour").file([post("d", 7)])
    assert Counter(library.shelf("harbour").head for library in (first, second)) == {7: 1, 6: 1}
    second.close()
    first.close()
    assert head(tmp_path / "library") == 7


def test_what_is_no_library_is_refused_and_left_alone(tmp_path):
    text, database = tmp_path / "text", tmp_path / "database"
    text.write_text("no database, but text " * 100)
    with pytest.raises(LibraryError, match=r"text could not be opened .* no newsreel library"):
        Library.open(text, "k3f9")
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE recipe (name TEXT)")
    connection.close()
    before = database.read_bytes()
    with pytest.raises(UsageError, match="no newsreel library"):
        Library.open(database, "k3f9")
    assert database.read_bytes() == before
    with pytest.raises(LibraryError, match="see that its folder exists"):
        Library.open(tmp_path / "nowhere" / "library", "k3f9")


def test_the_library_lives_beside_its_log():
    assert library_path("memory:") == ":memory:"
    assert library_path("sqlite:run/newsreel.db") == library_path("run/newsreel.db") == "run/newsreel.db.library"
    with pytest.raises(UsageError):
        library_path("nats://host:4222")


@pytest.mark.parametrize("place", [100, 4096, 40_000])
def test_a_damaged_library_is_made_anew(tmp_path, place):
    path = tmp_path / "library"
    library = Library.open(path, "k3f9")
    library.shelf("harbour").file([post(f"p{n}", n) for n in range(1, 400)])
    library.close()
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * (path.stat().st_size - place))
    for _ in range(2):  # what is found out late is mended by the next start
        library = Library.open(path, "k3f9")
        try:
            shelf = library.shelf("harbour")
            shelf.file([post(f"p{n}", n) for n in range(shelf.head + 1, 500)])
            found = slugs(shelf.window(500))
        except LibraryError as error:
            assert "start again" in str(error)  # noqa: PT017 not each damage is found out late
        finally:
            library.close()
    assert found == [f"p{n}" for n in range(499, 0, -1)]
