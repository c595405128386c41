"""A reader: where its bytes go, how far it has come, and what it is still to be given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from publisher.fanout.form import Form
    from publisher.fanout.frames import Sieve
    from shared.event import ResetReason

Why = Literal["left", "stalled", "lagging", "life", "drain", "end", "failed"]
"""Why a reader is gone: it left by itself, or was closed."""


class Outlet(Protocol):
    """Where a reader's bytes go: a connection, seen by the fan-out.

    Attributes:
        form: in which it takes bytes.
        refused_since: moment of the loop's clock at which it last took something, while it takes no more.
    """

    form: Form
    refused_since: float

    def ready(self) -> bool:
        """Tell whether the connection takes more without pushing back."""
        ...

    def send(self, framed: bytes) -> bool:
        """Hand over bytes in the connection's form, if it is ready; tell whether it takes more."""
        ...

    def end(self, last: bytes = b"") -> None:
        """End the answer after the text ``last``; one that is not ready is cut off."""
        ...

    def abort(self) -> None:
        """Close the connection at once, without sending what waits."""
        ...


class Home(Protocol):
    """What a reader belongs to: the fan-out, seen from here."""

    def place(self, reader: Reader) -> None:
        """Give a reader who is ready its place."""
        ...

    def leave(self, reader: Reader) -> None:
        """Forget a reader."""
        ...


class Rounds(Protocol):
    """In which a reader takes part: a group, seen from here."""

    form: Form
    sieve: Sieve | None
    size: int

    def remove(self, reader: Reader) -> None:
        """Let a reader take part no longer."""
        ...


class Reader:
    """A connected reader.

    Attributes:
        cursor: sequence number up to which it was given everything.
        lacks: why it must be given a reset before anything else.
        untold: it is still to be told the clock: ``now``, or ``playing``, once it is at the head, if it plays.
        expires: moment of the loop's clock at which its connection has lived long enough.
        fanout: that it belongs to, until it is gone.
        group: in whose rounds it takes part; None while it is behind, or takes nothing.
        released: called once when it is gone.
    """

    __slots__ = ("cursor", "expires", "fanout", "group", "lacks", "outlet", "released", "sieve", "untold")

    def __init__(
        self, outlet: Outlet, cursor: int, sieve: Sieve | None = None, released: Callable[[], None] | None = None
    ) -> None:
        self.outlet = outlet
        self.cursor = cursor
        self.sieve = sieve
        self.released = released
        self.lacks: ResetReason | None = None
        self.untold: Literal["now", "playing"] | None = None
        self.expires = 0.0
        self.fanout: Home | None = None
        self.group: Rounds | None = None

    def room(self) -> None:
        """Take part again: the connection takes more."""
        if self.fanout is not None:
            self.fanout.place(self)

    def gone(self) -> None:
        """Be forgotten: the connection is closed."""
        if self.fanout is not None:
            self.fanout.leave(self)
