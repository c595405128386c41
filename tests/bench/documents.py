"""A feed over HTTP: newsreel's cached Atom beside an aiohttp handler that returns as many constant bytes, and nginx.

Each server has the first core, the client the last one: keep-alive connections, each with one request under way. In
each round every server is asked for a while, in turn and the other way round the next time; what counts is the ratio
of newsreel to the other of the same round.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from aiohttp import web

from publisher.app import Server
from publisher.config import arguments
from publisher.log.contract import Draft
from shared.event import PostEvent
from shared.post import Post, PostFacts
from tests.bench.machine import cores, cpu_seconds, described, pinned
from tests.bench.table import markdown, spread

CONNECTIONS = 4
POSTS = 100
EXAMPLE = Path(__file__).parent.parent.parent / "examples/storm-wenna.txt"
WORDS = 120
"""Of a post: what live blogs have."""
READER = "User-Agent: bench\r\nAccept: application/atom+xml, */*;q=0.5\r\n"
WARM_SECONDS = 0.3
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ }}
http {{
  access_log off; keepalive_requests 1000000; tcp_nopush on; sendfile on;
  types {{ application/atom+xml atom; }}
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that is sent again and again, and to whom."""

    port: int
    pids: list[int]
    request: bytes
    status: int


def ask(port: int, path: str, *headers: str) -> bytes:
    """Write a request as a reader would."""
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{READER}{lines}\r\n".encode()


def whole(sock: socket.socket, request: bytes) -> tuple[int, dict[str, str], int]:
    """Send a request; give status, headers, and how many bytes the answer has in all."""
    sock.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += received(sock)
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    status = int(lines[0].split()[1])
    left = (int(headers.get("content-length", "0")) if status != 304 else 0) - len(body)
    length = len(answer) + left
    while left > 0:
        left -= len(received(sock))
    return status, headers, length


def received(sock: socket.socket) -> bytes:
    """Read what has come; an answer that ends too soon ends the bench."""
    piece = sock.recv(1 << 20)
    if not piece:
        raise SystemExit("a server closed its connection before its answer was whole")
    return piece


def hammer(what: Ask, seconds: float) -> tuple[float, float]:
    """Ask for a while over all connections; give requests a second, and the server's CPU in µs a request."""
    socks = [socket.create_connection(("127.0.0.1", what.port)) for _ in range(CONNECTIONS)]
    waiting, lengths = selectors.DefaultSelector(), {}
    for sock in socks:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        status, _, lengths[sock] = whole(sock, what.request)
        if status != what.status:
            raise SystemExit(f"asked for a {what.status}, got a {status}")
        waiting.register(sock, selectors.EVENT_READ, sock)
    left = dict(lengths)
    buffer, count = bytearray(1 << 20), 0
    spent, begin = cpu_seconds(what.pids), time.perf_counter()
    for sock in socks:
        sock.send(what.request)
    while (now := time.perf_counter()) < begin + seconds:
        for key, _ in waiting.select(1):
            sock = key.data
            left[sock] -= sock.recv_into(buffer)
            if left[sock] <= 0:
                left[sock] = lengths[sock]
                count += 1
                sock.send(what.request)
    spent = cpu_seconds(what.pids) - spent
    for sock in socks:
        sock.close()
    return count / (now - begin), spent / count * 1e6


async def newsreel() -> None:
    """Be newsreel, with a channel whose feed is full."""
    table = {
        "server": {"port": 0},
        "log": {"url": "memory:"},
        "channels": {"bench": {"mode": "live", "window": POSTS}},
    }
    server = Server(arguments(table, "bench"), {})
    try:
        await server.start()
        channel, now = server.channels["bench"], datetime.now(UTC)
        drafts, words, chance = [], EXAMPLE.read_text("utf-8").split(), random.Random(1)
        for number in range(POSTS):
            text = escape(" ".join(chance.choices(words, k=WORDS)))
            post = Post(
                id=f"p{number}",
                title=f"Post {number}: {text[:40]}",
                content_html=f"<p>{text}</p>",
                date_published=now,
                newsreel=PostFacts(story_time=now),
            )
            drafts.append(Draft(f"take-1:{post.id}:1", now, PostEvent(post=post)))
        logged = await channel.log.append(drafts)
        await channel.press.reached(logged[-1].seq)
        print(server.local_url.rpartition(":")[2], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    finally:
        await server.stop()


async def bare(sizes: list[int]) -> None:
    """Be an aiohttp server that does nothing but hand bytes out: ``/0`` the first size, ``/1`` the second."""
    application = web.Application()
    for number, size in enumerate(sizes):

        async def handler(_request: web.Request, body: bytes = os.urandom(size)) -> web.Response:
            return web.Response(body=body, content_type="application/atom+xml")

        application.router.add_get(f"/{number}", handler)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


class Running(contextlib.ExitStack):
    """Servers that run, and end with the block."""

    def python(self, *words: str) -> tuple[int, list[int]]:
        """Start a server of this file; give its port and process."""
        process = self._start([sys.executable, "-m", "tests.bench.documents", "--be", *words])
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{words[0]} did not start; see above")
        return int(line), [process.pid]

    def nginx(self, bodies: list[int]) -> tuple[int, list[int]] | None:
        """Start nginx over files of these sizes, None where there is none."""
        program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
        if program is None:
            return None
        folder = Path(self.enter_context(tempfile.TemporaryDirectory(prefix="newsreel-bench-")))
        folder.chmod(0o755)  # its worker may be another user
        for number, size in enumerate(bodies):
            (folder / f"{number}.atom").write_bytes(os.urandom(size))
        with socket.create_server(("127.0.0.1", 0)) as sock:
            port = sock.getsockname()[1]
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        process = self._start([program, "-p", str(folder), "-e", "stderr", "-c", "nginx.conf"])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                return port, [process.pid, *map(int, children)]
            time.sleep(0.05)
        return None

    def _start(self, command: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=pinned(cores()[0]),  # noqa: PLW1509 there are no threads
        )

        def end() -> None:
            process.stdin.close()
            if "nginx" in command[0]:
                process.terminate()
            process.wait(10)
            process.stdout.close()

        self.callback(end)
        return process


def asks(running: Running) -> dict[str, Ask]:
    """Start the servers; give what each is asked for. The bodies are as long as newsreel's."""
    port, pids = running.python("newsreel")
    path, found, sizes = "/bench/feed.atom", {}, []
    with socket.create_connection(("127.0.0.1", port)) as sock:
        for coding in ("gzip", "identity"):
            request = ask(port, path, f"Accept-Encoding: {coding}")
            _, headers, _ = whole(sock, request)
            sizes.append(int(headers["content-length"]))
            found[f"newsreel, {coding}"] = Ask(port, pids, request, 200)
            if coding == "gzip":
                again = ask(port, path, "Accept-Encoding: gzip", f"If-None-Match: {headers['etag']}")
                found["newsreel, 304"] = Ask(port, pids, again, 304)
                _, _, length = whole(sock, again)
    print(f"a feed of {POSTS} posts: {sizes[1]:,} bytes, {sizes[0]:,} in gzip, {length} in a 304, headers and all\n")
    port, pids = running.python("bare", *map(str, sizes))
    for number, coding in enumerate(("gzip", "identity")):
        found[f"bare aiohttp, {coding}"] = Ask(port, pids, ask(port, f"/{number}"), 200)
    nginx = running.nginx(sizes)
    if nginx is None:
        print("nginx: left out, it is not here (on Debian: apt-get install nginx-light)", file=sys.stderr)
        return found
    port, pids = nginx
    for number, coding in enumerate(("gzip", "identity")):
        found[f"nginx, {coding}"] = Ask(port, pids, ask(port, f"/{number}.atom"), 200)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        _, headers, _ = whole(sock, ask(port, "/0.atom"))
    found["nginx, 304"] = Ask(port, pids, ask(port, "/0.atom", f"If-None-Match: {headers['etag']}"), 304)
    return found


def main() -> None:
    """Read the options, run, print the table and the ratios."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=15, help="rounds")
    options.add_argument("--seconds", type=float, default=0.5, help="for which each server is asked in a round")
    options.add_argument("--be", nargs="+", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.be:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(newsreel() if chosen.be[0] == "newsreel" else bare([int(size) for size in chosen.be[1:]]))
        return
    print(f"{described()}\n")
    rates: dict[str, list[float]] = defaultdict(list)
    costs: dict[str, list[float]] = defaultdict(list)
    with Running() as running:
        contenders = asks(running)
        os.sched_setaffinity(0, cores()[1])
        for what in contenders.values():
            hammer(what, WARM_SECONDS)
        for pair in range(chosen.pairs):
            for name in list(contenders)[:: 1 if pair % 2 == 0 else -1]:
                rate, cost = hammer(contenders[name], chosen.seconds)
                rates[name].append(rate)
                costs[name].append(cost)
    heads = ["server", "requests/s", "CPU µs a request"]
    rows = [{"server": n, heads[1]: spread(rates[n]), heads[2]: spread(costs[n])} for n in contenders]
    print(markdown(heads, rows), "\n")
    for ours, theirs in [
        ("newsreel, gzip", "bare aiohttp, gzip"),
        ("newsreel, identity", "bare aiohttp, identity"),
        ("newsreel, 304", "newsreel, gzip"),
        ("newsreel, gzip", "nginx, gzip"),
        ("newsreel, identity", "nginx, identity"),
        ("newsreel, 304", "nginx, 304"),
    ]:
        if theirs in rates:
            ratios = [a / b for a, b in zip(rates[ours], rates[theirs], strict=True)]
            cheaper = [b / a for a, b in zip(costs[ours], costs[theirs], strict=True)]
            print(f"{ours} / {theirs}: {spread(ratios)} of its rate; by CPU {statistics.median(cheaper):.2f}")


if __name__ == "__main__":
    main()
