"""The benches: ``python -m tests.bench`` runs each in its short form, ``python -m tests.bench NAME …`` one in full.

``python -m tests.bench full [NAME …]`` runs those named in full, one after the other, or all.

To add a bench: a module here with a ``__main__`` of its own that takes its options from ``sys.argv``, starts and ends
all that it needs, is bounded in time, and prints what it found; and one line in ``BENCHES``.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

from tests.bench.contest import CASES


@dataclass(frozen=True, slots=True)
class Bench:
    """A bench: its module in this folder, the arguments that it always has, and those that make it short."""

    module: str
    always: tuple[str, ...] = ()
    short: tuple[str, ...] = ()

    def run(self, given: list[str]) -> int:
        """Run it in a process of its own; give its exit code."""
        command = [sys.executable, "-m", f"tests.bench.{self.module}", *self.always, *given]
        print("$ python", *command[1:], flush=True)
        return subprocess.run(command, check=False).returncode


BENCHES = {
    "websub": Bench("websub", short=("--subscribers", "200", "--posts", "3", "--every", "1")),
    "documents": Bench("documents", short=("--pairs", "5", "--seconds", "0.3")),
    "reading": Bench("reading"),
    "kills": Bench("kills", short=("--kills", "6")),
    "replay": Bench("replay", short=("--cues", "20000", "--seconds", "3")),
    "library": Bench("library", short=("--posts", "20000", "--releases", "100")),
    **{case: Bench("contest", (case,), ("--pairs", "2", "--readers", "500")) for case in CASES},
    "idle": Bench("resilience", ("idle",), ("--times", "1", "--readers", "500")),
    "restart": Bench("resilience", ("restart",), ("--times", "1", "--readers", "500")),
    "stalled": Bench("resilience", ("stalled",), ("--times", "1", "--readers", "200", "--seconds", "5")),
    "behind": Bench("resilience", ("behind",), ("--times", "1", "--events", "5000")),
    "reruns": Bench("reruns", short=("--readers", "200", "--events", "8")),
    "soak": Bench("soak", short=("--readers", "100", "--seconds", "15")),
}


def main(arguments: list[str]) -> int:
    """Run what was named, else all; the exit code is 1 if one failed."""
    if not arguments:
        return min(1, max(abs(bench.run(list(bench.short))) for bench in BENCHES.values()))
    name, *given = arguments
    if name in {"-h", "--help"}:
        print(f"{__doc__}\nThere are: {', '.join(BENCHES)}.")
        return 0
    wanted = (given or list(BENCHES)) if name == "full" else [name]
    unknown = [one for one in wanted if one not in BENCHES]
    if unknown:
        print(f"there is no bench {unknown[0]!r}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    if name == "full":
        return min(1, max(abs(BENCHES[one].run([])) for one in wanted))
    return BENCHES[name].run(given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
