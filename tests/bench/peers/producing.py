"""What the Python peers share: a producer that puts each event into every reader's queue, as their documents show."""

from __future__ import annotations

import asyncio
import sys
import time

DEEP = 256
"""Events that may wait for a reader before the producer waits: a producer without end would only fill the memory."""

queues: set[asyncio.Queue[tuple[str, str]]] = set()


async def publish(first: int, count: int, size: int, group: int, pause: float) -> None:
    loop = asyncio.get_running_loop()
    due, born = loop.time(), 0
    for number in range(first, first + count):
        place = (number - first) % group
        if place == 0:
            if pause and number > first:
                due += pause
                await asyncio.sleep(max(due - loop.time(), 0))
            while any(queue.qsize() > DEEP for queue in queues):  # noqa: ASYNC110 a queue rings no bell
                await asyncio.sleep(0.001)
            born = time.monotonic_ns()  # all events of a group are due now
        name = f"bench-{number}"
        mark = f"@{number}:{born}@"
        fill = size - len(f"id: {name}\nevent: post\ndata: {mark}\n\n")
        event = (name, mark + "x" * max(fill, 0))
        for queue in queues:
            queue.put_nowait(event)
        if place == group - 1:
            await asyncio.sleep(0)
    while any(queue.qsize() for queue in queues):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def obey() -> None:
    """Obey standard input until it ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while words := (await lines.readline()).split():
        first, count, size, group, pause = map(int, words[1:])
        await publish(first, count, size, group, pause / 1e6)
        print("published", flush=True)
