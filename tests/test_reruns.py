"""Reruns over HTTP: feed, stream and page of one URL agree at any moment, and nothing is kept of one that is over."""

import asyncio
import gc
import json
import random
import re
import socket
import zlib
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

import feedparser
import lxml.html
import pytest
from aiohttp import ClientSession
from channels import NOW, open_room
from making import FIRST, make_post
from patience import PATIENCE, soon
from test_no_leak import reading

from publisher.app import Server
from publisher.config import arguments
from publisher.editions import PRINTINGS
from publisher.moments import EPOCH, microseconds
from publisher.rerun import playbacks
from publisher.rerun import reruns as reruns_module
from publisher.rerun.playback import MOST_SECONDS
from publisher.rerun.rerun import Rerun
from publisher.rerun.reruns import Reruns
from publisher.rerun.show import Show, Viewer
from publisher.rerun.showing import AsOf, Showing
from publisher.token import Token
from publisher.when import When
from shared.event import DeleteEvent, PostEvent, UpdateEvent
from shared.post import encode_json
from shared.sse import StreamDecoder


class Time:
    """A wall clock that tests move."""

    def __init__(self, moment=NOW):
        self.moment = moment

    def __call__(self):
        return self.moment

    def pass_(self, seconds):
        self.moment += timedelta(seconds=seconds)


def told(chance, count):
    """Invent a story: posts with bursts and silences, edits and deletions, in the order in which they happened."""
    events, minutes, out = [], 0.0, []
    for number in range(count):
        minutes += chance.choice([0, 0, 0.1, 1, 5, 90])
        kind = chance.choice(["post", "post", "post", "update", "delete"]) if out else "post"
        if kind == "post":
            slug = f"p{number}"
            out.append(slug)
            events.append(PostEvent(post=make_post(slug, minutes, title=f"About {slug}", tags=(f"t{number % 3}",))))
        elif kind == "update":
            slug = chance.choice(out)
            post = make_post(slug, 0, title=f"About {slug}, at {number}", facts={"revision": number + 2})
            events.append(
                UpdateEvent(post=post.model_copy(update={"date_modified": FIRST + timedelta(minutes=minutes)}))
            )
        else:
            slug = out.pop(chance.randrange(len(out)))
            events.append(DeleteEvent(id=slug, story_time=FIRST + timedelta(minutes=minutes)))
    return events


def query(start, **parameters):
    given = "".join(f"&{name.rstrip('_')}={value}" for name, value in parameters.items() if value is not None)
    return f"?rerun={start.isoformat().replace('+00:00', 'Z')}{given}"


class Watcher:
    """A reader of a stream: folds what it is told, and remembers what it was told."""

    def __init__(self, room, query, *, last="", after=""):
        self.room, self.url, self.last, self.after = room, f"{room.root}events{query}", last, after
        self.posts, self.frames = {}, []

    async def __aenter__(self):
        self.session = ClientSession()
        headers = {"Last-Event-ID": self.last} if self.last else {}
        url = self.url + (f"&after={self.after}" if self.after else "")
        self.answer = await self.session.get(url, headers=headers)
        self.decoder = StreamDecoder(last_event_id=self.last)
        return self

    async def __aexit__(self, *_):
        self.answer.close()
        await self.session.close()

    async def until(self, done):
        """Read until ``done()``."""
        async with asyncio.timeout(PATIENCE):
            while not done():
                data = await self.answer.content.readany()
                assert data, "the stream ended"
                for frame in self.decoder.feed(data):
                    self.take(frame)

    async def reach(self, position):
        """Read until what has come leads to a position."""
        await self.until(lambda: self.last == position)

    async def heard(self, *events):
        """Read until an event of one of these kinds has come since the last call."""
        seen = len(self.frames)
        await self.until(lambda: any(frame.event in events for frame in self.frames[seen:]))
        return self.frames[-1]

    def take(self, frame):
        self.frames.append(frame)
        if frame.id:
            self.last = frame.id
        data = json.loads(frame.data)
        match frame.event:
            case "reset":
                self.posts = {item["id"]: item for item in reversed(data["items"])}
            case "post" | "update":
                self.posts[data["id"]] = data
            case "delete":
                self.posts.pop(data["id"], None)

    @property
    def window(self):
        return list(reversed(self.posts.values()))


async def shown(room, query):
    """Give what feeds and page of a URL show: the JSON Feed, Atom's entries, and the ids on the page."""
    feed = json.loads(await room.body(f"feed.json{query}"))
    atom = feedparser.parse(await room.body(f"feed.atom{query}"))
    page = lxml.html.document_fromstring(await room.body(query))
    return feed, atom, [element.get("data-id") for element in page.cssselect("article")]


async def agree(room, query, watcher=None):
    feed, atom, page = await shown(room, query)
    ids = [item["id"] for item in feed["items"]]
    assert [entry.id for entry in atom.entries] == ids == page
    assert [entry.title for entry in atom.entries] == [item["title"] for item in feed["items"]]
    dates = [item["_newsreel"]["released_at"] for item in feed["items"]]
    soon = room.site._now() + timedelta(milliseconds=1)  # those of one instant are a microsecond apart
    assert all(datetime.fromisoformat(date) < soon for date in dates)
    if watcher is not None:
        await watcher.until(lambda: watcher.window == feed["items"])
    return feed


@asynccontextmanager
async def archive(seed=1, count=40):
    """Serve a finished story; give the room and its time."""
    time = Time()
    async with open_room(mode="archive", timestamps="original", now=time) as room:
        await room.say(*told(random.Random(seed), count))
        time.pass_(3600)
        yield room, time


async def test_two_hundred_random_reruns_agree_post_for_post_between_feed_stream_and_page():
    chance = random.Random(4)
    async with archive(count=14) as (room, time):
        for number in range(200):
            start = time.moment + timedelta(seconds=chance.choice([-3600, -60, -1, 0, 5, 0.25]))
            asked = query(
                start,
                speed=chance.choice([0.1, 1, 60, 977.5, 100_000]),
                from_=chance.choice([None, "%2B30m", "21:30", "50%25"]),
                max_gap=chance.choice([None, "0s", "30s", "2h"]),
                ids=chance.choice([None, "anew"]),
            )
            async with Watcher(room, asked) as watcher:
                await watcher.heard("clock")
                await agree(room, asked, watcher)
                for _ in range(1 if number % 10 else 5):
                    time.pass_(chance.choice([0, 0.5, 7, 60, 3600]))
                    room.site.reruns._ring()  # as the timer would
                    await agree(room, asked, watcher)
                assert [frame.event for frame in watcher.frames[:2]] == ["reset", "clock"]
                ids = [frame.id for frame in watcher.frames if frame.event in {"post", "update", "delete"}]
                assert ids == sorted(set(ids), key=lambda text: int(text.rpartition("-")[2]))


async def test_a_reader_that_reconnects_at_random_moments_is_told_each_event_once():
    chance = random.Random(8)
    async with archive(seed=3, count=80) as (room, time):
        asked = query(time.moment, speed=60, max_gap="5m")
        had, last = [], ""
        while True:
            async with Watcher(room, asked, last=last) as watcher:
                if watcher.answer.status == 204:
                    break
                if not last:
                    await watcher.heard("clock")
                time.pass_(chance.randrange(40))
                room.site.reruns._ring()
                await watcher.reach(json.loads(await room.body(f"feed.json{asked}"))["_newsreel"]["position"])
            had += [frame.id for frame in watcher.frames if frame.event in {"post", "update", "delete"}]
            last = watcher.last
        history = room.press.shelf.history
        first = int(had[0].rpartition("-")[2])
        due = [seq for seq in history.timeline().seqs if seq >= first]
        assert [int(position.rpartition("-")[2]) for position in had] == due
        assert first <= 3  # what was out at its very start came with the reset


async def test_a_rerun_ends_with_its_clock_and_who_has_it_all_is_answered_204():
    async with archive() as (room, time):
        asked = query(time.moment, speed=60)
        async with Watcher(room, asked) as watcher:
            await watcher.heard("clock")
            clock = json.loads(watcher.frames[-1].data)
            assert (clock["state"], clock["story_time"]) == ("playing", "2023-01-31T19:42:00-05:00")
            time.pass_(86_400)
            room.site.reruns._ring()
            ended = await watcher.heard("clock")
            assert (ended.event, json.loads(ended.data)["state"], ended.id) == ("clock", "ended", watcher.last)
        for how in ({"last": watcher.last}, {"after": watcher.last}):
            async with Watcher(room, asked, **how) as again:
                assert again.answer.status == 204
        async with Watcher(room, query(time.moment, speed=1), last=watcher.last) as other:
            await other.until(lambda: other.frames)
            assert json.loads(other.frames[0].data)["_newsreel"]["reason"] == "epoch"


async def test_it_waits_for_its_start_and_then_plays():
    async with archive() as (room, time):
        asked = query(time.moment + timedelta(seconds=100), speed=60)
        feed = await agree(room, asked)
        assert feed["items"] == []
        async with Watcher(room, asked) as watcher:
            clock = json.loads((await watcher.heard("clock")).data)
            assert (clock["state"], clock["starts"]) == ("paused", "2026-01-01T13:01:40Z")
            time.pass_(100)
            room.site.reruns._ring()
            assert json.loads((await watcher.heard("clock")).data)["state"] == "playing"
            await agree(room, asked, watcher)
            assert watcher.posts


# Documents.


async def test_documents_say_that_they_are_a_rerun_and_of_when_and_link_to_their_like():
    async with archive() as (room, time):
        asked = query(time.moment, speed=60, from_="%2B10m", max_gap="30s", ids="anew")
        _, headers, body = await room.get(f"feed.json{asked}")
        feed = json.loads(body)
        assert feed["title"] == "Storm (rerun)"
        assert feed["description"].startswith("A rerun of live coverage of 31 January 2023, at 60× its speed, from ")
        assert feed["_newsreel"]["replay"] == {"run": 1, "speed": 60.0}
        assert all(item["_newsreel"]["replay"] == {"run": 1, "speed": 60.0} for item in feed["items"])
        ours = {
            feed["home_page_url"],
            feed["feed_url"],
            feed["_newsreel"]["events"],
            *(i["url"] for i in feed["items"]),
        }
        ours |= set(re.findall(r"<([^>]+)>", headers["Link"]))
        atom = feedparser.parse(await room.body(f"feed.atom{asked}"))
        ours |= {link.href for link in atom.feed.links}
        assert all(url.endswith(asked.replace("&speed", "&speed")) for url in ours), ours
        assert not any(link.rel == "hub" for link in atom.feed.links)
        for url in ours - {feed["_newsreel"]["events"]}:
            status, _, _ = await room.get(url)
            assert status == 200, url
        assert {item["id"].split("/")[0] for item in feed["items"]} == {"tag:news.example,2023-01-31:harbour"}
        plain = json.loads(await room.body(f"feed.json{asked.replace('&ids=anew', '')}"))
        assert not {item["id"] for item in feed["items"]} & {item["id"] for item in plain["items"]}


async def test_a_rerun_has_plain_ids_whatever_round_its_channel_is_in():
    time = Time(NOW + timedelta(hours=1))
    async with open_room(ids="anew", now=time) as room:
        await room.clock(run=2)
        await room.post("a", "b")
        theirs = json.loads(await room.body("feed.json"))["items"]
        assert [item["id"].rpartition("/")[2] for item in theirs] == ["b~2", "a~2"]
        asked = query(time.moment - timedelta(minutes=10))
        async with Watcher(room, asked) as watcher:
            feed = await agree(room, asked, watcher)
        assert [item["id"] for item in feed["items"]] == [item["id"].removesuffix("~2") for item in theirs]
        for item in feed["items"]:
            _, _, body = await room.get(item["url"], Accept="application/json")
            assert json.loads(body) == item
        assert (await room.get(f"posts/a~2{asked}"))[0] == 404
        own = [item["id"] for item in (await agree(room, f"{asked}&ids=anew"))["items"]]
        assert [one.rpartition("/")[2] for one in own] == ["b", "a"]
        assert not {*own} & {item["id"] for item in feed["items"]}


async def test_what_is_cast_in_a_mould_is_what_projecting_it_anew_gives():
    async with archive(count=60) as (room, time):
        for asked in (
            query(time.moment - timedelta(hours=1)),
            query(time.moment, from_="%2B5h", ids="anew", speed=0.5),
        ):
            feed = json.loads(await room.body(f"feed.json{asked}"))
            assert len(feed["items"]) > 5
            for item in feed["items"]:
                _, _, body = await room.get(item["url"], Accept="application/json")
                assert json.loads(body) == item
                assert encode_json(item) in await room.body(f"feed.json{asked}")


async def test_documents_of_reruns_and_moments_are_the_same_after_a_restart():
    async with archive() as (room, time):
        press = room.channel.press
        time.pass_(3600)

        def showing():
            playback = Reruns(time).playbacks.get(room.channel, Rerun(NOW - timedelta(days=1), speed=600))
            return Showing(playback, microseconds(time()))

        def documents():
            scenes = [showing(), AsOf(room.channel, When.parse("+1h"))]
            return [printing.render(scene.snapshot()) for scene in scenes for printing in PRINTINGS.values()]

        before, opened = documents(), time()
        press.billing = press.scene.billing = replace(press.billing, opened=opened)
        assert documents() == before
        assert showing().modified == opened, "its settings may be others: a cache must ask"


async def test_a_document_may_be_kept_until_the_next_release():
    async with archive() as (room, time):
        asked = query(time.moment, speed=60)
        timetable = room.site.reruns.playbacks.get(room.channel, room_rerun(room, asked)).timetable
        status, headers, body = await room.get(f"feed.atom{asked}")
        coming = EPOCH + timedelta(microseconds=timetable.next(timetable.place(microseconds(time.moment))))
        seconds = min(int((coming - time.moment).total_seconds()), MOST_SECONDS)
        assert headers["Cache-Control"] == f"max-age={seconds}"
        time.moment = min(coming, time.moment + timedelta(seconds=MOST_SECONDS)) - timedelta(microseconds=1)
        assert (await room.get(f"feed.atom{asked}"))[2] == body
        status, _, _ = await room.get(f"feed.atom{asked}", **{"If-None-Match": headers["ETag"]})
        assert status == 304
        time.moment = coming
        assert (await room.get(f"feed.atom{asked}"))[2] != body


def room_rerun(room, asked):
    return Rerun.parse(dict(parse_qsl(asked[1:])), room.site._now())


async def test_the_page_takes_now_and_sends_to_the_same_with_the_moment_written_in():
    async with archive() as (room, time):
        time.pass_(0.5)
        status, headers, _ = await room.get("?rerun=now&max_gap=30s")
        assert (status, headers["Cache-Control"]) == (303, "no-store")
        assert headers["Location"] == "?rerun=2026-01-01T13:00:00Z&speed=60&max_gap=30s"
        for path in ("feed.atom", "feed.json", "events", "posts/p0"):
            status, headers, body = await room.get(f"{path}?rerun=now&max_gap=30s")
            assert (status, headers["Content-Type"].partition(";")[0]) == (400, "application/problem+json")
            assert f"{room.root}{path}?rerun=2026-01-01T13:00:00Z&speed=60&max_gap=30s" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("feed.atom?rerun=yesterday", "rerun: 'yesterday' is no moment"),
        ("?rerun=now&speed=fast", "speed: 'fast' is no speed"),
        ("events?rerun=2026-01-01T12:00Z&from=soon", "from: 'soon' is no moment"),
        ("feed.json?speed=60", "speed: belongs to a rerun"),
        ("?rerun=now&rerun=now", "rerun: is given more than once"),
        ("?at=21:30&rerun=now", "at, rerun: one shows a moment"),
        ("events?at=21:30", "at: a stream does not stand still"),
        ("feed.rss?at=later", "at: 'later' is no moment"),
    ],
)
async def test_what_is_wrong_with_the_parameters_is_a_problem_that_says_how_to_write_them(path, told):
    async with archive(count=3) as (room, _):
        status, headers, body = await room.get(path)
        assert (status, headers["Content-Type"].partition(";")[0]) == (400, "application/problem+json")
        assert json.loads(body)["detail"].startswith(told)


async def test_a_percentage_is_refused_while_the_channel_goes_on():
    async with open_room(mode="live", timestamps="original") as room:
        await room.post("a", "b")
        for path in ("feed.atom?at=50%25", f"events{query(NOW, from_='50%25')}"):
            status, _, body = await room.get(path)
            assert status == 400
            assert "percentage" in json.loads(body)["detail"]


async def test_permalinks_and_archives_of_a_rerun_are_out_when_their_posts_are():
    time = Time()
    async with open_room(mode="archive", window=2, now=time) as room:
        await room.say(*(PostEvent(post=make_post(f"p{n}", n)) for n in range(6)))
        time.pass_(3600)
        asked = query(time.moment, speed=60)
        assert (await room.get(f"posts/p0{asked}"))[0] == 200
        assert (await room.get(f"posts/p1{asked}"))[0] == 404
        assert (await room.get(f"archive/2.atom{asked}"))[0] == 404
        time.pass_(3)
        assert (await room.get(f"posts/p3{asked}"))[0] == 200
        first = feedparser.parse(await room.body(f"archive/1.atom{asked}"))
        assert [entry.id.rpartition("/")[2] for entry in first.entries] == ["p1", "p0"]
        links = {link.rel: link.href for link in first.feed.links}
        assert links["current"] == f"{room.root}feed.atom{asked}"
        feed = json.loads(await room.body(f"feed.json{asked}"))
        assert [entry["id"].rpartition("/")[2] for entry in feed["items"]] == ["p3", "p2"]
        older = json.loads(await room.body(feed["next_url"]))
        assert [entry["id"].rpartition("/")[2] for entry in older["items"]] == ["p1", "p0"]


async def test_pages_lead_to_a_rerun_and_back_to_the_story():
    async with archive(count=3) as (room, time):
        page = lxml.html.document_fromstring(await room.body(""))
        (link,) = page.cssselect(".again a")
        assert (link.get("href"), link.get("rel")) == (f"{room.root}?rerun=now", "nofollow")
        page = lxml.html.document_fromstring(await room.body(query(time.moment)))
        assert page.cssselect(".again a")[0].get("href") == room.root
        assert page.cssselect("#_posts")[0].get("data-stream") == f"events{query(time.moment)}&speed=60"
    async with open_room() as room:  # a replay that plays: who comes late can see it from the beginning
        await room.clock()
        await room.post("p0")
        page = lxml.html.document_fromstring(await room.body(""))
        assert [link.get("href") for link in page.cssselect(".again a")] == [f"{room.root}?rerun=now"]


# As it stood.


@pytest.mark.parametrize("mode", ["archive", "live"])
async def test_a_channel_is_shown_as_it_stood(mode):
    async with open_room(mode=mode, timestamps="original") as room:
        await room.say(
            PostEvent(post=make_post("a", 0, title="First", date_modified=FIRST + timedelta(minutes=30))),
            PostEvent(post=make_post("b", 10)),
            UpdateEvent(
                post=make_post("a", 0, title="Second", facts={"revision": 2}).model_copy(
                    update={"date_modified": FIRST + timedelta(minutes=30)}
                )
            ),
            DeleteEvent(id="b", story_time=FIRST + timedelta(minutes=40)),
        )
        for at, titles in {
            "19:00": [],
            "19:42": ["First"],
            "+10m": ["The ferry is back at the quay", "First"],
            "2023-01-31T20:12:00-05:00": ["The ferry is back at the quay", "Second"],
            "2023-02-01T01:22Z": ["Second"],
            "2099-01-01T00:00Z": ["Second"],
        }.items():
            asked = f"?at={at}".replace("+", "%2B") if "T" not in at else f"?at={at}"
            feed, atom, page = await shown(room, "?at=2023-01-31T19:00-05:00" if at == "19:00" else asked)
            assert [item["title"] for item in feed["items"]] == [e.title for e in atom.entries] == titles, at
            assert len(page) == len(titles)
            edited = [item["date_modified"] for item in feed["items"] if "date_modified" in item]
            assert edited == ["2023-01-31T20:12:00-05:00"] * ("Second" in titles)
            assert ", as of " in feed["title"]
            assert "events" not in feed["_newsreel"]
        then = "1 January 2099, 00:00" if mode == "archive" else "31 January 2023, 20:22"  # later is not known
        title = json.loads(await room.body("feed.json?at=2099-01-01"))["title"]
        assert title == f"Storm, as of {then} (UTC-05:00)"
        feed = json.loads(await room.body("feed.json?at=%2B10m"))
        assert feed["feed_url"] == f"{room.root}feed.json?at=2023-01-31T19:52:00-05:00"
        assert (await room.get("posts/b?at=%2B40m"))[0] == 410
        assert (await room.get("posts/b?at=%2B9m"))[0] == 404
        cached = (await room.get("feed.atom?at=%2B10m"))[1]["Cache-Control"]
        assert cached == ("max-age=300" if mode == "archive" else "no-cache")


# Channels that go on.


def live_event(slug, moment, **fields):
    post = make_post(slug, title=f"About {slug}", **fields)
    facts = post.newsreel.model_copy(update={"story_time": moment})
    return PostEvent(post=post.model_copy(update={"date_published": moment, "newsreel": facts}))


async def test_a_rerun_that_catches_up_goes_over_into_live_without_gap_or_repeat():
    time = Time(NOW + timedelta(seconds=100))
    async with open_room(mode="live", timestamps="original", now=time) as room:
        await room.say(*(live_event(f"p{n}", NOW + timedelta(seconds=10 * n)) for n in range(10)))
        asked = query(time.moment, speed=11)
        async with Watcher(room, asked) as watcher:
            await watcher.heard("clock")
            time.pass_(5)
            room.site.reruns._ring()
            await agree(room, asked, watcher)
            await room.say(live_event("new", time.moment))
            time.pass_(60)
            room.site.reruns._ring()
            await watcher.until(lambda: watcher.frames[-1].event == "clock")
            assert json.loads(watcher.frames[-1].data)["state"] == "live"
            await room.say(live_event("newer", time.moment), DeleteEvent(id="p3", story_time=time.moment))
            feed = await agree(room, asked, watcher)
            assert feed["_newsreel"]["clock"]["state"] == "live"
            assert [item["id"].rpartition("/")[2] for item in feed["items"]][:2] == ["newer", "new"]
            assert all(item["_newsreel"]["position"].startswith(watcher.last.split("-")[0]) for item in feed["items"])
            _, headers, _ = await room.get(f"feed.json{asked}")
            assert headers["Cache-Control"] == "no-cache"
        slugs = [json.loads(f.data)["id"].rpartition("/")[2] for f in watcher.frames if f.event == "post"]
        assert len(slugs) == len(set(slugs)) == 11


async def test_a_replay_that_is_moved_takes_its_reruns_back():
    time = Time(NOW + timedelta(seconds=100))
    async with open_room(now=time) as room:
        await room.post("a", "b", "c")
        asked = query(time.moment, speed=1)
        async with Watcher(room, asked) as watcher:
            await watcher.heard("clock")
            await room.reset()
            await room.post("a")
            await watcher.heard("clock")
            reset = next(frame for frame in reversed(watcher.frames) if frame.event == "reset")
            assert json.loads(reset.data)["_newsreel"]["reason"] == "seek"
            await agree(room, asked, watcher)


async def test_a_rerun_that_waits_to_catch_up_is_told_of_what_comes_sooner():
    time = Time(NOW)
    async with open_room(mode="live", timestamps="original", now=time) as room:
        await room.say(live_event("first", NOW))
        time.pass_(5)
        asked = query(time.moment, speed=1, max_gap="1m")
        async with Watcher(room, asked) as watcher:
            await watcher.heard("clock")
            time.pass_(3)
            await room.say(live_event("second", time.moment))  # 8 s after the first: due in 5 s
            time.pass_(5)
            room.site.reruns._ring()
            assert len((await agree(room, asked, watcher))["items"]) == 2


async def test_a_rerun_from_the_middle_of_a_story_that_is_moved_ends_as_there_is_no_middle_any_more():
    time = Time(NOW + timedelta(seconds=100))
    async with open_room(now=time) as room:
        await room.clock()
        await room.post("a", "b", "c")
        await room.clock("ended")
        asked = query(time.moment, speed=1, from_="50%25")
        async with Watcher(room, asked) as watcher, Watcher(room, query(time.moment, speed=1)) as other:
            await watcher.heard("clock")
            await other.heard("clock")
            await room.reset()
            await room.clock()
            await room.post("a")
            rest = await asyncio.wait_for(watcher.answer.content.read(), PATIENCE)
            assert b": closed: moved\nretry: " in rest
            await other.heard("reset")
        assert room.site.reruns.closed["moved"] == 1
        assert (await room.get(f"events{asked}"))[0] == 400


async def test_a_channel_that_is_renamed_is_so_in_its_reruns():
    async with open_room(mode="live", timestamps="original") as room:
        await room.post("a")
        asked = query(NOW, speed=1)
        for title in ("Storm", "Storm over the harbour"):
            room.press.rename(title, "en", NOW + timedelta(seconds=1))
            assert json.loads(await room.body(f"feed.json{asked}"))["title"] == f"{title} (rerun)"
            async with Watcher(room, asked) as watcher:
                await watcher.heard("clock")
                assert json.loads(watcher.frames[0].data)["title"] == f"{title} (rerun)"


async def test_what_was_withdrawn_vanishes_from_a_rerun_that_is_watched():
    async with archive(count=1) as (room, time):
        asked = query(time.moment - timedelta(hours=1))
        async with Watcher(room, asked) as watcher:
            await watcher.heard("clock")
            assert len(watcher.posts) == 1
            await room.say(DeleteEvent(id="p0", story_time=time.moment, withdrawn=True))
            await watcher.heard("reset")
            assert watcher.posts == {}
        assert (await room.get(f"posts/p0{asked}"))[0] == 404
        assert (await room.get("posts/p0"))[0] == 410
        assert json.loads(await room.body("feed.json?at=2030-01-01"))["items"] == []


async def test_a_rerun_of_a_replay_shows_no_more_than_is_out_and_ends_when_both_have():
    time = Time(NOW + timedelta(seconds=100))
    async with open_room(now=time) as room:
        await room.clock()
        await room.post("a", "b")
        asked = query(time.moment - timedelta(seconds=50), speed=100_000)
        async with Watcher(room, asked) as watcher:
            await watcher.until(lambda: watcher.frames)
            assert (await room.get(f"feed.json{asked}"))[1]["Cache-Control"] == "no-cache"
            await room.post("c")
            await agree(room, asked, watcher)
            await room.clock("ended")
            await watcher.until(lambda: json.loads(watcher.frames[-1].data).get("state") == "ended")
            assert len(watcher.posts) == 3


# Filters, and what is kept.


async def test_filters_work_as_on_every_stream():
    time = Time()
    async with open_room(mode="archive", now=time) as room:
        moved = make_post("a", 2, tags=("sport",), facts={"revision": 2}).model_copy(
            update={"date_modified": FIRST + timedelta(minutes=2)}
        )
        await room.say(
            PostEvent(post=make_post("a", 0, tags=("arts",))),
            PostEvent(post=make_post("b", 1, tags=("sport",))),
            UpdateEvent(post=moved),
        )
        time.pass_(3600)
        asked = query(time.moment, speed=60)
        async with Watcher(room, f"{asked}&tag=arts") as arts, Watcher(room, f"{asked}&types=update") as updates:
            await arts.heard("clock")
            await updates.heard("clock")
            assert len(arts.posts) == 1
            time.pass_(2)
            room.site.reruns._ring()
            await arts.heard("delete")
            await updates.heard("update")
        assert [f.event for f in arts.frames] == ["reset", "clock", "delete", "clock"]
        assert [f.event for f in updates.frames] == ["reset", "clock", "update", "clock"]


class Both:
    """Readers of one stream, with and without compression."""

    def __init__(self, plain, packed):
        assert ("Content-Encoding" in plain.headers, packed.headers["Content-Encoding"]) == (False, "gzip")
        self.plain, self.packed, self.inflate = plain, packed, zlib.decompressobj(31)
        self.texts = [b"", b""]

    async def agree(self, end):
        """Read up to what ends in ``end``; both must be told the same."""
        async with asyncio.timeout(PATIENCE):
            while end not in self.texts[0]:
                self.texts[0] += await self.plain.content.readany()
            while end not in self.texts[1]:
                self.texts[1] += self.inflate.decompress(await self.packed.content.readany())
        assert self.texts[0] == self.texts[1]


@pytest.mark.parametrize(
    ("ago", "parameters"),
    [(0, {"speed": 60}), (3600, {"ids": "anew", "tag": "t1"}), (0, {"speed": 1, "from_": "%2B1000h"})],
)
async def test_who_takes_gzip_is_told_the_same_to_the_byte(ago, parameters):
    async with archive(count=40) as (room, time), ClientSession(auto_decompress=False) as session:
        big = "".join(f"<p>{n} % of what was said, ünd 100 %</p>" for n in range(300))
        await room.say(PostEvent(post=make_post("big", 10_000, content_html=big)))
        url = f"{room.root}events{query(time.moment - timedelta(seconds=ago), **parameters)}"
        both = Both(*[await session.get(url, headers={"Accept-Encoding": coding}) for coding in ("identity", "gzip")])
        await both.agree(b"event: clock")
        time.pass_(10_000_000)
        room.site.reruns._ring()
        await both.agree(b'"state":"ended"')
        both.plain.close()
        both.packed.close()


async def test_those_who_join_the_same_rerun_share_what_they_begin_with(monkeypatch):
    made = []
    reset_frame = Showing.reset_frame
    monkeypatch.setattr(Showing, "reset_frame", lambda *given, **named: made.append(1) or reset_frame(*given, **named))
    async with archive() as (room, time), AsyncExitStack() as stack:
        asked = query(time.moment, speed=60, from_="50%25")
        watchers = [await stack.enter_async_context(Watcher(room, asked)) for _ in range(20)]
        for watcher in watchers:
            await watcher.heard("clock")
            await agree(room, asked, watcher)
        assert len(made) <= 2  # the first of all was alone, so there was nobody to share with


async def test_reruns_of_two_channels_that_ask_alike_share_nothing():
    events = {name: [PostEvent(post=make_post(f"{name}-{n}", n)) for n in range(5)] for name in ("harbour", "market")}
    table = {
        "server": {"port": 0},
        "log": {"url": "memory:"},
        "channels": {name: {"mode": "archive", "source": "page.txt"} for name in events},
    }
    server = Server(arguments(table, "test"), {name: reading(told) for name, told in events.items()}, Token("s3cret"))
    await server.start()
    try:
        async with ClientSession() as session:
            answers = {
                (name, n): await session.get(f"{server.local_url}/{name}/events{query(NOW, speed=1000)}")
                for n in range(3)
                for name in events
            }
            for (name, _), answer in answers.items():
                told = b""
                while b"event: clock" not in told:
                    told += await answer.content.readany()
                told = told.decode()
                assert all((f"{one}-{n}" in told) == (one == name) for one in events for n in range(5))
                answer.close()
    finally:
        await server.stop()


def kept():
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, Show | Viewer)]


async def test_nothing_is_kept_of_a_rerun_that_nobody_watches_and_one_timer_serves_all():
    async with archive() as (room, time):
        reruns, before = room.site.reruns, len(asyncio.all_tasks())
        loop = asyncio.get_running_loop()
        async with ClientSession() as session:
            answers = [
                await session.get(f"{room.root}events{query(time.moment - timedelta(seconds=n), speed=60)}")
                for n in range(60)
            ]
            shows = reruns._shows["harbour"]
            assert len(shows) == len(reruns._wakes) == 60
            timers = [handle for handle in loop._scheduled if not handle.cancelled() and "_ring" in repr(handle)]
            assert len(timers) <= 1  # none while it is just ringing
            for answer in answers:
                answer.close()
            await soon(lambda: not reruns._shows)
        await soon(lambda: len(asyncio.all_tasks()) <= before)
        assert (reruns._wakes._heap, reruns._timer) == ([], None)
        del shows, answers, answer
        await soon(lambda: not kept())  # what closes a connection has a few turns of the loop to go


async def test_those_who_watch_the_same_rerun_share_its_frames():
    async with archive() as (room, time):
        asked = query(time.moment, speed=60)
        async with Watcher(room, asked) as one, Watcher(room, asked) as other:
            await one.heard("clock")
            await other.heard("clock")
            assert len(room.site.reruns._shows["harbour"]) == 1
            time.pass_(120)
            room.site.reruns._ring()
            await agree(room, asked, one)
            await agree(room, asked, other)


async def test_who_takes_nothing_is_cut_off_and_costs_the_others_nothing(monkeypatch):
    monkeypatch.setattr(reruns_module, "SLOW_SECONDS", float("inf"))
    monkeypatch.setattr(reruns_module, "SWEEP_SECONDS", 0.05)
    time = Time()
    async with open_room(mode="archive", now=time) as room:
        big = f"<p>{'x' * 200_000}</p>"
        await room.say(*(PostEvent(post=make_post(f"p{n}", n, content_html=big)) for n in range(60)))
        time.pass_(3600)
        asked = query(time.moment, speed=60)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)  # noqa: FBT003 the library's
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", int(room.root.split(":")[2].split("/")[0])))
        await loop.sock_sendall(sock, f"GET /harbour/events{asked} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await soon(lambda: room.site.reruns.viewers)
        async with Watcher(room, asked) as quick:
            await quick.heard("clock")
            time.pass_(59)
            room.site.reruns._ring()
            await quick.until(lambda: len(quick.posts) == 60)
            monkeypatch.setattr(reruns_module, "SLOW_SECONDS", 0)
            await soon(lambda: len(room.site.reruns.viewers) == 1)
            assert quick.frames[-1].event == "clock"
        sock.close()
        await soon(lambda: not room.site.reruns.viewers)
        assert +room.site.reruns.closed == {"stalled": 1, "left": 1}


async def test_readers_with_gaps_of_their_own_invention_fill_no_memory(monkeypatch):
    monkeypatch.setattr(playbacks, "EDITION_BYTES", 100_000)
    monkeypatch.setattr(playbacks, "AXIS_BYTES", 16 * 8 * 40)
    async with archive() as (room, time):
        for seconds in range(40):
            await room.body(f"feed.json{query(time.moment, max_gap=f'{seconds}s')}")
        assert 2 < len(room.site.reruns.playbacks._axes) < 40
        for seconds in range(80):
            await room.body(f"feed.json{query(time.moment - timedelta(seconds=seconds))}")
        assert 2 < len(room.site.reruns.playbacks._editions) < 80


async def test_the_end_of_the_server_ends_its_streams_in_order():
    async with archive() as (room, time), Watcher(room, query(time.moment, speed=60)) as watcher:
        await watcher.heard("clock")
        room.site.reruns.close()
        rest = await asyncio.wait_for(watcher.answer.content.read(), PATIENCE)
        assert rest.startswith(b": closed: end\nretry: ")
        assert +room.site.reruns.closed == {"end": 1}
