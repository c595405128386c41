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
from publisher.when import spoken, spoken_duration, spoken_speed
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
    for name, channel in server.channels.items():
        setting = chosen.channels[name]
        posts = len(readings[name].posts) if name in readings else channel.press.shelf.count()
        replay = _replay(channel, loop=setting.loop)
        if replay is not None:
            click.echo(replay)
        elif channel.desk is not None:
            how = "newsreel-publisher post adds one" if token else "without NEWSREEL_TOKEN nobody may write to it"
            click.echo(f"{name} is live with {posts} posts so far; {how}:")
        else:
            click.echo(f"Serving {posts} posts of {name}:")
        address = channel.address
        for what, url in (
            ("page", address.root),
            ("Atom", address.atom),
            ("RSS", address.rss),
            ("JSON Feed", address.json),
            ("stream", address.events),
        ):
            click.echo(f"  {what:<10} {url}")
        if channel.reel is not None and token is not None:
            url = f"{server.local_url}/{name}/"
            click.echo(f"  {'control':<10} newsreel-publisher clock {url} pause|play|step|speed N|seek WHEN")
    click.echo("Ctrl-C ends.")


def _replay(channel: Channel, *, loop: bool) -> str | None:
    """Say in one line what is replayed and how it stands; None where nothing is."""
    now = datetime.now(UTC)
    progress, clock = channel.progress(now), channel.clock(now)
    if progress is None or clock is None or channel.reel is None:
        return None
    what = f"{progress.posts} posts of {channel.reel.start:%Y-%m-%d}"
    pace = f"Replaying {what} at {spoken_speed(clock.speed)}"
    if clock.starts is not None:
        return f"{pace} from {spoken(clock.starts.astimezone())} on"
    if clock.state == "ended" or (progress.out == progress.posts and not loop):
        return f"All {what} are out; the replay has ended:"
    if clock.state == "paused":
        return f"{pace}: {progress.out} are out, and it is paused"
    left = spoken_duration(progress.left)
    so_far = f": {progress.out} are out, the rest within {left}" if progress.out > 1 else f" within {left}"
    return f"{pace}{so_far}{', then again' if loop else ''}"
