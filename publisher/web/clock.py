"""``/{channel}/clock``: a replay's clock, shown to everybody and set by who has the token (``docs/protocol.md``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import ValidationError

from publisher.replay.control import Control, NoSuchPlaceError
from publisher.web.body import read_body
from publisher.web.desk import authorized
from publisher.wording import worded
from shared.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from publisher.channel import Channel

_MOST_BYTES = 64 * 1024
_HEADERS = {"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}


async def show_clock(_request: web.Request, channel: Channel, now: Callable[[], datetime]) -> web.Response:
    """Tell how the replay stands.

    Raises:
        web.HTTPNotFound: the channel is no replay.
    """
    standing = channel.standing(now())
    if standing is None:
        raise web.HTTPNotFound(text=f"{channel.name} is no replay, so it has no clock")
    return web.Response(body=standing.to_json(), content_type="application/json", headers=_HEADERS)


async def set_clock(request: web.Request, channel: Channel, now: Callable[[], datetime]) -> web.Response:
    """Do what is asked, and tell how the replay then stands; the answer comes once the log holds it.

    Raises:
        web.HTTPException: who asks has no token, the channel is no replay, or what is asked for cannot be.
        LogError: the log failed.
    """
    authorized(request)
    await show_clock(request, channel, now)  # refuses a channel that has none, before the body is read
    try:
        control = Control.model_validate_json(await read_body(request, _MOST_BYTES, "a control has 64 KiB at most"))
        await channel.control(control, now)
    except ValidationError as error:
        raise _refusal(error) from None
    except NoSuchPlaceError as error:
        raise web.HTTPUnprocessableEntity(text=f"seek: {error}") from None
    return await show_clock(request, channel, now)


def _refusal(error: ValidationError) -> web.HTTPException:
    fault = error.errors()[0]
    if fault["type"] == "json_invalid":
        return web.HTTPBadRequest(text='the body is no JSON; send an object such as {"state": "paused"}')
    unknown = fault["type"] == "extra_forbidden"
    what = "unknown; known are state, speed, seek and step" if unknown else worded(fault, "JSON")
    member = clean_line(str(fault["loc"][0]))[:40] if fault["loc"] else ""
    return web.HTTPUnprocessableEntity(text=f"{member}: {what}" if member else what)
