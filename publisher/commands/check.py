"""``publisher check``: what newsreel understands of a source."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from publisher.commands.options import reading_options
from publisher.intake import read_sources
from shared.command import common_options

if TYPE_CHECKING:
    from publisher.intake import Wanted
    from publisher.sources.reading import Reading

_NO_SCREEN = 1000
"""Columns where there is no screen: each post is one line, for who searches the output."""


@click.command(short_help="Show what newsreel understands of a source.")
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@common_options
def check(wanted: Wanted, *, as_json: bool) -> None:
    """Read SOURCE and show what newsreel understood, and what it was unsure of.

    On a screen lines are broken to fit it; in a file or a pipe each post is one line, unless COLUMNS says otherwise.
    """
    reading = read_sources(wanted)
    if as_json:
        from publisher.render.report import report  # noqa: PLC0415 only one of the two is needed

        click.echo(json.dumps(report(reading), ensure_ascii=False, indent=2))
    else:
        click.echo(_printed(reading), nl=False)


def _printed(reading: Reading) -> str:
    from rich.console import Console  # noqa: PLC0415 slow to load

    from publisher.render.overview import overview  # noqa: PLC0415 likewise

    console = Console(soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _NO_SCREEN
    with console.capture() as printed:
        console.print(overview(reading, console.width), crop=False)
    return printed.get()
