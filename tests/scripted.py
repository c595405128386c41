"""A scripted newsroom: a small honest model of a channel on a real server, which can be told to misbehave."""

import asyncio
import contextlib
import json
from collections import deque

from aiohttp import web

STORY_TIME = "2023-02-01T00:22:00-05:00"


class Newsroom:
    """One channel. ``faults`` are taken one a request of the stream, ``None`` being none."""

    def __init__(self, window=3, mode="live"):
        self.window = window
        self.mode = mode
        self.root = ""
        self.epoch = "e1"
        self.seq = 0
        self.oldest = 1
        self.posts = {}  # id -> item, in the order of release
        self.log = []  # (seq, event, data)
        self.last_reset = 0
        self.reason = "seek"
        self.clock = None
        self.has_stream = True
        self.gone = False  # stream and feed answer 404
        self.faults = deque()
        self.asked = []  # Last-Event-ID of each request of the stream
        self.looks = []  # status of each answer with the feed
        self.feed_headers = {}
        self.changed = asyncio.Event()
        self.connections = set()

    # What happens in the story.

    def _append(self, event, data):
        self.seq += 1
        self.log.append((self.seq, event, data))
        self.changed.set()
        self.changed = asyncio.Event()

    def item(self, post_id, text, **more):
        facts = {"story_time": STORY_TIME, "channel": "harbour", "unknown": [1, {"kept": True}]}
        return {
            "id": post_id,
            "url": f"{self.root}posts/{post_id}",
            "title": f"About {post_id}",
            "content_html": f"<p>{text}</p>",
            "date_published": STORY_TIME,
            "_newsreel": facts,
            "_foreign": "kept",
            **more,
        }

    def post(self, post_id, text="first", **more):
        self.posts[post_id] = self.item(post_id, text, **more)
        self._append("post", self.posts[post_id])

    def revise(self, post_id, text, **more):
        self.posts[post_id] = self.item(post_id, text, **more)
        self._append("update", self.posts[post_id])

    def withdraw(self, post_id):
        del self.posts[post_id]
        self._append("delete", {"id": post_id, "_newsreel": {"story_time": STORY_TIME}})

    def tell_clock(self, state="playing", run=1):
        self.clock = {"state": state, "speed": 60, "story_time": STORY_TIME, "run": run}
        self._append("clock", self.clock)

    def restart_take(self, reason):
        self.posts = {}
        self.reason = reason
        self._append("reset", None)
        self.last_reset = self.seq

    def drop(self):
        """Cut every open stream."""
        for transport in self.connections:
            transport.abort()

    def expire(self):
        """Forget the log: who stands before its end has lost events."""
        self.oldest = self.seq + 1

    def begin_epoch(self, name):
        self.epoch, self.seq, self.oldest, self.log, self.last_reset = name, 1, 2, [], 0

    # What readers get.

    def document(self, before=None, **facts):
        ids = list(self.posts)
        end = ids.index(before) if before else len(ids)
        start = max(0, end - self.window)
        document = {
            "version": "https://jsonfeed.org/version/1.1",
            "title": "Harbour live",
            "home_page_url": self.root,
            "feed_url": f"{self.root}feed.json",
            "items": [self.posts[post_id] for post_id in reversed(ids[start:end])],
            "_newsreel": {
                "channel": "harbour",
                "mode": self.mode,
                "complete": start == 0 and end == len(ids),
                **facts,
            },
        }
        if start:
            document["next_url"] = f"{self.root}feed.json?before={ids[start]}"
        if self.clock:
            document["_newsreel"]["clock"] = self.clock
            document["_newsreel"]["replay"] = {"run": self.clock["run"], "speed": 60}
        return document

    def links(self):
        links = [f'<{self.root}feed.json>; rel="alternate"; type="application/feed+json"']
        if self.has_stream:
            links.append(f'<{self.root}events>; rel="alternate"; type="text/event-stream"')
        return {"Link": ", ".join(links)}

    async def serve_page(self, request):
        html = "<!doctype html><title>Harbour live</title><p>hello"
        return web.Response(text=html, content_type="text/html", headers=self.links())

    async def serve_feed(self, request):
        if self.gone:
            return web.Response(status=404)
        body = json.dumps(self.document(request.query.get("before"))).encode()
        etag = f'"{hash(body)}"'
        same = request.headers.get("If-None-Match") == etag
        self.looks.append(304 if same else 200)
        headers = {"ETag": etag, **self.links(), **self.feed_headers}
        if same:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type="application/feed+json", headers=headers)

    def frames(self, cursor, *, fresh):
        """List what a reader at ``cursor`` gets now, and where it stands then."""
        out = []
        if fresh or cursor < self.last_reset:
            reason = fresh or self.reason
            out.append(self._frame("reset", self.document(reason=reason), self.seq))
            if self.clock:
                out.append(f"event: clock\ndata: {json.dumps(self.clock)}\n\n".encode())
            return out, self.seq
        for seq, event, data in self.log:
            if seq > cursor:
                out.append(self._frame(event, data, seq))
        return out, self.seq

    def _frame(self, event, data, seq):
        return f"id: {self.epoch}-{seq}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()

    async def serve_stream(self, request):
        with contextlib.suppress(ConnectionResetError):
            return await self._stream(request)

    async def _stream(self, request):
        position = request.headers.get("Last-Event-ID", "")
        self.asked.append(position)
        if self.gone:
            return web.Response(status=404)
        fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, web.Response):
            return fault
        ended = self.clock is not None and self.clock["state"] == "ended"
        if ended and position == f"{self.epoch}-{self.seq}":
            return web.Response(status=204)
        budget = fault  # bytes until the connection is cut
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"retry: 1\n\n: hello\n\n")
        self.connections.add(request.transport)
        fresh, cursor = self._join(position)
        while True:
            changed = self.changed
            if fresh is None and cursor + 1 < self.oldest:
                fresh = "expired"
            frames, cursor = self.frames(cursor, fresh=fresh)
            fresh = None
            data = b"".join(frames)
            if budget is not None and len(data) >= budget:
                await response.write(data[:budget] or b":")
                request.transport.close()
                return response
            budget = budget - len(data) if budget is not None else None
            if data:
                await response.write(data)
            await changed.wait()

    def _join(self, position):
        epoch, _, seq = position.rpartition("-")
        if not position:
            return "start", 0
        if epoch != self.epoch or int(seq) > self.seq:
            return "epoch", 0
        return ("expired" if int(seq) + 1 < self.oldest else None), int(seq)


@contextlib.asynccontextmanager
async def serving(routes):
    """Serve ``routes`` (path -> handler) on loopback; gives the URL, ending in a slash."""
    app = web.Application()
    for path, handler in routes.items():
        app.router.add_get(path, handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def open_newsroom(**settings):
    newsroom = Newsroom(**settings)
    routes = {
        "/": newsroom.serve_page,
        "/feed.json": newsroom.serve_feed,
        "/events": newsroom.serve_stream,
    }
    async with serving(routes) as url:
        newsroom.root = url
        yield newsroom
