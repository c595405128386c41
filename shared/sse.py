"""Server-sent events as bytes: a push parser and a writer (WHATWG HTML, section 9.2 "Server-sent events").

The parser owns no socket: bytes in, frames out, the same frames however the bytes are split.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.errors import NewsreelError

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""Most bytes that one event may hold; a snapshot of thousands of posts stays far below."""

HEARTBEAT = b":\n\n"
"""A comment: keeps proxies from closing a silent connection (section 9.2.7, authoring notes)."""

FRAME_END = b"\n\n"
"""Ends the data of an event, and the event."""

_LINE_COST = 64  # bytes that Python keeps for each line of data besides its text, so that short lines are bounded too
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DIGITS = re.compile(r"[0-9]+", re.ASCII)


class FrameTooLargeError(NewsreelError):
    """The server sent an event that is larger than this reader takes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One dispatched event: ``id`` is the last event id known at that moment, empty if the server sent none."""

    event: str
    data: str
    id: str


class StreamDecoder:
    """Parses ``text/event-stream`` (section 9.2.6, "Interpreting an event stream").

    One step is the browsers' and not the standard's: a new connection goes on from ``last_event_id``. To the letter,
    the first blank line after reconnecting would forget the position.

    Attributes:
        last_event_id: the id to resume with; only changes when a block ends, as the standard demands.
        retry: the reconnection time that the server asked for, in milliseconds, or None.
    """

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self._max_bytes = max_bytes
        self._partial = bytearray()  # of a line whose end has not come yet; a list of small chunks would cost 30 times
        self._held = 0  # bytes of the data of the open block
        self._after_cr = False
        self._first = True
        self._id = last_event_id
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes and give the events that they complete.

        Raises:
            FrameTooLargeError: a line, or the data of one event, is larger than the cap.
        """
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):  # the second half of a CRLF that was split between two chunks
                chunk = chunk[1:]
        frames: list[Frame] = []
        start = 0
        for end in _LINE_END.finditer(chunk):
            self._line(self._whole(chunk[start : end.start()]), frames)
            start = end.end()
        if chunk.endswith(b"\r"):
            self._after_cr = True
        if start < len(chunk):
            self._partial += memoryview(chunk)[start:]
            self._hold(len(self._partial))
        return frames

    def _whole(self, piece: bytes) -> bytes:
        if self._partial:
            piece = bytes(self._partial + piece)
            self._partial = bytearray()
        return piece

    def _hold(self, more: int) -> None:
        if self._held + more > self._max_bytes:
            raise FrameTooLargeError(
                f"the server sent an event of more than {self._max_bytes:,} bytes; this is no newsreel stream, or its "
                "window is too large"
            )

    def _line(self, raw: bytes, frames: list[Frame]) -> None:
        self._hold(len(raw))
        line = raw.decode("utf-8", "replace")
        if self._first:
            self._first = False
            line = line.removeprefix("\ufeff")
        if not line:
            self._dispatch(frames)
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._held += len(raw) + _LINE_COST
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id":
            if "\0" not in value:
                self._id = value
        elif name == "retry" and _DIGITS.fullmatch(value):
            # Thirteen digits are three centuries; int() refuses more than 4,300.
            self.retry = int(value.lstrip("0")[:13] or "0")

    def _dispatch(self, frames: list[Frame]) -> None:
        self.last_event_id = self._id
        data = "\n".join(self._data)
        # The standard drops a block whose data buffer is the empty string; one empty "data" line makes it "\n".
        if self._data:
            frames.append(Frame(self._event or "message", data, self._id))
        self._event = ""
        self._data.clear()
        self._held = 0


def encode_frame(event: str, data: bytes, position: str | None = None) -> bytes:
    """Write one event. ``data`` is one line of UTF-8 (JSON); a computed event has no ``position`` and no id line."""
    head = f"id: {position}\nevent: {event}\ndata: " if position else f"event: {event}\ndata: "
    return head.encode() + data + FRAME_END


def encode_retry(milliseconds: int) -> bytes:
    """Write the reconnection time."""
    return b"retry: %d\n\n" % milliseconds


def encode_comment(text: str) -> bytes:
    """Write a line that readers pass over; it stands before what follows, and ends nothing."""
    return f": {text}\n".encode()
