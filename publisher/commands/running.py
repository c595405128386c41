"""Running a server until it is told to end, and saying where it is."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from publisher.app import Server
from publisher.when import spoken_duration, spoken_speed

if TYPE_CHECKING:
    from publisher.config import Settings
    from publisher.sources.reading import Reading


def run_server(chosen: Settings, readings: dict[str, Reading]) -> None:
    """Serve until somebody asks to end (SIGINT, SIGTERM) or a part of the server fails."""
    asyncio.run(_run(chosen, readings))


async def _run(chosen: Settings, readings: dict[str, Reading]) -> None:
    server = Server(chosen, readings)
    serving = asyncio.create_task(_serving(server, chosen, readings))
    loop = asyncio.get_running_loop()
    came: list[signal.Signals] = []

    def end(by: signal.Signals) -> None:
        came.append(by)
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(one)  # who asks again will not wait
        serving.cancel()

    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, end, one)
    try:
        await serving
    except asyncio.CancelledError:
        if not came:
            raise
    finally:
        await server.stop()
    if signal.SIGINT in came:
        raise KeyboardInterrupt


async def _serving(server: Server, chosen: Settings, readings: dict[str, Reading]) -> None:
    await server.start()
    _announce(server, chosen, readings)
    await server.failed()


def _announce(server: Server, chosen: Settings, readings: dict[str, Reading]) -> None:
    for name, channel in server.channels.items():
        setting, posts = chosen.channels[name], len(readings[name].posts)
        progress = channel.progress(datetime.now(UTC))
        if progress is not None and channel.reel is not None:
            start, left = f"{channel.reel.start:%Y-%m-%d}", spoken_duration(progress.left)
            if progress.out == progress.posts and not setting.loop:
                click.echo(f"All {progress.posts} posts of {start} are out; the replay has ended:")
            else:
                what = f"Replaying {progress.posts} posts of {start} at {spoken_speed(setting.speed)}"
                so_far = f": {progress.out} are out, the rest within {left}" if progress.out > 1 else f" within {left}"
                click.echo(f"{what}{so_far}{', then again' if setting.loop else ''}")
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
    click.echo("Ctrl-C ends.")
