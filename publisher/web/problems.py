"""Errors as problem documents (RFC 9457) or pages, and what may be asked of an address (``OPTIONS``, CORS)."""

from __future__ import annotations

import logging
import random
import re
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from publisher.render.page import CONTENT_SECURITY_POLICY, error_page
from publisher.web.negotiation import preferred
from shared.errors import NewsreelError
from shared.post import encode_json
from shared.wire import HTML, PROBLEM

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

logger = logging.getLogger(__name__)

LONGEST_URL = 8_000
"""Bytes of a request target that every server should take (RFC 9110, section 4.1), and ours does no more."""
SERVER = "newsreel"
"""What all answers name the server: what it is made of, in which versions, is of use to attackers only."""
AGAIN_SECONDS = 5
"""After how many seconds who was refused may ask again; up to twice as long, so that not all come at once."""
EXPOSED = "ETag, IM, Last-Modified, Link, Retry-After"
"""Headers that scripts of other origins may read, besides those that they always may (Fetch, "CORS")."""

_SHARED = {hdrs.METH_GET, hdrs.METH_HEAD}  # what pages of other origins may do: read
_ASKED = "A-IM, Cache-Control, If-Modified-Since, If-None-Match, Last-Event-ID"
_KEPT = (hdrs.ALLOW, hdrs.RETRY_AFTER, hdrs.WWW_AUTHENTICATE)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer errors as problem documents, and ``OPTIONS``; all else passes."""
    try:
        if request.method == hdrs.METH_OPTIONS:
            return _options(request)
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _answer(request, error)
    except web.RequestPayloadError:
        detail = "the body is not what its headers say: it is cut off, or miscoded"
        return problem(request, 400, "Bad Request", detail, {hdrs.CONNECTION: "close"})
    except NewsreelError as error:
        logger.error("cannot answer %s: %s", request.raw_path[:80], error)  # noqa: TRY400 one line
        trouble = "the server has trouble; try again later"
        return problem(request, 503, "Service Unavailable", trouble, {hdrs.RETRY_AFTER: "5"})
    except Exception:
        if request.writer.output_size:
            raise  # the answer has begun: nothing can be said any more
        logger.exception("cannot answer %s", request.raw_path[:80])
        return problem(request, 500, "Internal Server Error", "the server failed, and has noted why")


async def sign(_request: web.Request, response: web.StreamResponse) -> None:
    """Name the server as its documents do."""
    response.headers[hdrs.SERVER] = SERVER


def again() -> str:
    """Give the ``Retry-After`` of who was refused."""
    return str(AGAIN_SECONDS + random.randrange(AGAIN_SECONDS + 1))  # noqa: S311 no secret


def problem(
    request: web.BaseRequest, status: int, title: str, detail: str | None, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Make a problem document of type ``about:blank``: the status says which problem it is, ``detail`` the rest.

    Who would rather have HTML, as browsers would, gets a page that tells the same.
    """
    document = {"type": "about:blank", "title": title, "status": status} | ({"detail": detail} if detail else {})
    kind = preferred(request.headers.get(hdrs.ACCEPT), (PROBLEM, HTML))
    shown = kind == HTML
    return web.Response(
        status=status,
        body=error_page(title, detail, _root(request)) if shown else encode_json(document),
        content_type=kind,
        charset="utf-8" if shown else None,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": EXPOSED,
            # What is not found now may come out the next second.
            "Cache-Control": "no-cache",
            "Vary": "Accept",
            "X-Content-Type-Options": "nosniff",
            **({"Content-Security-Policy": CONTENT_SECURITY_POLICY} if shown else {}),
            **(headers or {}),
        },
    )


def _root(request: web.BaseRequest) -> str:
    """Lead from the address that was asked for to the list of channels, under whatever path a proxy has put both."""
    return "../" * (request.raw_path.partition("?")[0].count("/") - 1) or "./"


def _answer(request: web.Request, error: web.HTTPException) -> web.Response:
    status, title = error.status, error.reason
    headers: dict[str, str] = {name: error.headers[name] for name in _KEPT if name in error.headers}
    # aiohttp's own text says the status once more.
    detail = error.text if error.text and not error.text.startswith(f"{status}:") else None
    if isinstance(error, web.HTTPMethodNotAllowed):
        headers[hdrs.ALLOW] = allowed = _listed(error.allowed_methods)
        detail = detail or f"{request.method} cannot be done here; what can: {allowed}"
    elif status == 404:
        # Whatever is wrong with an address, it shows as one that is not found.
        if len(request.raw_path) > LONGEST_URL:
            status, title = 414, "URI Too Long"
            detail = f"the address has {len(request.raw_path):,} characters; none here has over {LONGEST_URL:,}"
        elif _BAD_PERCENT.search(request.raw_path):
            status, title = 400, "Bad Request"
            detail = "a % of the address is not followed by two hexadecimal digits; write %25 for the sign itself"
        else:
            detail = detail or "there is nothing at this address; / lists the channels"
    return problem(request, status, title, detail, headers)


def _options(request: web.Request) -> web.Response:
    """Tell what can be done at an address; what pages of other origins may do is a part of it."""
    error = request.match_info.http_exception
    if request.raw_path == "*":
        methods: Iterable[str] = _SHARED  # of the server as a whole (RFC 9110, section 9.3.7)
    elif isinstance(error, web.HTTPMethodNotAllowed):
        methods = error.allowed_methods
    else:
        raise error or web.HTTPNotFound
    return web.Response(
        status=204,
        headers={
            hdrs.ALLOW: _listed(methods),
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": _listed(_SHARED.intersection(methods)),
            "Access-Control-Allow-Headers": _ASKED,
            "Access-Control-Max-Age": "86400",
        },
    )


def _listed(methods: Iterable[str]) -> str:
    return ", ".join(sorted({*methods, hdrs.METH_OPTIONS}))
