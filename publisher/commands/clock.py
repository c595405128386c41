"""``publisher clock``: how a replay stands, and driving it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from publisher.commands.options import token_for, token_option
from publisher.when import WhenError, parse_speed, spoken, spoken_duration, spoken_speed
from shared.command import common_options
from shared.driving import clock_url, drive_clock, read_clock
from shared.fetch import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from shared.wire import Standing

_TAKES_VALUE = {"speed": "a speed, such as 60 or 0.5x", "seek": "a place, such as 21:30, +10m, 50% or a post's id"}


@click.command(short_help="Show or drive a replay's clock.")
@click.argument("url")
@click.argument("action", required=False, type=click.Choice(["play", "pause", "speed", "seek", "step"]))
@click.argument("value", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print how it stands as JSON.")
@token_option
@common_options
def clock(url: str, action: str | None, value: str | None, *, as_json: bool, token_file: Path | None) -> None:
    """Show how the replay at URL stands, or drive it.

    URL is the address of its page, of a feed or of its stream. A replay that you started on this machine is driven
    as it is; for others the server's token is asked for in NEWSREEL_TOKEN.

    \b
    newsreel-publisher clock http://127.0.0.1:8000/harbour-fire/
    newsreel-publisher clock http://127.0.0.1:8000/harbour-fire/ pause
    newsreel-publisher clock http://127.0.0.1:8000/harbour-fire/ step
    newsreel-publisher clock http://127.0.0.1:8000/harbour-fire/ play
    newsreel-publisher clock http://127.0.0.1:8000/harbour-fire/ speed 120
    newsreel-publisher clock http://127.0.0.1:8000/harbour-fire/ seek 21:30

    A place to seek to is 2023-02-01T05:00Z, 21:30 (its first time after the start), +10m (from the start), 50%,
    the id or address of a post, or a number of seconds on the replay's own clock. What lies before it comes out at
    once; a replay that is sent back plays again from there, and one that has ended plays again from its beginning.
    """  # noqa: D301 \b is click's mark
    control = _control(action, value)
    where = clock_url(url)
    token = token_for(where, token_file) if control else None
    standing = asyncio.run(_ask(where, token, control))
    click.echo(standing.to_json().decode() if as_json else _told(standing, datetime.now(UTC)))


def _control(action: str | None, value: str | None) -> dict[str, Any]:
    needed = _TAKES_VALUE.get(action or "")
    if needed is None and value is not None:
        raise click.UsageError(f"{action} takes no value")
    if needed is not None and value is None:
        raise click.UsageError(f"{action} takes {needed}")
    match action:
        case "play" | "pause":
            return {"state": {"play": "playing", "pause": "paused"}[action]}
        case "speed":
            try:
                return {"speed": parse_speed(value or "")}
            except WhenError as error:
                raise click.UsageError(str(error)) from None
        case "seek":
            return {"seek": _place(value or "")}
        case "step":
            return {"step": True}
    return {}


def _place(value: str) -> str | float:
    try:
        return float(value)  # seconds on the replay's own clock
    except ValueError:
        return value


async def _ask(url: str, token: str | None, control: dict[str, Any]) -> Standing:
    async with open_session() as session:
        return await (drive_clock(session, url, token, control) if control else read_clock(session, url))


def _told(standing: Standing, now: datetime) -> str:
    """Say in one line how a replay stands."""
    at = f"{spoken(standing.story_time)}, {spoken_duration(standing.elapsed)} from its beginning"
    if standing.starts is not None:
        starts = standing.starts.astimezone()
        return f"waiting: begins {spoken(starts)}, in {spoken_duration((starts - now).total_seconds())}"
    if standing.state == "ended":
        return f"ended: {at}; play begins it again"
    ahead = ""
    if standing.next_release is not None:
        ahead = f"; next in {spoken_duration(max((standing.next_release - now).total_seconds(), 0))}"
    elif standing.duration is not None:
        ahead = "; everything is out"
    round_ = f", round {standing.run}" if standing.run > 1 else ""
    return f"{standing.state} at {spoken_speed(standing.speed)}{round_}: {at}{ahead}"
