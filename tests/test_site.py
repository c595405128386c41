"""The site: what is found where, what is not, and what may be asked of an address."""

import json
import logging
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import lxml.html
import pytest
from aiohttp import ClientSession
from making import make_post
from test_stream import NOW, newsroom
from yarl import URL

from publisher import editions as editions_module
from publisher.render.stylesheet import STYLESHEET_PATH
from publisher.web import site as site_module
from publisher.web.negotiation import preferred
from publisher.web.problems import LONGEST_URL
from shared.event import DeleteEvent, UpdateEvent

HTML, JSON = "text/html", "application/json"


class Visitor:
    """Asks a newsroom's server; addresses go out exactly as they are given."""

    def __init__(self, room, session):
        self._root, self._session = f"http://127.0.0.1:{room.port}", session

    async def __call__(self, path, method="GET", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(self._root + path, encoded=True)
        async with self._session.request(method, url, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers, await answer.read()

    async def problem(self, path, method="GET"):
        status, headers, body = await self(path, method)
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["Access-Control-Allow-Origin"] == "*"
        told = json.loads(body)
        assert (told["type"], told["status"]) == ("about:blank", status)
        assert told["title"]
        return status, told["detail"], headers


@pytest.fixture
async def room():
    async with newsroom() as room:
        await room.pressed(await room.clock())
        yield room


@pytest.fixture
async def visit(room):
    async with ClientSession() as session:
        yield Visitor(room, session)


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/nowhere/", 404, "there is no channel 'nowhere'; / lists the channels"),
        ("/nowhere/feed.atom", 404, "there is no channel 'nowhere'; / lists the channels"),
        ("/harbour/feed.xml", 404, "there is nothing at this address; / lists the channels"),
        ("/harbour/posts/p9", 404, "harbour has no post 'p9'; it may not be out yet"),
        ("/100%/", 400, "a % of the address is not followed by two hexadecimal digits; write %25 for the sign itself"),
        ("/harbour/posts/%zz", 400, None),
        ("/%ff/", 404, None),
        ("/harbour/posts/%00", 404, None),
        ("/harbour/../etc/passwd", 404, None),
        ("//harbour/feed.atom", 404, None),
        ("/harbour/posts/" + "x" * LONGEST_URL, 414, "the address has 8,015 characters; none here has over 8,000"),
    ],
)
async def test_what_is_not_there_is_a_problem_that_says_why(visit, path, status, detail):
    told, why, headers = await visit.problem(path)
    assert told == status
    assert detail in {why, None}
    assert headers["Cache-Control"] == "no-cache"
    assert (await visit(path, "HEAD"))[0::2] == (status, b"")


async def test_who_looks_in_vain_with_a_browser_gets_a_page(visit):
    navigates = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for path, root in (("/nowhere/?a=/", "../"), ("/nowhere", "./"), ("/harbour/posts/p9%3Cb%3E", "../../")):
        status, headers, body = await visit(path, Accept=navigates)
        page = lxml.html.fromstring(body.decode())
        assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert headers["Vary"] == "Accept"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert page.cssselect("h1")[0].text == "Not Found"
        assert page.cssselect("main a")[0].get("href") == root
        why = json.loads((await visit(path, Accept="*/*"))[2])["detail"]
        assert page.cssselect(".subtitle")[0].text == f"{why[0].upper()}{why[1:]}."


async def test_a_post_that_was_taken_away_is_gone(room, visit):
    await room.pressed(await room.posts(1))
    assert (await visit("/harbour/posts/p1"))[0] == 200
    await room.pressed(await room.say(DeleteEvent(id="p1", story_time=NOW)))
    assert (await visit.problem("/harbour/posts/p1"))[:2] == (410, "the post 'p1' of harbour was taken away")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [(path, "GET, HEAD, OPTIONS") for path in ("/", "/harbour/", "/harbour/feed.atom", "/harbour/events")]
    + [("/harbour/posts/p1", "DELETE, GET, HEAD, OPTIONS, PUT"), ("/harbour/posts", "OPTIONS, POST")],
)
async def test_what_cannot_be_done_is_told_with_what_can(visit, path, allowed):
    for method in ("PATCH", "QUERY"):
        status, detail, headers = await visit.problem(path, method)
        assert (status, headers["Allow"]) == (405, allowed)
        assert detail == f"{method} cannot be done here; what can: {allowed}"


async def test_pages_of_other_origins_may_ask_what_is_allowed_and_read(visit):
    asks = {"Origin": "https://reader.example", "Access_Control_Request_Method": "GET"}
    status, headers, body = await visit("/harbour/feed.atom", "OPTIONS", **asks)
    assert (status, body, headers["Allow"]) == (204, b"", "GET, HEAD, OPTIONS")
    assert headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert {"if-none-match", "a-im", "last-event-id"} <= set(
        headers["Access-Control-Allow-Headers"].lower().split(", ")
    )
    assert (await visit("/harbour/feed.xml", "OPTIONS"))[0] == 404
    _, headers, _ = await visit("/harbour/feed.atom", Origin="https://reader.example")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert {"ETag", "Last-Modified", "Link"} <= set(headers["Access-Control-Expose-Headers"].split(", "))


async def test_a_fault_of_ours_is_a_problem_and_stands_in_the_log(room, visit, caplog):
    def fail(_):
        raise RuntimeError("a bug")

    room.press.shelf.find = fail
    with caplog.at_level(logging.ERROR):
        status, detail, _ = await visit.problem("/harbour/posts/p1")
    assert (status, detail) == (500, "the server failed, and has noted why")
    (record,) = caplog.records
    assert record.exc_info[0] is RuntimeError


async def test_crawlers_and_readers_find_what_they_ask_every_site_for(visit):
    status, headers, body = await visit("/robots.txt")
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert b"Allow: /\n" in body
    assert b"Disallow: /*/events\n" in body
    status, headers, _ = await visit("/favicon.ico")
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "image/svg+xml", "max-age=86400")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, HTML),
        ("*/*", HTML),
        ("application/json", JSON),
        ("Application/JSON", JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
        ("application/json, text/html;q=0.5", JSON),
        ("application/json;q=0.5, text/html", HTML),
        ("application/json, */*;q=0.1", JSON),
        ("application/*, text/*;q=0.3", JSON),
        ("text/html;q=0, */*", JSON),
        ("image/png", HTML),  # never 406
        ("", HTML),
    ],
)
def test_the_type_that_the_reader_prefers(accept, chosen):
    assert preferred(accept, (HTML, JSON)) == chosen


async def test_a_permalink_changes_only_when_its_post_does(room, visit):
    await room.pressed(await room.posts(1))
    page, item = [await visit("/harbour/posts/p1", Accept=kind) for kind in (HTML, JSON)]
    assert (page[1]["Content-Type"], item[1]["Content-Type"]) == (f"{HTML}; charset=utf-8", f"{JSON}; charset=utf-8")
    assert page[1]["ETag"] != item[1]["ETag"]
    assert page[1]["Vary"] == item[1]["Vary"] == "Accept, Accept-Encoding"
    room.said = 9_000  # milliseconds
    await room.pressed(await room.posts(1))
    for kind, before in ((HTML, page), (JSON, item)):
        _, headers, body = await visit("/harbour/posts/p1", Accept=kind)
        assert (body, headers["ETag"], headers["Last-Modified"]) == (
            before[2],
            before[1]["ETag"],
            before[1]["Last-Modified"],
        )
        assert (await visit("/harbour/posts/p1", Accept=kind, If_Modified_Since=headers["Last-Modified"]))[0] == 304
    room.said = 20_000
    edited = make_post("p1", title="All ashore", facts={"revision": 2}, date_modified=NOW)
    await room.pressed(await room.say(UpdateEvent(post=edited)))
    for kind, before in ((HTML, page), (JSON, item)):
        _, headers, body = await visit("/harbour/posts/p1", Accept=kind, If_None_Match=before[1]["ETag"])
        assert b"All ashore" in body
        changed = parsedate_to_datetime(headers["Last-Modified"])
        assert NOW + timedelta(seconds=20) <= changed <= NOW + timedelta(seconds=21)
        long_ago = format_datetime(changed - timedelta(seconds=1), usegmt=True)
        assert (await visit("/harbour/posts/p1", Accept=kind, If_Modified_Since=long_ago))[0] == 200


async def test_pages_are_made_once_for_all_who_ask_until_something_changes(room, visit, monkeypatch):
    made = []
    for name in ("post_page", "channels_page", "channels_opml"):
        render = getattr(site_module, name)
        monkeypatch.setattr(site_module, name, lambda *a, n=name, r=render: made.append(n) or r(*a))
    await room.pressed(await room.posts(1))
    paths = ("/harbour/posts/p1", "/", "/channels.opml")
    for _ in range(3):
        for path in paths:
            assert (await visit(path))[0] == 200
    assert sorted(made) == ["channels_opml", "channels_page", "post_page"]
    room.said = 9_000
    await room.pressed(await room.say(UpdateEvent(post=make_post("p1", title="All ashore", facts={"revision": 2}))))
    assert b"All ashore" in (await visit(paths[0]))[2]
    assert len(made) == 4


async def test_the_lists_name_a_channel_as_it_is_named_by_now(room, visit):
    for title in ("Storm", "Gale"):
        room.press.rename(title, "en", NOW + timedelta(seconds=len(title)))
        for path in ("/", "/channels.opml"):
            assert f"{title} (replay)".encode() in (await visit(path))[2], path


async def test_what_is_the_same_for_everybody_is_encoded_once(visit, monkeypatch):
    coded = []
    encode = editions_module.encode
    monkeypatch.setattr(editions_module, "encode", lambda coding, body: coded.append(coding) or encode(coding, body))
    for _ in range(3):
        for path in (f"/harbour/{STYLESHEET_PATH}", "/openapi.json"):
            status, headers, _ = await visit(path, Accept_Encoding="gzip")
            assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert coded == ["gzip"] * 2
