"""What reruns of a channel play: what it has filed, looked up once for all of them until it files more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from publisher.library import Past

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from publisher.channel import Channel
    from publisher.library import Filed, History
    from publisher.library.timeline import Timeline
    from publisher.scene import Billing
    from shared.post import Author

T = TypeVar("T")

STOOD = 16
"""Places of the story, of each channel, of which it is remembered how it stood there: many begin and end one."""


class Stood(Past):
    """How a channel stood after an event. What every document asks is looked up once."""

    @cached_property
    def _known(self) -> dict[object, Any]:
        return {}

    def _once(self, question: object, ask: Callable[[], T]) -> T:
        if question not in self._known:
            self._known[question] = ask()
        answer: T = self._known[question]
        return answer

    def window(self, size: int) -> list[Filed]:
        """List the ``size`` posts that were first released last, newest first."""
        return self._once(("window", size), lambda: super(Stood, self).window(size))

    def tombstones(self, size: int) -> list[Filed]:
        """List the tombstones, newest first; each stands until ``size`` further posts have been released."""
        return self._once(("tombstones", size), lambda: super(Stood, self).tombstones(size))

    def authors(self) -> tuple[Author, ...]:
        """List the authors of the posts that were out, each once, in order of first appearance."""
        return self._once("authors", super().authors)


@dataclass(frozen=True, slots=True)
class Ground:
    """What reruns of a channel play.

    Attributes:
        filed: up to which event the channel was filed.
        announced: how the channel is.
        billing: how reruns are: as replays.
        line: what is out, in order; it grows.
        first: story time of the first event; None before any.
        withdrawn: when a post was last withdrawn; None if none was.
        finished: nothing will ever follow.
        facts: other facts, another history: what was shown counts no more, and nothing of it is anybody else's.
    """

    channel: Channel
    filed: int
    announced: Billing
    billing: Billing
    history: History
    line: Timeline
    first: datetime | None
    withdrawn: datetime | None
    finished: bool
    facts: tuple[object, ...]
    _stood: dict[int, Stood] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, channel: Channel) -> Ground:
        """Look it up."""
        shelf = channel.press.shelf
        history = shelf.history
        line, withdrawal, reset = history.timeline(), history.withdrawal(), shelf.last_reset
        return cls(
            channel,
            shelf.head,
            channel.press.billing,
            replace(channel.press.billing, mode="replay"),
            history,
            line,
            history.event(line.seqs[0]).story_time if line.seqs else None,
            withdrawal[1] if withdrawal else None,
            channel.finished,
            (channel.name, channel.log.epoch, *(mark[0] if mark else 0 for mark in (reset, withdrawal)), shelf.lost),
        )

    @property
    def firm(self) -> bool:
        """Tell whether it still is as it was looked up."""
        press = self.channel.press
        return self.filed == press.shelf.head and self.announced is press.billing

    def stood(self, seq: int) -> Stood:
        """Tell how the channel stood after an event."""
        known = self._stood.get(seq)
        if known is None:
            if len(self._stood) == STOOD:
                del self._stood[next(iter(self._stood))]
            known = self._stood[seq] = Stood(self.history, seq)
        return known
