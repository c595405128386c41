"""The log's law, held against every engine; and what only a file can suffer."""

import asyncio
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import make_post
from patience import PATIENCE, soon

from publisher.log import sqlite_file, sqlite_opening
from publisher.log.contract import Draft, LogError, StaleAppendError
from publisher.log.memory import MemoryStore
from publisher.log.news import Recent
from publisher.log.opening import open_store
from publisher.log.sqlite import PRUNE_EVENTS, SqliteStore
from publisher.log.sqlite_file import LogFile
from publisher.log.sqlite_opening import BrokenLogError
from shared.errors import UsageError
from shared.event import ClockEvent, DeleteEvent, Logged, Position, PostEvent, ResetEvent, UpdateEvent, decode_event

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def event(kind, name="a"):
    match kind:
        case "post":
            return PostEvent(post=make_post(name))
        case "update":
            return UpdateEvent(post=make_post(name, facts={"revision": 2}))
        case "delete":
            return DeleteEvent(id=name, story_time=NOW)
        case "reset":
            return ResetEvent(reason="seek", take=2, run=1, story_time=NOW)
        case "clock":
            return ClockEvent(
                state="playing", speed=60, anchor=NOW, elapsed=0, story_time=NOW, run=1, reel="e3b0c44298fc1c14"
            )


def draft(key, kind="delete", released_at=NOW):
    return Draft(key, released_at, event(kind, key))


def keys(logged):
    return [one.key for one in logged]


@pytest.fixture(params=["memory", "sqlite"])
def url(request, tmp_path):
    return "memory:" if request.param == "memory" else str(tmp_path / "log.db")


@pytest.fixture
async def store(url):
    store = await open_store(url)
    yield store
    await store.close()


@pytest.fixture
async def log(store):
    return store.channel("harbour")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.db"


async def collect(log, after, count):
    got = []
    async with aclosing(log.tail(after)) as tail:
        async for batch in tail:
            assert batch
            got += batch
            if len(got) >= count:
                break
    return got


# The law.


async def test_events_come_back_as_they_were_logged_in_order(log):
    drafts = [draft(kind, kind) for kind in ("post", "update", "delete", "reset", "clock")]
    logged = await log.append(drafts)
    assert [(one.key, one.event, one.released_at) for one in logged] == [
        (one.key, one.event, one.released_at) for one in drafts
    ]
    assert await log.read(0) == logged
    assert [one.seq for one in logged] == sorted({one.seq for one in logged})
    assert {one.position.epoch for one in logged} == {log.epoch}
    assert await log.head() == logged[-1].seq


async def test_lines_are_the_same_events_not_decoded(log):
    logged = await log.append([draft(kind, kind) for kind in ("post", "update", "delete", "reset", "clock")])
    assert [
        (line.seq, datetime.fromisoformat(line.released_at), decode_event(line.event)) for line in await log.lines(0)
    ] == [(one.seq, one.released_at, one.event) for one in logged]
    assert [line.seq for line in await log.lines(logged[1].seq, 2)] == [one.seq for one in logged[2:4]]
    await log.prune(logged[2].seq)
    assert [line.seq for line in await log.lines(0)] == [one.seq for one in logged[3:]]


async def test_events_that_are_large_come_a_few_at_once(url, log, monkeypatch):
    monkeypatch.setattr("publisher.log.contract.READ_BYTES", 2_500)
    posts = [PostEvent(post=make_post(f"p{n}", content_html=f"<p>{'x' * 1_000}</p>")) for n in range(7)]
    logged = await log.append([Draft(f"k{n}", NOW, post) for n, post in enumerate(posts)])
    found = []
    while lines := await log.lines(found[-1] if found else 0):
        assert len(lines) <= 2
        found += [line.seq for line in lines]
    assert found == [one.seq for one in logged]
    read = await log.read(0)
    assert read == logged[: len(read)]
    assert len(read) <= 2 or url == "memory:"  # where all are at hand already
    assert await collect(log, 0, len(logged)) == logged


async def test_reading_is_paged(log):
    logged = await log.append([draft(f"k{n}") for n in range(7)])
    assert await log.read(logged[1].seq, 3) == logged[2:5]
    assert await log.read(logged[-1].seq) == []
    assert await log.read(logged[-1].seq + 1000) == []


async def test_an_empty_log(log):
    assert (await log.head(), await log.oldest()) == (0, 1)
    assert await log.read(0) == []
    assert await log.latest("post", "reset") is None
    assert await log.append([]) == []
    await log.prune(100)
    assert (await log.head(), await log.oldest()) == (0, 1)


async def test_release_times_keep_their_moment_to_the_microsecond(log):
    moment = NOW + timedelta(microseconds=123456)
    await log.append([draft("k", released_at=moment)])
    assert (await log.read(0))[0].released_at == moment


async def test_a_known_key_is_answered_with_what_was_logged_first(log):
    first = await log.append([draft("k", "post")])
    again = await log.append([draft("k", "delete", NOW + timedelta(hours=1))])
    assert again == first
    assert await log.read(0) == first


async def test_a_group_may_mix_known_keys_and_new_ones(log):
    (known,) = await log.append([draft("b")])
    answer = await log.append([draft("a"), draft("b"), draft("c"), draft("a")])
    assert keys(answer) == ["a", "b", "c", "a"]
    assert answer[1] == known
    assert answer[3] == answer[0]
    assert keys(await log.read(0)) == ["b", "a", "c"]


async def test_expect_lets_only_one_who_knows_the_head_append(log):
    (first,) = await log.append([draft("a")], expect=0)
    (second,) = await log.append([draft("b")], expect=first.seq)
    with pytest.raises(StaleAppendError, match=f"head is {second.seq}, not {first.seq}"):
        await log.append([draft("c"), draft("d")], expect=first.seq)
    with pytest.raises(StaleAppendError):
        await log.append([draft("a"), draft("c")], expect=first.seq)
    assert await log.append([draft("a"), draft("b")], expect=0) == [first, second]
    assert keys(await log.read(0)) == ["a", "b"]


async def test_of_many_with_the_same_expectation_one_wins(log):
    tries = [log.append([draft(f"k{n}")], expect=0) for n in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, list) for result in results) == 1
    assert sum(isinstance(result, StaleAppendError) for result in results) == 19
    assert len(await log.read(0)) == 1


async def test_a_group_stays_together(log):
    groups = [[draft(f"{n}.{m}") for m in range(4)] for n in range(25)]
    await asyncio.gather(*(log.append(group) for group in groups))
    read = keys(await log.read(0))
    assert sorted(read[place : place + 4] for place in range(0, 100, 4)) == sorted(map(keys, groups))


async def test_channels_of_a_store_do_not_see_each_other(store):
    harbour, hill = store.channel("harbour"), store.channel("hill")
    assert store.channel("hill") is hill
    for n in range(5):
        await harbour.append([draft(f"k{n}", "post")])
        await hill.append([draft(f"k{n}", "delete")])
    ours, theirs = await harbour.read(0), await hill.read(0)
    assert keys(ours) == keys(theirs)
    assert {one.event.kind for one in ours} == {"post"}
    assert not {one.seq for one in ours} & {one.seq for one in theirs}
    await harbour.prune(ours[-1].seq)
    assert await hill.read(0) == theirs
    assert await hill.oldest() == 1
    assert harbour.epoch == hill.epoch == store.epoch


async def test_an_epoch_fits_a_position(store):
    assert re.fullmatch("[0-9a-z]{1,16}", store.epoch)
    assert Position.parse(str(Position(store.epoch, 1))).epoch == store.epoch
    assert MemoryStore().epoch != MemoryStore().epoch


async def test_a_tail_gives_what_is_there_and_what_comes(log):
    before = await log.append([draft("a"), draft("b")])
    reading = asyncio.create_task(collect(log, before[0].seq, 3))
    await asyncio.sleep(0)
    await log.append([draft("c")])
    await log.append([draft("d")])
    assert keys(await reading) == ["b", "c", "d"]


@pytest.mark.parametrize("seed", range(6))
async def test_a_tail_has_no_gap_and_no_twin_however_appends_fall(store, seed):
    dice = random.Random(seed)
    log, other = store.channel("harbour"), store.channel("hill")
    log.recent = Recent(3)  # so that tails fall behind what is kept at hand
    total = 120

    async def write(writer):
        for n in range(total // 3):
            await log.append([draft(f"{writer}.{n}")])
            await other.append([draft(f"{writer}.{n}")])
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)

    begun = []
    followers = [asyncio.create_task(follow_to_the_last(log, dice, begun)) for _ in range(8)]
    await asyncio.gather(*(write(writer) for writer in range(3)))
    await soon(lambda: len(begun) == len(followers))
    await log.append([draft("last")])
    everything = await log.read(0, 10_000)
    assert len(everything) == total + 1
    for after, got in await asyncio.wait_for(asyncio.gather(*followers), PATIENCE):
        assert got == [one for one in everything if one.seq > after]


async def follow_to_the_last(log, dice, begun):
    """Begin at some time, at 0 or at the head of the moment, and read at a pace of one's own."""
    for _ in range(dice.randrange(300)):
        await asyncio.sleep(0)
    after = (await log.head()) if dice.random() < 0.5 else 0
    begun.append(after)
    got = []
    async with aclosing(log.tail(after)) as tail:
        async for batch in tail:
            got += batch
            for _ in range(dice.randrange(20)):
                await asyncio.sleep(0)
            if got[-1].key == "last":
                break
    return after, got


async def test_a_tail_beyond_the_head_waits(log):
    await log.append([draft("a")])
    reading = asyncio.create_task(collect(log, 2, 1))
    await log.append([draft("b"), draft("c")])
    assert keys(await asyncio.wait_for(reading, PATIENCE)) == ["c"]


async def test_closing_ends_tails(store, log):
    told = [[], [], []]

    async def follow(got):
        async for batch in log.tail(0):
            got += batch

    reading = [asyncio.create_task(follow(got)) for got in told]
    await log.append([draft("a")])
    await soon(lambda: all(told))
    await store.close()
    await asyncio.wait_for(asyncio.gather(*reading), PATIENCE)
    assert [keys(got) for got in told] == [["a"]] * 3
    await store.close()
    assert await collect(log, 0, 1) == []
    for call in (log.append([draft("b")]), log.read(0), log.head(), log.oldest(), log.latest("post"), log.prune(1)):
        with pytest.raises(LogError, match="closed"):
            await call


async def test_a_tail_that_is_dropped_leaves_nothing_behind(log):
    await log.append([draft("a")])
    tail = log.tail(0)
    await anext(tail)
    await tail.aclose()
    waiting = asyncio.create_task(collect(log, 0, 2))
    await soon(lambda: log.bells._bells)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not log.bells._bells


async def test_pruned_events_are_gone_and_known_to_be(log):
    logged = await log.append([draft(f"k{n}") for n in range(10)])
    await log.prune(logged[3].seq)
    assert await log.read(0) == logged[4:]
    assert await log.oldest() == logged[3].seq + 1
    assert await log.head() == logged[-1].seq
    assert await collect(log, 0, 6) == logged[4:]
    await log.prune(logged[1].seq)  # already gone
    assert await log.oldest() == logged[3].seq + 1
    (again,) = await log.append([draft("k0")])
    assert again.seq > logged[-1].seq


async def test_a_log_pruned_to_the_end_keeps_its_head(log):
    logged = await log.append([draft(f"k{n}") for n in range(3)])
    await log.prune(logged[-1].seq + 1000)
    assert await log.read(0) == []
    assert (await log.head(), await log.oldest()) == (logged[-1].seq, logged[-1].seq + 1)
    (new,) = await log.append([draft("new")], expect=logged[-1].seq)
    assert new.seq > logged[-1].seq
    assert await log.read(0) == [new]


async def test_the_newest_reset_and_clock_outlive_pruning(log):
    kinds = ["reset", "clock", "post", "reset", "clock", "post", "delete"]
    logged = await log.append([draft(f"{n}.{kind}", kind) for n, kind in enumerate(kinds)])
    await log.prune(logged[5].seq)
    assert await log.latest("reset") == logged[3]
    assert await log.latest("clock") == logged[4]
    assert await log.latest("reset", "clock") == logged[4]
    assert await log.latest("post") is None
    assert await log.latest("post", "delete") == logged[6]
    assert await log.read(0) == logged[6:]
    newer = await log.append([draft("newer", "clock")])
    await log.prune(newer[0].seq)
    assert await log.latest("clock") == newer[0]
    assert await log.latest("reset") == logged[3]
    assert await log.read(0) == []


# A log in memory and one in a file cannot be told apart.

KEY = st.sampled_from([f"k{n}" for n in range(12)])
KIND = st.sampled_from(["post", "update", "delete", "reset", "clock"])
STEP = st.one_of(
    st.tuples(
        st.just("append"),
        st.lists(st.tuples(KEY, KIND), min_size=1, max_size=5),
        st.sampled_from([None, None, "head", 1]),
        st.sampled_from(["harbour", "hill"]),
    ),
    st.tuples(st.just("prune"), st.integers(0, 20), st.sampled_from(["harbour", "hill"])),
    st.tuples(st.just("reopen")),
)


SECRET = "Zanzibar"


def told(take, version, slug="a"):
    """Draft a version of a post that tells a secret."""
    words = {"title": SECRET, "content_html": f"<p>{SECRET * 500}</p>", "tags": (SECRET,)}
    post = make_post(slug, facts={"revision": version}, date_modified=NOW, **words)
    return Draft(f"take-{take}:{slug}:{version}", NOW, PostEvent(post=post) if version == 1 else UpdateEvent(post=post))


def withdrawal(take, version, slug="a"):
    return Draft(f"take-{take}:{slug}:{version}", NOW, DeleteEvent(id=slug, story_time=NOW, withdrawn=True))


async def test_a_withdrawal_takes_the_words_of_its_post_and_nothing_else(log):
    drafts = [told(1, 1), told(1, 2), told(3, 1), told(3, 1, "a-b"), told(3, 1, "b"), draft("take-3:clock", "clock")]
    before = await log.append(drafts)
    (gone,) = await log.append([withdrawal(3, 2)])
    after = await log.read(0)
    assert after[-1] == gone
    for was, now in zip(before, after, strict=False):
        if was.key.split(":")[1] != "a":
            assert now == was
            continue
        assert SECRET not in str(now)
        assert (now.position, now.key, now.released_at) == (was.position, was.key, was.released_at)
        assert (now.event.kind, now.event.story_time) == (was.event.kind, was.event.story_time)
        kept = {"id", "content_html", "date_published", "date_modified", "_newsreel"}
        assert now.event.post.to_dict().keys() == kept
        assert now.event.post.revision == was.event.post.revision
    assert await log.append([told(1, 2)]) == [after[1]], "the key is known still"
    assert SECRET not in str(await log.latest("update"))
    assert await collect(log, 0, len(after)) == after, "also for who follows from memory"
    assert await log.append([withdrawal(3, 2)]) == [gone]
    assert await log.read(0) == after


def whole(path):
    """Read a log's file and all that SQLite keeps beside it."""
    return b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))


async def test_what_is_withdrawn_or_pruned_is_overwritten_on_the_disk_at_once(path):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    for slug in "xayabz":  # others around it, so that pages are split and filled
        await log.append([told(1, version, slug) for version in range(1, 4)])
    assert SECRET.encode() in whole(path)
    for slug in "xyzb":
        await log.append([withdrawal(1, 4, slug)])
    assert whole(path).count(SECRET.encode()) > 0
    await log.append([withdrawal(1, 4)])
    assert SECRET.encode() not in whole(path)
    await log.append([told(1, 1, "c")])
    await log.prune(await log.head())
    await log.append([withdrawal(1, 9)])
    assert SECRET.encode() not in whole(path)
    await store.close()


async def test_who_reads_the_file_for_long_does_not_keep_the_words_for_ever(path, caplog, monkeypatch):
    monkeypatch.setattr(sqlite_file, "WIPE_MILLISECONDS", 10)
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    await log.append([told(1, 1)])
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM event").fetchall()
    await log.append([withdrawal(1, 2)])
    assert SECRET not in str(await log.read(0))
    assert "stays in its write-ahead log until that has ended" in caplog.text
    reader.execute("COMMIT")
    reader.close()
    await soon(lambda: SECRET.encode() not in whole(path))
    await store.close()


@settings(max_examples=40)
@given(st.lists(STEP, max_size=12))
def test_engines_agree(tmp_path_factory, steps):
    asyncio.run(play(steps, tmp_path_factory.mktemp("agree") / "log.db"))


async def play(steps, path):
    """Do the same to both. A file leaves gaps between sequence numbers, so their places in the order are compared."""
    stores = [MemoryStore(), await SqliteStore.open(path)]
    given_out = [[0], [0]]  # sequence numbers, by engine
    for step in steps:
        results = []
        for store, seqs in zip(stores, given_out, strict=True):
            match step:
                case ("append", wanted, expect, name):
                    log = store.channel(name)
                    drafts = [draft(key, kind) for key, kind in wanted]
                    try:
                        logged = await log.append(drafts, expect=await log.head() if expect == "head" else expect)
                    except StaleAppendError:
                        results.append("stale")
                    else:
                        seqs[:] = sorted({*seqs, *(one.seq for one in logged)})
                        results.append(places(logged, seqs))
                case ("prune", place, name):
                    await store.channel(name).prune(seqs[min(place, len(seqs) - 1)])
                case _ if isinstance(store, SqliteStore):
                    await store.close()
                    stores[1] = store = await SqliteStore.open(path)  # noqa: PLW2901 the same log
            for name in ("harbour", "hill"):
                log = store.channel(name)
                kinds = ("post", "update", "delete", "reset", "clock")
                latest = [await log.latest(kind) for kind in kinds]
                results.append(places(await log.read(0), seqs))
                results.append(places([one for one in latest if one], seqs))
                results.append((seqs.index(await log.head()), seqs.index(await log.oldest() - 1)))
        assert results[: len(results) // 2] == results[len(results) // 2 :]
    for store in stores:
        await store.close()


def places(logged, seqs):
    return [(seqs.index(one.seq), one.key, one.event) for one in logged]


# Only in a file.


async def test_a_log_is_whole_after_reopening(path):
    store = await SqliteStore.open(path)
    log, epoch = store.channel("harbour"), store.epoch
    logged = await log.append([draft(kind, kind) for kind in ("clock", "post", "update", "delete")])
    await log.prune(logged[1].seq)
    await store.close()
    assert not path.with_name("log.db-wal").exists()
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    assert store.epoch == epoch
    assert await log.read(0) == logged[2:]
    assert (await log.oldest(), await log.head()) == (logged[2].seq, logged[3].seq)
    assert await log.latest("clock") == logged[0]
    assert keys(await log.append([draft("update", "post")])) == ["update"]
    assert await log.head() == logged[3].seq
    await store.close()


async def test_a_pruned_head_is_never_numbered_again(path):
    for _ in range(3):
        store = await SqliteStore.open(path)
        log = store.channel("harbour")
        head = await log.head()
        (logged,) = await log.append([draft("same key")])
        assert logged.seq > head
        await log.prune(logged.seq)
        await store.close()


async def test_a_long_prune_lets_appends_in_between(path):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    logged = await log.append([draft(f"k{n}") for n in range(3 * PRUNE_EVENTS + 10)])
    pruning = asyncio.create_task(log.prune(logged[-10].seq))
    await asyncio.sleep(0)
    await log.append([draft("in between")])
    assert not pruning.done()
    await pruning
    assert keys(await log.read(0)) == [*keys(logged[-9:]), "in between"]
    await store.close()


async def test_a_bad_group_takes_no_other_along(path):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    unwritable = Draft("bad", NOW, event("clock").model_copy(update={"speed": float("nan")}))
    results = await asyncio.gather(
        log.append([draft("a")]),
        log.append([draft("b"), unwritable]),
        log.append([draft("c")], expect=77),
        log.append([draft("d\ud800")]),
        log.append([draft("e")]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [list, ValueError, StaleAppendError, UnicodeEncodeError, list]
    assert keys(await log.read(0)) == ["a", "e"]
    await store.close()


async def test_one_who_is_cancelled_stops_nobody(path):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    tasks = [asyncio.create_task(log.append([draft(f"k{n}")])) for n in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert {f"k{n}" for n in range(10)} - {"k3"} <= set(keys(await log.read(0)))
    await store.close()


async def test_closing_writes_what_waits(path):
    store = await SqliteStore.open(path)
    tasks = [asyncio.create_task(store.channel("harbour").append([draft(f"k{n}")])) for n in range(50)]
    await asyncio.sleep(0)
    await asyncio.gather(store.close(), store.close())
    assert len(await asyncio.gather(*tasks)) == 50
    store = await SqliteStore.open(path)
    assert len(await store.channel("harbour").read(0)) == 50
    await store.close()


async def test_a_tail_is_served_from_memory_what_this_process_appended(path):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    async with aclosing(log.tail(0)) as tail:
        reading = asyncio.create_task(anext(tail))
        await log.head()  # the one reader has answered the tail before this
        (first,) = await log.append([draft("a")])
        assert (await reading)[0] is first
    await store.close()


def test_recent_never_hides_what_another_process_appended():
    def logged(*seqs):
        return [Logged(Position("k3f9", seq), str(seq), NOW, event("delete")) for seq in seqs]

    recent = Recent(3)
    assert recent.after(0) is None
    recent.add(4, logged(5, 6))
    assert recent.after(3) is None
    assert recent.after(4) == logged(5, 6)
    assert recent.after(6) == []
    recent.add(6, logged(9, 10))
    assert recent.after(4) is None
    assert recent.after(5) == logged(6, 9, 10)
    recent.add(12, logged(13))  # 11 and 12 are not ours
    assert recent.after(10) is None
    assert recent.after(12) == logged(13)
    recent.forget(13)
    assert recent.after(12) is None
    assert recent.after(13) == []


def other_database(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipe (name TEXT)")
    connection.commit()
    connection.close()


def newer_log(path):
    LogFile.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda path: path.write_text("no database, but text " * 100), LogError, "no newsreel log"),
        (other_database, UsageError, "no newsreel log"),
        (newer_log, UsageError, "newer newsreel"),
        (lambda path: path.mkdir(), LogError, "could not be opened"),
    ],
    ids=["text", "another database", "newer", "folder"],
)
async def test_what_is_no_log_is_refused_and_left_alone(path, make, error, said):
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(error, match=said) as caught:
        await open_store(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    if before is not None:
        assert path.read_bytes() == before


async def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(LogError, match="see that its folder exists"):
        await open_store(str(tmp_path / "nowhere" / "log.db"))


async def test_an_event_that_cannot_be_read_is_named(path):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    (logged,) = await log.append([draft("a")])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE event SET event = '{}'")
    connection.commit()
    connection.close()
    with pytest.raises(LogError, match=f"event {logged.seq} in .*log.db cannot be read"):
        await log.read(0)
    await store.close()


async def test_a_full_disk_passes(path):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    (pages,) = store._file._connection.execute("PRAGMA page_count").fetchone()
    store._file._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LogError, match="free space") as caught:
        for n in range(1000):
            await log.append([draft(f"k{n}", "post")])
    assert not isinstance(caught.value, BrokenLogError)
    assert n > 0
    store._file._connection.execute("PRAGMA max_page_count = 100000")
    await log.append([draft(f"k{n}", "post")])
    assert keys(await log.read(0)) == [f"k{m}" for m in range(n + 1)]
    await store.close()


async def test_a_log_that_another_process_holds_is_not_broken(path, monkeypatch):
    monkeypatch.setattr(sqlite_opening, "BUSY_SECONDS", 0.01)
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogError, match="another process holds it"):
        await log.append([draft("a")])
    assert await log.read(0) == []
    holder.execute("ROLLBACK")
    holder.close()
    assert keys(await log.append([draft("a")])) == ["a"]
    await store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nats://host:4222", "not in this version"),
        ("postgres://host/news", "names no log"),
        ("memory:more", "names no log"),
        ("sqlite:", "names no log"),
        ("", "names no log"),
    ],
)
async def test_urls_that_name_no_log(url, said):
    with pytest.raises(UsageError, match=said):
        await open_store(url)


async def test_urls_that_name_a_log(path):
    for url in (str(path), f"sqlite:{path}", "memory:"):
        store = await open_store(url)
        assert isinstance(store, MemoryStore if url == "memory:" else SqliteStore)
        await store.close()


# Other processes. Each script is given the log's path.

BEGINNING = """
import asyncio, resource, signal, sys
from test_log import NOW, draft, event
from publisher.log.contract import LogError
from publisher.log.sqlite import SqliteStore

def say(*words):
    print(*words, flush=True)

async def main(path, *words):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
"""


def start(script, *words):
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            BEGINNING + textwrap.indent(script, "    ") + "\nasyncio.run(main(*sys.argv[1:]))",
            *words,
        ],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        text=True,
    )


APPEND_FOR_EVER = """
n = 0
while True:
    await log.append([draft(f"k{n}.{m}", "post") for m in range(3)])
    say(n)
    n += 1
"""


@pytest.mark.parametrize("seed", range(3))
async def test_a_kill_loses_nothing_that_was_acknowledged(path, seed):
    enough = random.Random(seed).randrange(20, 200)
    with start(APPEND_FOR_EVER, path) as writer:
        for line in writer.stdout:
            if int(line) == enough:
                break
        writer.send_signal(signal.SIGKILL)
        said = [enough, *map(int, writer.stdout.read().split())]
    store = await SqliteStore.open(path)
    read = keys(await store.channel("harbour").read(0, 100_000))
    assert len(read) % 3 == 0
    assert read == [f"k{n}.{m}" for n in range(len(read) // 3) for m in range(3)]
    assert len(read) // 3 > said[-1]
    await store.close()


async def test_a_kill_at_any_statement_leaves_whole_groups_and_no_word_of_what_was_withdrawn(path, tmp_path):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    (secret, b), (again, c) = [told(1, 1), draft("b")], [told(1, 2), draft("c")]
    said, killed = [], []

    def kill(statement):
        """Keep what the files hold just before a statement: that is what a kill leaves."""
        left = tmp_path / f"{len(killed)}" / path.name
        left.parent.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{left}{suffix}")
        killed.append((left, len(said)))

    store._file._connection.set_trace_callback(kill)
    steps = [log.append([secret, b]), log.append([again, c]), log.append([withdrawal(1, 3), draft("d")])]
    steps += [log.prune(2), log.append([draft("e")])]
    for step in steps:
        await step
        said.append([one.key for one in await log.read(0)])
    store._file._connection.set_trace_callback(None)
    await store.close()
    states = [[], *said]
    assert len(killed) > 30
    for left, acknowledged in killed:
        store = await SqliteStore.open(left)
        read = await store.channel("harbour").read(0)
        assert keys(read) in states[acknowledged : acknowledged + 2]
        if "take-1:a:3" in keys(read) or "e" in keys(read):
            assert SECRET not in str(read)
            assert SECRET.encode() not in whole(left)
        await store.close()


APPEND_MANY = """
for n in range(100):
    await log.append([draft(f"{words[0]}.{n}"), draft(f"shared.{n}")])
await store.close()
"""


async def test_a_tail_sees_what_other_processes_append(path):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    writers = [start(APPEND_MANY, path, name) for name in ("one", "two")]
    got, here = [], 0
    async with aclosing(log.tail(0)) as tail:
        while len(got) < 300 + here:
            if any(writer.poll() is None for writer in writers):
                await log.append([draft(f"here.{here}")])
                here += 1
            got += await asyncio.wait_for(anext(tail), PATIENCE)
    for writer in writers:
        with writer:
            assert writer.wait() == 0
    assert got == await log.read(0, 100_000)
    assert sorted(keys(got)) == sorted(
        [*(f"{who}.{n}" for who in ("one", "two", "shared") for n in range(100)), *(f"here.{n}" for n in range(here))]
    )
    await store.close()


async def test_a_tail_that_sleeps_is_woken_by_another_process(path):
    store = await SqliteStore.open(path)
    log = store.channel("harbour")
    reading = asyncio.create_task(collect(log, 0, 1))
    await soon(lambda: log.bells._bells)
    with start(OPEN_AND_APPEND, path, "from afar") as process:
        assert keys(await asyncio.wait_for(reading, PATIENCE)) == ["from afar"]
        process.communicate()
    await store.close()


OPEN_AND_APPEND = """
await log.append([draft(words[0])])
say(store.epoch)
await store.close()
"""


async def test_processes_that_begin_a_log_at_once_begin_the_same(path):
    names = ["a", "b", "c", "d"]
    said = []
    for process in [start(OPEN_AND_APPEND, path, name) for name in names]:
        with process:
            said.append((await asyncio.to_thread(process.communicate))[0].strip())
    store = await SqliteStore.open(path)
    assert said == [store.epoch] * 4
    assert sorted(keys(await store.channel("harbour").read(0))) == names
    await store.close()


FAIL_TO_WRITE = """
await log.append([draft("before")])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    for n in range(1000):
        await log.append([draft(f"k{n}", "post")])
except LogError as error:
    say(type(error).__name__, n, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    await log.append([draft("after")])
except LogError as error:
    say(type(error).__name__, n, error)
say("read", len(await log.read(0, 10_000)))
await store.close()
"""


async def test_a_failing_medium_ends_all_appends(path):
    with start(FAIL_TO_WRITE, path) as process:
        first, later, read, *rest = process.communicate()[0].splitlines()
    name, count, said = first.split(" ", 2)
    assert not rest
    assert name == "BrokenLogError"
    assert "log.db could not be written" in said
    assert "check the disk" in said
    assert later == first
    assert read == f"read {int(count) + 1}"
    store = await SqliteStore.open(path)
    whole = keys(await store.channel("harbour").read(0, 10_000))
    assert whole[: int(count) + 1] == ["before", *(f"k{n}" for n in range(int(count)))]
    await store.close()
