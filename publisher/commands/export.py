"""``publisher export``: a source as a static site."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from publisher.commands.options import checked, reading_options
from publisher.commands.progress import progress
from publisher.config import web_root
from publisher.export import exporting, make_folder, write
from publisher.intake import channel_name, read_sources
from shared.command import common_options

if TYPE_CHECKING:
    from publisher.intake import Wanted
    from publisher.sources.reading import Reading


@click.command(name="export", short_help="Write a source as a static site.")
@reading_options
@click.option("--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
@click.option(
    "--base-url",
    required=True,
    metavar="URL",
    callback=checked(web_root),
    help="Where the folder will be found on the web.",
)
@click.option("--title", default="", metavar="TITLE", help="Instead of the source's own.")
@click.option(
    "--window",
    default=100,
    show_default=True,
    metavar="N",
    type=click.IntRange(1, 10_000),
    help="Most posts in feeds, page and archive documents.",
)
@common_options
def export_(wanted: Wanted, output: Path, base_url: str, **options: Any) -> None:
    """Write SOURCE as a static site, for any host that serves a folder.

    Page, Atom, RSS and JSON Feed with their archives, a page for each post, OPML and sitemap: the documents of an
    archive channel, without stream and hub. The same source always gives the same bytes. Other files in the folder
    stay as they are.
    """
    reading = read_sources(wanted)
    count = asyncio.run(_export(reading, output, web_root(base_url), channel_name(wanted.sources[0]), **options))
    click.echo(f"{len(reading.posts)} posts, {count} files in {output}; its page is index.html")


async def _export(reading: Reading, output: Path, base_url: str, name: str, *, title: str, window: int) -> int:
    count = 0
    make_folder(output)
    with progress("exporting", len(reading.posts)) as step:
        async with exporting(reading, base_url, name, title=title, window=window) as files:
            for path, body in files:
                write(output, path, body)
                count += 1
                if path.startswith("posts/"):
                    step()
    return count
