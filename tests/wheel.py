"""The journey with an installed wheel, away from the checkout: ``wheel.py BIN EXAMPLES``. Run by CI."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def main(programs, examples):
    """Check, export, replay and follow an example with the programs in ``programs``."""
    publisher, subscriber = programs / "newsreel-publisher", programs / "newsreel-subscriber"
    example = examples / "moon-landing.txt"
    with tempfile.TemporaryDirectory() as elsewhere:
        run = {"cwd": elsewhere, "text": True}
        report = json.loads(subprocess.check_output([publisher, "check", example, "--json"], **run))
        expected = [post["id"] for post in report["posts"]]
        export = [publisher, "export", example, "--output", "site", "--base-url", "https://news.example/"]
        subprocess.check_call(export, **run, stdout=subprocess.DEVNULL)
        assert "EventSource" not in (Path(elsewhere) / "site" / "index.html").read_text()
        replay = [publisher, "replay", example, "--speed", "3600", "--port", "0"]
        with subprocess.Popen(replay, stdout=subprocess.PIPE, **run) as server:
            try:
                page = next(found[1] for line in server.stdout if (found := re.search(r"page +(\S+)", line)))
                lines = subprocess.check_output([subscriber, page, "--json", "--until-end"], **run, timeout=300)
            finally:
                server.terminate()
        events = [json.loads(line) for line in lines.splitlines()]
        arrived = [event["data"]["id"].rpartition("/")[2] for event in events if event["event"] == "post"]
        assert arrived == expected, (arrived, expected)
    print(f"wheel: {len(arrived)} posts checked, exported, replayed and followed")


if __name__ == "__main__":
    main(*(Path(argument).resolve() for argument in sys.argv[1:]))
