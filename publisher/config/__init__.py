"""Settings: a TOML file, overridden by environment variables. ``config.example.toml`` shows every one of them."""

from publisher.config.loading import ConfigError, arguments, load
from publisher.config.settings import (
    RESERVED,
    ChannelSettings,
    LogSettings,
    ServerSettings,
    Settings,
    StreamSettings,
    WebSubSettings,
)
from publisher.config.values import web_root

__all__ = [
    "RESERVED",
    "ChannelSettings",
    "ConfigError",
    "LogSettings",
    "ServerSettings",
    "Settings",
    "StreamSettings",
    "WebSubSettings",
    "arguments",
    "load",
    "web_root",
]
