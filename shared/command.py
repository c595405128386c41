"""How both programs behave on a command line: options they share, notes, one-line errors, exit codes.

Exit codes: 0 done, 1 failed while working, 2 wrong usage, configuration or a refused source, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shared.errors import NewsreelError
from shared.text import clean_line, showable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INTERRUPTED = 130
OURS = ("publisher", "shared", "subscriber")

F = TypeVar("F", bound="Callable[..., Any]")


def common_options(command: F) -> F:
    """Add ``-v``, ``-q`` and ``--debug``, and set by them how much is told on standard error."""

    def set_level(ctx: click.Context, param: click.Parameter, value: int) -> None:
        if value and not ctx.resilient_parsing:
            for name in OURS:
                logger = logging.getLogger(name)
                quiet = param.name == "quiet"
                logger.setLevel(logging.ERROR if quiet else max(logger.level - 10 * value, logging.DEBUG))

    for flag in (
        click.option(
            "-v", "--verbose", count=True, expose_value=False, callback=set_level, help="Tell more; -vv: all."
        ),
        click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=set_level, help="Tell errors only."),
        click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."),
    ):
        command = flag(command)
    return command


def run(
    command: click.Command, program: str, arguments: Sequence[str] | None = None, *, level: int = logging.WARNING
) -> int:
    """Run a command and give its exit code; every error is one line on standard error.

    Args:
        command: one that returns None or an exit code.
        program: what to call it in notes and errors.
        arguments: None for those of the process.
        level: from which on newsreel's own notes are told, unless ``-v`` or ``-q`` is given.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a letter shows a question mark, and goes on
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    notes = _Notes(program, tracebacks="--debug" in arguments)
    logging.basicConfig(level=logging.WARNING, handlers=[notes], format="%(message)s")
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    try:
        # Not main(): it has answers of its own to Ctrl-C and to closed pipes.
        with command.make_context(program, arguments.copy()) as context:
            code = command.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message(), err=True)
        return asked.exit_code
    except (click.Abort, KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output had enough (| head); the interpreter's last flush must go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--debug" in arguments:
            raise
        line, code = _explained(error, program)
        _say(program, line)
    return code if isinstance(code, int) else 0


def _explained(error: Exception, program: str) -> tuple[str, int]:
    """Give the line and the exit code for an error."""
    match error:
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else program
            said = error.format_message().rstrip(".")
            return f"{said}{'' if said.endswith('?') else '.'} See {path} --help.", 2
        case click.ClickException():
            return error.format_message(), 2
        case NewsreelError():
            return str(error), error.exit_code
        case _:
            return f"unexpected {type(error).__name__}: {error}; run again with --debug and report what it says", 1


class _Notes(logging.Handler):
    """Writes notes to standard error, which is looked up each time: a status line may have borrowed it."""

    def __init__(self, program: str, *, tracebacks: bool) -> None:
        super().__init__()
        self._program = program
        self._tracebacks = tracebacks

    def emit(self, record: logging.LogRecord) -> None:
        line, error = record.getMessage(), record.exc_info[1] if record.exc_info else None
        if error is not None:
            line += f": {type(error).__name__}: {error}" + ("" if self._tracebacks else "; --debug shows where")
        _say(self._program, line)
        if error is not None and self._tracebacks:
            traceback.print_exception(error)


def _say(program: str, line: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it
        print(f"{program}: {clean_line(showable(line))}", file=sys.stderr)  # noqa: T201
