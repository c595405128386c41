"""``publisher export``: a source as a static site."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from publisher.commands.options import reading_options
from publisher.config import web_root
from publisher.export import export, write
from publisher.intake import channel_name, read_sources
from shared.command import common_options

if TYPE_CHECKING:
    from publisher.intake import Wanted


@click.command(name="export", short_help="Write a source as a static site.")
@reading_options
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
