"""All benchmarks, shortly: ``make bench``."""

import subprocess
import sys

for options in ((), ("--log", "sqlite:/tmp/newsreel-bench.db")):
    command = [sys.executable, "-m", "tests.bench.fanout", "--seconds", "10", *options]
    print(" ".join(command[2:]), flush=True)
    subprocess.run(command, check=True)
