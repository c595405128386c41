"""What can be asked of the server: each method at each address, of which ``openapi`` makes a description."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.wire import ATOM, EVENT_STREAM, HTML, JSON_FEED, OPML, PROBLEM, RSS, XML

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json"
TEXT = "text/plain"
_RERUN = ("rerun", "speed", "from", "max_gap", "ids", "at")
FORMS = {"atom": ATOM, "rss": RSS, "json": JSON_FEED}


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method does at one address.

    Attributes:
        summary: one line.
        types: media types of the full answer, the usual one first; empty where it has no body.
        status: of that answer.
        query: names of parameters, described in ``PARAMETERS``.
        headers: request headers that change the answer, described there too.
        refuses: further statuses.
        errors: media type of what is refused.
        takes: media type and schema of the request's body.
        gives: schema of the answer's body, by media type; where there is none it is text.
        token: only who has the server's token may.
    """

    summary: str
    types: tuple[str, ...] = ()
    status: int = 200
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    refuses: tuple[int, ...] = ()
    errors: str = PROBLEM
    takes: tuple[str, str] | None = None
    gives: Mapping[str, str] = field(default_factory=dict)
    token: bool = False


_CONDITIONAL = ("If-None-Match", "If-Modified-Since")
_UNCHANGED = ("If-Match", "If-Unmodified-Since", "If-None-Match")


def _feed(summary: str, *types: str) -> Operation:
    return Operation(
        summary,
        types,
        query=_RERUN,
        headers=(*_CONDITIONAL, "A-IM"),
        refuses=(304, 400, 404),
        gives={JSON_FEED: "Feed"},
    )


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("GET", "/"): Operation("The channels, as a page", (HTML,), headers=_CONDITIONAL, refuses=(304,)),
    ("GET", "/channels.opml"): Operation("The channels, as OPML 2.0", (OPML,), headers=_CONDITIONAL, refuses=(304,)),
    ("GET", "/icon.svg"): Operation("The icon", ("image/svg+xml",)),
    ("GET", "/favicon.ico"): Operation("The icon, where readers look for one", ("image/svg+xml",)),
    ("GET", "/robots.txt"): Operation("What crawlers may read (RFC 9309)", (TEXT,)),
    ("GET", "/healthz"): Operation(
        "Whether the server lives, and the live channels whose source cannot be read", (JSON,), gives={JSON: "Health"}
    ),
    ("GET", "/readyz"): Operation(
        "Whether it takes readers; 503 while it starts or ends", (JSON,), refuses=(503,), gives={JSON: "Health"}
    ),
    ("GET", "/metrics"): Operation("Figures of the server, for Prometheus", (TEXT, "application/openmetrics-text")),
    ("GET", "/openapi.json"): Operation(
        "This description", (JSON,), headers=_CONDITIONAL, refuses=(304,), gives={JSON: "Description"}
    ),
    ("GET", "/hub"): Operation("What the hub is, in words", (TEXT,)),
    ("POST", "/hub"): Operation(
        "The WebSub hub: subscribe, unsubscribe, publish",
        status=202,
        refuses=(400, 408, 413, 415, 429, 503),
        errors=TEXT,
        takes=("application/x-www-form-urlencoded", "Subscription"),
    ),
    ("GET", "/{channel}"): Operation("Leads to the page", status=301, refuses=(404,)),
    ("GET", "/{channel}/"): Operation(
        "The live page", (HTML,), query=_RERUN, headers=_CONDITIONAL, refuses=(303, 304, 400, 404)
    ),
    ("GET", "/{channel}/feed.atom"): _feed("The newest posts as Atom (RFC 4287)", ATOM, XML),
    ("GET", "/{channel}/feed.rss"): _feed("The newest posts as RSS 2.0", RSS, XML),
    ("GET", "/{channel}/feed.json"): _feed("The newest posts as JSON Feed 1.1", JSON_FEED),
    ("GET", "/{channel}/{stylesheet}"): Operation(
        "The style that Atom and RSS name, for who opens them in a browser", ("text/css",), refuses=(404,)
    ),
    ("GET", "/{channel}/events"): Operation(
        "The stream: server-sent events",
        (EVENT_STREAM,),
        query=("after", "types", "tag", *_RERUN[:-1]),
        headers=("Last-Event-ID",),
        refuses=(204, 400, 404, 503),
        gives={EVENT_STREAM: "Events"},
    ),
    ("GET", "/{channel}/archive/{number}.{form}"): Operation(
        "A part of the history (RFC 5005)",
        (ATOM, RSS, JSON_FEED, XML),
        query=("take", *_RERUN),
        headers=_CONDITIONAL,
        refuses=(304, 307, 400, 404, 410),
        gives={JSON_FEED: "Feed"},
    ),
    ("GET", "/{channel}/posts/{post}"): Operation(
        "One post: a page, or its JSON by Accept",
        (HTML, JSON),
        query=_RERUN,
        headers=_CONDITIONAL,
        refuses=(304, 400, 404, 410),
        gives={JSON: "Post"},
    ),
    ("POST", "/{channel}/posts"): Operation(
        "Publish a post on a live channel; 200 if it was sent before",
        (JSON,),
        status=201,
        refuses=(200, 401, 403, 404, 408, 409, 413, 415, 422, 503),
        takes=(JSON, "Written"),
        gives={JSON: "Post"},
        token=True,
    ),
    ("PUT", "/{channel}/posts/{post}"): Operation(
        "Revise a post of a live channel, or publish it under this id (201)",
        (JSON,),
        headers=_UNCHANGED,
        refuses=(201, 401, 403, 404, 408, 409, 410, 412, 413, 415, 422, 503),
        takes=(JSON, "Written"),
        gives={JSON: "Post"},
        token=True,
    ),
    ("DELETE", "/{channel}/posts/{post}"): Operation(
        "Take a post of a live channel away for good",
        (JSON,),
        headers=_UNCHANGED,
        refuses=(401, 403, 404, 409, 412, 503),
        gives={JSON: "Deletion"},
        token=True,
    ),
    ("GET", "/{channel}/clock"): Operation("How a replay stands", (JSON,), refuses=(404,), gives={JSON: "Standing"}),
    ("PATCH", "/{channel}/clock"): Operation(
        "Play, pause, change the speed of a replay, or move it",
        (JSON,),
        refuses=(400, 401, 403, 404, 408, 413, 422, 503),
        takes=(JSON, "Control"),
        gives={JSON: "Standing"},
        token=True,
    ),
}
"""What each route does, by method and path; a test holds them against the router."""

PARAMETERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "channel": ("The channel's name.", {"type": "string"}),
    "stylesheet": ("Its name holds its hash.", {"type": "string", "pattern": r"^feed-[0-9a-f]{8}\.css$"}),
    "number": ("Which part, from 1, the oldest.", {"type": "integer", "minimum": 1}),
    "form": ("The format.", {"type": "string", "enum": list(FORMS)}),
    "post": ("The last part of the post's URL.", {"type": "string"}),
    "rerun": ("A rerun: the moment at which it begins.", {"type": "string"}),
    "speed": ("Of a rerun: story seconds a second.", {"type": "string"}),
    "from": ("Of a rerun: what is earlier is out at once.", {"type": "string"}),
    "max_gap": ("Of a rerun: the longest silence, in the story's time.", {"type": "string"}),
    "ids": ("Of a rerun: ids of its own for each post.", {"type": "string", "enum": ["anew"]}),
    "at": ("As it stood at this moment of the story.", {"type": "string"}),
    "take": ("Which round of a replay the part belongs to.", {"type": "integer", "minimum": 1}),
    "after": ("The position after which to go on, where Last-Event-ID cannot be sent.", {"type": "string"}),
    "types": ("Only these events, a comma between; reset and clock always pass.", {"type": "string"}),
    "tag": ("Only posts that have this tag.", {"type": "string"}),
    "Last-Event-ID": ("The position after which to go on.", {"type": "string"}),
    "If-Match": ("Entity tag of the JSON that is to be changed, or * where there must be some.", {"type": "string"}),
    "If-None-Match": ("Entity tags of what is known already; * stands for whatever there is.", {"type": "string"}),
    "If-Unmodified-Since": ("Last-Modified of the JSON that is to be changed.", {"type": "string"}),
    "If-Modified-Since": ("When it was read last.", {"type": "string"}),
    "A-IM": ("``feed``: only what is new since the tag in If-None-Match (RFC 3229).", {"type": "string"}),
}
