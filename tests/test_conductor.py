"""The conductor releases every cue once, in order, at its time, whatever happens to the process."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import make_post
from patience import PATIENCE
from serving import EXAMPLES

from publisher.intake import Wanted, read_sources
from publisher.log.contract import LogError
from publisher.log.memory import MemoryStore
from publisher.log.sqlite import SqliteStore
from publisher.reel import Reel
from publisher.replay.alarm import SteadyTime
from publisher.replay.archive import release_all
from publisher.replay.conductor import Conductor
from publisher.replay.control import Control
from publisher.replay.score import Score
from shared.event import ClockEvent, DeleteEvent, PostEvent, UpdateEvent
from tests.bench.replay import SPEEDS, day_after_day, posts_at, simulated

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def reel_of(*minutes, **options):
    return Reel([PostEvent(post=make_post(f"p{i}", m)) for i, m in enumerate(minutes)], **options)


def seconds(count):
    return timedelta(seconds=count)


async def everything(log):
    return await log.read(0, 10_000)


def slugs(events):
    return [e.event.post.id for e in events if isinstance(e.event, PostEvent)]


def clocks(events):
    return [e.event.state for e in events if isinstance(e.event, ClockEvent)]


async def test_releases_each_cue_when_it_is_due_and_says_when_to_wake():
    log = MemoryStore().channel("c")
    conductor = Conductor(reel_of(0, 1, 2), Score(speed=60), log)
    await conductor.open(NOW)
    assert await conductor.release(NOW) == NOW + seconds(1)
    assert slugs(await everything(log)) == ["p0"]
    assert await conductor.release(NOW + seconds(0.999)) == NOW + seconds(1)
    assert await conductor.release(NOW + seconds(1)) == NOW + seconds(2)
    assert await conductor.release(NOW + seconds(2)) is None
    events = await everything(log)
    assert slugs(events) == ["p0", "p1", "p2"]
    assert clocks(events) == ["playing", "ended"]
    assert events[-1].event.kind == "clock"


async def test_a_late_wake_releases_everything_due_in_order_with_stamps_of_their_own():
    log = MemoryStore().channel("c")
    conductor = Conductor(reel_of(*range(1200)), Score(speed=60), log)
    await conductor.open(NOW)
    await conductor.release(NOW + seconds(3_000))
    events = await everything(log)
    assert slugs(events) == [f"p{i}" for i in range(1200)]
    stamps = [e.released_at for e in events]
    assert stamps == sorted(set(stamps))


async def test_begins_where_it_is_told_with_everything_earlier_out_at_once():
    log = MemoryStore().channel("c")
    conductor = Conductor(reel_of(0, 1, 10, 20), Score(speed=60, begin=600), log)
    await conductor.open(NOW)
    assert await conductor.release(NOW) == NOW + seconds(10)
    assert slugs(await everything(log)) == ["p0", "p1", "p2"]


async def test_a_loop_resets_counts_its_rounds_and_pauses_between_them():
    log = MemoryStore().channel("c")
    conductor = Conductor(reel_of(0, 1), Score(speed=60, loop=True, loop_pause=seconds(5)), log)
    await conductor.open(NOW)
    await conductor.release(NOW)
    assert await conductor.release(NOW + seconds(1)) == NOW + seconds(6)
    again = NOW + seconds(6)
    assert await conductor.release(again) == again + seconds(1)
    events = await everything(log)
    assert [e.event.kind for e in events] == ["clock", "post", "post", "reset", "clock", "post"]
    assert (events[3].event.reason, events[3].event.take, events[3].event.run) == ("loop", 2, 2)
    assert slugs(events) == ["p0", "p1", "p0"]


async def test_a_restart_goes_on_by_the_clock_and_publishes_nothing_twice():
    log = MemoryStore().channel("c")
    reel = reel_of(0, 1, 2, 3)
    first = Conductor(reel, Score(speed=60), log)
    await first.open(NOW)
    await first.release(NOW + seconds(1))
    second = Conductor(reel, Score(speed=60), log)  # the first one is gone: kill -9
    later = NOW + seconds(2.5)
    await second.open(later)
    assert await second.release(later) == NOW + seconds(3)
    assert await second.release(NOW + seconds(3)) is None
    assert slugs(await everything(log)) == ["p0", "p1", "p2", "p3"]


async def test_two_conductors_on_one_log_publish_once():
    log = MemoryStore().channel("c")
    reel = reel_of(0, 1, 2)
    one, other = Conductor(reel, Score(speed=60), log), Conductor(reel, Score(speed=60), log)
    await one.open(NOW)
    await other.open(NOW)
    for moment in (0, 1, 2):
        await one.release(NOW + seconds(moment))
        await other.release(NOW + seconds(moment))
    events = await everything(log)
    assert slugs(events) == ["p0", "p1", "p2"]
    assert clocks(events) == ["playing", "ended"]


async def test_a_restart_at_another_speed_goes_on_from_the_same_place():
    log = MemoryStore().channel("c")
    reel = reel_of(0, 1, 2)
    first = Conductor(reel, Score(speed=60), log)
    await first.open(NOW)
    await first.release(NOW + seconds(1))
    second = Conductor(reel, Score(speed=30), log)
    await second.open(NOW + seconds(1))
    assert await second.release(NOW + seconds(1)) == NOW + seconds(3)
    assert slugs(await everything(log)) == ["p0", "p1"]


async def test_a_restart_on_another_axis_begins_a_new_take_at_the_same_moment_of_the_story():
    log = MemoryStore().channel("c")
    first = Conductor(reel_of(0, 60, 120), Score(speed=60), log)
    await first.open(NOW)
    await first.release(NOW + seconds(61))
    second = Conductor(reel_of(0, 60, 120, max_gap=seconds(60)), Score(speed=60), log)
    await second.open(NOW + seconds(61))
    await second.release(NOW + seconds(61))
    events = await everything(log)
    assert [e.event.kind for e in events] == ["clock", "post", "post", "reset", "clock", "post", "post"]
    assert slugs(events) == ["p0", "p1", "p0", "p1"]


async def test_an_ended_replay_stays_ended():
    log = MemoryStore().channel("c")
    reel = reel_of(0, 1)
    for later in (10, 100):
        conductor = Conductor(reel, Score(speed=60), log)
        await conductor.open(NOW + seconds(later))
        assert (await conductor.release(NOW + seconds(later + 10))) is None
    assert [e.event.kind for e in await everything(log)] == ["clock", "post", "post", "clock"]


async def test_edits_and_deletions_are_released_at_their_own_times():
    log = MemoryStore().channel("c")
    post = make_post("a")
    edit = make_post("a", title="Mended", facts={"revision": 2}, date_modified=post.story_time + seconds(60))
    gone = DeleteEvent(id="a", story_time=post.story_time + seconds(120))
    conductor = Conductor(Reel([gone, UpdateEvent(post=edit), PostEvent(post=post)]), Score(speed=60), log)
    await conductor.open(NOW)
    for moment, kinds in ((0, ["post"]), (1, ["post", "update"]), (2, ["post", "update", "delete"])):
        await conductor.release(NOW + seconds(moment))
        kept = [e.event.kind for e in await everything(log) if e.event.kind != "clock"]
        assert kept == kinds


async def test_what_a_failing_log_refused_is_still_due():
    log = MemoryStore().channel("c")
    conductor = Conductor(reel_of(0, 1), Score(speed=60), log)
    await conductor.open(NOW)
    append = log.append

    async def refuse(drafts, **options):
        raise LogError("the disk is full")

    log.append = refuse
    with pytest.raises(LogError):
        await conductor.release(NOW + seconds(1))
    log.append = append
    await conductor.release(NOW + seconds(1))
    assert slugs(await everything(log)) == ["p0", "p1"]


async def test_an_archive_is_out_at_once_and_once_only():
    log = MemoryStore().channel("c")
    reel = reel_of(*range(1200))
    await release_all(reel, log, NOW)
    await release_all(reel, log, NOW + seconds(100))
    assert slugs(await everything(log)) == [f"p{i}" for i in range(1200)]


@given(
    minutes=st.lists(st.integers(0, 500), min_size=1, max_size=30),
    wakes=st.lists(st.integers(0, 40_000), max_size=30),
    crashes=st.sets(st.integers(0, 30)),
    gap=st.none() | st.integers(1, 100),
)
async def test_whenever_it_wakes_and_however_often_it_dies_each_cue_comes_once_in_order(minutes, wakes, crashes, gap):
    log = MemoryStore().channel("c")
    reel = reel_of(*minutes, max_gap=None if gap is None else timedelta(minutes=gap))
    conductor = Conductor(reel, Score(speed=1), log)
    await conductor.open(NOW)
    for number, wake in enumerate([*sorted(wakes), 40_000]):
        if number in crashes:
            conductor = Conductor(reel, Score(speed=1), log)
            await conductor.open(NOW + seconds(wake))
        await conductor.release(NOW + seconds(wake))
        out = slugs(await everything(log))
        assert out == [cue.event.post.id for cue in reel.cues if cue.elapsed <= wake]
    assert clocks(await everything(log)) == ["playing", "ended"]


def kinds(events):
    return [e.event.kind for e in events]


def failing(log, times=1, after=0):
    """Make the next appends of a log fail, after so many that do not."""
    append = log.append

    async def refuse(drafts, **options):
        nonlocal times, after
        after -= 1
        if times and after < 0:
            times -= 1
            raise LogError("the disk is full")
        return await append(drafts, **options)

    log.append = refuse


async def test_a_round_that_a_failing_log_refused_begins_once_and_with_its_reset():
    log = MemoryStore().channel("c")
    conductor = Conductor(reel_of(0, 1), Score(speed=60, loop=True, loop_pause=seconds(5)), log)
    await conductor.open(NOW)
    await conductor.release(NOW + seconds(1))
    failing(log, 2)
    again = NOW + seconds(6)
    for _ in range(2):
        with pytest.raises(LogError):
            await conductor.release(again)
    await conductor.release(again)
    events = await everything(log)
    assert kinds(events) == ["clock", "post", "post", "reset", "clock", "post"]
    assert (events[3].event.run, events[3].event.take, events[4].event.run) == (2, 2, 2)


async def test_a_new_axis_right_after_a_reset_does_not_begin_where_the_round_before_ended():
    log = MemoryStore().channel("c")
    first = Conductor(reel_of(0, 60, 120), Score(speed=60, loop=True, loop_pause=seconds(1)), log)
    await first.open(NOW)
    await first.release(NOW + seconds(120))
    with pytest.raises(LogError):  # it dies before the first post of the round
        failing(log, after=1)
        await first.release(NOW + seconds(121))
    second = Conductor(reel_of(0, 60, 120, max_gap=seconds(60)), Score(speed=60), log)
    await second.open(NOW + seconds(121))
    await second.release(NOW + seconds(121))
    assert slugs(await everything(log)) == ["p0", "p1", "p2", "p0"]


async def test_release_times_stay_apart_when_the_clock_was_set_back_and_the_axis_changed():
    log = MemoryStore().channel("c")
    first = Conductor(reel_of(0, 1), Score(speed=60), log)
    await first.open(NOW)
    await first.release(NOW + seconds(1))
    second = Conductor(reel_of(0, 1, 2), Score(speed=60), log)
    await second.open(NOW - seconds(100))
    await second.release(NOW - seconds(100))
    stamps = [e.released_at for e in await everything(log)]
    assert stamps == sorted(set(stamps))


async def test_an_archive_that_becomes_a_replay_is_taken_back_first():
    log = MemoryStore().channel("c")
    reel = reel_of(0, 1, 2)
    await release_all(reel, log, NOW)
    for _ in range(2):
        conductor = Conductor(reel, Score(speed=60), log)
        await conductor.open(NOW + seconds(10))
        await conductor.release(NOW + seconds(10))
    assert kinds(await everything(log)) == ["post", "post", "post", "reset", "clock", "post"]


async def test_a_replay_that_becomes_an_archive_shows_everything_and_can_become_a_replay_again():
    log = MemoryStore().channel("c")
    reel = reel_of(0, 1, 2)
    conductor = Conductor(reel, Score(speed=60), log)
    await conductor.open(NOW)
    await conductor.release(NOW)
    for _ in range(2):
        await release_all(reel, log, NOW + seconds(1))
    assert kinds(await everything(log)) == ["clock", "post", "reset", "post", "post", "post"]
    conductor = Conductor(reel, Score(speed=60), log)
    await conductor.open(NOW + seconds(2))
    await conductor.release(NOW + seconds(3))
    assert kinds(await everything(log))[6:] == ["reset", "clock", "post", "post"]
    stamps = [e.released_at for e in await everything(log)]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize("passed", [1, 1000], ids=["playing", "ended"])
async def test_a_replay_whose_source_was_mended_shows_it_where_it_stands(passed):
    log = MemoryStore().channel("c")
    for start, title in enumerate(["As it was", "As it was", "Mended"]):
        reel = Reel([PostEvent(post=make_post(f"p{n}", n, title=title)) for n in range(4)])
        conductor = Conductor(reel, Score(speed=60), log)
        await conductor.open(NOW + seconds(passed * (start > 0)))
        await conductor.release(NOW + seconds(passed * (start > 0)))
        if start == 0:
            await conductor.release(NOW + seconds(passed))
    events = await everything(log)
    out = 2 if passed == 1 else 4
    ended = ["clock"] * (out == 4)
    assert kinds(events) == [*["clock", *["post"] * out, *ended], *["reset", "clock", *["post"] * out, *ended]]
    assert [e.event.post.title for e in events if e.event.kind == "post"] == ["As it was"] * out + ["Mended"] * out


async def test_what_fell_due_while_the_machine_slept_is_out_at_the_next_look():
    up = 1000.0
    steady = SteadyTime(lambda: up)
    began = steady.now()
    log = MemoryStore().channel("c")
    conductor = Conductor(reel_of(0, 60, 120, 600), Score(speed=1), log)
    await conductor.open(began)
    await conductor.release(began)
    up += 2 * 3600 + 1
    assert steady.now() == began + seconds(7201)
    assert await conductor.release(steady.now()) == began + seconds(36_000)
    assert slugs(await everything(log)) == ["p0", "p1", "p2"]


def test_time_goes_by_a_clock_that_nobody_sets():
    steady = SteadyTime()
    first = time.monotonic()
    moments = [steady.now() for _ in range(100)]
    last = time.monotonic()
    assert moments == sorted(moments)
    assert (moments[-1] - moments[0]).total_seconds() <= last - first + 1e-6


async def test_an_archive_goes_on_where_a_start_was_broken_off():
    log = MemoryStore().channel("c")
    whole = reel_of(0, 1, 2)
    await release_all(reel_of(0, 1), log, NOW)
    for _ in range(2):
        await release_all(whole, log, NOW + seconds(1))
    assert kinds(await everything(log)) == ["post"] * 3


async def test_a_log_that_fails_is_told_once_tried_again_and_told_when_it_takes_more(caplog):
    log = MemoryStore().channel("c")
    conductor = Conductor(reel_of(0, 1), Score(speed=60), log)
    await conductor.open(NOW)
    failing(log, 3)
    bell = Bell()
    task = asyncio.create_task(conductor.run(bell, lambda: NOW))
    async with asyncio.timeout(PATIENCE):
        while not slugs(await everything(log)):
            await asyncio.sleep(0)
            for ring in bell.rings:
                ring()
            bell.rings.clear()
        while len(caplog.messages) < 2:  # noqa: ASYNC110 nothing there rings a bell
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert caplog.messages == [
        "the disk is full; nothing is released; trying again every 5 s",
        "releasing again; what had fallen due is out",
    ]


@pytest.mark.parametrize("change", ["text", "gone", "more"])
async def test_an_archive_shows_what_its_source_says_by_now(change):
    def cues(*slugs, title):
        return Reel([PostEvent(post=make_post(slug, n, title=title)) for n, slug in enumerate(slugs)])

    log = MemoryStore().channel("c")
    await release_all(cues("a", "b", "c", title="As it was"), log, NOW)
    mended = {
        "text": cues("a", "b", "c", title="Mended"),
        "gone": cues("a", "c", title="As it was"),
        "more": cues("a", "x", "b", "c", title="As it was"),
    }[change]
    for start in range(1, 4):
        await release_all(mended, log, NOW + seconds(start))
    events = await everything(log)
    assert kinds(events) == ["post"] * 3 + ["reset"] + ["post"] * len(mended)
    assert [e.event for e in events[4:]] == [cue.event for cue in mended.cues]
    assert [e.released_at for e in events] == sorted({e.released_at for e in events})


@pytest.mark.parametrize("name", ["harbour-fire.txt", "storm-wenna.txt"])
async def test_an_archive_whose_source_is_the_same_is_not_published_again(name, tmp_path):
    store = await SqliteStore.open(tmp_path / "log.db")
    log = store.channel("c")
    heads = []
    for start in range(2):
        reading = await asyncio.to_thread(read_sources, Wanted((f"{EXAMPLES}/{name}",)))
        await release_all(Reel(told.event for told in reading.told), log, NOW + seconds(start))
        heads.append(await log.head())
    assert heads[0] == heads[1]
    await store.close()


class Bell:
    """An alarm in the hands of the test."""

    def __init__(self):
        self.rings = []

    def set(self, at, ring):
        self.rings.append(ring)

    def cancel(self):
        pass


@pytest.mark.parametrize("steps", range(6))
async def test_it_ends_when_told_to_even_in_the_moment_of_a_cue(steps):
    conductor = Conductor(reel_of(0, 60_000), Score(speed=1), MemoryStore().channel("c"))
    await conductor.open(NOW)
    bell = Bell()
    task = asyncio.create_task(conductor.run(bell, lambda: NOW))
    while not bell.rings:  # noqa: ASYNC110 the alarm is set within a few steps of the loop
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    bell.rings[-1]()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=PATIENCE)
    assert done, "the cancellation was swallowed"


@pytest.mark.parametrize("speed", SPEEDS)
async def test_no_release_is_early_and_none_drifts_however_long_it_plays(speed):
    reel = Reel(posts_at(day_after_day(2_000, seed=5)))
    found = await simulated(reel, speed, late_by=0.0, seed=6)
    assert found["earliest ms"] >= 0
    assert found["max ms"] <= 0.002  # moments have whole microseconds


async def test_a_loop_that_is_held_up_releases_late_but_everything_and_in_order():
    found = await simulated(Reel(posts_at(day_after_day(2_000, seed=7))), 3_600.0, late_by=3.0, seed=8)
    assert 0 <= found["earliest ms"] <= found["max ms"] <= 3_000


async def test_a_restart_on_another_axis_keeps_a_pause():
    log = MemoryStore().channel("c")
    conductor = Conductor(reel_of(0, 1, 60), Score(speed=60), log)
    await conductor.open(NOW)
    await conductor.release(NOW + seconds(2))
    await conductor.control(Control(state="paused"), lambda: NOW + seconds(2))
    again = Conductor(reel_of(0, 1, 60, max_gap=timedelta(minutes=5)), Score(speed=60), log)
    await again.open(NOW + seconds(10))
    assert await again.release(NOW + seconds(3_600)) is None
    assert clocks(await everything(log)) == ["playing", "paused", "paused"]
    standing = again.standing(NOW + seconds(3_600))
    assert standing.story_time == make_post("p0", 2).story_time, "in the silence after p1, where it was paused"


async def test_a_source_that_changes_before_the_start_begins_at_the_start_all_the_same():
    log = MemoryStore().channel("c")
    score = Score(speed=60, start=NOW + seconds(100))
    await Conductor(reel_of(0, 1, 2), score, log).open(NOW)
    again = Conductor(reel_of(0, 1, 2, 3), score, log)
    await again.open(NOW + seconds(10))
    assert await again.release(NOW + seconds(99)) == NOW + seconds(100)
    assert slugs(await everything(log)) == []
    await again.release(NOW + seconds(100))
    assert slugs(await everything(log)) == ["p0"]


async def test_a_source_that_grows_after_the_end_plays_only_what_is_new():
    log = MemoryStore().channel("c")
    conductor = Conductor(reel_of(0, 1), Score(speed=60), log)
    await conductor.open(NOW)
    await conductor.release(NOW + seconds(1))
    again = Conductor(reel_of(0, 1, 5), Score(speed=60), log)
    await again.open(NOW + seconds(10))
    assert await again.release(NOW + seconds(10)) == NOW + seconds(14)


async def test_who_has_another_reel_than_the_clock_leaves_the_log_alone(caplog):
    log = MemoryStore().channel("c")
    old = Conductor(reel_of(0, 10, 20, max_gap=timedelta(minutes=1)), Score(speed=60), log)
    await old.open(NOW)
    await old.release(NOW)
    # Another process is started with other settings, before this one is ended.
    new = Conductor(reel_of(0, 10, 20), Score(speed=60), log)
    await new.open(NOW)
    for second in range(10):
        await old.release(NOW + seconds(second))
        await new.release(NOW + seconds(second))
    await old.control(Control(state="paused"), lambda: NOW + seconds(9.5))
    assert "other settings" in caplog.text
    assert slugs((await everything(log))[3:]) == ["p0"], "p1 is due after ten seconds"
    await old.release(NOW + seconds(60))
    await new.release(NOW + seconds(60))
    assert slugs((await everything(log))[3:]) == ["p0", "p1", "p2"]
    assert clocks(await everything(log)) == ["playing", "playing", "ended"]
