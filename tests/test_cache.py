"""What is kept for later is bounded by its bytes, not by how much of it there is."""

import pytest

from publisher.cache import Budget, Cache


@pytest.fixture(autouse=True)
def _no_entry_costs_anything_itself(monkeypatch):
    monkeypatch.setattr("publisher.cache.ENTRY_BYTES", 0)


def test_those_asked_for_longest_ago_make_room():
    cache = Cache(10)
    for key in "abc":
        assert cache.put(key, key.upper(), 3) == key.upper()
    assert cache.get("a") == "A"
    cache.put("d", "D", 3)
    assert [cache.get(key) for key in "abcd"] == ["A", None, "C", "D"]


def test_the_newest_is_kept_however_large_it_is_and_one_put_again_counts_once():
    cache = Cache(10)
    cache.put("small", 1, 4)
    cache.put("large", 2, 100)
    assert (cache.get("small"), cache.get("large"), len(cache)) == (None, 2, 1)
    for _ in range(5):
        cache.put("large", 3, 5)
    cache.put("other", 4, 5)
    assert (cache.get("large"), cache.get("other")) == (3, 4)
    cache.discard("large")
    cache.discard("never")
    cache.put("third", 5, 5)  # there is room again
    assert [cache.get(key) for key in ("large", "other", "third")] == [None, 4, 5]
    cache.clear()
    assert (cache.get("other"), len(cache)) == (None, 0)


def test_what_is_not_there_is_made_once():
    cache, made = Cache(100), []
    for _ in range(3):
        assert cache.made("a", lambda: made.append(1) or "value", len) == "value"
    assert made == [1]


def test_caches_that_share_a_budget_make_room_for_each_other():
    budget = Budget(10)
    ours, theirs = Cache(budget), Cache(budget)
    for cache, key in ((ours, "a"), (theirs, "a"), (ours, "b")):
        cache.put(key, f"{key} of {len(cache)}", 3)
    assert ours.get("a") == "a of 0"
    theirs.put("c", "c", 3)
    assert [list(cache) for cache in (ours, theirs)] == [["a", "b"], ["c"]]
    ours.clear()
    theirs.put("d", "d", 7)  # there is room again
    assert [list(cache) for cache in (ours, theirs)] == [[], ["c", "d"]]


def test_what_is_empty_costs_something_too(monkeypatch):
    monkeypatch.setattr("publisher.cache.ENTRY_BYTES", 2)
    cache = Cache(10)
    for key in range(100):
        cache.put(key, "", 0)
    assert list(cache) == [95, 96, 97, 98, 99]
