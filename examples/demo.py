"""Replay an example in about a minute, with a subscriber beside it; Ctrl-C ends both.

On a terminal the subscriber shows the posts as they arrive. Without one the demo is a test: it runs to the end of the
replay and exits 0 only if every post arrived.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from datetime import datetime
from pathlib import Path

EXAMPLE = Path(__file__).parent / "harbour-fire.txt"
SECONDS = 55
INTERRUPTED = 130
PATIENCE = 120
"""Seconds after which a replay that has not ended is taken for broken."""


def main() -> int:
    """Run the demo and give its exit code."""
    checked = json.loads(subprocess.check_output([*_program("publisher"), "check", str(EXAMPLE), "--json"]))
    times = [datetime.fromisoformat(post["published"]) for post in checked["posts"]]
    speed = max(float(f"{(max(times) - min(times)).total_seconds() / SECONDS:.2g}"), 0.1)
    replay = [*_program("publisher"), "replay", str(EXAMPLE), "--speed", f"{speed:g}", "--port", str(_port())]
    # In a session of its own, so that Ctrl-C reaches the subscriber alone and the publisher is ended in order.
    publisher = subprocess.Popen(replay, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        page = _announcement(publisher)
        if page is None:
            return publisher.wait() or 1
        follow = [*_program("subscriber"), page, "--until-end"]
        if sys.stdout.isatty():
            return _show(follow, page)
        return _watch(follow, {post["id"] for post in checked["posts"]})
    except KeyboardInterrupt:
        print("\nstopped")
        return 0
    finally:
        publisher.send_signal(signal.SIGTERM)
        publisher.wait(PATIENCE)


def _program(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _announcement(publisher: subprocess.Popen[str]) -> str | None:
    """Pass on what the publisher says first, and find the page's address in it."""
    page = None
    for line in publisher.stdout or ():
        print(line, end="", flush=True)
        if line.split()[:1] == ["page"]:
            page = line.split()[1]
        if line.startswith("Ctrl-C"):
            print(flush=True)
            return page
    return None


def _show(follow: list[str], page: str) -> int:
    code = subprocess.run(follow, check=False).returncode
    if code == 0 and _ended(page):  # else somebody typed q
        print(f"Every post is out, and {page} is still there. Ctrl-C ends.", flush=True)
        signal.pause()
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    return code


def _ended(page: str) -> bool:
    with urllib.request.urlopen(f"{page}clock", timeout=PATIENCE) as answer:  # noqa: S310 our own server's
        return bool(json.load(answer)["state"] == "ended")


def _watch(follow: list[str], expected: set[str]) -> int:
    arrived: list[str] = []
    with subprocess.Popen([*follow, "--json"], stdout=subprocess.PIPE, text=True) as subscriber:
        signal.signal(signal.SIGALRM, lambda *_: subscriber.kill())
        signal.alarm(PATIENCE)
        for line in subscriber.stdout or ():
            event = json.loads(line)
            if event["event"] == "post":
                arrived.append(event["data"]["id"].rpartition("/")[2])
                print(f"arrived: {event['data']['title']}", flush=True)
    signal.alarm(0)
    whole = sorted(arrived) == sorted(expected) and subscriber.returncode == 0
    print(f"{len(arrived)} posts arrived of {len(expected)}, subscriber ended with {subscriber.returncode}")
    return 0 if whole else 1


def _port() -> int:
    """Take port 8000, which people expect, unless somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8000))
        except OSError:
            return 0
    return 8000


if __name__ == "__main__":
    sys.exit(main())
