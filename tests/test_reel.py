"""A reel lays a story out by elapsed seconds: order, gaps, places."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import FIRST as START
from making import make_post

from publisher.reel import EmptyReelError, Reel
from publisher.when import When
from shared.event import DeleteEvent, PostEvent, UpdateEvent
from shared.post import Attachment, Author, Image


def posts(*minutes):
    return [PostEvent(post=make_post(f"p{i}", m)) for i, m in enumerate(minutes)]


def test_cues_stand_in_story_order_and_same_instants_keep_theirs():
    reel = Reel(posts(10, 0, 10, 3))
    assert [cue.event.post.id for cue in reel.cues] == ["p1", "p3", "p0", "p2"]
    assert [cue.elapsed for cue in reel.cues] == [0, 180, 600, 600]


def test_silences_are_shortened():
    reel = Reel(posts(0, 1, 600), max_gap=timedelta(minutes=5))
    assert [cue.elapsed for cue in reel.cues] == [0, 60, 360]
    assert reel.story_time(210) == START + timedelta(minutes=1) + timedelta(minutes=599) / 2


def test_an_edit_that_nobody_can_see_is_no_cue():
    def edit(minutes, html, revision, **fields):
        post = make_post("a", 0, content_html=html, facts={"revision": revision}, **fields)
        return UpdateEvent(post=post.model_copy(update={"date_modified": START + timedelta(minutes=minutes)}))

    first = PostEvent(post=make_post("a", 0, content_html="<p>Half  past\nten.</p>\n<p>Still  here.</p>"))
    same = edit(1, "<p>Half past ten.</p><p> Still here.</p>", 2)
    other = edit(2, "<p>Half past eleven.</p><p>Still here.</p>", 3)
    back = edit(3, "<p>Half past ten.</p><p>Still here.</p>", 4)
    gone = DeleteEvent(id="a", story_time=START + timedelta(minutes=4))
    again = edit(5, "<p>Half past ten.</p><p>Still here.</p>", 5)
    reel = Reel([first, same, other, back, gone, again])
    assert [cue.event for cue in reel.cues] == [first, other, back, gone, again]


def test_due_gives_each_cue_once():
    reel = Reel(posts(0, 1, 1, 2))
    first = reel.due(0, 60)
    assert [cue.index for cue in first] == [0, 1, 2]
    assert [cue.index for cue in reel.due(3, 119.9)] == []
    assert [cue.index for cue in reel.due(3, 120)] == [3]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("+10m", 10),
        ("50%", 150),
        ("20:00", 18),
        ("00:42", 300),
        ("2023-01-31T19:52:00-05:00", 10),
        ("2023-02-01T00:52Z", 10),
        ("2023-01-31T19:52", 10),
        ("2020-01-01", 0),
        ("2030-01-01", 300),
    ],
)
def test_places_that_people_name(text, minutes):
    assert Reel(posts(0, 30, 300)).locate(When.parse(text)) == minutes * 60


def test_how_many_posts_are_out_is_told_without_its_edits():
    first = make_post("p0", 0)
    edit = first.model_copy(update={"title": "Mended", "date_modified": START + timedelta(minutes=1)})
    reel = Reel([*posts(0, 1, 2), UpdateEvent(post=edit)])
    assert [reel.posts(elapsed) for elapsed in (0, 59, 60, 1e9)] == [1, 1, 2, 3]
    assert [reel.lead(count) for count in (0, 1, 2, 9)] == [0, 0, 60, 120]


def test_until_cuts_the_rest_off_but_never_everything():
    assert len(Reel(posts(0, 30, 300)).until(When.parse("+30m"))) == 2
    assert len(Reel(posts(0, 30, 300)).until(When.parse("+0s"))) == 1


def test_keys_tell_versions_and_deletions_apart():
    post = make_post("a")
    edit = make_post("a", title="Mended", facts={"revision": 2}, date_modified=START + timedelta(minutes=1))
    gone = DeleteEvent(id="a", story_time=START + timedelta(minutes=2))
    keys = [cue.key for cue in Reel([PostEvent(post=post), UpdateEvent(post=edit), gone]).cues]
    assert len(set(keys)) == 3
    assert keys[:2] == ["a:1", "a:2"]


def test_another_axis_has_another_digest():
    assert Reel(posts(0, 60)).digest == Reel(posts(0, 60)).digest
    assert Reel(posts(0, 60)).digest != Reel(posts(0, 60), max_gap=timedelta(seconds=1)).digest


@pytest.mark.parametrize(
    "mended",
    [{"title": "Other"}, {"content_html": "<p>Other</p>"}, {"authors": (Author.of("B. Else"),)}, {"tags": ("rain",)},
     {"facts": {"images": (Image(caption="Other"),)}}, {"facts": {"pinned": True}}, {"facts": {"key_event": True}},
     {"attachments": (Attachment(url="https://a.example/f.pdf", mime_type="application/pdf"),)}],
)  # fmt: skip
def test_a_source_that_says_something_else_has_another_digest(mended):
    def digest(**fields):
        return Reel([*posts(0), PostEvent(post=make_post("other", 5, **fields))]).digest

    assert digest() == digest()
    assert digest(**mended) != digest()


def test_nothing_to_replay():
    with pytest.raises(EmptyReelError, match="no posts"):
        Reel([])


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=50), st.integers(1, 600), st.floats(0, 1))
def test_story_time_and_elapsed_are_two_names_of_one_place(minutes, gap, share):
    reel = Reel(posts(*minutes), max_gap=timedelta(minutes=gap))
    elapsed = reel.duration * share
    assert reel.elapsed_at(reel.story_time(elapsed)) == pytest.approx(elapsed, abs=1e-3)


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=50), st.integers(1, 300), st.integers(1, 300))
def test_a_smaller_cap_never_makes_a_reel_longer(minutes, one, other):
    short, long = (Reel(posts(*minutes), max_gap=timedelta(minutes=m)) for m in sorted((one, other)))
    assert all(a.elapsed <= b.elapsed for a, b in zip(short.cues, long.cues, strict=True))


def test_no_two_cues_have_the_same_key():
    post = make_post("a")
    gone = [DeleteEvent(id="a", story_time=START + timedelta(seconds=s)) for s in (1.2, 1.4)]
    reel = Reel([PostEvent(post=post), *gone, PostEvent(post=post)])
    assert len({cue.key for cue in reel.cues}) == 4


def test_what_lies_beyond_all_dates_is_the_end():
    reel = Reel(posts(0, 10))
    assert reel.locate(When.parse("+99999999d")) == reel.duration
    assert len(reel.until(When.parse("+99999999d"))) == 2
