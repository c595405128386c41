"""Showing an update in a terminal: from Update to what rich can print. Pure.

Everything that came from outside passes ``showable`` and becomes a ``Text``, which takes no markup: a post cannot move
the cursor, colour the screen or turn the direction of writing.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from shared.item import UNKNOWN_TIME
from shared.text import showable
from subscriber.blocks import Block, blocks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rich.console import RenderableType

    from shared.post import Post
    from shared.wire import Clock
    from subscriber.status import Status
    from subscriber.update import Update

MARGIN = len("00:22") + 2
"""Columns of the time that stands beside a post."""
NARROW = 50
"""In fewer columns the time stands above."""
_DEEPEST = 16  # columns; what is nested deeper must still be readable in a narrow window
_REASONS = {
    "seek": "the replay was moved to another time",
    "loop": "the replay begins again",
    "expired": "back after a long absence",
    "epoch": "the server began anew",
}
_CONNECTIONS = {"looking": "looking", "streaming": "connected", "polling": "polling", "over": "over"}


def show(
    update: Update, headlines: Mapping[str, str], *, kind: str = "replay", beside: bool = False
) -> RenderableType | None:
    """Make what a person sees of an update, None if there is nothing to see.

    Args:
        update: as the follower gave it.
        headlines: of posts that were shown before, by id, so that a withdrawal can name its post.
        kind: what ends, if it ends.
        beside: the time stands beside a post, of which ``show_day`` told the day.
    """
    match update.event:
        case "post" | "update":
            return show_post(update.post(), updated=update.event == "update", beside=beside)
        case "delete":
            post_id = str(update.data.get("id", ""))
            line = Text(showable(headlines.get(post_id) or post_id), style="strike")
            told = Text.assemble(("withdrawn  ", "red"), line)
            return Group(Padding(told, (0, 0, 0, MARGIN)) if beside else told, Text())
        case "reset" if update.reason() in {"seek", "loop", "epoch", "expired"}:
            return Group(Rule(Text(_REASONS[update.reason()]), style="dim"), Text())
        case "clock":
            ended = update.clock().state == "ended"
            return Group(Rule(Text(f"the {kind} has ended"), style="dim"), Text()) if ended else None
    return None


def show_story(title: str, about: str) -> RenderableType:
    """Make what stands above all posts: which story it is, and what is said about it."""
    lines = [Text(showable(title), style="bold")] + ([Text(showable(about), style="dim")] if about else [])
    return Group(*lines, Text())


def show_day(moment: datetime) -> RenderableType:
    """Make the line above the posts of a day."""
    day = "undated" if moment == UNKNOWN_TIME else f"{moment:%A} {moment.day} {moment:%B %Y} ({_zone(moment)})"
    return Group(Rule(Text(day), style="dim", align="left"), Text())


def show_post(post: Post, *, updated: bool = False, beside: bool = False) -> RenderableType:
    """Make what a person sees of a post: when, what, by whom, the body, the captions."""
    facts = post.newsreel
    marks = [
        (label, style)
        for label, style, shown in (
            ("updated", "yellow", updated),
            ("key event", "bold yellow", facts.key_event),
            ("pinned", "yellow", facts.pinned),
        )
        if shown
    ]
    if beside:
        line = Text("  ").join(Text(label, style) for label, style in marks)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=MARGIN - 2, no_wrap=True)
        table.add_column(overflow="fold")
        hour = "" if facts.story_time == UNKNOWN_TIME else f"{facts.story_time:%H:%M}"
        table.add_row(Text(hour, style="cyan"), Group(*([line] if marks else []), *_words_of(post)))
        return Group(table, Text())
    head = Text("undated" if facts.story_time == UNKNOWN_TIME else stamp(facts.story_time), style="cyan")
    for label, style in marks:
        head.append(f"  {label}", style=style)
    return Group(head, *_words_of(post), Text())


def _words_of(post: Post) -> list[RenderableType]:
    facts = post.newsreel
    parts: list[RenderableType] = []
    if post.title and not facts.title_derived:
        parts.append(Text(showable(post.title), style="bold"))
    names = [a.name + (f" ({a.location})" if a.location else "") for a in post.authors]
    if names:
        parts.append(Text(showable("By " + ", ".join(names)), style="dim"))
    before = Block("")
    for block in blocks(post.content_html, captions=not post.images):
        tight = block.listed and before.listed
        parts += _spaced(block)[tight or not parts :]
        before = block
    for image in post.images:
        words = " – ".join(word for word in (image.caption, image.credit) if word)
        if words:
            parts += _spaced(Block(words, style="italic dim", mark="▣ "))
    return parts


def status_line(status: Status, count: int, now: float) -> Text:
    """Make the line at the bottom: connection, clock, keys, how many posts, the title; what does not fit is cut.

    Args:
        status: of the follower.
        count: posts shown and not withdrawn.
        now: the loop's time, in seconds.
    """
    if status.state == "waiting":
        connection = f"no connection, trying again in {max(status.waiting_until - now, 0):.0f} s"
    else:
        connection = _CONNECTIONS[status.state]
    parts = [connection]
    if status.clock is not None:
        parts.append(_clock(status.kind, status.clock, now - status.clock_seen))
    parts += [status.hint, f"{count} post" + ("" if count == 1 else "s"), showable(status.title or "")]
    return Text(" · ".join(part for part in parts if part), style="reverse", no_wrap=True, overflow="ellipsis")


def stamp(moment: datetime) -> str:
    """Write a moment in its own offset, the same in every locale: ``2023-02-01 00:22 (UTC-05:00)``."""
    return f"{moment:%Y-%m-%d %H:%M} ({_zone(moment)})"


def _zone(moment: datetime) -> str:
    offset = moment.strftime("%z")
    return "UTC" if offset in {"", "+0000"} else f"UTC{offset[:3]}:{offset[3:5]}"


def _clock(kind: str, clock: Clock, seconds: float) -> str:
    if clock.state == "live":
        return "caught up with the story"
    if clock.starts is not None:
        starts = clock.starts
        with suppress(OverflowError):  # nothing is said of the zone here at the ends of the calendar
            starts = starts.astimezone()
        return f"{kind} begins {stamp(starts)}"
    moment = clock.story_time
    if clock.state == "playing":
        with suppress(OverflowError):  # a clock that outran the calendar is shown where it started
            moment += timedelta(seconds=seconds * clock.speed)
    state = {"playing": "", "paused": " paused", "ended": " ended"}[clock.state]
    pace = f" {clock.speed:g}×" if clock.state != "ended" else ""
    return f"{kind}{state}{pace} at {stamp(moment)}"


def _spaced(block: Block) -> list[RenderableType]:
    text = Text(showable(block.mark + block.text), style="" if block.style == "code" else block.style)
    indent = min(block.indent, _DEEPEST)
    return [Text(), Padding(text, (0, 0, 0, indent), expand=False) if indent else text]
