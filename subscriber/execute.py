"""Running a command for each event that a follower tells.

The event is the command's standard input, and some facts of it are in its environment; nothing that a post says ever
stands on a command line, where the shell would take it for orders.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import logging
import os
import signal
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from shared.text import clean_line, showable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from subscriber.update import Update

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
"""How long a command that is told to end may take; then it is killed."""
LONGEST_FACT = 8000
"""Characters of a value in the environment; the kernel takes no more than 128 KiB of any."""
_PIPE_BYTES = 64 * 1024


class Relay:
    """Takes what commands print and says it line by line, where a view must not be torn. A context manager."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._read, self.end = os.pipe()
        os.set_blocking(self._read, False)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._read, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._read)
        self.flush()
        os.close(self._read)
        os.close(self.end)

    def flush(self) -> None:
        """Say all that was printed so far, a line without an end, too."""
        self._take()
        if self._rest:
            self._say(self._rest)
            self._rest = ""

    def _take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            # As much as a pipe holds, and no more: who prints without an end must not keep the loop.
            *lines, self._rest = (self._rest + self._decoder.decode(os.read(self._read, _PIPE_BYTES))).split("\n")
            for line in lines:
                self._say(line)
            if len(self._rest) > _PIPE_BYTES:
                self._say(self._rest)
                self._rest = ""


class Execution:
    """Runs a command for one event after the other.

    Args:
        command: for the shell.
        output: file descriptor that its standard output goes to; None for ours.
        relay: takes its standard output and standard error instead.
    """

    def __init__(self, command: str, *, output: int | None = None, relay: Relay | None = None) -> None:
        self._command = command
        self._output = relay.end if relay else output
        self._errors = relay.end if relay else None
        self._relay = relay

    async def run(self, update: Update) -> None:
        """Run the command for ``update`` and wait until it has ended; cancelled, end it and what it began.

        A failure is told in one line on standard error.
        """
        facts = environment(update)
        about = " ".join(filter(None, (facts["NEWSREEL_EVENT"], facts["NEWSREEL_ID"])))
        try:
            # No pipe: a command that does not read it, or leaves it to one in the background, holds up nobody.
            with TemporaryFile() as told:
                told.write(update.to_json().encode() + b"\n")
                told.seek(0)
                starting = asyncio.create_task(
                    asyncio.create_subprocess_shell(
                        self._command,
                        stdin=told,
                        stdout=self._output,
                        stderr=self._errors,
                        env={**os.environ, **facts},
                        process_group=0,  # so that it can be ended with all that it began
                    )
                )
                try:
                    # Cancelled half-way it would be killed unasked, and what it began left alone.
                    process = await asyncio.shield(starting)
                    code = await process.wait()
                except asyncio.CancelledError:
                    with contextlib.suppress(OSError):
                        await _end(await starting)
                    raise
        except OSError as error:
            logger.error("--exec cannot be run for %s: %s", about, error.strerror or error)  # noqa: TRY400 one line
            return
        finally:
            if self._relay:
                self._relay.flush()
        if code:
            logger.error("--exec %s for %s", _failure(code), about)


def environment(update: Update) -> dict[str, str]:
    """Tell what of an event a command finds in its environment: each one line without control characters.

    ``NEWSREEL_EVENT``; the post's ``NEWSREEL_ID``, ``NEWSREEL_TITLE`` and ``NEWSREEL_URL``, of a ``reset`` title and
    page of the story. What there is none of is empty.
    """
    post_id, title, url = "", "", ""
    match update.event:
        case "post" | "update":
            post = update.post()
            post_id, title, url = post.id, post.heading, post.url or ""
        case "delete":
            post_id = _text(update.data.get("id"))
        case "reset":
            title, url = _text(update.data.get("title")), _text(update.data.get("home_page_url"))
    facts = {"EVENT": update.event, "ID": post_id, "TITLE": title, "URL": url}
    return {f"NEWSREEL_{name}": clean_line(showable(value))[:LONGEST_FACT] for name, value in facts.items()}


async def _end(process: asyncio.subprocess.Process) -> None:
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await process.wait()
    except (TimeoutError, asyncio.CancelledError):  # it does not care, or somebody is in a hurry
        _signal(process, signal.SIGKILL)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(OSError):  # it has ended meanwhile
        os.killpg(process.pid, number)


def _failure(code: int) -> str:
    if code > 0:
        return f"failed with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal
        return f"was ended by signal {-code}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
