"""Many readers of one stream: posts from the log's append to the last byte at each reader.

Publisher and readers are two processes on loopback. Both take their moments from the system's monotonic clock, which
all processes of a machine share, so a latency is the difference of two readings of one clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from publisher.channel import Channel
from publisher.library import Library
from publisher.log.contract import Draft
from publisher.log.opening import open_store
from publisher.render.snapshot import Address
from publisher.scene import Billing
from publisher.web.site import Site
from shared.event import PostEvent
from shared.post import Post, PostFacts
from shared.sse import StreamDecoder

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def post(number: int, size: int) -> Post:
    """Make a post whose title is the moment at which it was made."""
    now = datetime.now(UTC)
    return Post(
        id=f"p{number}",
        title=str(time.monotonic_ns()),
        content_html=f"<p>{'x' * size}</p>",
        date_published=now,
        newsreel=PostFacts(story_time=now),
    )


async def read(port: int, total: int, latencies: list[int], joined: asyncio.Semaphore) -> int:
    """Follow the stream until ``total`` posts have come; give how many did."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(b"GET /bench/events HTTP/1.0\r\nHost: bench\r\n\r\n")
    decoder = StreamDecoder()
    count = 0
    await reader.readuntil(b"\r\n\r\n")
    try:
        while count < total:
            chunk = await reader.read(65_536)
            now = time.monotonic_ns()
            if not chunk:
                break
            for frame in decoder.feed(chunk):
                if frame.event == "reset":
                    joined.release()
                elif frame.event == "post":
                    count += 1
                    start = frame.data.index('"title":"') + 9
                    latencies.append(now - int(frame.data[start : frame.data.index('"', start)]))
    finally:
        writer.close()
    return count


async def read_all(port: int, readers: int, total: int, pipe: Connection) -> None:
    """Run the readers; say when all have joined, and in the end what they saw."""
    latencies: list[int] = []
    joined = asyncio.Semaphore(0)
    tasks = []
    for number in range(readers):
        tasks.append(asyncio.create_task(read(port, total, latencies, joined)))
        if number % 200 == 199:
            await asyncio.sleep(0.05)
    for _ in range(readers):
        await joined.acquire()
    pipe.send("joined")
    counts = await asyncio.gather(*tasks)
    pipe.send((counts, sorted(latencies)))


def client(port: int, readers: int, total: int, pipe: Connection) -> None:
    """Be the readers' process."""
    _many_files()
    asyncio.run(read_all(port, readers, total, pipe))


async def bench(readers: int, rate: float, seconds: float, size: int, log: str) -> dict[str, float]:
    """Serve one channel, append posts to its log at ``rate`` a second, and measure their arrival."""
    _many_files()
    store = await open_store(log)
    library = Library.open(":memory:", store.epoch)
    address = Address.of("http://127.0.0.1/bench/", "bench", "127.0.0.1", date(2026, 1, 1))
    billing = Billing("Bench", "live", None, None, datetime.now(UTC))
    channel = Channel(store.channel("bench"), library.shelf("bench"), address, billing, "original")
    await channel.press.catch_up()
    pressing = asyncio.create_task(channel.press.run())
    application = Site({"bench": channel}, lambda: datetime.now(UTC)).application()
    runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    port = runner.addresses[0][1]
    total = int(rate * seconds)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=client, args=(port, readers, total, theirs))
    process.start()
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, ours.recv) == "joined"
    cpu, begin = time.process_time(), loop.time()
    for number in range(total):
        delay = begin + number / rate - loop.time()
        if delay > 0:
            await asyncio.sleep(delay)
        fact = post(number, size)
        await channel.log.append([Draft(fact.id, datetime.now(UTC), PostEvent(post=fact))])
    counts, latencies = await loop.run_in_executor(None, ours.recv)
    wall, spent = loop.time() - begin, time.process_time() - cpu
    process.join()
    channel.fanout.close()
    await runner.cleanup()
    pressing.cancel()
    library.close()
    await store.close()
    delivered = sum(counts)
    cuts = statistics.quantiles(latencies, n=1000)
    return {
        "readers": readers,
        "events": total,
        "delivered": delivered,
        "lost": readers * total - delivered,
        "deliveries/s": round(delivered / wall),
        "server CPU µs a delivery": round(spent / delivered * 1e6, 1),
        "p50 ms": round(cuts[499] / 1e6, 1),
        "p99 ms": round(cuts[989] / 1e6, 1),
        "max ms": round(latencies[-1] / 1e6, 1),
    }


def _many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))


def main() -> None:
    """Read the options, run, print one line of JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--readers", type=int, default=1000)
    options.add_argument("--rate", type=float, default=20, help="posts a second")
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--size", type=int, default=300, help="bytes of a body")
    options.add_argument("--log", default="memory:", help="a path measures the durable commit too")
    chosen = options.parse_args()
    print(json.dumps(asyncio.run(bench(**vars(chosen))), ensure_ascii=False))


if __name__ == "__main__":
    main()
