"""Waiting between tries."""

from hypothesis import given
from hypothesis import strategies as st

from shared.backoff import LONGEST_SECONDS, Backoff


@given(
    base=st.integers(0, 10**7),
    failures=st.integers(0, 3000),
    chance=st.floats(0, 1, exclude_max=True),
    asked=st.none() | st.floats(0, 86_400),
)
def test_waits_stay_within_their_bounds(base, failures, chance, asked):
    backoff = Backoff().starting_from(base)
    for _ in range(min(failures, 60)):
        backoff = backoff.failed()
    wait = backoff.wait(chance, asked)
    assert (asked or 0) <= wait <= (asked or 0) + max(LONGEST_SECONDS, base / 1000)


def test_the_bound_doubles_with_each_failure_and_begins_anew():
    backoff = Backoff().starting_from(2000)
    bounds = []
    for _ in range(7):
        bounds.append(backoff.wait(1.0))
        backoff = backoff.failed()
    assert bounds == [2, 4, 8, 16, 32, 60, 60]
    assert backoff.healthy().wait(1.0) == 2


def test_full_jitter_reaches_down_to_nothing_but_not_below_what_was_asked():
    assert Backoff().wait(0.0) == 0
    assert Backoff().wait(0.0, 30) == 30


def test_a_server_that_asks_for_no_wait_at_all_is_not_hammered():
    backoff = Backoff().starting_from(0)
    for _ in range(12):
        backoff = backoff.failed()
    assert backoff.wait(1.0) > 1


def test_no_word_of_the_server_keeps_the_last_base():
    assert Backoff().starting_from(500).starting_from(None).base == 0.5


def test_a_server_that_asks_for_years_is_asked_again_within_the_hour():
    assert Backoff().starting_from(999_999_999_999).failed().wait(1.0) == 3600
