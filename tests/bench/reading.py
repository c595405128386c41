"""Reading: seconds of CPU for pages of several sizes, the best of several runs, beside what is promised.

The exit code is 1 where a promise is broken. Run it on a machine with nothing else to do.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from publisher.sources.opening import SourceError, read

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 5


def page(posts: int) -> bytes:
    """Write a page of so many posts, newest first, with two paragraphs of 40 words and a quotation each."""
    words = "The harbour office said that the ferry would stay at the quay until the wind had gone down again. " * 2
    parts = [f"An invented day\n\nBy Ada Quist, Coast News\n\n{posts} Posts\n"]
    parts += [
        f"{_clock(number)} ET, February {number // 1440 + 1}, 2023\n\nPost number {number}\n\n"
        f"From the desk's Ada Quist\n\n{words}\n\nSome context: {words}\n\n“We waited,”\n“and it came,” she said.\n"
        for number in reversed(range(posts))
    ]
    return "\n".join(parts).encode()


def short_posts(posts: int) -> bytes:
    """Write a page of so many posts of one line each."""
    return "\n".join(
        f"{_clock(number)} ET, March {number // 720 % 28 + 1}, 2024\n\nReport number {number}\n\n"
        f"From Lockside's Ada Finch\n\nThe water is at {number} now.\n"
        for number in range(posts)
    ).encode()


def one_line(size: int) -> bytes:
    """Write a page whose post is one line of so many bytes."""
    return b"8:02 p.m. ET, March 3, 2024\n\nHeadline\n\n" + b"word " * (size // 5)


def _clock(number: int) -> str:
    hour, minute = divmod(number % 1440, 60)
    return f"{(hour + 11) % 12 + 1}:{minute:02} {'a.m.' if hour < 12 else 'p.m.'}"


def measure(what: str, data: bytes, limit: float | None, runs: int = RUNS) -> bool:
    """Read a page several times; print the best, and tell whether it keeps to ``limit`` seconds."""
    best, posts = min(_seconds(lambda: len(read(data, "page.txt").posts)) for _ in range(runs))
    kept = limit is None or best <= limit
    line = {"what": what, "kB": round(len(data) / 1000), "posts": posts, "ms": round(best * 1000, 1)}
    line |= {"posts/s": round(posts / best)} if posts else {"refused": True}
    print(json.dumps(line | ({} if limit is None else {"limit ms": limit * 1000, "kept": kept})), flush=True)
    return kept


def _seconds(run: Callable[[], int]) -> tuple[float, int]:
    posts = 0
    start = time.process_time()
    with suppress(SourceError):
        posts = run()
    return time.process_time() - start, posts


if __name__ == "__main__":
    promises = [
        measure("20 posts", page(20), None),
        measure("a page of 200 posts", page(200), 0.15),
        measure("a megabyte", page(1900), 2),
        measure("20,000 posts", short_posts(20_000), 5, runs=3),
        measure("5 MB in one line", one_line(5_000_000), 2),
    ]
    sys.exit(not all(promises))
