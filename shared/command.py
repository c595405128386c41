"""How both programs behave on a command line: options they share, one-line errors, exit codes.

Exit codes: 0 done, 1 failed while working, 2 wrong usage, configuration or a refused source, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shared.errors import NewsreelError

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def common_options(command: F) -> F:
    """Add ``-v``, ``-q`` and ``--debug``, and set logging by them."""

    def set_level(ctx: click.Context, param: click.Parameter, value: int | bool) -> None:  # noqa: FBT001 click's signature
        if value and not ctx.resilient_parsing:
            root = logging.getLogger()
            if param.name == "quiet":
                root.setLevel(logging.ERROR)
            elif param.name == "debug":
                root.setLevel(logging.DEBUG)
            else:
                root.setLevel(logging.INFO if value == 1 else logging.DEBUG)

    for flag in (
        click.option("-v", "--verbose", count=True, expose_value=False, callback=set_level, help="Say more; -vv: all."),
        click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=set_level, help="Say errors only."),
        click.option("--debug", is_flag=True, expose_value=False, callback=set_level, help="Show tracebacks."),
    ):
        command = flag(command)
    return command


def run(command: click.Command, program: str) -> int:
    """Run a command and give its exit code; every error is one line on standard error."""
    debug = "--debug" in sys.argv[1:]
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        code = command.main(prog_name=program, standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (| head); Python must not complain again when it flushes at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if debug:
            raise
        line, code = _told(error, program)
        click.echo(line, err=True)
    return code if isinstance(code, int) else 0


def _told(error: Exception, program: str) -> tuple[str, int]:
    """Give the line and the exit code for an error."""
    match error:
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else program
            return f"{path}: {error.format_message()} Try {path} --help.", 2
        case click.ClickException():
            return f"{program}: {error.format_message()}", 2
        case NewsreelError():
            return f"{program}: {error}", error.exit_code
        case _:
            what = f"{type(error).__name__}: {error}".replace("\n", " ")
            return f"{program}: a fault of newsreel: {what}; --debug shows where", 1
