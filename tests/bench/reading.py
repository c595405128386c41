"""Reading transcripts: seconds of CPU a page, for pages of several sizes."""

from __future__ import annotations

import json
import statistics
import time

from publisher.sources.opening import read

RUNS = 7


def page(posts: int) -> bytes:
    """Write a page of so many posts, newest first, with two paragraphs of 40 words and a quotation each."""
    words = "The harbour office said that the ferry would stay at the quay until the wind had gone down again. " * 2
    parts = [f"An invented day\n\nBy Ada Quist, Coast News\n\n{posts} Posts\n"]
    for number in reversed(range(posts)):
        hour, minute = divmod(number % 1440, 60)
        clock = f"{(hour + 11) % 12 + 1}:{minute:02} {'a.m.' if hour < 12 else 'p.m.'}"
        parts.append(
            f"{clock} ET, February {number // 1440 + 1}, 2023\n\nPost number {number}\n\nFrom the desk's Ada Quist\n\n"
            f"{words}\n\nSome context: {words}\n\n“We waited,”\n“and it came,” she said.\n"
        )
    return "\n".join(parts).encode()


def measure(posts: int) -> dict[str, float]:
    """Read a page several times; give the median."""
    data = page(posts)
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        reading = read(data, "page.txt")
        times.append(time.process_time() - start)
    assert len(reading.posts) == posts
    median = statistics.median(times)
    return {
        "posts": posts,
        "kB": round(len(data) / 1000),
        "ms": round(median * 1000, 1),
        "posts/s": round(posts / median),
    }


if __name__ == "__main__":
    for size in (20, 200, 2000):
        print(json.dumps(measure(size)))
