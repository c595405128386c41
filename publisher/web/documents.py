"""Documents over HTTP: conditional requests (RFC 9110, section 13), compression, headers that every document has."""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, cast

from aiohttp import hdrs, web
from multidict import CIMultiDict

from publisher.channel import LASTING_SECONDS
from publisher.codings import SMALLEST, choose, weight
from publisher.render.page import CONTENT_SECURITY_POLICY
from publisher.web.negotiation import preferred
from publisher.web.problems import EXPOSED, SERVER
from publisher.web.ready import Answer
from shared.wire import ATOM, EVENT_STREAM, HTML, JSON_FEED, RSS, XML

if TYPE_CHECKING:
    from collections.abc import Callable

    from publisher.editions import Edition
    from publisher.render.snapshot import Address

YEAR_SECONDS = 365 * 24 * 3600
"""The longest ``max-age`` that is of any use: such a document never changes."""

NO_DELTAS = ("feedparser/", "rss2email/")
"""User agents that are never answered 226: feedparser asks for deltas without being told to, and what is built on it
does not know of that; rss2email 3.13, which goes by that name, takes a 226 for a failure and loses the posts."""

_KEPT = ("ETag", "Vary", "Cache-Control", "Access-Control-Allow-Origin", "Server")
"""What a 304 repeats of the 200 (RFC 9110, section 15.4.5), and what a browser asks of it. All else the reader has.

The server's name is here because aiohttp gives a longer one: a poll that brings nothing shall cost next to nothing.
"""
_FEED_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
_DECIDING = (hdrs.ACCEPT_ENCODING, hdrs.ACCEPT, hdrs.IF_NONE_MATCH, hdrs.IF_MODIFIED_SINCE)
MOST_READY = 128
"""Answers of one edition that are kept ready: readers choose what they send."""
MOST_ASKED = 512
"""Characters of what decides about an answer, so that it is kept ready: nobody else sends what is longer."""
_TAG = re.compile(r'"([^"]*)"')


async def respond(
    request: web.Request,
    edition: Edition,
    *,
    links: str = "",
    max_age: int | None = None,
    vary: tuple[str, ...] = (),
    since: Callable[[str], Edition | None] | None = None,
) -> web.Response:
    """Hand out an edition: in the coding that the reader prefers, 304 if the reader has it, no body for HEAD.

    Args:
        request: decides by ``Accept-Encoding``, ``If-None-Match`` and ``If-Modified-Since``.
        edition: the document.
        links: value of the ``Link`` header.
        max_age: seconds for which nothing can change the document; None where something may at any moment, so that
            caches ask each time (``no-cache``).
        vary: request headers, besides ``Accept-Encoding``, by which the edition was chosen.
        since: gives what is new for who has the edition of an entity tag, None where that is not known. With it,
            ``A-IM: feed`` is answered 226 (RFC 3229) where the reader names such a tag.
    """
    asked = tuple(_field(request, name) for name in _DECIDING)
    ready, key = edition.ready, (asked, links, max_age, vary, since is None)
    # A delta is made for who asks for it, and the max-age of a rerun falls with every second: all else is the same for
    # all who ask alike.
    steady = max_age is None or max_age >= LASTING_SECONDS
    alike = steady and (since is None or "A-IM" not in request.headers)
    if alike and (known := ready.get(key)) is not None:
        return cast("Answer", known).response(request)
    if edition.media_type.startswith((ATOM, RSS)):
        vary = (*vary, "Accept")
        if preferred(asked[1], (edition.media_type.partition(";")[0], XML)) == XML:
            # A browser: under the feed's own type it would show the source, or save it, instead of applying the style.
            edition = edition.typed(f"{XML}; charset=utf-8")
    coding = choose(asked[0], small=len(edition.body) < SMALLEST)
    partial = since is not None and _takes_deltas(request)
    named = ("A-IM", *vary) if since is not None else vary
    headers = _headers(edition, coding, links, max_age, named, private=partial)
    if _has_it(request, edition, headers["ETag"]):
        answer = Answer(304, {name: headers[name] for name in _KEPT}, b"")
    else:
        now = time.time()
        if edition.last_modified.timestamp() > now:
            # A date to come would be a lie (RFC 9110, section 8.8.2.1). This one matches nothing later, so hides none.
            headers["Last-Modified"] = formatdate(now, usegmt=True)
            alike = False
        if since is not None and partial and not _misled(request):
            delta = await _delta(request, headers, since)
            if delta is not None:
                return delta
        answer = Answer(200, headers, await edition.encoded(coding))
    if alike and sum(len(value) for value in asked if value) <= MOST_ASKED:
        if len(ready) >= MOST_READY:
            ready.clear()
        # Many ask in different words for the same: the bytes are kept once.
        answer = ready[key] = ready.setdefault((answer.status, links, *answer.headers.values()), answer)
    return answer.response(request)


async def _delta(
    request: web.Request, headers: CIMultiDict[str], since: Callable[[str], Edition | None]
) -> web.Response | None:
    """Answer 226 with what the reader lacks; None where it has nothing that is known."""
    for tag in _tags(request):
        cut = since(tag)
        if cut is None:
            continue
        coding = choose(request.headers.get("Accept-Encoding"), small=len(cut.body) < SMALLEST)
        headers = headers.copy()  # the tag is that of the whole document, which the reader has when it has added this
        headers.popall("Content-Encoding", None)
        if coding:
            headers["Content-Encoding"] = coding
        headers["IM"] = "feed"
        headers["Delta-Base"] = f'"{tag}"'
        # Of use to who named that tag, and to caches that know what a delta is (RFC 3229, section 10.8.3).
        headers["Cache-Control"] = "no-store, im"
        headers["Vary"] = f"If-None-Match, {headers['Vary']}"
        return Answer(226, headers, await cut.encoded(coding)).response(request)
    return None


def _headers(
    edition: Edition, coding: str, links: str, max_age: int | None, vary: tuple[str, ...], *, private: bool
) -> CIMultiDict[str]:
    # A shared cache that kept the answer to a reader of deltas would ask with a tag of its own on behalf of the next
    # one, and hand it the delta from a document that it has never seen.
    scope = "private, " if private else ""
    headers = CIMultiDict(
        {
            "ETag": edition.etag(coding),
            "Last-Modified": formatdate(edition.last_modified.timestamp(), usegmt=True),
            "Cache-Control": scope + _cache_control(max_age),
            "Vary": ", ".join([*vary, "Accept-Encoding"]),
            "Content-Type": edition.media_type,
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": EXPOSED,
            "X-Content-Type-Options": "nosniff",
            "Server": SERVER,
        }
    )
    if coding:
        headers["Content-Encoding"] = coding
    if links:
        headers["Link"] = links
    if edition.media_type.startswith(XML):
        headers["Content-Security-Policy"] = _FEED_POLICY
    elif edition.media_type.startswith(HTML):
        headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return headers


def _cache_control(max_age: int | None) -> str:
    if max_age is None:
        return "no-cache"
    return f"max-age={max_age}" + (", immutable" if max_age >= YEAR_SECONDS else "")  # RFC 8246


def channel_links(address: Address, itself: str) -> str:
    """Make the ``Link`` header of a channel's documents (RFC 8288): themselves, hubs, the channel's other forms."""
    forms = [(address.page, HTML), (address.atom, ATOM), (address.rss, RSS), (address.json, JSON_FEED)]
    if address.events:
        forms.append((address.events, EVENT_STREAM))
    # A post's page cannot be subscribed to: what comes after it is elsewhere.
    pushed = any(url == itself for url, _ in forms)
    hubs = [f'<{hub}>; rel="hub"' for hub in address.hubs if pushed]
    others = [f'<{url}>; rel="alternate"; type="{media_type}"' for url, media_type in forms if url != itself]
    return ", ".join([f'<{itself}>; rel="self"', *hubs, *others])


def _has_it(request: web.Request, edition: Edition, etag: str) -> bool:
    # If-None-Match wins where both are sent (RFC 9110, section 13.2.2). It compares weakly, so that a tag that a proxy
    # made weak still matches; the tag of another coding does not, as a cache would then send what its reader cannot
    # decode.
    if "If-None-Match" in request.headers:
        return request.headers["If-None-Match"].strip() == "*" or etag[1:-1] in _tags(request)
    since = request.if_modified_since
    return since is not None and edition.last_modified <= since


def _field(request: web.Request, name: str) -> str | None:
    """Give a field's value, None where there is none; several lines are one list (RFC 9110, section 5.3)."""
    values = request.headers.getall(name, None)
    if values is None or len(values) == 1:
        return values[0] if values else None
    return ", ".join(values)


def _tags(request: web.Request) -> list[str]:
    return [tag for value in request.headers.getall("If-None-Match", ()) for tag in _TAG.findall(value)]


def _misled(request: web.Request) -> bool:
    agent = request.headers.get("User-Agent", "").lower()
    return any(name in agent for name in NO_DELTAS)


def _takes_deltas(request: web.Request) -> bool:
    for value in request.headers.getall("A-IM", ()):
        for part in value.split(","):
            name, *parameters = part.split(";")
            if name.strip().lower() == "feed" and weight(parameters):
                return True
    return False
