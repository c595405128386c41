"""``/openapi.json`` is valid, and describes the routes as they stand."""

import json
from types import SimpleNamespace

import pytest
from channels import NOW, open_room
from openapi_spec_validator import validate

from publisher.token import Token
from publisher.web.openapi import description, routes
from publisher.web.operations import OPERATIONS
from publisher.web.site import Site


@pytest.fixture
def router():
    site = Site({}, lambda: NOW, Token("t"), hub=SimpleNamespace())
    return site.application(SimpleNamespace()).router


def test_every_route_is_described_and_nothing_else_is(router):
    assert set(routes(router)) == set(OPERATIONS)


def test_it_is_valid(router):
    validate(json.loads(description(router)))


async def test_what_is_described_is_answered_as_described():
    async with open_room(window=2) as room:
        await room.post("a", "b", "c")
        server = room.root.removesuffix("/harbour/")
        status, headers, body = await room.get(f"{server}/openapi.json")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        paths = json.loads(body)["paths"]
        assert "/hub" not in paths  # this server has none
        style = next(line for line in (await room.body("feed.atom")).splitlines() if b"feed-" in line).split(b'"')[3]
        examples = {"channel": "harbour", "number": "1", "form": "rss", "post": "a", "stylesheet": style.decode()}
        for path, operations in paths.items():
            if "get" not in operations or path.endswith("/events"):
                continue
            described = operations["get"]["responses"]
            status, headers, _ = await room.get(server + path.format(**examples))
            assert str(status) in described, path
            content = described[str(status)].get("content")
            assert content is None or headers["Content-Type"].partition(";")[0] in content, path
