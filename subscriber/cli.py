"""The command ``subscriber``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared import __version__
from shared.command import common_options, run
from shared.fetch import open_session
from shared.text import clean_line, showable
from subscriber.discover import SeveralChannelsError
from subscriber.execute import Execution, Relay
from subscriber.follower import Follower
from subscriber.keys import HINT, Keys, terminal, token_for, typed
from subscriber.rerun import Rerun
from subscriber.screen import Screen

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

logger = logging.getLogger(__name__)

PROGRAM = "newsreel-subscriber"
HELP = """Follow the story at URL: the address of its page, of a feed or of its stream.

Updates are shown as they arrive. Where there is a stream it is followed, else a feed is polled; a lost connection is
taken up again without a gap and without a repetition.

\b
Examples:
  newsreel-subscriber http://127.0.0.1:8000/harbour-fire/
  newsreel-subscriber URL --json --state harbour.state >> harbour.jsonl
  newsreel-subscriber URL --rerun --speed 120
  newsreel-subscriber URL --json --once | jq -r .data.title
  newsreel-subscriber URL --exec 'notify-send -- "$NEWSREEL_TITLE"'

A replay that runs on this machine is driven by keys where it is shown in a terminal: space pauses and plays, the arrows
lead 10 seconds back and forth, + and - double and halve the speed, . releases the next post and stands still, q leaves.

With --exec a command is run by the shell for each event, one after the other. On its standard input it finds what
--json prints of the event; NEWSREEL_EVENT (post, update, delete, clock or reset), the post's NEWSREEL_ID,
NEWSREEL_TITLE and NEWSREEL_URL are in its environment. What it prints stands among the posts, with --json on standard
error. A failure is told, and the following goes on; with --state a crash repeats at most the last event.

The environment names proxies: HTTPS_PROXY, HTTP_PROXY, NO_PROXY.

Exit codes: 0 done, 1 failed while working, 2 wrong usage, 130 interrupted.
"""


@click.command(help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON an event: event, id, data.")
@click.option("--exec", "to_run", metavar="CMD", help="Run CMD for each event, which is on its standard input as JSON.")
@click.option("--poll", is_flag=True, help="Poll the feed even if there is a stream.")
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the position and what was shown in FILE, and go on from there.",
)
@click.option("--once", is_flag=True, help="End after the present window.")
@click.option("--until-end", is_flag=True, help="End when the replay has ended and everything was shown.")
@click.option("--rerun", is_flag=True, help="Watch the story from its beginning, on a clock of your own.")
@click.option("--speed", metavar="N", default="", help="With --rerun: story seconds a second; 60 by default.")
@click.option(
    "--from", "begin", metavar="WHEN", default="", help="With --rerun: begin at 21:30, +10m or 50% (if finished)."
)
@click.option("--max-gap", metavar="D", default="", help="With --rerun: shorten longer silences to this, such as 30s.")
@click.version_option(__version__, prog_name=PROGRAM)
@common_options
def command(
    url: str,
    *,
    as_json: bool,
    to_run: str | None,
    poll: bool,
    state: Path | None,
    once: bool,
    until_end: bool,
    rerun: bool,
    speed: str,
    begin: str,
    max_gap: str,
) -> int:
    """Run the command and give its exit code."""
    if not rerun and (speed or begin or max_gap):
        raise click.UsageError("--speed, --from and --max-gap are of a rerun; add --rerun")
    if to_run is not None and not to_run.strip():
        raise click.UsageError("--exec takes a command, such as 'cat >> harbour.jsonl'")
    asked = Rerun(speed, begin, max_gap) if rerun else None
    follower = Follower(url, poll=poll, state=state, once=once, until_end=until_end, rerun=asked)
    try:
        asyncio.run(_follow(follower, as_json=as_json, to_run=to_run))
    except SeveralChannelsError as error:
        logger.error("%s", error)  # noqa: TRY400 one line
        for link in error.channels:
            # Where lines of JSON are expected nothing else may stand.
            click.echo(f"{_line(link.href)}  {_line(link.title or '')}".rstrip(), err=as_json)
        return error.exit_code
    return 0


async def _follow(follower: Follower, *, as_json: bool, to_run: str | None) -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with contextlib.aclosing(follower.updates()) as updates, _while_read():
        if as_json:
            execution = Execution(to_run, output=sys.stderr.fileno()) if to_run else None
            async for update in updates:
                sys.stdout.buffer.write(update.to_json().encode() + b"\n")
                sys.stdout.buffer.flush()
                if execution:
                    await execution.run(update)
            return
        screen = Screen(follower.status)
        async with contextlib.AsyncExitStack() as open_things:
            open_things.enter_context(screen.opened())
            relay = open_things.enter_context(Relay(screen.say)) if to_run and screen.is_live else None
            execution = Execution(to_run, relay=relay) if to_run else None
            waiting = terminal()
            async for update in updates:
                screen.print(update)
                if execution:
                    await execution.run(update)
                if waiting and (found := token_for(follower.status)) is not None:
                    waiting = False
                    await open_things.enter_async_context(_driven(follower, *found))


@contextlib.asynccontextmanager
async def _while_read() -> AsyncGenerator[None, None]:
    """End with BrokenPipeError once nobody reads our output (``| head``), even while there is nothing to write."""
    following, loop, output = asyncio.current_task(), asyncio.get_running_loop(), sys.stdout.fileno()
    if following is None or not stat.S_ISFIFO(os.fstat(output).st_mode):
        yield
        return
    alone = False

    def leave() -> None:
        nonlocal alone
        alone = True
        loop.remove_reader(output)
        following.cancel()

    loop.add_reader(output, leave)  # the end for writing is never readable, but tells when the other one is closed
    try:
        yield
    except asyncio.CancelledError:
        if not alone:
            raise
        following.uncancel()
        raise BrokenPipeError from None
    finally:
        loop.remove_reader(output)


@contextlib.asynccontextmanager
async def _driven(follower: Follower, url: str, token: str) -> AsyncGenerator[None, None]:
    """Let keys drive the replay while the context lasts; q leaves it as if the story were over."""
    following = asyncio.current_task()
    left = False

    def leave() -> None:
        nonlocal left
        left = True
        if following is not None:
            following.cancel()

    async with open_session() as session:
        keys = Keys(session, url, token, leave)
        driving = asyncio.create_task(keys.run())
        follower.status.hint = HINT
        logger.info("keys: space pauses and plays, ← → lead back and forth, + - set the speed, . steps, q leaves")
        try:
            with typed(keys.take):
                yield
        except asyncio.CancelledError:
            if not left:
                raise
            if following is not None:
                following.uncancel()
        finally:
            driving.cancel()
            await asyncio.wait([driving])


def main() -> int:
    """Run the subscriber's command line and give its exit code."""
    return run(command, PROGRAM, level=logging.INFO)


def _line(text: str) -> str:
    return clean_line(showable(text))
