"""The settings: every table and its keys. ``config.example.toml`` shows each one of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from publisher.config.values import (
    Network,
    OptionalDuration,
    OptionalPath,
    OptionalWhen,
    Pause,
    Sources,
    Speed,
    Start,
    Written,
    told,
    web_address,
    web_root,
)
from publisher.intake import ON_THE_WEB, Wanted
from publisher.log.opening import log_path
from publisher.projection import Ids, Timestamps
from publisher.sources.options import Options
from shared.fetch import check_url
from shared.text import clean_line

RESERVED = frozenset({"healthz", "readyz", "metrics", "hub"})
_CHANNEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)


_LANGUAGE = re.compile(r"([A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*)?", re.ASCII)


def _language(tag: str) -> str:
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError(f"{tag!r} is no language tag (BCP 47); write one such as en or pt-BR")
    return tag


def _log(url: str) -> str:
    told(log_path, url)
    return url


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Table):
    """Where and how the server listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    public_url: Annotated[str, AfterValidator(lambda url: web_root(url) if url else "")] = ""
    heartbeat: Pause = timedelta(seconds=15)
    most_connections: int = Field(default=0, ge=0)
    most_connections_per_address: int = Field(default=0, ge=0)
    metrics: bool = True
    token_file: OptionalPath = None
    publisher: Annotated[str, AfterValidator(clean_line)] = ""
    logo: Annotated[str, AfterValidator(lambda url: web_address(url) if url else "")] = ""


class WebSubSettings(_Table):
    """Pushing (WebSub): our own hub, and other people's."""

    hub: bool = True
    hubs: tuple[Annotated[str, AfterValidator(web_address)], ...] = ()
    allow_private: bool = False
    max_subscriptions: int = Field(default=10_000, ge=0)
    max_per_host: int = Field(default=100, ge=1)


class StreamSettings(_Table):
    """How streams are served, how many, and how they end."""

    most: int = Field(default=0, ge=0)
    most_per_address: int = Field(default=0, ge=0)
    new_per_second: int = Field(default=0, ge=0)
    trusted_proxies: tuple[Network, ...] = ()
    life: OptionalDuration = timedelta(minutes=60)
    drain_seconds: float = Field(default=5, ge=0, le=3_600)
    compress: bool = True
    join: bool = True


class LogSettings(_Table):
    """Where events are kept."""

    url: Annotated[str, AfterValidator(_log)] = "sqlite:newsreel.db"
    keep: int = Field(default=0, ge=0)


class ChannelSettings(_Table):
    """One published story."""

    mode: Literal["live", "replay", "archive"] = "replay"
    source: Sources = ()
    poll: Pause = timedelta(seconds=30)
    format: str = ""
    tz: str = ""
    date: Written = ""
    saved_at: Written = ""
    order: str = ""
    missing_times: str = "error"
    keep_summaries: bool = False
    allow_private: bool = False
    title: str = ""
    language: Annotated[str, AfterValidator(_language)] = ""
    window: int = Field(default=100, ge=1, le=10_000)
    timestamps: Timestamps | None = None
    speed: Speed = 60.0
    start: Start = None
    begin: OptionalWhen = Field(default=None, alias="from")
    until: OptionalWhen = None
    max_gap: OptionalDuration = None
    lead: int = Field(default=0, ge=0)
    loop: bool = False
    loop_pause: Pause = timedelta(seconds=10)
    loop_ids: Ids = "same"

    @model_validator(mode="after")
    def _readable(self) -> Self:
        told(lambda _: self.intake, "")
        if self.mode == "live" and self.source:
            if len(self.source) > 1 or self.source[0] == "-":
                raise ValueError("a live channel watches one source, a file or a web address; name one")
            if self.saved_at:
                raise ValueError("a live channel reads its source as it is now; leave out saved_at")
            if ON_THE_WEB.match(self.source[0]):
                told(check_url, self.source[0])
        if self.mode != "live" and not self.source:
            raise ValueError(f'mode is {self.mode}, so name a source; a channel without one has mode = "live"')
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
    def watched(self) -> bool:
        """Tell whether the source is looked at again and again, and not read once."""
        return self.mode == "live" and bool(self.source)

    @property
    def dates(self) -> Timestamps:
        """Tell which dates entries carry: ``shifted`` on replays, ``original`` elsewhere, unless set."""
        return self.timestamps or ("shifted" if self.mode == "replay" else "original")


class Settings(_Table):
    """All settings."""

    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()
    streams: StreamSettings = StreamSettings()
    websub: WebSubSettings = WebSubSettings()
    channels: dict[str, ChannelSettings] = Field(default_factory=dict)

    @field_validator("channels")
    @classmethod
    def _paths(cls, channels: dict[str, ChannelSettings]) -> dict[str, ChannelSettings]:
        for name in channels:
            if name in RESERVED:
                raise ValueError(
                    f"{name!r} cannot be a channel's path: the server has its own there; take another name"
                )
            if not _CHANNEL.fullmatch(name):
                raise ValueError(f"{name!r} cannot be a channel's path; use lower-case letters, digits and hyphens")
        return channels

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.channels:
            raise ValueError('there is no channel; add a table [channels.NAME] with a source, or with mode = "live"')
        return self
