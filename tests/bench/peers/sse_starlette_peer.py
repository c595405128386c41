"""sse-starlette on uvicorn as a bench's server: a queue a reader."""

import asyncio
import os
import socket

import uvicorn
from producing import obey, queues
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.routing import Route


async def events(_request):
    queue = asyncio.Queue()

    async def lines():
        queues.add(queue)
        try:
            while True:
                name, data = await queue.get()
                yield {"id": name, "event": "post", "data": data}
        finally:
            queues.discard(queue)

    return EventSourceResponse(lines(), ping=3600, sep="\n")


async def main():
    door = socket.create_server(("127.0.0.1", 0), backlog=4096)
    settings = uvicorn.Config(
        Starlette(routes=[Route("/events", events)]), log_level="critical", access_log=False, backlog=4096
    )
    serving = asyncio.create_task(uvicorn.Server(settings).serve(sockets=[door]))
    print(door.getsockname()[1], flush=True)
    await obey()
    serving.cancel()
    os._exit(0)


asyncio.run(main())
