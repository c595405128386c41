"""Many subscribers of the hub: from a post's append to the last delivery, and what the server's loop feels of it.

Callbacks run in a process of their own on loopback. Some of them are dead: they take the connection and never answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from publisher.channel import Channel
from publisher.library import Library
from publisher.log.contract import Draft
from publisher.log.memory import MemoryStore
from publisher.render.snapshot import Address
from publisher.scene import Billing
from publisher.websub.calling import open_calls
from publisher.websub.delivery import Deliveries, Topic
from publisher.websub.hub import Hub, Limits
from publisher.websub.leases import Lease, Leases
from shared.event import PostEvent
from shared.post import Post, PostFacts

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from publisher.editions import Edition

LAG_SECONDS = 0.005
NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def take(pipe: Connection, subscribers: int) -> None:
    """Be the callbacks; at the end tell of each delivery its time and the number of the newest post."""
    forever = asyncio.Event()
    taken: list[tuple[int, int]] = []

    async def good(request: web.Request) -> web.Response:
        newest = json.loads(await request.read())["items"][0]["title"]
        taken.append((time.monotonic_ns(), int(newest)))
        return web.Response(status=204)

    async def dead(_request: web.Request) -> web.Response:
        await forever.wait()
        return web.Response(status=204)

    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/good/{number}", good)
    app.router.add_post("/dead/{number}", dead)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=subscribers).start()
    pipe.send(runner.addresses[0][1])
    await asyncio.to_thread(pipe.recv)
    pipe.send(taken)
    await runner.cleanup()


def callbacks(pipe: Connection, subscribers: int) -> None:
    """Run the callbacks' process."""
    asyncio.run(take(pipe, subscribers))


def post(number: int, size: int) -> Post:
    """Make a post whose title is its number."""
    moment = NOW + timedelta(seconds=number)
    return Post(
        id=f"p{number}",
        title=str(number),
        content_html=f"<p>{'x' * size}</p>",
        date_published=moment,
        newsreel=PostFacts(story_time=moment),
    )


async def feel(lags: list[float]) -> None:
    """Measure by how much the loop is late."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(LAG_SECONDS)
        lags.append(time.monotonic() - before - LAG_SECONDS)


async def push(options: argparse.Namespace, pipe: Connection) -> None:
    """Be the server."""
    port = await asyncio.to_thread(pipe.recv)
    store = MemoryStore()
    library = Library.open(":memory:", store.epoch)
    address = Address.of("http://127.0.0.1/bench/", "bench", "bench.example", date(2026, 1, 1))
    billing = Billing("Bench", "live", "en", None, NOW)
    log = store.channel("bench")
    channel = Channel(log, library.shelf("bench"), address, billing, "original")
    await channel.open(NOW)
    leases, session = Leases.open(":memory:"), open_calls(allow_private=True)

    def edition() -> Edition:
        return channel.editions.get("feed.json")

    topics = {address.json: Topic(edition, lambda: str(channel.press.shelf.changed))}
    deliveries = Deliveries("http://127.0.0.1/hub", topics, leases, session, now=lambda: NOW)
    hub = Hub(topics, leases, session, deliveries, lambda: NOW, limits=Limits(1 << 20, 1 << 20))
    dead = int(options.subscribers * options.dead)
    for number in range(options.subscribers):
        kind = "dead" if number < dead else "good"
        lease = Lease(
            address.json, f"http://127.0.0.1:{port}/{kind}/{number}", "secret", NOW + timedelta(days=1), "begin"
        )
        leases._keep(lease)  # as if it had been read from the file
    channel.press.listeners.append(lambda _batch: hub.deliveries.changed(address.json))
    pressing = asyncio.create_task(channel.press.run())
    quiet: list[float] = []
    busy: list[float] = []
    feeling = asyncio.create_task(feel(quiet))
    await asyncio.sleep(1)
    feeling.cancel()
    feeling = asyncio.create_task(feel(busy))
    sent: dict[int, int] = {}
    for number in range(1, options.posts + 1):
        sent[number] = time.monotonic_ns()
        await log.append(
            [Draft(f"k{number}", NOW + timedelta(seconds=number), PostEvent(post=post(number, options.size)))]
        )
        await asyncio.sleep(options.every)
    quick, lacking = options.subscribers - dead, topics[address.json].state()
    deadline = time.monotonic() + 30
    while sum(one.told == lacking for one in leases) < quick and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    feeling.cancel()
    pipe.send("end")
    delays: dict[int, list[float]] = {number: [] for number in sent}
    for moment, number in await asyncio.to_thread(pipe.recv):
        delays[number].append((moment - sent[number]) / 1e9)
    for number, taken in delays.items():
        if taken:
            taken.sort()
            print(
                f"post {number}: {len(taken)} of {quick} live callbacks, first after {taken[0]:.3f} s, "
                f"half after {statistics.median(taken):.3f} s, last after {taken[-1]:.3f} s"
            )
    for name, lags in (("at rest", quiet), ("pushing", busy)):
        lags.sort()
        of_100, most = 1e3 * lags[int(0.99 * len(lags))], 1e3 * lags[-1]
        print(f"the loop was late {name}: 99 in 100 by {of_100:.1f} ms, at most {most:.1f} ms")
    await hub.close()
    await session.close()
    pressing.cancel()
    library.close()


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=2000)
    parser.add_argument("--dead", type=float, default=0.1, help="share of callbacks that never answer")
    parser.add_argument("--posts", type=int, default=10)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between posts")
    parser.add_argument("--size", type=int, default=1000, help="characters of a post")
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=callbacks, args=(theirs, options.subscribers))
    process.start()
    try:
        asyncio.run(push(options, ours))
    finally:
        process.join(10)
        process.terminate()


if __name__ == "__main__":
    main()
