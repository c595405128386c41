"""``GET /openapi.json``: what can be asked of this server, as OpenAPI 3.1. ``docs/protocol.md`` tells what it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from publisher.replay.control import Control
from publisher.web.operations import FORMS, OPERATIONS, PARAMETERS
from shared import __version__
from shared.post import Post, encode_json
from shared.wire import JSON_FEED_VERSION, PROBLEM, Clock, Deletion, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from publisher.web.operations import Operation

_ANSWERS: Mapping[int, str] = {
    200: "It was there already.",
    201: "It was not there, and is now.",
    204: "The replay is over, and the reader has all of it.",
    226: "What is new since the tag that was sent (RFC 3229).",
    303: "The same with the moment of the rerun written in.",
    304: "Nothing has changed.",
    307: "It is elsewhere for now.",
}


def description(router: web.UrlDispatcher) -> bytes:
    """Describe the routes of a router: those of them that ``OPERATIONS`` knows."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path in routes(router):
        operation = OPERATIONS.get((method, path))
        if operation is not None:
            paths.setdefault(path, {})[method.lower()] = _operation(path, operation)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "newsreel",
            "version": __version__,
            "description": "Live coverage, published and replayed. Every GET also answers HEAD and OPTIONS.",
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "The server's token."}},
        },
    }
    return encode_json(document)


def routes(router: web.UrlDispatcher) -> list[tuple[str, str]]:
    """List the methods and paths of a router, each once, as OpenAPI writes them.

    What has a route of its own for each channel is listed under ``{channel}``.
    """
    found: dict[tuple[str, str], None] = {}
    for route in router.routes():
        resource = route.resource
        if resource is None or route.method in {"HEAD", "OPTIONS"}:
            continue
        info = resource.get_info()
        pattern = info["pattern"].pattern if "pattern" in info else None
        path = resource.canonical
        if pattern is None and path.count("/") > 1:
            continue  # of one channel; the same is there with a variable
        path = re.sub(r"feed-[0-9a-f]{8}\.css$", "{stylesheet}", path)
        for expanded in [path.replace("{document}", f"feed.{form}") for form in FORMS]:
            found[route.method, expanded] = None
    return list(found)


def _operation(path: str, operation: Operation) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", path)
    described: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": [_parameter(name, "path") for name in names]
        + [_parameter(name, "query") for name in operation.query]
        + [_parameter(name, "header") for name in operation.headers],
        "responses": {str(operation.status): _answer(operation.summary, operation)}
        | ({"226": _answer(_ANSWERS[226], operation)} if "A-IM" in operation.headers else {})
        | {str(status): _refusal(status, operation) for status in operation.refuses}
        | {"default": _problem("Whatever else is wrong.", PROBLEM)},
    }
    if operation.takes is not None:
        media_type, schema = operation.takes
        described["requestBody"] = {"required": True, "content": {media_type: {"schema": _ref(schema)}}}
    if operation.token:
        described["security"] = [{"token": []}]
    return described


def _parameter(name: str, place: str) -> dict[str, Any]:
    text, schema = PARAMETERS[name]
    return {"name": name, "in": place, "required": place == "path", "description": text, "schema": schema}


def _answer(text: str, operation: Operation) -> dict[str, Any]:
    content = {
        kind: {"schema": _ref(operation.gives[kind]) if kind in operation.gives else {"type": "string"}}
        for kind in operation.types
    }
    return {"description": text} | ({"content": content} if content else {})


def _refusal(status: int, operation: Operation) -> dict[str, Any]:
    if status < 203:
        return _answer(_ANSWERS[status], operation)
    if status < 400:
        return {"description": _ANSWERS[status]}
    return _problem("The server has trouble, or too many ask." if status == 503 else "See its text.", operation.errors)


def _problem(text: str, media_type: str) -> dict[str, Any]:
    schema = _ref("Problem") if media_type == PROBLEM else {"type": "string"}
    return {"description": text, "content": {media_type: {"schema": schema}}}


def _ref(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _schemas() -> dict[str, Any]:
    _, made = models_json_schema(
        [(model, "validation") for model in (Post, Clock, Standing, Deletion, Control)],
        by_alias=True,
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = made["$defs"]
    text = {"type": "string"}
    return schemas | {
        "Feed": {
            "description": "JSON Feed 1.1",
            "type": "object",
            "properties": {
                "version": {"const": JSON_FEED_VERSION},
                "title": text,
                "items": {"type": "array", "items": _ref("Post")},
                "next_url": text,
                "_newsreel": {"type": "object"},
            },
            "required": ["version", "title", "items"],
        },
        "Events": {
            "description": "Events named post and update (data: Post), delete (Deletion), reset (Feed), clock (Clock)",
            "anyOf": [text, _ref("Post"), _ref("Deletion"), _ref("Feed"), _ref("Clock")],
        },
        "Written": {
            "description": "A JSON Feed item; all that may be left out is made up",
            "type": "object",
            "properties": {"title": text, "content_html": text, "content_text": text},
        },
        "Subscription": {
            "description": "See https://www.w3.org/TR/websub/, section 5",
            "type": "object",
            "properties": {"hub.mode": text, "hub.topic": text, "hub.callback": text, "hub.secret": text},
            "required": ["hub.mode"],
        },
        "Health": {
            "type": "object",
            "properties": {
                "status": {"enum": ["ok", "ready"]},
                "failing": {
                    "description": "Since when the source of a live channel cannot be read, by the channel's name",
                    "type": "object",
                    "additionalProperties": {"type": "string", "format": "date-time"},
                },
            },
            "required": ["status"],
        },
        "Description": {"description": "OpenAPI 3.1", "type": "object"},
        "Problem": {
            "description": "RFC 9457",
            "type": "object",
            "properties": {"type": text, "title": text, "status": {"type": "integer"}, "detail": text},
            "required": ["type", "title", "status"],
        },
    }
