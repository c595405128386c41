"""All benchmarks, shortly: ``make bench``."""

import subprocess
import sys
import tempfile

print("tests.bench.reading", flush=True)
subprocess.run([sys.executable, "-m", "tests.bench.reading"], check=True)
with tempfile.TemporaryDirectory() as folder:
    for log in ("memory:", f"sqlite:{folder}/log.db"):
        print(f"tests.bench.fanout --seconds 10 --log {log.partition(':')[0]}:", flush=True)
        subprocess.run([sys.executable, "-m", "tests.bench.fanout", "--seconds", "10", "--log", log], check=True)
