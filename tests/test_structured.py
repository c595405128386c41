"""Live blogs saved as web pages: the corpus of markup, what is unsure in it, hostile pages."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.render.report import report
from publisher.sources import html, jsonld
from publisher.sources.html.moments import read_clock, read_instant
from publisher.sources.opening import read
from publisher.sources.options import Options
from publisher.sources.reading import SourceError

CORPUS = sorted(p for p in (Path(__file__).parent / "corpus/html").iterdir() if p.suffix in {".html", ".jsonld"})


def reading_of(text, **options):
    return read(text.encode(), "page.html", options=Options(**options))


def page_of(*updates, body="", **blog):
    """Make a page of a LiveBlogPosting with these updates."""
    script = json.dumps({"@type": "LiveBlogPosting", "headline": "Title", **blog, "liveBlogUpdate": list(updates)})
    script = script.replace("</", "<\\/")
    return (
        f'<!DOCTYPE html><html lang="en"><script type="application/ld+json">{script}</script><body>{body}</body></html>'
    )


def codes(reading):
    return [doubt.code for doubt in reading.doubts]


@pytest.mark.parametrize("page", CORPUS, ids=lambda p: p.stem)
def test_corpus(page):
    assert report(read(page.read_bytes(), page.name)) == json.loads(page.with_suffix(".json").read_text("utf-8"))


def test_corpus_has_an_expectation_for_every_case_and_none_too_many():
    assert len(CORPUS) >= 35
    assert {p.stem for p in CORPUS} == {p.stem for p in (Path(__file__).parent / "corpus/html").glob("*.json")}
    assert {f"j{number:02}" for number in range(1, 20)} <= {p.stem[:3] for p in CORPUS}


@pytest.mark.parametrize(
    "text",
    [
        "<html>", "\n <!DOCTYPE html>", "<!-- saved from url=(0014)about:internet -->\n<html>", "<BODY>",
        "<div id='x'>", "<main>", "<live-post>A</live-post>",
        "<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0'><html>", "<script type='a'>",
    ],
)  # fmt: skip
def test_markup_is_told_from_its_first_tag(text):
    assert html.fits(text)


@pytest.mark.parametrize(
    "text",
    ["<3 this", "a <b>", "", "<rss version='2.0'>", "<?xml version='1.0'?><feed>", "{", "<!-- ", "<Media omitted>"],
)
def test_what_is_no_page(text):
    assert not html.fits(text)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2021-02-19T19:41:53.000Z", "2021-02-19T19:41:53+00:00"),
        ("2021-02-19T19:41:53+0000", "2021-02-19T19:41:53+00:00"),
        ("2021-01-01IST10:00:00+05:30", "2021-01-01T10:00:00+05:30"),
        ("2021-01-01 10:00:00", "2021-01-01T10:00:00"),
        ("2021-01-01", "2021-01-01T00:00:00"),
        ("1612345678000", "2021-02-03T09:47:58+00:00"),
        ("Fri, 19 Feb 2021 17:20:00 GMT", "2021-02-19T17:20:00+00:00"),
        ("12:22 a.m. ET, February 1, 2023", "2023-02-01T00:22:00-05:00"),
    ],
)
def test_moments_as_templates_write_them(given, expected):
    assert read_instant(given).moment.isoformat() == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "TBC",
        "date goes here",
        "9999-12-31T23:00:00Z",
        "0001-01-01T00:00:00Z",
        "2021-02-30",
        None,
        True,
        "1" * 99,
    ],
)
def test_what_is_no_moment(given):
    assert read_instant(given) is None


@pytest.mark.parametrize(
    ("given", "hour"),
    [
        ("9.49pm BST", 21),
        ("08:42 IST", 8),
        ("22:14 Uhr", 22),
        ("18:28 PM", 18),
        ("12:05 a.m.", 0),
        ("21h15", 21),
        ("10am", 10),
    ],
)
def test_times_of_day(given, hour):
    assert read_clock(given).clock.hour == hour


@pytest.mark.parametrize("given", ["24:10", "9:61", "4.6 overs", "1949", "90 min", "10:00 today"])
def test_what_is_no_time_of_day(given):
    assert read_clock(given) is None


NAIVE = {"datePublished": "2024-07-06T18:00:00", "articleBody": "Naive."}
ZONED = {"datePublished": "2024-07-06T19:00:00+05:30", "articleBody": "Zoned."}


def test_a_time_without_a_zone_is_of_the_zone_given():
    reading = reading_of(page_of(NAIVE), tz=ZoneInfo("Europe/London"))
    assert reading.posts[0].story_time.isoformat() == "2024-07-06T18:00:00+01:00"
    assert codes(reading) == []


def test_a_time_without_a_zone_is_of_the_page_s_other_times_with_a_doubt():
    reading = reading_of(page_of(NAIVE, ZONED))
    assert {p.story_time.utcoffset() for p in reading.posts} == {timedelta(hours=5, minutes=30)}
    assert codes(reading) == ["zone-assumed"] and "--tz" in reading.doubts[0].message


UNTIMED = [{"headline": f"Number {n}", "articleBody": f"Body {n}."} for n in (3, 2, 1)]


def test_a_page_without_times_is_refused_with_the_mend():
    with pytest.raises(SourceError, match="--missing-times interpolate") as refusal:
        reading_of(page_of(*UNTIMED))
    assert "\n" not in str(refusal.value)


def test_times_that_are_the_page_s_are_no_times():
    stamp = {"datePublished": "2024-07-06T18:00:00Z", "dateModified": "2024-07-07T18:00:00Z"}
    with pytest.raises(SourceError, match="3 of 3 posts have no time"):
        reading_of(page_of(*({**update, **stamp} for update in UNTIMED), **stamp))


def test_missing_times_can_be_made_up_and_say_so():
    given = page_of(
        {**UNTIMED[0], "datePublished": "2024-07-06T18:10:00Z"},
        UNTIMED[1],
        {**UNTIMED[2], "datePublished": "2024-07-06T18:00:00Z"},
    )
    reading = reading_of(given, missing_times="interpolate")
    assert [(t.time_source, t.event.post.story_time.minute) for t in reading.told] == [
        ("own", 0),
        ("interpolated", 5),
        ("own", 10),
    ]


def test_times_of_day_are_counted_from_the_day_given():
    body = "".join(
        f'<div class="live-update"><b class="time">{clock}</b><p>Post.</p></div>' for clock in ("00:10", "23:50")
    )
    reading = reading_of(f"<html><body>{body}</body></html>", date=date(2024, 2, 29), tz=UTC)
    assert [p.story_time for p in reading.posts] == [
        datetime(2024, 2, 29, 23, 50, tzinfo=UTC),
        datetime(2024, 3, 1, 0, 10, tzinfo=UTC),
    ]


def test_times_of_day_are_counted_back_from_the_first_post_that_names_its_day():
    times = ["<b class='time'>23:50</b>", "<b class='time'>00:10</b>", "<time datetime='2024-03-01T00:20Z'></time>"]
    body = "".join(f'<div class="live-update">{time}<p>Post {n}.</p></div>' for n, time in enumerate(times))
    reading = reading_of(f"<html><body>{body}</body></html>", order="oldest")
    assert [f"{p.story_time:%d %H:%M}" for p in reading.posts] == ["29 23:50", "01 00:10", "01 00:20"]


def test_posts_of_one_minute_keep_the_page_s_order_seen_from_its_oldest_end():
    stamps = ["2024-01-01T10:02:00Z", "2024-01-01T10:01:00Z", "2024-01-01T10:01:00Z", "2024-01-01T10:00:00Z"]
    updates = [{"headline": f"N{n}", "datePublished": stamp} for n, stamp in enumerate(stamps)]
    assert [p.title for p in reading_of(page_of(*updates)).posts] == ["N3", "N2", "N1", "N0"]
    assert [p.title for p in reading_of(page_of(*updates[::-1])).posts] == ["N3", "N2", "N1", "N0"]
    assert [p.title for p in reading_of(page_of(*updates), order="oldest").posts] == ["N3", "N1", "N2", "N0"]


def test_an_edited_post_appears_once_at_its_first_time():
    update = {"headline": "A", "datePublished": "2024-01-01T10:00:00Z", "dateModified": "2024-01-01T11:00:00Z"}
    reading = reading_of(page_of(update, {**update, "headline": "B", "dateModified": "2024-01-01T09:59:59Z"}))
    assert [t.event.kind for t in reading.told] == ["post", "post"]
    assert {p.title: p.date_modified for p in reading.posts} == {"A": datetime(2024, 1, 1, 11, tzinfo=UTC), "B": None}
    assert codes(reading) == ["edited-later"]


def test_numbers_of_seconds_are_told_in_the_page_s_zone():
    body = '<bsp-liveblog-post data-posted-date-timestamp="1717423500000"><p>One.</p></bsp-liveblog-post>'
    reading = reading_of(page_of(body=body, datePublished="2024-06-03T09:00:00-04:00"))
    assert reading.posts[0].story_time == datetime(2024, 6, 3, 10, 5, tzinfo=timezone(timedelta(hours=-4)))
    assert reading.posts[0].story_time.utcoffset() == timedelta(hours=-4)


def test_bodies_are_sanitised_and_their_links_absolute():
    body = '<p onclick="x()">A <a href="../b">link</a><script>bad()</script><img src="http://a.example/x.png"></p>'
    [post] = reading_of(
        page_of({"datePublished": "2024-01-01T10:00:00Z", "articleBody": body}, url="https://a.example/c/d")
    ).posts
    assert "script" not in post.content_html and "onclick" not in post.content_html


def test_one_kind_of_markup_is_read_not_both():
    update = (
        '<div itemprop="liveBlogUpdate" itemscope><meta itemprop="datePublished" content="2024-01-01T10:00:00Z">'
        '<p itemprop="articleBody">The same words here.</p></div>'
    )
    given = page_of(
        {"datePublished": "2024-01-01T10:00:00Z", "articleBody": "The same words here."},
        body=f'<div itemscope itemtype="https://schema.org/LiveBlogPosting">{update}</div>',
    )
    assert len(reading_of(given).posts) == 1


def test_a_page_that_loads_its_posts_later_is_refused_with_the_mend():
    with pytest.raises(SourceError, match="save it from a browser once it has loaded"):
        reading_of("<html><title>Live</title><body><div id=app></div><script>load()</script></body></html>")


def test_what_is_doubted_of_a_page_and_of_its_words_is_said_once():
    posts = "".join(f"<p>8:0{n} p.m. GMT, March 3, 2024</p><p>Gate {n} opens</p><p>It is {n}.</p>" for n in (2, 1))
    reading = reading_of(f"<html><body><h1>The gates of Millbrook, live</h1>{posts}<p>Page 1 of 3</p></body></html>")
    assert codes(reading).count("paged") == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"@type": "LiveBlogPosting"}',
        '[{"liveBlogUpdate": []}]',
        '{"@type": "LiveBlogPosting", ',
        '{"x": "LiveBlogPosting"}',
    ],
)
def test_json_ld_without_posts_is_refused(text):
    with pytest.raises(SourceError):
        jsonld.read(text, "blog.json", Options())


def test_a_script_too_deep_is_passed_over_and_kills_nothing():
    deep = '<script type="application/ld+json">' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "</script>"
    good = page_of({"datePublished": "2024-01-01T10:00:00Z", "articleBody": "Alive."})
    reading = reading_of(good.replace("<body>", deep + "<body>"))
    assert [p.content_text for p in reading.posts] == ["Alive."]
    assert codes(reading) == ["bad-script"] and "over 100 levels deep" in reading.doubts[0].message


BOMB = "<!DOCTYPE html [" + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)) + "]><p>&l11;</p>"


@pytest.mark.parametrize(
    "text",
    [
        "<html>" + "x" * 5_000_000,
        "<html><p " + "a='b' " * 100_000 + ">",
        '<html><script type="application/ld+json">' + '{"a":' * 10_000 + "</script>",
        '<html><script type="application/ld+json">"' + '\\"' * 1_000_000 + "</script>",
        '<html><script type="application/ld+json">' + "," * 1_000_000 + "</script>",
        '<html><script type="application/ld+json">' + " " * 1_000_000 + "</script>",
        BOMB,
        "<div>" * 100_000,
        "<b>" * 2000 + "deep",
        "<html>" + "<time>" * 1500,
        "<html>" + "<time datetime='2024-01-01'></time>" * 5_000,
        "<html>" + "<p>10:00</p>" * 10_000,
        "<!--" * 300_000,
        "<!-- - " * 300_000 + "<html>",
        "<" * 1_000_000,
        "<html>" + "<div itemscope itemprop=liveBlogUpdate>" * 1000,
        "<html>" + "<p itemscope itemprop=liveBlogUpdate><b itemprop=articleBody>" * 900,
        "[" * 1_000_000 + '"liveBlogUpdate"',
    ],
    ids=lambda text: text[:30] + text[-10:],
)  # fmt: skip
def test_hostile_pages_are_refused_in_one_line(text):
    with pytest.raises(SourceError) as refusal:
        reading_of(text)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 600


TEXTS = [page.read_text("utf-8") for page in CORPUS]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20)
    | st.sampled_from(["2024-01-01T10:00:00Z", "#a", "LiveBlogPosting"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["@id", "@type", "@graph", "@value", "liveBlogUpdate", "headline", "articleBody", "author", "name", "image",
             "url", "datePublished", "dateModified", "keywords", "video", "contentUrl", "duration", "text", "caption"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@st.composite
def mutated_pages(draw):
    """Cut two pages anywhere, join the pieces, and put something foreign in between."""
    first, second = draw(st.sampled_from(TEXTS)), draw(st.sampled_from(TEXTS))
    head = first[: draw(st.integers(0, len(first)))]
    tail = second[draw(st.integers(0, len(second))) :]
    middle = draw(
        st.sampled_from(["", "<", ">", '"', "'", "{", "}", "[", "</script>", "<time>", "\\", "\x00", "<li>", "]]>"])
    )
    return head + middle + tail


def is_sound(reading):
    said = report(reading)
    times = [post.story_time for post in reading.posts]
    ids = [post.id for post in reading.posts]
    return (
        said["posts"]
        and times == sorted(times)
        and len(set(ids)) == len(ids)
        and all("<script" not in post["content_html"].lower() for post in said["posts"])
    )


@settings(max_examples=300)
@given(mutated_pages(), st.sampled_from(["error", "interpolate"]))
def test_mutated_pages_are_read_or_refused(text, missing):
    with suppress(SourceError):
        assert is_sound(html.read(text, "page.html", Options(missing_times=missing, date=date(2024, 1, 1))))


@settings(max_examples=300)
@given(VALUES, st.booleans())
def test_json_of_any_shape_is_read_or_refused(value, in_update):
    blog = {
        "@type": "LiveBlogPosting",
        "liveBlogUpdate": value if in_update else [{"headline": "H", "articleBody": value}],
    }
    script = json.dumps([blog, value]).replace("</", "<\\/")
    options = Options(missing_times="interpolate", date=date(2024, 1, 1))
    with suppress(SourceError):
        assert is_sound(
            html.read(f'<html><script type="application/ld+json">{script}</script></html>', "page.html", options)
        )
    with suppress(SourceError):
        assert is_sound(jsonld.read(script, "page.json", options))


def test_clocks_without_a_day_are_dated_by_the_last_update_back_across_midnight():
    block = '<li class="ticker-item"><span class="clock">{}</span><p>Report {}.</p></li>'
    page = "<html lang='de'><p>Stand: 15.09.2024, 00:31 Uhr</p><ul>" + "".join(
        block.format(clock, number) for number, clock in enumerate(["00:20 Uhr", "23:50 Uhr", "23:10 Uhr"])
    )
    times = [f"{post.story_time:%d %H:%M %z}" for post in reading_of(page).posts]
    assert times == ["14 23:10 +0200", "14 23:50 +0200", "15 00:20 +0200"]


def test_clocks_on_no_day_ask_for_it():
    block = '<li class="ticker-item"><span class="clock">{}</span><p>Report.</p></li>'
    page = "<html><ul>" + block.format("12:20 GMT") + block.format("11:20 GMT")
    with pytest.raises(SourceError, match="the times name no day, and nothing in the source says it; give --date"):
        reading_of(page)
    assert len(reading_of(page, date=date(2024, 9, 14)).posts) == 2


@pytest.mark.parametrize("day", [date.min, date.max])
def test_times_that_leave_the_calendar_are_refused(day):
    page = page_of({"articleBody": "One."}, {"articleBody": "Two."})
    with pytest.raises(SourceError, match="leave the calendar; choose less, or another --date"):
        reading_of(page, date=day, missing_times="interpolate")
