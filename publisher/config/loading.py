"""Getting the settings: a TOML file, overridden by environment variables; or what was typed."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from publisher.config.settings import ChannelSettings, Settings
from publisher.intake import ON_THE_WEB
from publisher.log.opening import log_path
from publisher.wording import worded
from shared.errors import UsageError
from shared.text import clean_line

if TYPE_CHECKING:
    from pathlib import Path


class ConfigError(UsageError):
    """The configuration cannot be used."""


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
    """Read a configuration file. Paths in it that are not absolute lead from its folder.

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
    _known_tables()
    try:
        return _found_from(path.parent, _Overridable(**table))
    except SettingsError as error:
        where = re.search('field "(.+?)"', str(error))
        place = f"environment, table {where[1]}" if where else "environment"
        raise ConfigError(
            f"{place}: a value cannot be read; write one variable a setting (NEWSREEL_SERVER__PORT=8001), and "
            """lists with brackets (NEWSREEL_STREAMS__TRUSTED_PROXIES='["127.0.0.1"]')"""
        ) from None
    except ValidationError as error:
        raise _refused(error, str(path), text) from None


def _known_tables() -> None:
    """Refuse an environment variable of a table that there is not; those of the tables are looked at with the rest."""
    for variable in os.environ:
        name, deep, _ = variable.upper().removeprefix("NEWSREEL_").partition("__")
        if variable.upper().startswith("NEWSREEL_") and deep and name.lower() not in Settings.model_fields:
            near = difflib.get_close_matches(name.lower(), Settings.model_fields, n=1, cutoff=0)
            raise ConfigError(f"environment variable {variable}: unknown table; did you mean {near[0].upper()}?")


def _found_from(folder: Path, chosen: Settings) -> Settings:
    """Let what a configuration names by a path be found wherever the server is started in."""

    def found(source: str) -> str:
        return source if source == "-" or ON_THE_WEB.match(source) else str(folder / source)

    log, file = log_path(chosen.log.url), chosen.server.token_file
    channels = {
        name: channel.model_copy(update={"source": tuple(map(found, channel.source))})
        for name, channel in chosen.channels.items()
    }
    server = chosen.server.model_copy(update={"token_file": folder / file if file is not None else None})
    kept = chosen.log.model_copy(update={"url": f"sqlite:{folder / log}"}) if log is not None else chosen.log
    return chosen.model_copy(update={"server": server, "log": kept, "channels": channels})


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
    line = _line_of(text, keys)
    place = f"{where}:{line}" if line else where
    variables = {name.upper() for name in os.environ}
    for depth in range(2, len(keys) + 1):  # of a list, the error names a place within the variable
        if (variable := f"NEWSREEL_{'__'.join(keys[:depth])}".upper()) in variables:
            place = f"environment variable {variable}"
    what = _meant(keys) if first["type"] == "extra_forbidden" else worded(first, "TOML")
    more = f" (and {len(others)} more)" if others else ""
    return ConfigError(f"{place}: {'.'.join(keys)}{': ' if keys else ''}{what}{more}")


def _meant(keys: list[str]) -> str:
    table: Any = Settings
    if keys[0] == "channels":
        table = ChannelSettings  # [channels.NAME]
    elif len(keys) > 1:
        table = Settings.model_fields[keys[0]].annotation
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
