"""A soak: readers who come, go, are killed and stall at random while posts come in, and a server that is replaced once.

``python -m tests.bench.soak`` is the ten minutes with 2,000 readers; ``tests/test_soak.py`` is seconds with a few. The
server is a process of its own with a log on disk. Every reader goes on after what it had, so each event that comes
after its first connection is to reach it once, in order: more, fewer or a ``reset`` in the midst is a fault.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import resource
import signal
import socket
import sys
import tempfile
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parent.parent.parent
CONFIG = """
[server]
port = {port}
public_url = "http://127.0.0.1:{port}"
[streams]
drain_seconds = {drain}
[log]
url = "sqlite:{folder}/newsreel.db"
[channels.soak]
mode = "live"
"""
TOKEN = "soak"
# Of a reset it finds the newest post. Posts are told apart by the numbers that they were given here: one that is sent
# again, because a server ended before it answered, leaves a gap among the log's.
FRAME = re.compile(rb"id: [0-9a-z]+-([0-9]+)\nevent: ([a-z]+)\ndata: .*?/p([0-9]+)\"")
KINDS = ("plain", "chunked", "gzip", "tagged")
LETTERS = "etaoin shrdlu cmfwyp "
PATIENCE = 300.0
"""Seconds after which a server that does not end, or a reader that does not catch up, is a fault."""


@dataclass
class Outcome:
    """What a soak found."""

    seconds: float = 0.0
    events: int = 0
    deliveries: int = 0
    faults: list[str] = field(default_factory=list)
    behind: int = 0
    done: Counter[str] = field(default_factory=Counter)
    megabytes: dict[str, float] = field(default_factory=dict)


class Reader(asyncio.Protocol):
    """One reader, over all its connections."""

    def __init__(self, soak: Soak, number: int) -> None:
        self.soak, self.number, self.kind = soak, number, KINDS[number % len(KINDS)]
        self.last = 0  # sequence number of what it had last; 0 before its first reset
        self.newest = 0  # number of the post that it had last
        self.transport: asyncio.Transport | None = None
        self.stalled = False
        self._epoch = b""

    async def connect(self) -> None:
        """Connect, going on after what it had."""
        # Some have small buffers, so that they push back when they stall.
        sock = socket.socket()
        if self.number % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.setblocking(False)  # noqa: FBT003 the library's
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(sock, ("127.0.0.1", self.soak.port))
            await loop.create_connection(lambda: self, sock=sock)
        except OSError:
            sock.close()
            self.transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)  # TCP
        self.transport, self.stalled = transport, False
        self._head, self._tail = True, b""
        self._unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if self.kind == "gzip" else None
        query = "?tag=even" if self.kind == "tagged" else ""
        version = "1.1" if self.kind in {"chunked", "tagged"} else "1.0"
        lines = [f"GET /soak/events{query} HTTP/{version}", "Host: soak"]
        lines += [f"Last-Event-ID: {self.soak.epoch}-{self.last}"] if self.last else []
        lines += ["Accept-Encoding: gzip"] if self._unpack else []
        transport.write("\r\n".join([*lines, "", ""]).encode())

    def connection_lost(self, error: Exception | None) -> None:
        """Note that it is to connect again."""
        self.transport = None

    def data_received(self, data: bytes) -> None:
        """Take events."""
        if self._head:
            self._tail += data
            head, end, data = self._tail.partition(b"\r\n\r\n")
            if not end:
                return
            self._head, self._tail = False, b""
            if b" 200 " not in head[:20]:
                self.soak.outcome.done[f"answered {head[9:12].decode()}"] += 1
                self.transport.abort()
                return
        if self._unpack:
            data = self._unpack.decompress(data)
        data = self._tail + data
        whole = data.rfind(b"\n\n") + 2
        if whole > 1:
            self._tail = data[whole:]
            for seq, event, number in FRAME.findall(data, 0, whole):
                self._take(int(seq), event, int(number))
        else:
            self._tail = data

    def _take(self, seq: int, event: bytes, number: int) -> None:
        if event == b"reset" and not self.last:
            self.last, self.newest = seq, number
            return
        expected = self.newest + (2 if self.kind == "tagged" else 1)  # those with a tag get every other post
        if event != b"post" or number != expected:
            self.soak.outcome.faults.append(
                f"reader {self.number} ({self.kind}) had {self.newest}, then {event!r} {number}"
            )
        self.last, self.newest = max(self.last, seq), max(self.newest, number)
        self.soak.outcome.deliveries += 1

    def up_to(self, number: int) -> bool:
        """Tell whether it has all that it is to have."""
        return self.newest >= (number if self.kind != "tagged" else number - number % 2)


class Soak:
    """The server, the readers, and what happens to them."""

    def __init__(self, readers: int, rate: float, seconds: float, folder: Path, seed: int) -> None:
        self.outcome = Outcome()
        self.port, self.epoch, self.head, self.newest = 0, "", 0, 0
        self._count, self._rate, self._seconds, self._folder = readers, rate, seconds, folder
        self._chance = random.Random(seed)
        self._readers = [Reader(self, number) for number in range(readers)]
        self._server: asyncio.subprocess.Process | None = None
        self._posting = True

    async def run(self) -> Outcome:
        """Run it all."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        config = self._folder / "config.toml"
        drain = max(self._seconds / 60, 0.5)
        config.write_text(CONFIG.format(port=self.port, folder=self._folder, drain=drain))
        await self._start()
        try:
            await self._post(0)
            begin = time.monotonic()
            posting = asyncio.create_task(self._keep_posting())
            acting = asyncio.create_task(self._act(begin))
            await self._wait_until(begin + self._seconds / 10)  # so that by the middle all that is bounded is full
            replaced = time.monotonic()
            await self._replace()
            begin += time.monotonic() - replaced  # that takes as long as it takes
            for moment, name in ((0.5, "middle"), (1.0, "end")):
                await self._wait_until(begin + self._seconds * moment)
                self.outcome.megabytes[name] = self._megabytes("VmRSS")
            self._posting = False
            await posting
            await self._settle(acting)
            self.outcome.megabytes["most"] = self._megabytes("VmHWM")
        finally:
            if self._server.returncode is None:
                self._server.terminate()
            for reader in self._readers:
                if reader.transport:
                    reader.transport.abort()
            self.outcome.done[f"exit {await asyncio.wait_for(self._server.wait(), PATIENCE)}"] += 1
        self.outcome.seconds = time.monotonic() - begin
        return self.outcome

    async def _wait_until(self, moment: float) -> None:
        await asyncio.sleep(max(moment - time.monotonic(), 0))

    async def _start(self) -> None:
        self._server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "publisher", "serve", "--config", str(self._folder / "config.toml")),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"NEWSREEL_TOKEN": TOKEN},
        )
        while not (line := await self._server.stdout.readline()).startswith(b"Ctrl-C"):
            if not line:
                raise SystemExit("the server ended; see what it said above")

    async def _replace(self) -> None:
        """Tell the server to end, as a supervisor does, and start the next one."""
        self._server.send_signal(signal.SIGTERM)
        self.outcome.done[f"exit {await asyncio.wait_for(self._server.wait(), PATIENCE)}"] += 1
        await self._start()

    def _megabytes(self, what: str) -> float:
        status = Path(f"/proc/{self._server.pid}/status").read_text()
        (kilobytes,) = re.findall(rf"{what}:\s+(\d+)", status)
        return round(int(kilobytes) / 1024, 1)

    async def _keep_posting(self) -> None:
        loop, number, due = asyncio.get_running_loop(), 1, time.monotonic()
        while self._posting:
            await self._post(number)
            number += 1
            due = max(due + 1 / self._rate, loop.time() - 1)
            await self._wait_until(due)
        self.outcome.events = number

    async def _post(self, number: int) -> None:
        """Post one item, until it is taken."""
        text = "".join(self._chance.choices(LETTERS, k=800))
        item = {"id": f"p{number}", "content_html": f"<p>{text}</p>", "tags": ["even"] if number % 2 == 0 else []}
        while True:
            try:
                async with (
                    aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session,
                    session.post(f"http://127.0.0.1:{self.port}/soak/posts", json=item) as answer,
                ):
                    if answer.status < 300:
                        position = json.loads(await answer.read())["_newsreel"]["position"]
                        break
                    if answer.status < 500:
                        raise SystemExit(f"a post was refused: {answer.status} {await answer.text()}")
            except aiohttp.ClientError:
                pass  # it is being replaced
            await asyncio.sleep(0.1)
        epoch, _, seq = position.rpartition("-")
        if number == 0:
            self.epoch = epoch
        elif epoch != self.epoch or int(seq) <= self.head:
            self.outcome.faults.append(f"post {number} came out as {position} after {self.epoch}-{self.head}")
        self.head, self.newest = int(seq), number

    async def _act(self, begin: float) -> None:
        """Let things happen to the readers: each is disturbed about ten times."""
        while True:
            await asyncio.sleep(0.05)
            joining = (
                min((time.monotonic() - begin) / self._seconds * 10, 1) * self._count
            )  # the first tenth: they come
            for reader in self._readers[: int(joining) + 1]:
                if reader.transport is None:
                    if self._chance.random() < 0.1:
                        self.outcome.done["connected"] += 1
                        await reader.connect()
                elif self._chance.random() < 0.5 / self._seconds and not reader.stalled:
                    self._disturb(reader)

    def _disturb(self, reader: Reader) -> None:
        what = self._chance.choice(["left", "killed", "stalled"])
        self.outcome.done[what] += 1
        if what == "left":
            reader.transport.close()
        elif what == "killed":
            reader.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET,
                socket.SO_LINGER,
                b"\1\0\0\0\0\0\0\0",  # a reset, as of a machine that was switched off
            )
            reader.transport.abort()
        else:
            reader.stalled = True
            reader.transport.pause_reading()
            pause = self._chance.uniform(0, self._seconds / 5)
            asyncio.get_running_loop().call_later(pause, self._wake, reader, reader.transport)

    def _wake(self, reader: Reader, transport: asyncio.Transport | None) -> None:
        if transport is not None and reader.transport is transport:
            reader.stalled = False
            transport.resume_reading()

    async def _settle(self, acting: asyncio.Task[None]) -> None:
        """Let everybody get the rest."""
        acting.cancel()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for reader in self._readers:
                if reader.transport is None:
                    await reader.connect()
                elif reader.stalled:
                    self._wake(reader, reader.transport)
            if all(reader.up_to(self.newest) for reader in self._readers):
                break
            await asyncio.sleep(0.5)
        self.outcome.behind = sum(not reader.up_to(self.newest) for reader in self._readers)


async def soak(readers: int, rate: float, seconds: float, seed: int = 1) -> Outcome:
    """Run a soak: ``rate`` posts a second for ``seconds``, and what it then takes until everybody has everything."""
    with tempfile.TemporaryDirectory(prefix="newsreel-soak-") as folder:
        return await Soak(readers, rate, seconds, Path(folder), seed).run()


def main() -> int:
    """Read the options, run, print one line of JSON; 1 if a reader had too much or too little, or memory grew."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--readers", type=int, default=2_000)
    options.add_argument("--rate", type=float, default=40, help="posts a second")
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    outcome = asyncio.run(soak(chosen.readers, chosen.rate, chosen.seconds, chosen.seed))
    grown = outcome.megabytes["end"] / outcome.megabytes["middle"] - 1
    print(
        json.dumps(vars(outcome) | {"faults": outcome.faults[:20], "fault_count": len(outcome.faults), "grown": grown})
    )
    return int(bool(outcome.faults or outcome.behind) or grown > 0.05)


if __name__ == "__main__":
    sys.exit(main())
