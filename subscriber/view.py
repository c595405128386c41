"""Showing an update in a terminal: from Update to what rich can print. Pure.

Everything that came from outside passes ``showable`` and becomes a ``Text``, which takes no markup: a post cannot move
the cursor, colour the screen or turn the direction of writing.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import lxml.html
from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from shared.item import UNKNOWN_TIME
from shared.text import STORY_TIME_CLASS, showable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rich.console import RenderableType

    from shared.post import Post
    from shared.wire import Clock
    from subscriber.follower import Status
    from subscriber.update import Update

MARGIN = len("00:22") + 2
"""Columns of the time that stands beside a post."""
NARROW = 50
"""In fewer columns the time stands above."""
_DEEPEST = 16  # columns; what is nested deeper must still be readable in a narrow window
_SPACES = re.compile(r"\s+")
_PARAGRAPHS = {"p", "h2", "h3", "h4", "h5", "h6", "tr", "dt", "dd", "caption", "hr", "table", "ul", "ol", "dl"}
_REASONS = {
    "seek": "the replay was moved to another time",
    "loop": "the replay begins again",
    "expired": "back after a long absence",
    "epoch": "the server began anew",
}
_CONNECTIONS = {"looking": "looking", "streaming": "connected", "polling": "polling", "over": "over"}


@dataclass(slots=True)
class Block:
    """A run of text that stands by itself: a paragraph, a quotation, an item of a list, code, a caption."""

    text: str
    indent: int = 0
    style: str = ""
    mark: str = ""

    @property
    def listed(self) -> bool:
        """Tell whether it is an item of a list, which follows the one before without a gap."""
        return self.mark[:1] == "•" or self.mark[:1].isdigit()


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
        return f"{kind} begins {stamp(clock.starts.astimezone())}"
    moment = clock.story_time
    if clock.state == "playing":
        with suppress(OverflowError):  # a clock that outran the calendar is shown where it started
            moment += timedelta(seconds=seconds * clock.speed)
    state = {"playing": "", "paused": " paused", "ended": " ended"}[clock.state]
    pace = f" {clock.speed:g}×" if clock.state != "ended" else ""
    return f"{kind}{state}{pace} at {stamp(moment)}"


def blocks(html: str, *, captions: bool = True) -> list[Block]:
    """Take a body apart into blocks of plain text. ``captions``: those of its figures, too."""
    if not html.strip():
        return []
    found = [Block("")]
    _walk(lxml.html.fragment_fromstring(html, create_parent="div"), found, Block(""), captions=captions)
    for block in found:
        if block.style != "code":
            lines = (_SPACES.sub(" ", line).strip() for line in block.text.split("\n"))
            block.text = "\n".join(line for line in lines if line)
    return [block for block in found if block.text.strip()]


def _walk(element: lxml.html.HtmlElement, found: list[Block], within: Block, *, captions: bool) -> None:
    tag = element.tag if isinstance(element.tag, str) else ""
    inner = _inner(tag, within)
    if inner is not None:
        found.append(Block("", inner.indent, inner.style, inner.mark))
    hidden = not tag or element.get("class") == STORY_TIME_CLASS or (tag == "figure" and not captions)
    if not hidden:
        context = inner or within
        found[-1].text += "\n" if tag == "br" else ""
        found[-1].text += _words(element.text, context)
        number = int(element.get("start") or 1) if tag == "ol" and (element.get("start") or "1").isdecimal() else 1
        for child in element:
            item = child.tag == "li" and tag == "ol"
            mark = f"{number}. " if item else ""
            _walk(child, found, Block("", context.indent, context.style, mark), captions=captions)
            number += item
    if inner is not None:
        found.append(Block("", within.indent, within.style))
    elif tag in {"td", "th"} and element.getnext() is not None:
        found[-1].text += " | "
    found[-1].text += _words(element.tail, within)


def _inner(tag: str, within: Block) -> Block | None:
    """Tell how the block that ``tag`` opens looks, None if it opens none."""
    match tag:
        case "blockquote":
            return Block("", within.indent + 4, "italic")
        case "li":
            return Block("", within.indent + 2, within.style, within.mark or "• ")
        case "pre":
            return Block("", within.indent + 4, "code")
        case "figure" | "figcaption":
            return Block("", within.indent, "italic dim", "▣ " if tag == "figcaption" else "")
        case _ if tag in _PARAGRAPHS:
            # A paragraph inside a list item goes on after its mark.
            return Block("", within.indent, "bold" if tag[0] == "h" and tag != "hr" else within.style)
    return None


def _words(text: str | None, within: Block) -> str:
    if not text:
        return ""
    return text if within.style == "code" else _SPACES.sub(" ", text)


def _spaced(block: Block) -> list[RenderableType]:
    text = Text(showable(block.mark + block.text), style="" if block.style == "code" else block.style)
    indent = min(block.indent, _DEEPEST)
    return [Text(), Padding(text, (0, 0, 0, indent), expand=False) if indent else text]
