"""The desk: what may be done to a channel with the server's token (bearer, RFC 6750)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from publisher.desk import TakenError
from publisher.token import Token
from publisher.web.body import read_body
from shared.item import BadItemError, read_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from publisher.channel import Channel
    from publisher.desk import Desk

TOKEN = web.AppKey("token", Token)
"""Where the application keeps the server's token; absent where it has none."""
MAX_ITEM_BYTES = 256 * 1024
"""Largest post that is taken: 40,000 words. Pictures are linked to, not sent."""
_TOO_LARGE = f"a post may have {MAX_ITEM_BYTES >> 10} KiB; cut it, and link to its pictures"
JSON = "application/json"
_REALM = 'Bearer realm="newsreel"'


def authorized(request: web.Request) -> None:
    """Let pass who has the token.

    Raises:
        web.HTTPForbidden: the server has no token, so nobody may.
        web.HTTPUnauthorized: no token was sent, or another one; what the answer asks for is in ``WWW-Authenticate``.
    """
    token = request.config_dict.get(TOKEN)
    if token is None:
        raise web.HTTPForbidden(
            text="this server has no token, so nobody may; start it with NEWSREEL_TOKEN set, or name a token_file in "
            "its settings"
        )
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer":
        raise web.HTTPUnauthorized(
            text="the server's token is needed: Authorization: Bearer TOKEN", headers={hdrs.WWW_AUTHENTICATE: _REALM}
        )
    if not token.matches(given.strip()):
        raise web.HTTPUnauthorized(
            text="this is not the server's token", headers={hdrs.WWW_AUTHENTICATE: f'{_REALM}, error="invalid_token"'}
        )


async def post(request: web.Request, channel: Channel, now: Callable[[], datetime]) -> web.Response:
    """Take a post for a live channel: one JSON Feed item.

    Answers 201 with the item as readers get it, once it is durable and out; 200 if it was sent before.

    Raises:
        web.HTTPException: 401 and 403 (see ``authorized``), 409, 413, 415 or 422, each with one line for who wrote it.
    """
    authorized(request)
    desk = _desk(channel)
    item = await _item(request)
    try:
        accepted = await desk.post(item, now())
    except BadItemError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from None
    except TakenError as error:
        raise web.HTTPConflict(text=str(error)) from None
    return web.Response(
        status=201 if accepted.fresh else 200,
        body=accepted.post.to_json(),
        content_type=JSON,
        charset="utf-8",
        headers={hdrs.LOCATION: channel.address.post(accepted.slug), hdrs.CACHE_CONTROL: "no-store"},
    )


def _desk(channel: Channel) -> Desk:
    if channel.desk is None:
        mode = channel.press.billing.mode
        raise web.HTTPConflict(
            text=f"{channel.name} is no live channel: its mode is {mode}, which shows what its source says"
        )
    return channel.desk


async def _item(request: web.Request) -> object:
    if request.content_type != JSON and not request.content_type.endswith("+json"):
        raise web.HTTPUnsupportedMediaType(text=f"a post is one JSON Feed item; send it as Content-Type: {JSON}")
    body = await read_body(request, MAX_ITEM_BYTES, _TOO_LARGE)
    try:
        return read_json(body)
    except BadItemError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from None
