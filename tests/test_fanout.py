"""The fan-out gives every reader every frame, and no reader's slowness to another."""

import asyncio

import pytest

from publisher import fanout as fanout_module
from publisher.fanout import EncodedFrame, Fanout, Reader, Sieve, chunk


class Tap:
    """A connection that can be shut."""

    chunked = True

    def __init__(self):
        self.taken = []
        self.open = True

    def ready(self):
        return self.open

    def send(self, framed):
        size, _, rest = framed.partition(b"\r\n")
        self.taken.append(rest.removesuffix(b"\r\n"))
        assert framed == chunk(self.taken[-1])
        assert int(size, 16) == len(self.taken[-1])
        return self.open

    def abort(self):
        self.open = None


def frame(seq, kind="post", **fields):
    return EncodedFrame(seq, kind, b"%d;" % seq, **fields)


async def joined(fanout, cursor=0, sieve=None):
    reader = Reader(Tap(), cursor, sieve)
    assert fanout.join(reader)
    return reader


async def test_several_events_go_out_in_one_write():
    fanout = Fanout()
    reader = await joined(fanout)
    fanout.broadcast([frame(1), frame(2)])
    fanout.broadcast([frame(5)])
    assert reader.outlet.taken == [b"1;2;", b"5;"]
    assert reader.cursor == 5


async def test_a_reader_that_pushes_back_leaves_the_head_and_the_others_do_not_notice():
    fanout = Fanout()
    slow, quick = await joined(fanout), await joined(fanout)
    slow.outlet.open = False
    fanout.broadcast([frame(1)])
    await asyncio.wait_for(slow.at_head(), 1)
    assert (slow.outlet.taken, slow.cursor, len(fanout)) == ([], 0, 1)
    assert quick.outlet.taken == [b"1;"]
    assert [f.seq for f in fanout.since(slow.cursor)] == [1]


async def test_who_is_behind_cannot_join_the_head():
    fanout = Fanout()
    fanout.broadcast([frame(1)])
    assert not fanout.join(Reader(Tap(), 0))
    assert fanout.join(Reader(Tap(), 1))


async def test_the_ring_is_bounded_and_knows_how_far_it_reaches(monkeypatch):
    monkeypatch.setattr(fanout_module, "RING_FRAMES", 3)
    fanout = Fanout(head=10)
    assert fanout.since(10) == []
    assert fanout.since(9) is None
    fanout.broadcast([frame(seq) for seq in (12, 14, 16, 18, 20)])
    assert [f.seq for f in fanout.since(14)] == [16, 18, 20]
    assert [f.seq for f in fanout.since(17)] == [18, 20]
    assert fanout.since(13) is None


async def test_closing_dismisses_everybody_now_and_later():
    fanout = Fanout()
    reader = await joined(fanout)
    fanout.close()
    await asyncio.wait_for(reader.at_head(), 1)
    late = Reader(Tap(), 0)
    fanout.join(late)
    await asyncio.wait_for(late.at_head(), 1)
    assert reader.closing
    assert late.closing


async def test_heartbeats_reach_everybody_at_the_head():
    fanout = Fanout()
    reader = await joined(fanout)
    fanout.heartbeat()
    assert reader.outlet.taken == [b":\n\n"]


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
        (Sieve(frozenset({"delete"}), "arts"), {"kind": "update", "tags": SPORT, "was": ARTS, "removal": b"x"}, b"x"),
    ],
)
def test_sieves(sieve, event, body):
    assert frame(1, **event).through(sieve) == body


async def test_readers_of_one_sieve_get_what_they_asked_for():
    fanout = Fanout()
    everything, arts = await joined(fanout), await joined(fanout, sieve=Sieve(tag="arts"))
    fanout.broadcast([frame(1, tags=SPORT), frame(2, tags=ARTS)])
    fanout.broadcast([frame(3, tags=SPORT)])
    assert everything.outlet.taken == [b"1;2;", b"3;"]
    assert arts.outlet.taken == [b"2;"]
    assert arts.cursor == 3


async def test_closing_dismisses_also_who_is_behind_and_cuts_off_who_takes_nothing():
    fanout = Fanout()
    behind, stalled = Reader(Tap(), 0), Reader(Tap(), 0)
    for reader in (behind, stalled):
        fanout.enter(reader)
    fanout.broadcast([frame(1)])
    stalled.outlet.open = False
    fanout.close()
    assert behind.closing
    assert stalled.closing
    assert (behind.outlet.open, stalled.outlet.open) == (True, None)
