"""Documents over HTTP: which coding a reader gets, when it gets nothing, and what caches are told."""

import asyncio
import gzip
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import brotli
import pytest
from aiohttp import ClientSession, web
from patience import PATIENCE

from publisher.codings import CODINGS, choose
from publisher.editions import AT_ONCE_BYTES, Edition
from publisher.web.documents import MOST_READY, YEAR_SECONDS, respond
from publisher.web.ready import Answer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHANGED = datetime(2026, 1, 1, 12, 0, 0, 400_000, tzinfo=UTC)
DECODE = {"zstd": zstd.decompress, "br": brotli.decompress, "gzip": gzip.decompress}
LARGE = b"".join(b"<p>%d bottles</p>" % number for number in range(AT_ONCE_BYTES // 8))


@asynccontextmanager
async def serving(edition, **how):
    """Serve one edition; gives a function that asks for it and tells status, headers and the body as it came."""

    async def handler(request):
        return await respond(request, edition, **how)

    application = web.Application()
    application.router.add_get("/", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with ClientSession(auto_decompress=False) as session:

            async def ask(method="GET", **headers):
                headers = {"Accept-Encoding": "identity"} | {k.replace("_", "-"): v for k, v in headers.items()}
                async with session.request(method, url, headers=headers) as answer:
                    return answer.status, answer.headers, await answer.read()

            ask.url = url
            yield ask
    finally:
        await runner.cleanup()


def edition(body=b"<p>The ferry is back.</p>" * 40, changed=CHANGED):
    return Edition(body, "text/html; charset=utf-8", changed)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, ""),
        ("", ""),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", ""),
        ("gzip;q=0.000, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("gzip ; q=0.2 , br ; Q=0.8", "br"),
        ("identity;q=1, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("*;q=0", ""),  # nothing is acceptable: then as it is, never 406
        ("identity;q=0", ""),
        ("identity;q=0, *", "gzip"),
        ("deflate", ""),
        ("gzip;q=nonsense", ""),
        ("gzip;q=nan", ""),
        (",,;, gzip", "gzip"),
    ],
)
def test_the_coding_that_the_reader_prefers(accept, coding):
    assert choose(accept) == coding


def test_what_is_small_is_not_encoded_unless_it_must_be():
    assert choose("gzip, br", small=True) == ""
    assert choose("gzip, identity;q=0", small=True) == "gzip"


@pytest.mark.parametrize("body", [edition().body, LARGE], ids=["small", "large"])
async def test_each_coding_has_its_own_tag_and_the_same_body(body):
    async with serving(edition(body)) as ask:
        tags = {(await ask())[1]["ETag"]}
        for coding in CODINGS:
            status, headers, encoded = await ask(Accept_Encoding=coding)
            assert (status, headers["Content-Encoding"]) == (200, coding)
            assert DECODE[coding](encoded) == body
            assert headers["Vary"] == "Accept-Encoding"
            tags.add(headers["ETag"])
            head = await ask("HEAD", Accept_Encoding=coding)
            assert (head[0], head[2]) == (200, b"")
            assert {**head[1], "Date": ""} == {**headers, "Date": ""}
        assert len(tags) == 4
        assert all(tag.startswith('"') for tag in tags)  # strong


async def test_an_edition_is_encoded_once_for_all_who_ask_at_once(monkeypatch):
    made = []
    monkeypatch.setattr("publisher.editions.encode", lambda coding, body: made.append(coding) or body[:9])
    large = edition(LARGE)
    asked = [asyncio.create_task(large.encoded("br")) for _ in range(9)]
    await asyncio.sleep(0)
    asked.pop().cancel()  # it left; the others get theirs
    assert set(await asyncio.gather(*asked)) == {LARGE[:9]}
    assert await large.encoded("br") == LARGE[:9]
    assert made == ["br"]


async def test_a_tag_that_matches_is_answered_304():
    async with serving(edition()) as ask:
        tag = (await ask())[1]["ETag"]
        zipped = (await ask(Accept_Encoding="gzip"))[1]["ETag"]
        for given in (tag, f"W/{tag}", f'"x", {tag}', f'"x",W/{tag}', f'{tag},"x"', "*", " * "):
            assert (await ask(If_None_Match=given))[0] == 304, given
        for given in ('"x"', '"*"', tag.strip('"'), zipped, ""):
            assert (await ask(If_None_Match=given))[0] == 200, given
        assert (await ask(Accept_Encoding="gzip", If_None_Match=zipped))[0] == 304
        assert (await ask(Accept_Encoding="gzip", If_None_Match=tag))[0] == 200
        assert (await ask("HEAD", If_None_Match=tag))[0] == 304


async def test_the_tag_beats_the_date():
    async with serving(edition()) as ask:
        _, headers, _ = await ask()
        since = headers["Last-Modified"]
        assert (await ask(If_Modified_Since=since))[0] == 304
        assert (await ask(If_None_Match='"x"', If_Modified_Since=since))[0] == 200
        long_ago = format_datetime(CHANGED - timedelta(days=1), usegmt=True)
        assert (await ask(If_None_Match=headers["ETag"], If_Modified_Since=long_ago))[0] == 304
        for date in (long_ago, "yesterday", ""):
            assert (await ask(If_Modified_Since=date))[0] == 200, date


async def test_a_change_within_the_second_is_never_hidden_by_its_date():
    async with serving(edition(changed=CHANGED)) as ask:
        assert (await ask())[1]["Last-Modified"] == "Thu, 01 Jan 2026 12:00:01 GMT"
        assert (await ask(If_Modified_Since="Thu, 01 Jan 2026 12:00:00 GMT"))[0] == 200
    # One that is not over yet says when it was sent, and matches only itself.
    async with serving(edition(changed=datetime.now(UTC) + timedelta(hours=1))) as ask:
        _, headers, _ = await ask()
        modified, sent = (parsedate_to_datetime(headers[name]) for name in ("Last-Modified", "Date"))
        assert modified <= sent
        assert (await ask(If_Modified_Since=headers["Last-Modified"]))[0] == 200
        assert (await ask(If_None_Match=headers["ETag"]))[0] == 304


async def test_a_304_says_what_caches_need_and_no_more():
    async with serving(edition(), links='<https://news.example/>; rel="self"', vary=("Accept",)) as ask:
        _, full, _ = await ask()
        status, headers, body = await ask(If_None_Match=full["ETag"])
        assert (status, body) == (304, b"")
        assert {name.lower() for name in headers} == {
            "etag", "vary", "cache-control", "access-control-allow-origin", "date", "server"
        }  # fmt: skip
        assert all(headers[name] == full[name] for name in ("ETag", "Vary", "Cache-Control"))
        assert headers["Vary"] == "Accept, Accept-Encoding"
        assert sum(len(name) + len(value) + 4 for name, value in headers.items()) < 350


async def test_caches_are_told_how_long_nothing_can_change():
    for how, said in [
        ({}, "no-cache"),
        ({"max_age": 60}, "max-age=60"),
        ({"max_age": YEAR_SECONDS}, "max-age=31536000, immutable"),
    ]:
        async with serving(edition(), **how) as ask:
            _, headers, _ = await ask()
            assert headers["Cache-Control"] == said
            assert (await ask(If_None_Match=headers["ETag"]))[1]["Cache-Control"] == said


async def said(url, request):
    """Send bytes, and give all that comes until the server closes, or has been silent for long."""
    reading, writing = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))
    writing.write(request.encode())
    try:
        return await asyncio.wait_for(reading.read(), PATIENCE)
    finally:
        writing.close()


@pytest.mark.parametrize("conditional", [False, True])
async def test_answers_that_are_ready_say_the_same_as_those_that_are_not(conditional):
    async with serving(edition(), links='<https://news.example/>; rel="self"') as ask:
        tag = f"If-None-Match: {(await ask())[1]['ETag']}\r\n" if conditional else ""
        status = b"304 Not Modified" if conditional else b"200 OK"

        def parts(answer):
            head, _, body = answer.partition(b"\r\n\r\n")
            first, *lines = head.split(b"\r\n")
            assert first.partition(b" ")[2] == status
            return {line for line in lines if not line.startswith((b"Date:", b"Connection:"))}, body

        close = f"GET / HTTP/1.1\r\nHost: x\r\n{tag}Connection: close\r\n\r\n"
        plain = parts(await said(ask.url, close))
        assert plain[1] == (b"" if conditional else edition().body)
        assert parts(await said(ask.url, f"GET / HTTP/1.0\r\nHost: x\r\n{tag}\r\n")) == plain
        # On a connection that goes on it comes in one piece; several requests at once get their answers in order.
        ready = f"GET / HTTP/1.1\r\nHost: x\r\n{tag}\r\n"
        heads = f"HEAD / HTTP/1.1\r\nHost: x\r\n{tag}\r\n"
        answers = (await said(ask.url, ready + heads + ready + close)).split(b"HTTP/1.1 ")[1:]
        assert len(answers) == 4
        full, headed, again, last = (parts(b"HTTP/1.1 " + answer) for answer in answers)
        assert full == again == last == plain
        assert headed == (plain[0], b"")


async def test_who_asks_on_without_reading_is_not_answered_without_end():
    large = edition(LARGE)
    async with serving(large) as ask:
        await ask()
        _, writing = await asyncio.open_connection("127.0.0.1", int(ask.url.rsplit(":", 1)[1].strip("/")), limit=1)
        served = []
        answer = next(value for value in large.ready.values() if isinstance(value, Answer))
        wire = answer.wire
        answer.wire = lambda **how: served.append(1) or wire(**how)
        request = b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\n\r\n"
        writing.write(request * 400)
        for _ in range(400):  # others are answered all the while
            assert (await ask(Accept_Encoding="gzip"))[0] == 200
        assert 0 < len(served) < 200
        writing.transport.abort()


async def test_readers_who_ask_in_ever_new_words_fill_no_memory():
    one = edition()
    async with serving(one) as ask:
        for number in range(2 * MOST_READY):
            assert (await ask(If_None_Match=f'"{number}"'))[0] == 200
        assert len(one.ready) <= MOST_READY
        assert len({id(value) for value in one.ready.values()}) == 1  # the bytes are kept once
        before = len(one.ready)
        assert (await ask(If_None_Match=", ".join(f'"{number}"' for number in range(1000))))[0] == 200
        assert len(one.ready) == before


def test_a_header_of_two_lines_is_refused():
    with pytest.raises(ValueError, match="more than one line"):
        Answer(200, {"Link": "<x>\r\nSet-Cookie: y"}, b"")
