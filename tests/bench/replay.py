"""How exact a replay is: every cue once, in order, at its time; and how soon a long one starts.

Six parts, each printing lines of JSON. *Start*: a reel of so many cues is laid out and opened, on a new log and on one
that holds all of it. *Simulated*: at speeds from 1 to 100,000 the conductor is woken when it asked to be, or late by
chance, through as much wall-clock time as it takes; lateness is against the ideal moment, ``anchor + elapsed / speed``.
*Real*: the true loop, alarm and clock at several rates; lateness runs to the moment at which the log has the cue.
*Disk*: what one ``fdatasync`` costs where the log lies; no durable release can be sooner. *Stalled*: the loop is held
up for 3 s on purpose. *Busy*: it is never idle, as with thousands of readers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from publisher.log.opening import log_path, open_store
from publisher.reel import Reel
from publisher.replay.alarm import SchedulerAlarm, SteadyTime
from publisher.replay.conductor import Conductor
from publisher.replay.score import Score
from shared.event import PostEvent
from shared.post import Post, PostFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.log.contract import Draft, EventLog
    from shared.event import Logged

FIRST = datetime(2023, 2, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEEDS = (1.0, 60.0, 3_600.0, 100_000.0)
STALL_SECONDS = 3.0
BUSY_SECONDS = 0.002
SYNCS, PAGE = 300, 4096


def posts_at(offsets: Sequence[float]) -> list[PostEvent]:
    """Make one post at each of so many seconds."""
    events = []
    for number, offset in enumerate(offsets):
        moment = FIRST + timedelta(seconds=offset)
        facts = PostFacts(story_time=moment)
        events.append(PostEvent(post=Post(id=f"p{number}", title=str(number), date_published=moment, newsreel=facts)))
    return events


def day_after_day(cues: int, seed: int) -> list[float]:
    """Draw moments as days have them: bursts, many at the same instant, gaps of a day."""
    chance = random.Random(seed)
    offsets: list[float] = []
    at = 0.0
    while len(offsets) < cues:
        kind = chance.random()
        if kind < 0.001:
            at += 86_400 * chance.uniform(1, 3)
        elif kind < 0.05:
            at += chance.uniform(60, 3_600)
        burst = chance.choice((1, 1, 1, 2, 5, 40))
        for _ in range(min(burst, cues - len(offsets))):
            at += chance.choice((0.0, 0.0, chance.uniform(0.0, 2.0)))
            offsets.append(at)
    return offsets


class Watched:
    """A log that notes when it has taken each cue; ``now`` tells the moment."""

    def __init__(self, log: EventLog, now: Any) -> None:
        self._log = log
        self._now = now
        self.taken: list[tuple[str, datetime]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, drafts: Sequence[Draft], *, expect: int | None = None) -> list[Logged]:
        """Append, and note the moment for each cue."""
        logged = await self._log.append(drafts, expect=expect)
        moment = self._now()
        self.taken += [(draft.event.post.id, moment) for draft in drafts if isinstance(draft.event, PostEvent)]
        return logged


def lateness(reel: Reel, taken: list[tuple[str, datetime]], anchor: datetime, speed: float) -> dict[str, float]:
    """Hold what the log took against the ideal; fail unless it is every cue, once, in order."""
    if [name for name, _ in taken] != [cue.event.post.id for cue in reel.cues if isinstance(cue.event, PostEvent)]:
        sys.exit("a cue was lost, repeated or released out of order")
    late = sorted(
        (moment - anchor).total_seconds() * 1000 - cue.elapsed / speed * 1000
        for (_, moment), cue in zip(taken, reel.cues, strict=True)
    )
    cuts = statistics.quantiles(late, n=100, method="inclusive") if len(late) > 1 else late * 99
    return {
        "p50 ms": round(cuts[49], 3),
        "p99 ms": round(cuts[98], 3),
        "earliest ms": round(late[0], 3),
        "max ms": round(late[-1], 3),
    }


async def start(cues: int, log_url: str) -> dict[str, Any]:
    """Measure how long it takes until a reel is ready to play, and to be taken up again."""
    events = posts_at(day_after_day(cues, 1))
    store = await open_store(log_url)
    log = store.channel("start")
    begun = time.process_time()
    reel = Reel(events)
    laid_out = time.process_time()
    conductor = Conductor(reel, Score(100_000), log)
    await conductor.open(NOW)
    opened = time.process_time()
    await conductor.release(NOW + timedelta(days=4_000))
    released = time.process_time()
    await Conductor(Reel(events), Score(100_000), log).open(NOW)
    reopened = time.process_time()
    await store.close()
    return {
        "cues": cues,
        "laid out, CPU s": round(laid_out - begun, 3),
        "opened, CPU s": round(opened - laid_out, 3),
        "all released at once, CPU s": round(released - opened, 3),
        "laid out and taken up again, CPU s": round(reopened - released, 3),
    }


async def simulated(reel: Reel, speed: float, *, late_by: float, seed: int) -> dict[str, Any]:
    """Conduct a reel through simulated time, waking late by up to ``late_by`` seconds each time."""
    chance = random.Random(seed)
    store = await open_store("memory:")
    now = NOW
    log = Watched(store.channel("c"), lambda: now)
    conductor = Conductor(reel, Score(speed), log)
    await conductor.open(now)
    wakes = 0
    while (wake := await conductor.release(now)) is not None:
        now = max(wake, now) + timedelta(seconds=chance.uniform(0, late_by))
        wakes += 1
    await store.close()
    hours = round((now - NOW).total_seconds() / 3600, 2)
    return {"speed": speed, "late by s": late_by, "wakes": wakes, "hours": hours} | lateness(
        reel, log.taken, NOW, speed
    )


def disk(folder: Path) -> dict[str, Any]:
    """Measure what it costs to make one page durable, one at a time, in a file that does not grow."""
    late = []
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(SYNCS * PAGE))
        os.fsync(file.fileno())
        for number in range(SYNCS):
            os.pwrite(file.fileno(), b"x" * PAGE, number * PAGE)
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            late.append((time.perf_counter() - begun) * 1000)
            time.sleep(0.005)
    cuts = statistics.quantiles(late, n=100, method="inclusive")
    return {"p50 ms": round(cuts[49], 3), "p99 ms": round(cuts[98], 3), "max ms": round(max(late), 3)}


async def _work() -> None:
    """Hold the loop for 2 ms at a time, for ever."""
    while True:
        until = time.perf_counter() + BUSY_SECONDS
        while time.perf_counter() < until:
            pass
        await asyncio.sleep(0)


async def real(rate: float, seconds: float, log_url: str, *, stall: bool = False, busy: bool = False) -> dict[str, Any]:
    """Conduct in real time, at ``rate`` cues a second, evenly but for a burst of ten now and then."""
    count = int(rate * seconds)
    chance = random.Random(2)
    offsets = sorted(chance.choice((n / rate, n // 10 * 10 / rate)) for n in range(count))
    reel = Reel(posts_at(offsets))
    steady = SteadyTime()
    store = await open_store(log_url)
    log = Watched(store.channel(f"rate {rate} {stall} {busy}"), steady.now)
    anchor = steady.now() + timedelta(seconds=0.2)
    conductor = Conductor(reel, Score(1, start=anchor), log)
    await conductor.open(steady.now())
    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.start()
    cpu = time.process_time()
    conducting = asyncio.create_task(conductor.run(SchedulerAlarm(scheduler, "next cue", steady.now), steady.now))
    working = asyncio.create_task(_work()) if busy else None
    if stall:
        await asyncio.sleep(seconds / 3)
        time.sleep(STALL_SECONDS)  # noqa: ASYNC251 that is what is measured
    deadline = time.monotonic() + seconds + STALL_SECONDS + 30
    while len(log.taken) < count and time.monotonic() < deadline:  # noqa: ASYNC110 looks on from outside
        await asyncio.sleep(0.1)
    cpu = time.process_time() - cpu
    ending = [task for task in (conducting, working) if task is not None]
    for task in ending:
        task.cancel()
    await asyncio.wait(ending)
    scheduler.shutdown(wait=False)
    await store.close()
    kind = log_url.partition(":")[0]
    what = {"stalled s": STALL_SECONDS} if stall else {"CPU %": round(cpu / seconds * 100)}
    return {"cues/s": rate, "cues": count, "log": kind, **what} | lateness(reel, log.taken, anchor, 1)


def main() -> None:
    """Read the options, run, print a line of JSON a part."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cues", type=int, default=100_000)
    options.add_argument("--seconds", type=float, default=20, help="of each real-time part")
    options.add_argument(
        "--log", default="memory:", help="of the real-time parts; a path measures the durable commit too"
    )
    chosen = options.parse_args()

    def say(part: str, found: dict[str, Any]) -> None:
        print(json.dumps({"part": part} | found), flush=True)

    say("start", asyncio.run(start(chosen.cues, "memory:")))
    reel = Reel(posts_at(day_after_day(chosen.cues, 1)))
    for speed in SPEEDS:
        say("simulated", asyncio.run(simulated(reel, speed, late_by=0.0, seed=3)))
    say("simulated", asyncio.run(simulated(reel, 3_600.0, late_by=2.0, seed=4)))
    path = log_path(chosen.log)
    if path is not None:
        say("disk", disk(Path(path).absolute().parent))
    for rate in (10, 100, 1_000):
        say("real", asyncio.run(real(rate, chosen.seconds, chosen.log)))
    say("busy", asyncio.run(real(100, chosen.seconds, chosen.log, busy=True)))
    say("stalled", asyncio.run(real(200, 9, chosen.log, stall=True)))


if __name__ == "__main__":
    main()
