"""Markdown: the corpus, what ``convert`` writes read back, refusals."""

import json
from contextlib import suppress
from datetime import date

import making
import pytest
import telling
from cases import cases, expected, orphans
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.render.markdown import write
from publisher.render.report import report
from publisher.sources.markdown import fits
from publisher.sources.opening import read
from publisher.sources.options import Options
from publisher.sources.paragraphs import markdown_html, normal
from publisher.sources.reading import Header, Reading, SourceError, Told
from shared.event import DeleteEvent, PostEvent, encode_event
from shared.text import clean_html

CASES = cases("markdown")
OPTIONS = {"headings-without-times": Options(missing_times="interpolate", date=date(2024, 8, 3))}
HEADING = "## 2024-05-05T10:00Z Fine\n\nYes.\n\n"


def reading_of(text, **options):
    return read(text.encode(), "story.md", format="markdown", options=Options(**options))


def body_of(html):
    """Write a body as Markdown, and give what stands below the heading."""
    reading = Reading("x", "x", told=(Told(PostEvent(post=making.make_post(content_html=html, authors=(), tags=()))),))
    return write(reading).split("\n\n", 1)[1].rstrip("\n")


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.stem)
def test_corpus(case):
    form = "markdown" if case.stem in OPTIONS else None
    assert report(read(case.read_bytes(), case.name, format=form, options=OPTIONS.get(case.stem))) == expected(case)


def test_corpus_has_an_expectation_for_every_case_and_none_too_many():
    assert len(CASES) >= 8 and orphans("markdown") == []


def test_changes_and_deletions_stand_under_headings_of_their_own():
    [case] = [case for case in CASES if case.stem == "all-of-it"]
    told = read(case.read_bytes(), case.name).told
    assert [(t.event.kind, f"{t.event.story_time:%H:%M}", t.line) for t in told] == [
        ("post", "19:42", 9), ("post", "20:16", 23), ("update", "21:00", 35), ("delete", "21:30", 39),
    ]  # fmt: skip


@settings(max_examples=200)
@given(telling.readings())
def test_what_is_written_reads_back_the_same_but_for_white_space_nobody_sees(reading):
    back = read(write(reading).encode(), "x.md")
    assert (back.format, back.dropped) == ("markdown", ())
    assert {doubt.code for doubt in back.doubts} <= {"no-such-post"}, "deletions of posts from before"
    wanted = [_normal(told.event) for told in reading.told]
    assert [told.event for told in back.told] == wanted
    assert [encode_event(told.event) for told in back.told] == [encode_event(event) for event in wanted]
    assert back.header == reading.header


def _normal(event):
    if isinstance(event, DeleteEvent):
        return event
    post = event.post.model_copy(update={"content_html": normal(event.post.content_html)})
    return event.model_copy(update={"post": post})


@settings(max_examples=200)
@given(telling.BODIES)
def test_the_normal_form_is_a_fixpoint_and_shows_the_same_words(html):
    clean = clean_html(html)
    assert normal(normal(clean)) == normal(clean)
    assert clean_html(normal(clean)) == normal(clean)
    assert (
        making.make_post(content_html=clean).content_text.split()
        == making.make_post(content_html=normal(clean)).content_text.split()
    )


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>Plain words, no_escapes, 40 % &amp; 2 * 3.</p>", "Plain words, no_escapes, 40 % & 2 * 3."),
        ("<p><strong>Some context:</strong> <em>calm</em></p>", "**Some context:** *calm*"),
        ('<p>A <a href="https://a.example/">link</a></p>', "A [link](https://a.example/)"),
        ("<blockquote><p>“One,”</p><p>two</p></blockquote>", "> “One,”\n>\n> two"),
        ("<ul><li>tea</li><li>bread</li></ul>", "- tea\n- bread"),
        ("<p><b>Now</b> and <i>then</i></p>", "**Now** and *then*"),
        ("<p>*no emphasis*</p>", "\\*no emphasis\\*"),
        ("<p>a<br>b</p>", "a\\\nb"),
        ("<pre><code>x = 1\n\ny</code></pre>", "```\nx = 1\n\ny\n```"),
        ("<figure><figcaption>Gulls</figcaption></figure>", "<figure><figcaption>Gulls</figcaption></figure>"),
        ("<pre>a\n\nb</pre>", "<pre>a&#10;&#10;b</pre>"),
        ("<ul><li>a</li></ul><ul><li>b</li></ul>", "- a\n\n<ul><li>b</li></ul>"),
        ("<h2>2024-05-05T10:00Z</h2>", "<h2>2024-05-05T10:00Z</h2>"),
    ],
)
def test_bodies_are_written_as_a_hand_would_and_as_html_where_markdown_has_no_word(html, markdown):
    assert body_of(html) == markdown


def test_a_header_is_plain_to_read():
    post = making.make_post(facts={"key_event": True})
    reading = Reading(
        "x", "x", Header(title="Storm", authors=post.authors, language="no"), (Told(PostEvent(post=post)),)
    )
    assert write(reading) == (
        "---\ntitle: Storm\nauthors:\n- Ada Quist (Holmavik)\nlanguage: 'no'\n---\n\n"
        "## 2023-01-31T19:42-05:00 The ferry is back at the quay {#20230131T1942Z-ferry .key-event}\n"
        "By Ada Quist (Holmavik)\nTags: harbour\n\n"
        "All passengers are ashore. The crew stays on board.\n"
    )


def test_values_of_front_matter_are_text():
    reading = reading_of("---\ntitle: 2023\nlanguage: no\n---\n" + HEADING)
    assert (reading.header.title, reading.header.language) == ("2023", "no")


def test_a_line_that_only_looks_like_a_byline_stays_in_the_body():
    text = "## 2024-05-05T10:00Z Fine\n\nBy Noon\n\nTags: no\n"
    [post] = reading_of(text).posts
    assert post.authors == () and post.content_text == "By Noon\n\nTags: no"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_change_nothing(end):
    [case] = [case for case in CASES if case.stem == "all-of-it"]
    assert report(read(case.read_text("utf-8").replace("\n", end).encode(), case.name)) == expected(case)


def test_changes_count_by_their_times_wherever_they_stand():
    change = "## 2024-05-05T1{}:00Z {{#a .update}}\n\nVersion of {}.\n\n"
    text = "## 2024-05-05T10:00Z Fine {#a}\n\nYes.\n\n" + change.format(2, "noon") + change.format(1, "eleven")
    reading = reading_of(text)
    assert [(t.event.post.revision, t.event.post.content_text) for t in reading.told] == [
        (1, "Yes."), (2, "Version of eleven."), (3, "Version of noon."),
    ]  # fmt: skip
    back = read(write(reading).encode(), "x.md")
    assert [told.event for told in back.told] == [told.event for told in reading.told]


def test_offsets_that_no_document_can_write_become_utc():
    ferry = {"id": "a", "title": "Ferry", "date_published": "1900-05-05T10:00:00+00:19:32"}
    reading = read(json.dumps(ferry).encode(), "x.jsonl")
    assert f"{reading.posts[0].story_time}" == "1900-05-05 09:40:28+00:00"
    assert read(write(reading).encode(), "x.md").posts == reading.posts


def test_a_deletion_without_its_post_stands_for_itself_whatever_comes_under_its_id_later():
    gone, told = "## 2024-05-05T1{}:00Z {{#a .delete}}\n\n", "## 2024-05-05T1{}:00Z A {{#a{}}}\n\nNew.\n\n"
    reading = reading_of(gone.format(0) + told.format(2, "") + gone.format(3))
    assert [(t.event.kind, f"{t.event.story_time:%H}") for t in reading.told] == [
        ("delete", "10"), ("post", "12"), ("delete", "13"),
    ]  # fmt: skip
    assert [(d.code, d.line) for d in reading.doubts] == [("no-such-post", 1)]
    assert [t.event for t in read(write(reading).encode(), "x.md").told] == [t.event for t in reading.told]
    reading = reading_of(HEADING + gone.format(0) + gone.format(1) + told.format(2, " .update"))
    assert [(t.event.kind, f"{t.event.story_time:%H}") for t in reading.told] == [
        ("post", "10"), ("delete", "10"), ("post", "12"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "at"), [("1:02", "01:02:00"), ("1:02:03", "01:02:03"), ("1:02:03.5", "01:02:03.500000")]
)
def test_clocks_may_have_one_digit_seconds_and_parts_of_them(clock, at):
    assert reading_of(f"## 2024-05-05T{clock}Z Fine\n").posts[0].story_time.time().isoformat() == at


def test_clocks_around_midnight_may_stand_out_of_order():
    text = "---\ndate: 2023-02-01\ntz: UTC\n---\n" + "".join(
        f"## {clock} X\n\n" for clock in ("23:50", "00:10", "23:58", "0:20")
    )
    assert [f"{p.story_time:%d %H:%M}" for p in reading_of(text).posts] == [
        "01 23:50",
        "01 23:58",
        "02 00:10",
        "02 00:20",
    ]
    newest = "".join(f"## {clock}Z X\n\n" for clock in ("00:10", "23:50", "23:40"))
    assert [f"{p.story_time:%d %H:%M}" for p in reading_of(newest, date=date(2023, 2, 1)).posts] == [
        "01 23:40",
        "01 23:50",
        "02 00:10",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Just words.\n", "story.md: no post found: a post opens with a heading, ## 2023-02-01T00:22-05:00 Headline"),
        ("## Headline\n\nWords.\n", "story.md:1: 1 of 1 posts have no time; --missing-times interpolate"),
        ("## 10:00Z A\n", "story.md:1: 10:00 has no day; write it as in ## 2023"),
        ("## 2024-05-05T10:00 A\n", "story.md:1: 10:00 names no zone; write it as in ## 2023"),
        ("## 2024-02-30T10:00Z A\n", "story.md:1: 2024-02-30 10:00 is no moment of the calendar"),
        ("## 2024-02-20T25:00Z A\n", "story.md:1: 2024-02-20 25:00 is no moment of the calendar"),
        ("## 9999-12-31T23:00-14:00 A\n", "story.md:1: 9999-12-31 is too far from our days"),
        ("---\ntz: Mars/Olympus\n---\n" + HEADING, "story.md:1: tz: 'Mars/Olympus' is no time zone"),
        ("---\ntz: ../../etc/passwd\n---\n" + HEADING, "story.md:1: tz: '../../etc/passwd' is no time zone"),
        ("## 2024-02-20T20:00Z {#a .delete}\n", "story.md:1: there are changes and deletions, but no post"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line_with_the_mend(text, what):
    with pytest.raises(SourceError) as refusal:
        reading_of(text)
    assert str(refusal.value).startswith(what) and "\n" not in str(refusal.value) and len(str(refusal.value)) < 300


BOMB = "a: &a [x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"


@pytest.mark.parametrize(
    ("front", "why"),
    [
        (BOMB, "aliases"),
        ("[" * 20_000, "nested too deeply"),
        ("- a\n- b\n", "no list"),
        ("a: " + "x" * 70_000, "over 65,536"),
    ],
    ids=["bomb", "deep", "list", "long"],
)
def test_hostile_front_matter_costs_only_itself(front, why):
    reading = reading_of(f"---\n{front}\n---\n" + HEADING)
    assert [d.code for d in reading.doubts] == ["bad-front-matter"] and why in reading.doubts[0].message
    assert [p.title for p in reading.posts] == ["Fine"]


@pytest.mark.parametrize(
    "text", ["8:02 p.m. ET, March 3, 2024\n\nCafé\n", "---\n\nWords.\n", "## Headline\n", '{"id":1}', "--- a\n"]
)
def test_what_is_no_markdown(text):
    assert not fits(text)


@pytest.mark.parametrize("text", ["> " * 5000, "[" * 20_000, "*" * 20_000, "<div>" * 3000, "- " * 3000, "`" * 20_000])
def test_hostile_bodies_are_read(text):
    assert len(reading_of(HEADING + text).posts) == 1
    assert markdown_html(text) == normal(markdown_html(text))


TEXTS = [case.read_text("utf-8") for case in CASES]
LINES = sorted({line for text in TEXTS for line in text.split("\n")})


@settings(max_examples=300)
@given(st.lists(st.sampled_from(LINES) | st.text(max_size=40), max_size=25).map("\n".join))
def test_any_lines_are_read_or_refused(text):
    with suppress(SourceError):
        reading = reading_of(text, missing_times="interpolate", date=date(2024, 8, 3))
        report(reading)
        assert len({post.id for post in reading.posts}) == len(reading.posts)
