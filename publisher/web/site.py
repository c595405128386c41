"""The site: routes, errors as problem documents (RFC 9457), the list of channels."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from aiohttp import web

from publisher.editions import PRINTINGS, Edition
from publisher.render.opml import channels_opml
from publisher.render.page import ICON, Listing, channels_page, post_page
from publisher.render.stylesheet import STYLESHEET, STYLESHEET_PATH
from publisher.rerun.reruns import Reruns
from publisher.web import desk, hub
from publisher.web.archive import archive, archive_of
from publisher.web.clock import set_clock, show_clock
from publisher.web.documents import YEAR_SECONDS, channel_links, respond
from publisher.web.doors import Doors
from publisher.web.negotiation import preferred
from publisher.web.openapi import description
from publisher.web.problems import problems, sign
from publisher.web.rerunning import RerunStreams
from publisher.web.stream import Stream
from publisher.web.view import View, rerun_of, view_of
from shared.wire import HTML, OPML

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from publisher.channel import Channel
    from publisher.editions import Editions
    from publisher.metrics import Metrics
    from publisher.token import Token
    from publisher.websub.hub import Hub

ROBOTS = b"""User-agent: *
Allow: /
Disallow: /*/events
Disallow: /*?*rerun=
"""
"""For crawlers (RFC 9309): all but streams, which have no end, and reruns, of whose addresses there is none."""
_DAY_SECONDS = 24 * 3600
_NOW = {"Cache-Control": "no-store"}


class Site:
    """What the server answers, over a set of channels."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        now: Callable[[], datetime],
        token: Token | None = None,
        hub: Hub | None = None,
        doors: Doors | None = None,
        *,
        compress_streams: bool = True,
    ) -> None:
        self._channels = channels
        self._hub = hub
        self._token = token
        self._now = now
        self.doors = doors or Doors()
        self._opened = now()
        self._style = Edition(STYLESHEET, "text/css; charset=utf-8", self._opened)
        self._lists: dict[str, tuple[object, Edition]] = {}
        self._streams = {
            name: Stream(channel, now, self.doors, compress=compress_streams) for name, channel in channels.items()
        }
        self.reruns = Reruns(now)
        self._rerun_streams = RerunStreams(self.reruns, self.doors, compress=compress_streams)
        for channel in channels.values():
            channel.press.listeners.append(partial(self.reruns.pressed, channel))
        self.ready = True
        """False while the server drains: ``/readyz`` then answers 503."""

    def application(self, metrics: Metrics | None = None) -> web.Application:
        """Make the aiohttp application, with ``metrics`` at ``/metrics``."""
        app = web.Application(middlewares=[problems])
        app.on_shutdown.append(self._shut)
        app.on_response_prepare.append(sign)
        if self._token is not None:
            app[desk.TOKEN] = self._token
        app.router.add_get("/", self._index)
        app.router.add_get("/channels.opml", self._opml)
        icon = self._fixed(ICON.encode, "image/svg+xml")
        app.router.add_get("/icon.svg", icon)
        app.router.add_get("/favicon.ico", icon)  # readers ask for it without having seen the page, which has its icon
        app.router.add_get("/robots.txt", self._fixed(lambda: ROBOTS, "text/plain; charset=utf-8"))
        app.router.add_get("/openapi.json", self._fixed(lambda: description(app.router), desk.JSON))
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        if metrics is not None:
            app.router.add_get("/metrics", partial(_expose, metrics=metrics))
        if self._hub is not None:
            app.router.add_get("/hub", hub.tell)
            app.router.add_post("/hub", partial(hub.ask, hub=self._hub, trusted=self.doors.limits.trusted))
        app.router.add_get("/{channel}", self._slash)
        app.router.add_get("/{channel}/", self._document)
        for name in PRINTINGS:
            if name != "page":
                app.router.add_get(f"/{{channel}}/{{document:{name.replace('.', '[.]')}}}", self._document)
        for channel in self._channels.values():
            for name in PRINTINGS:
                app.router.add_get(f"/{channel.name}/{_tail(name)}", self._current(channel, name))
        app.router.add_get(f"/{{channel}}/{STYLESHEET_PATH}", self._stylesheet)
        app.router.add_get("/{channel}/events", self._events)
        app.router.add_get("/{channel}/archive/{number:[1-9][0-9]{0,8}}.{form:atom|rss|json}", self._archive)
        app.router.add_get("/{channel}/posts/{post}", self._post)
        app.router.add_put("/{channel}/posts/{post}", self._with_channel(desk.write))
        app.router.add_delete("/{channel}/posts/{post}", self._with_channel(desk.withdraw))
        app.router.add_post("/{channel}/posts", self._with_channel(desk.write))
        app.router.add_get("/{channel}/clock", self._with_channel(show_clock))
        app.router.add_patch("/{channel}/clock", self._with_channel(set_clock))
        return app

    async def _index(self, request: web.Request) -> web.Response:
        return await respond(request, self._list(HTML, lambda listings, _: channels_page(listings)))

    async def _opml(self, request: web.Request) -> web.Response:
        return await respond(request, self._list(OPML, channels_opml))

    def _fixed(self, body: Callable[[], bytes], media_type: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Make what answers with the same as long as the server runs, which is made on the first ask."""
        made = cache(lambda: Edition(body(), media_type, self._opened))

        async def answer(request: web.Request) -> web.Response:
            return await respond(request, made(), max_age=_DAY_SECONDS)

        return answer

    def _list(self, media_type: str, render: Callable[[list[Listing], datetime], bytes]) -> Edition:
        """Give a list of the channels, rendered anew when one of them has changed."""
        presses = [channel.press for channel in self._channels.values()]
        state = [(press.position, press.changed) for press in presses]  # where it is renamed, the latter changes alone
        if media_type not in self._lists or self._lists[media_type][0] != state:
            changed = max((press.changed for press in presses), default=self._opened)
            listings = [Listing.of(channel.editions.current) for channel in self._channels.values()]
            edition = Edition(render(listings, changed), f"{media_type}; charset=utf-8", changed)
            self._lists[media_type] = state, edition
        return self._lists[media_type][1]

    async def _shut(self, _app: web.Application) -> None:
        for channel in self._channels.values():
            channel.fanout.close()
        self.reruns.close()

    def _current(self, channel: Channel, name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Make what answers for one document of one channel, as most readers ask for it: as it stands now.

        Routes without variables are found by one look-up, and nothing is put together that is always the same.
        """
        links = channel_links(channel.address, channel.address.root + _tail(name))
        editions, since = channel.editions, _since(channel.editions, name)

        async def answer(request: web.Request) -> web.Response:
            if "?" in request.raw_path:
                return await self._shown(request, channel, name)
            return await respond(request, editions.get(name), links=links, max_age=channel.max_age, since=since)

        return answer

    async def _shown(self, request: web.Request, channel: Channel, name: str) -> web.Response:
        view = await view_of(request, channel, self.reruns.playbacks, self._now())
        links = channel_links(view.address, f"{view.address.root}{_tail(name)}{view.address.query}")
        since = _since(view.editions, name) if view.editions is not None else None
        return await respond(request, view.edition(name), links=links, max_age=view.max_age, since=since)

    async def _document(self, request: web.Request) -> web.Response:
        # What is there has a route of its own.
        return await self._shown(request, self._channel(request), request.match_info.get("document", "page"))

    async def _stylesheet(self, request: web.Request) -> web.Response:
        self._channel(request)
        return await respond(request, self._style, max_age=YEAR_SECONDS)

    async def _archive(self, request: web.Request) -> web.Response:
        if "rerun" in request.query or "at" in request.query:
            return await archive_of(request, await self._view(request))
        return await archive(request, self._channel(request))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        channel = self._channel(request)
        rerun = rerun_of(request, channel, self._now())
        if rerun is not None:
            return await self._rerun_streams.serve(request, channel, rerun, self._now())
        if "at" in request.query:
            raise web.HTTPBadRequest(text="at: a stream does not stand still; ask the page or a feed")
        return await self._streams[channel.name].serve(request)

    async def _post(self, request: web.Request) -> web.Response:
        view, name = await self._view(request), request.match_info["channel"]
        slug = request.match_info["post"]
        filed = view.scene.view.find(slug.partition("~")[0])
        post = view.scene.project(filed) if filed is not None else None
        if filed is None or (post is not None and post.url != view.address.post(slug)):  # or it is of another round
            raise web.HTTPNotFound(text=f"{name} has no post {slug[:80]!r}; it may not be out yet")
        if post is None:
            raise web.HTTPGone(text=f"the post {slug[:80]!r} of {name} was taken away")
        kind = preferred(request.headers.get("Accept"), (HTML, desk.JSON))

        def made() -> Edition:
            # Its own dates: what else is released changes nothing here.
            changed = max(view.scene.moments(filed)[1], view.scene.billing.opened)
            if kind == desk.JSON:
                return Edition(post.to_json(), desk.POST_TYPE, changed)
            # The page names the story, and a replay's speed.
            return Edition(post_page(view.snapshot(), post), f"{HTML}; charset=utf-8", max(changed, view.announced))

        edition = view.editions.beside((slug, kind), made) if view.editions is not None else made()
        links = channel_links(view.address, view.address.post(slug))
        return await respond(request, edition, links=links, max_age=view.max_age, vary=("Accept",))

    async def _slash(self, request: web.Request) -> web.Response:
        # Relative, so that it holds under every host name and behind every prefix under which readers reach the server.
        query = request.rel_url.raw_query_string
        where = f"{self._channel(request).name}/" + (f"?{query}" if query else "")
        raise web.HTTPMovedPermanently(where, headers={"Access-Control-Allow-Origin": "*"})

    async def _healthz(self, _request: web.Request) -> web.Response:
        failing = {
            name: channel.watcher.failing.isoformat(timespec="seconds")
            for name, channel in self._channels.items()
            if channel.watcher is not None and channel.watcher.failing is not None
        }
        return web.json_response({"status": "ok"} | ({"failing": failing} if failing else {}), headers=_NOW)

    async def _readyz(self, _request: web.Request) -> web.Response:
        if not self.ready:
            raise web.HTTPServiceUnavailable(text="the server is shutting down", headers={"Retry-After": "5"})
        return web.json_response({"status": "ready"}, headers=_NOW)

    async def _view(self, request: web.Request) -> View:
        return await view_of(request, self._channel(request), self.reruns.playbacks, self._now())

    def _with_channel(
        self, does: Callable[[web.Request, Channel, Callable[[], datetime]], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Have a request answered by what needs its channel and the time."""

        async def answer(request: web.Request) -> web.Response:
            return await does(request, self._channel(request), self._now)

        return answer

    def _channel(self, request: web.Request) -> Channel:
        name = request.match_info["channel"]
        try:
            return self._channels[name]
        except KeyError:
            raise web.HTTPNotFound(text=f"there is no channel {name[:80]!r}; / lists the channels") from None


async def _expose(request: web.Request, metrics: Metrics) -> web.Response:
    body, media_type = metrics.expose(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": media_type} | _NOW)


def _tail(name: str) -> str:
    """Give the last part of a document's address."""
    return "" if name == "page" else name


def _since(editions: Editions, name: str) -> Callable[[str], Edition | None] | None:
    """Give what tells what is new in a feed; the page has no readers who would know what to do with it."""
    return None if name == "page" else partial(editions.since, name)
