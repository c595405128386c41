"""The fan-out gives every reader every frame, and no reader's slowness to another."""

import asyncio
import time
import zlib
from types import SimpleNamespace

import pytest
from patience import soon

from publisher.fanout import EncodedFrame, Fanout, Form, Reader, Sieve, deflate, lives
from publisher.fanout import fanout as fanout_module
from publisher.fanout import group as group_module
from publisher.fanout import ring as ring_module
from publisher.fanout.form import GZIP_HEADER


class Tap:
    """A connection that can be shut."""

    def __init__(self, form=Form()):  # noqa: B008 a constant
        self.form = form
        self.taken = []
        self.open = True
        self.ended = None
        self.refused_since = 0.0
        self.before = lambda: None

    def ready(self):
        return self.open is True

    def send(self, framed):
        self.before()
        if self.form.chunked:
            size, _, rest = framed.partition(b"\r\n")
            framed = rest.removesuffix(b"\r\n")
            assert int(size, 16) == len(framed)
        self.taken.append(framed)
        return self.open

    def end(self, last=b""):
        self.ended = last
        self.open = None

    def abort(self):
        self.open = None


class Queue:
    """A backlog that only takes note."""

    def __init__(self):
        self.taken = []

    def take(self, reader):
        self.taken.append(reader)


def frame(seq, kind="post", **fields):
    return EncodedFrame(seq, kind, b"%d;" % seq, **fields)


def joined(fanout, cursor=0, sieve=None, form=Form()):  # noqa: B008
    fanout.backlog = fanout.backlog or Queue()
    reader = Reader(Tap(form), cursor, sieve)
    fanout.enter(reader)
    fanout.place(reader)
    return reader


async def done(fanout):
    """Let the fan-out write until everybody has everything."""
    await soon(lambda: not fanout._turn_is_set)


async def test_an_event_goes_out_at_once_and_several_that_are_due_go_out_in_one_write():
    fanout = Fanout()
    reader = joined(fanout)
    fanout.broadcast([frame(1)])
    await asyncio.sleep(0)
    assert reader.outlet.taken == [b"1;"]
    fanout.broadcast([frame(2), frame(3)])
    fanout.broadcast([frame(5)])
    await done(fanout)
    assert reader.outlet.taken == [b"1;", b"2;3;5;"]
    assert reader.cursor == 5
    assert (fanout.counts.deliveries, fanout.counts.writes, fanout.counts.joined) == (4, 2, 1)
    assert fanout.counts.latency.count == 4


async def test_joining_can_be_switched_off():
    fanout = Fanout(joining=False)
    reader = joined(fanout)
    fanout.broadcast([frame(1), frame(2), frame(3)])
    await done(fanout)
    assert reader.outlet.taken == [b"1;", b"2;", b"3;"]


async def test_what_comes_in_the_midst_of_a_round_is_joined_for_those_whose_turn_is_still_to_come(monkeypatch):
    monkeypatch.setattr(group_module, "LOOK_AT_CLOCK", 1)
    monkeypatch.setattr(fanout_module, "TURN_SECONDS", 0)
    fanout = Fanout()
    readers = [joined(fanout) for _ in range(6)]
    fanout.broadcast([frame(1)])
    for _ in range(3):
        await asyncio.sleep(0)
    fanout.broadcast([frame(2)])
    await done(fanout)
    assert [reader.outlet.taken for reader in readers] == [[b"1;", b"2;"]] * 3 + [[b"1;2;"]] * 3


async def test_a_burst_is_written_in_pieces_and_everybody_has_one_before_somebody_has_two(monkeypatch):
    monkeypatch.setattr(group_module, "JOINED_BYTES", 4)
    fanout = Fanout()
    order = []
    readers = [joined(fanout) for _ in range(2)]
    for number, reader in enumerate(readers):
        reader.outlet.before = lambda number=number: order.append(number)
    fanout.broadcast([frame(seq) for seq in (1, 2, 3, 4, 5)])
    await done(fanout)
    assert order == [0, 1, 0, 1, 0, 1]
    assert readers[0].outlet.taken == [b"1;2;", b"3;4;", b"5;"]


async def test_the_loop_has_its_turn_while_thousands_are_written_to(monkeypatch):
    monkeypatch.setattr(fanout_module, "TURN_SECONDS", 0)
    fanout = Fanout()
    for _ in range(2_000):
        joined(fanout)
    fanout.broadcast([frame(1)])
    turns = 0
    while fanout._turn_is_set:
        turns += 1
        await asyncio.sleep(0)
    assert turns > 2_000 / group_module.LOOK_AT_CLOCK


async def test_the_loop_has_its_turn_though_every_reader_sees_something_else(monkeypatch):
    monkeypatch.setattr(fanout_module, "TURN_SECONDS", 0)
    fanout = Fanout()
    readers = [joined(fanout, sieve=Sieve(tag=f"invented {number}")) for number in range(50)]
    fanout.broadcast([frame(1, "clock")])
    turns = 0
    while fanout._turn_is_set:
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 50
    assert [reader.outlet.taken for reader in readers] == [[b"1;"]] * 50


async def test_a_reader_that_pushes_back_leaves_the_rounds_and_the_others_do_not_notice():
    fanout = Fanout()
    slow, quick = joined(fanout), joined(fanout)
    slow.outlet.open = False
    for seq in (1, 2, 3):
        fanout.broadcast([frame(seq)])
        await done(fanout)
    assert (slow.outlet.taken, slow.cursor, fanout.behind) == ([b"1;"], 1, 1)
    assert quick.outlet.taken == [b"1;", b"2;", b"3;"]
    slow.outlet.open = True
    slow.room()
    await done(fanout)
    assert (slow.outlet.taken, fanout.behind) == ([b"1;", b"2;3;"], 0)


async def test_whom_the_ring_does_not_serve_is_brought_forward_by_the_backlog(monkeypatch):
    monkeypatch.setattr(ring_module, "RING_FRAMES", 3)
    fanout = Fanout()
    slow = joined(fanout)
    slow.outlet.open = False
    fanout.broadcast([frame(1)])
    await done(fanout)
    fanout.broadcast([frame(seq) for seq in (2, 3, 4, 5, 6)])
    slow.outlet.open = True
    slow.room()
    await done(fanout)
    assert fanout.backlog.taken == [slow]
    assert slow.outlet.taken == [b"1;"]


async def test_who_missed_a_reset_is_not_given_what_it_took_back():
    fanout = Fanout()
    slow = joined(fanout)
    slow.outlet.open = False
    fanout.broadcast([frame(1)])
    await done(fanout)
    fanout.broadcast([frame(2), frame(3, "reset"), frame(4)])
    slow.outlet.open = True
    slow.room()
    assert fanout.backlog.taken == [slow]


async def test_whose_turn_comes_when_the_ring_has_moved_on_is_brought_forward_too(monkeypatch):
    monkeypatch.setattr(ring_module, "RING_FRAMES", 2)
    fanout = Fanout()
    readers = [joined(fanout) for _ in range(3)]
    fanout.broadcast([frame(seq) for seq in (1, 2, 3, 4)])
    await done(fanout)
    assert fanout.backlog.taken == readers
    assert [reader.outlet.taken for reader in readers] == [[], [], []]


def test_the_ring_is_bounded_and_knows_how_far_it_reaches(monkeypatch):
    monkeypatch.setattr(ring_module, "RING_FRAMES", 3)
    ring = ring_module.Ring(10)
    assert (ring.floor, ring.after(10, 100)) == (10, [])
    for seq in range(12, 60, 2):
        ring.add([frame(seq)])
        assert len(ring) == min(3, (seq - 10) // 2)
    assert (ring.head, ring.floor) == (58, 52)
    assert [f.seq for f in ring.after(52, 100)] == [54, 56, 58]
    assert [f.seq for f in ring.after(55, 100)] == [56, 58]
    assert [f.seq for f in ring.after(52, 4)] == [54, 56]
    assert [f.seq for f in ring.after(52, 100, single=True)] == [54]
    monkeypatch.setattr(ring_module, "RING_BYTES", 5)
    ring.add([EncodedFrame(60, "post", b"x" * 100)])
    assert (ring.floor, len(ring)) == (58, 1)


async def test_closing_dismisses_everybody_now_and_later_and_cuts_off_who_takes_nothing():
    fanout = Fanout()
    reader, behind, stalled = joined(fanout), Reader(Tap(), 0), joined(fanout)
    fanout.enter(behind)
    stalled.outlet.open = False
    fanout.broadcast([frame(1)])
    await done(fanout)
    fanout.close()
    late = joined(fanout)
    for one in (reader, behind, stalled, late):
        assert one.outlet.open is None
        assert b"retry: " in one.outlet.ended
    assert fanout.readers == 0
    assert +fanout.counts.closed == {"end": 4}


async def test_draining_ends_everybody_in_time_and_tells_when_to_come_back(monkeypatch):
    now, left = 0.0, []

    async def sleep(seconds):
        nonlocal now
        now += seconds
        left.append(fanout.readers)

    monkeypatch.setattr(lives, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": sleep}))
    monkeypatch.setattr(lives, "time", SimpleNamespace(monotonic=lambda: now))
    fanout = Fanout()
    readers = [joined(fanout) for _ in range(200)]
    await fanout.drain(60)
    assert now <= 200 / lives.DRAINED_A_SECOND
    assert left == [200, *range(199, 0, -1)]  # one after the other
    assert +fanout.counts.closed == {"drain": 200}
    retries = {reader.outlet.ended for reader in readers}
    assert len(retries) > 100
    assert all(text.startswith(b": closed: drain\nretry: ") for text in retries)


async def test_silence_is_broken_by_a_heartbeat(monkeypatch):
    monkeypatch.setattr(fanout_module, "_SWEEP_SECONDS", 0.01)
    fanout = Fanout()
    fanout.beat = 0.0
    reader, other = joined(fanout), joined(fanout, form=Form(gzip=True, chunked=False))
    await soon(lambda: len(other.outlet.taken) > 1)
    assert set(reader.outlet.taken) == {b":\n\n"}
    assert gunzipped(other) == b":\n\n" * len(other.outlet.taken)
    assert fanout.counts.deliveries == 0


async def test_what_somebody_catches_up_with_is_no_sign_of_life_to_others_nor_late():
    fanout = Fanout()
    reader = joined(fanout)
    fanout.broadcast([frame(1)])
    await done(fanout)
    spoke = reader.group.spoke
    late, alone = joined(fanout), joined(fanout, sieve=Sieve(tag="arts"))
    await done(fanout)
    assert late.outlet.taken == [b"1;"]
    assert reader.group.spoke == spoke
    assert fanout.counts.latency.count == 1
    fanout.broadcast([frame(2, "clock")])
    await done(fanout)
    assert reader.group.spoke > spoke
    assert (late.outlet.taken, alone.outlet.taken) == ([b"1;", b"2;"], [b"2;"])
    assert fanout.counts.latency.count == 4


async def test_however_often_readers_come_and_go_one_timer_looks_after_them(monkeypatch):
    loop, timers = asyncio.get_running_loop(), []
    monkeypatch.setattr(loop, "call_later", lambda _, work: timers.append(work))
    fanout = Fanout()
    for _ in range(50):
        joined(fanout).gone()
    last = joined(fanout)
    assert len(timers) == 1
    for sweeps in (1, 2):
        timers.pop()()
        assert len(timers) == 1, sweeps
    last.gone()
    timers.pop()()
    assert not timers
    joined(fanout)
    assert len(timers) == 1


async def test_a_connection_that_has_lived_long_enough_is_ended(monkeypatch):
    monkeypatch.setattr(fanout_module, "_SWEEP_SECONDS", 0.01)
    fanout = Fanout()
    fanout.life = 0.02
    reader = joined(fanout)
    fanout.life = 60.0
    before = time.monotonic()
    lasting = joined(fanout)
    assert before + 48 <= lasting.expires <= time.monotonic() + 60
    await soon(lambda: not reader.outlet.open)
    assert reader.outlet.ended.startswith(b": closed: life\n")
    assert lasting.outlet.open


@pytest.mark.parametrize(("frames", "slow", "why"), [(1, 0, "stalled"), (9, 60, "lagging")])
async def test_who_refuses_for_long_is_closed_and_sooner_if_it_lags_by_more_than_the_ring(
    monkeypatch, frames, slow, why
):
    monkeypatch.setattr(fanout_module, "_SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(fanout_module, "SLOW_SECONDS", slow)
    monkeypatch.setattr(fanout_module, "LAG_SECONDS", 0)
    monkeypatch.setattr(ring_module, "RING_FRAMES", 4)
    fanout = Fanout()
    reader, quick = joined(fanout), joined(fanout)
    reader.outlet.open = False
    reader.outlet.refused_since = time.monotonic()
    for seq in range(frames):
        fanout.broadcast([frame(seq + 1)])
        await done(fanout)
    await soon(lambda: reader.outlet.open is None)
    assert +fanout.counts.closed == {why: 1}
    assert quick.outlet.taken == [b"%d;" % (seq + 1) for seq in range(frames)]


def gunzipped(reader):
    text = GZIP_HEADER + b"".join(reader.outlet.taken)
    return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(text)


async def test_readers_of_gzip_join_anywhere_and_share_what_was_compressed_once(monkeypatch):
    packed = []
    monkeypatch.setattr("publisher.fanout.frames.deflate", lambda text: packed.append(text) or deflate(text))
    fanout = Fanout()
    form = Form(gzip=True)
    first = joined(fanout, form=form)
    fanout.broadcast([frame(1)])
    await done(fanout)
    second, plain = joined(fanout, 1, form=form), joined(fanout, 1)
    fanout.broadcast([frame(2), frame(3)])
    await done(fanout)
    assert gunzipped(first) == b"1;2;3;"
    assert gunzipped(second) == b"2;3;"
    assert plain.outlet.taken == [b"2;3;"]
    assert packed == [b"1;", b"2;", b"3;"]


async def test_nothing_is_compressed_for_nobody(monkeypatch):
    monkeypatch.setattr("publisher.fanout.frames.deflate", None)
    fanout = Fanout()
    joined(fanout)
    fanout.broadcast([frame(1)])
    await done(fanout)


async def test_groups_of_those_who_left_are_forgotten():
    fanout = Fanout()
    for number in range(100):
        joined(fanout, sieve=Sieve(tag=f"invented {number}")).gone()
    assert not fanout._groups
    assert +fanout.counts.closed == {"left": 100}


ARTS, SPORT = frozenset({"arts"}), frozenset({"sport"})


@pytest.mark.parametrize(
    ("sieve", "event", "body"),
    [
        (Sieve(types=frozenset({"post"})), {"kind": "post"}, b"1;"),
        (Sieve(types=frozenset({"post"})), {"kind": "update"}, b""),
        (Sieve(types=frozenset({"post"})), {"kind": "reset"}, b"1;"),
        (Sieve(types=frozenset({"post"})), {"kind": "clock"}, b"1;"),
        (Sieve(tag="arts"), {"kind": "post", "tags": ARTS}, b"1;"),
        (Sieve(tag="arts"), {"kind": "post", "tags": SPORT}, b""),
        (Sieve(tag="arts"), {"kind": "update", "tags": ARTS, "was": ARTS}, b"1;"),
        (Sieve(tag="arts"), {"kind": "update", "tags": SPORT, "was": SPORT}, b""),
        (Sieve(tag="arts"), {"kind": "update", "tags": SPORT, "was": ARTS, "removal": b"gone"}, b"gone"),
        (Sieve(tag="arts"), {"kind": "update", "tags": ARTS, "was": SPORT, "arrival": b"new"}, b"new"),
        (Sieve(tag="arts"), {"kind": "delete", "was": ARTS}, b"1;"),
        (Sieve(tag="arts"), {"kind": "delete", "was": SPORT}, b""),
        (Sieve(tag="arts"), {"kind": "delete", "was_unknown": True}, b"1;"),
        (Sieve(tag="arts"), {"kind": "reset"}, b"1;"),
        (Sieve(tag="arts"), {"kind": "clock"}, b"1;"),
        (Sieve(frozenset({"post"}), "arts"), {"kind": "update", "tags": ARTS, "was": SPORT, "arrival": b"new"}, b"new"),
        (Sieve(frozenset({"delete"}), "arts"), {"kind": "update", "tags": SPORT, "was": ARTS, "removal": b"x"}, b"x"),
    ],
)
def test_sieves(sieve, event, body):
    assert frame(1, **event).through(sieve) == body


async def test_readers_of_one_sieve_get_what_they_asked_for():
    fanout = Fanout()
    everything, arts = joined(fanout), joined(fanout, sieve=Sieve(tag="arts"))
    fanout.broadcast([frame(1, tags=SPORT), frame(2, tags=ARTS)])
    await done(fanout)
    fanout.broadcast([frame(3, tags=SPORT)])
    await done(fanout)
    assert everything.outlet.taken == [b"1;2;", b"3;"]
    assert arts.outlet.taken == [b"2;"]
    assert arts.cursor == 3
