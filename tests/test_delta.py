"""Deltas (RFC 3229, ``A-IM: feed``): who adds them up has the feed, whatever happened, and no cache mixes them up."""

import asyncio
import json

import pytest
from aiohttp import ClientSession
from channels import NOW, open_room
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from shared.event import DeleteEvent

ATOM, DELETED = "{http://www.w3.org/2005/Atom}", "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
FORMS = ("atom", "rss", "json")


def parsed(form, body):
    """Give the entries by id, and the ids of the tombstones."""
    if form == "json":
        feed = json.loads(body)
        return {item["id"]: item for item in feed["items"]}, {stone["id"] for stone in _stones(feed)}
    feed = etree.fromstring(body)
    if form == "rss":
        return {
            item.findtext("guid"): etree.tostring(item, method="c14n", exclusive=True) for item in feed.iter("item")
        }, set()
    entries = {
        e.findtext(f"{ATOM}id"): etree.tostring(e, method="c14n", exclusive=True) for e in feed.iter(f"{ATOM}entry")
    }
    return entries, {stone.get("ref") for stone in feed.iter(DELETED)}


def _stones(feed):
    return feed["_newsreel"].get("deleted", ())


class Reader:
    """A reader that keeps what it has and adds what comes, as newsboat does."""

    def __init__(self, ask, form="atom"):
        self.ask, self.form = ask, form
        self.entries, self.tag, self.statuses = {}, None, []

    async def poll(self):
        headers = {"A-IM": "feed"} | ({"If-None-Match": self.tag} if self.tag else {})
        status, answer, body = await self.ask(f"feed.{self.form}", headers)
        self.statuses.append(status)
        if status != 304:
            entries, stones = parsed(self.form, body)
            if status == 200:
                self.entries = entries
            else:
                assert status == 226
                self.entries |= entries
                for gone in stones:
                    self.entries.pop(gone, None)
            self.tag = answer["ETag"]
        return status


class SharedCache:
    """A cache as RFC 9111 asks for that has never heard of deltas, in front of a server."""

    def __init__(self, ask):
        self.origin, self.stored = ask, []

    async def ask(self, path, headers):
        kept = next((k for k in self.stored if k[0] == path and self._serves(k, headers)), None)
        forwarded = dict(headers)
        if kept is not None:  # all here is no-cache: it is asked for anew each time, by the cache's tag too
            tags = [tag for tag in (headers.get("If-None-Match"), kept[2]["ETag"]) if tag]
            forwarded["If-None-Match"] = ", ".join(tags)
        status, answer, body = await self.origin(path, forwarded)
        if status == 304 and kept is not None and answer["ETag"] == kept[2]["ETag"]:
            if headers.get("If-None-Match") == answer["ETag"]:
                return 304, answer, b""
            return 200, kept[2], kept[3]
        told = {part.strip() for part in answer.get("Cache-Control", "").split(",")}
        if status == 200 and not told & {"private", "no-store"}:
            self.stored.insert(0, (path, headers, answer, body))
        return status, answer, body

    def _serves(self, kept, headers):
        names = [name.strip() for name in kept[2]["Vary"].split(",")]
        return all(kept[1].get(name) == headers.get(name) for name in names)


class Life:
    """A channel to which things happen; knows which posts are out."""

    def __init__(self, room):
        self.room, self.out, self.gone, self.count, self.revisions, self.take = room, [], [], 0, {}, 1

    async def happen(self, what, pick):
        if what == "post":
            self.count += 1
            await self._post(f"p{self.count}")
        elif what == "revise" and self.out:
            slug = self.out[pick % len(self.out)]
            self.revisions[slug] = self.revisions.get(slug, 1) + 1
            await self.room.revise(slug, self.revisions[slug], content_html=f"<p>{self.revisions[slug]}</p>")
        elif what == "delete" and self.out:
            slug = self.out.pop(pick % len(self.out))
            self.gone.append(slug)
            await self.room.delete(slug)
        elif what == "withdraw" and self.out + self.gone:
            slug = (self.gone + self.out)[-1 - pick % len(self.out + self.gone)]  # deleted before, too
            self.out = [one for one in self.out if one != slug]
            self.gone = [one for one in self.gone if one != slug] + [slug]
            await self.room.say(DeleteEvent(id=slug, story_time=NOW, withdrawn=True))
        elif what == "again" and self.gone:
            await self._post(self.gone.pop(pick % len(self.gone)))
        elif what == "clock":
            await self.room.clock(speed=60 + pick)
        elif what == "reset":
            self.take += 1
            self.out, self.gone = [], []
            await self.room.reset(self.take)

    async def _post(self, slug):
        self.out.append(slug)
        await self.room.post(slug)


WHAT = ["post"] * 6 + ["revise"] * 4 + ["delete"] * 3 + ["withdraw"] * 2 + ["again", "clock", "reset"] + ["poll"] * 12
EVENTS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 9)), min_size=20, max_size=60)


@settings(max_examples=30)
@given(EVENTS, st.sampled_from([4, 8, 100]), st.booleans())
def test_who_adds_the_deltas_up_has_the_feed(events, window, cached):
    async def scenario():
        async with open_room(window=window) as room, ClientSession() as session:

            async def origin(path, headers):
                async with session.get(room.root + path, headers=headers) as answer:
                    return answer.status, answer.headers, await answer.read()

            ask = SharedCache(origin).ask if cached else origin
            life = Life(room)
            readers = [Reader(ask, form) for form in (*FORMS, *FORMS)]
            for what, pick in [*[("post", 0)] * 6, *events, *(("poll", n) for n in range(6))]:
                if what != "poll":
                    await life.happen(what, pick)
                    continue
                reader = readers[pick % len(readers)]
                await reader.poll()
                status, answer, body = await ask(f"feed.{reader.form}", {})  # who takes no deltas gets no delta
                assert (status, "IM" in answer) == (200, False)
                whole, _ = parsed(reader.form, body)
                assert {k: v for k, v in reader.entries.items() if k in whole} == whole
                # What it has besides is older than the window reaches, and still out.
                older = {entry.rpartition("/")[2] for entry in reader.entries.keys() - whole.keys()}
                assert older <= set(life.out)
                assert reader.entries == whole or len(whole) == window

    asyncio.run(scenario())


@pytest.fixture
async def room():
    async with open_room() as room:
        await room.post("a", "b", "c")
        yield room


async def known(room, path="feed.atom"):
    return (await room.get(path))[1]["ETag"]


async def test_a_reader_of_deltas_is_sent_only_what_is_new(room):
    tag = await known(room)
    assert (await room.get("feed.atom", A_IM="feed"))[0] == 200
    status, headers, _ = await room.get("feed.atom", **{"A-IM": "feed", "If-None-Match": tag})
    assert (status, headers["Cache-Control"]) == (304, "private, no-cache")
    await room.post("d")
    await room.revise("a")
    await room.delete("b")
    status, headers, body = await room.get("feed.atom", **{"A-IM": "gzip;q=0, feed", "If-None-Match": f'"x", W/{tag}'})
    assert (status, headers["IM"], headers["Delta-Base"]) == (226, "feed", tag)
    assert headers["ETag"] == await known(room)
    assert headers["Cache-Control"] == "no-store, im"
    assert headers["Vary"] == "If-None-Match, A-IM, Accept, Accept-Encoding"
    entries, stones = parsed("atom", body)
    assert [entry.rpartition("/")[2] for entry in entries] == ["d", "a"]
    assert [stone.rpartition("/")[2] for stone in stones] == ["b"]
    assert b"complete" not in body  # it is not the whole story, and must not be taken for it


async def test_who_cannot_be_told_what_is_new_is_sent_it_all(room):
    tag, old = await known(room), await known(room, "feed.rss")
    await room.post("d")
    state, _, rest = tag.strip('"').partition(".")
    epoch = state.partition("-")[0]
    for unknown in ('"x"', f'"zz-1.{rest}"', f'"{epoch}-999999.{rest}"', f'"{state}.00000000.{"0" * 24}"', "*x"):
        assert (await room.get("feed.atom", **{"A-IM": "feed", "If-None-Match": unknown}))[0] == 200, unknown
    for refused in ("feed;q=0", "vcdiff", ""):
        assert (await room.get("feed.atom", **{"A-IM": refused, "If-None-Match": tag}))[0] == 200, refused
    assert (await room.get("feed.rss", **{"A-IM": "feed", "If-None-Match": old}))[0] == 226
    await room.delete("a")  # RSS cannot tell
    assert (await room.get("feed.rss", **{"A-IM": "feed", "If-None-Match": old}))[0] == 200
    assert (await room.get("feed.atom", **{"A-IM": "feed", "If-None-Match": tag}))[0] == 226
    await room.reset()  # what was sent counts no more
    assert (await room.get("feed.atom", **{"A-IM": "feed", "If-None-Match": tag}))[0] == 200


async def test_no_post_stays_whose_tombstone_went_before_the_reader_came_back():
    async with open_room(window=4) as room:
        await room.post("a", "b", "c")
        reader = Reader(lambda path, headers: room.get(path, **headers))
        await reader.poll()
        await room.post("d")
        await room.delete("a")
        await room.say(DeleteEvent(id="b", story_time=NOW, withdrawn=True))
        await room.delete("d")
        await room.post("e", "f", "g", "h")
        await room.delete("e")
        assert await reader.poll() == 200
        assert [entry.rpartition("/")[2] for entry in reader.entries] == ["h", "g", "f", "c"]


async def test_a_post_that_moves_up_into_the_window_is_sent_whatever_was_withdrawn_meanwhile():
    async with open_room(window=4) as room:
        await room.post("z", "a", "b", "c", "w")
        reader = Reader(lambda path, headers: room.get(path, **headers))
        await reader.poll()  # it has a, b, c and w
        await room.say(DeleteEvent(id="w", story_time=NOW, withdrawn=True))
        await room.post("w")
        await room.delete("b")
        assert await reader.poll() == 226
        assert {entry.rpartition("/")[2] for entry in reader.entries} == {"z", "a", "c", "w"}


async def test_the_tag_of_each_coding_leads_to_the_delta(room):
    for coding in ("gzip", "br", "zstd", "identity"):
        _, headers, _ = await room.get("feed.json", **{"Accept-Encoding": coding})
        await room.post(f"after-{coding}")
        asked = {"A-IM": "feed", "If-None-Match": headers["ETag"], "Accept-Encoding": coding}
        status, answer, body = await room.get("feed.json", **asked)
        assert status == 226
        assert [item["id"].rpartition("/")[2] for item in json.loads(body)["items"]] == [f"after-{coding}"]
        whole = await room.get("feed.json", **{"Accept-Encoding": coding})
        assert answer["ETag"] == whole[1]["ETag"]
