"""The bench itself: what it counts is what was sent, with readers in C and in Python."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import client
from tests.bench.__main__ import BENCHES
from tests.bench.contest import CASES, contest

CASE = replace(CASES["steady"], readers=20, events=20, pause=0, contenders=("newsreel, POST, log on disk",))


@pytest.fixture(params=["C", "Python"])
def readers(request, monkeypatch):
    if request.param == "Python":
        monkeypatch.setattr(client, "compiled", lambda _: None)
    elif not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("no C compiler here: install gcc to test the readers in C")


def test_every_event_is_counted_at_every_reader(readers):
    (figures,) = contest(CASE, 2).values()
    assert figures["lost or twice"] == [0, 0]
    assert all(0 < p50 <= p99 for p50, p99 in zip(figures["p50 ms"], figures["p99 ms"], strict=True))
    assert all(spent > 0 for spent in figures["CPU µs"])


def test_every_bench_is_described():
    described = (Path(__file__).parent.parent / "docs/bench.md").read_text()
    assert [name for name in BENCHES if not re.search(rf"^\| [^|]*`{name}`", described, re.MULTILINE)] == []
