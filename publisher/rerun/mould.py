"""Moulds: an event as reruns send it, with blanks for what differs between them, so that a thousand cost little.

Everything but a rerun's position, dates, speed and addresses is the same in all reruns of an event. It is projected,
encoded and compressed once, with blanks in these places. What comes out is byte for byte what projecting and encoding
it anew would give; compressed it is somewhat larger, as what differs goes out as it is.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING

from publisher.cache import Cache
from publisher.fanout import EncodedFrame, deflate, stored
from publisher.moments import EPOCH, microseconds
from publisher.projection import Projection
from shared.event import Position
from shared.post import ReplayFacts
from shared.sse import FRAME_END, encode_frame

if TYPE_CHECKING:
    from publisher.fanout import Sieve
    from publisher.library import Filed, History
    from publisher.log.contract import Kind
    from publisher.render.snapshot import Address

MOULD_BYTES = 16 * 1024 * 1024
"""Bytes of moulds kept, of all channels together."""
LOOSE_BYTES = 128
"""What stands between two blanks and is shorter than this is not compressed: that would save next to nothing."""

Values = tuple[bytes, bytes, bytes, bytes, bytes, bytes]
"""What a rerun puts into an event's blanks: the query of its URLs, ids' prefix, epoch, speed, and when the post and its
version are due."""

# Drawn anew by each process, so that no text of a post can hold them.
_DRAWN = secrets.randbelow(10**5) + 1, secrets.randbelow(10**5) + 10**5 + 1, secrets.token_hex(8)
_QUERY, _PREFIX, _EPOCH = f"?{_DRAWN[2]}-query", f"{_DRAWN[2]}-prefix", f"{_DRAWN[2]}-epoch"
_FIRST, _RELEASED = (datetime(2, 3, 4, 5, 6, 7, number, UTC) for number in _DRAWN[:2])
_SPEED = 0.1 + secrets.randbelow(10**15) / 10**16
_BLANKS = [_QUERY, _PREFIX, _EPOCH, str(_SPEED), *(f"{moment.isoformat()[:-6]}Z" for moment in (_FIRST, _RELEASED))]
_SPLIT = re.compile(b"(" + b"|".join(re.escape(blank.encode()) for blank in _BLANKS) + b")")
_PLACE = {blank.encode(): place for place, blank in enumerate(_BLANKS)}
_Pick = Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
_LEAD, _END, _NOTHING, _PIECES = range(len(_BLANKS), len(_BLANKS) + 4)  # what follows the values in ``filled``


class _Cast:
    """Bytes with blanks, and with room for something before and after."""

    def __init__(self, data: bytes) -> None:
        parts = _SPLIT.split(data)
        self._pieces = (b"", *parts[::2])
        between = (_PLACE[part] if at % 2 else _PIECES + at // 2 for at, part in enumerate(parts))
        self._parts = [_LEAD, *between, _END]
        self._pick = itemgetter(*self._parts)

    def filled(self, values: Values, lead: bytes = b"", end: bytes = b"", *, gzip: bool = False) -> bytes:
        """Fill the blanks; ``gzip`` compresses the result, to stand anywhere in a gzip stream."""
        known = (*values, lead, end, *self._pieces)
        if not gzip:
            return b"".join(self._pick(known))
        return b"".join([run if isinstance(run, bytes) else stored(b"".join(run(known))) for run in self._runs])

    @cached_property
    def _runs(self) -> list[bytes | _Pick]:
        """Give what the compressed form is made of: pieces compressed already, and what picks the parts in between."""
        runs: list[bytes | _Pick] = []
        loose = [_NOTHING]  # two at least, so that it picks several
        for part in self._parts:
            piece = self._pieces[part - _NOTHING] if part >= _NOTHING else b""
            if len(piece) < LOOSE_BYTES:
                loose.append(part)
                continue
            runs += [itemgetter(*loose), deflate(piece)]
            loose = [_NOTHING]
        return [*runs, itemgetter(*loose)]


class Mould:
    """One event of a channel.

    Attributes:
        seq, first_seq: its place in the log, and that of the event that first released the post.
        released, first_released: when the channel let them out, in microseconds since 1970.
        size: bytes that it holds, about.
    """

    __slots__ = ("_casts", "_kind", "_sieved", "first_released", "first_seq", "released", "seq", "size")

    def __init__(self, filed: Filed, before: Filed | None, address: Address) -> None:
        """Make it.

        Args:
            filed: what the event brought.
            before: what had stood before it, None where nothing had.
            address: of the channel.
        """
        self.seq, self.first_seq = filed.seq, filed.first_seq
        self.released, self.first_released = microseconds(filed.released), microseconds(filed.first_released)
        blank = Projection(replace(address, query=_QUERY, hubs=(), tag_prefix=_PREFIX), "shifted")
        position, facts = Position(_EPOCH, filed.seq), ReplayFacts(run=1, speed=_SPEED)
        was = frozenset(before.post.tags) if before is not None and before.post is not None else None
        tags = frozenset(filed.post.tags) if filed.post is not None else None
        self._kind: Kind = "delete" if tags is None else "post" if filed.seq == filed.first_seq else "update"
        moved = self._kind == "update" and was != tags
        # A frame whose bytes are the name of its kind: what a sieve makes of it is how its reader is told.
        self._sieved = EncodedFrame(
            filed.seq,
            self._kind,
            self._kind.encode(),
            tags,
            was,
            removal=b"delete" if moved else b"",
            arrival=b"post" if moved else b"",
        )
        self._casts: dict[str, tuple[bytes, bytes, _Cast]] = {}
        self.size = 1000
        if filed.post is not None:
            item = blank.post(filed.post, position, first_released=_FIRST, released=_RELEASED, replay=facts).to_json()
            cast = _Cast(item)
            self._tell(self._kind, cast, position)
            self._tell("post", cast, position)
            self.size += 2 * len(item)  # as it is, and compressed
        if filed.post is None or moved:
            removal = blank.deletion(filed.slug, filed.story_time, position, _RELEASED, facts).to_json()
            self._tell("delete", _Cast(removal), position)

    def _tell(self, kind: Kind, cast: _Cast, position: Position) -> None:
        before, _, after = encode_frame(kind, b"", str(position)).partition(_EPOCH.encode())
        self._casts[kind] = before, after.removesuffix(FRAME_END), cast

    def frame(self, values: Values, sieve: Sieve | None = None, *, gzip: bool = False) -> bytes:
        """Give the frame as a reader with this sieve gets it; empty if the event does not concern it."""
        kind = self._kind if sieve is None else self._sieved.through(sieve).decode()
        if not kind:
            return b""
        before, after, cast = self._casts[kind]
        return cast.filled(values, before + values[2] + after, FRAME_END, gzip=gzip)

    def item(self, values: Values, lead: bytes = b"", *, gzip: bool = False) -> bytes:
        """Give the data of the frame alone: the post, after ``lead``."""
        return self._casts[self._kind][2].filled(values, lead, gzip=gzip)


class Moulds:
    """The moulds asked for last."""

    def __init__(self) -> None:
        self._made: Cache[tuple[int, int], Mould] = Cache(MOULD_BYTES)

    def get(self, history: History, seq: int, address: Address) -> Mould:
        """Give the mould of an event that is on the timeline."""
        mould = self._made.get((history.take, seq))
        if mould is None:
            filed = history.event(seq)
            before = history.find(filed.slug, seq - 1) if filed.seq != filed.first_seq else None
            mould = Mould(filed, before, address)
            self._made.put((history.take, seq), mould, mould.size)
        return mould


def written(moment: int) -> bytes:
    """Write a moment, in microseconds since 1970, as posts do."""
    second, rest = divmod(moment, 1_000_000)
    return b"%b.%06dZ" % (_second(second), rest) if rest else b"%bZ" % _second(second)


@lru_cache(1024)
def _second(second: int) -> bytes:
    return (EPOCH + timedelta(seconds=second)).isoformat()[:19].encode()
