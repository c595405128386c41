"""The readers' side of a bench: ``readers.c``, or ``readers.py`` where there is no C compiler. Both speak the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.machine import cores, pinned

HERE = Path(__file__).parent
SOURCES = 64
"""Addresses of 127.0.0.0/8 from which readers come."""
IN_FLIGHT = 256
"""Connections that are being made at a time, while nobody measures."""
SPARE_SECONDS = 30.0

_programs = tempfile.TemporaryDirectory(prefix="newsreel-bench-")


def compiled(name: str) -> str | None:
    """Compile a C program of this folder; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    program = Path(_programs.name) / name
    if not program.exists():
        subprocess.run([compiler, "-O2", "-o", str(program), str(HERE / f"{name}.c")], check=True)
    return str(program)


class Readers:
    """Readers of one server, connected and at rest between rounds."""

    def __init__(self, port: int, path: str, count: int, *, in_flight: int = IN_FLIGHT, after: str = "") -> None:
        program = compiled("readers")
        command = [program] if program else [sys.executable, str(HERE / "readers.py")]
        self.count = count
        self._process = subprocess.Popen(
            [*command, str(port), path, str(count), str(SOURCES), str(in_flight), *([after] if after else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=pinned(cores()[1]),  # noqa: PLW1509 there are no threads
        )

    def say(self, command: str) -> None:
        """Give an order that has no answer, or whose answer is waited for later."""
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for the answer to an order."""
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the readers ended; see what they said above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def joined(self, seconds: float = 120) -> dict[str, Any]:
        """Wait until all read their streams."""
        self.say(f"joined {seconds}")
        told = self.hear()
        if told["joined"] != self.count:
            raise SystemExit(f"of {self.count} readers only {told['joined']} could join: {told}")
        return told

    def close(self) -> None:
        """End; what the server then sees are connections that are gone."""
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.stdout.close()


def pin_to_readers() -> None:
    """Keep this process away from the server's core."""
    os.sched_setaffinity(0, cores()[1])
