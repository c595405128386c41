"""Settings: a TOML file, overridden by environment variables. ``config.example.toml`` shows every one of them."""

from __future__ import annotations

import difflib
import re
import tomllib
from datetime import timedelta
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
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from publisher.projection import Timestamps
from publisher.when import When, WhenError, parse_duration, parse_speed
from shared.errors import UsageError

RESERVED = frozenset({"healthz", "readyz", "metrics", "hub"})
_CHANNEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)


class ConfigError(UsageError):
    """The configuration cannot be used."""


def _duration(value: object) -> object:
    return _told(parse_duration, value) if isinstance(value, str) else value


def _speed(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:f}".rstrip("0").rstrip(".")
    return _told(parse_speed, value) if isinstance(value, str) else value


def _when(value: object) -> object:
    if value == "":
        return None
    return _told(When.parse, value) if isinstance(value, str) else value


def _told(parse: Any, text: str) -> object:
    try:
        return parse(text)
    except WhenError as error:
        raise ValueError(str(error)) from None


def _web_root(url: str) -> str:
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise ValueError(f"{url!r} is no web address; write https://example.org")
    return url.rstrip("/")


Duration = Annotated[timedelta, BeforeValidator(_duration)]
OptionalDuration = Annotated[timedelta | None, BeforeValidator(lambda v: None if v == "" else _duration(v))]
Speed = Annotated[float, BeforeValidator(_speed)]
OptionalWhen = Annotated[When | None, BeforeValidator(_when)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ServerSettings(_Table):
    """Where and how the server listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    public_url: Annotated[str, AfterValidator(_web_root)] = ""
    heartbeat: Duration = timedelta(seconds=15)


class LogSettings(_Table):
    """Where events are kept."""

    url: str = "sqlite:newsreel.db"
    keep: int = Field(default=0, ge=0)


class ChannelSettings(_Table):
    """One published story."""

    mode: Literal["replay", "archive"] = "replay"
    source: str
    format: str = ""
    title: str = ""
    language: str = ""
    window: int = Field(default=100, ge=1, le=10_000)
    timestamps: Timestamps | None = None
    speed: Speed = 60.0
    begin: OptionalWhen = Field(default=None, alias="from")
    until: OptionalWhen = None
    max_gap: OptionalDuration = None
    loop: bool = False
    loop_pause: Duration = timedelta(seconds=10)

    @property
    def dates(self) -> Timestamps:
        """Tell which dates entries carry: ``shifted`` on replays, ``original`` in archives, unless set."""
        return self.timestamps or ("shifted" if self.mode == "replay" else "original")


class Settings(BaseSettings):
    """All settings. Environment variables win over the file: ``NEWSREEL_SERVER__PORT=8001``."""

    model_config = SettingsConfigDict(
        env_prefix="NEWSREEL_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()
    channels: dict[str, ChannelSettings] = Field(default_factory=dict)

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


def load(path: Path) -> Settings:
    """Read a configuration file.

    Raises:
        ConfigError: it cannot be read, is no TOML, or says something that newsreel does not know.
    """
    try:
        text = path.read_text("utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; config.example.toml shows what to write") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from None
    return settings(table, str(path), text)


def settings(table: dict[str, Any], where: str, text: str = "") -> Settings:
    """Make settings of a table.

    Raises:
        ConfigError: names the key, its line in ``text``, and the nearest key that newsreel knows.
    """
    try:
        return Settings(**table)
    except ValidationError as error:
        first, *others = error.errors()
        keys = [str(part) for part in first["loc"] if part != "[key]"]
        line = _line_of(text, keys)
        place = f"{where}:{line}" if line else where
        what = _meant(keys) if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        more = f" (and {len(others)} more)" if others else ""
        raise ConfigError(f"{place}: {'.'.join(keys)}{': ' if keys else ''}{what}{more}") from None


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
