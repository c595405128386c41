"""From the address of a page, a feed or a stream to the rest."""

import json

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from scripted import open_newsroom, serving

from shared.fetch import FetchError, open_session
from shared.syndication import NotAFeedError
from subscriber.discover import SeveralChannelsError, choose, discover, html_links, parse_link_headers

ATOM = "<feed xmlns='http://www.w3.org/2005/Atom'><title>Harbour</title><id>x</id></feed>"


async def find(url):
    async with open_session() as session:
        return await discover(session, url)


def page(html, headers=None):
    async def serve(request):
        return web.Response(text=f"<!doctype html>{html}", content_type="text/html", headers=headers)

    return serve


def document(text, kind, headers=None):
    async def serve(request):
        return web.Response(text=text, content_type=kind, headers=headers)

    return serve


@pytest.mark.parametrize("path", ["", "feed.json"])
async def test_page_and_feed_lead_to_the_stream(path):
    async with open_newsroom() as newsroom:
        channel = await find(newsroom.root + path)
    assert channel.stream == f"{newsroom.root}events"
    assert channel.best_feed == f"{newsroom.root}feed.json"
    assert channel.title == "Harbour live"


async def test_a_stream_is_known_by_its_type_and_not_read():
    async with open_newsroom() as newsroom:
        assert (await find(f"{newsroom.root}events")).stream == f"{newsroom.root}events"


async def test_link_elements_of_a_page_are_resolved_against_its_base():
    html = (
        "<head><title> Harbour\n live </title><base href='/live/'>"
        "<link rel='ALTERNATE nofollow' type='Text/Event-Stream' href='events'>"
        "<link rel=alternate type=application/rss+xml href=feed.rss>"
        "<link rel=alternate type=application/atom+xml href=feed.atom>"
        "<link rel=stylesheet href=x.css><link rel=alternate hreflang=de href=/de/>"
    )
    async with serving({"/": page(html)}) as url:
        channel = await find(url)
        assert (channel.title, channel.stream) == ("Harbour live", f"{url}live/events")
        assert channel.best_feed == f"{url}live/feed.atom"


async def test_the_richest_feed_is_chosen():
    kinds = ["application/rss+xml", "application/atom+xml", "application/feed+json"]
    links = "".join(f"<link rel=alternate type={kind} href=/{n}>" for n, kind in enumerate(kinds))
    routes = {f"/{n}": document(json.dumps({"items": []}), "application/feed+json") for n in range(3)}
    async with serving({"/": page(links), **routes}) as url:
        assert (await find(url)).best_feed == f"{url}2"


async def test_a_front_page_with_one_channel_leads_through_its_feed_to_the_stream():
    events = "<events>; rel=alternate; type=text/event-stream"
    link = {"Link": f"{events}, <feed.json>; rel=alternate; type=application/feed+json"}
    routes = {
        "/": page(
            "<title>All</title><link rel=alternate type=application/atom+xml href=/live/feed.atom title=Harbour>"
        ),
        "/live/feed.atom": document(ATOM, "application/atom+xml", link),
    }
    async with serving(routes) as url:
        channel = await find(url)
        assert (channel.stream, channel.title) == (f"{url}live/events", "Harbour")
        assert channel.best_feed == f"{url}live/feed.json"


async def test_a_front_page_with_several_channels_lists_them():
    links = "".join(f"<link rel=alternate type=application/atom+xml href=/{n}/ title=T{n}>" for n in range(3))
    async with serving({"/": page(links)}) as url:
        with pytest.raises(SeveralChannelsError, match="has 3 channels; follow one of them") as caught:
            await find(url)
    assert [(link.href, link.title) for link in caught.value.channels] == [(f"{url}{n}/", f"T{n}") for n in range(3)]


async def test_the_same_link_in_header_and_page_is_one():
    link = "<link rel=alternate type=application/rss+xml href=/rss>"
    header = {"Link": '</rss>; rel="alternate"; type="application/rss+xml"'}
    rss = document("<rss version='2.0'><channel><title>C</title></channel></rss>", "text/xml")
    async with serving({"/": page(link, header), "/rss": rss}) as url:
        assert (await find(url)).best_feed == f"{url}rss"


@pytest.mark.parametrize(
    ("body", "kind"),
    [("<p>words", "text/html"), ("words", "text/plain"), ("", "application/xml"), ("{}", "application/json")],
)
async def test_what_leads_nowhere_is_told(body, kind):
    async with serving({"/": document(body, kind)}) as url:
        with pytest.raises(NotAFeedError, match=r"give the address of"):
            await find(url)


async def test_a_missing_page_is_told():
    async with serving({}) as url:
        with pytest.raises(FetchError, match="404"):
            await find(url)


def test_link_headers_as_rfc_8288_writes_them():
    headers = [
        '<a>; rel="alternate self"; type="text/event-stream"; title="a, \\"b\\"; c", </b>;rel=hub;REL=ignored',
        "<http://x.example/?a=1,2;b>; rel=alternate ; type = application/atom+xml",
        "<c>",
        "no link at all; rel=alternate",
    ]
    found = [
        (link.href, link.rel, link.type, link.title) for link in parse_link_headers(headers, "http://h.example/d/")
    ]
    assert found == [
        ("http://h.example/d/a", "alternate", "text/event-stream", 'a, "b"; c'),
        ("http://h.example/d/a", "self", "text/event-stream", 'a, "b"; c'),
        ("http://h.example/b", "hub", None, None),
        ("http://x.example/?a=1,2;b", "alternate", "application/atom+xml", None),
    ]


@given(st.lists(st.text(st.sampled_from('<>;,="\\ abrel*alternate'), max_size=60)))
def test_no_link_header_breaks_the_reader(headers):
    choose("http://h.example/", None, [])
    parse_link_headers(headers, "http://h.example/")


@given(st.binary(max_size=200))
def test_no_page_breaks_the_reader(data):
    html_links(data + b"<link rel=alternate href='http://['><base href='http://['>", "http://h.example/")
