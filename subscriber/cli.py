"""The command ``subscriber``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

import click

from shared import __version__
from shared.command import common_options, run
from shared.text import clean_line, showable
from subscriber.discover import SeveralChannelsError
from subscriber.follower import Follower
from subscriber.screen import Screen

logger = logging.getLogger(__name__)

PROGRAM = "newsreel-subscriber"
HELP = """Follow the story at URL: the address of its page, of a feed or of its stream.

Updates are shown as they arrive. Where there is a stream it is followed, else a feed is polled; a lost connection is
taken up again without a gap and without a repetition.

\b
Examples:
  newsreel-subscriber http://127.0.0.1:8000/harbour-fire/
  newsreel-subscriber --json --state harbour.state http://127.0.0.1:8000/harbour-fire/ >> harbour.jsonl
  newsreel-subscriber --json --once http://127.0.0.1:8000/harbour-fire/ | jq -r 'select(.event == "post").data.title'

Exit codes: 0 done, 1 failed while working, 2 wrong usage, 130 interrupted.
"""


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
@click.version_option(__version__, prog_name=PROGRAM)
@common_options
def command(url: str, *, as_json: bool, poll: bool, state: Path | None, once: bool, until_end: bool) -> int:
    """Run the command and give its exit code."""
    follower = Follower(url, poll=poll, state=state, once=once, until_end=until_end)
    try:
        asyncio.run(_follow(follower, as_json=as_json))
    except SeveralChannelsError as error:
        logger.error("%s", error)  # noqa: TRY400 one line
        for link in error.channels:
            # Where lines of JSON are expected nothing else may stand.
            click.echo(f"{_line(link.href)}  {_line(link.title or '')}".rstrip(), err=as_json)
        return error.exit_code
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


def main() -> int:
    """Run the subscriber's command line and give its exit code."""
    return run(command, PROGRAM, level=logging.INFO)


def _line(text: str) -> str:
    return clean_line(showable(text))
