"""A real publisher in a process of its own, for tests that need one."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from pathlib import Path

from patience import PATIENCE

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def complaints_in(told):
    """Leave out of what a program says the one line that is of this machine: that few files may be open in it."""
    return "".join(line for line in told.splitlines(keepends=True) if "files may be open, and each reader" not in line)


class Publisher:
    """``newsreel-publisher …`` running; ``root`` is the URL of its first channel's page."""

    def __init__(self, *arguments, port=0, **options):
        self._command = [sys.executable, "-m", "publisher", *map(str, arguments)]
        self._options = options
        self.port = port
        self.start()

    def start(self):
        """Start, or start again at the same port."""
        command = [*self._command, "--port", str(self.port)] if "replay" in self._command else self._command
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **self._options
        )
        self.said = []
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith("Ctrl-C"):
                break
        else:
            raise AssertionError(f"the publisher ended: {self.process.stderr.read()}")
        self.root = re.search(r"page +(\S+)", "".join(self.said))[1]
        self.port = int(re.search(r":(\d+)/", self.root)[1])

    @property
    def server(self):
        """Give the server's own URL."""
        return self.root.rsplit("/", 2)[0] + "/"

    def kill(self):
        """End without any notice, as a power cut would."""
        self.process.kill()
        self._gone()

    def stop(self, how=signal.SIGTERM):
        """End in order; give the exit code."""
        self.process.send_signal(how)
        return self._gone()

    def _gone(self):
        code = self.process.wait(PATIENCE)
        self.complaints = complaints_in(self.process.stderr.read())
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@contextlib.contextmanager
def publishing(*arguments, **options):
    """Run a publisher for the length of a block."""
    publisher = Publisher(*arguments, **options)
    try:
        yield publisher
    finally:
        if not publisher.process.stdout.closed:
            publisher.stop()


def transcript(count, *, minutes=1, title="An invented day"):
    """Write a transcript of ``count`` posts, ``minutes`` apart, newest first as pages have it."""
    posts = []
    for number in reversed(range(count)):
        total = number * minutes
        hour, minute = divmod(total, 60)
        day, hour = divmod(hour, 24)
        shown = f"{(hour + 11) % 12 + 1}:{minute:02} {'a.m.' if hour < 12 else 'p.m.'} ET, February {day + 1}, 2023"
        posts.append(
            f"{shown}\n\nPost number {number}\n\nFrom the desk's Ada Quist\n\nThis is what post {number} says.\n"
        )
    head = f"{title}\n\nBy Ada Quist and Bo Lindqvist, Coast News\n\n{count} Posts\nSort byDropdown arrow\n"
    return head + "\n".join(posts)
