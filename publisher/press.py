"""The press: folds one channel's log into the library and makes what readers get of it.

Everything that is read comes from here: the frames of the stream, the snapshot of which the documents are made. There
is no other way from the log to a reader, so one machine and many run the same path.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from publisher.delta import delta
from publisher.editions import PRINTINGS, Editions
from publisher.filing import file_log
from publisher.framing import Framing
from publisher.library import PassingError
from publisher.scene import Scene
from shared import __version__
from shared.event import ClockEvent, DeleteEvent, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from publisher.cache import Budget
    from publisher.fanout import EncodedFrame, Fanout
    from publisher.library import Filed, Shelf
    from publisher.log.contract import EventLog, Kind
    from publisher.projection import Projection
    from publisher.render.snapshot import Snapshot
    from publisher.scene import Billing
    from shared.event import Logged
    from shared.post import Post

logger = logging.getLogger(__name__)

_KINDS: tuple[Kind, ...] = ("post", "update", "delete", "reset", "clock")
SLICE = 100
"""Events read from the log and encoded without a pause."""
SLICE_BYTES = 1024 * 1024
"""The same where they are large: about 10 ms."""
PRESSED = 25
"""Events pressed without a pause: a burst holds the loop for about 5 ms, and readers are written to meanwhile."""
RETRY_SECONDS = 5.0
"""Time between two tries to file what is new when the disk is full."""


class Press:
    """One channel's press: what readers read is its ``editions``, and the frames that it gives to the fan-out."""

    def __init__(
        self,
        log: EventLog,
        shelf: Shelf,
        projection: Projection,
        billing: Billing,
        fanout: Fanout,
        *,
        budget: Budget,
    ) -> None:
        self.shelf = shelf
        self.billing = billing
        self._log = log
        self._fanout = fanout
        self.scene: Scene = _Cached(shelf, billing, projection, log.epoch)
        self.framing = Framing(self.scene, budget)
        self.changed = billing.opened
        """When anything that documents show last changed: the newest event, or the start with new settings."""
        self.announced = billing.opened
        """When that which the page of one post shows of its channel last changed: with the clock, or at the start."""
        self.editions = Editions(
            PRINTINGS,
            self.scene.snapshot,
            lambda: self.changed,
            budget,
            cut=lambda snapshot, seq: delta(snapshot, shelf, seq, billing.window),
            settings=(projection, billing.mode, billing.window),
        )
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._ended = False
        self.listeners: list[Callable[[Sequence[Logged]], None]] = []
        """Called with each batch once it can be read; they return at once and raise nothing."""
        self._settings = repr((__version__, projection, billing.mode))  # what the bytes of a frame depend on
        self._take = shelf.history.take
        self._frames = shelf.frames()

    async def catch_up(self, told: Callable[[float], None] = lambda _: None) -> None:
        """File what the log holds and the library does not, without making frames of it.

        Args:
            told: is told now and then which share of it is done.
        """
        await file_log(self._log, self.shelf, told)
        self._fanout.ring.begin(self.shelf.head)
        self._begin_frames()
        newest = await self._log.latest(*_KINDS)
        if newest is not None:
            self.changed = max(self.changed, newest.released_at)
        clock = await self._log.latest("clock")
        if clock is not None:
            self.announced = max(self.announced, clock.released_at)

    def _begin_frames(self) -> None:
        self._take = self.shelf.history.take
        self._frames = self.shelf.frames()
        self._frames.begin(self._settings)

    def rename(self, title: str, language: str | None, now: datetime) -> None:
        """Announce the channel under another title, or in another language, from ``now`` on."""
        self.billing = self.scene.billing = replace(self.billing, title=title, language=language, opened=now)
        self.changed = self.announced = now
        self.editions.stale()
        self.framing.stale()

    async def run(self) -> None:
        """Press what is appended, until the log is closed."""
        try:
            async for batch in self._log.tail(self.shelf.head):
                for first in range(0, len(batch), PRESSED):
                    await self._press_in_the_end(batch[first : first + PRESSED])
        finally:
            self._tell_waiting(ended=True)

    async def _press_in_the_end(self, batch: Sequence[Logged]) -> None:
        """Press a batch, and let others have their turn; as long as the disk is full, hold and try again."""
        trouble = False
        while True:
            try:
                self.press(batch)
            except PassingError as error:
                if not trouble:
                    trouble = True
                    held = f"nothing new is shown; trying again every {RETRY_SECONDS:g} s"
                    logger.error("%s; %s", error, held)  # noqa: TRY400 one line
                await asyncio.sleep(RETRY_SECONDS)
            else:
                if trouble:
                    logger.warning("showing again what is new")
                await asyncio.sleep(0)
                return

    async def reached(self, seq: int) -> None:
        """Wait until readers can see the event ``seq``, or the press has ended."""
        if self.shelf.head < seq and not self._ended:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((seq, future))
            await future

    def _tell_waiting(self, *, ended: bool = False) -> None:
        self._ended = ended
        waiting, self._waiting = self._waiting, []
        for seq, future in waiting:
            if seq > self.shelf.head and not ended:
                self._waiting.append((seq, future))
            elif not future.done():
                future.set_result(None)

    def press(self, batch: Sequence[Logged]) -> None:
        """File a batch, make its frames and broadcast them."""
        try:
            with self.shelf.together():
                frames = self._pressed(batch)
        except BaseException:
            self._take, self._frames = self.shelf.history.take, self.shelf.frames()  # a reset was not filed, either
            raise
        self.editions.stale()
        self.framing.stale()
        self._fanout.broadcast(frames)
        if self._waiting:
            self._tell_waiting()
        for listener in self.listeners:
            listener(batch)

    def _pressed(self, batch: Sequence[Logged]) -> list[EncodedFrame]:
        frames: list[EncodedFrame] = []
        before, kept = self.shelf.head, 0
        for logged in batch:
            was = self.framing.tags_before(logged)
            match logged.event:
                case DeleteEvent(id=slug, withdrawn=True):
                    self._withdraw(slug, frames)
            self.shelf.file([logged])
            if self.shelf.history.take != self._take:
                self._frames.keep(frames[kept:], before)
                self._begin_frames()
                before, kept = logged.seq, len(frames) + 1
            frames.append(self.framing.frame(logged, was))
            self.changed = max(self.changed, logged.released_at)
            if isinstance(logged.event, ClockEvent):
                self.announced = max(self.announced, logged.released_at)
        self._frames.keep(frames[kept:], before)
        return frames

    def _withdraw(self, slug: str, waiting: Sequence[EncodedFrame]) -> None:
        """Give what a post ever said to nobody any more, before the library forgets which events that was."""
        events = self._frames.of(slug)
        self._fanout.blank(events)
        for frame in waiting:
            if frame.seq in events:
                frame.blank()

    async def frames_after(self, cursor: int, most: int) -> list[EncodedFrame]:
        """Give the next frames after ``cursor``, up to where the press stands, that hold about ``most`` bytes.

        Empty if there are none that go on exactly there: at the head, or if what follows was pruned or reset, which
        may have happened while it was read. They are the frames that went out, if they were kept. Else they are made
        of the log again. What tags a post had before is not known then, so an update that does not match a reader's
        tag goes out as a deletion, which is nothing to who never had the post.
        """
        frames = self._frames.after(cursor, most, self.shelf.head)
        if frames:
            return frames
        page = await self._log.read(cursor, SLICE)
        whole = cursor >= await self._log.oldest() - 1
        reset = self.shelf.last_reset
        if not whole or (reset is not None and reset[0] > cursor):
            return []
        frames, size = [], 0
        for logged in page:
            if logged.seq > self.shelf.head or size >= SLICE_BYTES:
                break
            frames.append(self.framing.frame(logged, was_unknown=True))
            size += len(frames[-1].body)
        standing = self._frames.standing(cursor, frames[-1].seq if frames else cursor)
        for frame in frames:
            if frame.tags is not None and frame.seq not in standing:
                frame.blank()  # withdrawn since
        with suppress(PassingError):  # they can be made again
            self._frames.keep(frames, cursor)
        return frames

    async def forget(self, upto: int) -> None:
        """Drop the frames of events up to ``upto``, which the log has forgotten."""
        more = True
        while more:
            more = self._frames.forget(upto)
            await asyncio.sleep(0)

    @property
    def position(self) -> Position:
        """Tell where the press stands."""
        return Position(self._log.epoch, self.shelf.head)

    @property
    def clock(self) -> ClockEvent | None:
        """Give the replay's clock as it was last set; None where there is no replay, even if there was one before."""
        return self.scene.set_clock


class _Cached(Scene):
    """The channel as it stands now; what was shown last is not projected anew for what is shown next."""

    def __init__(self, shelf: Shelf, billing: Billing, projection: Projection, epoch: str) -> None:
        super().__init__(shelf, billing, projection, epoch)
        self._shown: dict[int, Post] = {}  # by the event that brought it

    def project(self, filed: Filed) -> Post | None:
        return self._shown.get(filed.seq) or super().project(filed)

    def projected(self, filed: Iterable[Filed]) -> tuple[Post, ...]:
        self._shown = {one.seq: post for one in filed if (post := self.project(one)) is not None}
        return tuple(self._shown.values())

    def archive(self, number: int) -> Snapshot:
        # Who walks through the history shall not drive the window out.
        return Scene(self.shelf, self.billing, self.projection, self.epoch).archive(number)
