"""Streams that are let in, and those that are not: limits, counted by whom a trusted proxy asks for."""

import gc
import json
import resource
import subprocess
import sys
import weakref
from ipaddress import ip_network

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from patience import soon
from serving import ROOT
from streaming import Listener, newsroom

from publisher.web.addresses import client_of
from publisher.web.doors import Doors, Limits

TRUSTED = (ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


class Transport:
    def __init__(self, peer):
        self.peer = peer

    def get_extra_info(self, name, default=None):
        return (self.peer, 40_000) if name == "peername" else default


def asking(peer="127.0.0.1", **headers):
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return make_mocked_request("GET", "/", headers=dict(named), transport=Transport(peer))


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("203.0.113.9", {}, "203.0.113.9"),
        ("203.0.113.9", {"X_Forwarded_For": "198.51.100.1"}, "203.0.113.9"),  # anybody may write that
        ("127.0.0.1", {}, "127.0.0.1"),
        ("127.0.0.1", {"X_Forwarded_For": "198.51.100.1"}, "198.51.100.1"),
        ("127.0.0.1", {"X_Forwarded_For": "192.0.2.7, 198.51.100.1"}, "198.51.100.1"),  # it wrote the former itself
        ("127.0.0.1", {"X_Forwarded_For": "192.0.2.7, 198.51.100.1, 10.1.2.3"}, "198.51.100.1"),
        ("127.0.0.1", {"X_Forwarded_For": "10.1.2.3"}, "10.1.2.3"),
        ("127.0.0.1", {"X_Forwarded_For": "198.51.100.1:51234"}, "198.51.100.1"),
        ("127.0.0.1", {"X_Forwarded_For": "unknown"}, "127.0.0.1"),
        ("127.0.0.1", {"X_Forwarded_For": "198.51.100.1, <script>"}, "127.0.0.1"),
        ("127.0.0.1", {"Forwarded": "for=198.51.100.1;proto=https"}, "198.51.100.1"),
        ("127.0.0.1", {"Forwarded": 'for=192.0.2.7, for="[2001:db8::7]:4711"'}, "2001:db8::7"),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7", "X_Forwarded_For": "198.51.100.1"}, "198.51.100.1"),
        ("127.0.0.1", {"Forwarded": "for=_hidden"}, "127.0.0.1"),
        ("fd00::1", {"X_Forwarded_For": "2001:db8::7"}, "2001:db8::7"),
        ("::ffff:127.0.0.1", {"X_Forwarded_For": "198.51.100.1"}, "198.51.100.1"),
    ],
)
def test_who_asks(peer, headers, client):
    assert client_of(asking(peer, **headers), TRUSTED) == client


def test_an_address_has_so_many_streams_and_an_ipv6_network_counts_as_one():
    doors = Doors(Limits(per_address=1))
    first = doors.admit(asking("2001:db8:0:1::5"))
    doors.admit(asking("2001:db8:0:2::5"))
    with pytest.raises(web.HTTPServiceUnavailable, match="Service Unavailable") as refusal:
        doors.admit(asking("2001:db8:0:1:ffff::6"))
    assert "2001:db8:0:1::/64 has 1 streams" in refusal.value.text
    first()
    doors.admit(asking("2001:db8:0:1:ffff::6"))
    assert (doors.inside, +doors.refused) == (2, {"per_address": 1})


def test_so_many_new_ones_a_second():
    now = 0.0
    doors = Doors(Limits(per_second=10), now=lambda: now)

    def admitted():
        before = doors.inside
        with pytest.raises(web.HTTPServiceUnavailable):
            while True:
                doors.admit(asking())
        return doors.inside - before

    assert admitted() == 10
    now = 0.55
    assert admitted() == 5
    now = 100.0
    assert admitted() == 10


async def test_the_refused_get_a_problem_and_come_in_when_somebody_has_left():
    async with newsroom(limits=Limits(in_all=2)) as room:
        await room.pressed(await room.posts(1))
        async with Listener(room) as first, Listener(room) as second:
            await first.upto(1)
            await second.upto(1)
            async with Listener(room) as third:
                assert third.status == 503
                assert third.headers["content-type"] == "application/problem+json"
                assert 5 <= int(third.headers["retry-after"]) <= 10
                problem = json.loads(await third.reading.readexactly(int(third.headers["content-length"])))
                assert problem["detail"] == "all 2 streams of this server are taken; try again later"
        await soon(lambda: room.doors.inside == 0)
        async with Listener(room) as fourth:
            await fourth.upto(1)
            assert room.doors.inside == 1
        assert +room.doors.refused == {"in_all": 1}


async def test_whoever_leaves_at_any_moment_is_counted_out():
    async with newsroom(limits=Limits(per_address=1_000)) as room:
        await room.pressed(await room.posts(100, content_html=f"<p>{'x' * 10_000}</p>"))
        for number in range(30):
            async with Listener(room) as listener:
                for _ in range(number % 3):
                    await listener.piece()
        await soon(lambda: not room.doors.inside)
        assert not room.doors._by_address


def test_the_limit_of_open_files_is_raised_and_a_low_one_is_told():
    program = (
        "import logging, resource; logging.basicConfig(format='%(message)s');"
        "from publisher.listening import raise_file_limit;"
        "print(raise_file_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )

    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 500))

    done = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lower,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == "500 500\n"
    assert done.stderr.startswith("only 500 files may be open")


class Circle:
    """Garbage that only the collector frees, such as a request that was answered."""

    def __init__(self):
        self.itself = self


def test_what_was_alive_when_streams_came_is_freed_when_it_is_garbage(monkeypatch):
    monkeypatch.setattr("publisher.garbage.SETTLED", 1)
    doors, seen = Doors(), []
    try:
        for _ in range(12):
            circle = Circle()
            seen.append(weakref.ref(circle))
            doors.admit(asking())()
            del circle
        assert sum(one() is not None for one in seen) < 6  # those since the collector last looked at all
    finally:
        gc.unfreeze()
