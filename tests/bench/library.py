"""A long story: what a release and a start cost with a million posts in the log, beside a thousand.

``python -m tests.bench library [--posts 1000000] [--releases 300] [--folder FOLDER]``. Both stories stand open in one
process and take turns, release by release, so that a busy machine slows both alike. At the end the library is thrown
away, and the start timed that makes it anew. The exit code is 1 where a promise is broken: a release at most 1.5 times
as dear, a start of less than 3 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from publisher.channel import Channel
from publisher.library import Library, library_path
from publisher.live import Beginning
from publisher.log.contract import Draft, EventLog, LogStore
from publisher.log.opening import open_store
from publisher.render.snapshot import Address
from publisher.scene import Billing
from shared.event import ClockEvent, Event, PostEvent, UpdateEvent
from shared.post import Author, Post, PostFacts
from tests.bench.table import markdown, spread

SMALL = 1_000
BATCH = 2_000
MOST_RATIO = 1.5
MOST_START = 3.0
START = datetime(2023, 1, 31, 19, 42, tzinfo=UTC)
NAME = "bench"
CONFIG = '[server]\nport = 0\n[log]\nurl = "sqlite:{log}"\n[channels.bench]\nmode = "live"\n'


class Story:
    """A channel over a log and a library on the disk."""

    def __init__(self, store: LogStore, library: Library) -> None:
        self._store = store
        self._library = library
        self._next = 0
        address = Address.of(f"https://news.example/{NAME}/", NAME, "news.example", date(2023, 1, 31))
        billing = Billing("A long story", "live", "en", date(2023, 1, 31), START)
        self.log: EventLog = store.channel(NAME)
        self.channel = Channel(
            self.log, library.shelf(NAME), address, billing, "shifted", live=Beginning(1, START, START, 1)
        )

    @classmethod
    async def open(cls, path: Path) -> Story:
        """Open a story that ``fill`` wrote, and that an earlier run may have added to."""
        store = await open_store(str(path))
        story = cls(store, Library.open(library_path(str(path)), store.epoch))
        await story.channel.press.catch_up()
        story._next = story.channel.press.shelf.releases
        return story

    async def release(self, *, edit: bool) -> dict[str, float]:
        """Let one post out, or an edit of the newest one; give the seconds of each part."""
        if edit:
            post = make_post(self._next - 1, revision=2)
            event: Event = UpdateEvent(post=post)
        else:
            post = make_post(self._next)
            event = PostEvent(post=post)
            self._next += 1
        seconds = {}
        begin = time.perf_counter()
        logged = await self.log.append([Draft(f"take-1:{post.id}:{post.revision}", post.date_published, event)])
        seconds["append"] = time.perf_counter() - begin
        begin = time.perf_counter()
        self.channel.press.press(logged)
        seconds["press"] = time.perf_counter() - begin
        for form in ("feed.atom", "feed.json", "page"):
            begin = time.perf_counter()
            _ = self.channel.editions.get(form).body
            seconds[form] = time.perf_counter() - begin
        seconds["release"] = seconds["append"] + seconds["press"]
        seconds["release and feeds"] = seconds["release"] + seconds["feed.atom"] + seconds["feed.json"]
        return seconds

    async def close(self) -> None:
        """Close the files."""
        self._library.close()
        await self._store.close()


def make_post(number: int, revision: int = 1) -> Post:
    """Make the post of a number; ten people write, one after the other."""
    moment = START + timedelta(seconds=number)
    return Post(
        id=f"p{number}",
        title=f"Headline number {number}" + (", mended" if revision > 1 else ""),
        content_html=f"<p>What post {number} says in a sentence or two, as posts do. The second one is longer.</p>",
        date_published=moment,
        authors=(Author.of(f"Reporter {number % 10}"),),
        tags=("harbour",),
        newsreel=PostFacts(story_time=moment, revision=revision),
    )


async def fill(path: Path, posts: int) -> float:
    """Write a story of so many posts into a log and its library; give the seconds that it took."""
    begin = time.perf_counter()
    store = await open_store(str(path))
    library = Library.open(library_path(str(path)), store.epoch)
    shelf, log = library.shelf(NAME), store.channel(NAME)
    live = ClockEvent(state="live", speed=1, anchor=START, elapsed=0, story_time=START, run=1, reel="")
    shelf.file(await log.append([Draft("take-1:live", START, live)]))
    for first in range(0, posts, BATCH):
        made = [make_post(number) for number in range(first, min(first + BATCH, posts))]
        drafts = [Draft(f"take-1:{post.id}:1", post.date_published, PostEvent(post=post)) for post in made]
        shelf.file(await log.append(drafts))
        if sys.stderr.isatty():
            print(f"\r{first + len(made):,} of {posts:,} posts ", end="", file=sys.stderr, flush=True)
    library.close()
    await store.close()
    return time.perf_counter() - begin


def start_seconds(folder: Path, path: Path, times: int = 3) -> list[float]:
    """Start the whole server over a story, several times; give the seconds until it says that it serves."""
    config = folder / "config.toml"
    config.write_text(CONFIG.format(log=path))
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        command = [sys.executable, "-m", "publisher", "serve", "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            said = next((line for line in server.stdout or () if line.startswith("Ctrl-C")), None)
            found.append(time.perf_counter() - begin)
            server.terminate()
        if said is None:
            raise SystemExit("the server did not start")
    return found


def lose_library(path: Path) -> None:
    """Throw the library of a log away."""
    for suffix in ("", "-wal", "-shm"):
        Path(library_path(str(path)) + suffix).unlink(missing_ok=True)


async def measure(folder: Path, posts: int, releases: int) -> bool:
    """Fill, release, start; print, and tell whether the promises are kept."""
    sizes = (SMALL, posts)
    paths = {size: folder / f"{size}.db" for size in sizes}
    for size, path in paths.items():
        if not path.exists():
            print(f"{size:,} posts were written in {await fill(path, size):.0f} s", flush=True)
    stories = {size: await Story.open(path) for size, path in paths.items()}
    found: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for turn in range(releases):
        for size in sizes:
            found[size].append(await stories[size].release(edit=turn % 4 == 3))
    for story in stories.values():
        await story.close()
    starts = {size: start_seconds(folder, path) for size, path in paths.items()}
    lose_library(paths[posts])
    (anew,) = start_seconds(folder, paths[posts], times=1)
    rows, kept = [], True
    for part in found[SMALL][0]:
        small, large = ([1000 * seconds[part] for seconds in found[size]] for size in sizes)
        ratio = statistics.median(large) / statistics.median(small)
        kept = kept and (part != "release" or ratio <= MOST_RATIO)
        rows.append(
            {"ms": part, f"{SMALL:,}": spread(small), f"{posts:,}": spread(large), "ratio": f"{ratio:.2f}"},
        )
    print(markdown(["ms", f"{SMALL:,}", f"{posts:,}", "ratio"], rows))
    for size, seconds in starts.items():
        print(f"start with {size:,} posts: {spread(seconds)} s")
    print(f"start with {posts:,} posts whose library is lost: {anew:.1f} s")
    return kept and statistics.median(starts[posts]) < MOST_START


def main() -> int:
    """Run the bench; the exit code is 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--releases", type=int, default=300)
    parser.add_argument("--folder", type=Path, help="keeps the stories for the next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        return 0 if asyncio.run(measure(folder, given.posts, given.releases)) else 1


if __name__ == "__main__":
    sys.exit(main())
