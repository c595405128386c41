"""JSON lines: the corpus, what ``convert`` writes read back, refusals."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import making
import pytest
import telling
from cases import cases, expected, orphans
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.render.jsonl import write
from publisher.render.report import report
from publisher.sources.jsonl import LONGEST_LINE, fits
from publisher.sources.opening import read
from publisher.sources.options import Options
from publisher.sources.reading import SourceError
from shared.event import encode_event

CASES = cases("jsonl")
OPTIONS = {"times-interpolated": Options(missing_times="interpolate")}
ITEM = '{"id":"%s","title":"%s","date_published":"2024-09-01T10:00:00Z"}\n'


def reading_of(text, **options):
    return read(text.encode(), "lines.jsonl", options=Options(**options))


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.stem)
def test_corpus(case):
    assert report(read(case.read_bytes(), case.name, options=OPTIONS.get(case.stem))) == expected(case)


def test_corpus_has_an_expectation_for_every_case_and_none_too_many():
    assert len(CASES) >= 7 and orphans("jsonl") == []


@pytest.mark.parametrize("name", ["recording-of-a-replay", "recording-of-a-loop"])
def test_a_recording_tells_posts_changes_and_deletions_in_story_time(name):
    [case] = [case for case in CASES if case.stem == name]
    events = [told.event for told in read(case.read_bytes(), case.name).told]
    assert [(e.kind, f"{e.story_time:%H:%M}") for e in events] == [
        ("post", "19:42"), ("post", "20:12"), ("update", "20:42"), ("delete", "21:00"),
    ]  # fmt: skip
    assert events[2].post.id == events[0].post.id and events[2].post.revision == 2
    assert events[3].id == events[1].post.id
    assert "First published" not in events[0].post.content_html


@settings(max_examples=150)
@given(telling.readings())
def test_what_is_written_reads_back_the_same(reading):
    back = read(write(reading).encode(), "x.jsonl")
    assert back.format == "jsonl" and back.doubts == () and back.dropped == ()
    assert [told.event for told in back.told] == [told.event for told in reading.told]
    # Equal times may have other offsets: these are kept, too.
    assert [encode_event(told.event) for told in back.told] == [encode_event(told.event) for told in reading.told]
    assert back.header == reading.header


def test_a_line_is_a_line_for_every_reader():
    post = making.make_post(title="One\u2028two", content_html="<p>a\u0085b</p>")
    reading = reading_of(json.dumps(post.to_dict()) + "\n")
    assert len(write(reading).splitlines()) == 2
    assert reading_of(write(reading)).posts[0].content_html == "<p>a\nb</p>"


def test_an_update_alone_is_a_post():
    data = making.make_post(facts={"revision": 3}).to_dict()
    reading = reading_of(json.dumps({"event": "update", "id": None, "data": data}))
    assert [(t.event.kind, t.event.post.revision) for t in reading.told] == [("post", 3)]


def test_a_post_that_comes_back_is_a_change():
    post = making.make_post()
    gone = {"id": post.id, "_newsreel": {"story_time": (post.story_time + timedelta(minutes=5)).isoformat()}}
    lines = [("post", post.to_dict()), ("delete", gone), ("post", post.to_dict())]
    reading = reading_of("\n".join(json.dumps({"event": event, "data": data}) for event, data in lines))
    assert [t.event.kind for t in reading.told] == ["post", "delete", "update"]
    assert reading.told[-1].event.story_time == post.story_time + timedelta(minutes=5)


def lines_of(post, *later):
    """Write a post, then what became of it: ``(minutes, revision)`` of a change, minutes alone of a deletion."""
    told = [("post", post.to_dict())]
    for one in later:
        minutes, revision = one if isinstance(one, tuple) else (one, None)
        at = post.story_time + timedelta(minutes=minutes)
        changed = making.make_post(
            content_html=f"<p>Version {revision}</p>", date_modified=at, facts={"revision": revision or 1}
        )
        gone = {"id": post.id, "_newsreel": {"story_time": at.isoformat()}}
        told.append(("update", changed.to_dict()) if revision else ("delete", gone))
    return "\n".join(json.dumps({"event": event, "data": data}) for event, data in told)


def test_the_lines_tell_what_came_last_though_times_run_backwards():
    events = [told.event for told in reading_of(lines_of(making.make_post(), (9, 2), (5, 3))).told]
    assert [(e.kind, e.post.revision) for e in events] == [("post", 1), ("update", 2), ("update", 3)]
    assert events[1].story_time == events[2].story_time
    events = [told.event for told in reading_of(lines_of(making.make_post(), (9, 2), 5)).told]
    assert [e.kind for e in events] == ["post", "update", "delete"]


def test_two_ids_that_come_to_one_slug_are_deleted_once():
    post = making.make_post("a")
    gone = {"_newsreel": {"story_time": (post.story_time + timedelta(minutes=5)).isoformat()}}
    lines = [("post", post.to_dict()), *[("delete", {"id": given, **gone}) for given in ("a", "tag:x,2024:y/a")]]
    reading = reading_of("\n".join(json.dumps({"event": event, "data": data}) for event, data in lines))
    assert [told.event.kind for told in reading.told] == ["post", "delete"]
    assert [(one.line, one.why) for one in reading.dropped] == [(3, "repeated")]


def test_a_deletion_from_before_a_recording_began_hides_no_later_one():
    post = making.make_post("a", 10)
    gone = [
        {"id": "a", "_newsreel": {"story_time": (post.story_time + timedelta(minutes=n)).isoformat()}} for n in (-9, 9)
    ]
    lines = [("delete", gone[0]), ("post", post.to_dict()), ("post", post.to_dict()), ("delete", gone[1])]
    reading = reading_of("\n".join(json.dumps({"event": event, "data": data}) for event, data in lines))
    assert [told.event.kind for told in reading.told] == ["delete", "post", "delete"]
    assert [told.event for told in reading_of(write(reading)).told] == [told.event for told in reading.told]
    assert [(one.line, one.why) for one in reading.dropped] == [(3, "repeated")]


def test_the_titles_replay_label_is_taken_off_and_nobodys_name_is_no_author():
    [case] = [case for case in CASES if case.stem == "recording-of-a-replay"]
    header = read(case.read_bytes(), case.name).header
    assert (header.title, header.authors, header.language) == ("Storm at the harbour", (), "en")


def test_order_settles_what_stands_first():
    lines = ITEM % ("a", "A") + ITEM % ("b", "B")
    assert [p.id for p in reading_of(lines).posts] == ["a", "b"]
    assert [p.id for p in reading_of(lines, order="newest").posts] == ["b", "a"]


def test_lines_without_a_date_turn_no_order():
    lines = ITEM % ("a", "A") + '{"id":"b","title":"B"}\n'
    assert [p.id for p in reading_of(lines, missing_times="interpolate").posts] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"id":"a","title":"A"}\n', "lines.jsonl:1: 1 of 1 posts have no time; --missing-times interpolate"),
        ("{}\n{}\n", "lines.jsonl:1: no line holds a post: an item has neither id"),
        ('{"event":"clock","data":{}}\n', "lines.jsonl: no line holds a post"),
        (
            '{"a":' + "[" * 10_000 + "]" * 10_000 + "}",
            "lines.jsonl:1: no line holds a post: this is no JSON: it is nested",
        ),
        ('{"id":"' + "x" * LONGEST_LINE + '"}\n', "lines.jsonl:1: no line holds a post: the line has over 4,194,304"),
    ],
    ids=["no-time", "nothing", "clock", "deep", "long"],
)
def test_hostile_lines_are_refused_in_one_line(text, what):
    with pytest.raises(SourceError) as refusal:
        read(text.encode(), "lines.jsonl", format="jsonl")
    assert str(refusal.value).startswith(what) and "\n" not in str(refusal.value) and len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("text", "is_jsonl"),
    [
        (ITEM % ("a", "A"), True),
        (
            '{"event":"reset","id":null,"data":{"version":"https://jsonfeed.org/version/1.1","title":""}}\n'
            + ITEM % ("a", "A"),
            True,
        ),
        ('{\n  "id": "a"\n}\n', False),
        ('{"@context":"https://schema.org","@type":"LiveBlogPosting"}\n', False),
        ("[1]\n", False),
        ("{curly} prose\n", False),
        ('{"liveBlogUpdate":[],"title":"x"}\n', False),
        ('{"id":1,"data":{"@type":"LiveBlogPosting"}}\n', False),
        ('{"id":\n' + ITEM % ("a", "LiveBlogPosting"), True),
    ],
)
def test_what_is_json_lines(text, is_jsonl):
    assert fits(text) is is_jsonl


TEXTS = [case.read_text("utf-8") for case in CASES]


@settings(max_examples=150)
@given(st.data())
def test_lines_cut_anywhere_are_read_or_refused(data):
    text = data.draw(st.sampled_from(TEXTS))
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
    with suppress(SourceError):
        report(read((text[:start] + text[end:]).encode(), "x", format="jsonl"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "title",
                    "event",
                    "data",
                    "_newsreel",
                    "story_time",
                    "authors",
                    "date_published",
                    "date_modified",
                    "revision",
                    "replay",
                    "speed",
                    "run",
                    "position",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300)
@given(st.lists(JSON, max_size=5), st.sampled_from(["post", "update", "delete", "reset", "clock"]))
def test_any_json_is_read_or_refused(values, event):
    envelopes = [{"event": event, "data": value} for value in values]
    dated = [
        {
            "id": "a",
            "date_published": "2024-09-01T10:00:00Z",
            "date_modified": "2024-09-01T11:00:00Z",
            "_newsreel": value,
        }
        for value in values
    ]
    with suppress(SourceError):
        options = Options(missing_times="interpolate", date=datetime(2024, 9, 1, tzinfo=UTC).date())
        lines = "\n".join(json.dumps(value) for value in [*values, *envelopes, *dated])
        report(read(lines.encode(), "x", format="jsonl", options=options))


def test_what_became_of_a_post_is_told_after_it_though_the_newest_stands_first():
    item = '{"id":"%s","title":"T","content_text":"%s","date_published":"2024-09-01T%s:00:00Z"%s}'
    update = item % ("a", "Changed.", 10, ',"_newsreel":{"revision":2}')
    lines = [item % ("b", "Second.", 11, ""), item % ("a", "First.", 10, ""), f'{{"event":"update","data":{update}}}']
    assert [told.event.kind for told in reading_of("\n".join(lines)).told] == ["post", "update", "post"]
