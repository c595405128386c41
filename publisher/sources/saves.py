"""Several saves of one page, read as one story: what was added, changed and taken away between them.

A change is told at the later save's own stamp of the post, where that is newer than what was known, else at the moment
of the save that reveals it, and so is a deletion. That moment is the one given; else the page's own last update; else
the time of its file. A save is never older than its newest post.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from publisher.sources.matching import Version, match, moved
from publisher.sources.minting import Mint
from publisher.sources.reading import Doubt, Reading, SourceError, Told
from shared.event import DeleteEvent, PostEvent, UpdateEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from shared.post import Post

_MANY = 3
"""Deletions in one save that are worth a question, if they are also more than a third of what it could have shown."""

_LONG = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Held:
    """A post as a save holds it in the end, and how it was first told there."""

    told: Told
    post: Post

    @property
    def version(self) -> Version:
        """Give what it is matched by."""
        return Version(self.post, self.told.time_precision, self.told.time_source)


@dataclass(slots=True)
class _Merged:
    """The story as far as the saves were read."""

    told: list[Told]
    held: dict[str, Held]
    latest: dict[str, Post]
    """The last version of every post that was ever told, deleted or not."""
    doubts: list[Doubt] = field(default_factory=list)

    def post(self, told: Told, post: Post) -> None:
        self.told.append(replace(told, event=PostEvent(post=post)))

    def change(self, held: Held, before: Post, moment: datetime, *, own: bool) -> Post:
        """Tell the next version of a post."""
        changed = next_version(before, held.post, moment)
        event = UpdateEvent(post=changed)
        self.told.append(Told(event, held.told.line, "own" if own else "header", held.told.time_precision))
        return changed


def next_version(before: Post, post: Post, moment: datetime, revision: int = 1) -> Post:
    """Make the version of a post that follows ``before``: id and the time at which it first appeared stay.

    Args:
        before: the last version.
        post: as it reads now.
        moment: when it was changed; never before the last version.
        revision: its number at least.
    """
    facts = post.newsreel.model_copy(
        update={"story_time": before.story_time, "revision": max(revision, post.revision, before.revision + 1)}
    )
    return post.model_copy(
        update={
            "id": before.id,
            "date_published": before.date_published,
            "date_modified": max(moment, before.date_modified or before.story_time),
            "newsreel": facts,
        }
    )


def merge(
    readings: Sequence[Reading],
    saved: Sequence[datetime | None],
    file_times: Sequence[datetime | None] = (),
) -> Reading:
    """Read several saves of one page as one story.

    Posts are matched between saves (``publisher.sources.matching``) and keep the id and the story time of the first
    save. A later save that holds only its newest posts deletes none that are as old as its oldest, pinned posts aside.
    A post that comes back is told as a change of the deleted one.

    Args:
        readings: of the saves, oldest first; at least one.
        saved: of each the zone-aware moment at which it was saved, if a person told it.
        file_times: of each the moment at which its file was written; counts last.

    Returns:
        One reading: the header of the newest save, the doubts of all, each named by its save.

    Raises:
        SourceError: there is no save, they stand in the wrong order, or a change has no moment.
    """
    if not readings:
        raise SourceError("no source is given; give one save of the page, or several, oldest first")
    moments = _moments(readings, saved, file_times)
    first = readings[0]
    latest = {one.event.post.id: one.event.post for one in first.told if not isinstance(one.event, DeleteEvent)}
    merged = _Merged(list(first.told), held_in(first), latest)
    for reading, moment in zip(readings[1:], moments[1:], strict=True):
        _add(merged, reading, moment)
        _doubt_moment(merged, reading, moment)
    newest = readings[-1]
    several = len(readings) > 1
    doubts = [
        replace(doubt, message=f"{reading.name}: {doubt.message}") if several else doubt
        for reading in readings
        for doubt in reading.doubts
    ]
    first_title = next((reading.header.title for reading in readings if reading.header.title), None)
    if first_title and newest.header.title and first_title != newest.header.title:
        what = f"the page was called {first_title!r} at first, and now {newest.header.title!r}; --title sets either"
        merged.doubts.append(Doubt("title-changed", what))
    return replace(
        newest,
        header=replace(newest.header, title=newest.header.title or first_title),
        told=tuple(sorted(merged.told, key=lambda told: told.event.story_time)),
        doubts=(*doubts, *merged.doubts),
    )


def _moments(
    readings: Sequence[Reading], saved: Sequence[datetime | None], file_times: Sequence[datetime | None]
) -> list[datetime | None]:
    """Tell when each save was made, None where nothing says."""
    moments: list[datetime | None] = []
    for place, reading in enumerate(readings):
        given = saved[place] if place < len(saved) else None
        written = file_times[place] if place < len(file_times) else None
        moment = given or reading.header.updated or written
        newest = _newest(reading)
        moments.append(max(moment, newest) if moment and newest else moment)
    for known in (saved, [reading.header.updated for reading in readings]):  # times of files may be those of copies
        told = [(moment, reading.name) for moment, reading in zip(known, readings, strict=False) if moment]
        for (earlier, first), (later, second) in pairwise(told):
            if later < earlier:
                what = (
                    f"is older ({later.isoformat()}) than {first} ({earlier.isoformat()}); give the oldest save first"
                )
                raise SourceError.at(second, None, what)
    return moments


def _newest(reading: Reading) -> datetime | None:
    return max((told.event.story_time for told in reading.told), default=None)


def held_in(reading: Reading) -> dict[str, Held]:
    """Fold a reading: the posts that it holds in the end, by id, oldest first."""
    held: dict[str, Held] = {}
    for told in reading.told:
        event = told.event
        if isinstance(event, DeleteEvent):
            held.pop(event.id, None)
        elif isinstance(event, UpdateEvent) and event.post.id in held:
            held[event.post.id] = replace(held[event.post.id], post=event.post)
        else:
            held[event.post.id] = Held(told, event.post)
    return held


def _add(merged: _Merged, reading: Reading, moment: datetime | None) -> None:
    """Tell what a later save reveals."""
    coming = list(held_in(reading).values())
    known = list(merged.held.values())
    pairs = match([one.version for one in known], [one.version for one in coming])
    after: dict[str, Held] = {}
    ids = set(merged.latest)
    mint = Mint(ids)
    for place, one in enumerate(coming):
        before = merged.latest[known[pairs[place]].post.id] if place in pairs else None
        returned = before is None and one.post.id in merged.latest and one.post.id not in merged.held
        if returned:
            before = merged.latest[one.post.id]
        if before is None:
            post_id = one.post.id
            if post_id in ids:  # another post has it in an earlier save
                post_id = mint.id(one.post.story_time, one.post.title or one.post.content_text)
            post = one.post.model_copy(update={"id": post_id})
            merged.post(one.told, post)
            ids.add(post_id)
        elif returned or before.digest != one.post.digest:
            stamp = one.post.date_modified
            own = stamp is not None and not returned and stamp > (before.date_modified or before.story_time)
            when = stamp if own and stamp else _required(moment, reading, one.told.line)
            post = merged.change(one, before, when, own=own)
        else:
            post = before
        merged.latest[post.id] = post
        after[post.id] = replace(one, post=post)
    mended = [coming[new] for new, old in pairs.items() if moved(known[old].version, coming[new].version)]
    if mended:
        what = f"{reading.name}: {len(mended)} of the posts have another time than before; they keep the earlier one"
        merged.doubts.append(Doubt("time-mended", what, min(one.told.line or 0 for one in mended) or None))
    _delete(merged, after, coming, reading, moment)


def _delete(
    merged: _Merged, after: dict[str, Held], coming: list[Held], reading: Reading, moment: datetime | None
) -> None:
    """Tell what the save no longer holds, though it is younger than the save's oldest post."""
    edge = min((one.post.story_time for one in coming if not one.post.newsreel.pinned), default=None)
    stated = {told.event.id: told for told in reading.told if isinstance(told.event, DeleteEvent)}
    in_reach = {post_id: one for post_id, one in merged.held.items() if edge is not None and one.post.story_time > edge}
    gone = [post_id for post_id in in_reach if post_id not in after]
    for post_id, one in merged.held.items():
        if post_id in after:
            continue
        if post_id in stated:
            merged.told.append(stated[post_id])
        elif post_id in in_reach:
            event = DeleteEvent(id=post_id, story_time=_required(moment, reading, None))
            merged.told.append(Told(event, None, "header", "minute"))
        else:
            after[post_id] = one
    if len(gone) > _MANY and len(gone) * 3 > len(in_reach):
        what = (
            f"{reading.name}: {len(gone)} of {len(in_reach)} posts are gone; if the page only hides them, mend the save"
        )
        merged.doubts.append(Doubt("many-deletions", what))
    merged.held = after


def _doubt_moment(merged: _Merged, reading: Reading, moment: datetime | None) -> None:
    """Ask about a moment that lies long after all that the save tells: the file may be a copy."""
    newest = _newest(reading)
    revealed = any(told.time_source == "header" and told.event.story_time == moment for told in merged.told)
    if moment and newest and revealed and moment - newest > _LONG:
        what = (
            f"{reading.name}: changes are told at {moment.isoformat()}, long after its newest post; --saved-at sets it"
        )
        merged.doubts.append(Doubt("late-save", what))


def _required(moment: datetime | None, reading: Reading, line: int | None) -> datetime:
    if moment is None:
        raise SourceError.at(
            reading.name, line, "something changed, and nothing says when this page was saved; give --saved-at"
        )
    return moment
