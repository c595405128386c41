"""The publisher's command line: one module a command in ``publisher.commands``."""

from __future__ import annotations

import click

from publisher.commands.check import check
from publisher.commands.clock import clock
from publisher.commands.convert import convert
from publisher.commands.export import export_
from publisher.commands.post import post, revise, withdraw
from publisher.commands.replay import replay
from publisher.commands.serve import serve
from shared.command import run


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


for command in (replay, clock, serve, post, revise, withdraw, check, convert, export_):
    publisher.add_command(command)


def main() -> int:
    """Run the publisher's command line and give its exit code."""
    return run(publisher, "newsreel-publisher")
