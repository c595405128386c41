"""``publisher replay``: a source as one channel, without any configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from publisher.commands.options import checked, reading_options
from publisher.commands.running import run_server
from publisher.config import arguments, web_root
from publisher.intake import channel_name, read_sources
from publisher.token import Token
from publisher.when import When, parse_duration, parse_speed, parse_start
from shared.command import common_options

if TYPE_CHECKING:
    from publisher.intake import Wanted

_OF_CHANNEL = (
    "speed", "start", "from", "until", "max_gap", "lead", "loop", "loop_pause", "loop_ids", "timestamps", "title",
)  # fmt: skip
"""Options that are the settings of the channel, by the same names."""


@click.command(short_help="Replay a source as one channel.")
@reading_options
@click.option(
    "--speed",
    default="60",
    show_default=True,
    metavar="N",
    callback=checked(parse_speed),
    help="Story seconds a second: 0.1 to 100000.",
)
@click.option(
    "--start",
    metavar="MOMENT",
    callback=checked(parse_start),
    help="Begin at this wall-clock moment, past or to come: 2027-01-31T19:42-05:00; now if not given.",
)
@click.option(
    "--from",
    metavar="WHEN",
    callback=checked(When.parse),
    help="Begin here; everything earlier is out at once.",
)
@click.option("--until", metavar="WHEN", callback=checked(When.parse), help="End here.")
@click.option(
    "--max-gap",
    metavar="DURATION",
    callback=checked(parse_duration),
    help="Shorten silences to this much story time, such as 30s or 5m.",
)
@click.option("--lead", type=click.IntRange(min=0), metavar="N", help="The first N posts are out at once.")
@click.option("--loop", is_flag=True, help="Begin again at the end.")
@click.option(
    "--loop-pause",
    metavar="DURATION",
    callback=checked(parse_duration),
    help="Wait between two rounds, 10s if not given.",
)
@click.option(
    "--loop-ids",
    type=click.Choice(["same", "anew"]),
    help="Ids of posts in later rounds: the same (the default), or anew, so that feed readers show them again.",
)
@click.option(
    "--timestamps",
    type=click.Choice(["shifted", "original"]),
    help="Date entries by their release (shifted, the default) or by the story.",
)
@click.option("--title", metavar="TITLE", help="Instead of the source's own.")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    metavar="N",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--public-url",
    metavar="URL",
    callback=checked(web_root),
    help="How readers reach this server, if not by host and port.",
)
@click.option("--log", default="memory:", show_default=True, metavar="LOG", help="Keep events here: a path, or memory:")
@click.option(
    "--allow-private-callbacks",
    is_flag=True,
    help="Let WebSub subscribers' callbacks lead to this machine or its network.",
)
@click.option(
    "--token-file",
    metavar="FILE",
    default="",
    help="Holds the token that controls ask for, if NEWSREEL_TOKEN does not; one is made if not given.",
)
@common_options
def replay(wanted: Wanted, **options: Any) -> None:
    """Replay SOURCE as one channel, without any configuration; several are saves of one page, oldest first.

    The posts are released on the timeline on which they first appeared, sped up. Feeds, stream and page show what is
    out so far and nothing from the future. With --log FILE a restart goes on where the clock stands by then.

    WHEN is 2023-02-01T05:00Z, 21:30 (its first time after the start), +10m (from the start) or 50%.

    \b
    newsreel-publisher replay examples/harbour-fire.txt --speed 60
    newsreel-publisher replay examples/harbour-fire.txt --from 22:30 --max-gap 5m
    """  # noqa: D301 \b is click's mark
    name = channel_name(wanted.sources[0])
    channel = {name: options[name] for name in _OF_CHANNEL if options[name] is not None}
    table = {
        "server": {
            "host": options["host"],
            "port": options["port"],
            "public_url": options["public_url"] or "",
            "token_file": options["token_file"],
        },
        "log": {"url": options["log"]},
        "websub": {"allow_private": options["allow_private_callbacks"]},
        "channels": {name: channel | {"source": wanted.sources}},
    }
    chosen = arguments(table, "replay")
    token = Token.configured(chosen.server.token_file)
    run_server(chosen, {name: read_sources(wanted)}, token or Token.made(), keep=token is None)
