"""The terminal: posts scroll by as they arrive, one line at the bottom tells how things stand."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console
from rich.live import Live
from rich.text import Text

from shared.text import clean_line, showable
from subscriber.view import show, status_line

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from subscriber.follower import Status
    from subscriber.update import Update


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
        """Show one update."""
        shown = show(update, self._headlines)
        self._remember(update)
        if shown is not None:
            self._console.print(shown)

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
        return status_line(self._status, len(self._headlines), time.monotonic())
