"""Archive documents over HTTP (RFC 5005, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aiohttp import web

from publisher.archives import render
from publisher.channel import LASTING_SECONDS
from publisher.web.documents import respond

if TYPE_CHECKING:
    from publisher.channel import Channel
    from publisher.render.snapshot import Form, Snapshot
    from publisher.web.view import View

_OPEN = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"}


async def archive(request: web.Request, channel: Channel) -> web.Response:
    """Answer ``GET /{channel}/archive/{number}.{form}``.

    A reset begins other documents of the same numbers. Theirs is another URL, ``?take=``: what a cache kept of one
    take must never pass for a part of the next.
    """
    number, form = int(request.match_info["number"]), cast("Form", request.match_info["form"])
    take = str(channel.press.shelf.take)
    if request.query.get("take", "1") != take:
        if "take" in request.query:
            raise web.HTTPGone(text=f"{channel.name} began anew since; its feeds link the history of this round")
        raise web.HTTPTemporaryRedirect(f"{number}.{form}?take={take}", headers=_OPEN)
    if number == channel.press.scene.archives + 1:
        # The newest archive document links it already: what it will hold is in the feed.
        raise web.HTTPTemporaryRedirect(f"../feed.{form}", headers=_OPEN)
    found = channel.archives.get(number, form)
    if found is None:
        raise web.HTTPNotFound(text=f"{channel.name} has no archive document {number} yet")
    snapshot, edition = found
    # No control can change it, only an edit or a deletion of one of its posts: these shall not be hidden for long.
    return await respond(request, edition, links=_links(snapshot, form), max_age=LASTING_SECONDS)


async def archive_of(request: web.Request, view: View) -> web.Response:
    """Answer the same for a rerun, or for a channel as it stood: numbers count what is out there by then."""
    number, form = int(request.match_info["number"]), cast("Form", request.match_info["form"])
    if number == view.scene.archives + 1:
        raise web.HTTPTemporaryRedirect(f"../feed.{form}{view.address.query}", headers=_OPEN)
    if number > view.scene.archives:
        raise web.HTTPNotFound(text=f"{view.address.channel} has no archive document {number} yet")
    snapshot = view.scene.archive(number)
    return await respond(request, render(snapshot, form), links=_links(snapshot, form), max_age=view.max_age)


def _links(snapshot: Snapshot, form: Form) -> str:
    """Make the ``Link`` header (RFC 8288)."""
    links = {
        "self": snapshot.itself(form),
        "current": snapshot.address.feed(form),
        "prev-archive": snapshot.archived(snapshot.older, form) if snapshot.older else None,
        "next-archive": snapshot.archived(snapshot.newer, form) if snapshot.newer else None,
    }
    return ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links.items() if url)
