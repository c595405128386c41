"""A rerun's reckoning: when each event is due is a pure function of the URL and of what is out."""

from array import array
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.axis import Axis
from publisher.moments import microseconds
from publisher.rerun.rerun import Rerun, RerunError, parse_at
from publisher.rerun.timetable import Timetable
from publisher.rerun.wakes import Wakes
from publisher.when import When

START = datetime(2026, 3, 2, 20, tzinfo=UTC)
FIRST = datetime(2023, 1, 31, 19, 42, tzinfo=UTC)
SECOND = 1_000_000


def axis(*seconds, max_gap=None):
    begin = int(FIRST.timestamp()) * SECOND
    gap = timedelta(seconds=max_gap) if max_gap is not None else None
    return Axis(array("q", [begin + int(second * SECOND) for second in seconds]), gap).grown()


def timetable(rerun, *seconds, max_gap=None, finished=True):
    return Timetable(rerun, axis(*seconds, max_gap=max_gap), FIRST, finished=finished)


def after(seconds):
    return microseconds(START) + round(seconds * SECOND)


def places(table, *seconds):
    return [table.place(after(second)) for second in seconds]


def test_events_are_due_by_the_story_and_the_speed():
    table = timetable(Rerun(START, 10), 0, 5, 5, 100)
    assert places(table, -1, 0, 0.4, 0.5, 9.9, 10, 99) == [0, 1, 1, 3, 3, 4, 4]
    assert [table.due(place) for place in (0, 3)] == [after(0), after(10)]


def test_silences_are_shortened_in_story_time_before_the_speed():
    table = timetable(Rerun(START, 10), 0, 5, 1000, max_gap=20)
    assert table.due(2) == after(2.5)
    assert table.story_time(after(1.5)) == microseconds(FIRST) + (5 + 995 / 2) * SECOND


@pytest.mark.parametrize("begin", ["+50s", "2023-01-31T19:42:50", "2023-01-31T20:42:50+01:00", "50%"])
def test_what_is_earlier_than_its_beginning_is_out_at_once(begin):
    table = timetable(Rerun(START, 10, When.parse(begin), begin), 0, 40, 60, 100)
    assert places(table, -0.001, 0, 0.9, 1, 5) == [0, 2, 2, 3, 4]
    stamps = [table.stamp(place) for place in range(4)]
    assert stamps == sorted(set(stamps))
    assert stamps[0] == after(0)


def test_what_follows_on_many_that_are_out_at_once_is_dated_after_them():
    table = timetable(Rerun(START, speed=100_000, begin=When.parse("+10m")), *range(600), 610, 620)  # 100 µs apart
    stamps = [table.stamp(place) for place in range(len(table))]
    assert stamps == sorted(set(stamps))


def test_a_time_of_day_is_the_first_one_after_the_story_began():
    late = When.parse("00:10")
    assert timetable(Rerun(START, 1, late, "00:10"), 0, 3600, 5 * 3600).place(after(0)) == 2


def test_a_percentage_is_refused_while_the_story_may_go_on():
    with pytest.raises(RerunError, match="from: a percentage needs a finished story; write"):
        timetable(Rerun(START, 1, When.parse("50%"), "50%"), 0, 1, finished=False)


def test_an_event_may_be_due_later_than_any_date():
    table = timetable(Rerun(START, 0.1), 0, 250_000_000_000)
    assert table.place(after(0)) == 1
    assert table.due(1) > microseconds(datetime.max.replace(tzinfo=UTC))


def test_events_of_one_instant_are_dated_a_microsecond_apart_in_their_order():
    table = timetable(Rerun(START, 60), 0, 60, 60, 60)
    assert [table.stamp(place) - after(0) for place in range(4)] == [0, SECOND, SECOND + 1, SECOND + 2]


@given(
    st.lists(st.integers(0, 10**7), min_size=1, max_size=30).map(sorted),
    st.floats(0.1, 100_000),
    st.none() | st.integers(0, 10**4),
    st.integers(0, 10**7),
    st.none() | st.integers(0, 10**7),
)
def test_what_is_due_and_when_agree_to_the_microsecond(seconds, speed, max_gap, since, begin):
    when = When(offset=timedelta(seconds=begin)) if begin is not None else None
    table = timetable(Rerun(START, speed, when), *seconds, max_gap=max_gap)
    now = after(since)
    assert list(range(table.place(now))) == [place for place in range(len(table)) if table.due(place) <= now]
    for place in range(len(table)):
        moment = table.due(place)
        assert table.place(moment) > place
        assert moment == after(0) or table.place(moment - 1) <= place
        assert table.next(place) == moment
    assert table.next(len(table)) is None


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=30).map(sorted), st.none() | st.integers(0, 10**4))
def test_more_events_change_nothing_of_those_before(seconds, max_gap):
    before = axis(*seconds[:-1], max_gap=max_gap)
    when = When(offset=timedelta(seconds=seconds[len(seconds) // 2]))
    tables = [Timetable(Rerun(START, 7, when), before, FIRST, finished=False)]
    known = [tables[0].due(place) for place in range(len(tables[0]))]
    before.times.append(axis(*seconds).times[-1])
    table = Timetable(Rerun(START, 7, when), before.grown(), FIRST, finished=False)
    assert [table.due(place) for place in range(len(known))] == known


def test_it_catches_up_with_a_story_that_goes_on():
    table = timetable(Rerun(START, 60), 0, 600, finished=False)
    present = microseconds(FIRST) + 1200 * SECOND
    wait = table.caught_up(after(0), present, 1.0)
    assert wait == pytest.approx(1200 / 59 * SECOND, abs=1_000)
    assert table.caught_up(after(0) + round(wait), present + round(wait), 1.0) <= 1_000
    assert timetable(Rerun(START, 1), 0, 600, finished=False).caught_up(after(0), present, 1.0) is None
    short = timetable(Rerun(START, 1), 0, 600, max_gap=30, finished=False)
    assert short.caught_up(after(0), present, 1.0) == 60 * SECOND


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 9), st.integers(0, 9))))
def test_what_is_to_be_looked_at_comes_up_once_at_its_last_moment(deeds):
    wakes, wanted, now = Wakes(), {}, 0
    for one, at, passed in deeds:
        if at is None:
            wakes.drop(one)
            wanted.pop(one, None)
        else:
            wakes.set(one, now + at)
            wanted[one] = now + at
        now += passed
        due = []
        while (found := wakes.due(now)) is not None:
            due.append(found)
        assert [wanted[found] for found in due] == sorted(wanted[found] for found in due)
        assert set(due) == {name for name, moment in wanted.items() if moment <= now}
        for found in due:
            del wanted[found]
        assert (len(wakes), {name in wakes for name in wanted}) == (len(wanted), {True} if wanted else set())
        assert wakes.first is None or now < wakes.first
        assert not wanted or wakes.first <= min(wanted.values())
    for name in "abcd":
        wakes.drop(name)
    assert wakes._heap == [], "what was put off is kept"


# The URL.


def parse(**query):
    return Rerun.parse({name.replace("from_", "from"): value for name, value in query.items()}, START)


def test_a_url_without_parameters_is_no_rerun():
    assert Rerun.parse({"tag": "harbour", "after": "x-1"}, START) is None


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("2026-03-02T20:00Z", START),
        ("2026-03-02T20:00", START),
        ("2026-03-02T21:00+01:00", START),
        ("2026-03-02T21:00 01:00", START),  # what a query makes of a plus
        ("2026-03-02 20:00:00.5Z", START + timedelta(seconds=0.5)),
    ],
)
def test_the_start_is_a_moment_of_the_wall_clock(written, start):
    assert parse(rerun=written).start == start


def test_now_is_written_in_whole_seconds():
    moment = START + timedelta(seconds=0.7)
    assert Rerun.parse({"rerun": "now"}, moment).query == "?rerun=2026-03-02T20:00:00Z&speed=60"


def test_however_it_is_written_it_is_the_same():
    one = parse(rerun="2026-03-02T20:00Z", speed="120x", from_=" 10m", max_gap="1m30s", ids="anew")
    two = parse(rerun="2026-03-02T21:00:00+01:00", speed="120", from_="+10m", max_gap="90s", ids="anew")
    assert one == two
    assert one.query == "?rerun=2026-03-02T20:00:00Z&speed=120&from=%2B10m&max_gap=90s&ids=anew"
    assert one.digest("k3f9") == two.digest("k3f9") != two.digest("zzz")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"rerun": "tomorrow"}, "rerun: 'tomorrow' is no moment; write the moment at which it begins, such as 20"),
        ({"rerun": ""}, "rerun: '' is no moment"),
        ({"rerun": "0001-01-01T00:00+10:00"}, "rerun: .* is no moment"),
        ({"speed": "60"}, "speed: belongs to a rerun; add rerun=START"),
        ({"rerun": "now", "speed": "0"}, "speed: '0' is no speed; write a number from 0.1 to 100000"),
        ({"rerun": "now", "from": "soon"}, "from: 'soon' is no moment; write"),
        ({"rerun": "now", "max_gap": "30"}, "max_gap: '30' is no duration; write 30s"),
        ({"rerun": "now", "ids": "other"}, "ids: 'other' is neither same nor anew"),
        ({"rerun": "now", "from": "9" * 200}, "from: '9+'… is too long"),
    ],
)
def test_what_cannot_be_read_is_named_with_how_to_write_it(query, told):
    with pytest.raises(RerunError, match=f"^{told}"):
        Rerun.parse(query, START)


def test_speeds_are_taken_to_the_letter():
    assert "speed=0.3" in parse(rerun="now", speed="0.3").query
    assert Fraction(parse(rerun="now", speed="0.5").speed) == Fraction(1, 2)


def test_at_takes_what_from_takes():
    assert parse_at(" 10m") == When.parse("+10m")
    with pytest.raises(RerunError, match="at: 'never' is no moment"):
        parse_at("never")
