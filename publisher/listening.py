"""The ground that a server stands on: the socket that it listens on, and how many files it may hold open."""

from __future__ import annotations

import logging
import resource
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.errors import NewsreelError

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger(__name__)

BACKLOG = 4_096
"""Connections that may wait to be accepted: a herd of readers comes back within a second of a restart."""
ACCEPTED_AT_ONCE = 32
"""Connections accepted before others have their turn: each costs 0.2 ms, and asyncio takes as many as it may."""
FEW_FILES = 4_096
"""Open files below which a server is told that it will not serve many."""
OWN_FILES = 256
"""Open files kept for the log, the library and calls to subscribers, where there are so many; else a quarter."""
KEPT_FILES = 256
"""Open files that streams leave to who asks for documents, where there are so many; else an eighth of them."""
UNSENT_BYTES = 16_384
"""Most bytes that wait unsent in the kernel (TCP_NOTSENT_LOWAT): who does not read shows soon and costs little."""
DEAD_MS = 60_000
"""How long sent bytes may stay unacknowledged before the kernel gives a connection up (TCP_USER_TIMEOUT)."""


TOLD_SECONDS = 60.0
"""How often it is told, at most, that no connection can be accepted."""


class Files(NamedTuple):
    """How many open files connections may have ``in_all``, and how many of these ``streams``."""

    in_all: int
    streams: int


class CannotListenError(NewsreelError):
    """The address cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """Open the socket. Connections that it accepts have its options.

    Raises:
        CannotListenError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        sock = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except (OSError, ValueError) as error:
        why = str(getattr(error, "strerror", None) or error).partition(" (while")[0]  # the rest says the address again
        raise CannotListenError(f"cannot listen on {host}:{port}: {why}; choose another port or host") from None
    for option, value in (("TCP_NOTSENT_LOWAT", UNSENT_BYTES), ("TCP_USER_TIMEOUT", DEAD_MS)):
        if hasattr(socket, option):  # some systems have neither
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return sock


def url_of(sock: socket.socket, host: str) -> str:
    """Give the URL under which this machine reaches a socket that listens on ``host``."""
    port = sock.getsockname()[1]
    if host in {"0.0.0.0", "::", ""}:
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def raise_file_limit() -> int:
    """Take all the open files that this process may have; tell how many, and say so if they are few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # some systems bear less than they say
            hard = soft
    if hard == resource.RLIM_INFINITY:
        return 2**31
    if hard < FEW_FILES:
        logger.warning(
            "only %d files may be open, and each reader is one: raise the limit (ulimit -n, LimitNOFILE=) for more",
            hard,
        )
    return hard


def shared_out(files: int) -> Files:
    """Share the open files out: what is not the server's own is for connections; a few of these are never streams."""
    in_all = max(files - min(OWN_FILES, files // 4), 2)
    return Files(in_all, in_all - max(min(KEPT_FILES, in_all // 8), 1))


def tell_of_exhaustion(loop: asyncio.AbstractEventLoop) -> None:
    """Say in a line, now and then, that connections have to wait for files; asyncio says so with each that it tries."""
    told = -TOLD_SECONDS

    def tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal told
        error = context.get("exception")
        if not context["message"].startswith("socket.accept()") or not isinstance(error, OSError):
            loop.default_exception_handler(context)
        elif loop.time() - told >= TOLD_SECONDS:
            told = loop.time()
            logger.error("connections have to wait (%s): let more files be open (ulimit -n)", error.strerror)

    loop.set_exception_handler(tell)
