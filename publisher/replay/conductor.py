"""The conductor: a reel, a clock and one alarm; it appends what is due.

What it knows it has from the log, which it follows: the take, the clock and the last cue that was released. So a
control that anybody appends is obeyed, a restart goes on where the log stands, and a second conductor on the same log
publishes nothing twice. It appends only where the log's head is the one that it knows; else it reads on first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from publisher.clock import ReplayClock
from publisher.log.contract import Draft, LogError, StaleAppendError
from publisher.measures import Histogram
from publisher.replay.control import obey
from publisher.replay.playhead import Playhead
from publisher.replay.score import next_step, opening
from publisher.replay.takes import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from publisher.log.contract import EventLog
    from publisher.reel import Reel
    from publisher.replay.alarm import Alarm
    from publisher.replay.control import Control
    from publisher.replay.score import Score
    from shared.event import Logged
    from shared.wire import Standing

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(seconds=5)
"""How long to wait before appending again where the log failed."""
LOOK_AGAIN = 30.0
"""Seconds after which to look at the clock though no alarm rang: the alarm counts by the system's clock, which may be
set back or run slow, and is set anew from the steady one at each look."""


class Conductor:
    """Plays a reel into a log.

    ``run`` is the loop for real time. ``open``, ``release`` and ``control`` are its steps, with the moment as an
    argument.

    Attributes:
        lateness: seconds from the moment at which each cue was due to its release.
    """

    def __init__(self, reel: Reel, score: Score, log: EventLog) -> None:
        self.lateness = Histogram()
        self._reel = reel
        self._score = score
        self._log = log
        self._head = Playhead()
        self._turn = asyncio.Lock()  # who appends next: a control gets in between the groups of a burst
        self._bell = asyncio.Event()

    async def run(self, alarm: Alarm, now: Callable[[], datetime]) -> None:
        """Release for ever, once opened; ends only by cancellation. A log that fails is tried again."""
        following = asyncio.create_task(self._follow())
        following.add_done_callback(lambda _: self._bell.set())
        trouble = ""
        try:
            while not following.done():
                self._bell.clear()
                try:
                    wake = await self.release(now())
                    if trouble:
                        trouble = ""
                        logger.warning("releasing again; what had fallen due is out")
                except LogError as error:
                    wake = now() + RETRY_AFTER
                    if trouble != str(error):
                        trouble = str(error)
                        again = f"nothing is released; trying again every {RETRY_AFTER.seconds} s"
                        logger.error("%s; %s", trouble, again)  # noqa: TRY400 one line
                if wake is not None:
                    alarm.set(wake, self._bell.set)
                with contextlib.suppress(TimeoutError):
                    # Not wait_for: before Python 3.12 it swallows a cancellation that comes with the bell.
                    async with asyncio.timeout(LOOK_AGAIN):
                        await self._bell.wait()
            following.result()
        finally:
            alarm.cancel()
            following.cancel()
            await asyncio.wait([following])

    async def open(self, now: datetime) -> None:
        """Take up where the log stands, or begin.

        To be done before readers are let in: until then the log may say that a replay has ended which is to go on.

        Raises:
            LogError: the log failed.
        """
        reached = await self._find()
        while (drafts := opening(self._head, self._reel, self._score, now, reached)) and not await self._write(drafts):
            reached = await self._find()

    @property
    def seq(self) -> int:
        """Tell how far the log is known here: the sequence number of its newest event."""
        return self._head.seq

    def standing(self, now: datetime) -> Standing | None:
        """Tell people how things stand at ``now``; None before it was opened."""
        return self._head.standing(self._reel, now)

    async def control(self, control: Control, now: Callable[[], datetime]) -> None:
        """Append what a control asks for, so that every conductor of this log obeys it; returns when it is durable.

        Raises:
            NoSuchPlaceError: there is no such place to seek to.
            LogError: the log failed, and whether it holds the control is not known.
        """
        async with self._turn:
            await self._read_on()
            while drafts := obey(control, self._head, self._reel, self._score, now()):
                if await self._write(drafts):
                    self._bell.set()
                    return
                # Somebody else was first: what was asked for is decided anew from there.

    async def release(self, now: datetime) -> datetime | None:
        """Append what is due at ``now``; tell when there is more to do, None for never.

        Raises:
            LogError: the log failed; what was not appended is still due.
        """
        while True:
            async with self._turn:
                drafts, wake = next_step(self._head, self._reel, self._score, now)
                if not drafts:
                    return wake
                before = self._head
                if await self._write(drafts):
                    self._note_lateness(before, now)
            await asyncio.sleep(0)  # a log in memory never makes the loop wait: others have their turn all the same

    def _note_lateness(self, before: Playhead, now: datetime) -> None:
        if before.clock is not None:
            clock = ReplayClock.of(before.clock)
            for cue in self._reel.cues[before.out : self._head.out]:
                due = clock.when(cue.elapsed)
                self.lateness.observe((now - due).total_seconds() if due is not None else 0.0)

    # The log.

    async def _find(self) -> datetime:
        """Find out where the log stands; tell the latest moment of the story that was surely shown."""
        log, reel = self._log, self._reel
        seq = -1
        while seq != await log.head():  # else somebody appended while it was looked at
            seq = await log.head()
            clock, reset, last = await log.latest("clock"), await log.latest("reset"), await log.latest(*FACTS)
        known = [logged for logged in (clock, reset, last) if logged is not None]
        head = Playhead(0, released=max((logged.released_at for logged in known), default=None))
        reached = reel.start
        if reset is not None:
            head = head.after(reset, reel)
        since = head.seq
        if clock is not None and clock.seq > since:
            head, reached = head.after(clock, reel), clock.event.story_time
        if last is not None and last.seq > since:
            reached = max(reached, last.event.story_time)  # the clock may have been set in the silence after it
            head = replace(head, seq=min(head.seq, last.seq - 1)).after(last, reel)
            if not head.out and head.clock is not None and head.clock.reel == reel.digest:
                # The newest event is no release of this reel: somebody withdrew a post. So the log is read.
                self._head = replace(head, seq=since)
                await self._read_on()
                return reached
        self._head = replace(head, seq=max(seq, head.seq))
        return reached

    async def _write(self, drafts: list[Draft]) -> bool:
        """Append; False if somebody else was first: then what they appended is folded in instead."""
        try:
            logged = await self._log.append(drafts, expect=self._head.seq)
        except StaleAppendError:
            await self._read_on()
            return False
        # A known key is answered with the event as it was logged the first time, which need not follow on what is
        # known here. What was written just now carries the very stamp that was given.
        ours = all(one.released_at is draft.released_at for one, draft in zip(logged, drafts, strict=True))
        if ours:
            self._fold(logged)
        else:
            await self._read_on()
        return ours

    async def _read_on(self) -> None:
        while batch := await self._log.read(self._head.seq):
            self._fold(batch)

    def _fold(self, batch: Sequence[Logged]) -> bool:
        """Fold events in, in order; True if one of them was new here."""
        before, ours = self._head.seq, self._head.is_of(self._reel)
        for logged in batch:
            self._head = self._head.after(logged, self._reel)
        if ours and not self._head.is_of(self._reel):
            logger.warning(
                "another process plays this channel from another source or with other settings; this one rests"
            )
        return self._head.seq != before

    async def _follow(self) -> None:
        """Fold in what others append, and look again when they do."""
        while True:
            try:
                async for batch in self._log.tail(self._head.seq):
                    if self._fold(batch):
                        self._bell.set()
            except LogError as error:
                logger.warning("cannot follow the log: %s", error)
            await asyncio.sleep(RETRY_AFTER.total_seconds())
