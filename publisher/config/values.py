"""Values as people write them in a configuration: durations, speeds, moments, addresses."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from publisher.when import When, parse_duration, parse_speed, parse_start
from shared.errors import UsageError
from shared.fetch import BadUrlError, check_url

_WEB_ROOT = re.compile(
    r"[^\s\x00-\x20\x7f<>\"\\^`{|}?#]+"
)  # what is no part of any URL (RFC 3986), or is more than a root


def _duration(value: object) -> object:
    # A bare number of seconds is the TOML way to write what people write as 30s.
    return value if isinstance(value, timedelta) else told(parse_duration, _written(value, "s"))


def _speed(value: object) -> object:
    return told(parse_speed, _written(value))


def _when(value: object) -> object:
    if isinstance(value, datetime | date | time):  # TOML has these too
        value = value.isoformat()
    return value if isinstance(value, When) else told(When.parse, _written(value))


def _start(value: object) -> object:
    if isinstance(value, datetime):  # TOML has these too
        value = value.isoformat()
    return told(parse_start, _written(value))


def _written(value: object, unit: str = "") -> str:
    """Write a number as people do."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:f}".rstrip("0").rstrip(".")[:40] + unit
    return value if isinstance(value, str) else str(value)


def told(parse: Any, text: str) -> object:
    """Parse, and refuse as pydantic does. Raises ValueError with the line for people."""
    try:
        return parse(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


def web_address(url: str) -> str:
    """Check an http(s) address and give it as it is. Raises ValueError."""
    try:
        check_url(url)
    except BadUrlError as error:
        raise ValueError(str(error)) from None
    return url


def web_root(url: str) -> str:
    """Check the address under which readers reach a site, and give it without a slash at its end.

    Raises:
        ValueError: it is no http(s) address, or has more than a host and a path.
    """
    parts = urlsplit(web_address(url))
    if parts.query or parts.fragment or parts.username is not None or not _WEB_ROOT.fullmatch(url):
        raise ValueError(f"{url!r} is no address of a site; write a host and a path, such as https://example.org/live")
    return url.rstrip("/")


def _optional(check: Any) -> Any:
    """Let the empty text stand for a setting that is not made."""
    return BeforeValidator(lambda value: None if value == "" else check(value))


def _unhurried(pause: timedelta) -> timedelta:
    if pause < timedelta(seconds=1):  # a server that never rests serves nobody
        raise ValueError("too short; write 1s or more")
    return pause


def _network(value: object) -> object:
    try:
        return ip_network(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"{value!r} is no address or network; write 127.0.0.1 or 10.0.0.0/8") from None


Pause = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_unhurried)]
OptionalDuration = Annotated[timedelta | None, _optional(_duration)]
Written = Annotated[str, BeforeValidator(lambda value: value.isoformat() if isinstance(value, date) else value)]
Sources = Annotated[
    tuple[str, ...], Field(min_length=1), BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]
Speed = Annotated[float, BeforeValidator(_speed)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
OptionalPath = Annotated[Path | None, _optional(lambda value: value)]
Start = Annotated[datetime | None, BeforeValidator(_start)]
OptionalWhen = Annotated[When | None, _optional(_when)]
