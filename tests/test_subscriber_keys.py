"""Keys drive the replay that is followed, where a person sits at a terminal and its token is at hand."""

import json
import os
import pty
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime

import pytest
from patience import PATIENCE, until
from serving import EXAMPLES, ROOT, publishing

from shared.token import kept
from shared.wire import Clock, Standing
from subscriber.keys import control_of, read_keys, token_for
from subscriber.status import Status

MOMENT = datetime(2023, 2, 1, tzinfo=UTC)
# A program becomes the owner of its terminal, as a shell makes it.
AT_A_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def standing(state="playing", speed=60, elapsed=3600):
    return Standing(state=state, speed=speed, story_time=MOMENT, run=1, elapsed=elapsed)


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b" ", ["toggle"]),
        (b"\x1b[C\x1b[D\x1bOC", ["forward", "back", "forward"]),
        (b"++-=.", ["faster", "faster", "slower", "faster", "step"]),
        (b"q", ["quit"]),
        (b"\x1b[1;5C", ["forward"]),
        (b"\x1b[A\x1b[3~xyz\r\n\x00\xff", []),
        (b"", []),
    ],
)
def test_what_is_typed(typed, keys):
    assert read_keys(typed) == keys


@pytest.mark.parametrize(
    ("key", "clock", "control"),
    [
        ("toggle", standing(), {"state": "paused"}),
        ("toggle", standing("paused"), {"state": "playing"}),
        ("toggle", standing("ended"), {"state": "playing"}),
        ("forward", standing(), {"seek": 4200}),
        ("back", standing(), {"seek": 3000}),
        ("back", standing(elapsed=5), {"seek": 0}),
        ("faster", standing(), {"speed": 120}),
        ("faster", standing(speed=100_000), {"speed": 100_000}),
        ("slower", standing(speed=0.15), {"speed": 0.1}),
        ("step", standing(), {"step": True}),
    ],
)
def test_what_a_key_asks_for(key, clock, control):
    assert control_of(key, clock) == control


def test_only_a_replay_of_this_machine_is_driven(monkeypatch, tmp_path):
    monkeypatch.delenv("NEWSREEL_TOKEN", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    clock = Clock(state="playing", speed=60, story_time=MOMENT, run=1)
    here = "http://127.0.0.1:8000/harbour/events"
    with kept("secret", "127.0.0.1", 8000):
        assert token_for(Status(clock=clock, stream=here)) == ("http://127.0.0.1:8000/harbour/clock", "secret")
        for status in (
            Status(stream=here),
            Status(clock=clock),
            Status(clock=clock.model_copy(update={"state": "live"}), stream=here),
            Status(clock=clock, stream=here + "?rerun=2026-01-01T00:00Z"),
            Status(clock=clock, stream="http://news.example:8000/harbour/events"),
        ):
            assert token_for(status) is None
    assert token_for(Status(clock=clock, stream=here)) is None
    monkeypatch.setenv("NEWSREEL_TOKEN", "mine")
    assert token_for(Status(clock=clock, stream="https://news.example/harbour/events")) is None


def test_at_a_terminal_keys_pause_step_and_leave_it_as_it_was():
    with publishing("replay", EXAMPLES / "harbour-fire.txt", "--speed", 60) as served:

        def clock():
            return json.loads(urllib.request.urlopen(f"{served.root}clock", timeout=PATIENCE).read())

        ours, theirs = pty.openpty()
        command = [sys.executable, "-c", AT_A_TERMINAL, sys.executable, "-m", "subscriber", served.root]
        subscriber = subprocess.Popen(
            command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        shown = b""
        while b"keys: space pauses" not in shown:
            shown += os.read(ours, 65_536)
        os.write(ours, b" ")
        until(lambda: clock()["state"] == "paused", what="the pause")
        before = clock()["elapsed"]
        os.write(ours, b"..")
        until(lambda: clock()["elapsed"] >= before + 600, what="the steps")
        os.write(ours, b"+\x1b[D")
        until(lambda: clock()["speed"] == 120, what="the speed")
        os.write(ours, b"q")
        try:
            while os.read(ours, 65_536):  # let it write its last
                pass
        except OSError:  # it has left the terminal
            pass
        os.close(ours)
        assert subscriber.wait(PATIENCE) == 0
