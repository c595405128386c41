"""``readers.c`` in Python, for machines without a C compiler: so slow that it may be the limit. It speaks the same."""

from __future__ import annotations

import json
import re
import resource
import select
import socket
import statistics
import sys
import time
from dataclasses import dataclass, field

MARK = re.compile(rb"@(\d+):(\d+)@")
FRAME = re.compile(rb"\r?\n\r?\n")
FIELD = re.compile(rb"^(event|id|retry|data): ?(.*?)\r?$", re.MULTILINE)
CHUNK = re.compile(rb"([0-9a-fA-F]+)[^\r\n]*\r\n")
RETRY_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class Reader:
    """One reader."""

    number: int
    last_id: bytes
    state: str = "idle"
    sock: socket.socket = field(init=False)
    seq: int = -1
    due: float = 0.0
    retry: float = RETRY_SECONDS
    stalled: bool = False
    chunked: bool = False
    raw: bytearray = field(default_factory=bytearray)
    text: bytearray = field(default_factory=bytearray)


class Crowd:
    """All of them."""

    def __init__(self, port: int, path: str, count: int, sources: int, in_flight: int, after: str = "") -> None:
        self.port, self.path, self.sources, self.in_flight = port, path, sources, in_flight
        self.all = [Reader(number, after.encode()) for number in range(count)]
        self.epoll = select.epoll()
        self.by_fd: dict[int, Reader] = {}
        self.making = 0
        self.doing = ""
        self.target = self.stalled = 0
        self.asleep = False
        self.orders = b""
        self.clear()

    def clear(self) -> None:
        """Begin to count anew."""
        self.began, self.spent = time.monotonic(), time.process_time()
        self.latencies: list[int] = []
        self.first = self.arrived = 0
        self.told = dict.fromkeys(("events", "gaps", "repeats", "resets", "bytes", "reads", "again", "refused"), 0)

    def start(self, reader: Reader) -> None:
        """Connect."""
        sock = socket.socket()
        sock.setblocking(False)  # noqa: FBT003 the library's
        sock.bind((f"127.0.0.{1 + reader.number % self.sources}", 0))
        sock.connect_ex(("127.0.0.1", self.port))
        reader.sock, reader.state = sock, "connecting"
        reader.raw, reader.text = bytearray(), bytearray()
        self.by_fd[sock.fileno()] = reader
        self.making += 1
        self.epoll.register(sock, select.EPOLLOUT)

    def lose(self, reader: Reader, wait: float) -> None:
        """Close, to come back later."""
        self.making -= reader.state == "connecting"
        self.by_fd.pop(reader.sock.fileno())
        reader.sock.close()
        reader.state, reader.due = "idle", time.monotonic() + wait
        self.told["again"] += 1

    def ask(self, reader: Reader) -> None:
        """Send the request."""
        resume = b"Last-Event-ID: " + reader.last_id + b"\r\n" if reader.last_id else b""
        try:
            reader.sock.send(f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n".encode() + resume + b"\r\n")
        except OSError:
            self.told["refused"] += 1
            self.lose(reader, reader.retry)
            return
        self.making -= 1
        reader.state = "head"
        self.epoll.modify(reader.sock, select.EPOLLIN)

    def take(self, reader: Reader) -> None:
        """Take what came."""
        try:
            data = reader.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.monotonic_ns()
        self.told["reads"] += 1
        self.told["bytes"] += len(data)
        if not data:
            self.lose(reader, reader.retry)
            return
        reader.raw += data
        if reader.state == "head":
            head, _, rest = bytes(reader.raw).partition(b"\r\n\r\n")
            if len(head) == len(reader.raw):
                return
            if b" 200" not in head[:13]:
                self.told["refused"] += 1
                self.lose(reader, reader.retry)
                return
            reader.chunked = b"transfer-encoding: chunked" in head.lower()
            reader.raw, reader.state = bytearray(rest), "body"
        if self.dechunk(reader):
            self.frames(reader, now)
        else:
            self.frames(reader, now)
            self.lose(reader, reader.retry)

    def dechunk(self, reader: Reader) -> bool:
        """Move the text out of its coding; False at the end."""
        if not reader.chunked:
            reader.text += reader.raw
            reader.raw.clear()
            return True
        while match := CHUNK.match(reader.raw):
            size = int(match[1], 16)
            if size == 0:
                return False
            if len(reader.raw) < match.end() + size + 2:
                break
            reader.text += reader.raw[match.end() : match.end() + size]
            del reader.raw[: match.end() + size + 2]
        return True

    def frames(self, reader: Reader, now: int) -> None:
        """Count the events."""
        *frames, rest = FRAME.split(bytes(reader.text))
        reader.text = bytearray(rest)
        for frame in frames:
            fields = dict(FIELD.findall(frame))
            reader.last_id = fields.get(b"id", reader.last_id)
            if b"retry" in fields:
                reader.retry = int(fields[b"retry"]) / 1000
            if fields.get(b"event") == b"reset":
                self.told["resets"] += 1
            elif mark := MARK.search(fields.get(b"data", b"")):
                self.event(reader, int(mark[1]), int(mark[2]), now)

    def event(self, reader: Reader, number: int, moment: int, now: int) -> None:
        """Count one event."""
        if reader.seq >= 0:
            self.told["gaps"] += max(number - reader.seq - 1, 0)
            self.told["repeats"] += number <= reader.seq
        reader.seq = max(reader.seq, number)
        self.told["events"] += 1
        if not reader.stalled:
            self.latencies.append(now - moment)
            self.first = min(self.first or moment, moment)
            self.arrived = now

    def reached(self) -> tuple[int, int]:
        """Count who has the target, and who of those that are not stalled."""
        there = [reader for reader in self.all if reader.seq >= self.target]
        return len(there), sum(not reader.stalled for reader in there)

    def answer(self, reached: int) -> None:
        """Say what was seen, and begin anew."""
        cuts = statistics.quantiles(self.latencies, n=100) if len(self.latencies) > 1 else [0] * 99
        told = {self.doing: reached, "of": len(self.all), "seconds": time.monotonic() - self.began, **self.told}
        told |= {"p50": cuts[49] / 1e6, "p90": cuts[89] / 1e6, "p99": cuts[98] / 1e6}
        told["max"] = max(self.latencies, default=0) / 1e6
        told |= {"span": max(self.arrived - self.first, 0) / 1e9, "cpu": time.process_time() - self.spent}
        told["open"] = sum(reader.state == "body" for reader in self.all)
        print(json.dumps(told), flush=True)
        self.doing = ""
        self.clear()

    def obey(self, order: str) -> bool:
        """Obey one line; False where it is the end."""
        match order.split():
            case ["joined", seconds]:
                self.doing = "joined"
            case [("round" | "every") as doing, last, seconds]:
                self.doing, self.target = doing, int(last)
            case ["stall", count]:
                self.stalled, self.asleep = int(count), True
                for reader in self.all[len(self.all) - self.stalled :]:
                    reader.stalled = True
                    if reader.state == "body":
                        self.epoll.modify(reader.sock, 0)
                return True
            case ["wake"]:
                self.asleep = False
                for reader in self.all[len(self.all) - self.stalled :]:
                    if reader.state == "body":
                        self.epoll.unregister(reader.sock)
                        self.epoll.register(reader.sock, select.EPOLLIN)
                return True
            case _:
                return False
        self.began, self.spent = time.monotonic(), time.process_time()
        self.limit = self.began + float(seconds)
        return True

    def run(self) -> None:
        """Read until told to end."""
        self.epoll.register(0, select.EPOLLIN)
        while True:
            now = time.monotonic()
            for reader in self.all:
                if self.making >= self.in_flight:
                    break
                if reader.state == "idle" and reader.due <= now:
                    self.start(reader)
            if self.doing:
                everybody, fast = self.reached()
                if self.doing == "joined":
                    everybody = sum(reader.state == "body" for reader in self.all)
                done = fast == len(self.all) - self.stalled if self.doing == "round" else everybody == len(self.all)
                if done or now > self.limit:
                    self.answer(everybody)
            for fd, what in self.epoll.poll(0.005):
                if fd == 0:
                    data = sys.stdin.buffer.raw.read(256)
                    *orders, self.orders = (self.orders + data).split(b"\n")
                    if not data or not all(self.obey(order.decode()) for order in orders):
                        return
                elif (known := self.by_fd.get(fd)) is not None:
                    if known.state == "connecting":
                        self.ask(known)
                    elif self.asleep and known.stalled and not what & select.EPOLLIN:
                        self.epoll.modify(known.sock, 0)
                    else:
                        self.take(known)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    given = sys.argv
    Crowd(int(given[1]), given[2], int(given[3]), int(given[4]), int(given[5]), *given[6:7]).run()
