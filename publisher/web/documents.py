"""Documents over HTTP: conditional requests (RFC 9110, section 13), compression, headers that every document has."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from aiohttp import web

from publisher.render.page import CONTENT_SECURITY_POLICY
from shared.wire import ATOM, EVENT_STREAM, HTML, JSON_FEED, RSS

if TYPE_CHECKING:
    from publisher.editions import Edition
    from publisher.render.snapshot import Address

EXPOSED = "ETag, Link, Last-Modified"
_TAG = re.compile(r'"([^"]*)"')


def respond(request: web.Request, edition: Edition, *, links: str = "", status: int = 200) -> web.Response:
    """Hand out an edition: 304 if the reader has it, gzip if the reader takes it, no body for HEAD."""
    zipped = _takes_gzip(request)
    etag = f'"{edition.digest}{"-gzip" if zipped else ""}"'
    headers = {
        "ETag": etag,
        "Last-Modified": format_datetime(min(edition.last_modified, _this_second()), usegmt=True),
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": EXPOSED,
        "X-Content-Type-Options": "nosniff",
    }
    if links:
        headers["Link"] = links
    if edition.media_type.startswith(HTML):
        headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    if status == 200 and _has_it(request, edition):
        return web.Response(status=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    headers["Content-Type"] = edition.media_type
    return web.Response(status=status, headers=headers, body=edition.gzipped if zipped else edition.body)


def channel_links(address: Address, itself: str) -> str:
    """Make the ``Link`` header of a channel's documents (RFC 8288): themselves, and the other forms of the channel."""
    forms = [(address.root, HTML), (address.atom, ATOM), (address.rss, RSS), (address.json, JSON_FEED)]
    if address.events:
        forms.append((address.events, EVENT_STREAM))
    others = [f'<{url}>; rel="alternate"; type="{media_type}"' for url, media_type in forms if url != itself]
    return ", ".join([f'<{itself}>; rel="self"', *others])


def _has_it(request: web.Request, edition: Edition) -> bool:
    # If-None-Match wins where both are sent (RFC 9110, section 13.2.2); it compares weakly, so that the tag of a
    # compressed twin, or one that a proxy made weak, still matches.
    if "If-None-Match" in request.headers:
        given = ",".join(request.headers.getall("If-None-Match"))
        ours = {edition.digest, f"{edition.digest}-gzip"}
        return given.strip() == "*" or not ours.isdisjoint(_TAG.findall(given))
    since = request.if_modified_since
    return since is not None and edition.last_modified <= since


def _takes_gzip(request: web.Request) -> bool:
    for part in request.headers.get("Accept-Encoding", "").split(","):
        coding, _, parameters = part.partition(";")
        if coding.strip().lower() in {"gzip", "x-gzip"}:
            quality = parameters.replace(" ", "").lower().removeprefix("q=") or "1"
            return quality.strip("0.") != ""
    return False


def _this_second() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
