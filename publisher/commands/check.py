"""``publisher check``: what newsreel understands of a source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from publisher.commands.options import reading_options
from publisher.intake import read_sources
from shared.command import common_options

if TYPE_CHECKING:
    from publisher.intake import Wanted


@click.command(short_help="Show what newsreel understands of a source.")
@reading_options
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
