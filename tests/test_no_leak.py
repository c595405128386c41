"""Nothing from the future shows anywhere: every output of a replay is searched, at every step, for all that is to come.

The outputs are found by the application's own routes, so that what is added later is searched, too.
"""

import asyncio
import itertools
import json
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import unquote

import pytest
from aiohttp import ClientSession
from making import EASTERN, FIRST, make_post
from patience import PATIENCE, soon

from publisher import scene
from publisher.app import Server
from publisher.config import arguments
from publisher.editions import PRINTINGS
from publisher.library.shelf import Shelf
from publisher.log import memory
from publisher.projection import Projection
from publisher.sources.reading import Header, Reading, Told
from publisher.token import Token
from publisher.web import documents
from publisher.web.ready import Answer
from publisher.when import spoken
from shared.event import DeleteEvent, PostEvent, UpdateEvent
from shared.post import Attachment, Author, Image

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BEARER = {"Authorization": "Bearer s3cret"}
CLAIMED = 471108153  # of no digest by chance
ROOT = "https://news.example"
STALE = FIRST + timedelta(minutes=777)  # the source says that a post was edited then, and shows only what it became
RERUN = "rerun=2026-03-02T08:00:00Z&speed=100000"
WRITES = {
    ("POST", "/{channel}/posts"), ("PUT", "/{channel}/posts/{post}"), ("DELETE", "/{channel}/posts/{post}"),
    ("PATCH", "/{channel}/clock"), ("POST", "/hub"),
}  # fmt: skip
"""Routes that are no output: what they answer is told to who writes, and tested with the desk."""
QUERIES = ("", f"?{RERUN}", f"?{RERUN}&ids=anew&from=%2B1m&max_gap=1s", "?at=2099-01-01T00:00Z", "?at=%2B20m")
REFUSED = ("?rerun=now", f"?{RERUN}&from=99%25", "?at=50%25", "?at=never", "?speed=3")
"""What is answered by errors; the same everywhere, so not everything is asked with them."""
EXAMPLES = {
    "channel": ["harbour", "unknown"],
    "document": [name for name in PRINTINGS if name != "page"],
    "number": ["1", "2", "3"],
    "form": ["atom", "rss", "json"],
}
"""What to put into a route's variables. A new variable is to be added here."""


def moment(minutes):
    return FIRST + timedelta(minutes=minutes)


def post(number, minutes, *, first=None, revision=1, pinned=False, modified=None, title="Headline"):
    """Make a post whose every word tells by which event it came: ``zq07xbody``."""
    mark = f"zq{number:02}x"
    return make_post(
        first or f"{moment(minutes).astimezone(UTC):%Y%m%dT%H%MZ}-{mark}slug",
        minutes,
        title=f"{title} {mark}title",
        content_html=f"<p>Body {mark}body.</p>",
        authors=(Author.of(f"Author {mark}name", f"Place {mark}place"),),
        tags=(f"{mark}tag",),
        attachments=(Attachment(url=f"https://news.example/{mark}file.mp3", mime_type="audio/mpeg"),),
        image=f"https://news.example/{mark}image.png",
        language="en",
        date_modified=modified,
        facts={
            "revision": revision,
            "pinned": pinned,
            "key_event": pinned,
            "images": (Image(caption=f"Caption {mark}caption", credit=f"Credit {mark}credit"),),
        },
    )


def story():
    """Tell a day that has everything that could give its end away."""
    first, edited, stale, gone = post(0, 0), post(1, 7), post(2, 13, modified=STALE), post(3, 19)
    again = post(6, 7, first=edited.id, revision=2, modified=moment(41))
    return [
        PostEvent(post=first),
        PostEvent(post=edited),
        PostEvent(post=stale),
        PostEvent(post=gone),
        PostEvent(post=post(4, 23)),
        PostEvent(post=post(5, 37)),
        UpdateEvent(post=again),
        DeleteEvent(id=gone.id, story_time=moment(53)),
        PostEvent(post=post(8, 67, pinned=True)),
        UpdateEvent(post=post(9, 0, first=first.id, revision=2, modified=moment(83))),
        PostEvent(post=post(10, 101, title="Summary: what happened today")),
        DeleteEvent(id=stale.id, story_time=moment(127)),
    ]


def reading(events):
    last = events[-1].story_time
    header = Header(
        title="Storm at the harbour – as it happened",
        authors=(Author.of("Author zq98xheader"), *events[-2].post.authors),
        updated=last,
        language="en",
        claimed_posts=CLAIMED,
    )
    return Reading("page.txt", "transcript", header, tuple(Told(event) for event in events))


def marks(event):
    return set(re.findall(r"zq\d\dx[a-z]+", event.to_json().decode().lower())) if hasattr(event, "post") else set()


def written(when):
    """Write a moment in the ways in which documents do."""
    utc = when.astimezone(UTC)
    return {
        when.astimezone(EASTERN).isoformat()[:16], utc.isoformat()[:16], spoken(when).lower(),
        format_datetime(utc, usegmt=True)[5:22].lower(), str(int(utc.timestamp())),
    }  # fmt: skip


def to_come(events, out):
    """List what must not show while ``out`` events are: all words and times of the others, but the next one's time."""
    words = set().union(*map(marks, events[out:])) - set().union(*map(marks, events[:out]))
    times = {when for event in events[out + 1 :] for when in written(event.story_time)} | written(STALE)
    for event in events[: out + 1]:
        times -= written(event.story_time)
    ends = {"as it happened", str(CLAIMED), "zq98xheader"} if out < len(events) else set()
    return {text.lower() for text in words | times | ends}


class Everything:
    """A server that replays a story step by step, and all that it says."""

    def __init__(self, server, session, events):
        self.server, self.session, self.events = server, session, events
        self.had = {}  # entity tags by address
        self.slugs = sorted({event.id if event.kind == "delete" else event.post.id for event in events})

    async def step(self):
        async with self.session.patch(
            f"{self.server.local_url}/harbour/clock", json={"step": True}, headers=BEARER
        ) as answer:
            return str(answer.headers), await answer.text()

    async def end(self):
        """Wait for the end: the step to the last event leaves nothing to come."""
        await soon(lambda: self.server.channels["harbour"].finished)

    def routes(self):
        """Find every path that can be asked for; the channel's are asked with all queries."""
        for route in self.server._site.application(self.server.metrics).router.routes():
            resource = route.resource.get_info()
            if route.method not in {"GET", "HEAD"}:
                assert (route.method, route.resource.canonical) in WRITES, "a new route: is it an output?"
            elif "path" in resource:
                yield resource["path"], "plain"
            else:
                pattern = resource["pattern"]
                examples = EXAMPLES | {"post": [*self.slugs, "unknown"]}
                names = re.findall(r"{(\w+)}", resource["formatter"])
                assert set(names) <= set(examples), f"a new variable: give examples of {names}"
                for values in itertools.product(*(examples[name] for name in names)):
                    path = resource["formatter"].format(**dict(zip(names, values, strict=True)))
                    if pattern.fullmatch(path):
                        yield path, "stream" if path.endswith("/events") else "channel"

    async def outputs(self):
        """Give what is said at every address: where, and the text of status, headers and body."""
        refusing = {"/harbour/", "/harbour/feed.atom", "/harbour/events", f"/harbour/posts/{self.slugs[-1]}"}
        for path, kind in dict(self.routes()).items():
            queries = QUERIES + REFUSED * (path in refusing) if path.startswith("/harbour/") else ("",)
            for query in queries:
                url = self.server.local_url + path + query
                if kind == "stream" and path in refusing:
                    for last in ("", await self.position(query, oldest=True)):
                        yield f"{path}{query} {last}", await self.heard(url, query, last)
                else:
                    for accept in ("*/*", "application/json") if "/posts/" in path else ("*/*",):
                        yield f"{path}{query} {accept}", await self.said(url, Accept=accept)
                if "/feed." in path and path + query in self.had:  # only what is new (RFC 3229)
                    delta = {"A-IM": "feed", "If-None-Match": self.had[path + query]}
                    yield f"{path}{query} delta", await self.said(url, **delta)

    async def said(self, url, **headers):
        headers["Accept-Encoding"] = "identity"
        async with self.session.get(url, headers=headers, allow_redirects=False) as answer:
            self.had[url.removeprefix(self.server.local_url)] = answer.headers.get("ETag", "")
            return self.text(answer, await answer.read())

    def text(self, answer, body):
        headers = {name: value for name, value in answer.headers.items() if name != "Date"}
        return f"{answer.status} {answer.reason} {headers}\n{body.decode()}".replace(self.server.local_url, ROOT)

    async def position(self, query, *, oldest=False):
        """Tell the head that a query's feed shows, or the first position of its epoch; empty if it shows none."""
        async with self.session.get(f"{self.server.local_url}/harbour/feed.json{query}") as answer:
            if answer.status != 200 or query.startswith("?at"):
                return ""
            position = json.loads(await answer.read())["_newsreel"]["position"]
        return f"{position.split('-')[0]}-1" if oldest else position

    async def heard(self, url, query, last):
        """Listen to a stream from the beginning or a position, until it has said all that there is to say now."""
        headers = {"Accept-Encoding": "identity"} | ({"Last-Event-ID": last} if last else {})
        head = await self.position(query)
        async with self.session.get(url, headers=headers) as answer:
            if answer.status != 200 or "event-stream" not in answer.headers["Content-Type"]:
                return self.text(answer, await answer.read())
            last_of_all = f"id: {head}\n".encode() if last else b"event: clock\n"  # the clock may follow, or may not
            whole, body = re.compile(rb".*?" + re.escape(last_of_all) + rb".*?\n\n", re.DOTALL), b""
            async with asyncio.timeout(PATIENCE):
                while not (said := whole.match(body)):
                    body += await answer.content.readany()
            return self.text(answer, said[0])

    async def leaks(self, out):
        """List what shows though it is to come."""
        hidden = to_come(self.events, out)
        found = []
        async for where, text in self.outputs():
            shown = unquote(text).lower()
            asked = unquote(where).lower()  # what is asked for may be named in the answer
            found += [(where, secret) for secret in hidden if secret in shown and secret not in asked]
        return found


@asynccontextmanager
async def replaying(events, monkeypatch, *, timestamps="shifted"):
    """Serve a replay that stands still after its first event, at a moment that does not pass."""
    monkeypatch.setattr("publisher.replay.alarm.SteadyTime.now", lambda _: NOW)
    monkeypatch.setattr(memory, "draw_epoch", lambda: "k3f9")
    table = {
        "server": {"port": 0, "public_url": ROOT},
        "log": {"url": "memory:"},
        "channels": {"harbour": {"source": "page.txt", "speed": 0.1, "window": 3, "timestamps": timestamps}},
    }
    server = Server(arguments(table, "test"), {"harbour": reading(events)}, Token("s3cret"))
    try:
        await server.start()
        async with ClientSession() as session:
            every = Everything(server, session, events)
            async with session.patch(
                f"{server.local_url}/harbour/clock", json={"state": "paused"}, headers=BEARER
            ) as answer:
                assert answer.status == 200
            yield every
    finally:
        await server.stop()


@pytest.mark.parametrize("timestamps", ["shifted", "original"])
async def test_nothing_that_is_to_come_shows_anywhere_at_any_step(monkeypatch, timestamps):
    events = story()
    async with replaying(events, monkeypatch, timestamps=timestamps) as every:
        for out in range(1, len(events) + 1):
            assert len(every.server.channels["harbour"].press.shelf.history.timeline().seqs) == out
            assert await every.leaks(out) == []
            headers, body = await every.step()
            hidden = to_come(events, min(out + 1, len(events)))
            assert [secret for secret in hidden if secret in (headers + body).lower()] == []
        # It was searched in the right way: at the end all of it is found.
        await every.end()
        said = "".join([text async for _, text in every.outputs()]).lower()
        assert "as it happened" in said
        assert [mark for event in events for mark in marks(event) if mark in said]
        for event in (events[-2], events[8]):
            assert marks(event) <= set(re.findall(r"zq\d\dx[a-z]+", said))


async def test_two_stories_that_differ_only_in_what_is_to_come_cannot_be_told_apart(monkeypatch):
    """Not a byte, a count, a tag, a length or a header depends on what is to come, but the time of the next release."""
    one = story()
    other = [*one[:7], *(PostEvent(post=post(50 + n, 53 + 9 * n * n)) for n in range(9))]
    saying = []
    for events in (one, other):
        said = []
        async with replaying(events, monkeypatch) as every:
            every.slugs = sorted({event.post.id for event in one[:7]})
            for _ in range(6):
                said.append({where: _steady(where, text) async for where, text in every.outputs()})
                await every.step()
        saying.append(said)
    for step, (mine, yours) in enumerate(zip(*saying, strict=True)):
        assert mine.keys() == yours.keys()
        assert [where for where in mine if mine[where] != yours[where]] == [], step


def _steady(where, text):
    """Leave out what a server says of its process, and how long things took."""
    if not where.startswith("/metrics"):
        return text
    measured = re.compile(r"200 OK|(process|python)_|.*(_seconds|_bytes|_created)|newsreel_(deliver|writes)")
    return "\n".join(line for line in text.splitlines() if not measured.match(line))


# A test that finds nothing must be able to find something: leaks are put in on purpose.


async def found(monkeypatch, *, steps=3):
    events = story()
    async with replaying(events, monkeypatch) as every:
        for _ in range(steps):
            await every.step()
        return await every.leaks(steps + 1)


async def test_a_title_that_tells_how_it_ends_is_found(monkeypatch):
    monkeypatch.setattr(scene.Billing, "open_title", property(lambda self: self.title))
    leaks = await found(monkeypatch)
    assert {secret for _, secret in leaks} == {"as it happened"}
    assert {"/harbour/feed.atom */*", "/harbour/ */*", "/channels.opml */*", "/ */*"} <= {where for where, _ in leaks}


async def test_an_edit_that_is_dated_before_it_was_made_is_found(monkeypatch):
    project = Projection.post

    def hasty(self, post, *args, **kwargs):
        released = project(self, post, *args, **kwargs)
        return released.model_copy(update={"date_modified": post.date_modified or released.date_modified})

    monkeypatch.setattr(Projection, "post", hasty)
    assert {secret for _, secret in await found(monkeypatch)} & {text.lower() for text in written(STALE)}


async def test_a_permalink_that_is_open_too_early_is_found(monkeypatch):
    events = {event.post.id: event for event in story() if isinstance(event, PostEvent)}
    find = Shelf.find

    def early(self, slug):
        known = find(self, slug)
        if known is None and slug in events:
            return replace(self.window(1)[0], slug=slug, seq=self.head + 1, post=events[slug].post)
        return known

    monkeypatch.setattr(Shelf, "find", early)
    leaks = await found(monkeypatch)
    assert all("/posts/" in where for where, _ in leaks)
    assert {"zq08xbody", "zq10xtitle"} <= {secret for _, secret in leaks}


async def test_a_number_of_posts_in_a_header_is_found(monkeypatch):
    class Boasting(Answer):
        def __init__(self, status, headers, body):
            super().__init__(status, {**headers, "X-Posts": str(CLAIMED)}, body)

    monkeypatch.setattr(documents, "Answer", Boasting)
    assert {secret for _, secret in await found(monkeypatch, steps=1)} == {str(CLAIMED)}
