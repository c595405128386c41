"""``publisher serve``: every channel of a configuration file."""

from __future__ import annotations

from pathlib import Path

import click

from publisher.commands.running import run_server
from publisher.config import load
from publisher.intake import read_sources
from publisher.token import Token
from shared.command import common_options


@click.command(short_help="Serve every channel of a configuration file.")
@click.option(
    "--config", default="config.toml", show_default=True, type=click.Path(path_type=Path), help="Configuration file."
)
@common_options
def serve(config: Path) -> None:
    """Serve every channel of a configuration file; config.example.toml shows all settings.

    Environment variables win over the file: NEWSREEL_SERVER__PORT=8001. Who has the token, from NEWSREEL_TOKEN or the
    file that server.token_file names, may control the channels; without one nobody may.
    """
    chosen = load(config)
    token = Token.configured(chosen.server.token_file)
    run_server(
        chosen,
        {name: read_sources(c.intake) for name, c in chosen.channels.items() if not c.watched and c.source},
        token,
    )
