"""The stream loses nothing and repeats nothing, however readers, releases, resets and pruning fall together."""

import asyncio
import json
import random
import socket
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession, web
from making import ADDRESS, make_post

from publisher import fanout as fanout_module
from publisher.channel import Channel
from publisher.library import Library
from publisher.log.contract import Draft, LogError
from publisher.log.memory import MemoryStore
from publisher.press import RESETS
from publisher.reel import Reel
from publisher.scene import Billing
from publisher.web import connection as connection_module
from publisher.web.site import Site
from shared.event import ClockEvent, DeleteEvent, PostEvent, ResetEvent, UpdateEvent
from shared.sse import StreamDecoder

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
REEL = Reel([PostEvent(post=make_post("only"))])


async def soon(condition, seconds=10):
    """Wait for something that the loop will bring about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 nothing there rings a bell
            await asyncio.sleep(0.001)


class Newsroom:
    """A channel behind a real server, and the hand that appends to its log."""

    def __init__(self, window=100):
        self.store = MemoryStore()
        self.log = self.store.channel("harbour")
        self.library = Library.open(":memory:", self.store.epoch)
        billing = Billing("Storm", "replay", "en", NOW.date(), NOW, window)
        self.channel = Channel(self.log, self.library.shelf("harbour"), ADDRESS, billing, "original", reel=REEL)
        self.press = self.channel.press
        self.appended = 0

    async def say(self, *events):
        drafts = []
        for event in events:
            self.appended += 1
            drafts.append(Draft(f"k{self.appended}", NOW + timedelta(milliseconds=self.appended), event))
        logged = await self.log.append(drafts)
        return logged[-1].seq

    async def posts(self, count, **fields):
        made = [PostEvent(post=make_post(f"p{self.appended + n}", **fields)) for n in range(count)]
        return await self.say(*made)

    async def clock(self, state="playing"):
        return await self.say(ClockEvent(state=state, speed=60, anchor=NOW, elapsed=0, story_time=NOW, run=1, reel="x"))

    async def reset(self, take=2):
        return await self.say(ResetEvent(reason="seek", take=take, run=1, story_time=NOW))

    async def pressed(self, seq):
        await soon(lambda: self.channel.fanout.head >= seq)

    def position(self, seq):
        return f"{self.store.epoch}-{seq}"


@asynccontextmanager
async def newsroom(**options):
    room = Newsroom(**options)
    await room.channel.open(NOW)
    pressing = asyncio.create_task(room.press.run())
    site = Site({"harbour": room.channel}, lambda: NOW)
    runner = web.AppRunner(site.application(), handler_cancellation=True, shutdown_timeout=20, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    room.port = runner.addresses[0][1]
    try:
        yield room
    finally:
        room.channel.fanout.close()
        await runner.cleanup()
        pressing.cancel()
        with suppress(asyncio.CancelledError):
            await pressing
        room.library.close()
        await room.store.close()


class Listener:
    """A client of its own making: one connection, frames as they come."""

    def __init__(self, room, query="", *, last="", version="1.1", buffer=None):
        self.room, self.query, self.last, self.version, self.buffer = room, query, last, version, buffer
        self.frames = []

    async def __aenter__(self):
        sock = socket.socket()
        if self.buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer)
        sock.setblocking(False)  # noqa: FBT003 the library's
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.room.port))
        self.reading, self.writing = await asyncio.open_connection(sock=sock, limit=2**12 if self.buffer else 2**16)
        resume = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
        request = f"GET /harbour/events{self.query} HTTP/{self.version}\r\nHost: x\r\n{resume}\r\n"
        self.writing.write(request.encode())
        head = (await self.reading.readuntil(b"\r\n\r\n")).decode()
        self.status = int(head.split()[1])
        self.headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        self.decoder = StreamDecoder(last_event_id=self.last)
        return self

    async def __aexit__(self, *_):
        self.writing.transport.abort()

    async def piece(self):
        """Read one chunk, or some bytes where the answer is not chunked; empty at the end."""
        if "transfer-encoding" not in self.headers:
            return await self.reading.read(4096)
        size = int(await self.reading.readline(), 16)
        return (await self.reading.readexactly(size + 2))[:-2]

    async def until(self, done):
        """Read frames until ``done(frame)``."""
        while True:
            piece = await asyncio.wait_for(self.piece(), 20)
            assert piece, "the stream ended"
            new = self.decoder.feed(piece)
            self.frames += new
            if any(done(frame) for frame in new):
                return self.frames

    async def upto(self, seq):
        return await self.until(lambda frame: frame.id == self.room.position(seq))


def seqs(frames, *events):
    return [int(f.id.rpartition("-")[2]) for f in frames if f.event in (events or ("post", "update", "delete"))]


def reason(frame):
    return json.loads(frame.data)["_newsreel"]["reason"]


async def test_whoever_leaves_and_comes_back_at_any_moment_gets_every_event_once_in_order(monkeypatch):
    monkeypatch.setattr(fanout_module, "RING_FRAMES", 5)  # so that most have to ask the log
    chance = random.Random(7)
    async with newsroom() as room:
        start = await room.clock()
        await room.pressed(start)

        async def reader():
            had, last = [], room.position(start)
            while not had or had[-1] < start + 300:
                async with Listener(room, last=last) as listener:
                    enough, end = chance.randrange(1, 60), room.position(start + 300)
                    while len(listener.frames) < enough and (not listener.frames or listener.frames[-1].id != end):
                        await listener.until(lambda _: True)
                had += seqs(listener.frames)
                last = room.position(had[-1])
            return had

        readers = [asyncio.create_task(reader()) for _ in range(20)]
        while room.appended < 301:
            await room.posts(min(chance.randrange(1, 9), 301 - room.appended))
            await asyncio.sleep(0.002)
        for had in await asyncio.gather(*readers):
            assert had == list(range(start + 1, start + 301))


async def test_a_herd_that_joins_during_a_burst_misses_nothing():
    async with newsroom() as room:
        await room.pressed(await room.posts(50))

        async def reader():
            async with Listener(room) as listener:
                await listener.upto(450)
            first, *rest = listener.frames
            known = int(first.id.rpartition("-")[2])
            assert (first.event, len(json.loads(first.data)["items"])) == ("reset", min(known, 100))
            assert seqs(rest) == list(range(known + 1, 451))

        readers = [asyncio.create_task(reader()) for _ in range(100)]
        for _ in range(40):
            await room.posts(10)
            await asyncio.sleep(0.005)
        await asyncio.gather(*readers)


def reading(room, before):
    """Have something happen while a reader's page is read from the log, and leave the ring empty as after a restart."""

    class Log:
        def __getattr__(self, name):
            return getattr(room.log, name)

        async def read(self, after, limit):
            await before()
            return await room.log.read(after, limit)

    room.press._log = Log()
    room.channel.fanout.floor = room.channel.fanout.head
    room.channel.fanout._ring.clear()


async def test_what_is_pruned_while_it_is_read_is_told_of():
    async with newsroom() as room:
        await room.pressed(await room.posts(20))
        reading(room, lambda: room.log.prune(15))
        async with Listener(room, last=room.position(5)) as listener:
            await listener.until(lambda frame: frame.event == "reset")
        assert [(f.event, f.id, reason(f)) for f in listener.frames] == [("reset", room.position(20), "expired")]


async def test_what_is_reset_while_it_is_read_is_not_told_any_more():
    async with newsroom() as room:
        await room.pressed(await room.posts(20))

        async def begin_anew():
            await room.reset()
            await room.pressed(await room.posts(2))

        reading(room, begin_anew)
        async with Listener(room, last=room.position(5)) as listener:
            await listener.upto(23)
            await room.pressed(await room.posts(1))
            await listener.upto(24)
        assert [f.event for f in listener.frames] == ["reset", "post"]
        assert len(json.loads(listener.frames[0].data)["items"]) == 2


async def test_a_slow_reader_may_take_its_time_over_a_large_window_as_long_as_it_takes(monkeypatch):
    monkeypatch.setattr(connection_module, "SLOW_SECONDS", 0.4)
    async with newsroom() as room:
        seq = await room.posts(100, content_html=f"<p>{'x' * 80_000}</p>")
        await room.pressed(seq)
        async with Listener(room, buffer=4096, version="1.0") as listener:
            piece = listener.piece

            async def slowly():
                await asyncio.sleep(0.001)
                return await piece()

            listener.piece = slowly
            (reset,) = await listener.upto(seq)
        assert len(json.loads(reset.data)["items"]) == 100


async def test_who_takes_nothing_is_cut_off_and_costs_the_others_nothing(monkeypatch):
    monkeypatch.setattr(connection_module, "SLOW_SECONDS", 0.2)
    async with newsroom() as room:
        await room.pressed(await room.posts(100, content_html=f"<p>{'x' * 60_000}</p>"))
        async with Listener(room, buffer=4096) as stalled:
            await soon(lambda: room.channel.fanout._readers)
            async with Listener(room, last=room.position(100)) as quick:
                await asyncio.wait_for(asyncio.gather(room.posts(1), quick.upto(101)), 5)
                await soon(lambda: len(room.channel.fanout._readers) == 1)
            assert stalled.status == 200


@pytest.mark.parametrize("at_head", [False, True])
async def test_the_end_does_not_wait_for_who_takes_nothing(at_head):
    async with newsroom() as room:
        seq = await room.posts(100, content_html=f"<p>{'x' * 60_000}</p>")
        await room.pressed(seq)
        async with Listener(room, last=room.position(seq) if at_head else "", buffer=4096):
            await soon(lambda: room.channel.fanout._readers)
            if at_head:
                await room.pressed(await room.posts(100, content_html=f"<p>{'x' * 60_000}</p>"))
            await asyncio.sleep(0.2)  # for the connection to fill
            room.channel.fanout.close()
            await soon(lambda: not room.channel.fanout._readers, 2)


async def test_clients_of_http_1_0_are_not_sent_chunks():
    async with newsroom() as room:
        await room.pressed(await room.posts(1))
        async with Listener(room, version="1.0") as listener:
            await listener.upto(1)
            await room.posts(2)
            await listener.upto(3)
        assert [f.event for f in listener.frames] == ["reset", "post", "post"]
        assert "transfer-encoding" not in listener.headers


async def test_a_reader_with_a_filter_resumes_past_what_it_was_not_sent():
    async with newsroom() as room:
        await room.clock()
        first = make_post("a", tags=("arts",))
        await room.say(PostEvent(post=first), PostEvent(post=make_post("s", tags=("sport",))))
        await room.pressed(3)
        async with Listener(room, "?tag=arts", last=room.position(1)) as listener:
            moved = make_post("a", tags=("sport",), facts={"revision": 2}, date_modified=NOW)
            await room.say(UpdateEvent(post=moved), DeleteEvent(id="s", story_time=NOW))
            await room.say(PostEvent(post=make_post("b", tags=("arts",))))
            await listener.upto(6)
        assert [(f.event, f.id) for f in listener.frames] == [
            ("post", room.position(2)),
            ("delete", room.position(4)),
            ("post", room.position(6)),
        ]


async def test_browsers_of_other_origins_may_read_the_stream_and_its_end():
    async with newsroom() as room:
        await room.pressed(await room.clock("ended"))
        async with Listener(room) as listener:
            assert listener.headers["access-control-allow-origin"] == "*"
        async with Listener(room, last=room.position(1)) as listener:
            assert (listener.status, listener.headers["access-control-allow-origin"]) == (204, "*")
            assert listener.headers["cache-control"] == "no-cache"


async def test_an_empty_last_event_id_is_none():
    async with newsroom() as room:
        await room.clock()
        await room.pressed(await room.posts(1))
        async with (
            ClientSession() as session,
            session.get(
                f"http://127.0.0.1:{room.port}/harbour/events?after={room.position(1)}", headers={"Last-Event-ID": ""}
            ) as answer,
        ):
            decoder, frames = StreamDecoder(), []
            while len(frames) < 2:
                frames += decoder.feed(await answer.content.readany())
        assert [f.event for f in frames] == ["post", "clock"]


async def test_readers_with_tags_of_their_own_invention_fill_no_memory():
    async with newsroom() as room:
        await room.pressed(await room.posts(1))
        for number in range(3 * RESETS):
            room.press.reset_frame("start", f"tag {number}")
        assert len(room.press._resets) <= RESETS


async def test_a_log_that_fails_is_told_in_one_line_and_as_a_problem(caplog):
    async with newsroom() as room:
        await room.pressed(await room.posts(20))
        oldest = room.log.oldest

        async def fail():
            raise LogError("the disk is gone")

        room.log.oldest = fail
        async with Listener(room, last=room.position(5)) as listener:
            assert listener.status == 503
            assert listener.headers["content-type"] == "application/problem+json"
        room.log.oldest = oldest
        reading(room, fail)
        async with Listener(room, last=room.position(5)) as listener:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError, ValueError, AssertionError)):
                await listener.until(lambda _: False)
        assert [record.exc_info for record in caplog.records] == [None, None]


async def test_documents_that_a_clock_changed_are_sent_again():
    async with newsroom() as room, ClientSession(f"http://127.0.0.1:{room.port}") as session:
        await room.clock()
        await room.pressed(await room.posts(1))
        for path in ("/", "/harbour/", "/harbour/feed.json", "/harbour/posts/p1"):
            async with session.get(path) as answer:
                known = answer.headers["Last-Modified"]
            async with session.get(path, headers={"If-Modified-Since": known}) as answer:
                assert answer.status == 304, path
        room.appended = 5_000  # milliseconds
        await room.pressed(await room.clock("ended"))
        for path in ("/", "/harbour/", "/harbour/feed.json", "/harbour/posts/p1"):
            async with session.get(path, headers={"If-Modified-Since": known}) as answer:
                assert answer.status == 200, path


async def test_whoever_vanishes_at_any_moment_leaves_nothing_behind(caplog):
    async with newsroom() as room:
        await room.pressed(await room.posts(100, content_html=f"<p>{'x' * 10_000}</p>"))
        request = b"GET /harbour/events HTTP/1.1\r\nHost: x\r\n\r\n"
        for number in range(60):
            _, writing = await asyncio.open_connection("127.0.0.1", room.port)
            writing.write(request)
            for _ in range(number % 12):
                await asyncio.sleep(0)
            if number % 2:
                writing.transport.abort()
            else:
                writing.close()
            await room.posts(1)
        await soon(lambda: not room.channel.fanout._readers)
        assert not caplog.records
