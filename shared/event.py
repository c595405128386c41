"""Events: the facts that the log holds, in the order in which they happened.

The log holds posts in story time; what a reader gets is made from these by one pure projection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from shared.errors import NewsreelError
from shared.post import Frozen, Moment, Post

if TYPE_CHECKING:
    from datetime import datetime

ResetReason = Literal["start", "expired", "epoch", "seek", "loop"]
ClockState = Literal["playing", "paused", "ended", "live"]


class PostEvent(Frozen):
    """A post appeared."""

    kind: Literal["post"] = "post"
    post: Post

    @property
    def story_time(self) -> datetime:
        """Tell when the post first appeared."""
        return self.post.story_time


class UpdateEvent(Frozen):
    """A post changed; ``post`` is the whole new version, ``post.date_modified`` the time of the change."""

    kind: Literal["update"] = "update"
    post: Post

    @property
    def story_time(self) -> datetime:
        """Tell when the change was made."""
        return self.post.date_modified or self.post.story_time


class DeleteEvent(Frozen):
    """A post was taken away. ``withdrawn``: by its publisher, for good, so that no rerun and no archive shows it."""

    kind: Literal["delete"] = "delete"
    id: str
    story_time: Moment
    withdrawn: bool = False


class ResetEvent(Frozen):
    """What was released counts no more; a new take begins. ``run`` counts loops only, ``take`` every reset."""

    kind: Literal["reset"] = "reset"
    reason: ResetReason
    take: int
    run: int
    story_time: AwareDatetime


class ClockEvent(Frozen):
    """The replay's clock was set: from wall-clock ``anchor`` on, ``elapsed`` seconds run on at ``speed``.

    Attributes:
        reel: digest of the reel whose axis ``elapsed`` is measured on.
        starts: of a paused clock, the moment at which it begins to run by itself; nothing is released before.
        upto: how many cues may be out, where a step stopped among several of one instant; None: all that are due.
        asked: the speed that the settings asked for, whatever a control has made of it since.
    """

    kind: Literal["clock"] = "clock"
    state: ClockState
    speed: float
    anchor: AwareDatetime
    elapsed: float
    story_time: AwareDatetime
    run: int
    reel: str
    starts: AwareDatetime | None = None
    upto: int | None = None
    asked: float | None = None


Event = PostEvent | UpdateEvent | DeleteEvent | ResetEvent | ClockEvent
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])

_POSITION = re.compile(r"([0-9a-z]{1,16})-(0|[1-9][0-9]{0,17})", re.ASCII)


class BadPositionError(NewsreelError):
    """The text is no position."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where an event stands in a log; prints as the stream's id (``k3f9-17``). Orders within one epoch only."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read a position back.

        Raises:
            BadPositionError: the text is none.
        """
        match = _POSITION.fullmatch(text)
        if match is None:
            raise BadPositionError(f"{text[:40]!r} is no position; one looks like k3f9-17")
        return cls(match[1], int(match[2]))


@dataclass(frozen=True, slots=True)
class Logged:
    """An event as the log holds it: its place, its key, and when this publisher let it out."""

    position: Position
    key: str
    released_at: datetime
    event: Event

    @property
    def seq(self) -> int:
        """Tell the sequence number within the epoch."""
        return self.position.seq


def encode_event(event: Event) -> bytes:
    """Encode for the log: one line of JSON."""
    return event.to_json()


def decode_event(data: bytes | str) -> Event:
    """Read what ``encode_event`` wrote. Raises pydantic's ValidationError on anything else."""
    return _EVENT.validate_json(data)
