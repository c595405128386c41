"""Compressed streams: every client decodes each event as it comes, wherever it joins; who takes no gzip gets none."""

import asyncio
import shutil

import pytest
from aiohttp import ClientSession, web
from browsing import browser_tab, in_chromium
from patience import PATIENCE
from playwright.async_api import expect
from streaming import Listener, newsroom

from publisher.web.connection import takes_gzip
from subscriber.stream import Stream


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ("gzip, deflate, br, zstd", True),
        ("deflate, gzip;q=0.5", True),
        ("X-GZIP", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br", False),
        ("identity", False),
        ("*", False),
        ("", False),
    ],
)
def test_who_is_sent_gzip(accept, taken):
    request = type("Request", (), {"headers": {"Accept-Encoding": accept}})
    assert takes_gzip(request) is taken


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_each_event_is_readable_as_it_comes_and_far_smaller(version):
    async with newsroom() as room:
        await room.pressed(await room.posts(100, content_html=f"<p>{'As the tide came in. ' * 20}</p>"))
        async with Listener(room, version=version, gzip=True) as listener:
            assert listener.headers["content-encoding"] == "gzip"
            assert listener.headers["vary"] == "accept-encoding"
            taken, packed = [], listener.packed

            async def noted():
                taken.append(await packed())
                return taken[-1]

            listener.packed = noted
            await listener.upto(100)
            for seq in (101, 102, 103):
                await room.posts(1, content_html="<p>And so it went out again.</p>")
                await listener.upto(seq)
            assert [f.event for f in listener.frames] == ["reset", *["post"] * 3]
            assert sum(map(len, taken)) * 3 < sum(len(f.data) for f in listener.frames)


async def test_who_takes_no_gzip_is_sent_none():
    async with newsroom() as room:
        await room.pressed(await room.posts(1))
        async with Listener(room, headers="Accept-Encoding: br, gzip;q=0\r\n") as listener:
            await listener.upto(1)
            assert "content-encoding" not in listener.headers


async def test_a_reader_of_gzip_that_fell_back_goes_on_from_the_log():
    async with newsroom() as room:
        await room.pressed(await room.posts(250))
        room.channel.fanout.ring.begin(250)
        url = f"http://127.0.0.1:{room.port}/harbour/events"
        async with ClientSession() as session:
            stream, ids = Stream(session, url, after=room.position(7)), []
            async for frames in stream.frames():
                ids += [frame.id for frame in frames]
                if room.position(250) in ids:
                    break
        assert ids == [room.position(seq) for seq in range(8, 251)]


async def test_our_subscriber_joins_in_mid_stream_and_gets_each_event_at_once():
    async with newsroom() as room, ClientSession() as session:
        await room.pressed(await room.posts(3))
        url = f"http://127.0.0.1:{room.port}/harbour/events"
        streams = [Stream(session, url).frames() for _ in range(3)]
        seen = [[] for _ in streams]

        async def read(number, seq):
            while not seen[number] or seen[number][-1].id != room.position(seq):
                seen[number] += await anext(streams[number])

        await asyncio.wait_for(read(0, 3), PATIENCE)
        for seq in (4, 5, 6):
            await room.posts(1)
            await asyncio.wait_for(asyncio.gather(*(read(number, seq) for number in range(seq - 3))), PATIENCE)
        assert [[frame.event for frame in frames] for frames in seen] == [
            ["reset", "post", "post", "post"],
            ["reset", "post"],
            ["reset"],
        ]
        assert {group.form.gzip for group in room.channel.fanout._groups.values()} == {True}
        for frames in streams:
            await frames.aclose()


@pytest.mark.skipif(
    shutil.which("curl") is None, reason="no curl here: install curl to test compressed streams with it"
)
async def test_curl_shows_each_event_at_once_and_ends_with_the_stream():
    async with newsroom() as room:
        await room.pressed(await room.posts(3))
        url = f"http://127.0.0.1:{room.port}/harbour/events?after={room.position(1)}"
        curl = await asyncio.create_subprocess_exec(
            "curl", "--silent", "--show-error", "--no-buffer", "--compressed", url,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

        async def upto(seq):
            return await asyncio.wait_for(curl.stdout.readuntil(f"id: {room.position(seq)}\n".encode()), PATIENCE)

        await upto(3)
        for seq in (4, 5):
            await room.posts(1)
            await upto(seq)
        assert {group.form.gzip for group in room.channel.fanout._groups.values()} == {True}
        room.channel.fanout.close()
        rest, complaints = await asyncio.wait_for(curl.communicate(), PATIENCE)
        assert b"\n: closed: end\nretry: " in rest
        assert (curl.returncode, complaints) == (0, b"")


PAGE = """<script>
const seen = [], source = new EventSource("/harbour/events");
for (const kind of ["reset", "post"]) source.addEventListener(kind, (event) => {
  seen.push(event.lastEventId);
  document.title = seen.join(" ");
});
</script>"""


@in_chromium
async def test_chromium_joins_in_mid_stream_and_gets_each_event_at_once_and_resumes():
    async def page(_request):
        return web.Response(text=PAGE, content_type="text/html")

    async with newsroom(routes=[web.get("/seen/{name}", page)]) as room, browser_tab() as tab:
        await room.pressed(await room.posts(3))
        await tab.goto(f"http://127.0.0.1:{room.port}/seen/here")
        for seq in (3, 4, 5):
            if seq > 3:
                await room.posts(1)
            await expect(tab).to_have_title(" ".join(room.position(n) for n in range(3, seq + 1)))
        assert {group.form.gzip for group in room.channel.fanout._groups.values()} == {True}
        for reader in list(room.channel.fanout._readers):
            room.channel.fanout.dismiss(reader, "life")
        await room.posts(2)
        await expect(tab).to_have_title(" ".join(room.position(n) for n in range(3, 8)))
