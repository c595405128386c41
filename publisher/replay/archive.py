"""An archive: a whole reel that is out at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.log.contract import Draft
from publisher.moments import TICK
from publisher.replay.score import GROUP
from publisher.replay.takes import FACTS, begin_take, take_back, take_key

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.log.contract import EventLog
    from publisher.reel import Reel


async def release_all(reel: Reel, log: EventLog, now: datetime) -> None:
    """See that a log holds a whole reel and nothing else.

    What a start that was broken off has appended is gone on with. Where the source says something else than it did, a
    new take begins.

    Raises:
        LogError: the log failed.
    """
    take = await take_back(log, now, reel.start)
    out = await _out(reel, log, take)
    if out is None:
        take, out = await begin_take(log, take + 1, now, reel.start), 0
    for first in range(out, len(reel), GROUP):
        await log.append(
            [
                Draft(take_key(take, cue.key), now + (cue.index + 1) * TICK, cue.event)
                for cue in reel.cues[first : first + GROUP]
            ]
        )


async def _out(reel: Reel, log: EventLog, take: int) -> int | None:
    """Count how many cues the take holds; None if it holds something else."""
    reset = await log.latest("reset")
    out, seq = 0, reset.seq if reset is not None else 0
    while batch := await log.read(seq):
        seq = batch[-1].seq
        for logged in batch:
            cue = reel.cues[out] if out < len(reel) else None
            if cue is not None and (logged.key, logged.event) == (take_key(take, cue.key), cue.event):
                out += 1
            elif logged.event.kind in FACTS:
                return None
    return out
