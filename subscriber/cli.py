"""The command ``subscriber``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from shared import __version__
from shared.errors import NewsreelError, UsageError
from shared.text import clean_line
from subscriber.discover import SeveralChannelsError
from subscriber.follower import Follower
from subscriber.screen import Screen
from subscriber.view import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
HELP = """Follow the story at URL: the address of its page, of a feed or of its stream.

Updates are shown as they arrive. Where there is a stream it is followed, else a feed is polled; a lost connection is
taken up again without a gap and without a repetition.

\b
Examples:
  newsreel-subscriber http://127.0.0.1:8000/harbour-live/
  newsreel-subscriber --json --state harbour.state http://127.0.0.1:8000/harbour-live/ >> harbour.jsonl
  newsreel-subscriber --json --once http://127.0.0.1:8000/harbour-live/ | jq -r 'select(.event == "post").data.title'

Exit codes: 0 done, 1 failed while working, 2 wrong usage, 130 interrupted.
"""


class _Notes(logging.Handler):
    """Writes notes to standard error, which is looked up each time: the status line borrows it."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):  # nobody reads the notes
            print(f"subscriber: {_line(self.format(record))}", file=sys.stderr)  # noqa: T201


@click.command(help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON an event: event, id, data.")
@click.option("--poll", is_flag=True, help="Poll the feed even if there is a stream.")
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the position and what was shown in FILE, and go on from there.",
)
@click.option("--once", is_flag=True, help="End after the present window.")
@click.option("--until-end", is_flag=True, help="End when the replay has ended and everything was shown.")
@click.option("-v", "--verbose", is_flag=True, help="Tell more on standard error.")
@click.option("-q", "--quiet", is_flag=True, help="Tell only errors on standard error.")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
@click.version_option(__version__, prog_name="newsreel-subscriber")
def command(
    url: str,
    *,
    as_json: bool,
    poll: bool,
    state: Path | None,
    once: bool,
    until_end: bool,
    verbose: bool,
    quiet: bool,
    debug: bool,
) -> int:
    """Run the command and give its exit code."""
    _log(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)
    follower = Follower(url, poll=poll, state=state, once=once, until_end=until_end)
    try:
        asyncio.run(_follow(follower, as_json=as_json))
    except SeveralChannelsError as error:
        _say(str(error))
        for link in error.channels:
            # Where lines of JSON are expected nothing else may stand.
            click.echo(f"{_line(link.href)}  {_line(link.title or '')}".rstrip(), err=as_json)
        return error.exit_code
    except NewsreelError as error:
        if debug:
            raise
        _say(str(error))
        return error.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:
        _close_stdout()  # who read had enough
    except Exception as error:
        if debug:
            raise
        _say(f"unexpected {type(error).__name__}: {error}; run again with --debug and report what it says")
        return 1
    return 0


async def _follow(follower: Follower, *, as_json: bool) -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with contextlib.aclosing(follower.updates()) as updates:
        if as_json:
            async for update in updates:
                sys.stdout.buffer.write(update.to_json().encode() + b"\n")
                sys.stdout.buffer.flush()
            return
        screen = Screen(follower.status)
        with screen.opened():
            async for update in updates:
                screen.print(update)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave with its exit code; every error is one line on standard error."""
    try:
        code = command.main(arguments, standalone_mode=False)
    except click.UsageError as error:
        _say(f"{error.format_message()} See --help.")
        code = UsageError.exit_code
    except click.ClickException as error:
        _say(error.format_message())
        code = error.exit_code
    except click.Abort:
        code = INTERRUPTED
    sys.exit(code)


def _say(message: str) -> None:
    click.echo(f"subscriber: {_line(message)}", err=True)


def _line(text: str) -> str:
    return clean_line(safe(text))


def _log(level: int) -> None:
    logging.basicConfig(level=logging.WARNING, handlers=[_Notes()], format="%(message)s")
    logging.getLogger("subscriber").setLevel(level)


def _close_stdout() -> None:
    """Let the interpreter's last flush go nowhere, or it would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
