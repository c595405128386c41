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

from publisher.cache import Cache
from publisher.delta import delta
from publisher.editions import PRINTINGS, Editions
from publisher.fanout import EncodedFrame
from publisher.filing import file_log
from publisher.library import PassingError
from publisher.render.jsonfeed import reset_document
from publisher.scene import Scene, clock_of
from shared import __version__
from shared.event import ClockEvent, DeleteEvent, Position, PostEvent, ResetEvent, UpdateEvent
from shared.sse import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from publisher.fanout import Fanout
    from publisher.library import Filed, Shelf
    from publisher.log.contract import EventLog, Kind
    from publisher.projection import Projection
    from publisher.render.snapshot import Snapshot
    from publisher.scene import Billing
    from shared.event import Logged, ResetReason
    from shared.post import Post

logger = logging.getLogger(__name__)

_KINDS: tuple[Kind, ...] = ("post", "update", "delete", "reset", "clock")
SLICE = 100
"""Events read from the log and encoded without a pause."""
PRESSED = 25
"""Events pressed without a pause: a burst holds the loop for about 5 ms, and readers are written to meanwhile."""
RETRY_SECONDS = 5.0
"""Time between two tries to file what is new when the disk is full."""
RESET_BYTES = 4 * 1024 * 1024
"""Bytes of encoded ``reset`` frames kept for readers to come: readers choose the tags, so there is no end of them."""


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


class Press:
    """One channel's press: what readers read is its ``editions``, and the frames that it gives to the fan-out."""

    def __init__(
        self,
        log: EventLog,
        shelf: Shelf,
        projection: Projection,
        billing: Billing,
        fanout: Fanout,
    ) -> None:
        self.shelf = shelf
        self.billing = billing
        self._log = log
        self._projection = projection
        self._fanout = fanout
        self.scene: Scene = _Cached(shelf, billing, projection, log.epoch)
        self.changed = billing.opened
        """When anything that documents show last changed: the newest event, or the start with new settings."""
        self.announced = billing.opened
        """When that which the page of one post shows of its channel last changed: with the clock, or at the start."""
        self.editions = Editions(
            PRINTINGS,
            self.scene.snapshot,
            lambda: self.changed,
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
        self._resets: Cache[tuple[ResetReason, str | None], EncodedFrame] = Cache(RESET_BYTES)

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
        self._resets.clear()
        self._fanout.broadcast(frames)
        if self._waiting:
            self._tell_waiting()
        for listener in self.listeners:
            listener(batch)

    def _pressed(self, batch: Sequence[Logged]) -> list[EncodedFrame]:
        frames: list[EncodedFrame] = []
        before, kept = self.shelf.head, 0
        for logged in batch:
            was = self._tags_of(logged)
            match logged.event:
                case DeleteEvent(id=slug, withdrawn=True):
                    self._withdraw(slug, frames)
            self.shelf.file([logged])
            if self.shelf.history.take != self._take:
                self._frames.keep(frames[kept:], before)
                self._begin_frames()
                before, kept = logged.seq, len(frames) + 1
            frames.append(self.frame(logged, was))
            self.changed = max(self.changed, logged.released_at)
            if isinstance(logged.event, ClockEvent):
                self.announced = max(self.announced, logged.released_at)
        self._frames.keep(frames[kept:], before)
        return frames

    def _withdraw(self, slug: str, waiting: Sequence[EncodedFrame]) -> None:
        """Give what a post ever said to nobody any more, before the library forgets which events that was."""
        events = self._frames.of(slug)
        self._frames.blank(events)
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
        head = self.shelf.head
        frames = [self.frame(logged, was_unknown=True) for logged in page if logged.seq <= head]
        standing = self._frames.standing(cursor, head)
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

    def frame(self, logged: Logged, was: frozenset[str] | None = None, *, was_unknown: bool = False) -> EncodedFrame:
        """Encode an event that is filed already; ``was`` are the post's tags before it."""
        position = str(logged.position)
        match logged.event:
            case PostEvent(post=post) | UpdateEvent(post=post):
                body = self.item(logged, post).to_json()
                tags = frozenset(post.tags)
                moved = logged.event.kind == "update" and was != tags
                return EncodedFrame(
                    logged.seq,
                    logged.event.kind,
                    encode_frame(logged.event.kind, body, position),
                    tags,
                    was,
                    removal=self._removal(logged, post.id) if moved else b"",
                    arrival=encode_frame("post", body, position) if moved else b"",
                    was_unknown=was_unknown,
                )
            case DeleteEvent(id=post_id, withdrawn=True):
                # What tags it had may be gone from the log by now: all are told, who never had it passes it over.
                return EncodedFrame(logged.seq, "delete", self._removal(logged, post_id), was_unknown=True)
            case DeleteEvent(id=post_id):
                return EncodedFrame(
                    logged.seq, "delete", self._removal(logged, post_id), was=was, was_unknown=was_unknown
                )
            case ResetEvent(reason=reason):
                return EncodedFrame(logged.seq, "reset", self._reset(reason, position, None))
            case ClockEvent() as clock:
                return EncodedFrame(logged.seq, "clock", encode_frame("clock", clock_of(clock).to_json(), position))

    def item(self, logged: Logged, post: Post) -> Post:
        """Give the released form of the ``post`` that an event brought: what stream and documents show of it."""
        filed = self.shelf.find(post.id)
        return self._projection.post(
            post,
            logged.position,
            first_released=filed.first_released if filed is not None else logged.released_at,
            released=logged.released_at,
            replay=self.scene.replay_at(logged.seq),
        )

    def reset_frame(self, reason: ResetReason, tag: str | None = None) -> EncodedFrame:
        """Give the ``reset`` that a reader who joins now begins with; encoded once for all who join here."""
        key = (reason, tag)
        frame = self._resets.get(key)
        if frame is None:
            body = self._reset(reason, str(self.position), tag)
            frame = EncodedFrame(self.shelf.head, "reset", body)
            self._resets.put(key, frame, 2 * len(body))  # as it is, and compressed
        return frame

    @property
    def position(self) -> Position:
        """Tell where the press stands."""
        return Position(self._log.epoch, self.shelf.head)

    @property
    def clock(self) -> ClockEvent | None:
        """Give the replay's clock as it was last set; None where there is no replay, even if there was one before."""
        return self.scene.set_clock

    def _reset(self, reason: ResetReason, position: str, tag: str | None) -> bytes:
        snapshot = self.scene.snapshot()
        if tag is not None:
            snapshot = replace(snapshot, posts=tuple(post for post in snapshot.posts if tag in post.tags))
        return encode_frame("reset", reset_document(snapshot, reason), position)

    def _removal(self, logged: Logged, post_id: str) -> bytes:
        deletion = self._projection.deletion(
            post_id, logged.event.story_time, logged.position, logged.released_at, self.scene.replay_at(logged.seq)
        )
        return encode_frame("delete", deletion.to_json(), str(logged.position))

    def _tags_of(self, logged: Logged) -> frozenset[str] | None:
        match logged.event:
            case UpdateEvent(post=post):
                filed = self.shelf.find(post.id)
            case DeleteEvent(id=post_id):
                filed = self.shelf.find(post_id)
            case _:
                return None
        return frozenset(filed.post.tags) if filed is not None and filed.post is not None else None
