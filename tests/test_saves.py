"""Several saves of one page: what changed between them, told at its time."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import making
import pytest
from folding import Story
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.reel import Reel
from publisher.sources.opening import read
from publisher.sources.reading import Header, Reading, SourceError, Told
from publisher.sources.saves import merge
from shared.event import PostEvent

CORPUS = Path(__file__).parent / "corpus/saves"
CASES = sorted(path for path in CORPUS.iterdir() if path.is_dir())
FIRST = making.FIRST
SAVED = FIRST + timedelta(hours=12)
LATER = FIRST + timedelta(hours=15)


def reading(*posts, name="save.txt", precision="minute", **header):
    told = tuple(Told(PostEvent(post=p), n, "own", precision) for n, p in enumerate(posts, 1))
    return Reading(name, "transcript", Header(**header), told)


def post(slug, minutes, body, title="The ferry waits", **fields):
    return making.make_post(slug, minutes, title=title, content_html=f"<p>{body}</p>", **fields)


def events(merged):
    """List (kind, id, story time, revision) of all events but the posts."""
    return [
        (e.kind, e.id if e.kind == "delete" else e.post.id, e.story_time, 0 if e.kind == "delete" else e.post.revision)
        for e in (told.event for told in merged.told)
        if e.kind != "post"
    ]


def folded(merged):
    story = Story()
    for told in merged.told:
        story.apply(told.event)
    return story


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_corpus(case):
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    files = sorted(path for path in case.iterdir() if path.name.startswith("save-"))
    saves = [read(path.read_bytes(), path.name) for path in files]
    given = [s and datetime.fromisoformat(s) for s in expected.pop("saved", [None] * len(files))]
    merged = merge(saves, given)
    assert {
        "title": merged.header.title,
        "events": [said(told) for told in merged.told],
        "warnings": [{"code": d.code, "line": d.line, "message": d.message} for d in merged.doubts],
    } == expected


def said(told):
    event = told.event
    if event.kind == "delete":
        return {"event": "delete", "id": event.id, "at": event.story_time.isoformat()}
    words = {"event": event.kind, "id": event.post.id, "at": event.story_time.isoformat(), "title": event.post.title}
    return words | {"text": event.post.content_text, "revision": event.post.revision}


def test_one_save_is_itself():
    one = reading(post("a", 0, "One"), title="Storm")
    assert merge([one], [None]) == one


def test_a_changed_post_is_an_update_at_the_moment_of_the_save():
    merged = merge(
        [reading(post("a", 0, "Two boats are out")), reading(post("a", 0, "Three boats are out"))], [None, SAVED]
    )
    assert events(merged) == [("update", "a", SAVED, 2)]
    update = merged.told[-1].event.post
    assert update.content_text == "Three boats are out" and update.story_time == FIRST


def test_a_change_is_told_at_the_posts_own_newer_stamp():
    stamp = FIRST + timedelta(minutes=30)
    first, second = post("a", 0, "Two boats"), post("a", 0, "Three boats", date_modified=stamp)
    assert events(merge([reading(first), reading(second)], [None, None])) == [("update", "a", stamp, 2)]


def test_an_old_stamp_does_not_date_a_new_change():
    stamp = FIRST + timedelta(minutes=30)
    first = post("a", 0, "Two boats", date_modified=stamp)
    second = post("a", 0, "Three boats", date_modified=stamp)
    assert events(merge([reading(first), reading(second)], [None, SAVED])) == [("update", "a", SAVED, 2)]


def test_the_moment_is_the_one_given_else_the_pages_else_the_files():
    first, second = reading(post("a", 0, "Two")), reading(post("a", 0, "Two boats"), updated=LATER)
    assert events(merge([first, second], [None, SAVED], [None, LATER])) == [("update", "a", SAVED, 2)]
    assert events(merge([first, second], [None, None], [None, SAVED])) == [("update", "a", LATER, 2)]
    bare = reading(post("a", 0, "Two boats"))
    assert events(merge([first, bare], [None, None], [None, SAVED])) == [("update", "a", SAVED, 2)]


def test_a_change_without_any_moment_is_refused_with_the_mend():
    saves = [reading(post("a", 0, "Two")), reading(post("a", 0, "Two boats"), name="save-2.txt")]
    with pytest.raises(SourceError, match=r"^save-2\.txt:1: something changed.*--saved-at") as refusal:
        merge(saves, [None, None])
    assert "\n" not in str(refusal.value)


def test_new_posts_need_no_moment():
    first = reading(post("a", 0, "One"))
    merged = merge([first, reading(post("a", 0, "One"), post("b", 9, "Nine", "Dawn"))], [None, None])
    assert [told.event.post.id for told in merged.told] == ["a", "b"] and events(merged) == []


def test_a_save_is_never_older_than_its_newest_post():
    second = reading(post("a", 0, "Two boats"), post("b", 60, "Nine", "Dawn"), updated=FIRST)
    assert events(merge([reading(post("a", 0, "Two")), second], [None, None]))[0][2] == FIRST + timedelta(minutes=60)


def test_a_vanished_post_is_deleted_at_the_save_that_reveals_it():
    saves = [reading(post("a", 0, "One"), post("b", 5, "Two", "B"), post("c", 9, "Three", "C"))]
    saves.append(reading(post("a", 0, "One"), post("c", 9, "Three", "C")))
    merged = merge(saves, [None, SAVED])
    assert events(merged) == [("delete", "b", SAVED, 0)]
    assert [p.id for p in folded(merged)] == ["a", "c"]


def test_what_lies_below_a_save_of_the_newest_posts_is_not_deleted():
    posts = [post(f"p{n}", n, f"Report {n} says {n * 7}", f"Headline {n}") for n in range(20)]
    merged = merge([reading(*posts[:15]), reading(*posts[10:])], [None, SAVED])
    assert events(merged) == [] and len(folded(merged)) == 20


def test_a_pinned_post_does_not_bring_what_lies_below_into_reach():
    posts = [post(f"p{n}", n, f"Report {n} says {n * 7}", f"Headline {n}") for n in range(9)]
    pinned = posts[0].model_copy(update={"newsreel": posts[0].newsreel.model_copy(update={"pinned": True})})
    merged = merge([reading(pinned, *posts[1:]), reading(pinned, *posts[6:])], [None, SAVED])
    assert events(merged) == []


def test_a_post_that_comes_back_is_a_change_of_the_deleted_one():
    whole = reading(post("a", 0, "One"), post("b", 5, "Two", "B"))
    merged = merge([whole, reading(post("a", 0, "One"), post("z", 6, "Six", "Z")), whole], [None, SAVED, LATER])
    assert ("delete", "b", SAVED, 0) in events(merged) and ("update", "b", LATER, 2) in events(merged)
    assert "b" in folded(merged)


def test_a_post_whose_headline_changed_keeps_its_first_id():
    first = post("20230201T0042Z-ferry-late", 0, "The ferry is an hour late tonight", "Ferry late")
    second = post("20230201T0042Z-ferry-cancelled", 0, "The ferry is an hour late tonight, then off", "Ferry off")
    merged = merge([reading(first), reading(second)], [None, SAVED])
    assert events(merged) == [("update", first.id, SAVED, 2)]
    assert merged.told[-1].event.post.title == "Ferry off"


def test_other_words_at_the_same_minute_are_another_post():
    merged = merge(
        [reading(post("a", 0, "A gull sits on the mast", "Gull")), reading(post("b", 0, "Rain by noon", "Weather"))],
        [None, SAVED],
    )
    assert [told.event.kind for told in merged.told] == ["post", "post"]


def test_posts_of_one_minute_are_not_mixed_up_when_their_ids_move():
    a, b = post("goal", 0, "The reds score early"), post("goal--2", 0, "The blues level at once")
    moved = b.model_copy(update={"id": "goal"})
    later = post("z", 9, "Whistle", "End")
    merged = merge(
        [reading(a, b, post("y", -9, "Off", "Start")), reading(post("y", -9, "Off", "Start"), moved, later)],
        [None, SAVED],
    )
    assert events(merged) == [("delete", "goal", SAVED, 0)]


def test_a_new_post_with_the_id_of_another_gets_its_own():
    first = reading(post("x", 0, "Alpha beta gamma", "One"))
    deleted = reading(post("y", 1, "Other words here", "Two"))
    third = reading(post("y", 1, "Other words here", "Two"), post("y2", 600, "No word in common", "Later"))
    merged = merge([first, deleted, third], [None, SAVED, LATER])
    assert len({told.event.post.id for told in merged.told if told.event.kind == "post"}) == 3


def test_relative_times_match_as_near_as_they_tell():
    first = reading(post("a", 0, "The crane is at work on the quay"), precision="minute")
    second = reading(post("b", 40, "The crane is at work on the quay"), precision="hour")
    merged = merge([first, second], [None, SAVED])
    assert len(merged.told) == 1 and merged.told[0].event.post.id == "a"


def test_saves_in_the_wrong_order_are_refused():
    saves = [
        reading(post("a", 0, "One"), name="b.txt", updated=LATER),
        reading(post("a", 0, "One"), name="a.txt", updated=SAVED),
    ]
    with pytest.raises(SourceError, match=r"^a\.txt: is older .* than b\.txt .*; give the oldest save first$"):
        merge(saves, [None, None])
    with pytest.raises(SourceError, match="oldest save first"):
        merge(saves[::-1], [LATER, SAVED])


def test_no_save_is_refused():
    with pytest.raises(SourceError, match="no source"):
        merge([], [])


def test_many_deletions_and_a_late_file_are_doubted():
    posts = [post(f"p{n}", n, f"Report {n} says {n * 7}", f"Headline {n}") for n in range(9)]
    merged = merge([reading(*posts), reading(posts[0], posts[8])], [None, None], [None, FIRST + timedelta(days=400)])
    assert {d.code for d in merged.doubts} == {"many-deletions", "late-save"}


def test_the_newest_title_is_kept_and_the_first_is_named():
    saves = [reading(post("a", 0, "One"), title="Storm - live"), reading(post("a", 0, "One"), title="Storm - over")]
    merged = merge(saves, [None, None])
    assert merged.header.title == "Storm - over"
    assert [d.code for d in merged.doubts] == ["title-changed"] and "Storm - live" in merged.doubts[0].message


DAY = 24 * 60
HOURLY = [post(f"p{n}", n, f"Report {n} says {n * 7}", f"Headline {n}") for n in range(-60, 240, 30)]


def crane(minutes, body="The crane is at work on the quay, and the tide is out"):
    return post(f"crane-{minutes}", minutes, body, "Crane")


@pytest.mark.parametrize(
    ("minutes", "body"),
    [
        *((minutes, "") for minutes in (-DAY, DAY, -3 * DAY, 3 * DAY, -365 * DAY, DAY // 2, -90)),
        *((minutes, "The crane is at work on the quay again, and the tide is out") for minutes in (-DAY, DAY, 3 * DAY)),
    ],
)
def test_a_post_whose_time_was_mended_is_one_post(minutes, body):
    first, second = crane(minutes + 10), crane(10, body) if body else crane(10)
    merged = merge([reading(*HOURLY, first), reading(*HOURLY, second)], [None, FIRST + timedelta(days=30)])
    assert sum(told.event.kind == "post" for told in merged.told) == len(HOURLY) + 1
    assert [(kind, slug) for kind, slug, *_ in events(merged)] == ([("update", first.id)] if body else [])
    assert {one.id: one.story_time for one in folded(merged)}[first.id] == first.story_time
    assert [(doubt.code, doubt.line) for doubt in merged.doubts if doubt.code == "time-mended"] == [
        ("time-mended", len(HOURLY) + 1)
    ]


def test_the_first_post_after_midnight_that_had_yesterdays_date_is_one_post():
    slip, mended = crane(-DAY + 300), crane(300)
    merged = merge([reading(slip, *HOURLY), reading(*HOURLY, mended)], [None, None])
    assert [told.event.post.id for told in merged.told] == [slip.id, *(one.id for one in HOURLY)]


def test_a_page_whose_every_day_moved_with_its_stamp_is_the_same_page():
    def page(days):
        posts = [post(f"x{days}-{n}", n + days * DAY, f"Report {n} says {n * 7}", f"Headline {n}") for n in range(9)]
        return Reading("save.txt", "transcript", told=tuple(Told(PostEvent(post=p), 1, "header") for p in posts))

    merged = merge([page(0), page(3)], [None, None])
    assert [told.event.post.id for told in merged.told] == [f"x0-{n}" for n in range(9)]


def test_the_same_words_again_are_a_new_post_once_the_first_lies_below_the_page():
    rain = [post(f"rain-{n}", n * 60 - 60, "Nothing to see.", "Still raining") for n in (0, 6)]
    merged = merge([reading(rain[0], *HOURLY[1:6]), reading(*HOURLY[4:], rain[1])], [None, None])
    assert [told.event.post.id for told in merged.told if "rain" in told.event.post.id] == ["rain-0", "rain-6"]
    assert events(merged) == []


@pytest.mark.parametrize("days", [1, 2])
def test_what_is_told_at_one_clock_of_every_day_is_a_post_a_day(days):
    figures = [
        post(f"f{n}", n * DAY * days, f"There are {n} ships at the quay, and the tide is out", "Ships") for n in (0, 1)
    ]
    later = [post(f"q{n}", n, f"Report {n} says {n * 7}", f"Headline {n}") for n in range(30, 90, 30)]
    merged = merge([reading(figures[0], *later), reading(*later, figures[1])], [None, None])
    assert [told.event.post.id for told in merged.told] == ["f0", "q30", "q60", "f1"]


STORY = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.text("xyz ", min_size=1, max_size=9)), max_size=8
)


@settings(max_examples=150)
@given(st.lists(STORY, min_size=1, max_size=4))
def test_any_saves_give_events_that_fold_to_the_last_save_and_keys_that_are_unique(stories):
    saves = []
    for story in stories:
        posts = {f"{m}-{t}": post(f"{m}-{t}", m, body, t) for m, t, body in sorted(story)}
        saves.append(reading(post("root", -1, "The first of all", "Root"), *posts.values()))
    merged = merge(saves, [FIRST + timedelta(hours=n + 1) for n in range(len(saves))])
    cues = Reel(told.event for told in merged.told).cues
    assert len({cue.key for cue in cues}) == len(cues)
    ends = {p.title: [] for p in saves[-1].posts}
    for p in saves[-1].posts:
        ends[p.title].append(p.digest)
    kept = {}
    for p in folded(merged):
        kept.setdefault(p.title, []).append(p.digest)
    assert {t: sorted(d) for t, d in kept.items()} == {t: sorted(d) for t, d in ends.items()}
