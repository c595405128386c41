"""What streams go through: a restart with all readers connected, readers who take nothing, one who was away for long.

Each case prints one table. ``lost or twice`` counts over all readers and must be 0 everywhere; ``resets`` count readers
who could not go on where they were.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.bench.client import Readers, pin_to_readers
from tests.bench.contest import note
from tests.bench.machine import cores, described, many_files, memory, pinned, socket_memory
from tests.bench.newsreel import TOKEN
from tests.bench.servers import CONTENDERS, ROOT, Contender, MissingError, Newsreel, NewsreelDurable
from tests.bench.table import markdown, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = 1_024
SETTLE_SECONDS = 1.0
LONGEST = 120.0
Figures = dict[str, dict[str, list[float]]]


def idle(readers: int, times: int, names: list[str]) -> Figures:
    """Measure what a connection at rest costs."""
    figures: Figures = {}
    for _ in range(times):
        for name in names:
            try:
                server = CONTENDERS[name]()
            except MissingError as missing:
                note(f"{name}: left out, {missing}")
                continue
            warm = Readers(server.port, server.path, 20)
            warm.joined()
            before, kernel = server.rss(), socket_memory()
            crowd = Readers(server.port, server.path, readers)
            crowd.joined()
            time.sleep(SETTLE_SECONDS)
            found = figures.setdefault(name, defaultdict(list))
            found["KB a connection"].append((server.rss() - before) / readers / 1024)
            found["KB in the kernel's buffers"].append(max(socket_memory() - kernel, 0) / readers / 1024)
            found["MB in all"].append(server.rss() / 2**20)
            server.close()
            crowd.close()
            warm.close()
            note(f"{name}: {found['KB a connection'][-1]:.1f} KB")
    return figures


class Peak:
    """The most that some numbers came to while a block ran, looked at ten times a second."""

    def __init__(self, **asked: Callable[[], float]) -> None:
        self._asked = asked
        self.most = {name: ask() for name, ask in asked.items()}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            for name, ask in self._asked.items():
                self.most[name] = max(self.most[name], ask())


def stalled(readers: int, times: int, share: float, seconds: int, rate: int) -> Figures:
    """Measure what readers who take nothing cost the others and the server, and whether they come back whole."""
    figures: Figures = {"none stalled": defaultdict(list), f"{share:.0%} stalled": defaultdict(list)}
    few = max(round(readers * share), 1)
    for _ in range(times):
        server: Contender = Newsreel()
        crowd = Readers(server.port, server.path, readers)
        crowd.joined()
        play(server, crowd, rate, rate)  # to warm up
        grown = 0.0
        for name in figures:
            if name != "none stalled":
                crowd.say(f"stall {few}")
            before, kernel = server.rss(), socket_memory()
            with Peak(rss=server.rss, kernel=socket_memory) as peak:
                saw = play(server, crowd, rate * seconds, rate)
            more = peak.most["rss"] - before
            found = figures[name]
            found["p50 ms"].append(saw["p50"])
            found["p99 ms"].append(saw["p99"])
            found["lost or twice"].append(saw["gaps"] + saw["repeats"])
            if name == "none stalled":
                grown = more
                continue
            found["KB more a stalled reader"].append(max(more - grown, 0) / few / 1024)
            found["KB in the kernel"].append(max(peak.most["kernel"] - kernel, 0) / few / 1024)
            crowd.say("wake")
            last = server.publish(rate, SIZE, 1, 1_000_000 // rate)
            crowd.say(f"every {last} {LONGEST}")
            server.published()
            back = crowd.hear()
            found["came back whole"].append(back["every"] - (readers - few))
            found["of"].append(few)
            found["were closed"].append(back["again"])
            found["resets"].append(back["resets"])
            found["lost or twice"][-1] += back["gaps"] + back["repeats"]
        server.close()
        crowd.close()
    return figures


def play(server: Contender, crowd: Readers, events: int, rate: int) -> dict[str, float]:
    """Publish at a steady rate, and give what those saw who read."""
    crowd.say(f"round {server.next + events - 1} {LONGEST + events / rate}")
    server.publish(events, SIZE, 1, 1_000_000 // rate)
    server.published()
    return crowd.hear()


def behind(times: int, events: int) -> Figures:
    """Measure how fast one reader gets what it missed, from the log on the disk."""
    figures: Figures = {f"{events:,} events behind": defaultdict(list)}
    server = NewsreelDurable()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/bench/feed.json") as answer:
        start = json.load(answer)["_newsreel"]["position"]
    last = server.publish(events, SIZE, 200, 0)
    server.published()
    note("the log is filled")
    found = figures[f"{events:,} events behind"]
    for _ in range(times):
        before, spent = server.rss(), server.cpu()
        with Peak(rss=server.rss) as peak:
            reader = Readers(server.port, server.path, 1, after=start)
            reader.say(f"every {last} {LONGEST}")
            saw = reader.hear()
        found["events/s"].append(saw["events"] / saw["seconds"])
        found["CPU µs"].append((server.cpu() - spent) / max(saw["events"], 1) * 1e6)
        found["MB more while it reads"].append((peak.most["rss"] - before) / 2**20)
        found["lost or twice"].append(events - saw["events"] + saw["gaps"] + saw["repeats"])
        found["resets"].append(saw["resets"])
        reader.close()
    server.close()
    return figures


class Served:
    """``newsreel-publisher serve``, to be ended and started again at the same port."""

    def __init__(self, folder: Path, port: int) -> None:
        config = folder / "config.toml"
        config.write_text(
            f'[server]\nport = {port}\n[log]\nurl = "sqlite:{folder}/log.db"\n[channels.bench]\nmode = "live"\n'
        )
        self._command = [sys.executable, "-m", "publisher", "serve", "--config", str(config)]
        self.port = port
        self.start()

    def start(self) -> None:
        """Start, and wait until it listens."""
        self.process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=os.environ | {"NEWSREEL_TOKEN": TOKEN},
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=pinned(cores()[0]),  # noqa: PLW1509 the only thread does nothing meanwhile
        )
        for line in self.process.stdout:
            if line.startswith("Ctrl-C"):
                return
        raise SystemExit("newsreel ended; see what it said above")

    def end(self, how: signal.Signals) -> None:
        """End it, and wait until it is gone."""
        self.process.send_signal(how)
        self.process.wait(60)
        self.process.stdout.close()


class Desk(threading.Thread):
    """A newsroom that writes so many posts a second, and sends again what was not answered."""

    def __init__(self, port: int, rate: float) -> None:
        super().__init__(daemon=True)
        self._port, self._rate = port, rate
        self._over = threading.Event()
        self.last = 0

    def run(self) -> None:
        """Write until told to end."""
        while not self._over.wait(1 / self._rate):
            number = self.last + 1
            item = {
                "id": f"p{number}",
                "title": f"@{number}:{time.monotonic_ns()}@",
                "content_html": f"<p>{'x' * 400}</p>",
            }
            while not self._sent(item):
                time.sleep(0.1)
            self.last = number

    def _sent(self, item: dict[str, str]) -> bool:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request("POST", "/bench/posts", json.dumps(item), headers)
            return connection.getresponse().status in {200, 201}
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def end(self) -> int:
        """Stop; give the number of the last post."""
        self._over.set()
        self.join()
        return self.last


@contextmanager
def serving() -> Iterator[Served]:
    """Serve from a folder of its own, at a port that was free."""
    with tempfile.TemporaryDirectory(prefix="newsreel-bench-") as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        served = Served(Path(folder), port)
        try:
            yield served
        finally:
            if served.process.poll() is None:
                served.end(signal.SIGTERM)


def restart(readers: int, times: int, rate: float) -> Figures:
    """End the server under its readers, in order and by a power cut, and measure until all are back and whole."""
    figures: Figures = {"SIGTERM": defaultdict(list), "SIGKILL": defaultdict(list)}
    for _ in range(times):
        for name, found in figures.items():
            with serving() as served:
                crowd = Readers(served.port, "/bench/events", readers)
                crowd.joined()
                desk = Desk(served.port, rate)
                desk.start()
                while desk.last < rate * 2:
                    time.sleep(0.05)
                before = memory([served.process.pid], "VmHWM")
                crowd.say(f"every {1 << 40} 0.1")
                crowd.hear()  # from here on it is counted
                ended = time.monotonic()
                served.end(signal.Signals[name])
                down = time.monotonic()
                served.start()
                up = time.monotonic()
                # The newest post after a moment in which everybody may have come back: who has it is back.
                time.sleep(0.5)
                last = desk.last + 1
                crowd.say(f"every {last} {LONGEST}")
                saw = crowd.hear()
                whole = time.monotonic()
                desk.end()
                found["back and whole after s"].append(whole - ended)
                found["of these, to end"].append(down - ended)
                found["to start"].append(up - down)
                found["whole"].append(saw["every"])
                found["lost or twice"].append(saw["gaps"] + saw["repeats"])
                found["resets"].append(saw["resets"])
                found["refused"].append(saw["refused"])
                found["most MB before"].append(before / 2**20)
                found["most MB after"].append(memory([served.process.pid], "VmHWM") / 2**20)
                crowd.close()
                note(f"{name}: {whole - ended:.1f} s")
    return figures


def main() -> None:
    """Read the options, run a case, print its table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("case", choices=["idle", "restart", "stalled", "behind"])
    options.add_argument("--times", "--pairs", type=int, default=3, help="how often it is done")
    options.add_argument("--readers", type=int)
    options.add_argument("--servers", help="idle: only these, a semicolon between: " + "; ".join(CONTENDERS))
    options.add_argument("--share", type=float, default=0.05, help="stalled: of the readers")
    options.add_argument("--seconds", type=int, default=40, help="stalled: for how long they take nothing")
    options.add_argument("--rate", type=int, default=20, help="stalled and restart: posts a second")
    options.add_argument("--events", type=int, default=100_000, help="behind: how far")
    options.add_argument("--json", action="store_true", help="every figure")
    chosen = options.parse_args()
    many_files()
    machine = described()
    pin_to_readers()
    names = ["newsreel", "nchan", "aiohttp-sse", "sse-starlette", "better-sse"]
    if chosen.servers:
        names = chosen.servers.split(";")
    match chosen.case:
        case "idle":
            figures = idle(chosen.readers or 10_000, chosen.times, names)
        case "restart":
            figures = restart(chosen.readers or 10_000, chosen.times, min(chosen.rate, 5))
        case "stalled":
            figures = stalled(chosen.readers or 2_000, chosen.times, chosen.share, chosen.seconds, chosen.rate)
        case _:
            figures = behind(chosen.times, chosen.events)
    if chosen.json:
        print(json.dumps({"case": chosen.case, "machine": machine, "figures": figures}, ensure_ascii=False))
        return
    heads = list(dict.fromkeys(["", *(head for found in figures.values() for head in found)]))
    print(f"{machine}\n\n**{chosen.case}** (medians of {chosen.times})\n")
    print(markdown(heads, [{"": name, **{k: spread(v) for k, v in f.items()}} for name, f in figures.items()]))


if __name__ == "__main__":
    main()
