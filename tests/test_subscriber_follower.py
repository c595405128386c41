"""The follower against a scripted newsroom: nothing lost, nothing twice, whatever breaks."""

import asyncio
import json
import logging
import random

import pytest
from aiohttp import web
from patience import PATIENCE
from scripted import Newsroom, open_newsroom, serving

from shared.errors import NewsreelError, UsageError
from shared.fetch import FetchError
from subscriber import follow
from subscriber.follower import Follower
from subscriber.stream import NotAStreamError


async def everything(follower):
    async with asyncio.timeout(PATIENCE):
        return [update async for update in follower.updates()]


def told(updates):
    return [(u.event, u.data.get("id", u.reason())) for u in updates if u.event != "clock"]


class Reader:
    """Folds updates as a consumer would, and minds that nothing is told twice."""

    def __init__(self):
        self.shown = {}

    def take(self, update):
        match update.event:
            case "reset" if update.reason() in {"seek", "loop"}:
                self.shown.clear()
            case "post" | "update":
                post_id, text = update.data["id"], update.data["content_html"]
                assert self.shown.get(post_id) != text, f"{post_id} was told twice"
                assert update.event == "update" or post_id not in self.shown
                self.shown[post_id] = text
            case "delete":
                assert self.shown.pop(update.data["id"], None) is not None


async def test_a_new_reader_gets_one_reset_without_items_and_the_window_as_posts():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.post("b")
        newsroom.tell_clock("ended")
        updates = await everything(Follower(newsroom.root, until_end=True))
    reset, *posts, clock = updates
    assert (reset.event, reset.id, reset.reason()) == ("reset", "e1-3", "start")
    assert "items" not in reset.data and reset.data["title"] == "Harbour live"
    assert [(u.event, u.id, u.data) for u in posts] == [
        ("post", "e1-3", newsroom.posts["a"]),
        ("post", "e1-3", newsroom.posts["b"]),
    ]
    assert posts[0].data["_foreign"] == "kept" and posts[0].data["_newsreel"]["unknown"] == [1, {"kept": True}]
    assert clock.data["state"] == "ended"


async def test_posts_edits_and_deletions_arrive_as_sent():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, until_end=True):
                seen.append(update)
                if update.event == "post" and update.data["id"] == "a":
                    newsroom.post("b")
                    newsroom.revise("a", "second")
                    newsroom.withdraw("b")
                    newsroom.tell_clock("ended")
    assert told(seen) == [("reset", "start"), ("post", "a"), ("post", "b"), ("update", "a"), ("delete", "b")]
    assert [u.id for u in seen[2:]] == ["e1-2", "e1-3", "e1-4", "e1-5"]
    assert seen[4].data["_newsreel"]["story_time"]


@pytest.mark.parametrize("seed", range(24))
async def test_no_sequence_of_accidents_loses_or_repeats_a_post(seed, tmp_path):
    chance = random.Random(seed)
    async with open_newsroom(window=chance.choice([1, 2, 3, 50])) as newsroom:
        await _accidents(newsroom, chance, tmp_path / "state" if seed % 3 == 0 else None)


async def _accidents(newsroom, chance, state):
    reader, last = Reader(), ""
    done = asyncio.Event()
    newsroom.tell_clock("playing")

    async def read():
        nonlocal last
        async for update in Follower(newsroom.root, until_end=True, state=state, chance=chance.random):
            reader.take(update)
            last = update.id or last
        done.set()

    async def caught_up():
        async with asyncio.timeout(PATIENCE):
            while last != f"{newsroom.epoch}-{newsroom.seq}":  # noqa: ASYNC110 the reader is behind a socket
                await asyncio.sleep(0.001)

    task = asyncio.create_task(read())
    number = 0

    def post():
        nonlocal number
        number += 1
        newsroom.post(f"p{number}", f"words {number}")

    await caught_up()
    for _ in range(40):
        match chance.choices(
            ["post", "revise", "withdraw", "cut", "refuse", "absence", "epoch", "seek", "rest"],
            [10, 3, 2, 4, 2, 2, 1, 1, 6],
        )[0]:
            case "post":
                post()
            case "revise" if newsroom.posts:
                newsroom.revise(chance.choice(list(newsroom.posts)), f"words {chance.random()}")
            case "withdraw" if newsroom.posts:
                newsroom.withdraw(chance.choice(list(newsroom.posts)))
            case "cut":
                newsroom.faults.append(chance.randrange(2000))
                newsroom.drop()
            case "refuse":
                newsroom.faults.append(web.Response(status=chance.choice([500, 502, 503, 429])))
                newsroom.drop()
            case "absence":
                await caught_up()
                newsroom.drop()
                for _ in range(chance.randrange(8)):
                    post()
                newsroom.expire()
                await caught_up()  # what changes below the window while nobody reads, nobody can know
            case "epoch":
                await caught_up()
                newsroom.drop()
                newsroom.begin_epoch(f"e{chance.randrange(10**6)}")
                newsroom.tell_clock("playing")
                post()
                await caught_up()
            case "seek":
                newsroom.restart_take(chance.choice(["seek", "loop"]))
                newsroom.tell_clock("playing")
                await caught_up()  # who is away across a seek joins anew: with the window
            case "rest":
                await asyncio.sleep(chance.random() / 200)
    newsroom.tell_clock("ended")
    async with asyncio.timeout(PATIENCE):
        await task
    assert done.is_set()
    assert reader.shown == {post_id: item["content_html"] for post_id, item in newsroom.posts.items()}


async def test_it_resumes_from_the_last_event_taken():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, until_end=True):
                if update.data.get("id") == "a":
                    newsroom.drop()
                    newsroom.post("b")
                    newsroom.tell_clock("ended")
    assert newsroom.asked == ["", "e1-1"]


async def test_an_absence_is_filled_from_the_history_oldest_first():
    async with open_newsroom(window=2) as newsroom:
        newsroom.post("p0")
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, until_end=True):
                seen.append(update)
                if update.data.get("id") == "p0":
                    newsroom.drop()
                    for number in range(1, 10):
                        newsroom.post(f"p{number}")
                    newsroom.tell_clock("ended")
                    newsroom.expire()
    assert told(seen)[2:] == [("reset", "expired"), *(("post", f"p{n}") for n in range(1, 10))]


async def test_edits_and_deletions_of_an_absence_are_told_as_far_as_the_windows_reach():
    async with open_newsroom(window=4) as newsroom:
        for name in "abcd":
            newsroom.post(name)
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, until_end=True):
                seen.append(update)
                if told([update]) == [("post", "d")]:
                    newsroom.drop()
                    newsroom.withdraw("c")
                    newsroom.revise("d", "second")
                    newsroom.post("e")
                    newsroom.tell_clock("ended")
                    newsroom.expire()
    assert told(seen)[5:] == [("reset", "expired"), ("delete", "c"), ("update", "d"), ("post", "e")]


async def test_an_edit_of_a_post_from_before_the_reader_joined_is_told_and_never_taken_for_a_deletion():
    async with open_newsroom(window=2) as newsroom:
        for name in "abc":
            newsroom.post(name)
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, until_end=True):
                seen.append(update)
                if update.data.get("id") == "c":
                    newsroom.revise("a", "second")
                if update.data.get("id") == "a":
                    newsroom.drop()
                    newsroom.post("d")
                    newsroom.tell_clock("ended")
                    newsroom.expire()
    assert told(seen) == [
        ("reset", "start"),
        ("post", "b"),
        ("post", "c"),
        ("update", "a"),
        ("reset", "expired"),
        ("post", "d"),
    ]


async def test_the_history_is_asked_again_when_it_cannot_be_had_at_once():
    async with open_newsroom(window=1) as newsroom:
        newsroom.post("a")
        answers = [web.Response(status=503, headers={"Retry-After": "0"})]
        serve = newsroom.serve_feed
        seen = []

        async def moody(request):
            return answers.pop() if "before" in request.query and answers else await serve(request)

        newsroom.serve_feed = moody
        async with serving({"/": newsroom.serve_page, "/feed.json": moody, "/events": newsroom.serve_stream}) as url:
            newsroom.root = url
            async with asyncio.timeout(PATIENCE):
                async for update in Follower(newsroom.root, until_end=True, chance=lambda: 0.0):
                    seen.append(update)
                    if update.data.get("id") == "a":
                        newsroom.drop()
                        newsroom.post("b")
                        newsroom.post("c")
                        newsroom.tell_clock("ended")
                        newsroom.expire()
    assert told(seen)[2:] == [("reset", "expired"), ("post", "b"), ("post", "c")]


async def test_the_history_is_found_in_atom_archives_where_the_feed_links_none():
    """RFC 5005: the stream names its JSON Feed, whose headers name the Atom feed, which links its archives."""
    newsroom = Newsroom(window=1)

    def archive(names, older):
        entries = "".join(f"<entry><id>{name}</id><title>About {name}</title></entry>" for name in names)
        link = f'<link rel="prev-archive" href="{older}"/>' if older else ""
        feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><id>x</id><title>H</title>{link}{entries}</feed>'

        async def serve(request):
            return web.Response(text=feed, content_type="application/atom+xml")

        return serve

    async def feed_json(request):
        document = newsroom.document()
        document.pop("next_url", None)
        links = '<feed.atom>; rel="alternate"; type="application/atom+xml"'
        return web.json_response(document, content_type="application/feed+json", headers={"Link": links})

    plain = newsroom.document
    newsroom.document = lambda *a, **k: {n: v for n, v in plain(*a, **k).items() if n != "next_url"}
    routes = {
        "/events": newsroom.serve_stream,
        "/feed.json": feed_json,
        "/feed.atom": archive("f", "2.atom"),
        "/2.atom": archive("ed", "1.atom"),
        "/1.atom": archive("cba", "0.atom"),  # 0.atom is not there, and must not be asked for
    }
    async with serving(routes) as url:
        newsroom.root = url
        for name in "ab":
            newsroom.post(name)
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(f"{url}events", until_end=True):
                seen.append(update)
                if update.data.get("id") == "b":
                    newsroom.drop()
                    for name in "cdef":
                        newsroom.post(name)
                    newsroom.tell_clock("ended")
                    newsroom.expire()
    # "b" reads otherwise in Atom and is not told again; "a" is from before the reader joined
    assert told(seen) == [
        ("reset", "start"),
        ("post", "b"),
        ("reset", "expired"),
        *(("post", name) for name in "cdef"),
    ]


@pytest.mark.parametrize("reason", ["seek", "loop"])
async def test_seek_and_loop_forget_what_was_shown(reason):
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, until_end=True):
                seen.append(update)
                if told(seen) == [("reset", "start"), ("post", "a")]:
                    newsroom.restart_take(reason)
                    newsroom.post("a")
                    newsroom.tell_clock("ended")
    assert told(seen)[2:] == [("reset", reason), ("post", "a")]


async def test_a_server_that_began_anew_is_told_as_differences():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.post("b")
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, until_end=True):
                seen.append(update)
                if told([update]) == [("post", "b")]:
                    newsroom.drop()
                    del newsroom.posts["b"]
                    newsroom.begin_epoch("e2")
                    newsroom.post("c")
                    newsroom.tell_clock("ended")
    assert told(seen)[3:] == [("reset", "epoch"), ("delete", "b"), ("post", "c")]


async def test_bad_and_unknown_events_are_passed_over_and_told_once(caplog):
    async with open_newsroom() as newsroom:
        newsroom.tell_clock()
        newsroom._append("post", [1, 2])
        newsroom._append("post", {"id": "", "_newsreel": 3})
        newsroom._append("delete", {"ref": 1})
        newsroom._append("clock", {"state": "flying"})
        newsroom._append("weather", {"id": "sunny"})
        newsroom.post("good")
        newsroom.tell_clock("ended")
        newsroom.begin = newsroom.frames
        newsroom.frames = lambda cursor, fresh: newsroom.begin(0, fresh=None)  # a history instead of a reset
        with caplog.at_level(logging.WARNING):
            updates = await everything(Follower(newsroom.root, until_end=True))
    assert told(updates) == [("post", "good")]
    assert len([r for r in caplog.records if "passed over" in r.getMessage()]) == 4


async def test_an_item_that_is_bad_takes_no_other_of_its_window_with_it(caplog):
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.posts["bad"] = 7
        newsroom.post("c")
        newsroom.tell_clock("ended")
        updates = await everything(Follower(newsroom.root, until_end=True))
    assert told(updates) == [("reset", "start"), ("post", "a"), ("post", "c")]
    assert "passed over" in caplog.text


async def test_once_ends_after_the_window():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        updates = await everything(Follower(newsroom.root, once=True))
    assert told(updates) == [("reset", "start"), ("post", "a")]


async def test_204_ends():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.tell_clock("ended")
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root):
                if update.event == "clock":
                    newsroom.drop()
    assert newsroom.asked == ["", "e1-2"]


async def test_a_silent_connection_is_given_up_and_resumed():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, silence=0.05, until_end=True):
                seen.append(update)
                if update.data.get("id") == "a":
                    task = asyncio.create_task(_later(newsroom))
        await task
    assert told(seen) == [("reset", "start"), ("post", "a"), ("post", "b")]
    assert newsroom.asked[:2] == ["", "e1-1"]


async def _later(newsroom):
    while len(newsroom.asked) < 2:  # noqa: ASYNC110 the reader is behind a socket
        await asyncio.sleep(0.005)
    newsroom.post("b")
    newsroom.tell_clock("ended")


async def test_what_will_not_get_better_ends_with_an_error():
    async with open_newsroom() as newsroom:
        newsroom.faults.append(web.Response(status=403))
        with pytest.raises(FetchError, match="answers 403"):
            await everything(Follower(newsroom.root))


async def test_a_stream_of_the_wrong_type_is_told_to_the_person():
    async def events(request):
        kind = "text/event-stream" if request.headers["Accept"] != "text/event-stream" else "text/html"
        return web.Response(text="hello", content_type=kind)

    async with serving({"/events": events}) as url:
        with pytest.raises(NotAStreamError, match="answers text/html, which is no stream"):
            await everything(Follower(f"{url}events"))


@pytest.mark.parametrize("fault", [{"text": "back in a minute", "content_type": "text/html"}, {"status": 404}])
async def test_a_page_or_nothing_where_a_stream_was_before_is_waited_out(fault):
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.faults += [None, web.Response(**fault)]
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, until_end=True, chance=lambda: 0.0):
                seen.append(update)
                if update.data.get("id") == "a":
                    newsroom.drop()
                    newsroom.post("b")
                    newsroom.tell_clock("ended")
        assert told(seen)[1:] == [("post", "a"), ("post", "b")]
        assert newsroom.looks == []  # no feed was polled instead


@pytest.mark.parametrize("poll", [False, True])
async def test_what_is_missing_for_long_is_gone(monkeypatch, poll):
    monkeypatch.setattr("subscriber.follower.MISSING_SECONDS", 0.0)
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        with pytest.raises(FetchError, match="404"):
            async for _ in Follower(newsroom.root, poll=poll, interval=0.0, chance=lambda: 0.0):
                newsroom.gone = True
                newsroom.drop()


async def test_retry_after_is_honoured(monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.tell_clock("ended")
        newsroom.faults.append(web.Response(status=503, headers={"Retry-After": "120"}))
        monkeypatch.setattr("subscriber.follower.asyncio.sleep", sleep)
        updates = await everything(Follower(newsroom.root, until_end=True, chance=lambda: 0.5))
    assert told(updates)[-1] == ("post", "a")
    assert waits[0] == pytest.approx(122, abs=1)


# Polling.


async def test_polling_tells_the_same_without_positions():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.post("b")
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, poll=True, until_end=True, interval=0.01):
                seen.append(update)
                if told(seen) == [("post", "a"), ("post", "b")]:
                    newsroom.revise("a", "second")
                    newsroom.withdraw("b")
                    newsroom.post("c")
                    newsroom.tell_clock("ended")
    assert told(seen) == [("post", "a"), ("post", "b"), ("delete", "b"), ("update", "a"), ("post", "c")]
    assert seen[-1].event == "clock" and {u.id for u in seen} == {None}
    assert seen[0].data == newsroom.item("a", "first")
    assert newsroom.asked == []


async def test_polling_is_conditional_and_walks_back_over_a_gap():
    async with open_newsroom(window=2) as newsroom:
        newsroom.post("p0")

        async def write():
            while newsroom.looks[-2:] != [304, 304]:  # noqa: ASYNC110 the reader is behind a socket
                await asyncio.sleep(0.005)
            for number in range(1, 8):
                newsroom.post(f"p{number}")
            newsroom.tell_clock("ended")

        async with asyncio.timeout(PATIENCE):
            task = asyncio.create_task(write())
            seen = await everything(Follower(newsroom.root, poll=True, until_end=True, interval=0.01))
            await task
    assert told(seen) == [("post", f"p{n}") for n in range(8)]


async def test_a_loop_of_a_replay_is_seen_while_polling():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.tell_clock("playing", run=1)
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(newsroom.root, poll=True, until_end=True, interval=0.01):
                seen.append(update)
                if update.event == "clock" and update.data["run"] == 1:
                    newsroom.restart_take("loop")
                    newsroom.post("a")
                    newsroom.tell_clock("ended", run=2)
    assert told(seen) == [("post", "a"), ("reset", "loop"), ("post", "a")]


async def test_without_a_stream_the_feed_is_polled():
    async with open_newsroom() as newsroom:
        newsroom.has_stream = False
        newsroom.post("a")
        updates = await everything(Follower(newsroom.root, once=True))
    assert told(updates) == [("post", "a")]


async def test_a_stream_that_is_not_there_is_replaced_by_the_feed(caplog):
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.faults.append(web.Response(status=404))
        updates = await everything(Follower(newsroom.root, once=True))
    assert told(updates) == [("post", "a")]
    assert "polling" in caplog.text


async def test_a_finished_channel_ends_under_until_end():
    async with open_newsroom(mode="archive", window=50) as newsroom:
        newsroom.post("a")
        assert told(await everything(Follower(newsroom.root, until_end=True))) == [("reset", "start"), ("post", "a")]
        assert told(await everything(Follower(newsroom.root, until_end=True, poll=True))) == [("post", "a")]


async def test_polling_given_only_the_stream_asks_it_for_the_feed():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        updates = await everything(Follower(f"{newsroom.root}events", poll=True, once=True))
    assert told(updates) == [("post", "a")]


async def test_a_page_of_errors_between_two_looks_is_waited_out(caplog):
    newsroom = Newsroom()
    pages = []

    async def feed(request):
        pages.append(1)
        if len(pages) in {3, 4}:
            return web.Response(text="<!doctype html><h1>Under maintenance</h1>", content_type="text/html")
        return await newsroom.serve_feed(request)

    async with serving({"/feed.json": feed}) as url:
        newsroom.root = url
        newsroom.has_stream = False
        newsroom.post("a")
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(f"{url}feed.json", interval=0.005, until_end=True):
                seen.append(update)
                newsroom.post("b") if len(seen) == 1 else newsroom.tell_clock("ended")
    assert told(seen) == [("post", "a"), ("post", "b")]


async def test_a_feed_of_others_is_followed_and_absence_is_no_deletion():
    items = ["3", "2", "1"]

    async def feed(request):
        body = "".join(f"<item><title>T{i}</title><guid>g{i}</guid></item>" for i in items)
        return web.Response(
            text=f"<rss version='2.0'><channel><title>C</title>{body}</channel></rss>", content_type="text/xml"
        )

    async def page(request):
        link = '<link rel="alternate" type="application/rss+xml" href="rss">'
        return web.Response(text=f"<!doctype html><title>P</title>{link}", content_type="text/html")

    async with serving({"/": page, "/rss": feed}) as url:
        seen = []
        async with asyncio.timeout(PATIENCE):
            async for update in Follower(url, interval=0.01):
                seen.append(update)
                if len(seen) == 3:
                    items[:] = ["4", "3"]
                if len(seen) == 4:
                    break
    assert told(seen) == [("post", "g1"), ("post", "g2"), ("post", "g3"), ("post", "g4")]


# The face of the library.


async def test_follow_says_what_is_wrong_with_an_address():
    with pytest.raises(UsageError, match=r"did you mean http://example\.org/live"):
        await everything(follow("example.org/live"))


async def test_nothing_listens_there():
    with pytest.raises(NewsreelError, match="nothing listens there"):
        await everything(follow("http://127.0.0.1:9/"))


async def test_an_update_is_one_line_of_json_safe_on_a_terminal():
    async with open_newsroom() as newsroom:
        newsroom.post("a", "x\u009b31m\u2028\x1b[2J", _more="\ud800")
        [_, post] = await everything(Follower(newsroom.root, once=True))
    line = post.to_json()
    assert list(json.loads(line)) == ["event", "id", "data"]
    assert line.isprintable()
