"""newsreel as a bench's server: the whole server, with one live channel, and a producer that appends to its log.

Prints its port and the smallest frame that it sends, then obeys ``publish FIRST COUNT SIZE GROUP MICROSECONDS``,
as ``bare.c`` does: GROUP events are appended at the same time, each by an append of its own. Without a pause the next
group follows when the last one has come to the fan-out.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from datetime import UTC, datetime

from publisher.app import Server
from publisher.config import arguments
from publisher.log.contract import Draft
from publisher.token import Token
from shared.event import Logged, Position, PostEvent
from shared.post import Post, PostFacts
from shared.sse import encode_frame

TOKEN = "bench"


def make_post(number: int, fill: int, born: int = 0) -> Post:
    """Make a post whose headline is the mark that readers look for: its number, and when it was due."""
    now = datetime.now(UTC)
    return Post(
        id=f"p{number}",
        title=f"@{number}:{born or time.monotonic_ns()}@",
        content_html=f"<p>{'x' * fill}</p>",
        date_published=now,
        newsreel=PostFacts(story_time=now),
    )


class Producer:
    """Appends to the log of the channel."""

    def __init__(self, server: Server) -> None:
        self._channel = server.channels["bench"]

    def smallest(self) -> int:
        """Tell how many bytes the frame of a post without text has."""
        post = make_post(1_000_000, 0)
        position = Position(self._channel.log.epoch, 1_000_000)
        item = self._channel.press.framing.item(Logged(position, "", datetime.now(UTC), PostEvent(post=post)), post)
        return len(encode_frame("post", item.to_json(), str(position)))

    async def publish(self, first: int, count: int, size: int, group: int, pause: float) -> None:
        """Publish events, ``group`` of them at the same time every ``pause`` seconds; 0: as soon as they are out."""
        loop = asyncio.get_running_loop()
        self._before = self._channel.fanout.counts.deliveries
        fill, due = max(size - self.smallest(), 0), loop.time()
        for start in range(first, first + count, group):
            numbers, born = range(start, min(start + group, first + count)), time.monotonic_ns()
            logged = await asyncio.gather(*(self._append(make_post(number, fill, born)) for number in numbers))
            await self._channel.press.reached(logged[-1])
            if not self._channel.fanout.joining:
                await self._written(start + len(logged) - first)
            if pause:
                due += pause
                await asyncio.sleep(max(due - loop.time(), 0))

    async def _written(self, events: int) -> None:
        """Wait until each event is with all readers before the next comes, as a server does that writes at once."""
        counts, readers = self._channel.fanout.counts, self._channel.fanout.readers
        while counts.deliveries < self._before + events * readers:  # noqa: ASYNC110 they ring no bell
            await asyncio.sleep(0)

    async def _append(self, post: Post) -> int:
        (logged,) = await self._channel.log.append(
            [Draft(f"take-1:{post.id}:1", datetime.now(UTC), PostEvent(post=post))]
        )
        return logged.seq


async def serve(log: str, port: int, window: int, joining: str) -> None:
    """Serve until standard input ends."""
    table = {
        # While others are measured, nothing is to be heard of it.
        "server": {"port": port, "heartbeat": "1h"},
        "streams": {"join": joining == "joining", "life": ""},
        "log": {"url": log},
        "channels": {"bench": {"mode": "live", "window": window}},
    }
    server = Server(arguments(table, "bench"), {}, Token(TOKEN))
    try:
        await server.start()
        producer = Producer(server)
        print(server.local_url.rpartition(":")[2], producer.smallest(), flush=True)
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while words := (await lines.readline()).split():
            first, count, size, group, pause = map(int, words[1:])
            await producer.publish(first, count, size, group, pause / 1e6)
            print("published", flush=True)
    finally:
        await server.stop()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
