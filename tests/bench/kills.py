"""A replay that is killed again and again, with controls in between: its follower's record is an undisturbed run's.

Each publisher process is ended by SIGKILL at a random moment: while it starts, between two posts, in the midst of a
control. The follower goes on through all of it. Without seeks its record must be the undisturbed one to the letter:
every post, edit and deletion once, in order. With seeks, which take back what was shown, the story that it ends with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shared.driving import clock_url, drive_clock, read_clock
from shared.errors import NewsreelError
from shared.fetch import open_session
from subscriber.follower import Follower

TOKEN = "a-token-for-this-bench-and-nothing-else"
FIRST = datetime(2023, 2, 1, tzinfo=UTC)
POSTS = 80
"""So many fit into one window, so that a reset carries all of them."""
MINUTES = 10
STEADY = ({"state": "paused"}, {"state": "playing"}, {"speed": 300}, {"speed": 1200}, {"speed": 600}, {"step": True})
SEEKS = ({"seek": "10%"}, {"seek": "40%", "state": "playing"}, {"seek": "+3h"}, {"seek": "p5", "state": "paused"})
PATIENCE = 120.0


def write_source(path: Path, seed: int) -> None:
    """Write a story in which one post in four is edited and one in ten taken away, hours later."""
    chance = random.Random(seed)
    lines: list[tuple[datetime, dict[str, Any]]] = []
    for number in range(POSTS):
        moment = FIRST + timedelta(minutes=MINUTES * number, seconds=chance.choice((0, 0, 17)))
        item = {"id": f"p{number}", "title": f"Post {number}", "content_html": f"<p>What {number} says.</p>"}
        item["date_published"] = moment.isoformat()
        lines.append((moment, {"event": "post", "id": None, "data": item}))
        if chance.random() < 0.25:
            moment += timedelta(minutes=chance.uniform(1, 200))
            edited = item | {"content_html": f"<p>What {number} says now.</p>", "date_modified": moment.isoformat()}
            lines.append((moment, {"event": "update", "id": None, "data": edited}))
        if chance.random() < 0.1:
            moment += timedelta(minutes=chance.uniform(1, 200))
            gone = {"id": f"p{number}", "_newsreel": {"story_time": moment.isoformat()}}
            lines.append((moment, {"event": "delete", "id": None, "data": gone}))
    lines.sort(key=lambda line: line[0])
    path.write_text("".join(json.dumps(line) + "\n" for _, line in lines))


class Served:
    """A publisher that can be killed and started again at the same port."""

    def __init__(self, source: Path, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/{source.stem}/"
        self._command = [sys.executable, "-m", "publisher", "replay", str(source), "--port", str(self._port), *options]

    async def start(self) -> None:
        """Start; it is not up yet."""
        null = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=null, env=os.environ | {"NEWSREEL_TOKEN": TOKEN}
        )

    async def up(self) -> None:
        """Wait until it answers."""
        async with open_session() as session, asyncio.timeout(PATIENCE):
            while True:
                try:
                    await read_clock(session, clock_url(self.url))
                except NewsreelError:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def ask(self, control: dict[str, Any]) -> bool:
        """Ask for a control; True if it was answered."""
        async with open_session() as session:
            try:
                await drive_clock(session, clock_url(self.url), TOKEN, control)
            except NewsreelError:
                return False
        return True

    async def kill(self) -> None:
        """End it without any notice."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def follow(url: str) -> list[tuple[str, str, str]]:
    """Follow to the end; give kind, slug and digest of each post, edit and deletion, and the resets."""
    record: list[tuple[str, str, str]] = []
    async for update in Follower(url, until_end=True, chance=lambda: 0.05):
        match update.event:
            case "post" | "update":
                post = update.post()
                record.append((update.event, post.id.rpartition("/")[2], post.content_text.partition("First pub")[0]))
            case "delete":
                record.append(("delete", str(update.data["id"]).rpartition("/")[2], ""))
            case "reset":
                record.append(("reset", update.reason(), ""))
    return record


async def undisturbed(source: Path) -> list[tuple[str, str, str]]:
    """Give the record of a run that nothing happens to: it waits until it is followed."""
    served = Served(source, "--speed", "40000", "--start", (datetime.now(UTC) + timedelta(hours=1)).isoformat())
    await served.start()
    try:
        await served.up()
        following = asyncio.create_task(follow(served.url))
        await asyncio.sleep(1)
        await served.ask({"state": "playing"})
        return await asyncio.wait_for(following, PATIENCE)
    finally:
        await served.kill()


async def disturbed(source: Path, log: Path, kills: int, seed: int, *, seeks: bool) -> list[tuple[str, str, str]]:
    """Give the record of a run whose publisher is killed so often."""
    chance = random.Random(seed)
    waits = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    served = Served(source, "--speed", "600", "--log", str(log), "--start", waits)
    await served.start()
    try:
        await served.up()
        following = asyncio.create_task(follow(served.url))
        await asyncio.sleep(1)
        await served.ask({"state": "playing"})
        controls = (*STEADY, *SEEKS) if seeks else STEADY
        for number in range(kills):
            asked: list[asyncio.Task[bool]] = []
            if number % 3:  # else it is killed while it starts
                await served.up()
                for _ in range(chance.randrange(3)):
                    await served.ask(chance.choice(controls))
                    await asyncio.sleep(chance.uniform(0, 0.3))
                asked.append(asyncio.create_task(served.ask(chance.choice(controls))))
            await asyncio.sleep(chance.choice((0, 0.002, 0.01, 0.3, 1)))
            await served.kill()
            await asyncio.gather(*asked)
            await served.start()
        await served.up()
        if seeks:
            await served.ask({"seek": "20%"})
        while not await served.ask({"state": "playing", "speed": 40_000}):
            await served.up()
        return await asyncio.wait_for(following, PATIENCE)
    finally:
        await served.kill()


def told(record: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Leave out the resets that clear nothing."""
    return [line for line in record if line[0] != "reset" or line[1] in {"seek", "loop"}]


def story_of(record: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Tell what a reader of a record sees in the end: slugs and texts, in order; fail if a post comes twice."""
    shown: dict[str, str] = {}
    for kind, slug, text in record:
        if kind == "reset" and slug in {"seek", "loop"}:
            shown.clear()
        elif kind == "delete":
            shown.pop(slug, None)
        elif kind != "reset":
            if kind == "post" and slug in shown:
                raise AssertionError(f"{slug} came twice")
            shown[slug] = text
    return list(shown.items())


async def compare(folder: Path, kills: int, seed: int, *, seeks: bool) -> dict[str, Any]:
    """Run both, and tell whether the records agree."""
    source = folder / "invented.jsonl"
    write_source(source, seed)
    ideal = await undisturbed(source)
    begun = time.monotonic()
    record = await disturbed(source, folder / f"log-{seeks}.db", kills, seed, seeks=seeks)
    same = story_of(record) == story_of(ideal) if seeks else told(record) == told(ideal)
    return {
        "kills": kills,
        "seed": seed,
        "seeks": sum(line[:2] == ("reset", "seek") for line in record) if seeks else None,
        "events": len(record),
        "of an undisturbed run": len(ideal),
        "seconds": round(time.monotonic() - begun),
        "same": same,
    }


def main() -> None:
    """Read the options, run without and with seeks, print a line of JSON each; exit code 1 if a record differs."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    found = []
    for seeks in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            found.append(asyncio.run(compare(Path(folder), chosen.kills, chosen.seed, seeks=seeks)))
        print(json.dumps(found[-1]), flush=True)
    sys.exit(0 if all(one["same"] for one in found) else 1)


if __name__ == "__main__":
    main()
