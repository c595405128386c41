"""The reruns of all channels as documents and streams begin with them: what they share is looked up once and kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from publisher.axis import Axis
from publisher.cache import Cache
from publisher.rerun.ground import Ground
from publisher.rerun.mould import Moulds
from publisher.rerun.playback import Playback

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from publisher.channel import Channel
    from publisher.editions import Edition
    from publisher.rerun.rerun import Rerun

AXIS_BYTES = 16 * 1024 * 1024
"""Bytes of axes kept, 8 an event: readers choose ``max_gap``, so there is no end of them."""
EDITION_BYTES = 16 * 1024 * 1024
"""Bytes of rendered documents kept, of all reruns together."""


class Playbacks:
    """Makes playbacks; keeps the grounds, axes and moulds of which they are made, and the documents made of them."""

    def __init__(self) -> None:
        self._looking = asyncio.Lock()
        self._moulds = Moulds()
        self._grounds: dict[str, Ground] = {}
        self._axes: Cache[tuple[int, timedelta | None], Axis] = Cache(AXIS_BYTES)
        self._editions: Cache[tuple[object, ...], Edition] = Cache(EDITION_BYTES)

    async def ready(self, channel: Channel, rerun: Rerun) -> None:
        """Look up the story that a rerun plays, so that ``get`` need not hold the loop for it.

        Of a million events it takes 0.7 s, once, which is done a few milliseconds at a time.
        """
        async with self._looking:  # one after the other, or the pieces of all would come in the same turn
            await _in_turns(channel.press.shelf.history.grow)
            await _in_turns(self._axis(self._ground(channel), rerun.max_gap).grow)

    def get(self, channel: Channel, rerun: Rerun) -> Playback:
        """Give a rerun as its channel stands. Raises RerunError."""
        ground = self._ground(channel)
        return Playback(ground, rerun, self._axis(ground, rerun.max_gap).grown(), self._moulds)

    def renewed(self, before: Playback) -> Playback:
        """Give the same rerun as its channel stands now. Raises RerunError."""
        ground = self._ground(before.channel)
        return before.renewed(ground, self._axis(ground, before.rerun.max_gap).grown())

    def edition(self, key: tuple[object, ...], make: Callable[[], Edition]) -> Edition:
        """Give a document by a key that names all that it depends on; made on the first ask."""
        return self._editions.made(key, make, lambda edition: edition.kept_bytes)

    def _ground(self, channel: Channel) -> Ground:
        ground = self._grounds.get(channel.name)
        if ground is None or not ground.firm:
            ground = self._grounds[channel.name] = Ground.of(channel)
        return ground

    def _axis(self, ground: Ground, max_gap: timedelta | None) -> Axis:
        key = (ground.history.take, max_gap)
        axis, times = self._axes.get(key), ground.line.times
        if axis is None or axis.times is not times:  # a withdrawal makes a new timeline
            axis = Axis(times, max_gap)
        return self._axes.put(key, axis, 8 * len(times))


async def _in_turns(grow: Callable[[], bool]) -> None:
    """Go on as long as there is more, and let others have their turn in between."""
    while grow():  # noqa: ASYNC110 nothing is waited for
        await asyncio.sleep(0)
