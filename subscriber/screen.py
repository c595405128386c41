"""The terminal: posts scroll by as they arrive, one line at the bottom tells how things stand."""

from __future__ import annotations

import re
import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console
from rich.live import Live
from rich.text import Text

from shared.text import clean_line, showable
from subscriber.view import NARROW, show, show_day, show_story, status_line

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import RenderableType

    from subscriber.status import Status
    from subscriber.update import Update


WIDEST = 96
"""Columns that lines of text take at most: longer ones lead the eye astray."""
_LINE_ENDS = re.compile(r" +\n")


class Terminal(Console):
    """Standard output; a closed pipe is an ordinary error to whoever writes."""

    def on_broken_pipe(self) -> NoReturn:
        """Leave it to the command."""
        raise BrokenPipeError


class Screen:
    """Prints updates; plain text without colours or status line when standard output is no terminal."""

    def __init__(self, status: Status, console: Console | None = None) -> None:
        self._status = status
        self._console = console or Terminal(highlight=False, markup=False, emoji=False)
        self._headlines: dict[str, str] = {}
        self._named = False
        self._day = ""

    @property
    def is_live(self) -> bool:
        """Tell whether there is a status line, which whatever else is printed would tear."""
        return self._console.is_terminal

    def opened(self) -> AbstractContextManager[object]:
        """Show the status line while the context lasts."""
        if not self.is_live:
            return nullcontext()
        return Live(
            get_renderable=self._line,
            console=self._console,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=sys.stderr.isatty(),
        )

    def print(self, update: Update) -> None:
        """Show one update; before the first one the name of the story, on a terminal above each day its date."""
        beside = self.is_live and self._console.width >= NARROW
        shown = show(update, self._headlines, kind=self._status.kind, beside=beside)
        self._remember(update)
        if not self._named and self._status.title and (shown is not None or update.event == "reset"):
            self._named = True
            about = update.data.get("description") if update.event == "reset" else None
            self._print(show_story(self._status.title, about if isinstance(about, str) else ""))
        if beside and update.event in {"post", "update"}:
            moment = update.post().story_time
            if (day := f"{moment:%Y-%m-%d %z}") != self._day:
                self._day = day
                self._print(show_day(moment))
        if shown is not None:
            self._print(shown)

    def _print(self, shown: RenderableType) -> None:
        if self.is_live:
            self._console.print(shown, width=min(self._console.width, WIDEST))
            return
        with self._console.capture() as captured:
            self._console.print(shown)
        self._console.file.write(_LINE_ENDS.sub("\n", captured.get()))  # rich fills up what it indents
        self._console.file.flush()

    def say(self, line: str) -> None:
        """Show one line of somebody else's."""
        self._console.print(Text(showable(line.expandtabs())))

    def _remember(self, update: Update) -> None:
        match update.event:
            case "post" | "update":
                post = update.post()
                self._headlines[post.id] = clean_line(post.heading)
            case "delete":
                self._headlines.pop(str(update.data.get("id")), None)
            case "reset" if update.reason() in {"seek", "loop"}:
                self._headlines.clear()

    def _line(self) -> Text:
        line = status_line(self._status, len(self._headlines), time.monotonic())
        line.truncate(max(self._console.width - len("^C"), 1), overflow="ellipsis")  # what is typed must not wrap it
        return line
