"""Feeds in a browser: a person who opens one sees what it is and what is in it, not its source."""

import pytest
from browsing import browser_tab, in_chromium
from channels import open_room
from playwright.async_api import expect

from publisher.render.stylesheet import STYLESHEET, STYLESHEET_PATH

NAVIGATES = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
READS = [
    "*/*",
    "application/atom+xml,application/rdf+xml,application/rss+xml,application/x-netcdf,application/xml;q=0.9,*/*;q=0.1",
    "application/atom+xml, application/rss+xml, application/xml, text/xml",
    "text/html",
]


@pytest.fixture
async def room():
    async with open_room(window=2) as room:
        await room.post("a", "b", "c")
        yield room


async def test_a_browser_gets_the_same_bytes_as_xml_that_it_shows(room):
    for path, own in (("feed.atom", "atom"), ("feed.rss", "rss"), ("archive/1.atom", "atom"), ("archive/1.rss", "rss")):
        _, known, body = await room.get(path)
        _, shown, same = await room.get(path, Accept=NAVIGATES)
        assert shown["Content-Type"] == "application/xml; charset=utf-8"
        assert "default-src 'none'" in shown["Content-Security-Policy"]
        assert same == body
        assert shown["ETag"] != known["ETag"]  # another representation
        assert "Accept" in known["Vary"].split(", ")
        for accept in READS:
            _, headers, _ = await room.get(path, Accept=accept)
            assert (headers["Content-Type"], headers["ETag"]) == (
                f"application/{own}+xml; charset=utf-8",
                known["ETag"],
            )


async def test_the_style_is_where_feeds_say_and_never_changes_there(room):
    for path, href in (("feed.atom", STYLESHEET_PATH), ("archive/1.rss", f"../{STYLESHEET_PATH}")):
        body = await room.body(path)
        assert body.split(b"?>\n")[1] == f'<?xml-stylesheet type="text/css" href="{href}"'.encode()
    status, headers, body = await room.get(STYLESHEET_PATH)
    assert (status, headers["Content-Type"], body) == (200, "text/css; charset=utf-8", STYLESHEET)
    assert headers["Cache-Control"] == "max-age=31536000, immutable"


@in_chromium
@pytest.mark.parametrize("path", ["feed.atom", "feed.rss", "archive/1.atom"])
async def test_a_person_sees_titles_and_no_source(room, path):
    async with browser_tab() as page:
        said = []
        page.on("console", lambda message: said.append(message.text))
        await page.goto(room.root + path)
        await expect(page.locator(":root")).to_have_css("background-color", "rgb(252, 251, 249)")
        seen = await page.evaluate(
            """[...document.querySelectorAll("*")].filter((e) => !e.children.length && e.getClientRects().length)
               .map((e) => e.textContent).join("\\n")"""
        )
        assert "Storm (replay)" in seen
        assert "About b" in seen
        assert "<p>" not in seen
        above = """(e => e.getBoundingClientRect().top - e.parentElement.getBoundingClientRect().top)
                   (document.querySelector("entry, item"))"""
        assert await page.evaluate(above) < 300  # links that are for programs take no room
        assert not [line for line in said if "favicon" not in line]
