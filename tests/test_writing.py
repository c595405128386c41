"""Whatever is written, killed and started anew: all that is read agrees, and what is withdrawn is gone."""

import asyncio
import json
import os
import random
import re

import feedparser
import pytest
from aiohttp import ClientError, ClientSession
from folding import Story
from serving import publishing
from writing import BEARER, SECRET, newsroom

from shared.item import read_item
from shared.sse import StreamDecoder
from shared.wire import Deletion

CHANNELS = {"harbour": {"mode": "live", "window": 5}}
SLUGS = [f"post-{n}" for n in range(9)]
WHOLE = ("", "feed.atom", "feed.rss", "feed.json")
AT = ("", "?at=2099-01-01T00:00Z", "?rerun=2026-01-01T00:00Z&speed=100000")
PLACES = (
    "../", "../channels.opml", *(f"{name}{query}" for name in WHOLE for query in AT),
    *(f"archive/{number}.{form}" for number in (1, 2, 3) for form in ("atom", "rss", "json")),
    *(f"posts/{slug}{query}" for slug in SLUGS for query in AT),
)  # fmt: skip


def marks(text):
    return set(re.findall(r"zq[0-9]+x", text))


class Writer:
    """Somebody who writes at random, and knows what must have come of it."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.standing = {}  # the mark of the version that stands, by id
        self.withdrawn, self.gone = set(), set()  # ids, and every mark that their versions had
        self.had = {slug: set() for slug in SLUGS}
        self.written = 0

    def item(self, slug):
        self.written += 1
        mark = f"zq{self.written}x"
        self.had[slug].add(mark)
        tags = self.draw.sample(["sea", "land", mark], self.draw.randrange(3))
        authors = [{"name": f"Author {mark}"}] if self.draw.random() < 0.5 else []
        return mark, {
            "title": f"Title {mark}",
            "content_html": f"<p>Body {mark}.</p>",
            "tags": tags,
            "authors": authors,
        }

    async def write(self, room):
        slug = self.draw.choice(SLUGS)
        match self.draw.choice(["post", "put", "put", "put", "same", "withdraw", "at once"]):
            case "post":
                mark, item = self.item(slug)
                answer, _ = await room.post(item | {"id": slug})
                assert answer.status == (409 if slug in self.standing or slug in self.withdrawn else 201)
                if answer.status == 201:
                    self.standing[slug] = mark
            case "put":
                mark, item = self.item(slug)
                answer, told = await room.put(slug, item)
                assert answer.status == (410 if slug in self.withdrawn else 200 if slug in self.standing else 201)
                if answer.status < 300:
                    assert marks(json.dumps(told)) == {mark}
                    self.standing[slug] = mark
                    again, same = await room.put(slug, told)
                    assert (again.status, same) == (200, told)
            case "same":
                mark, item = self.item(slug)
                answers = await asyncio.gather(*(room.put(slug, item) for _ in range(3)))
                if slug not in self.withdrawn:
                    assert len({json.dumps(told) for _, told in answers}) == 1
                    self.standing[slug] = mark
            case "withdraw":
                answer, told = await room.withdraw(slug)
                assert answer.status == (200 if slug in self.standing or slug in self.withdrawn else 404)
                if answer.status == 200:
                    assert (await room.withdraw(slug))[1] == told
                    self.takes_away(slug)
            case "at once":
                versions = [self.item(slug) for _ in range(3)]
                doing = [room.put(slug, item) for _, item in versions]
                withdrawing = self.draw.random() < 0.3
                doing += [room.withdraw(slug)] if withdrawing else []
                self.draw.shuffle(doing)
                answers = await asyncio.gather(*doing)
                if withdrawing and any("date_published" not in told and a.status == 200 for a, told in answers):
                    self.takes_away(slug)
                elif slug not in self.withdrawn:
                    newest = max((told for a, told in answers if a.status < 300), key=place)
                    (self.standing[slug],) = marks(json.dumps(newest))

    def takes_away(self, slug):
        self.standing.pop(slug, None)
        self.withdrawn.add(slug)

    def taken(self):
        return {mark for slug in self.withdrawn for mark in self.had[slug]}


def place(item):
    return int(item["_newsreel"]["position"].rpartition("-")[2])


class Reader:
    """Follows the stream by the rules of the protocol, from the first event on."""

    def __init__(self):
        self.story, self.last = Story(), None

    async def follow(self, room):
        """Read up to the head; what it is told after a reset is the window, which tells what else is gone."""
        head = (await room.feed())["_newsreel"]["position"]
        headers = {"Last-Event-ID": self.last} if self.last else {}
        decoder, text = StreamDecoder(), ""
        async with room.session.get(f"{room.root}events", headers=headers) as answer:
            while self.last != head:
                data = await answer.content.readany()
                text += data.decode()
                for frame in decoder.feed(data):
                    self.take(frame)
        return text

    def take(self, frame):
        self.last = frame.id or self.last
        told = json.loads(frame.data)
        match frame.event:
            case "post" | "update":
                self.story.posts[told["id"]] = read_item(told)
            case "delete":
                self.story.posts.pop(Deletion.model_validate(told).id, None)
            case "reset":
                assert not self.story.posts
                self.story.posts = {post.id: post for post in map(read_item, reversed(told["items"]))}


async def check(room, writer, known, tmp_path):
    """See that all that can be read agrees, and that nothing tells what was withdrawn."""
    feed = await room.feed()
    window = [item["id"].rpartition("/")[2] for item in feed["items"]]
    assert len(window) == min(len(writer.standing), 5)
    for item, slug in zip(feed["items"], window, strict=True):
        assert marks(json.dumps(item)) == {writer.standing[slug]}
    page = (await room.get(""))[1].decode()
    assert re.findall(r"<article[^>]* data-id=\"[^\"]*/([\w-]+)\"", page) == window
    assert [entry.id for entry in feedparser.parse((await room.get("feed.atom"))[1]).entries] == [
        item["id"] for item in feed["items"]
    ]
    shelf = room.server.channels["harbour"].press.shelf
    assert [filed.slug for filed in shelf.window(5)] == window
    assert (shelf.count(), len(shelf.history.timeline().seqs) > 0) == (len(writer.standing), bool(writer.standing))
    texts = {place: (await room.get(place))[1].decode() for place in PLACES}
    for reader in (known, Reader()):
        texts["stream"] = await reader.follow(room)
        assert [post.id for post in reader.story.window(5)] == [item["id"] for item in feed["items"]]
        assert [post.to_dict() for post in reader.story.window(5)] == feed["items"]
    for name in ("log.db", "log.db-wal", "log.db.library", "log.db.library-wal"):
        path = tmp_path / name
        texts[name] = path.read_bytes().decode("latin-1") if path.exists() else ""
    for where, text in texts.items():
        assert marks(text) & writer.taken() == set(), where
    assert set(writer.standing.values()) <= marks(texts["log.db"] + texts["log.db-wal"]), "it was searched well"
    for slug in SLUGS:
        status = 200 if slug in writer.standing else 410 if slug in writer.withdrawn else 404
        assert (await room.get(f"posts/{slug}"))[0] == status


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_written_all_that_is_read_agrees(tmp_path, seed):
    writer, reader = Writer(seed), Reader()
    for run in range(3):
        if run == 2:
            (tmp_path / "log.db.library").unlink()  # what it held is made anew from the log
        # Two processes on one log: who writes to one reads it at the other.
        async with newsroom(tmp_path, CHANNELS) as room, newsroom(tmp_path, CHANNELS) as other:
            rooms = (room, other)
            await reader.follow(room)
            for number in range(14):
                await writer.write(rooms[number % 2])
                await asyncio.gather(*map(caught_up, rooms))
                if number == 5:
                    await reader.follow(other)
            for at in rooms:
                await check(at, writer, reader, tmp_path)


async def caught_up(room):
    channel = room.server.channels["harbour"]
    await channel.press.reached(await channel.log.head())


def serve(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[server]\nport = 0\n[log]\nurl = "sqlite:{tmp_path / "log.db"}"\n[channels.harbour]\nmode = "live"\n'
    )
    return publishing("serve", "--config", config, env=os.environ | {"NEWSREEL_TOKEN": SECRET})


async def written(server, doings, *, kill_at):
    """Do one thing after the other; end the server, without notice, while one is under way. Give what was answered."""
    answers = []
    async with ClientSession(headers=BEARER) as session:
        for number, (method, slug, item) in enumerate(doings):
            asking = asyncio.ensure_future(session.request(method, f"{server.root}posts/{slug}", json=item))
            if number == kill_at:
                await asyncio.sleep(0)  # it is on its way
                server.process.kill()
            try:
                answer = await asking
                answers.append((answer.status, await answer.json()))
            except ClientError:
                break
    return answers


@pytest.mark.parametrize("kill_at", [1, 3, 4])
async def test_what_was_answered_holds_after_a_kill_and_what_was_not_is_sent_again(tmp_path, kill_at):
    def version(number):
        return {"title": f"Version zq{number}x", "content_html": f"<p>Words zq{number}x.</p>" * 200}

    doings = [*(("PUT", "ferry", version(n)) for n in range(3)), ("DELETE", "ferry", None), ("PUT", "yard", version(9))]
    with serve(tmp_path) as server:
        before = await written(server, doings, kill_at=kill_at)
        server._gone()
    with serve(tmp_path) as server:
        after = await written(server, doings[len(before) :], kill_at=None)
        async with ClientSession() as session:
            feed = await (await session.get(f"{server.root}feed.json")).json()
            decoder, told = StreamDecoder(), []
            epoch = feed["_newsreel"]["position"].partition("-")[0]
            async with session.get(f"{server.root}events?after={epoch}-0") as stream:
                while not told or told[-1].id != feed["_newsreel"]["position"]:
                    told += decoder.feed(await stream.content.readany())
    assert [status for status, _ in before + after if status not in {200, 201}] == []
    assert [item["title"] for item in feed["items"]] == ["Version zq9x"]
    assert [frame.event for frame in told if frame.event != "clock"] == ["delete", "post"], "each was done once"
    assert marks(str(told)) == {"zq9x"}
    versions = [item["_newsreel"].get("revision") for _, item in before + after]
    assert versions == [1, 2, 3, None, 1]
    for path in tmp_path.iterdir():
        assert marks(path.read_bytes().decode("latin-1")) <= {"zq9x"}, path.name
