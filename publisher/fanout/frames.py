"""Frames: events as they go out, and what readers of a part of them get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from publisher.fanout.form import deflate

if TYPE_CHECKING:
    from publisher.log.contract import Kind


@dataclass(frozen=True, slots=True)
class Sieve:
    """What a reader asked to see (``?types=``, ``?tag=``); None lets everything pass."""

    types: frozenset[str] | None = None
    tag: str | None = None


@dataclass(slots=True)
class EncodedFrame:
    """One event as it goes out.

    Attributes:
        seq: its place in the log.
        body: the frame's bytes.
        tags: of the post, after the event; None where it holds no post.
        was: tags of the post before the event, None where it was not out, or where ``was_unknown``.
        removal: the ``delete`` frame for readers out of whose sieve an update moves the post.
        arrival: the ``post`` frame for readers into whose sieve an update moves the post.
        born: moment of the loop's clock at which it was broadcast; 0 where it never was.
    """

    seq: int
    kind: Kind
    body: bytes
    tags: frozenset[str] | None = None
    was: frozenset[str] | None = None
    removal: bytes = b""
    arrival: bytes = b""
    was_unknown: bool = False
    born: float = 0.0
    _deflated: bytes = field(default=b"", init=False, repr=False, compare=False)

    def blank(self) -> None:
        """Leave nothing of it but its place: the post was withdrawn, and nobody is given it any more."""
        self.body = self.removal = self.arrival = self._deflated = b""

    def through(self, sieve: Sieve | None) -> bytes:
        """Give the bytes for a reader with this sieve; empty if the event does not concern it."""
        if sieve is None or self.kind in {"reset", "clock"}:
            return self.body
        kind, body = self.kind, self.body
        if sieve.tag is not None:
            matched = self.was_unknown or (self.was is not None and sieve.tag in self.was)
            matches = self.tags is not None and sieve.tag in self.tags
            if kind == "delete":
                body = self.body if matched else b""
            elif matched and not matches:
                kind, body = "delete", self.removal
            elif not matches:
                body = b""
            elif kind == "update" and not matched:
                kind, body = "post", self.arrival or self.body
        return body if sieve.types is None or kind in sieve.types else b""

    def packed(self, sieve: Sieve | None, *, gzip: bool) -> bytes:
        """Give the same, compressed on demand; the body is compressed once, by the first who asks."""
        text = self.through(sieve)
        if not gzip or not text:
            return text
        if text is not self.body:
            return deflate(text)  # few updates move a post out of a tag
        if not self._deflated:
            self._deflated = deflate(text)
        return self._deflated
