"""A start that takes long: who asks is told that the server lives, why it is not ready, and how far it is."""

import asyncio
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession
from making import make_post
from patience import PATIENCE

from publisher import filing
from publisher.app import Server
from publisher.config import arguments
from publisher.filing import Opening
from publisher.library import Shelf
from publisher.log.contract import Draft
from publisher.log.sqlite import SqliteStore
from publisher.web import waiting
from shared.event import ClockEvent, PostEvent

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POSTS = 39


def settings(tmp_path):
    log = {"url": str(tmp_path / "news.db")}
    return {"server": {"port": 0}, "log": log, "channels": {"harbour": {"mode": "live"}}}


@asynccontextmanager
async def starting(tmp_path, monkeypatch):
    """Give a server that starts over a log whose library is lost, and the event that lets it go on from the half."""
    store = await SqliteStore.open(tmp_path / "news.db")
    live = ClockEvent(state="live", speed=1, anchor=NOW, elapsed=0, story_time=NOW, run=1, reel="")
    posts = [PostEvent(post=make_post(f"p{n}", n)) for n in range(POSTS)]
    drafts = [Draft(f"k{n}", NOW + timedelta(seconds=n), event) for n, event in enumerate([live, *posts])]
    await store.channel("harbour").append(drafts)
    await store.close()
    half, go_on = threading.Event(), threading.Event()
    file = Shelf.file

    def slowly(shelf, batch):
        if shelf.head >= len(drafts) // 2:
            half.set()
            assert go_on.wait(PATIENCE)
        file(shelf, batch)

    monkeypatch.setattr(Shelf, "file", slowly)
    monkeypatch.setattr(filing, "FILED", 10)
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.0)
    server = Server(arguments(settings(tmp_path), "test"), {})
    shares = []
    task = asyncio.create_task(server.start(shares.append))
    try:
        assert await asyncio.to_thread(half.wait, PATIENCE)
        yield server, task, go_on, shares
    finally:
        go_on.set()
        task.cancel()
        await asyncio.wait([task])
        await server.stop()


async def test_while_the_log_is_filed_the_server_lives_and_says_how_far_it_is(tmp_path, monkeypatch):
    async with (
        starting(tmp_path, monkeypatch) as (server, task, go_on, shares),
        ClientSession(server.local_url) as visitor,
    ):
        async with visitor.get("/healthz") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})
            assert answer.headers["Server"] == "newsreel"
        for path in ("/readyz", "/harbour/feed.atom", "/harbour/events"):
            async with visitor.get(path) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
                problem = await answer.json(content_type="application/problem+json")
                assert problem["detail"] == "the server starts: it files the log of harbour, 50% so far"
        async with visitor.post("/harbour/posts", data="x") as answer:
            assert answer.status == 503
        async with visitor.get("/harbour/", headers={"Accept": "text/html"}) as answer:
            assert (answer.status, answer.content_type) == (503, "text/html")
        go_on.set()
        await task
        assert shares == [0.0, 0.25, 0.5, 0.75, 1.0]
        async with visitor.get("/readyz") as answer:
            assert answer.status == 200
        async with visitor.get("/harbour/feed.json") as answer:
            assert len((await answer.json(content_type=None))["items"]) == POSTS


async def test_a_server_that_is_told_to_end_while_it_files_the_log_ends_and_goes_on_from_there(tmp_path, monkeypatch):
    async with starting(tmp_path, monkeypatch) as (server, task, go_on, _):
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.stop()
    monkeypatch.undo()
    server = Server(arguments(settings(tmp_path), "test"), {})
    await server.start()
    try:
        assert server.channels["harbour"].press.shelf.count() == POSTS
    finally:
        await server.stop()


def test_of_several_channels_the_one_is_named_that_is_filed():
    shares = []
    opening = Opening(4)
    opening.told = shares.append
    assert str(opening) == "the server starts"
    opening.begin("harbour")
    opening.filed(1.0)
    opening.begin("hill")
    opening.filed(0.126)
    assert str(opening) == "the server starts: it files the log of hill, channel 2 of 4, 13% so far"
    assert shares == [0.0, 0.25, 0.25, 0.2815]
