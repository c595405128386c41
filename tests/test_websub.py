"""WebSub (https://www.w3.org/TR/websub/): the hub, with real subscribers on loopback.

The cases numbered 100 to 106 are those of the test suite websub.rocks for hubs.
"""

import asyncio
import hashlib
import hmac
import json
import socket
import sqlite3
import threading
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import ClientSession, web
from channels import NOW, open_room
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from patience import PATIENCE, soon
from scripted import serving
from serving import Publisher, transcript

from publisher.config import WebSubSettings
from publisher.websub.asking import BadAskError, read_asked, signature
from publisher.websub.calling import LOOKUPS
from publisher.websub.courier import Courier, Lanes, NotTakenError, Pace
from publisher.websub.hub import VERIFYING_FOR_ONE
from publisher.websub.leases import Lease, LeaseError, Leases
from publisher.websub.push import Push
from shared.errors import UsageError

OPEN = WebSubSettings(allow_private=True)
QUICK = Pace(first=0.01, longest=0.05, patience=30, slow=0.2, deadline=20)
NAMES = ("hub.mode", "hub.topic", "hub.callback", "hub.secret", "hub.lease_seconds")
CALLBACK = "https://reader.example/callback"


class Subscriber:
    """A callback. ``answers`` are the statuses of deliveries, one each, then 204; a future is waited for first."""

    def __init__(self):
        self.url = ""
        self.confirms = True
        self.asked = []  # the query of each question
        self.got = asyncio.Queue()  # (headers, body) of each delivery that was taken
        self.answers = []
        self.tries = 0

    async def verify(self, request):
        self.asked.append(dict(request.query))
        if request.query["hub.mode"] == "denied":
            return web.Response()
        return web.Response(text=request.query["hub.challenge"] if self.confirms else "no", status=200)

    async def take(self, request):
        body = await request.read()
        self.tries += 1
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if isinstance(answer, web.Response):
            return answer
        if answer == 204:
            self.got.put_nowait((request.headers, body, dict(request.query)))
        return web.Response(status=answer)

    async def delivery(self):
        async with asyncio.timeout(PATIENCE):
            return await self.got.get()


@asynccontextmanager
async def listening(*ways):
    """Serve a way to verify and a way to take deliveries for each callback; gives their URLs."""
    app = web.Application()
    for place, (verify, take) in enumerate(ways):
        app.router.add_get(f"/{place}", verify)
        app.router.add_post(f"/{place}", take)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield [f"http://127.0.0.1:{runner.addresses[0][1]}/{place}" for place in range(len(ways))]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def subscribers(count=1):
    """Run callbacks; gives the subscriber, or all of several."""
    made = [Subscriber() for _ in range(count)]
    async with listening(*((one.verify, one.take) for one in made)) as urls:
        for one, url in zip(made, urls, strict=True):
            one.url = url
        yield made if count > 1 else made[0]


async def ask(room, client="10.0.0.1", **form):
    """Send a form to the hub through a proxy, for a client; gives status and text."""
    fields = {f"hub.{name}": value for name, value in form.items()}
    url, headers = room.root.replace("harbour/", "hub"), {"X-Forwarded-For": client}
    async with ClientSession() as session, session.post(url, data=fields, headers=headers) as answer:
        return answer.status, await answer.text()


async def settled(room):
    """Wait until every request was confirmed, denied or dropped."""
    async with asyncio.timeout(PATIENCE):
        while room.push.hub._tasks:
            await asyncio.wait(list(room.push.hub._tasks))


async def subscribe(room, subscriber, topic="feed.atom", **form):
    status, text = await ask(room, mode="subscribe", topic=room.root + topic, callback=subscriber.url, **form)
    assert (status, text) == (202, "")
    await settled(room)


def entries(body):
    return [e.findtext("{*}id").rpartition("/")[2] for e in etree.fromstring(body).iterfind("{*}entry")]


def numbers(body):
    return [int(slug.rpartition("-")[2]) for slug in entries(body)]


async def test_100_who_subscribes_is_asked_and_then_gets_each_release_whole_in_order():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        await subscribe(room, subscriber)
        [question] = subscriber.asked
        assert question.pop("hub.challenge")
        assert question == {
            "hub.mode": "subscribe",
            "hub.topic": f"{room.root}feed.atom",
            "hub.lease_seconds": "864000",
        }
        for number in range(1, 6):
            await room.post(f"p{number}")
            headers, body, _ = await subscriber.delivery()
            assert entries(body) == [f"p{n}" for n in range(number, 0, -1)]
            _, theirs, document = await room.get("feed.atom")
            assert body == document
            assert headers["Content-Type"] == theirs["Content-Type"] == "application/atom+xml; charset=utf-8"
            hub = room.root.replace("harbour/", "hub")
            assert headers["Link"] == f'<{hub}>; rel="hub", <{room.root}feed.atom>; rel="self"'
            assert "X-Hub-Signature" not in headers
            assert all(link in theirs["Link"] for link in headers["Link"].split(", "))


async def test_edits_deletions_and_the_end_are_pushed_but_a_clock_that_is_set_is_not():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        await room.post("a", "b")
        await subscribe(room, subscriber, "feed.json")
        await room.clock(speed=10)
        await room.revise("a")
        document = json.loads((await subscriber.delivery())[1])
        assert [item["title"] for item in document["items"]] == ["About b", "About a, corrected"]
        await room.delete("b")
        document = json.loads((await subscriber.delivery())[1])
        assert [item["title"] for item in document["items"]] == ["About a, corrected"]
        await room.clock("ended")
        assert json.loads((await subscriber.delivery())[1])["expired"]
        assert subscriber.tries == 3


async def test_101_what_is_sent_is_signed_with_the_secret():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        await subscribe(room, subscriber, secret="the sea’s own")
        await room.post("a")
        headers, body, _ = await subscriber.delivery()
        digest = hmac.new("the sea’s own".encode(), body, hashlib.sha256).hexdigest()
        assert headers["X-Hub-Signature"] == f"sha256={digest}"


async def test_102_parameters_that_are_not_known_mean_nothing():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        await subscribe(room, subscriber, foo="bar", verify="sync", verify_token="x")
        await room.post("a")
        await subscriber.delivery()


async def test_103_subscribing_again_takes_the_place_of_the_first():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        await subscribe(room, subscriber, secret="one", lease_seconds="100")
        await subscribe(room, subscriber, secret="two", lease_seconds="200")
        [lease] = room.push.hub.leases
        assert lease.expires == NOW + timedelta(seconds=200)
        await room.post("a")
        headers, body, _ = await subscriber.delivery()
        assert headers["X-Hub-Signature"].endswith(hmac.new(b"two", body, hashlib.sha256).hexdigest())
        await room.post("b")
        await subscriber.delivery()
        assert subscriber.tries == 2
        subscriber.confirms = False
        await subscribe(room, subscriber, secret="three")  # by somebody else: nothing changes
        [lease] = room.push.hub.leases
        assert lease.secret == "two"


async def test_104_who_unsubscribed_gets_nothing_more():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers(2) as (leaver, other):
        await subscribe(room, leaver)
        await subscribe(room, other)
        leaver.confirms = False
        await ask(room, mode="unsubscribe", topic=f"{room.root}feed.atom", callback=leaver.url)
        await settled(room)
        assert len(room.push.hub.leases) == 2  # it was not meant
        leaver.confirms = True
        assert (await ask(room, mode="unsubscribe", topic=f"{room.root}feed.atom", callback=leaver.url))[0] == 202
        await settled(room)
        assert leaver.asked[-1]["hub.mode"] == "unsubscribe"
        assert "hub.lease_seconds" not in leaver.asked[-1]
        await room.post("a")
        await other.delivery()
        assert leaver.tries == 0


@pytest.mark.parametrize(
    ("topic", "media_type"),
    [
        ("", "text/html; charset=utf-8"),  # 105 asks for plain text, of which there is none here
        ("feed.rss", "application/rss+xml; charset=utf-8"),
        ("feed.json", "application/feed+json; charset=utf-8"),  # 106
    ],
)
async def test_105_106_topics_of_other_types(topic, media_type):
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        await subscribe(room, subscriber, topic, secret="s")
        await room.post("a")
        headers, body, _ = await subscriber.delivery()
        assert headers["Content-Type"] == media_type
        assert body == await room.body(topic)


async def test_a_callback_s_own_query_reaches_it_as_it_is():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        subscriber.url += "?token=a%2Fb+c&x="
        await subscribe(room, subscriber)
        assert {"token": "a/b c", "x": ""}.items() <= subscriber.asked[0].items()
        await room.post("a")
        assert (await subscriber.delivery())[2] == {"token": "a/b c", "x": ""}


async def test_what_is_no_topic_is_denied():
    async with open_room(websub=OPEN) as room, subscribers() as subscriber:
        for topic in ("events", "posts/x", "archive/1.atom", "feed.atom?rerun=2026-01-01T00:00Z"):
            await subscribe(room, subscriber, topic)
            assert subscriber.asked.pop() == {
                "hub.mode": "denied",
                "hub.topic": room.root + topic,
                "hub.reason": "there is no such topic here",
            }
        assert not len(room.push.hub.leases)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, "hub.mode"),
        ({"hub.mode": "denied"}, "hub.mode"),
        ({"hub.topic": ""}, "hub.topic is missing"),
        ({"hub.callback": ""}, "hub.callback is missing"),
        ({"hub.callback": "ftp://reader.example/"}, "begins with http"),
        ({"hub.callback": "https://reader.example/ a"}, "without spaces"),
        ({"hub.callback": "https://reader.example/é"}, "ASCII"),
        ({"hub.callback": f"https://reader.example/{'x' * 2048}"}, "at most 2048"),
        ({"hub.callback": "https://reader.example\\\\@127.0.0.1/"}, "backslash"),
        ({"hub.callback": "https://reader.example:99999/"}, "no web address"),
        ({"hub.lease_seconds": "-5"}, "positive whole number"),
        ({"hub.lease_seconds": "0"}, "positive whole number"),
        ({"hub.lease_seconds": "soon"}, "positive whole number"),
        ({"hub.secret": "x" * 200}, "shorter than 200 bytes"),
        ({"hub.secret": "é" * 100}, "shorter than 200 bytes"),
    ],
)
def test_a_request_that_cannot_be_is_refused_in_words(form, told):
    good = {"hub.mode": "subscribe", "hub.topic": "https://news.example/", "hub.callback": CALLBACK}
    with pytest.raises(BadAskError, match=told):
        read_asked(good | form if form else {})


@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.from_regex(r"https?://[!-~]*", fullmatch=True)))
def test_whatever_is_asked_is_a_request_or_refused(form):
    try:
        asked = read_asked(form)
    except BadAskError:
        return
    facts = [("hub.mode", asked.mode), ("hub.topic", asked.topic), ("hub.challenge", "c")]
    facts += [("hub.lease_seconds", str(asked.lease))] if asked.mode == "subscribe" else []
    assert parse_qsl(urlsplit(asked.intent("c")).query, keep_blank_values=True)[-len(facts) :] == facts


def test_a_lease_is_as_long_as_asked_but_never_for_ever():
    good = {"hub.mode": "subscribe", "hub.topic": "https://news.example/", "hub.callback": CALLBACK}
    for wish, lease in (("", 864_000), ("60", 60), ("99999999999", 2_592_000)):
        assert read_asked(good | {"hub.lease_seconds": wish}).lease == lease
    assert read_asked(good | {"hub.secret": "x" * 199}).secret == "x" * 199


async def test_errors_are_plain_text():
    async with open_room(websub=OPEN) as room, ClientSession() as session:
        url = room.root.replace("harbour/", "hub")
        async with session.post(url, data={"hub.mode": "subscribe"}) as answer:
            assert (answer.status, answer.content_type) == (400, "text/plain")
            assert await answer.text() == "hub.topic is missing\n"
        async with session.post(url, json={}) as answer:
            assert answer.status == 415
        async with session.post(url, data={"hub.mode": "x" * 20_000}) as answer:
            assert answer.status == 413
        async with session.post(url, data={"hub.mode": "publish", "hub.url": f"{room.root}feed.atom"}) as answer:
            assert answer.status == 202
        async with session.post(url, data={"hub.mode": "publish", "hub.url": "https://else.example/"}) as answer:
            assert answer.status == 400
        async with session.get(url) as answer:  # by somebody who looks
            assert (answer.status, answer.content_type) == (200, "text/plain")
            assert "hub.mode=subscribe" in await answer.text()
        async with session.put(url) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")


async def test_private_addresses_are_refused_unless_allowed():
    async with open_room(websub=WebSubSettings(), pace=QUICK) as room, subscribers() as subscriber:
        port = subscriber.url.split(":")[2]
        for url in (subscriber.url, f"http://localhost:{port}", f"http://[::ffff:127.0.0.1]:{port}"):
            assert (await ask(room, mode="subscribe", topic=room.root, callback=url))[0] == 202
            await settled(room)
        assert not subscriber.asked
        assert not len(room.push.hub.leases)


async def test_a_redirect_is_no_confirmation_and_not_followed():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:

        async def redirect(request):
            raise web.HTTPFound(f"{subscriber.url}?{request.query_string}")

        async with serving({"/": redirect}) as url:
            await ask(room, mode="subscribe", topic=room.root, callback=url)
            await settled(room)
        assert not subscriber.asked
        assert not len(room.push.hub.leases)


async def test_what_fails_is_tried_again_with_what_is_newest_by_then():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        await subscribe(room, subscriber)
        held = asyncio.get_running_loop().create_future()
        subscriber.answers = [held, 500, web.Response(status=503, headers={"Retry-After": "0"})]
        await room.post("a")
        await soon(lambda: subscriber.tries)
        await room.post("b")
        await room.post("c")
        held.set_result(503)
        deliveries = room.push.hub.deliveries
        assert (deliveries.delivered, deliveries.failed) == (0, 0)  # what is under way is neither, yet
        assert entries((await subscriber.delivery())[1]) == ["c", "b", "a"]
        assert subscriber.tries == 4
        await soon(lambda: (deliveries.delivered, deliveries.failed) == (1, 3))
        await room.post("d")
        assert entries((await subscriber.delivery())[1]) == ["d", "c", "b", "a"]


async def test_who_answers_gone_or_fails_for_too_long_is_dropped():
    impatient = Pace(first=0.001, longest=0.001, patience=0.05)
    async with open_room(websub=OPEN, pace=impatient) as room, subscribers(3) as (gone, dead, good):
        for one in (gone, dead, good):
            await subscribe(room, one)
        gone.answers = [410]
        dead.answers = [500] * 100_000
        await room.post("a")
        await good.delivery()
        await soon(lambda: len(room.push.hub.leases) == 1)
        assert [lease.callback for lease in room.push.hub.leases] == [good.url]
        assert gone.tries == 1
        await room.post("b")
        await good.delivery()
        assert gone.tries == 1


async def test_slow_and_dead_callbacks_delay_nobody():
    crowd = WebSubSettings(allow_private=True, max_per_host=1000)
    async with open_room(websub=crowd, pace=QUICK) as room, subscribers(41) as (good, *bad):
        forever = asyncio.get_running_loop().create_future()
        for place, one in enumerate(bad):
            one.answers = [500] * 1000 if place % 2 else [forever]
            await subscribe(room, one)
        await subscribe(room, good)
        for number in range(5):
            await room.post(f"p{number}")
            assert len(entries((await good.delivery())[1])) == number + 1
        forever.cancel()


async def test_who_failed_waits_among_its_like():
    lanes = Lanes(asyncio.Semaphore(2), asyncio.Semaphore(1), asyncio.Semaphore(1))
    forever = asyncio.get_running_loop().create_future()
    tries, taken = [], asyncio.Event()

    async def fail(place):
        tries.append(place)
        if tries.count(place) > 1:
            await forever
        raise NotTakenError("no")

    async def take():
        taken.set()

    pace = Pace(first=0, longest=0)
    bad = [Courier(partial(fail, place), lambda _why: None, pace, lanes) for place in range(5)]
    for one in bad:
        one.nudge()
    await soon(lambda: len(tries) == 6)  # one of them is at its second try, and stays there
    good = Courier(take, lambda _why: None, pace, lanes)
    good.nudge()
    async with asyncio.timeout(PATIENCE):
        await taken.wait()
    assert len(tries) == 6
    ending = [task for one in (*bad, good) if (task := one.dismiss())]
    await asyncio.wait(ending)


async def test_a_lease_ends():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers(2) as (short, long):
        await subscribe(room, short, lease_seconds="60")
        await subscribe(room, long, lease_seconds="600")
        room.now += timedelta(seconds=60)
        await room.post("a")
        await long.delivery()
        await room.push.sweep()
        assert [lease.callback for lease in room.push.hub.leases] == [long.url]
        await room.post("b")
        await long.delivery()
        assert short.tries == 0


async def test_of_hosts_whose_subscriptions_are_over_nothing_is_kept():
    leases = Leases.open(":memory:")
    for number in range(3):
        lease = Lease("https://news.example/", f"https://{number}.example/", None, NOW, "")
        await leases.put(lease)
        assert leases.at(f"{number}.example") == 1
        await leases.drop(lease.key)
    assert not leases._hosts
    await leases.close()


async def test_limits():
    few = WebSubSettings(allow_private=True, max_subscriptions=3, max_per_host=2)
    async with open_room(websub=few, pace=QUICK) as room, subscribers(4) as (first, second, third, other):
        other.url = other.url.replace("127.0.0.1", "localhost")
        third_of_all = {"mode": "subscribe", "topic": room.root}
        await subscribe(room, first)
        await subscribe(room, second)
        assert (await ask(room, callback=third.url, **third_of_all))[0] == 503
        await subscribe(room, second)  # again
        await subscribe(room, other)
        status, text = await ask(room, callback="http://127.0.0.2/", **third_of_all)
        assert (status, text) == (503, "this hub has all the subscriptions that it takes; try again later\n")
        assert len(room.push.hub.leases) == 3


async def test_who_lets_the_hub_wait_for_confirmation_does_not_fill_it():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        forever = asyncio.get_running_loop().create_future()

        async def wait(_request):
            await asyncio.shield(forever)

        async with serving({"/{any}": wait}) as url:
            answers = [(await ask(room, mode="subscribe", topic=room.root, callback=f"{url}{n}"))[0] for n in range(9)]
            assert answers == [202] * 8 + [429]
            subscriber.url = subscriber.url.replace("127.0.0.1", "localhost")
            assert (await ask(room, mode="subscribe", topic=room.root, callback=subscriber.url))[0] == 202
            await soon(lambda: len(room.push.hub.leases))
            forever.cancel()


async def test_whoever_names_many_hosts_that_let_the_hub_wait_leaves_room_to_others():
    async with open_room(websub=OPEN, pace=replace(QUICK, deadline=PATIENCE)) as room, subscribers() as subscriber:
        held = []
        silent = await asyncio.start_server(lambda *both: held.extend(both), "0.0.0.0", 0)
        port = silent.sockets[0].getsockname()[1]
        callbacks = [f"http://127.0.1.{number}:{port}/" for number in range(1, VERIFYING_FOR_ONE + 2)]
        form = {"mode": "subscribe", "topic": room.root}
        answers = [(await ask(room, "8.8.8.8", callback=url, **form))[0] for url in callbacks]
        assert answers == [202] * VERIFYING_FOR_ONE + [429]
        assert (await ask(room, "8.8.8.8", callback=subscriber.url, **form))[0] == 429
        assert (await ask(room, "8.8.4.4", callback=subscriber.url, **form))[0] == 202
        await soon(lambda: len(room.push.hub.leases))
        silent.close()
        for writer in held[1::2]:
            writer.close()


async def test_names_that_nobody_knows_hold_up_no_delivery(monkeypatch):
    found, over = socket.getaddrinfo, threading.Event()

    def look_up(host, *rest, **options):
        if host.endswith(".example"):
            over.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return found(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        url = subscriber.url.replace("127.0.0.1", "localhost")  # which has to be looked up, too
        await room.push.hub.leases.put(Lease(f"{room.root}feed.atom", url, None, NOW + timedelta(hours=1), ""))
        for number in range(2 * LOOKUPS):
            callback = f"http://{number}.example/"
            assert (await ask(room, mode="subscribe", topic=room.root, callback=callback))[0] == 202
        await room.post("a")
        assert entries((await subscriber.delivery())[1]) == ["a"]
        assert room.push.hub._tasks
        over.set()


async def test_what_was_released_while_the_subscriber_was_asked_is_not_missed():
    subscriber = Subscriber()
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def verify(request):
        asked.set()
        await go_on.wait()
        return await subscriber.verify(request)

    async with open_room(websub=OPEN, pace=QUICK) as room, listening((verify, subscriber.take)) as [url]:
        assert (await ask(room, mode="subscribe", topic=f"{room.root}feed.atom", callback=url))[0] == 202
        await asked.wait()
        await room.post("a")
        go_on.set()
        assert entries((await subscriber.delivery())[1]) == ["a"]


async def test_who_was_told_yes_is_on_the_disk_and_nobody_else_may_read_the_secret(tmp_path):
    path = str(tmp_path / "log.db.websub")
    async with subscribers() as subscriber, open_room(websub=OPEN, pace=QUICK, leases=path) as room:
        await subscribe(room, subscriber, secret="s", lease_seconds="600")
        leases = Leases.open(path)  # what a kill would leave
        [lease] = leases
        await leases.close()
        assert (lease.callback, lease.secret, lease.expires) == (subscriber.url, "s", NOW + timedelta(seconds=600))
        assert (tmp_path / "log.db.websub").stat().st_mode & 0o077 == 0


async def test_after_a_kill_the_subscription_stands_and_what_was_missed_is_delivered(tmp_path):
    source = tmp_path / "an-invented-day.txt"
    source.write_text(transcript(1000), "utf-8")
    arguments = ("replay", source, "--speed", 240, "--log", tmp_path / "log.db", "--allow-private-callbacks")
    publisher = await asyncio.to_thread(Publisher, *arguments)
    try:
        async with subscribers() as subscriber, ClientSession() as session:
            form = {"hub.mode": "subscribe", "hub.topic": f"{publisher.root}feed.atom", "hub.callback": subscriber.url}
            async with session.post(f"{publisher.server}hub", data=form | {"hub.secret": "s"}) as answer:
                assert answer.status == 202
            before = numbers((await subscriber.delivery())[1])
            await asyncio.to_thread(publisher.kill)
            while not subscriber.got.empty():
                before = numbers(subscriber.got.get_nowait()[1])
            await asyncio.to_thread(publisher.start)
            for _ in range(3):  # perhaps what it had, what fell due meanwhile, and what is released after
                headers, body, _ = await subscriber.delivery()
                assert headers["X-Hub-Signature"] == signature("s", body)
                after = numbers(body)
                assert after == list(range(after[0], after[0] - len(after), -1))
                assert len(after) == min(after[0] + 1, 100)  # the window
                assert after[0] >= before[0]
            assert after[0] > before[0]
            assert len(subscriber.asked) == 1  # it did not have to subscribe again
    finally:
        await asyncio.to_thread(publisher.stop)


async def test_of_several_processes_over_one_log_one_delivers_and_when_it_ends_another_does(tmp_path):
    path = str(tmp_path / "log.db.websub")
    async with open_room(websub=OPEN, pace=QUICK, leases=path) as room, subscribers() as subscriber:
        server = room.root.removesuffix("/harbour/")
        other = Push.open(OPEN, server, path, [room.channel], now=lambda: room.now, pace=QUICK)
        form = {"hub.mode": "subscribe", "hub.topic": f"{room.root}feed.atom", "hub.callback": subscriber.url}
        assert (await other.hub.ask(form)).status == 202
        await soon(lambda: len(other.hub.leases))
        for number in range(3):
            await room.post(f"p{number}")
            assert len(entries((await subscriber.delivery())[1])) == number + 1
        assert subscriber.tries == 3
        await room.push.sweep()
        await room.push.close()
        await room.post("p3")
        assert len(entries((await subscriber.delivery())[1])) == 4
        assert subscriber.tries == 4
        form["hub.mode"] = "unsubscribe"
        await other.hub.ask(form)
        await soon(lambda: not len(other.hub.leases))
        await other.close()
        room.push = None
    leases = Leases.open(path)
    assert not len(leases)
    await leases.close()


async def test_of_who_unsubscribed_at_another_process_nothing_is_kept(tmp_path):
    path = str(tmp_path / "log.db.websub")
    async with open_room(websub=OPEN, pace=QUICK, leases=path) as room, subscribers() as subscriber:
        await subscribe(room, subscriber)
        await room.post("a")
        await subscriber.delivery()
        other = Push.open(OPEN, room.root, path, [], now=lambda: room.now, pace=QUICK)
        await other.hub.leases.drop((f"{room.root}feed.atom", subscriber.url))
        await other.close()
        await room.push.sweep()
        assert not len(room.push.hub.leases)
        assert not room.push.hub.deliveries._couriers


async def test_what_could_not_be_delivered_is_by_the_next_sweep():
    async with open_room(websub=OPEN, pace=QUICK) as room, subscribers() as subscriber:
        await subscribe(room, subscriber)
        room.push.hub.leases.tell((f"{room.root}feed.atom", subscriber.url), "something older")
        await room.push.sweep()
        assert entries((await subscriber.delivery())[1]) == []
        await room.push.sweep()
        await room.post("a")
        await subscriber.delivery()
        assert subscriber.tries == 2


def test_a_file_that_is_something_else_is_left_alone(tmp_path):
    path = tmp_path / "log.db.websub"
    path.write_bytes(b"somebody's diary, which is no database" * 100)
    with pytest.raises(
        LeaseError, match=r"log\.db\.websub could not be opened .*; it is no newsreel list of subscriptions"
    ):
        Leases.open(str(path))
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE diary (day)")
    with pytest.raises(UsageError, match="no newsreel list of subscriptions"):
        Leases.open(str(other))


async def test_other_hubs_are_told_of_each_topic():
    told = asyncio.Queue()
    broken, failed = asyncio.Event(), []

    async def listen(request):
        form = await request.post()
        if broken.is_set():
            failed.append(form)
            return web.Response(status=500)
        told.put_nowait(dict(form))
        return web.Response(status=204)

    async with AsyncExitStack() as stack:
        [hub] = await stack.enter_async_context(listening((listen, listen)))
        settings = WebSubSettings(hub=False, hubs=(hub,))
        room = await stack.enter_async_context(open_room(websub=settings, pace=QUICK))
        broken.set()
        await room.post("a")
        await soon(lambda: failed)
        broken.clear()
        async with asyncio.timeout(PATIENCE):
            forms = [await told.get() for _ in range(4)]
        assert {form["hub.mode"] for form in forms} == {"publish"}
        topics = sorted(form["hub.url"] for form in forms)
        assert topics == [room.root + name for name in ("", "feed.atom", "feed.json", "feed.rss")]
        _, headers, _ = await room.get("feed.atom")
        assert f'<{hub}>; rel="hub"' in headers["Link"]
        assert (await ask(room, mode="subscribe"))[0] in {404, 405}


async def test_documents_name_the_hub_where_they_can_be_subscribed_to_and_nowhere_else():
    async with open_room(websub=OPEN, window=1, mode="archive") as room:
        await room.post("a", "b")
        hub = room.root.replace("harbour/", "hub")
        for path in ("", "feed.atom", "feed.rss", "feed.json"):
            _, headers, body = await room.get(path)
            assert f'<{hub}>; rel="hub"' in headers["Link"]
            assert f'<{room.root}{path}>; rel="self"' in headers["Link"]
            assert hub in body.decode()
        reruns = [f"{path}?rerun=2026-01-01T11:00Z" for path in ("", "feed.atom", "feed.rss", "feed.json")]
        for path in (*reruns, "?at=23:59", "feed.atom?at=23:59", "posts/a", "archive/1.atom"):
            _, headers, body = await room.get(path)
            assert 'rel="hub"' not in headers["Link"], path
            assert hub not in body.decode(), path


async def test_a_live_channel_is_pushed():
    async with open_room(websub=OPEN, mode="live") as room, subscribers() as subscriber:
        await subscribe(room, subscriber, "feed.json")
        await room.post("a")
        assert [item["title"] for item in json.loads((await subscriber.delivery())[1])["items"]] == ["About a"]


async def test_what_was_asked_of_the_file_is_done_before_it_is_closed_though_nobody_waits(tmp_path):
    leases = Leases.open(str(tmp_path / "leases"))
    begun, go_on = threading.Event(), threading.Event()
    holding = asyncio.create_task(leases._locked(lambda: begun.set() or go_on.wait(PATIENCE)))
    await asyncio.to_thread(begun.wait, PATIENCE)
    putting = asyncio.create_task(
        leases.put(Lease("t", "http://x.example/", None, datetime(2026, 1, 1, tzinfo=UTC), ""))
    )
    await asyncio.sleep(0)
    for task in (holding, putting):
        task.cancel()
    await asyncio.wait([holding, putting])
    closing_ = asyncio.create_task(leases.close())
    await asyncio.sleep(0)
    assert not closing_.done()
    go_on.set()
    await closing_
    again = Leases.open(str(tmp_path / "leases"))
    assert len(again) == 1
    await again.close()
