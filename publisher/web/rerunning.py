"""The stream of a rerun: joined, filtered and resumed as every stream is; only where it comes from is another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from publisher.moments import microseconds
from publisher.rerun.rerun import RerunError
from publisher.rerun.show import Viewer
from publisher.web.stream import begin, position_of, sieve_of

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.channel import Channel
    from publisher.rerun.rerun import Rerun
    from publisher.rerun.reruns import Reruns
    from publisher.web.doors import Doors


class RerunStreams:
    """The streams of all reruns, for every reader who asks for one."""

    def __init__(self, reruns: Reruns, doors: Doors, *, compress: bool = True) -> None:
        self._reruns = reruns
        self._doors = doors
        self._compress = compress

    async def serve(self, request: web.Request, channel: Channel, rerun: Rerun, now: datetime) -> web.StreamResponse:
        """Answer one reader. The stream lives on when this returns: the reruns end it, or the reader does."""
        sieve, position = sieve_of(request), position_of(request)
        await self._reruns.playbacks.ready(channel, rerun)
        try:
            show = self._reruns.show(channel, rerun)
        except RerunError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        way, reason = show.playback.join(position, microseconds(now))
        begun = await begin(request, self._doors, over=way == "over", compress=self._compress)
        if isinstance(begun, web.StreamResponse):
            return begun
        connection, left = begun
        viewer = Viewer(show, connection, sieve, reason, left)
        if way == "go-on" and position is not None:
            # Who comes back to the stream was told by it what the clock shows; who comes from a document was not.
            viewer.go_on(position, "playing" if request.headers.get("Last-Event-ID") else None)
        connection.driver = viewer
        self._reruns.enter(viewer)
        return connection.answer()
