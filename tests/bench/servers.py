"""The servers that are measured: newsreel, its peers, and the bare ``send()`` loop as the limit.

Each is started from public packages by what stands here, outside the project's tree: nchan from Debian, the Python
peers in an environment of their own, better-sse in a folder of its own, both kept in the user's cache.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import platformdirs

from tests.bench.client import compiled
from tests.bench.machine import cores, cpu_seconds, memory, pinned
from tests.bench.newsreel import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

PEERS = Path(__file__).parent / "peers"
ROOT = Path(__file__).parent.parent.parent
CACHE = platformdirs.user_cache_path("newsreel-bench", appauthor=False)
NCHAN_MODULES = [
    Path("/usr/lib/nginx/modules/ngx_nchan_module.so"),
    Path("/usr/share/nginx/modules/ngx_nchan_module.so"),
]
PYTHON_PEERS = ["aiohttp-sse==3.0", "sse-starlette==3.7.0", "uvicorn==0.54.0"]
NODE_PEERS = ["better-sse@0.16.1"]
CONNECTIONS = 8
"""Connections over which the desk is posted to."""


class MissingError(Exception):
    """A server cannot be had here; the message says what it lacks."""


class Contender:
    """A server that runs: ``publish`` has it send events, ``path`` is where its readers read."""

    path = "/events"

    def __init__(self, command: list[str], folder: Path | None = None, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=folder or ROOT,
            env=os.environ | (env or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=pinned(cores()[0]),  # noqa: PLW1509 there are no threads
        )
        self.port = 0
        self.next = 1

    def heard(self) -> list[str]:
        """Take the next line that the server says."""
        line = self.process.stdout.readline().split()
        if not line:
            raise SystemExit(f"{type(self).__name__} ended; see what it said above")
        return line

    @property
    def pids(self) -> list[int]:
        """List the processes whose CPU and memory are the server's."""
        return [self.process.pid]

    def publish(self, count: int, size: int, group: int, pause: int) -> int:
        """Have ``count`` events of ``size`` bytes sent, ``group`` every ``pause`` µs; give the number of the last."""
        first, self.next = self.next, self.next + count
        self.process.stdin.write(f"publish {first} {count} {size} {group} {pause}\n")
        self.process.stdin.flush()
        return first + count - 1

    def published(self) -> None:
        """Wait until all that ``publish`` asked for was handed over to the server."""
        if self.heard() != ["published"]:
            raise SystemExit(f"{type(self).__name__} did not publish")

    def cpu(self) -> float:
        """Tell the CPU seconds that the server has used."""
        return cpu_seconds(self.pids)

    def rss(self) -> int:
        """Tell the bytes that the server holds."""
        return memory(self.pids)

    def close(self) -> None:
        """End the server."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Newsreel(Contender):
    """newsreel, to whose log a producer in its own process appends, which is counted as the server's work."""

    path = "/bench/events"
    log = "memory:"
    joining = "joining"

    def __init__(self, log: str | None = None, port: int = 0, window: int = 100) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="newsreel-bench-")
        log = log or (self.log if self.log == "memory:" else f"sqlite:{self._folder.name}/log.db")
        super().__init__([sys.executable, "-m", "tests.bench.newsreel", log, str(port), str(window), self.joining])
        port, self.smallest = map(int, self.heard())
        self.port = port

    def close(self) -> None:
        """End it, and forget its log."""
        super().close()
        self._folder.cleanup()


class NewsreelNotJoining(Newsreel):
    """newsreel with joining switched off: one write an event and a reader."""

    joining = "not joining"


class NewsreelDurable(Newsreel):
    """newsreel with its log on the disk."""

    log = "sqlite:"


class _Posted:
    """Publishes by HTTP, over a few connections, as many requests at a time as a group has."""

    body: Callable[[int, int], bytes]
    """Makes what is posted of the event's number, and the moment at which it was due."""

    def __init__(self, port: int, path: str, headers: str, connections: int) -> None:
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
        self._files = [one.makefile("rb") for one in self._sockets]
        self._head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}"

    def publish(self, first: int, count: int, group: int, pause: float) -> None:
        due = time.monotonic()
        for start in range(first, first + count, group):
            numbers = range(start, min(start + group, first + count))
            born = time.monotonic_ns()
            for number in numbers:
                body = self.body(number, born)
                head = f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode()
                self._sockets[number % len(self._files)].sendall(head + body)
            for number in numbers:
                self._answered(self._files[number % len(self._files)])
            if pause:
                due += pause
                time.sleep(max(due - time.monotonic(), 0))

    def _answered(self, file: BinaryIO) -> None:
        status = file.readline()
        length = 0
        while (line := file.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        file.read(length)
        if status.split()[1] not in {b"200", b"201", b"202"}:
            raise SystemExit(f"publishing was answered {status.decode().strip()}")

    def close(self) -> None:
        for file in self._files:
            file.close()
        for sock in self._sockets:
            sock.close()


class _PostedTo(Contender):
    """Published to by POST from another process, over connections that stay open."""

    posts: tuple[str, str, int]
    """Path, headers and number of connections."""
    _posted: _Posted | None = None

    def body(self, number: int, born: int, size: int) -> bytes:
        """Make what is posted of an event: its number, the moment at which it was due, the bytes of its frame."""
        raise NotImplementedError

    def publish(self, count: int, size: int, group: int, pause: int) -> int:
        """Publish by POST, from the readers' core."""
        first, self.next = self.next, self.next + count
        if self._posted is None:
            self._posted = _Posted(self.port, *self.posts)
        self._posted.body = lambda number, born: self.body(number, born, size)
        self._posted.publish(first, count, group, pause / 1e6)
        return first + count - 1

    def published(self) -> None:
        """Nothing to wait for: it was answered."""

    def close(self) -> None:
        """End publisher and server."""
        if self._posted is not None:
            self._posted.close()
        super().close()


class NewsreelDesk(_PostedTo, NewsreelDurable):
    """newsreel as a newsroom uses it: POST to the desk, answered when it is on the disk."""

    posts = (
        "/bench/posts",
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n",
        CONNECTIONS,
    )

    def body(self, number: int, born: int, size: int) -> bytes:
        """Make a JSON Feed item."""
        fill = "x" * max(size - self.smallest, 0)
        return json.dumps(
            {"id": f"p{number}", "title": f"@{number}:{born}@", "content_html": f"<p>{fill}</p>"}
        ).encode()


class Bare(Contender):
    """The limit: ``bare.c``."""

    def __init__(self) -> None:
        program = compiled("bare")
        if program is None:
            raise MissingError("no C compiler")
        super().__init__([program])
        self.port = int(self.heard()[0])


class Nchan(_PostedTo):
    """nchan in nginx, one worker; published to by POST over one connection, as over several it mixes up the order."""

    path = "/sub"
    posts = ("/pub", "X-EventSource-Event: post\r\n", 1)

    def __init__(self) -> None:
        module = nchan()
        self._folder = tempfile.TemporaryDirectory(prefix="newsreel-bench-nchan-")
        folder = Path(self._folder.name)
        os.chmod(folder, 0o755)  # noqa: PTH101 its worker is another user's where root starts it
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        port = self.port
        (folder / "nginx.conf").write_text(f"""
load_module {module};
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 40000; multi_accept on; }}
http {{
  access_log off;
  nchan_shared_memory_size 512M;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_requests 10000000;
  keepalive_timeout 1h;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /pub {{
      nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 10000; nchan_message_timeout 0;
    }}
    location = /sub {{ nchan_subscriber eventsource; nchan_channel_id bench; nchan_subscriber_first_message newest; }}
  }}
}}
""")
        super().__init__(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
        self.port = port
        self.next = 1
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)

    @property
    def pids(self) -> list[int]:
        """List master and worker."""
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [master, *map(int, children)]

    def body(self, number: int, born: int, size: int) -> bytes:
        """Make the data of an event."""
        frame = len(f"id: {int(time.time())}:0\nevent: post\ndata: \n\n")
        mark = f"@{number}:{born}@"
        return (mark + "x" * max(size - frame - len(mark), 0)).encode()

    def close(self) -> None:
        """End it, and forget its configuration."""
        super().close()
        self._folder.cleanup()


class _Python(Contender):
    script = ""

    def __init__(self) -> None:
        super().__init__([python_peers(), str(PEERS / self.script)], PEERS)
        self.port = int(self.heard()[0])


class AiohttpSse(_Python):
    """aiohttp-sse, a queue a reader."""

    script = "aiohttp_sse_peer.py"


class SseStarlette(_Python):
    """sse-starlette on uvicorn, a queue a reader."""

    script = "sse_starlette_peer.py"


class BetterSse(Contender):
    """better-sse on Node."""

    def __init__(self) -> None:
        super().__init__(["node", str(PEERS / "better_sse_peer.mjs"), str(node_peers())])
        self.port = int(self.heard()[0])


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "newsreel": Newsreel,
    "newsreel, not joining": NewsreelNotJoining,
    "newsreel, log on disk": NewsreelDurable,
    "newsreel, POST, log on disk": NewsreelDesk,
    "nchan": Nchan,
    "bare send() in C": Bare,
    "aiohttp-sse": AiohttpSse,
    "sse-starlette": SseStarlette,
    "better-sse": BetterSse,
}


def nchan() -> Path:
    """Give the module, installed from Debian if it is not here. Raises MissingError."""
    if not any(path.exists() for path in NCHAN_MODULES) and os.geteuid() == 0 and shutil.which("apt-get"):
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "nginx-light", "libnginx-mod-nchan"]
        subprocess.run(["apt-get", "update", "-qq"], check=False, env=env, stdout=subprocess.DEVNULL)
        subprocess.run(install, check=False, env=env, stdout=subprocess.DEVNULL)
    module = next((path for path in NCHAN_MODULES if path.exists()), None)
    if module is None or shutil.which("nginx") is None:
        raise MissingError("no nginx with nchan; on Debian: apt-get install nginx-light libnginx-mod-nchan")
    return module


def python_peers() -> str:
    """Give the interpreter of the Python peers' environment, made if it is not here. Raises MissingError."""
    folder = CACHE / "python"
    python, stamp = folder / "bin/python", folder / "made-of"
    wanted = "\n".join(PYTHON_PEERS)
    if not stamp.exists() or stamp.read_text() != wanted:
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
            subprocess.run([*pip, *PYTHON_PEERS], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise MissingError(f"cannot install {', '.join(PYTHON_PEERS)}: {error}") from None
        stamp.write_text(wanted)
    return str(python)


def node_peers() -> Path:
    """Give the folder in which better-sse is installed. Raises MissingError."""
    folder = CACHE / "node"
    stamp, wanted = folder / "made-of", "\n".join(NODE_PEERS)
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise MissingError("no node with npm")
    if not stamp.exists() or stamp.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *NODE_PEERS]
            subprocess.run(npm, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            raise MissingError(f"cannot install {', '.join(NODE_PEERS)}: {error}") from None
        stamp.write_text(wanted)
    return folder
