"""aiohttp-sse as a bench's server: a queue a reader."""

import asyncio
import os

from aiohttp import web
from aiohttp_sse import sse_response
from producing import obey, queues


async def events(request):
    queue = asyncio.Queue()
    async with sse_response(request) as response:
        queues.add(queue)
        try:
            while response.is_connected():
                name, data = await queue.get()
                await response.send(data, id=name, event="post")
        finally:
            queues.discard(queue)
    return response


async def main():
    app = web.Application()
    app.router.add_get("/events", events)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(runner.addresses[0][1], flush=True)
    await obey()
    os._exit(0)  # ten thousand handlers would each have to be told


asyncio.run(main())
