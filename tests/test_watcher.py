"""Live channels that show what a file or a web page says: real files, a real web server, time as the test says."""

import json
import logging
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession, web
from hypothesis import given, settings
from hypothesis import strategies as st
from making import ADDRESS
from patience import until
from serving import publishing

from publisher.channel import Channel
from publisher.intake import Wanted
from publisher.library import Library
from publisher.live import begin_live
from publisher.lock import MachineLock
from publisher.log.contract import LogError
from publisher.log.memory import MemoryStore
from publisher.log.opening import open_store
from publisher.scene import Billing
from publisher.sources.opening import read
from publisher.sources.options import Options
from publisher.token import Token
from publisher.watch.origin import FileOrigin
from publisher.watch.watcher import Watcher, origin_of
from publisher.web.site import Site

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
POLL = timedelta(seconds=30)
SECRET = "a-token-of-32-characters-or-more"


def story(*posts, title="The harbour, tonight"):
    """Write the Markdown form: of each post its minute, its headline and, if it is another, its body."""
    parts = [f"---\ntitle: {title}\n---\n"]
    for minute, headline, *body in posts:
        parts.append(
            f"## 2026-01-31T{19 + minute // 60:02}:{minute % 60:02}+00:00 {headline}\n\n{(*body, headline)[0]}.\n"
        )
    return "\n".join(parts)


class Watched:
    """A live channel and its watcher, whose time passes when the test says so."""

    def __init__(self, store, library, wanted, *, lock=None, title=""):
        self.store, self.library, self.wanted, self.title = store, library, wanted, title
        self.lock = lock or MachineLock(None)
        self.now = NOW

    async def open(self, source=None):
        log = self.store.channel("harbour")
        beginning = await begin_live(log, self.now, self.wanted.sources[0] if source is None else source)
        billing = Billing(self.title or "harbour", "live", None, None, self.now)
        self.channel = Channel(log, self.library.shelf("harbour"), ADDRESS, billing, "original", live=beginning)
        await self.channel.open(self.now)
        self.log, self.press = log, self.channel.press
        self.watcher = Watcher(
            self.wanted,
            POLL,
            self.channel.desk,
            log=log,
            press=self.press,
            beginning=beginning,
            lock=self.lock,
            origin=origin_of(self.wanted, "https://news.example"),
            named=bool(self.title),
        )
        self.channel.watcher = self.watcher
        return self

    async def look(self, seconds=0, chance=0.5):
        """Let time pass and look; what is appended is pressed at once, as if the press had run."""
        self.now += timedelta(seconds=seconds)
        reached = self.press.reached

        async def pressed(seq):
            while self.press.shelf.head < seq and (batch := await self.log.read(self.press.shelf.head)):
                self.press.press(batch)
            await reached(seq)

        self.press.reached = pressed
        return await self.watcher.look(lambda: self.now, lambda: chance)

    async def settle(self):
        """Look until nothing is left to be told."""
        for _ in range(3):
            await self.look(30)

    async def told(self, after=0):
        events = [logged.event for logged in await self.log.read(after, 10_000)]
        return [
            (e.kind, e.id if e.kind == "delete" else e.post.heading) for e in events if e.kind not in {"clock", "reset"}
        ]

    def posts(self):
        """Give the posts that readers see, by id."""
        return {filed.slug: filed.post for filed in self.press.shelf.window(10_000)}

    def out(self):
        """List what readers see, in the order of the story."""
        return sorted((p.story_time, p.title, p.content_text) for p in self.posts().values())


@asynccontextmanager
async def watched(source, options=None, **named):
    store = MemoryStore()
    library = Library.open(":memory:", store.epoch)
    wanted = Wanted((str(source),), options=options or Options(), allow_private=True)
    room = await Watched(store, library, wanted, **named).open()
    try:
        yield room
    finally:
        await room.watcher._origin.close()
        library.close()
        await store.close()


def said(text):
    """List what a text says, as ``Watched.out`` does."""
    return sorted((p.story_time, p.title, p.content_text) for p in read(text.encode(), "notes.md").posts)


FERRY, SNOW, DAWN = (0, "The ferry waits"), (5, "It snows"), (9, "Dawn")


async def test_what_a_file_says_is_out_and_what_it_says_anew(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(story(FERRY, SNOW))
    async with watched(path) as room:
        await room.look()
        assert room.out() == said(story(FERRY, SNOW))
        assert room.press.scene.snapshot().title == "The harbour, tonight"
        path.write_text(story(DAWN, SNOW, FERRY))
        await room.look(1)
        assert await room.told() == [("post", "The ferry waits"), ("post", "It snows"), ("post", "Dawn")]
        path.write_text(story(FERRY, (5, "It snows", "It snows harder"), DAWN))
        await room.look(1)
        assert (await room.told())[3:] == [("update", "It snows")]
        path.write_text(story(FERRY, DAWN))
        assert await room.look(1) == 2  # editors write in two steps
        assert len(room.out()) == 3
        await room.look(2)
        assert room.out() == said(story(FERRY, DAWN))
        assert dict(+room.watcher.looks) == {"changed": 4, "unchanged": 1}


async def test_a_file_that_is_written_in_two_steps_loses_nothing(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(story(FERRY, SNOW, DAWN))
    async with watched(path) as room:
        await room.look()
        for half in (story(FERRY), story(FERRY)[:60], "", story(FERRY, SNOW)):
            path.write_text(half)
            await room.look(0.4)
        path.write_text(story(FERRY, SNOW, DAWN))
        await room.settle()
        assert [kind for kind, _ in await room.told()] == ["post"] * 3


async def test_a_file_that_an_editor_puts_in_the_place_of_another_is_read(tmp_path):
    path, other = tmp_path / "notes.md", tmp_path / "notes.md~"
    path.write_text(story(FERRY))
    async with watched(path) as room:
        await room.look()
        stamp = path.stat().st_mtime_ns
        other.write_text(story(SNOW, FERRY))
        os.utime(other, ns=(stamp, stamp))
        other.replace(path)
        await room.look(1)
        assert len(room.out()) == 2


async def test_a_file_that_changes_twice_within_a_tick_of_the_clock_is_read_twice(tmp_path, monkeypatch):
    path = tmp_path / "notes.md"
    path.write_text("one")
    origin = FileOrigin(str(path))
    state = origin._stat()
    monkeypatch.setattr(origin, "_stat", lambda: state)
    monkeypatch.setattr("publisher.watch.origin.time", SimpleNamespace(time_ns=lambda: state[-1]))
    assert (await origin.look()).data == b"one"
    assert await origin.look() is None
    path.write_text("two")
    assert (await origin.look()).data == b"two"
    assert await origin.look() is None


async def test_what_cannot_be_read_is_told_once_and_what_was_out_stays(tmp_path, caplog):
    path = tmp_path / "notes.md"
    async with watched(path) as room:
        with caplog.at_level(logging.WARNING):
            for _ in range(4):
                await room.look(30)
            assert room.watcher.failing == NOW + timedelta(seconds=30)
            path.write_text(story(FERRY))
            await room.look(1)
            assert room.watcher.failing is None and room.watcher.succeeded == room.now
            path.write_text("---\ntitle: nothing yet\n---\n")
            for _ in range(4):
                await room.look(30)
            assert len(room.out()) == 1 and room.watcher.failing is not None
            path.write_text(story(FERRY, SNOW))
            await room.look(1)
        lines = caplog.messages
        assert len(lines) == 4 and not any("\n" in line for line in lines)
        assert lines[0].startswith("harbour: ") and "there is no such file (yet)" in lines[0]
        assert lines[1] == lines[3] == f"harbour: {path} is read again"
        assert "notes.md" in lines[2] and "what is out stays" in lines[2]
        assert room.watcher.looks["failed"] == 8


async def test_a_fault_of_newsreel_in_what_a_page_says_ends_no_server(tmp_path, monkeypatch, caplog):
    path = tmp_path / "notes.md"
    path.write_text(story(FERRY))
    async with watched(path) as room:
        await room.look()
        for fault in ("read", "difference"):
            with monkeypatch.context() as faulty:
                faulty.setattr(f"publisher.watch.watcher.{fault}", lambda *_, **__: {}["x"])
                path.write_text(story(FERRY, (5, f"A fault of {fault}")))
                for _ in range(2):
                    await room.look(30)
                assert len(room.out()) == 1 and room.watcher.failing is not None
            assert "a fault of newsreel (KeyError: 'x')" in caplog.messages[-1]
        path.write_text(story(FERRY, SNOW, DAWN))
        await room.settle()
        assert room.out() == said(story(FERRY, SNOW, DAWN))


async def test_doubts_are_told_once(tmp_path, caplog):
    path = tmp_path / "notes.md"
    with caplog.at_level(logging.WARNING):
        async with watched(path) as room:
            for count in range(1, 4):
                path.write_text(
                    story(*[(n, f"Post {n}") for n in range(count)], (60 * 4 + 59, "Tomorrow")).replace(
                        "01-31T23:59", "02-03T23:59"
                    )
                )
                await room.look(1)
            assert len(room.out()) == 3
    assert len(caplog.messages) == 1 and "lie ahead" in caplog.messages[0]


async def test_a_post_that_is_dated_ahead_comes_out_at_its_time(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(story(FERRY, SNOW).replace("2026-01-31T19:05", "2026-02-01T12:07"))
    async with watched(path) as room:
        assert await room.look() == 30
        assert len(room.out()) == 1
        assert await room.look(6 * 60 + 50) == 10
        await room.look(10)
        assert len(room.out()) == 2


async def test_a_restart_goes_on_where_the_log_ends(tmp_path):
    path, log = tmp_path / "notes.md", f"sqlite:{tmp_path / 'log.db'}"
    texts = [story(FERRY), story(FERRY, SNOW), story(SNOW, FERRY, DAWN), story(SNOW, DAWN), story(SNOW, DAWN)]
    for text in texts:
        path.write_text(text)
        store = await open_store(log)
        library = Library.open(str(tmp_path / "library"), store.epoch)
        room = await Watched(store, library, Wanted((str(path),))).open()
        await room.settle()
        assert room.out() == said(text)
        events = await room.told()
        library.close()
        await store.close()
    ferry = read(texts[0].encode(), "notes.md").posts[0].id
    assert events == [("post", "The ferry waits"), ("post", "It snows"), ("post", "Dawn"), ("delete", ferry)]


async def test_what_was_out_before_the_source_was_watched_is_not_its_to_take_away(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(story(FERRY))
    async with watched(path) as room:
        await room.open("")
        room.channel.watcher = None

        async def pressed(seq):
            room.press.press(await room.log.read(room.press.shelf.head))

        room.press.reached = pressed
        await room.channel.desk.post({"title": "Written by hand"}, NOW)
        await room.open()
        await room.settle()
        assert {title for _, title, _ in room.out()} == {"Written by hand", "The ferry waits"}
        path.write_text(story(SNOW))
        await room.settle()
        assert {title for _, title, _ in room.out()} == {"Written by hand", "It snows"}
        clocks = [logged for logged in await room.log.read(0) if logged.event.kind == "clock"]
        await room.open()
        assert len(clocks) == len([logged for logged in await room.log.read(0) if logged.event.kind == "clock"]) == 3


async def test_one_of_the_processes_over_a_log_watches(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(story(FERRY))
    locks = [MachineLock(str(tmp_path / "lock")) for _ in range(2)]
    assert locks[0].take()
    async with watched(path, lock=locks[1]) as room:
        await room.look()
        assert room.out() == [] and room.press.billing.title == "The harbour, tonight"
        assert await room.look(1) == 30
        locks[0].close()
        await room.look(30)
        assert room.out() == said(story(FERRY))
    locks[1].close()


async def test_a_log_that_fails_half_way_is_taken_up_again_without_a_double(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("publisher.watch.watcher.GROUP", 2)
    path = tmp_path / "notes.md"
    path.write_text(story(*[(n, f"Post {n}") for n in range(5)]))
    async with watched(path) as room:
        tell, calls = room.channel.desk.tell, []

        async def failing(*arguments):
            calls.append(1)
            if len(calls) == 2:
                raise LogError("the disk is full; make room")
            return await tell(*arguments)

        room.channel.desk.tell = failing
        for _ in range(2):
            await room.look(30)
        assert [heading for _, heading in await room.told()] == [f"Post {n}" for n in range(5)]


async def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    async with watched(tmp_path / "pipe") as room:
        await room.look()
        assert room.watcher.failing is not None


# The web.


class Page:
    """A page on a real web server, which answers as the test says."""

    def __init__(self):
        self.body, self.status, self.headers, self.asked = "", 200, {}, []

    async def answer(self, request):
        self.asked.append(request.headers)
        if self.status == 200 and request.headers.get("If-None-Match", "-") == self.headers.get("ETag"):
            return web.Response(status=304, headers=self.headers)
        if self.status == 302:
            raise web.HTTPFound(self.headers["Location"])
        return web.Response(status=self.status, text=self.body, headers=self.headers, content_type=self.kind)

    kind = "text/markdown"


@asynccontextmanager
async def page():
    shown = Page()
    app = web.Application()
    app.router.add_get("/{path:.*}", shown.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    shown.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/live"
    try:
        yield shown
    finally:
        await runner.cleanup()


async def test_a_page_is_asked_whether_it_has_changed():
    async with page() as shown, watched(shown.url) as room:
        shown.body, shown.headers = story(FERRY), {"ETag": '"1"'}
        assert await room.look(chance=0) == 30
        for _ in range(2):
            await room.look(30)
        shown.body, shown.headers = story(FERRY, SNOW), {"ETag": '"2"'}
        await room.look(30)
        assert [headers.get("If-None-Match") for headers in shown.asked] == [None, '"1"', '"1"', '"1"']
        assert {headers["User-Agent"].partition("/")[0] for headers in shown.asked} == {"newsreel"}
        assert shown.asked[0]["User-Agent"].endswith(" (+https://news.example)")
        assert room.out() == said(story(FERRY, SNOW))
        assert dict(+room.watcher.looks) == {"changed": 2, "unchanged": 2}


async def test_a_page_that_takes_a_post_away_twice_means_it():
    async with page() as shown, watched(shown.url) as room:
        shown.body = story(FERRY, SNOW, DAWN)
        await room.look()
        for body in (story(FERRY, DAWN), story(FERRY, SNOW, DAWN), story(FERRY, DAWN)):  # copies of two ages
            shown.body = body
            await room.look(30)
        assert len(room.out()) == 3
        shown.headers = {"ETag": '"3"'}
        await room.look(30)
        assert room.out() == said(story(FERRY, DAWN))


@pytest.mark.parametrize("body", ["", "<!doctype html><title>Consent</title><p>We value your privacy</p>", "Not now"])
async def test_a_page_without_posts_takes_nothing_away(body):
    async with page() as shown, watched(shown.url) as room:
        shown.body = story(FERRY, SNOW)
        await room.look()
        shown.body, shown.kind = body, "text/html"
        for _ in range(3):
            await room.look(30)
        assert len(room.out()) == 2 and room.watcher.failing is not None


async def test_a_server_in_trouble_is_left_alone_for_longer_and_longer(caplog):
    async with page() as shown, watched(shown.url) as room:
        shown.body, shown.status = "no", 503
        with caplog.at_level(logging.WARNING):
            waits = [await room.look(30, chance=1.0) for _ in range(8)]
        assert waits[:3] == [60, 120, 240] and waits[-1] == 900
        assert await room.look(30, chance=0.0) == 30
        assert len(caplog.messages) == 1 and "503" in caplog.messages[0]
        shown.headers = {"Retry-After": "1200"}
        assert await room.look(30, chance=0.0) == 1200
        shown.status, shown.headers, shown.body = 200, {"Cache-Control": "max-age=120"}, story(FERRY)
        assert await room.look(30, chance=0.0) == 120
        shown.headers = {"Cache-Control": "max-age=86400"}
        assert await room.look(30, chance=1.0) == 660


async def test_a_page_is_followed_where_it_went_but_not_into_this_machines_network(monkeypatch, caplog):
    async with page() as shown, watched(shown.url) as room:
        shown.status, shown.headers = 302, {"Location": "http://[::1/"}
        await room.look()
        assert room.watcher.failing is not None
    async with page() as shown:
        shown.body = story(FERRY)
        async with watched(shown.url) as room:
            room.watcher._origin = origin_of(Wanted((shown.url,)))
            await room.look()
            assert room.watcher.failing is not None and shown.asked == []
            monkeypatch.setattr("shared.route.is_public", lambda address: address == "127.0.0.1")
            shown.status, shown.headers = 302, {"Location": shown.url.replace("127.0.0.1", "127.0.0.2")}
            await room.look()
            assert len(shown.asked) == 1 and "127.0.0.2 is no public address" in caplog.text
            await room.watcher._origin.close()


async def test_a_feed_that_lost_its_oldest_entries_takes_none_away():
    def feed(first):
        items = [
            {
                "id": f"n{n}",
                "title": f"Item {n}",
                "content_text": f"Says {n}",
                "date_published": f"2026-01-31T19:{n:02}:00Z",
            }
            for n in range(first, first + 10)
        ]
        return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "F", "items": items[::-1]})

    async with page() as shown, watched(shown.url) as room:
        shown.kind = "application/feed+json"
        for first in range(20):
            shown.body = feed(first)
            await room.look(30)
        assert [title for _, title, _ in room.out()] == [f"Item {n}" for n in range(29)]
        assert {kind for kind, _ in await room.told()} == {"post"}


# Days that only the page's head or its address tells.

TWO_NIGHTS = (
    (1, "21:00", "Evening"), (1, "23:40", "Smoke"), (1, "23:50", "Sirens"), (2, "00:05", "Engines"),
    (2, "00:20", "Water"), (2, "09:30", "Ashes"), (2, "23:55", "Embers"), (3, "00:10", "Quiet"),
)  # fmt: skip


def by_the_clock(posts, head):
    """Write a page of text whose posts tell the time of day alone, newest first."""
    said = [
        f"{clock}\n\n{title}\n\nFrom Ada Quist\n\nSo much is known of {title}.\n" for _, clock, title in posts[::-1]
    ]
    return f"Harbour fire, live\n\nBy Ada Quist\n\n{head}\n{len(posts)} Posts\n" + "\n".join(said)


@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
@pytest.mark.parametrize("shows", [8, 3])
@pytest.mark.parametrize("day_from", ["the setting", "its last update", "its address"])
async def test_a_page_that_tells_only_the_clock_goes_on_over_midnight(day_from, shows, restarted):
    options = Options.of(date="2026-02-01" if day_from == "the setting" else "")
    async with page() as shown:
        shown.kind = "text/plain"
        source = shown.url + ("/2026/02/01/harbour" if day_from == "its address" else "")
        async with watched(source, options=options) as room:
            for count, (day, clock, _) in enumerate(TWO_NIGHTS, 1):
                room.now = datetime.fromisoformat(f"2026-02-{day:02}T{clock}Z") + timedelta(minutes=1)
                updated = f"Updated {room.now:%H:%M} UTC, February {day}, 2026"
                head = updated if day_from == "its last update" else ""
                shown.body = by_the_clock(TWO_NIGHTS[max(0, count - shows) : count], head)
                if restarted:
                    await room.watcher._origin.close()
                    await room.open()
                await room.settle()
            assert [(moment.day, f"{moment:%H:%M}", title) for moment, title, _ in room.out()] == list(TWO_NIGHTS)
            assert {kind for kind, _ in await room.told()} == {"post"}
            assert all(slug.startswith(f"{post.story_time:%Y%m%dT%H%MZ}-") for slug, post in room.posts().items())


# The desk beside it.


async def test_what_a_source_says_is_not_written_over_but_may_be_withdrawn(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(story(FERRY, SNOW))
    async with watched(path) as room:
        await room.look()
        site = Site({"harbour": room.channel}, lambda: room.now, token=Token(SECRET))
        runner = web.AppRunner(site.application())
        await runner.setup()
        tcp = web.TCPSite(runner, "127.0.0.1", 0)
        await tcp.start()
        root = f"http://127.0.0.1:{tcp._server.sockets[0].getsockname()[1]}"
        slug = read(path.read_bytes(), "notes.md").posts[0].id
        headers = {"Authorization": f"Bearer {SECRET}"}
        async with ClientSession(headers=headers) as session:
            for method, where in (("POST", "posts"), ("PUT", f"posts/{slug}")):
                async with session.request(method, f"{root}/harbour/{where}", json={"title": "Mine"}) as answer:
                    assert answer.status == 409 and "write it there" in (await answer.json())["detail"]
            async with session.delete(f"{root}/harbour/posts/{slug}") as answer:
                assert answer.status == 200
            async with session.get(f"{root}/healthz") as answer:
                assert await answer.json() == {"status": "ok"}
            for text in (story((0, "The ferry left"), SNOW), story(FERRY, SNOW), story(FERRY, SNOW, DAWN)):
                path.write_text(text)
                await room.settle()
            assert [title for _, title, _ in room.out()] == ["It snows", "Dawn"]
            path.unlink()
            await room.look()
            async with session.get(f"{root}/healthz") as answer:
                told = await answer.json()
                assert told == {"status": "ok", "failing": {"harbour": room.now.isoformat(timespec="seconds")}}
        await runner.cleanup()


# Whatever somebody does to the file.

POSTS = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from(["Rain", "Snow", "Fog"]),
        st.text("xyz ", min_size=1, max_size=9).filter(str.strip),
    ),
    min_size=1,
    max_size=7,
    unique_by=lambda post: post[:2],
)


@settings(max_examples=60)
@given(st.lists(st.tuples(POSTS, st.booleans()), min_size=1, max_size=5))
async def test_after_any_edits_the_channel_says_what_the_file_says(tmp_path_factory, edits):
    path = tmp_path_factory.mktemp("edits") / "notes.md"
    path.write_text(story(*edits[0][0]))
    async with watched(path) as room:
        for posts, restarted in edits:
            path.write_text(story(*posts))
            if restarted:
                await room.open()
            await room.settle()
            written = said(story(*posts))
            assert [(title, text) for _, title, text in sorted(room.out(), key=lambda p: p[1:])] == sorted(
                (title, text) for _, title, text in written
            )
        events = await room.log.read(0, 10_000)
        assert len({logged.key for logged in events}) == len(events)
        before = len(events)
        await room.settle()
        assert len(await room.log.read(0, 10_000)) == before


# The whole program.


def write(tmp_path, source):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[server]\nport = 0\n[log]\nurl = "sqlite:{tmp_path / "log.db"}"\n'
        f'[channels.harbour]\nmode = "live"\nsource = "{source}"\npoll = "1h"\n'
    )
    return config


def titles(publisher):
    import urllib.request

    with urllib.request.urlopen(publisher.root + "feed.json") as answer:
        return [item["title"] for item in json.loads(answer.read())["items"]]


def test_a_file_is_read_as_soon_as_it_changes_and_a_killed_server_goes_on(tmp_path):
    path = tmp_path / "notes.md"
    with publishing("serve", "--config", write(tmp_path, path)) as publisher:
        assert any(f"and shows what {path} says" in line for line in publisher.said)
        assert not any("newsreel-publisher post" in line for line in publisher.said)  # which is refused there
        path.write_text(story(FERRY))
        until(lambda: titles(publisher) == ["The ferry waits"])
        other = tmp_path / "new"
        other.write_text(story(FERRY, SNOW))
        other.replace(path)
        until(lambda: titles(publisher) == ["It snows", "The ferry waits"])
        publisher.kill()
        path.write_text(story(FERRY, SNOW, DAWN))
        publisher.start()
        until(lambda: titles(publisher) == ["Dawn", "It snows", "The ferry waits"])
        path.write_text(story(SNOW, DAWN))
        until(lambda: titles(publisher) == ["Dawn", "It snows"])
        assert publisher.stop() == 0
        assert publisher.complaints == ""
