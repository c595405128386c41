"""A server with live channels, and somebody who writes to them."""

import json
from contextlib import asynccontextmanager

from aiohttp import ClientSession

from publisher.app import Server
from publisher.config import arguments
from publisher.intake import Wanted, read_sources
from publisher.token import Token
from shared.sse import StreamDecoder

SECRET = "s3cret"
BEARER = {"Authorization": f"Bearer {SECRET}"}
FERRY = {
    "id": "ferry",
    "title": "The ferry is back",
    "content_html": "<p>All are ashore.</p><script>x()</script>",
    "authors": [{"name": "Ada Quist"}],
    "tags": ["harbour"],
    "date_published": "2026-02-01T05:22:00+01:00",
    "_newsreel": {"key_event": True, "channel": "spoofed", "revision": 9},
}


class Newsroom:
    """A server with channels of our choice, and somebody who writes to the first of them."""

    def __init__(self, server, session):
        self.server, self.session = server, session
        self.root = f"{server.url}/{next(iter(server.channels))}/"

    async def post(self, item, *, where=None, **options):
        data = item if isinstance(item, bytes) else json.dumps(item).encode()
        headers = {"Content-Type": "application/json", **BEARER} | options.pop("headers", {})
        async with self.session.post(where or self.root + "posts", data=data, headers=headers, **options) as answer:
            return answer, json.loads(await answer.read())

    async def put(self, slug, item, **headers):
        return await self._do("PUT", f"posts/{slug}", json.dumps(item).encode(), headers)

    async def withdraw(self, slug, **headers):
        return await self._do("DELETE", f"posts/{slug}", None, headers)

    async def _do(self, method, path, data, headers):
        sent = {"Content-Type": "application/json", **BEARER} | {k.replace("_", "-"): v for k, v in headers.items()}
        async with self.session.request(method, self.root + path, data=data, headers=sent) as answer:
            return answer, json.loads(await answer.read())

    async def tag(self, slug):
        """Give the entity tag of a post's JSON."""
        async with self.session.get(f"{self.root}posts/{slug}", headers={"Accept": "application/json"}) as answer:
            return answer.headers["ETag"]

    async def get(self, path):
        async with self.session.get(path if "://" in path else self.root + path) as answer:
            return answer.status, await answer.read()

    async def reached(self, item):
        """Wait until this process has seen what another one may have appended."""
        await self.server.channels["harbour"].press.reached(int(item["_newsreel"]["position"].rpartition("-")[2]))

    async def feed(self):
        return json.loads((await self.get("feed.json"))[1])

    async def events(self, after):
        """Read what the stream says after a position, up to the head."""
        head = (await self.feed())["_newsreel"]["position"]
        decoder, frames = StreamDecoder(), []
        async with self.session.get(f"{self.root}events?after={after}") as answer:
            while not frames or frames[-1].id != head:
                frames += decoder.feed(await answer.content.readany())
        return frames


@asynccontextmanager
async def newsroom(tmp_path, channels=None, *, token=SECRET, log="log.db", server=None):
    channels = channels or {"harbour": {"mode": "live", "title": "The harbour", "language": "en"}}
    table = {
        "server": {"port": 0, "public_url": "https://news.example"} | (server or {}),
        "log": {"url": f"sqlite:{tmp_path / log}"},
        "channels": channels,
    }
    chosen = arguments(table, "test")
    readings = {name: read_sources(Wanted(c.source)) for name, c in chosen.channels.items() if c.source}
    server = Server(chosen, readings, Token(token) if token else None)
    try:
        await server.start()
        server.url = server.local_url
        async with ClientSession() as session:
            yield Newsroom(server, session)
    finally:
        await server.stop()
