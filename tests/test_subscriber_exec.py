"""``--exec``: a command of the user's for each event, run by a real shell from a real process."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
from pathlib import Path

import pytest
from patience import soon
from scripted import open_newsroom
from test_subscriber_cli import run, running

from subscriber import Update
from subscriber.execute import environment


def posts(text):
    return [line["data"]["id"] for line in map(json.loads, text.splitlines()) if line["event"] == "post"]


def gone(pid):
    """Tell whether a process has ended; a zombie has, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def test_each_event_is_the_standard_input_of_a_command_in_order(tmp_path):
    async with open_newsroom() as newsroom:
        newsroom.post("a", "“quoted” – ü")
        newsroom.post("b", "x" * 200_000)  # more than a pipe holds
        newsroom.tell_clock("ended")
        told = tmp_path / "told"
        code, out, err = await run("--json", "-q", "--until-end", "--exec", f"cat >> {told}", newsroom.root)
        assert (code, err) == (0, "")
        assert told.read_text("utf-8") == out
        assert [json.loads(line)["event"] for line in out.splitlines()] == ["reset", "post", "post", "clock"]


async def test_one_ends_before_the_next_begins(tmp_path):
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.post("b")
        # Each finds the mark gone that the one before made and, a moment later, took away.
        command = f"mkdir {tmp_path}/busy && sleep 0.05; rmdir {tmp_path}/busy"
        code, _, err = await run("-q", "--once", "--exec", command, newsroom.root)
        assert (code, err) == (0, "")


async def test_the_environment_tells_what_a_script_chooses_by(tmp_path):
    async with open_newsroom() as newsroom:
        newsroom.post("a", title="$(touch evil) `touch evil`; touch evil \x1b]0;x\x07\n'\"two")
        newsroom.tell_clock("playing")
        command = 'printf "%s|%s|%s|%s\\n" "$NEWSREEL_EVENT" "$NEWSREEL_ID" "$NEWSREEL_TITLE" "$NEWSREEL_URL" >> told'
        async with running("-q", "--json", "--exec", command, newsroom.root, cwd=tmp_path) as process:
            for _ in range(3):
                await process.stdout.readline()
            newsroom.withdraw("a")
            newsroom.tell_clock("ended")
            for _ in range(2):
                await process.stdout.readline()
        told = (tmp_path / "told").read_text().splitlines()
        assert told[:4] == [
            f"reset||Harbour live|{newsroom.root}",
            f"post|a|$(touch evil) `touch evil`; touch evil ]0;x '\"two|{newsroom.root}posts/a",
            "clock|||",
            "delete|a||",
        ]
        assert [path.name for path in tmp_path.iterdir()] == ["told"]


def test_nothing_in_the_environment_is_more_than_a_system_takes():
    data = {"id": "i\0d\n2", "title": "\u202e" + "ü" * 300_000, "content_html": "", "url": "javascript:alert(1)"}
    facts = environment(Update("post", None, data | {"date_published": "2023-02-01T00:22:00-05:00"}))
    assert facts["NEWSREEL_ID"] == "id 2"
    assert facts["NEWSREEL_URL"] == ""
    assert set(facts["NEWSREEL_TITLE"]) == {"ü"}
    assert len(facts["NEWSREEL_TITLE"].encode()) < 128 * 1024


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("exit 3", "failed with exit code 3"),
        ("no-such-command-anywhere", "failed with exit code 127"),
        ("kill -KILL $$", "was ended by SIGKILL"),
    ],
)
async def test_a_failure_is_one_line_and_the_following_goes_on(command, words):
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.post("b")
        code, out, err = await run("--json", "-q", "--once", "--exec", command, newsroom.root)
        assert (code, posts(out)) == (0, ["a", "b"])
        lines = [line for line in err.splitlines() if line.startswith("newsreel-subscriber: ")]
        assert lines == [f"newsreel-subscriber: --exec {words} for {about}" for about in ("reset", "post a", "post b")]


async def test_a_command_that_cannot_be_run_is_told_too():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        # More than the kernel takes in one argument: so it is made within the subscriber.
        program = "import sys; from subscriber.cli import main; sys.argv[2] *= 200_000; sys.exit(main())"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, "--exec", "x", "--json", "-q", "--once", newsroom.root),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert (process.returncode, posts(out.decode())) == (0, ["a"])
        assert err.decode().splitlines()[1] == (
            "newsreel-subscriber: --exec cannot be run for post a: Argument list too long"
        )


async def test_what_a_command_prints_is_not_among_the_lines_of_json():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        code, out, err = await run("--json", "-q", "--once", "--exec", "echo $NEWSREEL_EVENT", newsroom.root)
        assert (code, posts(out), err) == (0, ["a"], "reset\npost\n")


async def test_without_a_terminal_it_stands_after_its_post():
    async with open_newsroom() as newsroom:
        newsroom.post("a", "words")
        code, out, err = await run("-q", "--once", "--exec", "echo told: $NEWSREEL_ID", newsroom.root)
        assert (code, err) == (0, "")
        assert out.index("About a") < out.index("words") < out.index("told: a")


async def test_in_a_terminal_it_is_part_of_the_view():
    async with open_newsroom() as newsroom:
        newsroom.post("a", "words")
        newsroom.tell_clock("playing")
        master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        command = "printf 'told: %s \\033[2Jü' \"$NEWSREEL_ID\"; test ! -t 1 && echo >&2 ' no terminal'; (sleep 9 &)"
        try:
            async with running("--exec", command, newsroom.root, stdout=slave, env=environment) as process:
                shown = ""
                while "[2Jü no terminal\r\n" not in shown.partition("told: a")[2] or "1 post" not in shown:
                    shown += (await asyncio.to_thread(os.read, master, 4096)).decode(errors="replace")
                process.send_signal(signal.SIGINT)
                os.close(slave)
                with contextlib.suppress(OSError):  # a terminal that nobody has any more
                    while await asyncio.to_thread(os.read, master, 4096):
                        pass
                await process.communicate()
                assert process.returncode == 130
        finally:
            os.close(master)
        assert "told: a [2Jü no terminal" in shown
        assert "\x1b[2J" not in shown


async def test_the_position_is_noted_after_the_command(tmp_path):
    state, told = tmp_path / "state", tmp_path / "told"
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        newsroom.post("b")
        hang = "echo $$ > p; mv p pid; exec sleep 60 > /dev/null 2>&1"
        command = f'echo "$NEWSREEL_ID" >> told; test "$NEWSREEL_ID" != b || {{ {hang}; }}'
        async with running("-q", "--state", state, "--exec", command, newsroom.root, cwd=tmp_path) as process:
            await soon((tmp_path / "pid").exists)
            process.kill()
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
        await run("-q", "--state", state, "--once", "--exec", f'echo "$NEWSREEL_ID" >> {told}', newsroom.root)
        # The one that was not done is done again; the reset is of the second life.
        assert [line for line in told.read_text().splitlines() if line] == ["a", "b", "b"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
async def test_interrupted_it_ends_the_command_and_what_that_began(tmp_path, name):
    async with open_newsroom() as newsroom:
        # What runs behind tells of itself: a shell's fork that is no program yet would lose the signal.
        behind = "sh -c 'echo $$ > p; mv p pid; exec sleep 60' &"
        command = f"trap 'echo ended > {tmp_path}/ended; exit' TERM; {behind} wait"
        async with running("-q", "--exec", command, newsroom.root, cwd=tmp_path) as process:
            await soon((tmp_path / "pid").exists)
            process.send_signal(signal.Signals[name])
            _, err = await process.communicate()
            assert (process.returncode, err) == (130, b"")
        assert (tmp_path / "ended").read_text() == "ended\n"
        pid = int((tmp_path / "pid").read_text())
        await soon(lambda: gone(pid))


async def test_a_command_that_will_not_end_is_killed_by_a_second_ctrl_c(tmp_path):
    async with open_newsroom() as newsroom:
        command = "trap 'touch asked' TERM; echo $$ > p; mv p pid; while :; do sleep 0.02; done"
        async with running("-q", "--exec", command, newsroom.root, cwd=tmp_path) as process:
            await soon((tmp_path / "pid").exists)
            process.send_signal(signal.SIGINT)
            await soon((tmp_path / "asked").exists)
            process.send_signal(signal.SIGINT)
            await process.communicate()
            assert process.returncode == 130
        pid = int((tmp_path / "pid").read_text())
        await soon(lambda: gone(pid))


async def test_a_command_in_the_background_holds_up_nothing(tmp_path):
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        command = f"(sleep 60; cat) <&0 >/dev/null 2>&1 & echo $! >> {tmp_path}/pids"
        try:
            async with running("-q", "--once", "--exec", command, newsroom.root) as process:
                assert await process.wait() == 0
        finally:
            for pid in (tmp_path / "pids").read_text().split():
                os.kill(int(pid), signal.SIGTERM)


async def test_an_empty_command_is_wrong_usage():
    code, out, err = await run("--exec", " ", "http://127.0.0.1:9/")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--exec takes a command" in err
