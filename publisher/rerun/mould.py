"""Moulds: an event as reruns send it, with blanks for what differs between them, so that a thousand cost little.

Everything but a rerun's position, dates, speed and addresses is the same in all reruns of an event. It is projected
and encoded once, with blanks in these places; what comes out is byte for byte what projecting and encoding it anew
would give.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from publisher.fanout import EncodedFrame
from publisher.projection import Projection
from shared.event import Position
from shared.post import ReplayFacts
from shared.sse import encode_frame

if TYPE_CHECKING:
    from publisher.library import Filed, History
    from publisher.render.snapshot import Address

MOULDS = 4_096
"""Moulds kept, of all channels together, about 3 KB each."""

# No text of a post holds these but on purpose, and then it garbles nothing but itself.
_QUERY, _PREFIX, _EPOCH = "?~blank-query~", "~blank-prefix~", "~blank-epoch~"
_FIRST, _RELEASED = datetime(2, 3, 4, 5, 6, 7, 123457, UTC), datetime(2, 3, 4, 5, 6, 7, 654321, UTC)
_SPEED = 0.987654321234
_BLANKS = [_QUERY, _PREFIX, _EPOCH, _FIRST.isoformat()[:-6] + "Z", _RELEASED.isoformat()[:-6] + "Z", str(_SPEED)]
_SPLIT = re.compile("(" + "|".join(map(re.escape, _BLANKS)) + ")")
_PLACE = {blank: place for place, blank in enumerate(_BLANKS)}


@dataclass(frozen=True, slots=True)
class Filling:
    """What a rerun puts into the blanks of all its events: the query of its URLs, ids' prefix, epoch and speed."""

    query: bytes
    prefix: bytes
    epoch: bytes
    speed: bytes

    @classmethod
    def of(cls, address: Address, epoch: str, speed: float) -> Filling:
        """Make it of a rerun's address, positions and speed."""
        return cls(address.query.encode(), address.tag_prefix.encode(), epoch.encode(), str(speed).encode())


class _Cast:
    """Bytes with blanks."""

    __slots__ = ("_blanks", "_pieces")

    def __init__(self, data: bytes) -> None:
        pieces = _SPLIT.split(data.decode())
        self._pieces = [piece.encode() for piece in pieces]
        self._blanks = [(at, _PLACE[pieces[at]]) for at in range(1, len(pieces), 2)]

    def filled(self, values: tuple[bytes, ...]) -> bytes:
        pieces = self._pieces.copy()
        for at, place in self._blanks:
            pieces[at] = values[place]
        return b"".join(pieces)


class Mould:
    """One event of a channel. ``item`` is the data of its frame.

    Attributes:
        filed: what the event brought, without the post.
    """

    __slots__ = ("_arrival", "_frame", "_item", "_kind", "_removal", "_tags", "_was", "filed")

    def __init__(self, filed: Filed, before: Filed | None, address: Address) -> None:
        """Make it.

        Args:
            filed: what the event brought.
            before: what had stood before it, None where nothing had.
            address: of the channel.
        """
        blank = Projection(replace(address, query=_QUERY, hubs=(), tag_prefix=_PREFIX), "shifted")
        position, facts = Position(_EPOCH, filed.seq), ReplayFacts(run=1, speed=_SPEED)
        self.filed = replace(filed, post=None)
        self._was = frozenset(before.post.tags) if before is not None and before.post is not None else None
        removal = blank.deletion(filed.slug, filed.story_time, position, _RELEASED, facts).to_json()
        self._removal = self._arrival = _Cast(b"")
        self._kind: Literal["post", "update", "delete"]
        if filed.post is None:
            self._kind, self._tags, self._item = "delete", None, _Cast(removal)
            self._frame = _Cast(encode_frame("delete", removal, str(position)))
            return
        post = blank.post(filed.post, position, first_released=_FIRST, released=_RELEASED, replay=facts)
        item = post.to_json()
        self._kind = "post" if filed.seq == filed.first_seq else "update"
        self._tags, self._item = frozenset(filed.post.tags), _Cast(item)
        self._frame = _Cast(encode_frame(self._kind, item, str(position)))
        if self._kind == "update" and self._was != self._tags:
            self._removal = _Cast(encode_frame("delete", removal, str(position)))
            self._arrival = _Cast(encode_frame("post", item, str(position)))

    def item(self, filling: Filling, moments: tuple[datetime, datetime]) -> bytes:
        """Give the item, as first released and released at ``moments``."""
        return self._item.filled(_values(filling, moments))

    def frame(self, filling: Filling, moments: tuple[datetime, datetime]) -> EncodedFrame:
        """Give the frame."""
        values = _values(filling, moments)
        return EncodedFrame(
            self.filed.seq,
            self._kind,
            self._frame.filled(values),
            self._tags,
            self._was,
            removal=self._removal.filled(values),
            arrival=self._arrival.filled(values),
        )


class Moulds:
    """The moulds made last."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[int, int], Mould] = OrderedDict()

    def get(self, history: History, seq: int, address: Address) -> Mould:
        """Give the mould of an event that is on the timeline."""
        key = (history.take, seq)
        mould = self._made.get(key)
        if mould is None:
            filed = history.event(seq)
            before = history.find(filed.slug, seq - 1) if filed.seq != filed.first_seq else None
            mould = self._made[key] = Mould(filed, before, address)
            if len(self._made) > MOULDS:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(key)
        return mould


def _values(filling: Filling, moments: tuple[datetime, datetime]) -> tuple[bytes, ...]:
    first, released = map(_written, moments)
    return filling.query, filling.prefix, filling.epoch, first, released, filling.speed


def _written(moment: datetime) -> bytes:
    """Write a moment as posts do."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()
