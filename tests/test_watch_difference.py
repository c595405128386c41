"""What a watched source says other than what is out: pure decisions, with the moment as an argument."""

from datetime import timedelta

import pytest
from making import FIRST, make_post

from publisher.sources.matching import Version
from publisher.sources.reading import Header, Reading, Told
from publisher.sources.timing import AHEAD
from publisher.watch.difference import Known, difference
from shared.event import DeleteEvent, PostEvent, UpdateEvent

NOW = FIRST + timedelta(hours=12)


def post(slug, minutes, body=None, title=None, **fields):
    body = body or f"Report {slug} says {minutes * 7}"
    return make_post(slug, minutes, title=title or f"About {slug}", content_html=f"<p>{body}</p>", **fields)


def page(*posts, form="html"):
    """Make a reading of posts as they stand on the page, one a line."""
    told = [Told(PostEvent(post=p), line, "own", "minute") for line, p in enumerate(posts, 1)]
    return Reading("page", form, Header(), tuple(sorted(told, key=lambda one: one.event.story_time)))


def told(found):
    return [(change.event.kind, change.slug, change.number) for change in found.changes]


class Channel:
    """What a channel was told, reading after reading."""

    def __init__(self, reach="whole", **known):
        self.reach, self.known, self.doubted = reach, Known(**known), frozenset()

    def read(self, *posts, reading=None, now=NOW):
        found = difference(self.known, reading or page(*posts), now, reach=self.reach, doubted=self.doubted)
        self.known, self.doubted = found.known, found.doubtful
        return found


NINE = [post(f"p{n}", n) for n in range(9)]


def test_the_first_reading_is_out_at_once_in_the_order_of_the_story():
    found = Channel().read(*reversed(NINE))
    assert told(found) == [("post", f"p{n}", 1) for n in range(9)]
    assert found.changes[0].event.story_time == FIRST


def test_the_same_reading_tells_nothing():
    channel = Channel()
    channel.read(*NINE)
    assert told(channel.read(*NINE)) == []


def test_a_changed_post_keeps_its_id_and_date():
    channel = Channel()
    channel.read(*NINE)
    found = channel.read(*NINE[:8], post("other-id", 8, "Report p8 says 57 now", title="About p8"))
    assert told(found) == [("update", "p8", 2)]
    event = found.changes[0].event
    assert (event.post.story_time, event.story_time) == (NINE[8].story_time, NOW)
    found = channel.read(*NINE)  # an older copy of the page may say so, too
    assert (told(found), found.doubtful) == ([], {"p8"})
    assert told(channel.read(*NINE)) == [("update", "p8", 3)]


def test_a_post_that_changes_without_end_fills_no_memory():
    channel = Channel()
    for score in range(100):
        found = channel.read(post("score", 0, f"It stands {score} to nil"))
    assert told(found) == [("update", "score", 100)]
    assert len(channel.known.before["score"]) == 20
    assert told(channel.read(post("score", 0, "It stands 98 to nil"))) == []


def test_a_change_is_dated_by_the_sources_own_stamp_unless_that_is_old_or_ahead():
    for stamp, dated in ((30, True), (-1, False), (60 * 24, False)):
        channel = Channel()
        channel.read(post("a", 0, "Two boats are out"))
        moment = FIRST + timedelta(minutes=stamp)
        found = channel.read(post("a", 0, "Three boats are out", date_modified=moment))
        assert found.changes[0].event.story_time == (moment if dated else NOW)


def test_a_post_is_taken_away_once_it_was_missing_twice():
    channel = Channel()
    channel.read(*NINE)
    found = channel.read(*NINE[:4], *NINE[5:])
    assert (told(found), found.doubtful) == ([], {"p4"})
    found = channel.read(*NINE[:4], *NINE[5:])
    assert (told(found), found.doubtful) == ([("delete", "p4", 2)], frozenset())
    assert found.changes[0].event.story_time == NOW
    assert told(channel.read(*NINE[:4], *NINE[5:])) == []


def test_a_post_that_is_back_at_the_second_look_was_never_gone():
    channel = Channel()
    for reading in (NINE, NINE[1:], NINE, NINE[1:]):
        assert "delete" not in [kind for kind, *_ in told(channel.read(*reading))]


def test_a_post_that_comes_back_later_has_a_number_of_its_own():
    channel = Channel()
    for reading in (NINE, NINE[1:], NINE[1:]):
        channel.read(*reading)
    found = channel.read(*NINE)
    assert told(found) == [("update", "p0", 3)]
    assert found.changes[0].event.post.story_time == FIRST
    for _ in range(2):
        found = channel.read(*NINE[1:])
    assert told(found) == [("delete", "p0", 4)]


def test_a_whole_file_may_lose_all_but_one_of_its_posts():
    channel = Channel()
    for reading in (NINE, NINE[8:], NINE[8:]):
        found = channel.read(*reading)
    assert told(found) == [("delete", f"p{n}", 2) for n in range(8)]


def test_a_page_that_shows_its_newest_posts_takes_none_of_the_older_ones_away():
    channel = Channel("page")
    posts = [post(f"p{n}", n) for n in range(60)]
    for first in range(40):
        found = channel.read(*reversed(posts[first : first + 20]))
        assert {kind for kind, *_ in told(found)} <= {"post"} and not found.doubtful
    assert len(channel.known.out) == 59


@pytest.mark.parametrize("pinned", [True, False])
def test_a_post_that_is_kept_on_top_brings_nothing_below_it_into_reach(pinned):
    channel = Channel("page")
    posts = [post(f"p{n}", n) for n in range(60)]
    lead = post("lead", -60, facts={"pinned": pinned})
    for first in range(40):
        found = channel.read(lead, *reversed(posts[first : first + 20]))
        assert {kind for kind, *_ in told(found)} <= {"post"} and not found.doubtful


def test_what_a_page_lacks_though_it_shows_an_older_post_is_gone():
    channel = Channel("page")
    for reading in (NINE, [*NINE[:4], *NINE[5:]], [*NINE[:4], *NINE[5:]]):
        found = channel.read(*reversed(reading))
    assert told(found) == [("delete", "p4", 2)]


def test_a_page_that_lacks_much_at_once_is_not_believed():
    channel = Channel("page")
    channel.read(*reversed(NINE))
    for _ in range(3):
        found = channel.read(NINE[8], NINE[0])
        assert (told(found), [doubt.code for doubt in found.doubts]) == ([], ["many-deletions"])


def test_a_feed_takes_away_only_what_it_says_itself():
    channel = Channel("stated")
    channel.read(*NINE)
    for _ in range(3):
        assert told(channel.read(*NINE[5:])) == []
    stone = Told(DeleteEvent(id="p2", story_time=FIRST + timedelta(minutes=40)))
    reading = page(*NINE[5:])
    reading = Reading("feed", "feed", Header(), (*reading.told, stone))
    found = channel.read(reading=reading)
    assert told(found) == [("delete", "p2", 2)]
    assert found.changes[0].event.story_time == FIRST + timedelta(minutes=40)
    assert told(channel.read(reading=reading)) == []


def test_what_is_not_the_sources_own_is_never_taken_away():
    channel = Channel(out={"desk": Version(post("desk", 3), "second")}, others=frozenset({"desk"}))
    for _ in range(3):
        found = channel.read(*NINE)
    assert "desk" in found.known.out


def test_what_was_withdrawn_stays_away_whatever_its_headline_is_now():
    slug = "20230201T0042Z-ferry-late"
    channel = Channel(gone={slug: None})
    again = [post(slug, 0), post("20230201T0042Z-ferry-off", 0), post("20230201T0043Z-rain", 1)]
    found = channel.read(*again)
    assert told(found) == [("post", "20230201T0043Z-rain", 1)]
    assert {doubt.code for doubt in found.doubts} == {"withdrawn"}


def test_a_post_that_is_dated_ahead_comes_out_at_its_time():
    channel = Channel()
    later = post("later", 60 * 13)
    found = channel.read(post("a", 0), later)
    assert (told(found), found.due) == ([("post", "a", 1)], later.story_time)
    assert "tz sets the zone" in found.doubts[0].message
    assert told(channel.read(post("a", 0), later, now=later.story_time)) == [("post", "later", 1)]


def test_another_machines_clock_may_be_a_little_ahead():
    at = post("a", 0)
    assert told(Channel().read(at, now=at.story_time - AHEAD)) == [("post", "a", 1)]


def test_a_new_post_under_the_id_of_another_gets_its_own():
    channel = Channel()
    first = post("goal", 0, "The reds score early", "Goal")
    second = post("goal", 5, "No word in common here", "Other")
    channel.read(first)
    found = channel.read(first.model_copy(update={"id": "elsewhere"}), second)
    assert len(found.changes) == 1 and isinstance(found.changes[0].event, PostEvent)
    assert found.changes[0].slug not in {"goal", "elsewhere"}


def test_times_that_are_only_counted_back_from_now_are_the_same_posts():
    channel = Channel("page")

    def counted(minutes, precision):
        return Reading(
            "p",
            "html",
            Header(),
            (Told(PostEvent(post=post(f"x{minutes}", minutes, "The crane is up", "Crane")), 1, "relative", precision),),
        )

    assert told(channel.read(reading=counted(0, "minute"))) == [("post", "x0", 1)]
    assert told(channel.read(reading=counted(1, "minute"))) == []
    assert told(channel.read(reading=counted(40, "hour"))) == []
    assert [*channel.known.out] == ["x0"]


def test_updates_are_whole_versions():
    channel = Channel()
    channel.read(post("a", 0, "Two boats are out"))
    (change,) = channel.read(post("a", 0, "Three boats are out")).changes
    assert isinstance(change.event, UpdateEvent) and change.event.post.content_text == "Three boats are out"


def test_a_page_of_two_ages_is_not_told_to_and_fro():
    channel = Channel("page")
    old, new = NINE[:7], [*NINE[:6], post("p6", 6, "Report p6 says 43 now"), NINE[7]]
    for reading in (old, new, old, new, old, new):
        last = told(channel.read(*reversed(reading)))
    assert last == [] and channel.known.out["p6"].post.revision == 2


def test_a_post_whose_day_the_pages_head_tells_is_the_same_when_that_has_moved():
    def headed(days, body="The crane is up"):
        posts = [post(f"x{days}-{n}", n + 24 * 60 * days, f"{body} {n}", f"Crane {n}") for n in range(5)]
        told = tuple(Told(PostEvent(post=p), 9 - n, "header", "minute") for n, p in enumerate(posts))
        return Reading("p", "transcript", Header(), told)

    channel = Channel("page")
    now = NOW + timedelta(days=40)
    assert len(channel.read(reading=headed(0), now=now).changes) == 5
    assert told(channel.read(reading=headed(3), now=now)) == []
    found = channel.read(reading=headed(30, "The crane is up again"), now=now)
    assert told(found) == [("update", f"x0-{n}", 2) for n in range(5)]
