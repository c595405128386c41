"""The ground that a server stands on: the socket that it listens on, and how many files it may hold open."""

from __future__ import annotations

import logging
import resource
import socket

from shared.errors import NewsreelError

logger = logging.getLogger(__name__)

BACKLOG = 4_096
"""Connections that may wait to be accepted: a herd of readers comes back within a second of a restart."""
ACCEPTED_AT_ONCE = 32
"""Connections accepted before others have their turn: each costs 0.2 ms, and asyncio takes as many as it may."""
FEW_FILES = 4_096
"""Open files below which a server is told that it will not serve many."""


class CannotListenError(NewsreelError):
    """The address cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """Open the socket.

    Raises:
        CannotListenError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except (OSError, ValueError) as error:
        why = str(getattr(error, "strerror", None) or error).partition(" (while")[0]  # the rest says the address again
        raise CannotListenError(f"cannot listen on {host}:{port}: {why}; choose another port or host") from None


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
