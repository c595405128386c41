"""``/hub``: the door of our own WebSub hub (https://www.w3.org/TR/websub/, section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiohttp import web

from publisher.web.addresses import client_of, counted_as, may_be_many
from publisher.web.body import read_body

if TYPE_CHECKING:
    from publisher.web.addresses import Networks
    from publisher.websub.hub import Hub

MOST_BYTES = 16 * 1024
"""Largest form that is read; a request of the longest parts allowed has 7 kB."""
FORM = "application/x-www-form-urlencoded"
_ABOUT = """This is a WebSub hub (https://www.w3.org/TR/websub/): it pushes the pages and feeds of this server.
To subscribe, POST a form with hub.mode=subscribe, hub.topic and hub.callback here; a topic is the address that a page
or feed names as rel="self".
"""


async def tell(_request: web.Request) -> web.Response:
    """Say what is here to who looks."""
    return web.Response(text=_ABOUT, headers={"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})


async def ask(request: web.Request, hub: Hub, trusted: Networks) -> web.Response:
    """Hand a form to the hub, and its answer back; errors are plain text, as WebSub has it (section 5.2).

    Args:
        request: that is answered.
        hub: that is asked.
        trusted: proxies that are believed when they say whom they ask for.
    """
    if request.content_type != FORM:
        return web.Response(status=415, text=f"a request to the hub is a form: {FORM}\n")
    try:
        body = await read_body(request, MOST_BYTES, f"a request to the hub has no more than {MOST_BYTES:,} bytes")
    except web.HTTPException as error:
        return web.Response(status=error.status, text=f"{error.text}\n")
    form: dict[str, str] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        form.setdefault(name, value)
    client = client_of(request, trusted)
    answer = await hub.ask(form, None if may_be_many(client) else counted_as(client))
    headers = {"Retry-After": str(answer.retry_after)} if answer.retry_after is not None else {}
    return web.Response(status=answer.status, text=f"{answer.text}\n" if answer.text else "", headers=headers)
