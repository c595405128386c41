"""What the library's statements cost: as much with many posts as with few. Counted in steps of SQLite, not in time."""

import asyncio
import re
from datetime import timedelta
from itertools import pairwise

import pytest
from making import ADDRESS, make_post
from test_library import ADA, BEN, NOW, clock, delete, post, reset, update, withdraw

from publisher.channel import Channel
from publisher.fanout import EncodedFrame
from publisher.library import Library
from publisher.log.memory import MemoryStore
from publisher.rerun.rerun import Rerun
from publisher.rerun.reruns import Reruns
from publisher.rerun.showing import AsOf
from publisher.scene import Billing
from publisher.when import When

FEW, MANY = 500, 8_000
WINDOW = 100
TABLES = re.compile(r"SCAN (?:version|born|gone|credit|author|frame|clock|shelf)\b")


opened = []


@pytest.fixture(autouse=True)
def all_closed():
    """Close what ``story`` opened."""
    yield
    while opened:
        opened.pop().close()


def story(posts, gone=0):
    """File posts, the newest of which are taken away again."""
    opened.append(Library.open("", "k3f9"))
    shelf = opened[-1].shelf("harbour")
    frames = shelf.frames()
    frames.begin("settings")
    for first in range(1, posts + 1, 500):
        batch = [post(f"p{n}", n, (ADA, BEN)[n % 2]) for n in range(first, min(first + 500, posts + 1))]
        shelf.file(batch)
        frames.keep([EncodedFrame(one.seq, "post", b"x" * 50, frozenset("t")) for one in batch], first - 1)
    shelf.file([delete(f"p{posts - n}", posts + 1 + n) for n in range(gone)])
    return shelf


def asked(shelf, posts):
    """Give what readers, releases and an editor's hand do to a shelf, each by its name."""
    seq = shelf.head
    then = shelf.at(posts // 2)
    late = shelf.at(seq - 1)
    frames = shelf.frames()
    return {
        "a release": lambda: shelf.file([post("new", seq + 1, ADA)]),
        "its frame": lambda: frames.keep([EncodedFrame(seq + 1, "post", b"x", frozenset())], seq),
        "an edit": lambda: shelf.file([update("new", seq + 2, BEN)]),
        "an edit of long ago": lambda: shelf.file([update("p9", seq + 3, BEN)]),
        "a deletion": lambda: shelf.file([delete("p10", seq + 4)]),
        "a withdrawal": lambda: shelf.file([withdraw("p11", seq + 5)]),
        "a withdrawal of what was deleted": lambda: shelf.file([withdraw("p10", seq + 6)]),
        "its frames": lambda: frames.blank(frames.of("p10")),
        "a clock": lambda: shelf.file([clock(seq + 7)]),
        "the window": lambda: shelf.history.window(WINDOW),
        "the tombstones": lambda: shelf.tombstones(WINDOW),
        "the authors": shelf.history.authors,
        "a post": lambda: shelf.find("p12"),
        "whether it was withdrawn": lambda: shelf.withdrew("p10"),
        "the last withdrawal": shelf.history.withdrawal,
        "withdrawals of late": lambda: shelf.history.withdrawals(seq - 9, WINDOW),
        "an archive document": lambda: shelf.slot(2 * WINDOW, WINDOW),
        "whether it changed": lambda: shelf.slot_version(2 * WINDOW, WINDOW),
        "the window of then": lambda: then.window(WINDOW),
        "the window of late": lambda: late.window(WINDOW),
        "the counts of then": lambda: (then.releases, then.changed),
        "the tombstones of then": lambda: then.tombstones(WINDOW),
        "the authors of then": then.authors,
        "a post of then": lambda: then.find("p12"),
        "an archive document of then": lambda: then.slot(WINDOW, WINDOW),
        "the moment of then": lambda: shelf.history.seq_at(make_post(minutes=posts // 2).date_published),
        "where it begins and ends": shelf.history.ends,
        "the clock of then": lambda: shelf.clock_at(posts // 2),
        "frames that are read": lambda: frames.after(posts // 2, 1_000, seq),
        "which of them stand": lambda: frames.standing(posts // 2, posts // 2 + 50),
    }


def counting(shelf):
    """Begin to count the steps, in tens; each is an entry of the list."""
    counted = []
    shelf._stacks._connection.set_progress_handler(lambda: counted.append(1) or 0, 10)
    return counted


def steps(shelf, posts):
    """Count the steps of each."""
    found = {}
    for name, ask in asked(shelf, posts).items():
        shelf._cache.clear()
        counted = counting(shelf)
        ask()
        found[name] = 10 * len(counted)
    return found


@pytest.mark.parametrize("gone", [0, 0.75], ids=["all-out", "most-of-the-newest-gone"])
def test_nothing_costs_more_for_the_posts_that_it_does_not_touch(gone):
    few = steps(story(FEW), FEW)
    many = steps(story(MANY, int(gone * MANY)), MANY)
    if gone:  # how a channel stood before is looked for among what has gone since
        few, many = [{name: one for name, one in part.items() if " of late" not in name} for part in (few, many)]
        few["the tombstones"] = few["the tombstones of then"] = 10**6  # as many as documents carry
    dear = {name: (few[name], many[name]) for name in few if many[name] > 1.5 * few[name] + 200}
    assert not dear


def channel_of(shelf):
    log = MemoryStore("k3f9").channel("harbour")
    return Channel(log, shelf, ADDRESS, Billing("Storm", "archive", "en", NOW.date(), NOW, WINDOW), "original")


def test_how_a_story_stood_costs_no_more_where_the_story_is_long():
    cost = {}
    for posts in (FEW, MANY):
        channel = channel_of(story(posts))
        counted = counting(channel.press.shelf)
        for when in ("+2h", "50%", "100%", "2023-02-01T12:00Z"):
            assert len(AsOf(channel, When.parse(when)).snapshot().posts) == WINDOW
        cost[posts] = len(counted)
    assert cost[MANY] < 1.2 * cost[FEW]


async def test_the_first_rerun_of_a_long_story_lets_others_have_their_turn(monkeypatch):
    monkeypatch.setattr("publisher.library.history.GROWN", 50)
    monkeypatch.setattr("publisher.axis.GROWN", 50)
    channel = channel_of(story(MANY))
    reruns, rerun = Reruns(lambda: NOW), Rerun(NOW, max_gap=timedelta(seconds=30))
    counted, turns = counting(channel.press.shelf), [0]
    asking = [asyncio.create_task(reruns.playbacks.ready(channel, rerun)) for _ in range(20)]
    while not all(one.done() for one in asking):
        turns.append(len(counted))
        await asyncio.sleep(0)
    assert max(after - before for before, after in pairwise(turns)) < 300
    assert len(turns) > 2 * MANY / 50, "and so is the axis"
    before = len(counted)
    assert len(reruns.playbacks.get(channel, rerun).timetable) == MANY
    assert len(counted) - before < 20


def test_no_statement_looks_through_a_whole_table():
    shelf = story(FEW)
    shelf.file([reset(FEW + 1), post("a", FEW + 2, ADA)])  # the take before is swept from now on
    connection = shelf._stacks._connection
    said = set()
    connection.set_trace_callback(said.add)
    for ask in asked(shelf, FEW).values():
        ask()
    shelf.history.timeline()
    shelf.frames().forget(FEW)
    connection.set_trace_callback(None)
    statements = [one for one in said if one.split()[0] in {"SELECT", "UPDATE", "DELETE", "INSERT"}]
    assert len({re.sub(r"[0-9]+|'[^']*'", "", one) for one in statements}) > 30
    plans = {one: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {one}")] for one in statements}
    assert not {one: plan for one, plan in plans.items() if any(TABLES.match(step) for step in plan)}
