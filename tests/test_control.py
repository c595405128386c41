"""Controls go through the log: whoever appends one, every conductor obeys it, and a restart stands where it led."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession, web
from hypothesis import given, settings
from hypothesis import strategies as st
from making import ADDRESS, make_post
from patience import PATIENCE

from publisher.channel import Channel
from publisher.library import Library
from publisher.live import begin_live
from publisher.log.contract import LogError
from publisher.log.memory import MemoryStore
from publisher.reel import Reel
from publisher.replay.conductor import Conductor
from publisher.replay.control import Control, NoSuchPlaceError
from publisher.replay.score import Score
from publisher.scene import Billing
from publisher.token import Token
from publisher.web.site import Site
from shared.event import ClockEvent, PostEvent, ResetEvent

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = "a-token-of-32-characters-or-more"


def reel_of(*minutes, **options):
    return Reel([PostEvent(post=make_post(f"p{i}", m)) for i, m in enumerate(minutes)], **options)


class Replay:
    """A replay whose time passes when the test says so."""

    def __init__(self, *minutes, log=None, **score):
        self.reel = reel_of(*minutes)
        self.score = Score(**({"speed": 60} | score))
        self.log = log or MemoryStore().channel("c")
        self.now = NOW
        self.conductor = Conductor(self.reel, self.score, self.log)

    async def begin(self):
        await self.conductor.open(self.now)
        await self.conductor.release(self.now)
        return self

    async def restart(self, **score):
        self.score = Score(**({"speed": 60} | score)) if score else self.score
        self.conductor = Conductor(self.reel, self.score, self.log)
        await self.begin()

    async def wait(self, seconds):
        """Let time pass, waking when the conductor asked to be woken."""
        end = self.now + timedelta(seconds=seconds)
        while (wake := await self.conductor.release(self.now)) is not None and wake <= end:
            self.now = max(wake, self.now)
        self.now = end
        await self.conductor.release(self.now)

    async def ask(self, **control):
        await self.conductor.control(Control(**control), lambda: self.now)
        await self.conductor.release(self.now)

    async def events(self):
        return await self.log.read(0, 100_000)

    async def out(self):
        """List the posts that are out in the present take."""
        posts = []
        for logged in await self.events():
            match logged.event:
                case PostEvent(post=post):
                    posts.append(post.id)
                case ResetEvent():
                    posts.clear()
        return posts

    async def kinds(self):
        return [logged.event.kind for logged in await self.events()]

    @property
    def standing(self):
        return self.conductor.standing(self.now)


async def replaying(*minutes, **options):
    return await Replay(*minutes, **options).begin()


async def test_a_pause_holds_everything_and_playing_goes_on_without_a_jump():
    replay = await replaying(0, 1, 2, 3)
    await replay.wait(1.5)
    await replay.ask(state="paused")
    assert (replay.standing.state, replay.standing.elapsed, replay.standing.next_release) == ("paused", 90, None)
    await replay.wait(1000)
    assert await replay.out() == ["p0", "p1"]
    await replay.ask(state="playing")
    assert replay.standing.elapsed == 90
    assert replay.standing.next_release == replay.now + timedelta(seconds=0.5)
    await replay.wait(0.5)
    assert await replay.out() == ["p0", "p1", "p2"]


async def test_another_speed_holds_from_now_on():
    replay = await replaying(0, 1, 61)
    await replay.wait(1)
    await replay.ask(speed=3600)
    assert replay.standing.elapsed == 60
    await replay.wait(0.99)
    assert len(await replay.out()) == 2
    await replay.wait(0.01)
    assert len(await replay.out()) == 3


async def test_who_asks_for_what_is_so_already_changes_nothing():
    replay = await replaying(0, 1)
    before = await replay.kinds()
    await replay.ask(state="playing")
    await replay.ask(speed=60)
    await replay.ask(state="playing", speed="60x")
    assert await replay.kinds() == before


async def test_a_seek_backwards_plays_again_in_a_new_take():
    replay = await replaying(0, 1, 2, 3)
    await replay.wait(2)
    await replay.ask(seek="+1m")
    events = await replay.events()
    assert [e.event.kind for e in events][-4:] == ["reset", "clock", "post", "post"]
    reset = next(e.event for e in events if isinstance(e.event, ResetEvent))
    assert (reset.reason, reset.take, reset.run) == ("seek", 2, 1)
    assert await replay.out() == ["p0", "p1"]
    await replay.wait(1)
    assert await replay.out() == ["p0", "p1", "p2"]
    stamps = [e.released_at for e in await replay.events()]
    assert stamps == sorted(set(stamps))


async def test_a_seek_forwards_releases_at_once_what_lies_between():
    replay = await replaying(*range(100))
    await replay.ask(seek="50%")
    assert await replay.out() == [f"p{n}" for n in range(50)]


@pytest.mark.parametrize(
    ("where", "out"),
    [("50%", 2), ("+1m", 2), ("19:44", 3), ("p2", 3), (f"{ADDRESS.tag('p1')}", 2), (f"{ADDRESS.tag('p1')}~4", 2),
     (90, 2), (0, 1), (1e9, 4), ("100%", 4), ("2023-01-31T19:43", 2), ("2030-01-01", 4)],
)  # fmt: skip
async def test_places_to_seek_to(where, out):
    replay = await replaying(0, 1, 2, 3)
    await replay.ask(state="paused", seek=where)
    assert await replay.out() == [f"p{n}" for n in range(out)]
    assert replay.standing.state == ("ended" if out == 4 else "paused")


async def test_a_place_that_is_none_is_refused_and_changes_nothing():
    replay = await replaying(0, 1)
    before = await replay.kinds()
    with pytest.raises(NoSuchPlaceError, match="neither a moment of the story nor the id of a post"):
        await replay.ask(seek="yesterday")
    assert await replay.kinds() == before


async def test_a_step_releases_just_the_next_post_and_stands_still():
    replay = await replaying(0, 60, 60, 60, 120)
    for count in (2, 3, 4):
        await replay.ask(step=True)
        await replay.wait(1000)
        assert await replay.out() == [f"p{n}" for n in range(count)]
        assert (replay.standing.state, replay.standing.elapsed) == ("paused", 3600)
    await replay.restart()
    assert len(await replay.out()) == 4
    await replay.ask(step=True)
    assert (len(await replay.out()), replay.standing.elapsed, replay.standing.duration) == (5, 7200, 7200)


@pytest.mark.parametrize("way", [{"step": True}, {"seek": "100%"}])
async def test_a_replay_that_is_led_to_its_last_post_has_ended(way):
    replay = await replaying(0, 60)
    await replay.ask(state="paused")
    await replay.ask(**way)
    assert (replay.standing.state, await replay.out()) == ("ended", ["p0", "p1"])
    before = await replay.kinds()
    await replay.ask(step=True)  # nothing is left
    await replay.restart()
    assert await replay.kinds() == before
    await replay.ask(state="playing")
    assert (replay.standing.state, await replay.out()) == ("playing", ["p0"])


async def test_a_loop_that_is_led_to_its_last_post_stands_still_till_it_is_played():
    replay = await replaying(0, 60, loop=True, loop_pause=timedelta(seconds=5))
    await replay.ask(step=True)
    await replay.wait(1000)
    assert (replay.standing.state, await replay.out(), replay.standing.run) == ("paused", ["p0", "p1"], 1)
    await replay.ask(state="playing")
    await replay.wait(4)
    assert replay.standing.run == 1
    await replay.wait(1)
    assert (replay.standing.run, await replay.out()) == (2, ["p0"])


async def test_playing_on_after_a_step_releases_the_rest_of_the_instant():
    replay = await replaying(0, 60, 60, 60, 120)
    await replay.ask(step=True)
    await replay.ask(speed=600)  # still stands where it stood
    assert len(await replay.out()) == 2
    await replay.ask(state="playing")
    assert len(await replay.out()) == 4


async def test_a_replay_that_has_ended_plays_again_when_told_to_and_when_sought():
    replay = await replaying(0, 1, 2)
    await replay.wait(10)
    assert replay.standing.state == "ended"
    await replay.ask(state="paused")
    await replay.ask(step=True)
    assert replay.standing.state == "ended"
    await replay.ask(state="playing")
    assert (replay.standing.state, await replay.out()) == ("playing", ["p0"])
    await replay.wait(10)
    await replay.ask(seek="+1m")
    assert (replay.standing.state, await replay.out(), replay.standing.run) == ("playing", ["p0", "p1"], 1)


async def test_several_things_at_once():
    replay = await replaying(*range(10))
    await replay.ask(state="paused", speed=2, seek="50%")
    assert (replay.standing.state, replay.standing.speed, replay.standing.elapsed) == ("paused", 2, 270)
    assert (await replay.kinds()).count("reset") == 1


@pytest.mark.parametrize(
    "asked",
    [{}, {"step": True, "seek": "50%"}, {"step": True, "state": "playing"}, {"speed": 0}, {"speed": 1e6},
     {"speed": "fast"}, {"state": "ended"}, {"seek": -1}, {"seek": ""}, {"seek": float("inf")}, {"sped": 2},
     {"seek": True}, {"speed": None}],
)  # fmt: skip
def test_what_cannot_be_asked(asked):
    with pytest.raises(ValueError, match=r".+"):
        Control(**asked)


async def test_a_control_on_one_node_is_obeyed_on_the_other():
    one = await replaying(0, 1, 2, 3)
    other = await replaying(0, 1, 2, 3, log=one.log)
    await one.ask(seek="50%")
    other.now = one.now = NOW + timedelta(seconds=0.5)
    await other.conductor.release(other.now)  # would release in the first take, were it not for the log's head
    await other.wait(0.5)
    events = await one.events()
    takes = [e.key.partition(":")[0] for e in events if e.event.kind == "post"]
    assert takes == ["take-1", "take-2", "take-2", "take-2"]
    assert other.standing == one.conductor.standing(other.now)


async def test_two_nodes_that_are_asked_at_once_both_do_it_one_after_the_other():
    one = await replaying(0, 1, 2, 3)
    other = await replaying(0, 1, 2, 3, log=one.log)
    await asyncio.gather(one.ask(seek="+1m"), other.ask(seek="+2m"), one.ask(speed=2), other.ask(state="paused"))
    assert (await one.kinds()).count("reset") == 2
    for replay in (one, other):
        await replay.conductor._read_on()  # as its tail of the log would
        await replay.wait(0)
    assert one.standing == other.standing
    assert (one.standing.state, one.standing.speed) == ("paused", 2)


async def test_a_conductor_that_sleeps_is_woken_by_a_control_of_another():
    one = await replaying(0, 60)
    other = await replaying(0, 60, log=one.log)
    woken = asyncio.Event()

    class Alarm:
        def set(self, at, ring):
            self.at = at
            woken.set()

        def cancel(self):
            pass

    alarm = Alarm()
    running = asyncio.create_task(one.conductor.run(alarm, lambda: NOW))
    await asyncio.wait_for(woken.wait(), PATIENCE)
    assert alarm.at == NOW + timedelta(minutes=1)
    woken.clear()
    await other.conductor.control(Control(speed=600), lambda: NOW)
    await asyncio.wait_for(woken.wait(), PATIENCE)
    assert alarm.at == NOW + timedelta(seconds=6)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_control_gets_in_between_the_groups_of_a_burst():
    replay = Replay(*[0] * 20_000, speed=1)
    await replay.conductor.open(NOW)
    burst = asyncio.create_task(replay.conductor.release(NOW))
    await asyncio.sleep(0)
    await replay.conductor.control(Control(speed=2), lambda: NOW)
    assert not burst.done()
    await burst
    assert len(await replay.out()) == 20_000


async def test_a_log_that_fails_is_told_and_nothing_is_changed():
    replay = await replaying(0, 1)
    append = replay.log.append

    async def refuse(drafts, **options):
        raise LogError("the disk is full")

    replay.log.append = refuse
    with pytest.raises(LogError):
        await replay.ask(state="paused")
    replay.log.append = append
    assert replay.standing.state == "playing"


async def test_controls_hold_over_a_restart_until_the_settings_change():
    replay = await replaying(*range(10))
    await replay.ask(speed=2)
    await replay.restart()
    assert replay.standing.speed == 2
    await replay.restart(speed=30)
    assert replay.standing.speed == 30
    await replay.ask(state="paused")
    await replay.restart(speed=40)
    assert (replay.standing.state, replay.standing.speed) == ("paused", 40)


async def test_before_its_start_a_replay_is_empty_and_says_when_it_begins():
    start = NOW + timedelta(hours=1)
    replay = await replaying(0, 1, start=start)
    assert await replay.kinds() == ["clock"]
    assert (replay.standing.state, replay.standing.starts, replay.standing.next_release) == ("paused", start, start)
    await replay.wait(1800)
    await replay.restart()
    assert await replay.kinds() == ["clock"]
    await replay.wait(1800)
    assert await replay.out() == ["p0"]
    assert (replay.standing.state, replay.standing.starts) == ("playing", None)
    await replay.wait(1)
    assert await replay.out() == ["p0", "p1"]


async def test_a_start_is_kept_to_the_moment_though_the_process_slept_through_it():
    replay = await replaying(0, 1, 2, start=NOW + timedelta(hours=1))
    replay.now = NOW + timedelta(hours=1, seconds=1.5)
    await replay.restart()
    assert (await replay.out(), replay.standing.elapsed) == (["p0", "p1"], 90)


async def test_a_start_in_the_past_is_as_if_it_had_begun_then():
    replay = await replaying(0, 1, 2, start=NOW - timedelta(seconds=1.5))
    assert (await replay.out(), replay.standing.elapsed) == (["p0", "p1"], 90)


async def test_whoever_cannot_wait_plays_and_whoever_pauses_calls_the_start_off():
    replay = await replaying(0, 1, 2, start=NOW + timedelta(hours=1))
    await replay.ask(seek="50%")
    assert (await replay.out(), replay.standing.starts) == ([], NOW + timedelta(hours=1))
    await replay.ask(state="playing")
    assert (await replay.out(), replay.standing.state) == (["p0", "p1"], "playing")
    replay = await replaying(0, 1, 2, start=NOW + timedelta(hours=1))
    await replay.ask(state="paused")
    await replay.wait(7200)
    assert (await replay.out(), replay.standing.starts) == (["p0"], None)


async def test_another_start_in_the_settings_counts_while_it_waits():
    replay = await replaying(0, 1, start=NOW + timedelta(hours=1))
    await replay.restart(start=NOW + timedelta(hours=2))
    assert replay.standing.starts == NOW + timedelta(hours=2)
    await replay.restart(speed=60)
    assert await replay.out() == ["p0"]


asked = st.one_of(
    st.builds(dict, state=st.sampled_from(["playing", "paused"])),
    st.builds(dict, speed=st.sampled_from([0.1, 1.0, 60.0, 100_000.0])),
    st.builds(dict, seek=st.sampled_from(["0%", "50%", "100%", "+90s", "p1", 61.5])),
    st.builds(dict, seek=st.just("+61s"), state=st.sampled_from(["playing", "paused"]), speed=st.just(7.0)),
    st.just({"step": True}),
)
deeds = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.001, 0.7, 1.0, 45.0])),
        st.tuples(st.sampled_from(["ask", "ask", "another asks"]), asked),
        st.tuples(st.just("crash"), st.none()),
    ),
    max_size=15,
)


@settings(max_examples=200)
@given(
    minutes=st.lists(st.sampled_from([0, 0, 1, 2, 2, 5]), min_size=2, max_size=8),
    loop=st.booleans(),
    start=st.sampled_from([None, -2, 3]),
    deeds=deeds,
)
async def test_every_sequence_of_controls_leads_to_the_same_place_by_the_log_alone(minutes, loop, start, deeds):
    start = None if start is None else NOW + timedelta(seconds=start)
    options = {"loop": loop, "start": start, "loop_pause": timedelta(seconds=1.5)}
    replay = await replaying(*minutes, **options)
    for deed, with_what in deeds:
        before = replay.standing
        match deed:
            case "wait":
                await replay.wait(with_what)
            case "ask":
                await replay.ask(**with_what)
            case "another asks":
                other = Replay(*minutes, log=replay.log, **options)
                other.now = replay.now
                await other.begin()
                await other.ask(**with_what)
                await replay.conductor._read_on()
                await replay.conductor.release(replay.now)
            case "crash":
                await replay.restart()
        standing = replay.standing
        if deed != "wait" and with_what and not {"seek", "step"} & with_what.keys() and before.state != "ended":
            assert standing.elapsed == pytest.approx(before.elapsed, abs=1e-3), "the clock jumped"
        # Just those posts are out that are due, each once, in the order of the reel.
        head = replay.conductor._head
        assert await replay.out() == [cue.event.post.id for cue in replay.reel.cues[: head.out]]
        assert head.out == head.due(replay.reel, replay.now)
        # Whoever comes anew to the log finds the same place, and adds nothing.
        length = len(await replay.events())
        fresh = Replay(*minutes, log=replay.log, **options)
        fresh.now = replay.now
        await fresh.begin()
        assert fresh.standing == standing
        assert fresh.conductor._head == head
        assert len(await replay.events()) == length
    clocks = [e.event for e in await replay.events() if isinstance(e.event, ClockEvent)]
    assert [c.run for c in clocks] == sorted(c.run for c in clocks)


async def test_a_channel_that_was_live_begins_at_its_beginning():
    log = MemoryStore().channel("c")
    await begin_live(log, NOW)
    replay = await replaying(0, 1, log=log)
    assert await replay.kinds() == ["clock", "reset", "clock", "post"]
    await replay.restart()
    assert len(await replay.kinds()) == 4


# Over HTTP.


@asynccontextmanager
async def desk(*minutes, token=SECRET, replay=True):
    """Serve a replay that the test conducts; give a function that asks for its clock."""
    played = Replay(*minutes)
    store = MemoryStore()
    played.log = store.channel("harbour")
    played.conductor = Conductor(played.reel, played.score, played.log)
    library = Library.open(":memory:", store.epoch)
    billing = Billing("Storm", "replay" if replay else "archive", "en", NOW.date(), NOW)
    conductor = played.conductor if replay else None
    channel = Channel(
        played.log, library.shelf("harbour"), ADDRESS, billing, "shifted", reel=played.reel, conductor=conductor
    )
    await channel.open(NOW)
    pressing = asyncio.create_task(channel.press.run())
    site = Site({"harbour": channel}, lambda: played.now, Token(token) if token else None)
    runner = web.AppRunner(site.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/harbour/clock"
    async with ClientSession() as session:

        async def ask(method="GET", body=None, bearer=SECRET, **options):
            headers = {"Authorization": f"Bearer {bearer}"} if bearer and method != "GET" else {}
            data = body if isinstance(body, str | None) else json.dumps(body)
            async with session.request(method, url, data=data, headers=headers) as answer:
                text = await answer.text()
                return answer.status, answer.headers, json.loads(text) if text else None

        ask.replay = played
        try:
            yield ask
        finally:
            await runner.cleanup()
            await store.close()
            await pressing
            library.close()


async def test_everybody_sees_the_clock_and_nothing_of_what_is_to_come_but_when():
    async with desk(0, 1, 5) as ask:
        await ask.replay.wait(1.5)
        status, headers, told = await ask()
        assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "application/json", "no-cache")
        assert told == {
            "state": "playing",
            "speed": 60.0,
            "story_time": "2023-01-31T19:43:30-05:00",
            "run": 1,
            "elapsed": 90.0,
            "next_release": "2026-01-01T12:00:05Z",
        }
        await ask.replay.wait(10)
        _, _, told = await ask()
        assert (told["state"], told["duration"], "next_release" in told) == ("ended", 300, False)


async def test_who_has_the_token_sets_the_clock_and_is_told_how_it_stands():
    async with desk(0, 1, 5) as ask:
        status, _, told = await ask("PATCH", {"state": "paused", "seek": "p1", "speed": "2x"})
        assert (status, told["state"], told["elapsed"], told["speed"]) == (200, "paused", 60, 2)
        status, _, told = await ask("PATCH", {"step": True})
        assert (status, told["elapsed"]) == (200, 300)


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("paused", 400, "the body is no JSON"),
        ("", 400, "the body is no JSON"),
        ([], 422, "object"),
        ({}, 422, "nothing is asked; give state, speed, seek or step"),
        ({"sped": 2}, 422, "sped: unknown; known are state, speed, seek and step"),
        ({"speed": 0.01}, 422, "speed: 0.01 is too small; write 0.1 or more"),
        ({"speed": "fast"}, 422, "speed: 'fast' is no speed"),
        ({"state": "ended"}, 422, "state: 'ended' is not known; write 'playing' or 'paused'"),
        ({"step": "perhaps"}, 422, "step: 'perhaps' is neither true nor false"),
        ({"seek": []}, 422, 'seek: write a place such as "21:30", "+10m" or "50%", the id of a post, or a number'),
        ({"seek": -1}, 422, "seek: write a place such as"),
        ({"seek": "p9"}, 422, "seek: 'p9' is neither a moment of the story nor the id of a post"),
    ],
)
async def test_what_cannot_be_done_is_told_as_a_problem(body, status, told):
    async with desk(0, 1, 5) as ask:
        answered, headers, problem = await ask("PATCH", body)
        assert (answered, headers["Content-Type"]) == (status, "application/problem+json")
        assert told in problem["detail"]


async def test_nobody_else_may_and_is_told_nothing_of_what_is_to_come():
    async with desk(0, 1, 5) as ask:
        for bearer, error in ((None, None), ("wrong", "invalid_token")):
            for place in ("p2", "p9"):
                status, headers, problem = await ask("PATCH", {"seek": place}, bearer)
                assert (status, problem["status"]) == (401, 401)
                assert headers["WWW-Authenticate"].startswith("Bearer")
                assert (error is None) == ("error=" not in headers["WWW-Authenticate"])
        assert await ask.replay.kinds() == ["clock"]
    async with desk(0, 1, token=None) as ask:
        assert (await ask("PATCH", {"state": "paused"}))[0] == 403


async def test_what_is_no_replay_has_no_clock():
    async with desk(0, 1, replay=False) as ask:
        for method in ("GET", "PATCH"):
            status, _, problem = await ask(method, {"state": "paused"} if method == "PATCH" else None)
            assert (status, problem["detail"]) == (404, "harbour is no replay, so it has no clock")
    async with desk(0, 1) as ask:
        assert (await ask("DELETE"))[0] == 405
