"""Settings: a TOML file, overridden by environment variables. ``config.example.toml`` shows every one of them."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from datetime import date, datetime, time, timedelta
from pathlib import Path  # noqa: TC003 pydantic reads the annotation
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from publisher.intake import Wanted
from publisher.projection import Timestamps
from publisher.sources.options import Options
from publisher.when import When, parse_duration, parse_speed
from shared.errors import UsageError
from shared.fetch import BadUrlError, check_url
from shared.text import clean_line

RESERVED = frozenset({"healthz", "readyz", "metrics", "hub"})
_WEB_ROOT = re.compile(
    r"[^\s\x00-\x20\x7f<>\"\\^`{|}?#]+"
)  # what is no part of any URL (RFC 3986), or is more than a root
_CHANNEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)


class ConfigError(UsageError):
    """The configuration cannot be used."""


def _duration(value: object) -> object:
    # A bare number of seconds is the TOML way to write what people write as 30s.
    return value if isinstance(value, timedelta) else _told(parse_duration, _written(value, "s"))


def _speed(value: object) -> object:
    return _told(parse_speed, _written(value))


def _when(value: object) -> object:
    if isinstance(value, datetime | date | time):  # TOML has these too
        value = value.isoformat()
    return value if isinstance(value, When) else _told(When.parse, _written(value))


def _written(value: object, unit: str = "") -> str:
    """Write a number as people do."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:f}".rstrip("0").rstrip(".")[:40] + unit
    return value if isinstance(value, str) else str(value)


def _told(parse: Any, text: str) -> object:
    try:
        return parse(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


def web_root(url: str) -> str:
    """Check the address under which readers reach a site, and give it without a slash at its end.

    Raises:
        ValueError: it is no http(s) address, or has more than a host and a path.
    """
    try:
        check_url(url)
    except BadUrlError as error:
        raise ValueError(str(error)) from None
    parts = urlsplit(url)
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


Pause = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_unhurried)]
OptionalDuration = Annotated[timedelta | None, _optional(_duration)]
Written = Annotated[str, BeforeValidator(lambda value: value.isoformat() if isinstance(value, date) else value)]
Sources = Annotated[
    tuple[str, ...], Field(min_length=1), BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]
Speed = Annotated[float, BeforeValidator(_speed)]
OptionalWhen = Annotated[When | None, _optional(_when)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Table):
    """Where and how the server listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    public_url: Annotated[str, AfterValidator(lambda url: web_root(url) if url else "")] = ""
    heartbeat: Pause = timedelta(seconds=15)


class LogSettings(_Table):
    """Where events are kept."""

    url: str = "sqlite:newsreel.db"
    keep: int = Field(default=0, ge=0)


class ChannelSettings(_Table):
    """One published story."""

    mode: Literal["replay", "archive"] = "replay"
    source: Sources
    format: str = ""
    tz: str = ""
    date: Written = ""
    saved_at: Written = ""
    order: str = ""
    missing_times: str = "error"
    keep_summaries: bool = False
    allow_private: bool = False
    title: str = ""
    language: str = ""
    window: int = Field(default=100, ge=1, le=10_000)
    timestamps: Timestamps | None = None
    speed: Speed = 60.0
    begin: OptionalWhen = Field(default=None, alias="from")
    until: OptionalWhen = None
    max_gap: OptionalDuration = None
    loop: bool = False
    loop_pause: Pause = timedelta(seconds=10)

    @model_validator(mode="after")
    def _readable(self) -> Self:
        _told(lambda _: self.intake, "")
        return self

    @property
    def intake(self) -> Wanted:
        """Tell what to read, and how. Raises OptionError."""
        options = Options.of(
            tz=self.tz,
            date=self.date,
            saved_at=self.saved_at,
            order=self.order,
            missing_times=self.missing_times,
            keep_summaries=self.keep_summaries,
        )
        saved = (options.saved_at,) if options.saved_at else ()
        return Wanted(self.source, self.format or None, options, saved, self.allow_private)

    @property
    def dates(self) -> Timestamps:
        """Tell which dates entries carry: ``shifted`` on replays, ``original`` in archives, unless set."""
        return self.timestamps or ("shifted" if self.mode == "replay" else "original")


class Settings(_Table):
    """All settings."""

    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()
    channels: dict[str, ChannelSettings] = Field(default_factory=dict)

    @field_validator("channels")
    @classmethod
    def _paths(cls, channels: dict[str, ChannelSettings]) -> dict[str, ChannelSettings]:
        for name in channels:
            if not _CHANNEL.fullmatch(name) or name in RESERVED:
                raise ValueError(f"{name!r} cannot be a channel's path; use lower-case letters, digits and hyphens")
        return channels

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.channels:
            raise ValueError("there is no channel; add a table [channels.NAME] with a source")
        return self


class _Overridable(Settings, BaseSettings):
    """Settings of a file, over which environment variables win: ``NEWSREEL_SERVER__PORT=8001``."""

    model_config = SettingsConfigDict(
        env_prefix="NEWSREEL_", env_nested_delimiter="__", nested_model_default_partial_update=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over what the file says, which comes in as arguments."""
        return env_settings, init_settings


def load(path: Path) -> Settings:
    """Read a configuration file.

    Raises:
        ConfigError: it cannot be read, is no TOML, or says something that newsreel does not know.
    """
    try:
        text = path.read_text("utf-8-sig")
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; config.example.toml shows what to write") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or a number of thousands of digits
        raise ConfigError(f"{path}: no valid TOML: {error}") from None
    try:
        return _Overridable(**table)
    except SettingsError as error:
        raise ConfigError(f"environment: {error}; write one variable a setting: NEWSREEL_SERVER__PORT=8001") from None
    except ValidationError as error:
        raise _refused(error, str(path), text) from None


def arguments(table: dict[str, Any], command: str) -> Settings:
    """Make settings of what was typed; over that no environment variable wins.

    Raises:
        ConfigError: names the key.
    """
    try:
        return Settings(**table)
    except ValidationError as error:
        raise _refused(error, command, "") from None


def _refused(error: ValidationError, where: str, text: str) -> ConfigError:
    """Name the key, the place where it stands, and the nearest key that newsreel knows."""
    first, *others = error.errors()
    keys = [clean_line(str(part)) for part in first["loc"] if part != "[key]"]
    variable = f"NEWSREEL_{'__'.join(keys)}".upper()
    line = _line_of(text, keys)
    place = f"{where}:{line}" if line else where
    if any(name.upper() == variable for name in os.environ):
        place = f"environment variable {variable}"
    what = _meant(keys) if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    more = f" (and {len(others)} more)" if others else ""
    return ConfigError(f"{place}: {'.'.join(keys)}{': ' if keys else ''}{what}{more}")


def _meant(keys: list[str]) -> str:
    table: type[BaseModel] = Settings
    match keys:
        case ["server", _]:
            table = ServerSettings
        case ["log", _]:
            table = LogSettings
        case ["channels", _, _]:
            table = ChannelSettings
    known = [field.alias or name for name, field in table.model_fields.items()]
    near = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0)
    return f"unknown key; did you mean {near[0]!r}?"


def _line_of(text: str, keys: list[str]) -> int | None:
    """Find the line on which a key stands; TOML's reader keeps no places."""
    *tables, last = keys or [""]
    header = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            header = stripped.strip("[] ")
            if header == ".".join(keys):
                return number
        elif header == ".".join(tables) and re.match(rf"\"?{re.escape(last)}\"?\s*=", stripped):
            return number
    return None
