"""The live page in a browser: a scripted stream on loopback, and what a reader then sees, without reloading."""

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote

import making
import pytest
from aiohttp import web
from browsing import browser_tab, in_chromium
from patience import PATIENCE
from playwright.async_api import expect
from serving import publishing, transcript
from writing import newsroom

from publisher.render.jsonfeed import reset_document
from publisher.render.page import CONTENT_SECURITY_POLICY, live_page
from publisher.render.snapshot import Address
from shared.sse import encode_frame
from shared.wire import Clock, Deletion

pytestmark = in_chromium

COPY = """() => {
  const posts = [...document.getElementById("_posts").children];
  window.before = posts.map((post) => post.cloneNode(true));
  posts.forEach((post) => { post.dataset.old = ""; });
}"""
SAME = """() => {
  const tidy = (element) => {
    const copy = element.cloneNode(true);
    copy.normalize();
    const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
    const blank = [];
    while (texts.nextNode()) {
      if (!texts.currentNode.data.trim()) blank.push(texts.currentNode);
      else texts.currentNode.data = texts.currentNode.data.replace(/\\s+/g, " ");
    }
    blank.forEach((node) => node.remove());
    return copy;
  };
  return window.before.map((old, place) => {
    const [was, is] = [tidy(old), tidy(document.getElementById("_posts").children[place])];
    return was.isEqualNode(is) ? null : [was.outerHTML, is.outerHTML];
  }).filter(Boolean);
}"""


class Script:
    """A server whose stream says what the test tells it to."""

    def __init__(self, snapshot):
        self.snapshot = snapshot
        self.streams = asyncio.Queue()  # (position asked for, queue of bytes) of each connection

    async def page(self, _request):
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return web.Response(body=live_page(self.snapshot), content_type="text/html", charset="utf-8", headers=headers)

    async def events(self, request):
        said = asyncio.Queue()
        await self.streams.put((request.headers.get("Last-Event-ID") or request.query["after"], said))
        first = await said.get()
        if isinstance(first, int):
            return web.Response(status=first)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        while first:
            await response.write(first)
            first = await said.get()
        return response

    async def joined(self):
        return await asyncio.wait_for(self.streams.get(), PATIENCE)


@asynccontextmanager
async def browsing(snapshot, **context):
    """Serve the page of a snapshot and open it in a browser."""
    script = Script(None)
    app = web.Application()
    app.router.add_get("/harbour/", script.page)
    app.router.add_get("/harbour/events", script.events)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    root = f"http://127.0.0.1:{runner.addresses[0][1]}/harbour/"
    # The public address is another one, as it is when a reader opens localhost.
    script.snapshot = replace(snapshot, address=Address(root.replace("127.0.0.1", "news.example"), "harbour", "tag:x"))
    faults = []
    try:
        async with browser_tab(viewport={"width": 900, "height": 700}, **context) as page:
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("dialog", lambda dialog: faults.append(dialog.message))
            await page.goto(root)
            yield page, script
    finally:
        await runner.cleanup()
    assert faults == []


def new_post(seq=7, **fields):
    return making.release(making.make_post("20230201T0600Z-tide", 318, **({"title": "The tide turns"} | fields)), seq)


def frame(event, value, position=None):
    return encode_frame(event, value.to_json(), position)


async def test_posts_arrive_change_and_go_without_reloading():
    snapshot = making.live()
    async with browsing(snapshot) as (page, script):
        after, said = await script.joined()
        assert after == "k3f9-6"
        articles = page.locator("#_posts > article")
        newest = articles.nth(1)  # below the pinned one
        await page.evaluate("window.kept = true")
        await said.put(frame("post", new_post(), "k3f9-7"))
        await expect(articles).to_have_count(7)
        await expect(newest.locator("h2")).to_have_text("The tide turns")
        await expect(newest).to_have_attribute("aria-posinset", "2")
        await expect(articles.last).to_have_attribute("aria-setsize", "7")
        await expect(page.locator("#_news")).to_have_text("New post: The tide turns")
        await expect(page.locator("#_status")).to_have_text("Up to date")
        changed = new_post(8, title="The tide has turned", facts={"revision": 2})
        await said.put(frame("update", changed, "k3f9-8"))
        await expect(newest.locator("h2")).to_have_text("The tide has turned")
        await expect(newest.locator(".marks")).to_have_text("Edited")
        await expect(articles).to_have_count(7)
        await said.put(frame("delete", Deletion(id=changed.id), "k3f9-9"))
        await expect(articles).to_have_count(6)
        await expect(newest.locator("h2")).to_have_text("Divers find the anchor chain")
        only = making.make_snapshot(new_post(10), title="Storm at the harbour, day two")
        await said.put(encode_frame("reset", reset_document(only, "seek"), "k3f9-10"))
        await expect(articles).to_have_count(1)
        await expect(page.locator("#_title")).to_have_text("Storm at the harbour, day two")
        window = replace(only, complete=False)
        await said.put(encode_frame("reset", reset_document(window, "expired"), "k3f9-11"))
        oldest = only.posts[0].story_time.isoformat()
        await expect(page.get_by_text("Older posts")).to_have_attribute("href", re.compile(rf"\?at={quote(oldest)}$"))
        await said.put(encode_frame("reset", reset_document(making.make_snapshot(), "loop"), "k3f9-12"))
        await expect(page.locator("#_nothing")).to_be_visible()
        assert await page.evaluate("window.kept")


async def test_pinned_posts_stay_on_top_and_fall_back_into_place():
    async with browsing(making.live()) as (page, script):
        _, said = await script.joined()
        headings = page.locator("#_posts > article h2")
        names, chain, crane, wind, chart, ferry = await headings.all_text_contents()
        marked = new_post(facts={"pinned": True})
        await said.put(frame("post", marked, "k3f9-7"))
        await said.put(frame("post", new_post(8).model_copy(update={"id": "tag:x/plain", "title": "Low"}), "k3f9-8"))
        await expect(headings).to_have_text(["The tide turns", names, "Low", chain, crane, wind, chart, ferry])
        pinned = making.live().posts[4]
        freed = pinned.model_copy(update={"newsreel": pinned.newsreel.model_copy(update={"pinned": False})})
        await said.put(frame("update", freed, "k3f9-9"))
        await expect(headings).to_have_text(["The tide turns", "Low", chain, crane, wind, chart, names, ferry])
        await said.put(frame("update", pinned, "k3f9-10"))
        await expect(headings).to_have_text(["The tide turns", names, "Low", chain, crane, wind, chart, ferry])
        await expect(page.locator("#_posts > article").nth(1)).to_have_attribute("aria-posinset", "2")


def tabled():
    html = (
        "<table><caption>Tides</caption><tr><td>"
        + "</td><td>".join("12.25 m" for _ in range(20))
        + "</td></tr></table>"
    )
    return making.make_snapshot(making.release(making.make_post(content_html=html)))


@pytest.mark.parametrize("make", [making.live, making.replay, making.hostile, tabled])
async def test_script_and_server_make_the_same_elements(make):
    snapshot = make()
    async with browsing(snapshot) as (page, script):
        _, said = await script.joined()
        await page.evaluate(COPY)
        await said.put(encode_frame("reset", reset_document(snapshot, "start"), "k3f9-7"))
        # An expectation, for wait_for_function evaluates strings in the page, and the page's policy forbids that.
        await expect(page.locator("#_posts > [data-old]")).to_have_count(0)
        assert await page.evaluate(SAME) == []


async def test_who_reads_further_down_keeps_their_place():
    async with browsing(making.live(), reduced_motion="reduce") as (page, script):
        _, said = await script.joined()
        reading = page.locator("#_posts > article").nth(4)
        await reading.evaluate("(element) => element.scrollIntoView({ block: 'center' })")
        before = await reading.bounding_box()
        for seq in (7, 8):
            post = making.release(making.make_post(f"20230201T060{seq}Z-tide", 318, title=f"Tide {seq}"), seq)
            await said.put(frame("post", post, f"k3f9-{seq}"))
        pill = page.locator("#_fresh")
        await expect(pill).to_have_text("2 new posts")
        await expect(page).to_have_title("(2) Storm at the harbour")  # seen from another tab
        same = page.locator("#_posts > article").nth(6)
        after = await same.bounding_box()
        assert abs(after["y"] - before["y"]) < 2
        await pill.click()
        await expect(pill).to_be_hidden()
        await expect(page).to_have_title("Storm at the harbour")
        await expect(page.locator("#_posts > article").nth(1)).to_be_in_viewport()
        await expect(page.locator("#_posts > article").nth(1)).to_be_focused()


async def test_a_lost_stream_is_resumed_where_it_stood():
    async with browsing(making.live()) as (page, script):
        _, said = await script.joined()
        await said.put(b"retry: 10\n\n" + frame("post", new_post(), "k3f9-7"))
        await expect(page.locator("#_posts > article")).to_have_count(7)
        await said.put(b"")  # the connection ends; the browser comes back by itself
        after, said = await script.joined()
        assert after == "k3f9-7"
        await expect(page.locator("#_status")).to_have_text("Connection lost, trying again…")
        await said.put(503)  # the browser gives up for good; the page does not
        await expect(page.locator("#_status")).to_have_text("Connection lost, trying again…")
        after, said = await script.joined()
        assert after == "k3f9-7"
        await said.put(frame("post", making.release(making.make_post("again", 330), 8), "k3f9-8"))
        await expect(page.locator("#_posts > article")).to_have_count(8)
        await expect(page.locator("#_status")).to_have_text("Up to date")


async def test_the_clock_of_a_replay_runs_on_and_ends():
    async with browsing(making.replay()) as (page, script):
        _, said = await script.joined()
        story_time = making.FIRST.replace(hour=23, minute=50)
        playing = Clock(state="playing", speed=0.1, story_time=story_time, run=1)
        await said.put(frame("clock", playing))
        clock = page.locator("#_clock")
        await expect(clock).to_contain_text("0.1×")
        await expect(clock).to_contain_text("31 January 2023, 23:50")
        await said.put(frame("clock", playing.model_copy(update={"speed": 6_000})))
        await expect(clock).to_contain_text(re.compile("[1-9] February 2023, "))
        await expect(page.locator("#_status")).to_have_text("The replay is playing")
        await said.put(frame("clock", Clock(state="paused", speed=90, story_time=story_time, run=1)))
        await expect(page.locator("#_status")).to_have_text("The replay is paused")
        await expect(clock).to_contain_text("90×")
        await expect(page.locator("#_subtitle")).to_have_text(
            "A replay of live coverage of 31 January 2023, at 90× its speed."
        )
        await expect(clock.locator("strong")).to_have_text("31 January 2023, 23:50 (UTC-05:00)")
        await said.put(frame("clock", Clock(state="ended", speed=600, story_time=story_time, run=1), "k3f9-7"))
        await expect(page.locator("#_status")).to_have_text("The replay has ended")
        await said.put(b"")
        after, said = await script.joined()
        assert after == "k3f9-7"
        await said.put(204)  # nothing is left to come: nobody asks again
        await expect(page.locator("#_status")).to_have_text("The replay has ended")
        assert script.streams.empty()


async def test_a_replay_that_waits_says_when_it_begins():
    starts = datetime(2027, 1, 31, 19, 42, tzinfo=UTC)
    async with browsing(making.make_snapshot(mode="replay", title="Storm (replay)")) as (page, script):
        _, said = await script.joined()
        waiting = Clock(state="paused", speed=60, story_time=making.FIRST, run=1, starts=starts)
        await said.put(frame("clock", waiting))
        status = page.locator("#_status")
        await expect(status).to_contain_text("The replay begins ")
        zone = await page.evaluate("-new Date(Date.parse('2027-01-31T19:42:00Z')).getTimezoneOffset()")
        there = starts.astimezone(timezone(timedelta(minutes=zone)))
        await expect(status).to_contain_text(f"{there.day} {there:%B} 2027, {there:%H:%M}")
        await expect(page.locator("#_clock")).to_be_hidden()
        await said.put(frame("clock", waiting.model_copy(update={"state": "playing", "starts": None}), "k3f9-1"))
        await expect(status).to_have_text("The replay is playing")
        await expect(page.locator("#_clock")).to_be_visible()


async def test_nothing_in_a_post_runs():
    hostile = making.hostile()
    async with browsing(making.make_snapshot()) as (page, script):
        _, said = await script.joined()
        for seq, post in enumerate(reversed(hostile.posts), 1):
            evil = post.model_copy(
                update={"content_html": post.content_html + "<img src=x onerror=alert(10)><script>alert(11)</script>"}
            )
            await said.put(frame("post", evil, f"k3f9-{seq}"))
        await expect(page.locator("#_posts > article")).to_have_count(len(hostile.posts))
        await expect(page.locator("#_posts > article h2").nth(3)).to_have_text("<script>alert('t')</script>")
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0


async def test_a_replay_unfolds_before_ones_eyes(tmp_path):
    day = tmp_path / "an-invented-day.txt"
    day.write_text(transcript(6, minutes=5))
    with publishing("replay", day, "--speed", 300) as publisher:
        async with browser_tab() as page:
            await page.goto(publisher.root)
            await page.evaluate("window.kept = true")
            articles = page.locator("#_posts > article")
            await expect(articles).to_have_count(6)
            assert await articles.locator("h2").all_text_contents() == [f"Post number {n}" for n in reversed(range(6))]
            await expect(page.locator("#_status")).to_have_text("The replay has ended")
            assert await page.evaluate("window.kept"), "the page was loaded anew"


async def test_an_empty_story_fills_as_posts_are_written(tmp_path):
    async with newsroom(tmp_path) as room, browser_tab() as page:
        await page.goto(room.root)
        await expect(page.locator("#_nothing")).to_be_visible()
        for number, title in enumerate(("The ferry is afloat", "All are ashore")):
            await room.post({"title": title, "content_text": "So the harbour office says."})
            await expect(page.locator("article")).to_have_count(number + 1)
            await expect(page.locator("article").first).to_contain_text(title)
        await expect(page.locator("#_nothing")).to_be_hidden()


async def test_a_finished_story_is_watched_from_the_beginning_at_ones_own_time(tmp_path):
    source, config = tmp_path / "a-day.txt", tmp_path / "config.toml"
    source.write_text(transcript(5, minutes=60), "utf-8")
    config.write_text(
        f'[server]\nport = 0\n[log]\nurl = "memory:"\n[channels.a-day]\nmode = "archive"\nsource = "{source}"\n'
    )
    with publishing("serve", "--config", config) as publisher:
        async with browser_tab() as page:
            await page.goto(publisher.root)
            await expect(page.locator("article")).to_have_count(5)
            await page.get_by_text("Watch it from the beginning").click()
            await page.wait_for_url("**/?rerun=2*Z&speed=60")  # not "now": a reload goes on where it stands
            await expect(page.locator("h1")).to_contain_text("(rerun)")
            assert await page.locator("article").count() < 5
            await expect(page.locator("#_status")).to_have_text("The rerun is playing")
            await page.reload()
            await expect(page.locator("article").first).to_contain_text("Post number ")
            await expect(page.locator("#_status")).to_have_text("The rerun is playing")
            await page.goto(page.url.replace("speed=60", "speed=100000"))
            await expect(page.locator("article").first).to_contain_text("Post number 4")
            await expect(page.locator("#_status")).to_have_text("The rerun has ended")
            await expect(page.locator("article")).to_have_count(5)
