"""Running a server until it is told to end, and saying where it is."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from publisher.app import Server
from publisher.commands.progress import progress
from publisher.when import spoken, spoken_day, spoken_duration, spoken_speed
from shared.token import kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from publisher.channel import Channel
    from publisher.config import Settings
    from publisher.sources.reading import Reading
    from publisher.token import Token

logger = logging.getLogger(__name__)


def run_server(chosen: Settings, readings: dict[str, Reading], token: Token | None, *, keep: bool = False) -> None:
    """Serve until somebody asks to end (SIGINT, SIGTERM) or a part of the server fails.

    Args:
        chosen: the settings.
        readings: what the source of each channel says.
        token: that controls ask for; None refuses them all.
        keep: keep the token where commands on this machine find it, as long as the server runs.
    """
    asyncio.run(_run(chosen, readings, token, keep=keep))


async def _run(chosen: Settings, readings: dict[str, Reading], token: Token | None, *, keep: bool) -> None:
    server = Server(chosen, readings, token)
    loop = asyncio.get_running_loop()
    came: list[signal.Signals] = []

    async def serving() -> None:
        with filing() as told:
            await server.start(told)
        if token is not None and keep:
            _keep(token, server, leaving)
        _announce(server, chosen, readings, token)
        await server.failed()

    def end(by: signal.Signals) -> None:
        came.append(by)
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(one)  # who asks again will not wait
        task.cancel()

    with ExitStack() as leaving:
        task = asyncio.create_task(serving())
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, end, one)
        try:
            await task
        except asyncio.CancelledError:
            if not came:
                raise
            if signal.SIGTERM in came:
                await server.drain()  # at Ctrl-C somebody waits for the prompt
        finally:
            await server.stop()
    if signal.SIGINT in came:
        raise KeyboardInterrupt


@contextmanager
def filing() -> Iterator[Callable[[float], None]]:
    """Show how far the logs are filed, if that takes long; yields what to tell the share that is done."""
    with progress("filing the log", 100) as step:
        filed = 0

        def told(share: float) -> None:
            nonlocal filed
            while filed < int(100 * share):
                filed += 1
                step()

        yield told


def _keep(token: Token, server: Server, leaving: ExitStack) -> None:
    port = urlsplit(server.local_url).port or 80
    try:
        leaving.enter_context(kept(token.secret, server.host, port))
    except OSError as error:
        logger.warning(
            "no token can be kept for other commands (%s): set NEWSREEL_TOKEN, here and there, to control this server",
            error.strerror or error,
        )


def _announce(server: Server, chosen: Settings, readings: dict[str, Reading], token: Token | None) -> None:
    """Say what is served and where: of one channel every address, of several the page, which names the others."""
    alone = len(server.channels) == 1
    for name, channel in server.channels.items():
        posts = len(readings[name].posts) if name in readings else channel.press.shelf.count()
        click.echo(_standing(name, channel, posts, loop=chosen.channels[name].loop))
        address = channel.address
        for what, url in (
            ("page", address.root),
            ("Atom", address.atom),
            ("RSS", address.rss),
            ("JSON Feed", address.json),
            ("stream", address.events),
        )[: None if alone else 1]:
            click.echo(f"  {what:<10} {url}")
        here = f"{server.local_url}/{name}/"
        if channel.reel is not None and token is not None and alone:
            click.echo(f"  {'control':<10} newsreel-publisher clock {here} pause")
        elif channel.desk is not None and channel.watcher is None:
            write = f"newsreel-publisher post {here}" if token else "nobody: set NEWSREEL_TOKEN to let people write"
            click.echo(f"  {'write':<10} {write}")
    if not alone:
        click.echo(f"All channels, with their feeds: {server.local_url}/")
    click.echo("Ctrl-C ends.")


def _standing(name: str, channel: Channel, posts: int, *, loop: bool) -> str:
    """Say in one line what a channel shows."""
    replay = _replay(channel, loop=loop)
    if replay is not None:
        return replay
    told = f"{posts} post{'' if posts == 1 else 's'}"
    if channel.watcher is not None:
        return f"{name} is live, and shows what {channel.watcher.source} says:"
    return f"{name} is live with {told} so far:" if channel.desk is not None else f"Serving {told} of {name}:"


def _replay(channel: Channel, *, loop: bool) -> str | None:
    """Say in one line what is replayed and how it stands; None where nothing is."""
    now = datetime.now(UTC)
    progress, clock = channel.progress(now), channel.clock(now)
    if progress is None or clock is None or channel.reel is None:
        return None
    what = f"{progress.posts} post{'' if progress.posts == 1 else 's'} of {spoken_day(channel.reel.start)}"
    pace = f"Replaying {what} at {spoken_speed(clock.speed)}"
    if clock.starts is not None:
        return f"{pace} from {spoken(clock.starts.astimezone())} on:"
    if clock.state == "ended" or (progress.out == progress.posts and not loop):
        return f"All {what} are out; the replay has ended:"
    if clock.state == "paused":
        return f"{pace}: {progress.out} are out, and it is paused:"
    left = spoken_duration(progress.left)
    so_far = f"{progress.out} are out, the rest in {left}" if progress.out > 1 else f"all are out in {left}"
    return f"{pace}: {so_far}{', then again' if loop else ''}:"
