"""The publisher's command line."""

from __future__ import annotations

import asyncio
import functools
import json
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from publisher.app import Server
from publisher.config import Settings, arguments, load, web_root
from publisher.export import export, write
from publisher.intake import Wanted, channel_name, read_sources
from publisher.sources.options import Options
from publisher.when import When, WhenError, parse_duration, parse_speed, spoken_duration, spoken_speed
from shared.command import common_options, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from publisher.sources.reading import Reading


F = TypeVar("F", bound="Callable[..., Any]")


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


def _reading_options(command: F) -> F:
    """Add the argument SOURCE and the reading options; the command gets them as ``wanted``: what to read, and how."""

    @functools.wraps(command)
    def told(source: tuple[str, ...], **given: Any) -> Any:
        saved = given.pop("saved_at")
        texts = {name: given.pop(name) or "" for name in ("tz", "date", "order")}
        options = Options.of(
            **texts, missing_times=given.pop("missing_times"), keep_summaries=given.pop("keep_summaries")
        )
        moments = tuple(m for text in saved if (m := Options.of(tz=texts["tz"], saved_at=text).saved_at))
        wanted = Wanted(source, given.pop("form"), options, moments, given.pop("allow_private"))
        return command(wanted=wanted, **given)

    for option in reversed(_READING):
        option(told)
    return cast("F", click.argument("source", nargs=-1, required=True)(told))


_READING = (
    click.option("--format", "form", help="The source's format; detected if not given."),
    click.option("--tz", metavar="ZONE", help="Zone of times that name none: Europe/London, ET, +01:00."),
    click.option("--date", metavar="DAY", help="The day on which the page began: 2023-02-01."),
    click.option(
        "--saved-at", multiple=True, metavar="MOMENT", help="When the page was saved; once for each SOURCE if several."
    ),
    click.option("--order", metavar="ORDER", help="Which post stands first: newest, oldest, as-is."),
    click.option(
        "--missing-times",
        default="error",
        show_default=True,
        metavar="HOW",
        help="Posts without a time: error, interpolate, every=2m.",
    ),
    click.option("--keep-summaries", is_flag=True, help="Read boxes of key points as posts."),
    click.option("--allow-private", is_flag=True, help="Let a web address lead to this machine or its network."),
)


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
@_reading_options
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
@common_options
def replay(wanted: Wanted, **options: Any) -> None:
    """Replay SOURCE as one channel, without any configuration; several are saves of one page, oldest first.

    The posts are released on the timeline on which they first appeared, sped up. Feeds, stream and page show what is
    out so far and nothing from the future. With --log FILE a restart goes on where the clock stands by then.

    \b
    WHEN is 2023-02-01T05:00Z, 21:30 (its first time after the start), +10m (from the start) or 50%.
    """  # noqa: D301
    name = channel_name(wanted.sources[0])
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
        "channels": {name: channel | {"source": wanted.sources}},
    }
    chosen = arguments(table, "replay")
    _serve(chosen, {name: read_sources(wanted)})


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
    _serve(chosen, {name: read_sources(c.intake) for name, c in chosen.channels.items()})


@publisher.command(short_help="Show what newsreel understands of a source.")
@_reading_options
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@common_options
def check(wanted: Wanted, *, as_json: bool) -> None:
    """Read SOURCE and show what newsreel understood, and what it was unsure of."""
    from publisher.render.report import report, table  # noqa: PLC0415 rich is slow to load

    reading = read_sources(wanted)
    if as_json:
        click.echo(json.dumps(report(reading), ensure_ascii=False, indent=2))
    else:
        from rich.console import Console  # noqa: PLC0415

        Console().print(table(reading))


@publisher.command(short_help="Write a source in a form that is mended by hand.")
@_reading_options
@click.option("--to", "form_", required=True, type=click.Choice(["jsonl", "markdown"]), help="The form to write.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write to, if not to the screen."
)
@common_options
def convert(wanted: Wanted, form_: str, output: Path | None) -> None:
    """Write SOURCE as JSON lines or Markdown; reading that gives the same posts, edits and deletions."""
    from publisher.render.writers import WRITERS  # noqa: PLC0415 its libraries are slow to load

    text = WRITERS[form_](read_sources(wanted))
    if output is None:
        click.echo(text, nl=False)
    else:
        write({output.name: text.encode()}, output.parent)


@publisher.command(name="export", short_help="Write a source as a static site.")
@_reading_options
@click.option("--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
@click.option("--base-url", required=True, metavar="URL", help="Where the folder will be found on the web.")
@click.option("--title", default="", metavar="TITLE", help="Instead of the source's own.")
@common_options
def export_(wanted: Wanted, output: Path, base_url: str, title: str) -> None:
    """Write SOURCE as a static site: page, Atom, RSS, JSON Feed, and a page for each post."""
    try:
        base_url = web_root(base_url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--base-url") from None
    reading = read_sources(wanted)
    files = asyncio.run(export(reading, base_url, channel_name(wanted.sources[0]), title=title))
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
