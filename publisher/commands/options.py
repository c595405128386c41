"""Options that several commands share."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from publisher.intake import Wanted
from publisher.sources.options import Options
from publisher.when import WhenError
from shared.token import find_token, token_in

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def checked(parse: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Refuse a value that ``parse`` refuses, under the option's name; the value stays text, as settings take it."""

    def callback(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
        if value is not None:
            try:
                parse(value)
            except (WhenError, ValueError) as error:
                raise click.BadParameter(str(error)) from None
        return value

    return callback


def token_option(command: F) -> F:
    """Add ``--token-file``; the command gets what ``token_for`` takes."""
    option = click.option(
        "--token-file",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Holds the server's token, if it is neither in NEWSREEL_TOKEN nor made by a replay on this machine.",
    )
    return option(command)


def token_for(url: str, token_file: Path | None) -> str | None:
    """Find the token to send to ``url``; None if none is at hand: the server then says whether it wants one.

    Raises:
        TokenError: what was found is none.
    """
    return token_in(token_file) if token_file is not None else find_token(url)


def reading_options(command: F) -> F:
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
    click.option("--format", "form", metavar="FORMAT", help="The source's format; detected if not given."),
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
