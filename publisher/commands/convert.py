"""``publisher convert``: a source in a form that is mended by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from publisher.commands.options import reading_options
from publisher.export import write
from publisher.intake import read_sources
from shared.command import common_options

if TYPE_CHECKING:
    from publisher.intake import Wanted


@click.command(short_help="Write a source in a form that is mended by hand.")
@reading_options
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
        write(output.parent, output.name, text.encode())
