"""Frames, kept as they went out: who comes back from far away is served from here, at a row's price an event.

A cache of what the press can always make anew from the log, at some fifty times the cost. Each row knows the event
``before`` it, so that a gap shows: what was filed while no frames were made, or by an older version, is not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.fanout import EncodedFrame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from publisher.library.stacks import Stacks

FORGOTTEN_AT_ONCE = 500
"""Frames deleted in one go, so that the loop is not held."""
_UPDATE, _POST = b"event: update\n", b"event: post\n"


class Frames:
    """The frames of one take of a channel."""

    def __init__(self, stacks: Stacks, take: int) -> None:
        self._stacks = stacks
        self._take = take

    def begin(self, settings: str) -> None:
        """Throw away what was made under other settings than these: it does not read as it would now."""
        known = self._stacks.row("SELECT settings FROM take WHERE id = ?", (self._take,))
        if known != (settings,):
            with self._stacks.transaction():
                self._stacks.execute("DELETE FROM frame WHERE take = ?", (self._take,))
                self._stacks.execute("UPDATE take SET settings = ? WHERE id = ?", (settings, self._take))

    def keep(self, frames: Sequence[EncodedFrame], before: int) -> None:
        """Keep frames that follow each other; ``before`` is the event before the first of them, or some way after it.

        A reset is not kept: nobody is given one that is past.
        """
        if not self._stacks.lasting:
            return
        with self._stacks.transaction():
            for frame in frames:
                if frame.kind != "reset":
                    self._stacks.execute(
                        "INSERT OR REPLACE INTO frame (take, seq, before, kind, body, tags, was, was_unknown, removal) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (
                            self._take,
                            frame.seq,
                            before,
                            frame.kind,
                            frame.body,
                            _written(frame.tags),
                            _written(frame.was),
                            frame.was_unknown,
                            frame.removal or None,
                        ),
                    )
                before = frame.seq

    def after(self, cursor: int, most: int, upto: int) -> list[EncodedFrame]:
        """Give the frames after ``cursor`` that hold ``most`` bytes, up to ``upto``; empty if the next is not here."""
        rows = self._stacks.each(
            "SELECT seq, before, kind, body, tags, was, was_unknown, removal FROM frame "
            "WHERE take = ? AND seq > ? AND seq <= ? ORDER BY seq",
            (self._take, cursor, upto),
        )
        frames: list[EncodedFrame] = []
        size = 0
        for seq, before, kind, body, tags, was, was_unknown, removal in rows:
            if before > cursor:
                break
            moved = removal is not None and kind == "update"
            frames.append(
                EncodedFrame(
                    seq,
                    kind,
                    body,
                    _read(tags),
                    _read(was),
                    removal=removal or b"",
                    arrival=body.replace(_UPDATE, _POST, 1) if moved else b"",
                    was_unknown=bool(was_unknown),
                )
            )
            cursor = seq
            size += len(body)
            if size >= most:
                break
        return frames

    def of(self, slug: str) -> set[int]:
        """List the events that brought a version of a post, up to now."""
        rows = self._stacks.rows("SELECT seq FROM version WHERE take = ? AND slug = ?", (self._take, slug))
        return {seq for (seq,) in rows}

    def standing(self, first: int, last: int) -> set[int]:
        """List the events from ``first`` to ``last`` whose posts were not withdrawn since."""
        rows = self._stacks.each(
            "SELECT seq FROM version WHERE take = ? AND seq BETWEEN ? AND ?", (self._take, first, last)
        )
        return {seq for (seq,) in rows}

    def blank(self, seqs: Iterable[int]) -> None:
        """Leave nothing of frames but their places: their post was withdrawn."""
        for seq in seqs:
            self._stacks.execute(
                "UPDATE frame SET body = x'', tags = NULL, was = NULL, removal = NULL WHERE take = ? AND seq = ?",
                (self._take, seq),
            )

    def forget(self, upto: int) -> bool:
        """Delete some frames up to ``upto``: the log has forgotten them. True if there may be more to delete."""
        with self._stacks.transaction():
            gone = self._stacks.execute(
                "DELETE FROM frame WHERE id IN (SELECT id FROM frame WHERE take = ? AND seq <= ? ORDER BY seq LIMIT ?)",
                (self._take, upto, FORGOTTEN_AT_ONCE),
            ).rowcount
        return gone == FORGOTTEN_AT_ONCE


def _written(tags: frozenset[str] | None) -> str | None:
    return None if tags is None else "\n".join(sorted(tags))  # a tag is one line


def _read(tags: str | None) -> frozenset[str] | None:
    return None if tags is None else frozenset(tags.split("\n")) if tags else frozenset()
