"""Documents and stream tell the same story, whatever happens to posts, to the log and to the library."""

import asyncio
import json
from datetime import date, timedelta
from pathlib import Path

from folding import Story
from hypothesis import given, settings
from hypothesis import strategies as st
from making import ADDRESS, make_post
from test_stream import NOW

from publisher.channel import Channel
from publisher.library import Library
from publisher.log.contract import Draft
from publisher.log.memory import MemoryStore
from publisher.scene import Billing
from shared.event import DeleteEvent, Position, PostEvent, ResetEvent, UpdateEvent
from shared.sse import StreamDecoder

WINDOW = 3
SAID = ["post"] * 6 + ["update"] * 3 + ["delete", "delete", "withdraw", "withdraw", "reset"]
STEPS = st.lists(
    st.tuples(st.sampled_from([*SAID, "prune", "restart", "lose"]), st.sampled_from("abcdefgh")), max_size=40
)


class Life:
    """A channel over a log in memory and a library in a file."""

    def __init__(self, path):
        self.path, self.store, self.losses = path, MemoryStore("e1"), 0
        self.log = self.store.channel("harbour")
        self.story, self.head, self.pruned, self.lost = Story(), 0, 0, False
        self.known = {}  # what a reader had who stood at an event

    async def open(self):
        self.library = Library.open(f"{self.path}-{self.losses}", "e1")
        billing = Billing("Storm", "live", "en", date(2023, 1, 31), NOW, WINDOW)
        self.channel = Channel(self.log, self.library.shelf("harbour"), ADDRESS, billing, "original")
        await self.channel.open(NOW)

    async def step(self, what, slug):
        if what in {"restart", "lose"}:
            self.library.close()
            if what == "lose":
                self.losses += 1
                self.lost = self.lost or self.pruned > 0
            await self.open()
        elif what == "prune":
            await self.channel.prune(4)
            self.pruned = await self.log.oldest() - 1
        else:
            await self.say(what, slug)

    async def say(self, what, slug):
        number = self.head + 1
        post = make_post(slug, number, title=f"Version {number}", facts={"revision": number})
        event = {
            "post": PostEvent(post=post),
            "update": UpdateEvent(post=post),
            "delete": DeleteEvent(id=slug, story_time=post.story_time),
            "withdraw": DeleteEvent(id=slug, story_time=post.story_time, withdrawn=True),
            "reset": ResetEvent(reason="seek", take=number, run=1, story_time=post.story_time),
        }[what]
        logged = await self.log.append([Draft(f"take-1:{slug}:{number}", NOW + timedelta(seconds=number), event)])
        self.head = logged[-1].seq
        self.channel.press.press(logged)
        self.story.apply(event)
        if what == "reset":
            self.lost = False
        self.known[self.head] = self.told()

    def words(self):
        """Give all that is said in what is kept for who comes back, and on the disk."""
        kept = b"".join(frame.body for frame in self.channel.press._frames.after(0, 10**9, self.head))
        return kept + b"".join(file.read_bytes() for file in Path(self.path).parent.glob("library*"))

    def told(self):
        return {ADDRESS.tag(post.id): post.title for post in self.story}

    def documents(self):
        """Give what the feed and all archive documents that it leads to show."""
        scene = self.channel.press.scene
        snapshot = scene.snapshot()
        found = {post.id: post.title for post in snapshot.posts}
        window = list(found)
        while snapshot.older is not None:
            snapshot = scene.archive(snapshot.older)
            found |= {post.id: post.title for post in snapshot.posts if post.id not in found}
        return window, found

    async def resumed(self, seq):
        """Give what a reader has who comes back from an event; None where it begins with a reset."""
        join = await self.channel.join(Position("e1", seq))
        if join.way != "go-on":
            return None
        had, cursor, decoder = dict(self.known[seq]), seq, StreamDecoder()
        while cursor < self.head:
            ring = self.channel.fanout.ring
            frames = ring.after(cursor, 300) if cursor >= ring.floor else []
            frames = frames or await self.channel.press.frames_after(cursor, 300)
            assert frames, (cursor, self.head)
            for frame in frames:
                for event in decoder.feed(frame.body):
                    item = json.loads(event.data)
                    if event.event == "delete":
                        had.pop(item["id"], None)
                    else:
                        had[item["id"]] = item["title"]
            cursor = frames[-1].seq
        return had


async def test_what_was_withdrawn_while_the_server_was_down_is_kept_for_nobody(tmp_path):
    life = Life(str(tmp_path / "library"))
    await life.open()
    for slug in "abc":
        await life.step("post", slug)
    assert b"Version 2" in life.words()
    gone = DeleteEvent(id="b", story_time=NOW, withdrawn=True)
    await life.log.append(
        [Draft("take-1:b:9", NOW + timedelta(seconds=9), gone)]
    )  # by another process, or before a kill
    await life.step("restart", "")
    await life.channel.press.shelf.wiped()
    assert b"Version 1" in life.words()
    assert b"Version 2" not in life.words()
    life.head = life.channel.press.shelf.head
    resumed = await life.channel.press.frames_after(0, 10**9)
    assert [b"Version" in frame.body for frame in resumed] == [True, False, True]
    life.library.close()


async def test_a_history_of_large_posts_is_encoded_a_few_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("publisher.press.SLICE_BYTES", 1_000)
    life = Life(str(tmp_path / "library"))
    await life.open()
    for slug in "abcdefgh":
        await life.step("post", slug)
    life.channel.press._frames.forget(life.head)
    found = []
    while frames := await life.channel.press.frames_after(found[-1] if found else 0, 1):
        assert len(frames) < 8
        found += [frame.seq for frame in frames]
    assert found == list(range(1, 9))
    life.library.close()


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_documents_and_stream_tell_the_same_story(tmp_path_factory, steps):
    async def scenario():
        life = Life(str(tmp_path_factory.mktemp("library") / "library"))
        await life.open()
        for what, slug in steps:
            await life.step(what, slug)
            told = life.told()
            window, shown = life.documents()
            if life.lost:  # what neither log nor library has any more
                assert shown.items() <= told.items()
                continue
            assert shown == told
            assert window == [ADDRESS.tag(post.id) for post in life.story.window(WINDOW)]
            assert life.channel.press.shelf.count() == len(told)
            for seq in life.known:
                assert await life.resumed(seq) in (None, told), seq
        life.library.close()

    asyncio.run(scenario())
