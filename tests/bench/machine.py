"""The machine: what it is, which core is whose, what a process costs."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_FILES = 1 << 20
_PR_SET_PDEATHSIG = 1


def cores() -> tuple[set[int], set[int]]:
    """Give the server's core and the readers'; on a machine with one, both are the same."""
    known = sorted(os.sched_getaffinity(0))
    return {known[0]}, {known[-1]}


def pinned(core: set[int]) -> Callable[[], None]:
    """Make what ``subprocess`` is to run in the child: take the core, as many files as there are, and end with us."""
    libc = ctypes.CDLL(None)

    def before() -> None:
        os.sched_setaffinity(0, core)
        many_files()
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return before


def many_files() -> int:
    """Raise the limit of open files as far as it goes, and tell it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def cpu_seconds(pids: list[int]) -> float:
    """Tell the CPU time, user and system, that processes and all their threads have used."""
    spent = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            spent += int((task / "schedstat").read_text().split()[0])  # ns; stat counts in hundredths of a second
    return spent / 1e9


def memory(pids: list[int], what: str = "VmRSS") -> int:
    """Tell the bytes that processes hold; ``VmHWM``: have held at most."""
    return sum(
        int(line.split()[1]) * 1024
        for pid in pids
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith(what + ":")
    )


def socket_memory() -> int:
    """Tell the bytes that TCP holds in the kernel, of the whole machine."""
    line = next(line for line in Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:"))
    return int(line.split()[-1]) * resource.getpagesize()


def described() -> str:
    """Describe the machine in one line, to stand above a table."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    ours, theirs = cores()
    shared = "server and readers share a core" if ours == theirs else "server on one core, readers on another"
    return (
        f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, Python {platform.python_version()}, loopback, "
        f"{shared}, {datetime.now(UTC):%Y-%m-%d}; load before: {os.getloadavg()[0]:.2f}"
    )
