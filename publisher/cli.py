"""The publisher's command line."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from publisher.app import Server
from publisher.config import Settings, arguments, load, web_root
from publisher.export import export, write
from publisher.intake import channel_name, read_source
from publisher.when import When, WhenError, parse_duration, parse_speed, spoken_duration, spoken_speed
from shared.command import common_options, run
from shared.event import PostEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from publisher.sources.reading import Reading


def _checked(parse: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Refuse a value that ``parse`` refuses, under the option's name; the value stays text, as settings take it."""

    def callback(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
        if value is not None:
            try:
                parse(value)
            except WhenError as error:
                raise click.BadParameter(str(error)) from None
        return value

    return callback


_FORMAT = click.option("--format", "form", help="The source's format; detected if not given.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="newsreel", prog_name="newsreel-publisher")
def publisher() -> None:
    """Publish live coverage: posts in; Atom, RSS, JSON Feed, an event stream and a live page out.

    \b
    Watch a saved live blog unfold again, a minute a second:
        newsreel-publisher replay saved-page.txt --speed 60
    See what newsreel makes of a page before publishing it:
        newsreel-publisher check saved-page.txt

    SOURCE is a path, - for standard input, or an http(s) address.
    """  # noqa: D301 \b is click's mark for a paragraph to be left as it is


@publisher.command(short_help="Replay a source as one channel.")
@click.argument("source")
@click.option(
    "--speed",
    default="60",
    show_default=True,
    metavar="N",
    callback=_checked(parse_speed),
    help="Story seconds a second: 0.1 to 100000.",
)
@click.option(
    "--from",
    "begin",
    metavar="WHEN",
    callback=_checked(When.parse),
    help="Begin here; everything earlier is out at once.",
)
@click.option("--until", metavar="WHEN", callback=_checked(When.parse), help="End here.")
@click.option(
    "--max-gap",
    metavar="DURATION",
    callback=_checked(parse_duration),
    help="Shorten silences to this much story time, such as 30s or 5m.",
)
@click.option("--loop", is_flag=True, help="Begin again at the end.")
@click.option(
    "--timestamps",
    type=click.Choice(["shifted", "original"]),
    help="Date entries by their release (shifted, the default) or by the story.",
)
@click.option("--title", metavar="TITLE", help="Instead of the source's own.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one.")
@click.option("--public-url", metavar="URL", help="How readers reach this server, if not by host and port.")
@click.option("--log", default="memory:", show_default=True, metavar="LOG", help="Keep events here: a path, or memory:")
@_FORMAT
@common_options
def replay(source: str, form: str | None, **options: Any) -> None:
    """Replay SOURCE as one channel, without any configuration.

    The posts are released on the timeline on which they first appeared, sped up. Feeds, stream and page show what is
    out so far and nothing from the future. With --log FILE a restart goes on where the clock stands by then.

    \b
    WHEN is 2023-02-01T05:00Z, 21:30 (its first time after the start), +10m (from the start) or 50%.
    """  # noqa: D301
    name = channel_name(source)
    channel = {
        key: options[option]
        for option, key in (
            ("speed", "speed"),
            ("begin", "from"),
            ("until", "until"),
            ("max_gap", "max_gap"),
            ("loop", "loop"),
            ("timestamps", "timestamps"),
            ("title", "title"),
        )
        if options[option] is not None
    }
    table = {
        "server": {"host": options["host"], "port": options["port"], "public_url": options["public_url"] or ""},
        "log": {"url": options["log"]},
        "channels": {name: channel | {"source": source}},
    }
    chosen = arguments(table, "replay")
    _serve(chosen, {name: read_source(source, form)})


@publisher.command(short_help="Serve every channel of a configuration file.")
@click.option(
    "--config", default="config.toml", show_default=True, type=click.Path(path_type=Path), help="Configuration file."
)
@common_options
def serve(config: Path) -> None:
    """Serve every channel of a configuration file; config.example.toml shows all settings.

    Environment variables win over the file: NEWSREEL_SERVER__PORT=8001.
    """
    chosen = load(config)
    _serve(chosen, {name: read_source(c.source, c.format or None) for name, c in chosen.channels.items()})


@publisher.command(short_help="Show what newsreel understands of a source.")
@click.argument("source")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_FORMAT
@common_options
def check(source: str, form: str | None, *, as_json: bool) -> None:
    """Read SOURCE and show what newsreel understood, and what it was unsure of."""
    from publisher.render.report import report, table  # noqa: PLC0415 rich is slow to load

    reading = read_source(source, form)
    if as_json:
        click.echo(json.dumps(report(reading), ensure_ascii=False, indent=2))
    else:
        from rich.console import Console  # noqa: PLC0415

        Console().print(table(reading))


@publisher.command(name="export", short_help="Write a source as a static site.")
@click.argument("source")
@click.option("--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
@click.option("--base-url", required=True, metavar="URL", help="Where the folder will be found on the web.")
@click.option("--title", default="", metavar="TITLE", help="Instead of the source's own.")
@_FORMAT
@common_options
def export_(source: str, output: Path, base_url: str, title: str, form: str | None) -> None:
    """Write SOURCE as a static site: page, Atom, RSS, JSON Feed, and a page for each post."""
    try:
        base_url = web_root(base_url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--base-url") from None
    reading = read_source(source, form)
    files = asyncio.run(export(reading, base_url, channel_name(source), title=title))
    write(files, output)
    click.echo(
        f"{len(reading.posts)} posts, {len(files)} files in {output}: {', '.join(f for f in files if '/' not in f)}"
    )


def main() -> int:
    """Run the publisher's command line and give its exit code."""
    return run(publisher, "newsreel-publisher")


def _serve(chosen: Settings, readings: dict[str, Reading]) -> None:
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
        if setting.mode == "replay" and channel.reel is not None:
            posts = sum(isinstance(cue.event, PostEvent) for cue in channel.reel.cues)  # --until cuts some off
            lasts = spoken_duration(channel.reel.duration / setting.speed)
            start = channel.reel.start
            click.echo(f"Replaying {posts} posts of {start:%Y-%m-%d} at {spoken_speed(setting.speed)}, {lasts} in all:")
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
