"""Contests: newsreel and its peers side by side, round by round, each with the same readers and the same events.

All servers of a case stand on one core, with their readers connected; the readers have another core. In each round one
after the other publishes, in turns forwards and backwards, while the others rest. So what changes on the machine in the
meantime hits all alike, and ten rounds are ten alternating pairs. A round is one line of figures a server:

* events/s: events that reached a reader, over the time from the first publication to the last arrival;
* CPU µs: user and system time of the server's processes, a delivery. The producer of newsreel and of the Python peers
  is in the server's process and counted; nchan's publisher, and the desk's, is another process;
* p50, p99: from a moment just before the publication to the arrival, ms;
* readers busy: share of its core that the readers' process used; where it is near 100 %, the readers are the limit;
* reads an event: pieces that came, an event; 1 where each event was written by itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, replace

from tests.bench.client import SPARE_SECONDS, Readers, pin_to_readers
from tests.bench.machine import described, many_files
from tests.bench.servers import CONTENDERS, Contender, MissingError
from tests.bench.table import markdown, spread

PYTHON = ("aiohttp-sse", "sse-starlette")
SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Case:
    """What is published to whom.

    Attributes:
        size: bytes of a frame, as it stands in the stream.
        group: events that are due at the same time.
        pause: microseconds from one group to the next; 0: the next follows when the last was handed over.
        events: of one round.
        fewer: events of one round of servers that would take too long.
    """

    about: str
    contenders: tuple[str, ...]
    readers: int = 10_000
    size: int = 1_024
    group: int = 1
    pause: int = 0
    events: int = 20
    fewer: int = 0

    def count(self, name: str) -> int:
        """Tell how many events one round of a contender has."""
        return (
            self.fewer
            if self.fewer and not (name.startswith("newsreel") and "not joining" not in name)
            else self.events
        )


CASES = {
    "one-by-one": Case(
        "10,000 readers, 1 KB, at full speed, one write an event and a reader",
        ("newsreel, not joining", "nchan", "bare send() in C", *PYTHON, "better-sse"),
        events=20,
    ),
    "full-speed": Case(
        "10,000 readers, 1 KB, at full speed, as users get it: what is due together is written together",
        ("newsreel", "nchan"),
        group=100,
        events=400,
        fewer=20,
    ),
    "full-speed-1000": Case(
        "1,000 readers, 1 KB, at full speed, as users get it",
        ("newsreel", "nchan", "bare send() in C", *PYTHON, "better-sse"),
        readers=1_000,
        group=100,
        events=2_000,
        fewer=100,
    ),
    "small": Case(
        "10,000 readers, the smallest frame that a post has, at full speed, one write an event and a reader",
        ("newsreel, not joining", "nchan", "bare send() in C"),
        size=0,
        events=20,
    ),
    "bursts": Case(
        "1,000 readers, 1 KB, bursts of 100",
        ("newsreel", "nchan", *PYTHON, "better-sse"),
        readers=1_000,
        group=100,
        events=100,
    ),
    "steady": Case(
        "1,000 readers, 1 KB, 20 a second",
        ("newsreel, POST, log on disk", "newsreel, log on disk", "nchan"),
        readers=1_000,
        pause=50_000,
        events=80,
    ),
}


def contest(case: Case, pairs: int) -> dict[str, dict[str, list[float]]]:
    """Run a case; give the figures of each contender, a list of one number a round."""
    standing: dict[str, tuple[Contender, Readers]] = {}
    figures: dict[str, dict[str, list[float]]] = {}
    try:
        for name in case.contenders:
            try:
                server = CONTENDERS[name]()
            except MissingError as missing:
                print(f"{name}: left out, {missing}", file=sys.stderr)
                continue
            readers = Readers(server.port, server.path, case.readers)
            standing[name] = (server, readers)
            readers.joined()
            figures[name] = defaultdict(list)
            note(f"{name}: {case.readers} joined")
        size = case.size or next(s.smallest for s, _ in standing.values() if hasattr(s, "smallest"))
        time.sleep(SETTLE_SECONDS)
        for name, (server, readers) in standing.items():
            play(server, readers, replace(case, size=size), min(case.count(name), 5))  # to warm up
        for pair in range(pairs):
            names = list(standing)[:: 1 if pair % 2 == 0 else -1]
            for name in names:
                found = play(*standing[name], replace(case, size=size), case.count(name))
                for what, value in found.items():
                    figures[name][what].append(value)
            note(f"round {pair + 1} of {pairs}")
    finally:
        for server, readers in standing.values():
            server.close()
            readers.close()
    return figures


def play(server: Contender, readers: Readers, case: Case, count: int) -> dict[str, float]:
    """Publish to readers that wait, and give what came of it."""
    longest = SPARE_SECONDS + count * case.readers / 5_000 + count * case.pause / case.group / 1e6
    readers.say(f"round {server.next + count - 1} {longest}")
    before = server.cpu()
    server.publish(count, case.size, case.group, case.pause)
    server.published()
    saw = readers.hear()
    spent = server.cpu() - before
    expected = count * case.readers
    return {
        "events/s": saw["events"] / saw["span"] if saw["span"] else 0.0,
        "CPU µs": spent / max(saw["events"], 1) * 1e6,
        "p50 ms": saw["p50"],
        "p99 ms": saw["p99"],
        "lost or twice": float(abs(expected - saw["events"]) + saw["gaps"] + saw["repeats"]),
        "readers busy %": 100 * saw["cpu"] / saw["seconds"],
        "reads an event": saw["reads"] / max(saw["events"], 1),
    }


def note(line: str) -> None:
    """Tell how far it is, where somebody looks."""
    if sys.stderr.isatty():
        print(line, file=sys.stderr)


def main() -> None:
    """Read the options, run a case, print its table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("case", choices=CASES)
    options.add_argument("--pairs", type=int, default=10)
    options.add_argument("--readers", type=int, help="instead of the case's")
    options.add_argument("--events", type=int, help="events of one round, instead of the case's")
    options.add_argument("--servers", help="only these, a semicolon between: " + ", ".join(CONTENDERS))
    options.add_argument("--json", action="store_true", help="every figure of every round")
    chosen = options.parse_args()
    case = CASES[chosen.case]
    if chosen.readers:
        case = replace(case, readers=chosen.readers)
    if chosen.events:
        case = replace(case, events=chosen.events, fewer=min(chosen.events, case.fewer))
    if chosen.servers:
        case = replace(case, contenders=tuple(name for name in CONTENDERS if name in chosen.servers.split(";")))
    many_files()
    machine = described()
    pin_to_readers()
    figures = contest(case, chosen.pairs)
    if chosen.json:
        print(json.dumps({"case": chosen.case, "machine": machine, "figures": figures}, ensure_ascii=False))
        return
    print(f"{machine}\n\n**{case.about}** (here: {case.readers:,} readers, medians of {chosen.pairs} rounds)\n")
    heads = ["server", *next(iter(figures.values()))]
    print(markdown(heads, [{"server": name, **{k: spread(v) for k, v in f.items()}} for name, f in figures.items()]))


if __name__ == "__main__":
    main()
