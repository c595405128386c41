"""Fetching, against a real server: conditional requests, caps, redirects, and errors that name the mend."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from scripted import serving

from shared import __version__
from shared.errors import UsageError
from shared.fetch import BadUrlError, FetchError, Validators, check_url, fetch, open_session
from shared.route import is_public, proxy_for
from subscriber.poll import Poll


async def get(url, **settings):
    async with open_session() as session:
        return await fetch(session, url, **settings)


async def test_it_says_who_it_is_and_what_it_wants():
    async def page(request):
        return web.json_response(dict(request.headers))

    async with serving({"/": page}) as url:
        body = (await get(url, accept="application/feed+json")).body.decode()
    assert f'"User-Agent": "newsreel/{__version__}"' in body
    assert '"Accept": "application/feed+json"' in body


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "..."])
async def test_a_host_that_cannot_be_is_told_in_a_line(host):
    with pytest.raises(FetchError, match="names a host that cannot be"):
        await get(f"http://{host}/")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("64:ff9b::5db8:d822", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("::127.0.0.1", False),
        ("::93.184.216.34", False),
    ],
)
def test_what_leads_to_this_machine_or_its_network_is_not_public(address, public):
    assert is_public(address) is public


async def test_validators_make_the_next_request_conditional():
    async def page(request):
        if request.headers.get("If-None-Match") == '"1"' and "If-Modified-Since" in request.headers:
            return web.Response(status=304)
        moment = "Wed, 01 Feb 2023 05:22:00 GMT"
        return web.Response(body=b"x", headers={"ETag": '"1"', "Last-Modified": moment, "Cache-Control": "max-age=60"})

    async with serving({"/": page}) as url:
        first = await get(url)
        second = await get(url, validators=first.validators)
    assert (first.body, first.max_age, first.unchanged) == (b"x", 60, False)
    assert (second.body, second.unchanged, second.validators) == (b"", True, first.validators)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "max-age=60", "Age": "45"}, 15),
        ({"Cache-Control": "max-age=60", "Age": "90"}, 0),
        ({"Cache-Control": "max-age=60", "Age": "soon"}, 60),
        ({"Cache-Control": "no-cache, max-age=60"}, 0),
        ({"Age": "45"}, None),
    ],
)
async def test_a_document_is_fresh_for_as_long_as_its_server_says_less_what_a_cache_has_had_it(headers, seconds):
    async def page(request):
        return web.Response(body=b"x", headers=headers)

    async with serving({"/": page}) as url:
        assert (await get(url)).max_age == seconds


async def test_redirects_are_followed_and_the_last_address_told():
    async def old(request):
        raise web.HTTPMovedPermanently("/new?x=1")

    async def new(request):
        return web.Response(body=b"here", headers={"Link": '</events>; rel="alternate"'})

    async with serving({"/old": old, "/new": new}) as url:
        answer = await get(f"{url}old")
        assert (answer.url, answer.body, answer.links) == (f"{url}new?x=1", b"here", ('</events>; rel="alternate"',))


@pytest.mark.parametrize(
    ("target", "words"),
    [("/", "redirects in circles"), ("file:///etc/hostname", "no web address"), ("http://[", "no web address")],
)
async def test_redirects_that_lead_nowhere(target, words):
    async def page(request):
        return web.Response(status=302, headers={"Location": target})

    async with serving({"/": page}) as url:
        with pytest.raises(FetchError, match=words) as caught:
            await get(url)
    assert not caught.value.passing


@pytest.mark.parametrize(
    ("status", "passing", "words"),
    [
        (404, False, "answers 404 Not Found; check the address"),
        (410, False, "gone for good"),
        (401, False, "wants a login"),
        (429, True, "try again later"),
        (500, True, "try again later"),
        (503, True, "answers 503 Service Unavailable"),
    ],
)
async def test_refusals_say_whether_they_may_pass(status, passing, words):
    async def page(request):
        return web.Response(status=status)

    async with serving({"/": page}) as url:
        with pytest.raises(FetchError, match=words) as caught:
            await get(url)
    assert (caught.value.status, caught.value.passing, caught.value.retry_after) == (status, passing, None)
    assert url in str(caught.value)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (lambda: "120", 120, 120),
        (lambda: format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True), 3000, 3600),
        (lambda: "Wed, 01 Feb 2023 05:22:00 GMT", 0, 0),
        (lambda: "9" * 12, 86_400, 86_400),
    ],
    ids=["seconds", "date", "past", "much"],
)
async def test_retry_after_is_seconds_or_a_date(value, low, high):
    async def page(request):
        return web.Response(status=503, headers={"Retry-After": value()})

    async with serving({"/": page}) as url:
        with pytest.raises(FetchError) as caught:
            await get(url)
    assert low <= caught.value.retry_after <= high


@pytest.mark.parametrize("value", ["soon", "-1", "", "1.5", "٣"])
async def test_a_bad_retry_after_is_none(value):
    async def page(request):
        return web.Response(status=503, headers={"Retry-After": value})

    async with serving({"/": page}) as url:
        with pytest.raises(FetchError) as caught:
            await get(url)
    assert caught.value.retry_after is None


async def test_a_body_that_is_too_large_is_refused_after_decompression():
    async def page(request):
        response = web.Response(body=b"x" * 100_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async with serving({"/": page}) as url:
        with pytest.raises(FetchError, match="more than 50,000 bytes"):
            await get(url, max_bytes=50_000)
        assert len((await get(url, max_bytes=100_000)).body) == 100_000


async def test_a_cut_body_may_pass():
    async def page(request):
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        request.transport.close()
        return response

    async with serving({"/": page}) as url:
        with pytest.raises(FetchError, match="the connection was cut") as caught:
            await get(url)
    assert caught.value.passing


async def test_what_does_not_speak_http_is_told():
    async def speak(reader, writer):
        await reader.readline()
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(FetchError, match="does not answer in HTTP"):
            await get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://h/", "file:///etc/hostname", "http://", "http://h:99999/", "http://[", "//h/x", "localhost:1"],
)
def test_what_is_no_web_address(url):
    with pytest.raises(BadUrlError, match="is no web address"):
        check_url(url)


def test_a_forgotten_scheme_is_proposed():
    with pytest.raises(BadUrlError, match=r"did you mean http://localhost:8000/live/\?"):
        check_url("localhost:8000/live/")


def test_validators_that_are_missing_are_not_sent():
    assert Validators().headers() == {}
    assert Validators(etag='W/"x"').headers() == {"If-None-Match": 'W/"x"'}


@pytest.mark.parametrize(
    ("control", "pause"),
    [
        ("max-age=60", 60),
        ("max-age=5", 15),
        ("no-cache", 15),
        ("no-cache, max-age=60", 15),
        ("max-age=99999", 3600),
        ("", 15),
    ],
)
async def test_polling_waits_as_long_as_a_cache_may_keep_the_feed(control, pause):
    async def feed(request):
        return web.json_response({"items": []}, headers={"Cache-Control": control} if control else {})

    async with serving({"/": feed}) as url, open_session() as session:
        poll = Poll(session, url)
        assert (await poll.look()).posts == []
        assert poll.pause == pause


@pytest.fixture
def environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch.setenv


async def test_what_is_elsewhere_is_asked_for_by_the_proxy_of_the_environment(environment):
    async def proxy(request):
        return web.Response(text=f"{request.url} by proxy")

    async with serving({"/": proxy}) as url:
        environment("HTTP_PROXY", url)
        assert (await get("http://story.example/")).body == b"http://story.example/ by proxy"
        assert (await get(url)).body == f"{url} by proxy".encode()  # which is on this machine: nobody is asked for it
        with pytest.raises(FetchError, match=r"cannot reach http://story\.invalid/"):
            async with open_session(allow_private=False) as session:  # a proxy could lead anywhere
                await fetch(session, "http://story.invalid/")
    with pytest.raises(
        FetchError, match=r"cannot reach http://story.example/: its proxy 127.0.0.1:\d+ does not answer"
    ):
        await get("http://story.example/")


def test_the_environment_says_what_goes_by_no_proxy(environment):
    environment("HTTPS_PROXY", "proxy.example:3128")
    environment("NO_PROXY", "news.example,.inner.example")
    assert proxy_for("https://story.example/live/") == "http://proxy.example:3128"
    assert proxy_for("http://story.example/live/") is None
    assert proxy_for("https://news.example/") is None
    assert proxy_for("https://a.inner.example:8443/") is None
    assert (
        proxy_for("https://localhost/") is proxy_for("https://[::1]:8000/") is proxy_for("https://127.1.2.3/") is None
    )


def test_a_proxy_of_another_kind_is_told(environment):
    environment("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(UsageError, match=r"is none of HTTP; set HTTP_PROXY to one, or add story\.example to"):
        proxy_for("http://story.example/")


async def test_a_server_without_tls_is_told_from_one_that_cannot_be_trusted():
    async def plain(_request):
        return web.Response()

    async with serving({"/": plain}) as url:
        secure = url.replace("http:", "https:")
        with pytest.raises(FetchError, match="does not speak TLS; did you mean http://127"):
            await get(secure)
