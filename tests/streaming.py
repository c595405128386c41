"""A channel behind a real server, and clients of our own making that read its stream byte by byte."""

import asyncio
import json
import socket
import zlib
from contextlib import asynccontextmanager
from datetime import timedelta

from aiohttp import web
from channels import NOW, Stage
from making import ADDRESS, make_post
from patience import PATIENCE

from publisher.listening import listen
from publisher.scene import Billing
from publisher.web.clients import Clients, Room
from publisher.web.doors import Doors, Limits
from publisher.web.site import Site
from shared.event import ClockEvent, PostEvent, ResetEvent
from shared.sse import StreamDecoder


class Newsroom(Stage):
    """A channel on the stage. Each event is released a millisecond after the one before."""

    def __init__(self, window=100, library=":memory:"):
        billing = Billing("Storm", "replay", "en", NOW.date(), NOW, window)
        super().__init__(billing, ADDRESS, "original", step=timedelta(milliseconds=1), library=library)

    async def say(self, *events):
        """Append events, whether or not anybody presses them."""
        return await self.append(*events)

    async def posts(self, count, **fields):
        made = [PostEvent(post=make_post(f"p{self.said + n}", **fields)) for n in range(count)]
        return await self.say(*made)

    async def clock(self, state="playing"):
        return await self.say(ClockEvent(state=state, speed=60, anchor=NOW, elapsed=0, story_time=NOW, run=1, reel="x"))

    async def reset(self, take=2):
        return await self.say(ResetEvent(reason="seek", take=take, run=1, story_time=NOW))

    def position(self, seq):
        return f"{self.store.epoch}-{seq}"


@asynccontextmanager
async def newsroom(routes=(), limits=Limits(), places=Room(), **options):  # noqa: B008 frozen
    room = Newsroom(**options)
    async with room.pressing():
        site = Site({"harbour": room.channel}, lambda: NOW, doors=Doors(limits))
        room.doors = site.doors
        application = site.application()
        application.add_routes(routes)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=20)
        await runner.setup()
        room.clients = Clients(runner.server, places, lambda: room.doors.inside, access_log=None)
        sock = listen("127.0.0.1", 0)
        listening = await asyncio.get_running_loop().create_server(room.clients, sock=sock)
        room.port = sock.getsockname()[1]
        try:
            yield room
        finally:
            listening.close()
            await runner.cleanup()


class Listener:
    """A client of its own making: one connection, frames as they come."""

    def __init__(self, room, query="", *, last="", version="1.1", buffer=None, headers="", gzip=False):
        self.room, self.query, self.last, self.version, self.buffer = room, query, last, version, buffer
        self.more = headers + ("Accept-Encoding: gzip\r\n" if gzip else "")
        self.unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if gzip else None
        self.frames = []

    async def __aenter__(self):
        sock = socket.socket()
        if self.buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer)
        sock.setblocking(False)  # noqa: FBT003 the library's
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.room.port))
        self.reading, self.writing = await asyncio.open_connection(sock=sock, limit=2**12 if self.buffer else 2**16)
        resume = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
        request = f"GET /harbour/events{self.query} HTTP/{self.version}\r\nHost: x\r\n{resume}{self.more}\r\n"
        self.writing.write(request.encode())
        head = (await self.reading.readuntil(b"\r\n\r\n")).decode()
        self.status = int(head.split()[1])
        self.headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        self.decoder = StreamDecoder(last_event_id=self.last)
        return self

    async def __aexit__(self, *_):
        self.writing.transport.abort()

    async def piece(self):
        """Read one chunk, or some bytes where the answer is not chunked, unpacked; empty at the end."""
        piece = await self.packed()
        while piece and self.unpack:
            text = self.unpack.decompress(piece)
            if text:
                return text
            piece = await self.packed()  # that was the header
        return piece

    async def packed(self):
        """Read the same as it came."""
        if "transfer-encoding" not in self.headers:
            return await self.reading.read(4096)
        size = int(await self.reading.readline(), 16)
        return (await self.reading.readexactly(size + 2))[:-2]

    async def until(self, done):
        """Read frames until ``done(frame)``."""
        while True:
            piece = await asyncio.wait_for(self.piece(), PATIENCE)
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
