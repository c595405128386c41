"""Connections that are no streams: so many have room, the quietest goes first, and none waits for ever."""

import asyncio
import json
import resource
import socket
from contextlib import ExitStack, asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace

import pytest
from patience import PATIENCE, soon
from serving import publishing, transcript
from streaming import Listener, newsroom

from publisher.listening import shared_out
from publisher.web import clients as clients_module
from publisher.web.clients import Room
from publisher.web.ready import PIECE_BYTES

ASK = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class Caller:
    """A connection of HTTP/1.1."""

    def __init__(self, reading, writing):
        self.reading, self.writing = reading, writing

    async def ask(self):
        """Ask for something small; give the status, None where the connection is closed."""
        try:
            self.writing.write(ASK)
            head = await asyncio.wait_for(self.reading.readuntil(b"\r\n\r\n"), PATIENCE)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        await self.reading.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
        return int(head.split()[1])

    @property
    def port(self):
        return self.writing.get_extra_info("sockname")[1]

    def leave(self):
        self.writing.transport.abort()


@asynccontextmanager
async def clients(**places):
    """Give a newsroom, and what connects to it, from an address of this machine's choosing."""
    callers = []
    async with newsroom(places=Room(**places)) as room:

        async def call(address="127.0.0.1", *, buffer=None):
            sock = socket.socket()
            if buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            sock.setblocking(False)  # noqa: FBT003 the library's
            sock.bind((address, 0))
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", room.port))
            callers.append(Caller(*await asyncio.open_connection(sock=sock, limit=2**12 if buffer else 2**16)))
            return callers[-1]

        try:
            yield room, call
        finally:
            for caller in callers:
                caller.leave()
            await soon(lambda: not len(room.clients))


@pytest.fixture
def at_once(monkeypatch):
    """Nobody is busy for long."""
    monkeypatch.setattr(clients_module, "BUSY_SECONDS", 0)


async def test_one_more_takes_the_place_of_the_quietest_and_streams_stay(at_once):
    async with clients(in_all=3) as (room, call):
        await room.pressed(await room.posts(1))
        async with Listener(room) as stream:
            await stream.upto(1)
            callers = [await call() for _ in range(3)]
            for caller in (callers[1], callers[2], callers[0]):
                assert await caller.ask() == 200
            fourth = await call()
            assert await fourth.ask() == 200
            assert [await caller.ask() for caller in callers] == [200, None, 200]
            assert (len(room.clients), +room.clients.closed) == (3, {"displaced": 1})
            await room.pressed(await room.posts(1))
            await stream.upto(2)
            assert room.channel.fanout.readers == 1


async def test_where_all_are_busy_the_new_one_is_told_to_come_again(monkeypatch):
    monkeypatch.setattr(clients_module, "BUSY_SECONDS", float("inf"))
    async with clients(in_all=2) as (room, call):
        callers = [await call() for _ in range(2)]
        assert [await caller.ask() for caller in callers] == [200, 200]
        third = await call()
        head, _, body = (await third.reading.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: " in head
        assert b"\r\nServer: newsreel\r\n" in head
        assert json.loads(body)["detail"].startswith("the server has no room for another connection")
        assert [await caller.ask() for caller in callers] == [200, 200]
        assert +room.clients.closed == {"refused": 1}


async def test_an_address_has_so_many_places_and_a_trusted_proxy_as_many_as_there_are(at_once):
    async with clients(per_address=1, trusted=(ip_network("127.0.0.9/32"),)) as (room, call):
        other = await call("127.0.0.2")
        proxies = [await call("127.0.0.9") for _ in range(3)]
        for _ in range(3):
            last = await call("127.0.0.3")
            assert await last.ask() == 200
        assert await other.ask() == 200
        assert [await proxy.ask() for proxy in proxies] == [200, 200, 200]
        assert (len(room.clients), +room.clients.closed) == (5, {"displaced": 2})
        for caller in (other, last, *proxies):
            caller.leave()
        await soon(lambda: not len(room.clients))
        assert not room.clients._by_address


@pytest.mark.parametrize("goes_on", ["keep-alive", "close"])
async def test_who_asks_and_does_not_read_is_closed_and_holds_little_until_then(monkeypatch, goes_on):
    now = 0.0
    monkeypatch.setattr(clients_module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(clients_module, "_SWEEP_SECONDS", 0.001)
    async with clients() as (room, call):
        await room.pressed(await room.posts(100, content_html=f"<p>{'x' * 60_000}</p>"))
        stalled = await call(buffer=4096)
        slow = await call(buffer=4096)
        for caller in (stalled, slow):
            caller.writing.write(
                f"GET /harbour/feed.json HTTP/1.1\r\nHost: x\r\nConnection: {goes_on}\r\n\r\n".encode()
            )
        head = await slow.reading.readuntil(b"\r\n\r\n")
        left = int(head.lower().partition(b"content-length: ")[2].split()[0])
        assert left > 6_000_000
        (served,) = (one for one in room.clients._quiet if one._socket.get_extra_info("peername")[1] == slow.port)
        held = 0
        while left:
            piece = await slow.reading.read(4096)
            assert piece, "closed, though it took something all the while"
            left -= len(piece)
            held = max([held, *(client._socket.get_write_buffer_size() for client in room.clients._quiet)])
            if served.moved == now:
                now += clients_module.STALLED_SECONDS - 1
            await asyncio.sleep(0)
        assert 0 < held <= PIECE_BYTES + 4096
        now += 2 * clients_module.STALLED_SECONDS
        await soon(lambda: +room.clients.closed == {"stalled": 1})


async def test_who_leaves_in_the_midst_of_an_answer_leaves_nothing_behind(caplog):
    async with clients() as (room, call):
        await room.pressed(await room.posts(100, content_html=f"<p>{'x' * 60_000}</p>"))
        for bytes_read in (0, 1, 100_000):
            caller = await call(buffer=4096)
            caller.writing.write(b"GET /harbour/feed.json HTTP/1.1\r\nHost: x\r\n\r\n")
            await caller.reading.readexactly(bytes_read)
            caller.leave()
        await soon(lambda: not len(room.clients))
    assert not caplog.records


async def test_no_answer_tells_what_the_server_is_made_of():
    async with clients() as (room, call):
        await room.pressed(await room.posts(1))
        for asked in ("/healthz", "/nowhere", "/harbour/feed.atom", "/harbour/events", "/ HTTP/7.7\r\n"):
            caller = await call()
            caller.writing.write(f"GET {asked} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await caller.reading.readuntil(b"\r\n\r\n")
            assert [line for line in head.split(b"\r\n") if line.startswith(b"Server:")] == [b"Server: newsreel"]


async def test_who_says_that_it_will_ask_no_more_still_gets_its_answers():
    async with clients() as (room, call):
        await room.pressed(await room.posts(100, content_html=f"<p>{'x' * 6_000}</p>"))
        caller = await call(buffer=4096)
        caller.writing.write(b"GET /harbour/feed.json HTTP/1.1\r\nHost: x\r\n\r\n" + ASK)
        caller.writing.write_eof()
        assert (await caller.reading.read()).endswith(b'{"status": "ok"}')
        for begun in (b"", b"GET /healthz HTT"):
            caller = await call()
            caller.writing.write(begun)
            caller.writing.write_eof()
            assert not await caller.reading.read()
        await soon(lambda: not len(room.clients))


@pytest.mark.parametrize(("files", "shares"), [(20_000, (19_744, 19_488)), (600, (450, 394)), (8, (6, 5)), (1, (2, 1))])
def test_most_open_files_are_for_streams_and_some_never(files, shares):
    assert shared_out(files) == shares


async def test_streams_and_others_share_the_files(at_once):
    async with clients(files=3) as (room, call):
        await room.pressed(await room.posts(1))
        async with Listener(room) as first, Listener(room) as second:
            await first.upto(1)
            await second.upto(1)
            callers = [await call() for _ in range(3)]
            assert [await caller.ask() for caller in callers] == [None, None, 200]
            assert room.channel.fanout.readers == 2
        await soon(lambda: not room.doors.inside)
        callers = [await call() for _ in range(2)]
        assert [await caller.ask() for caller in callers] == [200, 200]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="this system cannot set the limits of another process")
def test_a_server_without_files_says_so_once_and_goes_on_when_there_are_some(tmp_path):
    source = tmp_path / "story.txt"
    source.write_text(transcript(3))
    with publishing("replay", source) as publisher, ExitStack() as open_ones:

        def connect():
            sock = open_ones.enter_context(socket.create_connection(("127.0.0.1", publisher.port), PATIENCE))
            sock.sendall(ASK)
            return sock

        pid = publisher.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        assert connect().recv(12) == b"HTTP/1.1 200"
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())), limits[1]))
        waiting = [connect() for _ in range(40)]
        waiting[0].settimeout(1.5)  # so that it is tried twice
        with pytest.raises(TimeoutError):
            waiting[0].recv(12)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        waiting[0].settimeout(PATIENCE)
        assert [sock.recv(12) for sock in waiting] == [b"HTTP/1.1 200"] * 40
    assert publisher.complaints == (
        "newsreel-publisher: connections have to wait (Too many open files): let more files be open (ulimit -n)\n"
    )
