"""The stream loses nothing and repeats nothing, however readers, releases, resets and pruning fall together."""

import asyncio
import json
import random
import socket
import zlib
from contextlib import suppress
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession, web
from making import make_post
from patience import PATIENCE, soon
from streaming import NOW, Listener, newsroom, reason, seqs

from publisher.cache import Cache
from publisher.fanout import Form
from publisher.fanout import fanout as fanout_module
from publisher.fanout import ring as ring_module
from publisher.log.contract import LogError
from publisher.web import connection as connection_module
from publisher.web.connection import Connection
from shared.event import DeleteEvent, PostEvent, UpdateEvent
from shared.sse import StreamDecoder


async def test_whoever_leaves_and_comes_back_at_any_moment_gets_every_event_once_in_order(monkeypatch):
    monkeypatch.setattr(ring_module, "RING_FRAMES", 5)  # so that most have to ask the log
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
        while room.said < 301:
            await room.posts(min(chance.randrange(1, 9), 301 - room.said))
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


@pytest.mark.parametrize("query", ["", "?tag=arts", "?types=update,delete"])
async def test_who_comes_back_from_far_away_gets_just_what_went_out(tmp_path, query):
    chance = random.Random(3)
    async with newsroom(library=tmp_path / "library") as room:
        start = await room.clock()
        await room.pressed(start)

        async def went_out():
            async with Listener(room, query, last=room.position(start)) as listener:
                return await listener.until(lambda frame: frame.event == "clock")

        there = asyncio.create_task(went_out())
        await soon(lambda: room.channel.fanout.readers)
        out = {}
        for number in range(400):
            tags = tuple(chance.sample(["arts", "sport"], chance.randrange(3)))
            slug = f"p{chance.randrange(40)}"
            if slug not in out:
                out[slug] = 1
                await room.say(PostEvent(post=make_post(slug, tags=tags)))
            elif number % 5:
                out[slug] += 1
                post = make_post(slug, tags=tags, facts={"revision": out[slug]}, date_modified=NOW)
                await room.say(UpdateEvent(post=post))
            else:
                del out[slug]
                await room.say(DeleteEvent(id=slug, story_time=NOW))
        await room.pressed(await room.clock("paused"))
        reading(room, None)  # nothing is made again
        assert await went_out() == await there


async def test_what_was_kept_under_other_settings_or_has_a_gap_is_made_anew_and_kept(tmp_path):
    async with newsroom(library=tmp_path / "library") as room:
        await room.pressed(await room.posts(300))
        room.channel.fanout.ring.begin(300)
        frames = room.channel.press.shelf.frames()
        room.library._stacks.execute("DELETE FROM frame WHERE seq = 150")
        assert frames.after(0, 10**9, 300)[-1].seq == 149
        async with Listener(room, last=room.position(7)) as listener:
            assert seqs(await listener.upto(300)) == list(range(8, 301))
        assert frames.after(0, 10**9, 300)[-1].seq == 300
        frames.begin("other")
        assert not frames.after(0, 10**9, 300)
        room.channel.fanout.backlog._pages.clear()
        async with Listener(room, last=room.position(250)) as listener:
            assert seqs(await listener.upto(300)) == list(range(251, 301))
        await room.channel.prune(20)
        assert [frame.seq for frame in frames.after(280, 10**9, 300)] == list(range(281, 301))
        assert not frames.after(279, 10**9, 300)


@pytest.mark.parametrize("kept", ["in the ring", "as frames", "in the log"])
async def test_what_was_withdrawn_is_given_to_nobody_who_comes_back(tmp_path, kept):
    async with newsroom(library=tmp_path / "library") as room:
        await room.posts(3)
        secret = make_post("p1", content_html="<p>A secret.</p>", facts={"revision": 2}, date_modified=NOW)
        await room.say(UpdateEvent(post=secret), DeleteEvent(id="p1", story_time=NOW, withdrawn=True))
        await room.pressed(await room.posts(1))
        if kept != "in the ring":
            room.channel.fanout.ring.begin(6)
        if kept == "in the log":
            room.channel.press.shelf.frames().begin("other")
        for gzip in (False, True):
            async with Listener(room, "?tag=harbour", last=room.position(1), gzip=gzip) as listener:
                await listener.upto(6)
            assert [(f.event, f.id) for f in listener.frames] == [
                ("post", room.position(3)),
                ("delete", room.position(5)),
                ("post", room.position(6)),
            ]


def reading(room, before):
    """Have something happen while a reader's page is read from the log, and leave the ring empty as after a restart."""

    class Log:
        def __getattr__(self, name):
            return getattr(room.log, name)

        async def read(self, after, limit):
            await before()
            return await room.log.read(after, limit)

    room.press._log = Log()
    room.channel.fanout.ring.begin(room.channel.fanout.head)


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
    now = 0.0
    for module in (fanout_module, connection_module):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(fanout_module, "_SWEEP_SECONDS", 0.001)
    async with newsroom() as room:
        room.channel.fanout.life = 0
        seq = await room.posts(100, content_html=f"<p>{'x' * 80_000}</p>")
        await room.pressed(seq)
        async with Listener(room, buffer=4096, version="1.0") as listener:
            piece = listener.piece

            async def slowly():
                nonlocal now
                if any(reader.outlet.refused_since == now for reader in room.channel.fanout._refusing):
                    now += fanout_module.SLOW_SECONDS - 1
                await asyncio.sleep(0)
                return await piece()

            listener.piece = slowly
            (reset,) = await listener.upto(seq)
            assert now > 3 * fanout_module.SLOW_SECONDS
        assert len(json.loads(reset.data)["items"]) == 100


async def test_who_takes_nothing_is_cut_off_and_costs_the_others_nothing(monkeypatch):
    monkeypatch.setattr(fanout_module, "SLOW_SECONDS", 0.2)
    async with newsroom() as room:
        await room.pressed(await room.posts(100, content_html=f"<p>{'x' * 60_000}</p>"))
        async with Listener(room, buffer=4096) as stalled:
            await soon(lambda: room.channel.fanout.readers)
            async with Listener(room, last=room.position(100)) as quick:
                await asyncio.wait_for(asyncio.gather(room.posts(1), quick.upto(101)), PATIENCE)
                await soon(lambda: room.channel.fanout.readers == 1)
            assert stalled.status == 200


async def test_who_stalls_while_others_read_is_closed_in_time_and_goes_on_whole(monkeypatch):
    monkeypatch.setattr(ring_module, "RING_FRAMES", 5)
    monkeypatch.setattr(fanout_module, "LAG_SECONDS", 0.2)
    monkeypatch.setattr(fanout_module, "_SWEEP_SECONDS", 0.05)
    async with newsroom() as room:
        start = await room.clock()
        await room.pressed(start)
        async with (
            Listener(room, last=room.position(start), buffer=4096) as stalled,
            Listener(room, last=room.position(start)) as quick,
        ):
            await soon(lambda: room.channel.fanout.readers == 2)
            seq = start
            while room.channel.fanout.readers == 2:
                seq = await room.posts(1, content_html=f"<p>{'x' * 60_000}</p>")
                await quick.upto(seq)
            assert +room.channel.fanout.counts.closed == {"lagging": 1}
            with suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
                while piece := await asyncio.wait_for(stalled.piece(), PATIENCE):
                    stalled.frames += stalled.decoder.feed(piece)
        had = seqs(stalled.frames)
        async with Listener(room, last=stalled.decoder.last_event_id) as again:
            had += seqs(await again.upto(seq))
        assert had == seqs(quick.frames) == list(range(start + 1, seq + 1))


@pytest.mark.parametrize("at_head", [False, True])
async def test_the_end_does_not_wait_for_who_takes_nothing(at_head, monkeypatch):
    for name in ("SLOW_SECONDS", "LAG_SECONDS"):
        monkeypatch.setattr(fanout_module, name, float("inf"))
    async with newsroom() as room:
        seq = await room.posts(100, content_html=f"<p>{'x' * 60_000}</p>")
        await room.pressed(seq)
        async with Listener(room, last=room.position(seq) if at_head else "", buffer=4096):
            await soon(lambda: room.channel.fanout.readers)
            if at_head:
                await room.pressed(await room.posts(100, content_html=f"<p>{'x' * 60_000}</p>"))
            await soon(lambda: room.channel.fanout._refusing)  # the connection is full
            room.channel.fanout.close()
            await soon(lambda: not room.channel.fanout.readers)


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
        framing, forms = room.press.framing, (Form(), Form(gzip=True))
        framing._resets, framing._formed = Cache(10_000), Cache(10_000)
        resets = [framing.reset("start", f"tag {number}", form) for number in range(100) for form in forms]
        assert 2 <= len(framing._resets) <= 10_000 // len(resets[-2])
        assert 2 <= len(framing._formed) <= 10_000 // len(resets[-1])
        assert framing.reset("start", "tag 99", forms[1]) is resets[-1]
        await room.pressed(await room.posts(1))
        assert framing.reset("start", "tag 99", forms[1]) is not resets[-1]


async def test_what_is_kept_for_who_comes_back_is_bounded_by_its_bytes_and_let_go_when_all_are_served():
    """In a soak what single readers had been given filled 64 MB that nobody asked for again."""
    async with newsroom() as room:
        backlog, kept = room.channel.fanout.backlog, []
        budget = backlog._budget
        budget._limit = 1_000_000
        start = await room.clock()
        await room.pressed(await room.posts(300, content_html=f"<p>{'x' * 10_000}</p>"))
        room.channel.fanout.ring.begin(301)  # as after a restart
        piece = backlog._piece

        def noted(*given):
            made = piece(*given)
            kept.append(budget._size)
            return made

        backlog._piece = noted

        async def reader(last):
            async with Listener(room, "?tag=harbour", last=room.position(last)) as listener:
                assert seqs(await listener.upto(301)) == list(range(last + 1, 302))

        await asyncio.gather(*(reader(last) for last in range(start, 300, 20)))
        assert 0 < max(kept) <= 1_000_000
        await soon(lambda: budget._size == 0)


async def test_who_joins_after_a_channel_was_renamed_is_told_its_new_name():
    async with newsroom() as room:
        await room.pressed(await room.posts(1))
        titles = []
        for title in ("Storm", "Gale"):
            room.press.rename(title, "en", NOW)
            async with Listener(room) as listener:
                (reset,) = await listener.upto(1)
                titles.append(json.loads(reset.data)["title"])
        assert titles == ["Storm (replay)", "Gale (replay)"]


async def test_a_log_that_fails_is_told_in_one_line_and_as_a_problem(caplog):
    async with newsroom() as room:
        await room.pressed(await room.posts(20))
        oldest = room.log.oldest

        async def fail():
            raise LogError("the disk is gone")

        room.log.oldest = fail
        room.channel.fanout.ring.begin(20)  # as after a restart
        async with Listener(room, last=room.position(5)) as listener:
            assert listener.status == 503
            assert listener.headers["content-type"] == "application/problem+json"
        room.log.oldest = oldest
        reading(room, fail)
        async with Listener(room, last=room.position(5)) as listener:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError, ValueError, AssertionError)):
                await listener.until(lambda _: False)
        assert [record.exc_info for record in caplog.records] == [None, None]


async def test_a_full_disk_holds_the_press_until_there_is_room(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("publisher.press.RETRY_SECONDS", 0.01)
    async with newsroom(library=tmp_path / "library") as room:
        await room.pressed(await room.posts(1))
        connection = room.library._stacks._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        async with Listener(room, last=room.position(1)) as listener:
            await room.posts(2, content_html=f"<p>{'x' * 20_000}</p>")
            await room.reset()
            last = await room.posts(1, content_html=f"<p>{'x' * 20_000}</p>")
            await soon(lambda: "nothing new is shown" in caplog.text)
            held = room.press.shelf.head
            for _ in range(20):
                await asyncio.sleep(0)
            assert held < last
            assert (room.press.shelf.head, room.channel.fanout.head) == (held, held)
            connection.execute("PRAGMA max_page_count = 100000")
            await room.pressed(last)
            await listener.until(lambda frame: frame.id == room.position(last))
        assert [frame.event for frame in listener.frames if frame.id][-2:] == ["reset", "post"]
        assert room.press.shelf.count() == 1
        assert [record.getMessage().partition(" could")[0] for record in caplog.records] == [
            f"the library {tmp_path / 'library'}", "showing again what is new",
        ]  # fmt: skip


async def test_a_reader_who_cannot_be_served_leaves_the_others_unharmed(caplog):
    async with newsroom() as room:
        await room.pressed(await room.posts(20))
        room.channel.fanout.ring.begin(20)
        frames_after = room.press.frames_after

        async def fail(cursor, most):
            if cursor == 5:
                raise RuntimeError("a fault of ours")
            return await frames_after(cursor, most)

        room.press.frames_after = fail
        async with Listener(room, last=room.position(5)), Listener(room, last=room.position(7)) as other:
            assert seqs(await other.upto(20)) == list(range(8, 21))
            await soon(lambda: +room.channel.fanout.counts.closed == {"failed": 1})
        assert "a fault of ours" in caplog.text


async def test_documents_that_a_clock_changed_are_sent_again():
    async with newsroom() as room, ClientSession(f"http://127.0.0.1:{room.port}") as session:
        await room.clock()
        await room.pressed(await room.posts(1))
        for path in ("/", "/harbour/", "/harbour/feed.json", "/harbour/posts/p1"):
            async with session.get(path) as answer:
                known = answer.headers["Last-Modified"]
            async with session.get(path, headers={"If-Modified-Since": known}) as answer:
                assert answer.status == 304, path
        room.said = 5_000  # milliseconds
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
        await soon(lambda: not room.channel.fanout.readers)
        assert not caplog.records


@pytest.mark.parametrize("more", ["", "Accept-Encoding: gzip\r\n"])
async def test_a_stream_begins_when_what_was_answered_before_is_out(more):
    client, got, over = socket.socket(), bytearray(), asyncio.Event()
    client.setblocking(False)  # noqa: FBT003 the library's

    def take():
        with suppress(BlockingIOError):
            while piece := client.recv(2**20):
                got.extend(piece)
            over.set()

    async def answer(request):
        request.transport.set_write_buffer_limits(high=2**30)  # so that nothing looks as if it waited
        request.transport.write(b"x" * 20_000_000)
        connection = await Connection.open(request)
        take()  # the kernel has room before the transport hears of it
        connection.send(connection.form.of(b"data: 1\n\n"))
        connection.end(b"data: 2\n\n")
        return connection.answer()

    async with newsroom(routes=[web.get("/a/stream", answer)]) as room:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", room.port))
        await loop.sock_sendall(client, f"GET /a/stream HTTP/1.0\r\nHost: x\r\n{more}\r\n".encode())
        loop.add_reader(client, take)
        await asyncio.wait_for(over.wait(), PATIENCE)
        loop.remove_reader(client)
        assert got.startswith(b"x" * 20_000_000 + b"HTTP/1.0 200 OK\r\n")
        text = got.partition(b"\r\n\r\n")[2]
        if more:
            text = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(text)
        assert text == b"data: 1\n\ndata: 2\n\n"
        client.close()
