"""One real channel behind a real server on loopback, and the hand that appends to its log."""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_network

from aiohttp import ClientSession, web
from making import make_post
from patience import soon

from publisher.channel import Channel
from publisher.library import Library
from publisher.log.contract import Draft
from publisher.log.memory import MemoryStore
from publisher.reel import Reel
from publisher.render.snapshot import Address
from publisher.scene import Billing
from publisher.web.doors import Doors, Limits
from publisher.web.site import Site
from publisher.websub.push import Push, hubs_of
from shared.event import ClockEvent, DeleteEvent, PostEvent, ResetEvent, UpdateEvent

BEHIND_A_PROXY = Limits(trusted=(ip_network("127.0.0.1/32"),))
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
REEL = Reel([PostEvent(post=make_post("only"))])


class Stage:
    """A channel named harbour, and the hand that appends to its log. ``step``: from one event to the next."""

    def __init__(self, billing, address, timestamps, *, step, library=":memory:", ids="same"):
        self.store = MemoryStore()
        self.log = self.store.channel("harbour")
        self.library = Library.open(library, self.store.epoch)
        shelf = self.library.shelf("harbour")
        self.channel = Channel(self.log, shelf, address, billing, timestamps, reel=REEL, ids=ids)
        self.press = self.channel.press
        self.said, self.step = 0, step

    async def append(self, *events):
        """Append events; gives the number of the last."""
        drafts = []
        for event in events:
            self.said += 1
            drafts.append(Draft(f"k{self.said}", NOW + self.said * self.step, event))
        return (await self.log.append(drafts))[-1].seq

    async def pressed(self, seq):
        """Wait until an event is handed out."""
        await soon(lambda: self.channel.fanout.head >= seq)

    @asynccontextmanager
    async def pressing(self):
        """Open the channel and press what is appended, for the length of a block."""
        await self.channel.open(NOW)
        pressing = asyncio.create_task(self.press.run())
        try:
            yield
        finally:
            pressing.cancel()
            with suppress(asyncio.CancelledError):
                await pressing
            self.library.close()
            await self.store.close()


class Room(Stage):
    """A channel on the stage. Each event is released a second after the one before."""

    def __init__(self, root, *, window, mode, timestamps, hubs=(), ids="same"):
        self.root = root
        self.now = NOW
        self.push = None
        address = replace(Address.of(root, "harbour", "news.example", date(2023, 1, 31)), hubs=hubs)
        billing = Billing("Storm", mode, "en", date(2023, 1, 31), NOW, window)
        super().__init__(billing, address, timestamps, step=timedelta(seconds=1), ids=ids)

    async def say(self, *events):
        """Append events and wait until they are pressed."""
        await self.pressed(await self.append(*events))

    async def post(self, *slugs, **fields):
        await self.say(
            *(
                PostEvent(post=make_post(slug, self.said + n, title=f"About {slug}", **fields))
                for n, slug in enumerate(slugs)
            )
        )

    async def revise(self, slug, revision=2, **fields):
        fields = {"title": f"About {slug}, corrected"} | fields
        post = make_post(slug, self.said, facts={"revision": revision}, **fields)
        await self.say(UpdateEvent(post=post.model_copy(update={"date_modified": post.date_published})))

    async def delete(self, *slugs):
        await self.say(*(DeleteEvent(id=slug, story_time=make_post("x", self.said).story_time) for slug in slugs))

    async def clock(self, state="playing", speed=60, run=1):
        elapsed = float(self.said)
        await self.say(
            ClockEvent(state=state, speed=speed, anchor=NOW, elapsed=elapsed, story_time=NOW, run=run, reel="x")
        )

    async def reset(self, take=2, reason="seek", run=1):
        await self.say(ResetEvent(reason=reason, take=take, run=run, story_time=NOW))

    async def loop(self, run=2):
        """Begin the next round."""
        await self.reset(run, "loop", run)
        await self.clock(run=run)

    async def get(self, path, **headers):
        """Give status, headers and body of a document by its path or URL."""
        url = path if path.startswith("http") else self.root + path
        async with (
            ClientSession(auto_decompress=True) as session,
            session.get(url, allow_redirects=False, headers=headers) as answer,
        ):
            return answer.status, answer.headers, await answer.read()

    async def body(self, path):
        status, _, body = await self.get(path)
        assert status == 200, (path, status, body)
        return body


@asynccontextmanager
async def open_room(
    *,
    window=100,
    mode="replay",
    timestamps="shifted",
    websub=None,
    leases=":memory:",
    pace=None,
    now=lambda: NOW,
    ids="same",
):
    """Serve a channel for the length of a block; with settings of ``websub`` it has a hub. ``now`` is reruns' time."""
    sock = socket.create_server(("127.0.0.1", 0))
    server = f"http://127.0.0.1:{sock.getsockname()[1]}"
    hubs = hubs_of(websub, server) if websub is not None else ()
    room = Room(f"{server}/harbour/", window=window, mode=mode, timestamps=timestamps, hubs=hubs, ids=ids)
    async with room.pressing():
        if websub is not None:
            room.push = Push.open(websub, server, leases, [room.channel], now=lambda: room.now, pace=pace)
            await room.push.start()
        hub = room.push.hub if room.push is not None else None
        site = room.site = Site({"harbour": room.channel}, now, hub=hub, doors=Doors(BEHIND_A_PROXY))
        runner = web.AppRunner(site.application(), handler_cancellation=True, shutdown_timeout=5, access_log=None)
        await runner.setup()
        await web.SockSite(runner, sock).start()
        try:
            yield room
        finally:
            if room.push is not None:
                await room.push.close()
            await runner.cleanup()
