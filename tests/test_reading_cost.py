"""What reading costs: time grows with the size of a source and no faster, whatever stands in it.

The absolute figures are those of ``tests/bench/reading.py``.
"""

import io
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from growing import assert_linear
from rich.console import Console

from publisher.render.overview import overview
from publisher.render.report import report
from publisher.sources.opening import read
from publisher.sources.options import Options
from publisher.sources.reading import Reading, SourceError, Told
from publisher.sources.saves import merge
from shared.event import PostEvent
from shared.post import Post, PostFacts

NOON = datetime(2024, 3, 3, 12, tzinfo=UTC)
STAMP = "8:02 p.m. ET, March 3, 2024\n"
HEAD = STAMP + "\nHeadline\n\n"
END = f"\n{HEAD}Text.\n"
UNDATED = "\n8:02 p.m. ET\n\nHeadline\n\nText.\n"
TOLD = Options(missing_times="interpolate", date=NOON.date(), saved_at=NOON)


def reading_of(text, name="page.txt"):
    """Prepare to read and report a source, or to be refused it."""
    data = text.encode()

    def run():
        with suppress(SourceError):
            report(read(data, name, options=TOLD))

    return run


def clock(number):
    return f"{number // 60 % 12 + 1}:{number % 60:02} p.m."


# Five units take a few milliseconds.
SHAPES = {
    "words": lambda n: HEAD + "word " * 400 * n,
    "brackets": lambda n: HEAD + "(" * 2000 * n,
    "link": lambda n: HEAD + "https://" * 250 * n,
    "links": lambda n: HEAD + "http://a.b/( " * 150 * n,
    "commas": lambda n: HEAD + "A, " * 700 * n,
    "credits": lambda n: HEAD + "Credit..." * 200 * n,
    "entities": lambda n: HEAD + "&amp;" * 400 * n,
    "quotes": lambda n: HEAD + "\N{LEFT DOUBLE QUOTATION MARK}\n" * 200 * n,
    "lines": lambda n: HEAD + "a\n" * 200 * n,
    "bullets": lambda n: HEAD + "• x\n" * 150 * n,
    "kickers": lambda n: HEAD + "Some context: it is so.\n" * 100 * n,
    "captions": lambda n: HEAD + "A boat at the quay. (Jo Doe/Agency)\n" * 50 * n,
    "dangling": lambda n: HEAD + "Read more\n" * 200 * n,
    "clocks": lambda n: HEAD + "12:00 " * 300 * n,
    "spans": lambda n: HEAD + "10 min agoA" * 50 * n,
    "updates": lambda n: HEAD + "a. Update 11:45 a.m. EDT April 7: b " * 30 * n,
    "days": lambda n: HEAD + "March 3\n" * 100 * n,
    "froms": lambda n: HEAD + "From A's " * 200 * n,
    "bylines": lambda n: HEAD + "By Jo Doe\n" * 100 * n,
    "tickers": lambda n: HEAD + "+++ 15:25 " * 200 * n,
    "pinned": lambda n: STAMP + "Pinned\n" * 200 * n + "\nHeadline\n\nText.\n",
    "closings": lambda n: HEAD + "Text.\n" + "Our live coverage has ended.\n" * 100 * n,
    "edits": lambda n: HEAD + "Text.\n" + f"Updated {STAMP}" * 50 * n,
    "stamps": lambda n: f"March 3, 2024\n\n{clock(0)} ET\n\n" + f"{clock(0)}\n\n" * 60 * n + "Headline\n\nText.\n",
    "menu": lambda n: "".join(f"m{number}\n" for number in range(300 * n)) + END,
    "addresses": lambda n: "".join(f"https://a.a/2024-03-0{k % 7 + 1}/\n" for k in range(200 * n)) + UNDATED,
    "declared": lambda n: "All times are " * 150 * n + "\n" + END,
    "boxes": lambda n: "What we know\n" * 200 * n + END,
    "numbered": lambda n: "Title\n\n" + "".join(f"{k}. The water rises\n\nText {k}.\n" for k in range(1, 50 * n)),
    "headlines": lambda n: "Title\n\n" + "The water rises\n\nIt is at the gate.\n\n" * 50 * n,
    "agenda": lambda n: "Title\n\nMarch 3, 2024\n\n" + "".join(f"{k % 12 + 1}am: Words {k}\n" for k in range(60 * n)),
    "posts": lambda n: "".join(f"{clock(k)} ET, March 3, 2024\n\nHead {k}\n\nText.\n\n" for k in range(30 * n)),
    "relative": lambda n: "".join(f"{k} min ago\n\nHeadline {k}\n\nText.\n" for k in range(30 * n)),
    "alike": lambda n: "".join(f"{HEAD}Text {k}.\n" for k in range(30 * n)),
    "copies": lambda n: HEAD + "A\n" * 400 * n + "".join(f"{HEAD}Text {k}.\n" for k in range(30 * n)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_cost_of_a_transcript_grows_with_its_size(shape):
    assert_linear(lambda size: reading_of(SHAPES[shape](size)), 5)


LD = '<html><script type="application/ld+json">'
MARKUP = {
    "commas": lambda n: LD + "," * 2000 * n + "</script>",
    "spaces": lambda n: LD + " " * 2000 * n + "</script>",
    "scripts": lambda n: (LD + "{}</script>") * 20 * n,
    "divisions": lambda n: "<div>" * 200 * n,
    "times": lambda n: "<html>" + "<time datetime='2024-01-01'></time>" * 20 * n,
    "clocks": lambda n: "<html>" + "<p>10:00</p>" * 50 * n,
    "comments": lambda n: "<!--" * 500 * n,
    "comments-in-dashes": lambda n: "<!-- - " * 300 * n + "<html>",
    "angles": lambda n: "<" * 2000 * n,
    "brackets": lambda n: "[" * 2000 * n + '"liveBlogUpdate"',
}


@pytest.mark.parametrize("shape", MARKUP)
def test_the_cost_of_a_page_grows_with_its_size(shape):
    assert_linear(lambda size: reading_of(MARKUP[shape](size), "page.html"), 10)


@pytest.mark.parametrize(
    "extra",
    [{"@id": "#same"}, {}, {"url": "https://a.example/#x"}, {"author": [[["A"]]]}, {"keywords": ["k"] * 9}],
    ids=["one-id", "plain", "one-url", "nested-author", "keywords"],
)
def test_the_cost_of_updates_grows_with_their_number(extra):
    def page(size):
        updates = [
            {
                "@type": "BlogPosting",
                "headline": f"H {n}",
                "datePublished": f"2024-01-{n // 1440 + 1:02}T{n // 60 % 24:02}:{n % 60:02}:00Z",
                "articleBody": f"Body {n}.",
                **extra,
            }
            for n in range(size)
        ]
        return reading_of(f"{LD}{json.dumps({'@type': 'LiveBlogPosting', 'liveBlogUpdate': updates})}</script>")

    assert_linear(page, 50)


ITEM = "<item><title>T {0}</title><pubDate>Sun, 03 Mar 2024 12:00:00 GMT</pubDate><description>D</description></item>"
LINE = '{{"id": "{0}", "date_published": "2024-03-03T12:00:00Z", "title": "T", "content_text": "B"}}\n'
GONE = '{{"event": "delete", "data": {{"id": "{0}"}}}}\n'
NOTE = "---\nid: p{0}\ndate: 2024-03-03T12:00:00Z\n---\n\n# T {0}\n\nText.\n\n"
LISTS = {
    "rss": lambda n: f"<rss version='2.0'><channel>{''.join(map(ITEM.format, range(n)))}</channel></rss>",
    "json-lines": lambda n: "".join(map(LINE.format, range(n))),
    "deletions": lambda n: LINE.format("a") + "".join(map(GONE.format, range(20 * n))),
    "markdown": lambda n: "".join(map(NOTE.format, range(n))),
}


@pytest.mark.parametrize("shape", LISTS)
def test_the_cost_of_a_list_grows_with_its_length(shape):
    assert_linear(lambda size: reading_of(LISTS[shape](size), "list"), 40)


def test_the_cost_of_showing_a_story_grows_with_its_length():
    def shown(size):
        reading = read("".join(map(LINE.format, range(size))).encode(), "list")
        console = Console(file=io.StringIO(), width=100)
        return lambda: console.print(overview(reading, 100), crop=False)

    assert_linear(shown, 40)


def test_the_cost_of_merging_saves_grows_with_their_posts():
    def post(number, more=""):
        moment = NOON + timedelta(minutes=number // 50)
        return Post(
            id=f"p{number}{more[:1]}", title=f"Headline {number}", content_html=f"<p>Report {number * 7}{more}</p>",
            date_published=moment, newsreel=PostFacts(story_time=moment),
        )  # fmt: skip

    def saves(size):
        both = [
            Reading("page.txt", "transcript", told=tuple(Told(PostEvent(post=post(n, more))) for n in range(size)))
            for more in ("", " again")
        ]
        return lambda: merge(both, [None, NOON + timedelta(days=30)])

    assert_linear(saves, 100)
