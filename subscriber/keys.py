"""Keys that drive a replay from the terminal in which it is followed, where its token is at hand on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
import termios
import tty
from typing import TYPE_CHECKING, Any

from shared.driving import clock_url, drive_clock, read_clock
from shared.errors import NewsreelError
from shared.token import TokenError, find_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import aiohttp

    from shared.wire import Standing
    from subscriber.status import Status

logger = logging.getLogger(__name__)

HINT = "space ←→ +- . q"
LEAP_SECONDS = 10.0
"""How far an arrow leads, in seconds of the wall clock at the present speed."""
SLOWEST, FASTEST = 0.1, 100_000.0
_WAITING = 8  # keys; who leans on one does not want all of it done later
_KEY = re.compile(rb"\x1b[\[O][0-9;]*([A-Za-z~])|\x1b|([ -~])", re.DOTALL)
_ARROWS = {b"C": "forward", b"D": "back"}
_LETTERS = {b" ": "toggle", b"+": "faster", b"=": "faster", b"-": "slower", b".": "step", b"q": "quit"}


def read_keys(typed: bytes) -> list[str]:
    """Tell what was typed: ``toggle``, ``back``, ``forward``, ``faster``, ``slower``, ``step``, ``quit``."""
    found = (_ARROWS.get(key[1] or b"") or _LETTERS.get(key[2] or b"") for key in _KEY.finditer(typed))
    return [name for name in found if name]


def control_of(key: str, standing: Standing) -> dict[str, Any]:
    """Tell what a key asks of a clock that stands as it does; empty where that is nothing."""
    match key:
        case "toggle":
            return {"state": "paused" if standing.state == "playing" else "playing"}
        case "back" | "forward":
            leap = LEAP_SECONDS * standing.speed * (1 if key == "forward" else -1)
            return {"seek": max(standing.elapsed + leap, 0.0)}
        case "faster" | "slower":
            speed = standing.speed * (2 if key == "faster" else 0.5)
            return {"speed": min(max(speed, SLOWEST), FASTEST)}
        case "step":
            return {"step": True}
    return {}


class Keys:
    """Does what is typed to the replay that is followed; ``quit`` is called for q."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, leave: Callable[[], object]) -> None:
        self._session = session
        self._url = url
        self._token = token
        self._leave = leave
        self._typed: asyncio.Queue[str] = asyncio.Queue(_WAITING)

    def take(self, typed: bytes) -> None:
        """Take what the terminal gave."""
        for key in read_keys(typed):
            if key == "quit":
                self._leave()
            elif not self._typed.full():
                self._typed.put_nowait(key)

    async def run(self) -> None:
        """Do one key after the other, until cancelled. What goes wrong is told, and the next key is tried."""
        while True:
            key = await self._typed.get()
            try:
                control = control_of(key, await read_clock(self._session, self._url))
                if control:
                    await drive_clock(self._session, self._url, self._token, control)
            except NewsreelError as error:
                logger.warning("%s", error)


def token_for(status: Status) -> tuple[str, str] | None:
    """Give the clock's address and the token of a replay that can be driven from here; None where it cannot."""
    if status.stream is None or status.clock is None or status.clock.state == "live":
        return None
    if status.kind == "rerun":
        return None  # only its address sets its clock
    url = clock_url(status.stream)
    try:
        token = find_token(url, asked_for=False)
    except TokenError as error:
        logger.warning("%s", error)
        return None
    return (url, token) if token is not None else None


def terminal() -> bool:
    """Tell whether somebody types here, and sees what comes of it."""
    try:
        # A background job that touched the terminal's modes would be stopped.
        return sys.stdin.isatty() and sys.stdout.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def typed(take: Callable[[bytes], None]) -> Iterator[None]:
    """Give each key to ``take`` as it is typed, unseen, while the context lasts; Ctrl-C and Ctrl-Z do as ever."""
    loop, number = asyncio.get_running_loop(), sys.stdin.fileno()
    before = termios.tcgetattr(number)

    def ready() -> None:
        data = os.read(number, 64)
        if data:
            take(data)
        else:
            loop.remove_reader(number)  # the terminal is gone

    def each_key() -> None:
        tty.setcbreak(number, termios.TCSANOW)

    each_key()
    loop.add_reader(number, ready)
    loop.add_signal_handler(signal.SIGCONT, each_key)  # the shell set its own modes meanwhile
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGCONT)
        loop.remove_reader(number)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(number, termios.TCSADRAIN, before)
