"""The replay's clock never jumps, and agrees with itself in both directions."""

import math
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from publisher.clock import FASTEST, SLOWEST, ReplayClock

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
moments = st.integers(0, 10**12).map(lambda us: START + timedelta(microseconds=us))
speeds = st.floats(SLOWEST, FASTEST, allow_nan=False)
clocks = st.builds(ReplayClock, moments, st.floats(0, 1e7), speeds, st.booleans())


def close(a, b, clock):
    # one microsecond of wall time, in reel seconds, and what floats lose at that size
    return abs(a - b) <= 2e-6 * clock.speed + 1e-9 * max(abs(a), abs(b), 1)


def test_runs_at_its_speed():
    clock = ReplayClock(START, 5.0, 60.0)
    assert clock.at(START + timedelta(seconds=2)) == 125.0


def test_stands_still_before_its_anchor_and_while_paused():
    assert ReplayClock(START, 5.0, 60.0).at(START - timedelta(hours=1)) == 5.0
    assert ReplayClock(START, 5.0, 60.0, playing=False).at(START + timedelta(hours=1)) == 5.0


def test_a_paused_clock_never_gets_there():
    assert ReplayClock(START, 5.0, 60.0, playing=False).when(6.0) is None


@given(clocks, moments)
def test_pause_resume_and_speed_never_jump(clock, now):
    shown = clock.at(now)
    assert clock.paused(now).at(now) == shown
    assert clock.resumed(now).at(now) == shown
    assert clock.at_speed(now, 2.0).at(now) == shown
    assert clock.paused(now).resumed(now).at_speed(now, clock.speed).at(now) == shown


@given(clocks, moments, st.floats(0, 1e7))
def test_seek_stands_where_it_was_sent(clock, now, elapsed):
    assert clock.seeked(now, elapsed).at(now) == elapsed


@given(st.builds(ReplayClock, moments, st.floats(0, 1e7), speeds), st.floats(0, 1e7))
def test_woken_when_it_said_the_cue_is_due(clock, ahead):
    elapsed = clock.elapsed + ahead
    moment = clock.when(elapsed)
    assert clock.at(moment) >= elapsed
    assert close(clock.at(moment), elapsed, clock)
    if moment - timedelta(microseconds=2) > clock.anchor:
        assert clock.at(moment - timedelta(microseconds=2)) < elapsed + 1e-6


@given(st.builds(ReplayClock, moments, st.floats(0, 1e7), speeds), moments, moments)
def test_never_runs_backwards(clock, one, other):
    assert clock.at(min(one, other)) <= clock.at(max(one, other))


def test_a_moment_beyond_all_dates_never_comes():
    assert ReplayClock(START, 0.0, SLOWEST).when(3e11) is None


@given(st.builds(ReplayClock, moments, st.floats(0, 1e7), speeds), moments)
def test_wall_to_elapsed_to_wall_is_the_identity_while_it_plays(clock, now):
    wall = max(now, clock.anchor)
    back = clock.when(clock.at(wall))
    # A float of this size tells reel seconds no finer, so that much may be lost on the way, and a microsecond.
    grain = timedelta(seconds=2 * math.ulp(clock.at(wall)) / clock.speed) + timedelta(microseconds=2)
    assert abs(back - wall) <= grain


@given(clocks, moments, st.floats(0, 1e7))
def test_a_seek_there_and_back_leaves_the_clock_as_it_was(clock, now, elapsed):
    shown = clock.at(now)
    back = clock.seeked(now, elapsed).seeked(now, shown)
    assert (back.at(now), back.speed, back.playing) == (shown, clock.speed, clock.playing)
    for later in (now, now + timedelta(hours=1)):
        if now >= clock.anchor:
            assert close(back.at(later), clock.at(later), clock)
