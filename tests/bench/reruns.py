"""What a rerun costs: as many reruns as readers of one stream, each told as many events.

The server runs in this process, whose CPU time is measured; the readers run in another. Printed are the CPU time a
delivery and a join, and the memory a reader, of the stream, of reruns with different starts and of one that all watch,
without compression and with it; and what a delivery costs in units of the stream's. Nothing is measured of reruns that
are over: none is left.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from publisher.channel import Channel
from publisher.library import Library
from publisher.log.contract import Draft
from publisher.log.memory import MemoryStore
from publisher.render.snapshot import Address
from publisher.scene import Billing
from publisher.web.site import Site
from shared.event import PostEvent
from shared.post import Author, Post, PostFacts
from tests.bench import machine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

DAY = datetime(2023, 2, 1, 12, tzinfo=UTC)
SPEED = 1
READERS = """
import selectors, socket, sys, zlib
port, count, events, coding = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
paths = [line.rstrip("\\n") for line in sys.stdin.buffer.read().decode().split("\\n") if line]
poll, told = selectors.DefaultSelector(), 0
def plain(inflate, data):
    return inflate.decompress(data) if coding == "gzip" else data
for path in paths:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(f"GET {path} HTTP/1.0\\r\\nHost: x\\r\\nAccept-Encoding: {coding}\\r\\n\\r\\n".encode())
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        head += sock.recv(65536)
    inflate = zlib.decompressobj(31)
    text = plain(inflate, head.partition(b"\\r\\n\\r\\n")[2])
    while b"event: reset" not in text:
        text += plain(inflate, sock.recv(65536))
    sock.setblocking(False)
    poll.register(sock, selectors.EVENT_READ, inflate)
    told += text.count(b"event: post")
print("joined", flush=True)
while told < count * events:
    for key, _ in poll.select(30) or sys.exit("silence"):
        told += plain(key.data, key.fileobj.recv(1 << 18)).count(b"event: post")
print("told", told, flush=True)
sys.stdin.close()
"""


def post(number: int) -> PostEvent:
    moment = DAY + timedelta(seconds=number / 4)
    facts = PostFacts(story_time=moment)
    body = f"<p>{'What was said at that time. ' * 20}</p>"
    author = Author.of("Ada Quist", "Holmavik")
    return PostEvent(
        post=Post(
            id=f"p{number}", title=f"Post {number}", content_html=body, date_published=moment, authors=(author,),
            newsreel=facts,
        )
    )  # fmt: skip


@asynccontextmanager
async def serving() -> AsyncGenerator[tuple[Channel, Site, int]]:
    """Serve an archive on loopback."""
    store = MemoryStore()
    library = Library.open(":memory:", store.epoch)
    address = Address.of("http://127.0.0.1/harbour/", "harbour", "news.example", date(2023, 2, 1))
    billing = Billing("Bench", "archive", "en", date(2023, 2, 1), datetime.now(UTC))
    channel = Channel(store.channel("harbour"), library.shelf("harbour"), address, billing, "shifted")
    await channel.open(datetime.now(UTC))
    pressing = asyncio.create_task(channel.press.run())
    site = Site({"harbour": channel}, lambda: datetime.now(UTC))
    runner = web.AppRunner(site.application(), handler_cancellation=True, shutdown_timeout=1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    try:
        yield channel, site, runner.addresses[0][1]
    finally:
        channel.fanout.close()
        await runner.cleanup()
        pressing.cancel()
        await asyncio.gather(pressing, return_exceptions=True)
        library.close()
        await store.close()


async def read(port: int, paths: list[str], events: int, coding: str) -> asyncio.subprocess.Process:
    """Start the readers, and wait until all have joined."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", READERS, str(port), str(len(paths)), str(events), coding,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    process.stdin.write("\n".join(paths).encode())
    process.stdin.write_eof()
    line = await process.stdout.readline()
    assert line == b"joined\n", line
    return process


async def append(channel: Channel, first: int, events: int) -> None:
    now = datetime.now(UTC)
    drafts = [Draft(f"k{n}", now + n * timedelta(microseconds=1), post(n)) for n in range(first, first + events)]
    await channel.log.append(drafts)


async def stream(readers: int, events: int, coding: str) -> tuple[float, float, float]:
    """Measure readers of the channel's stream; give CPU seconds to join, CPU seconds a delivery, KB a reader."""
    async with serving() as (channel, _, port):
        await append(channel, 0, 1)
        await asyncio.sleep(0.2)
        joining, before = time.process_time(), memory()
        process = await read(port, ["/harbour/events"] * readers, events, coding)
        joining, held = time.process_time() - joining, memory() - before
        used = time.process_time()
        for number in range(events):
            await append(channel, 1 + number, 1)
            await asyncio.sleep(0.25 / SPEED)
        await process.stdout.readline()
        used = time.process_time() - used
        await process.wait()
        return joining, used / (readers * events), held


async def reruns(readers: int, events: int, coding: str, *, starts: int) -> tuple[float, float, float]:
    """Measure the same of reruns, which have so many different starts."""
    async with serving() as (channel, site, port):
        await append(channel, 0, events + 1)
        await asyncio.sleep(0.5)
        channel.press.shelf.history.timeline()
        begin = datetime.now(UTC) + timedelta(seconds=3 + readers / 200)
        moments = [begin + (number % starts) * timedelta(seconds=0.25 / SPEED) / starts for number in range(readers)]
        paths = [
            f"/harbour/events?rerun={moment.isoformat().replace('+00:00', 'Z')}&speed={SPEED}" for moment in moments
        ]
        joining, before = time.process_time(), memory()
        process = await read(port, paths, events + 1, coding)
        joining, held = time.process_time() - joining, memory() - before
        used = time.process_time()
        await process.stdout.readline()
        used = time.process_time() - used
        await process.wait()
        await asyncio.sleep(1)
        assert not site.reruns.viewers
        return joining, used / (readers * (events + 1)), held


def memory() -> float:
    """Tell what this process holds of the machine's memory, in KB."""
    gc.collect()
    return machine.memory([os.getpid()]) / 1024


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--readers", type=int, default=1000)
    options.add_argument("--events", type=int, default=40)
    given = options.parse_args()
    for coding in ("identity", "gzip"):
        of_the_stream = 0.0
        for name, measure in (
            ("stream", stream),
            ("reruns", partial(reruns, starts=given.readers)),
            ("one rerun", partial(reruns, starts=1)),
        ):
            joining, delivery, held = asyncio.run(measure(given.readers, given.events, coding))
            of_the_stream = of_the_stream or delivery
            print(
                f"{name:9} {coding:8} {given.readers:,} readers, {given.events} events: {delivery * 1e6:5.1f} µs CPU a "
                f"delivery ({delivery / of_the_stream:.2f}), {joining / given.readers * 1e6:5.0f} µs a join, "
                f"{held / given.readers:5.1f} KB a reader",
                flush=True,
            )


if __name__ == "__main__":
    main()
