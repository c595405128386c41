"""Which view of its channel a request asks for: as it stands, as it stood (``?at=``), or a rerun (``?rerun=``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from publisher.editions import PRINTINGS, Edition
from publisher.moments import microseconds
from publisher.rerun.rerun import PARAMETERS, Rerun, RerunError, parse_at
from publisher.rerun.showing import AsOf, Showing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from publisher.channel import Channel
    from publisher.editions import Editions
    from publisher.render.snapshot import Address, Snapshot
    from publisher.rerun.playbacks import Playbacks
    from publisher.scene import Scene


@dataclass(frozen=True, slots=True)
class View:
    """What to answer from.

    Attributes:
        scene: what stands, and how it is shown.
        snapshot: gives what documents show.
        edition: gives a document by its name in ``PRINTINGS``.
        announced: when last changed what the page of one post shows of its channel.
        max_age: seconds for which nothing can change any of it; None where something may at any moment.
        editions: of the channel as it stands, which know their forerunners.
    """

    scene: Scene
    snapshot: Callable[[], Snapshot]
    edition: Callable[[str], Edition]
    announced: datetime
    max_age: int | None
    editions: Editions | None = None

    @property
    def address(self) -> Address:
        """Where it is found."""
        return self.scene.projection.address


async def view_of(request: web.Request, channel: Channel, playbacks: Playbacks, now: datetime) -> View:
    """Find the view that a request for a document asks for.

    Raises:
        web.HTTPBadRequest: parameters that cannot be read, or that go together with nothing here.
        web.HTTPSeeOther: ``rerun=now`` on the page: the same with the moment written in.
    """
    rerun = rerun_of(request, channel, now)
    try:
        if rerun is not None:
            await playbacks.ready(channel, rerun)
            if request.query["rerun"] == "now":
                playbacks.get(channel, rerun)  # so that what is wrong is said where it was written
                raise web.HTTPSeeOther(
                    rerun.query, headers={"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
                )
            return _rerun(channel, rerun, playbacks, now)
        if "at" in request.query:
            return _as_of(channel, AsOf(channel, parse_at(request.query["at"])), playbacks)
    except RerunError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    press, editions = channel.press, channel.editions
    return View(press.scene, lambda: editions.current, editions.get, press.announced, channel.max_age, editions)


def rerun_of(request: web.Request, channel: Channel, now: datetime) -> Rerun | None:
    """Read a request's rerun, None if it asks for none. Only the page may be asked for one that begins ``now``.

    Raises:
        web.HTTPBadRequest: it cannot be read, or its moment is not written in.
    """
    query = request.query
    several = next((name for name in (*PARAMETERS, "at") if len(query.getall(name, ())) > 1), None)
    if several is not None:
        raise web.HTTPBadRequest(text=f"{several}: is given more than once")
    if "at" in query and "rerun" in query:
        raise web.HTTPBadRequest(text="at, rerun: one shows a moment, the other plays; give one of them")
    try:
        rerun = Rerun.parse(query, now)
    except RerunError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    tail = request.path.split("/", 2)[2]
    if rerun is not None and query["rerun"] == "now" and tail:
        fixed = f"{channel.address.root}{tail}{rerun.query}"
        raise web.HTTPBadRequest(text=f"rerun: now would begin anew each time that this is asked for; use {fixed}")
    return rerun


def _rerun(channel: Channel, rerun: Rerun, playbacks: Playbacks, now: datetime) -> View:
    playback, moment = playbacks.get(channel, rerun), microseconds(now)
    showing = Showing(playback, moment)
    facts = (playback.epoch, showing.billing, showing.view.head, showing.state)
    cast = {"feed.json": lambda: Showing(playback, moment, bare=True).json_feed()}
    return _kept(showing, facts, playbacks, playback.max_age(moment), cast)


def _as_of(channel: Channel, scene: AsOf, playbacks: Playbacks) -> View:
    facts = (channel.name, scene.epoch, scene.take, scene.view.head, scene.changed, scene.title(over=False))
    return _kept(scene, (*facts, scene.projection.address.query), playbacks, scene.max_age)


def _kept(
    scene: Scene,
    facts: tuple[object, ...],
    playbacks: Playbacks,
    max_age: int | None,
    makers: Mapping[str, Callable[[], bytes]] = {},
) -> View:
    def made(name: str) -> Edition:
        printing = PRINTINGS[name]
        body = makers[name]() if name in makers else printing.render(scene.snapshot())
        return Edition(body, printing.media_type, scene.modified)

    return View(
        scene,
        scene.snapshot,
        lambda name: playbacks.edition((*facts, name), lambda: made(name)),
        scene.modified,
        max_age,
    )
