"""How a server ends: it says so, takes nobody new, and lets go of its readers one after the other."""

import asyncio
import signal
import sys
from types import SimpleNamespace

import pytest
from aiohttp import ClientConnectorError, ClientSession
from patience import PATIENCE, soon
from serving import ROOT, Publisher, transcript

from publisher.app import Server
from publisher.config import arguments
from publisher.fanout import lives


async def first_bytes(port):
    reading, writing = await asyncio.open_connection("127.0.0.1", port)
    writing.write(b"GET /story/events HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(reading.readuntil(b"event: reset"), PATIENCE)
    return reading, writing


async def test_a_server_that_drains_says_so_takes_nobody_new_and_ends_streams_one_after_the_other(monkeypatch):
    next_one = asyncio.Semaphore(0)

    async def sleep(seconds):
        if seconds:
            await next_one.acquire()

    monkeypatch.setattr(lives, "DRAINED_A_SECOND", 0.001)  # so that each comes long after the one before
    monkeypatch.setattr(lives, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": sleep}))
    table = {
        "server": {"port": 0},
        "streams": {"drain_seconds": 3_600},
        "log": {"url": "memory:"},
        "channels": {"story": {"mode": "live"}},
    }
    server = Server(arguments(table, "test"), {})
    await server.start()
    try:
        streams = [await first_bytes(int(server.local_url.rpartition(":")[2])) for _ in range(10)]
        async with ClientSession(server.local_url) as known:
            assert (await known.get("/readyz")).status == 200
            draining = asyncio.create_task(server.drain())
            await soon(lambda: not server._site.ready)
            assert (await known.get("/readyz")).status == 503  # over the connection that it has
            async with ClientSession(server.local_url) as stranger:
                with pytest.raises(ClientConnectorError):
                    await stranger.get("/readyz")
        reading = [asyncio.create_task(reader.read()) for reader, _ in streams]
        for ended in range(1, 11):
            await soon(lambda ended=ended: sum(task.done() for task in reading) == ended)
            assert not draining.done() or ended == 10
            next_one.release()
        await draining
        assert all(b"\n: closed: drain\nretry: " in task.result() for task in reading)
    finally:
        await server.stop()
        for _, writing in streams:
            writing.close()


async def test_a_server_that_is_told_to_end_drains_its_streams_and_says_when_to_come_back(tmp_path):
    source = tmp_path / "story.txt"
    source.write_text(transcript(30))
    publisher = await asyncio.to_thread(Publisher, "replay", source, "--speed", "60", "--log", "memory:")
    streams = [await first_bytes(publisher.port) for _ in range(60)]
    code = await asyncio.to_thread(publisher.stop)
    ends = [(await reading.read()).rpartition(b": closed: drain\nretry: ")[2] for reading, _ in streams]
    assert code == 0, publisher.complaints
    assert all(text.endswith(b"\n\n\r\n0\r\n\r\n") for text in ends)
    assert len({int(text.split()[0]) for text in ends}) > 30
    for _, writing in streams:
        writing.close()


SLOWLY = """
from publisher import cli
from publisher.fanout import lives
lives.DRAINED_A_SECOND = 0.1
cli.main()
"""


async def test_who_asks_again_does_not_wait(tmp_path):
    source = tmp_path / "story.txt"
    source.write_text(transcript(3))
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SLOWLY, "replay", source, "--port", "0"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )  # fmt: skip
    port = 0
    while not (line := await server.stdout.readline()).startswith(b"Ctrl-C"):
        assert line, "the server ended"
        if line.split()[:1] == [b"page"]:
            port = int(line.split()[1].split(b":")[2].split(b"/")[0])
    streams = [await first_bytes(port) for _ in range(4)]
    server.send_signal(signal.SIGTERM)
    reading = [asyncio.create_task(reader.read()) for reader, _ in streams]
    await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
    assert server.returncode is None
    server.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(server.wait(), PATIENCE) == -signal.SIGTERM
    for task, (_, writing) in zip(reading, streams, strict=True):
        task.cancel()
        writing.close()
