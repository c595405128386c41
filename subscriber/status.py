"""How the following goes, for who shows it to a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from shared.wire import Clock

State = Literal["looking", "streaming", "polling", "waiting", "over"]


@dataclass(slots=True)
class Status:
    """State, story and clock; they change while updates come.

    Attributes:
        clock: the replay's clock as it was last told, None where there is none.
        clock_seen: the loop's time, in seconds, at which it was told.
        waiting_until: the loop's time of the next try, while ``waiting``.
        stream: address of the stream, None where there is none, or before it is found.
        hint: what else the line at the bottom is to say.
    """

    state: State = "looking"
    title: str | None = None
    clock: Clock | None = None
    clock_seen: float = 0.0
    waiting_until: float = 0.0
    stream: str | None = None
    hint: str = ""

    @property
    def kind(self) -> str:
        """Name what the clock is of: a ``replay``, or a ``rerun``, which has a clock of its own."""
        return "rerun" if "rerun" in parse_qs(urlsplit(self.stream or "").query) else "replay"
