"""The command as a person or a script runs it: a child process against a real server."""

import asyncio
import json
import os
import pty
import signal
import sys
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from patience import PATIENCE
from scripted import open_newsroom, serving

COMMAND = [sys.executable, "-m", "subscriber"]


@asynccontextmanager
async def running(*arguments, **settings):
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=settings.pop("stdout", asyncio.subprocess.PIPE),
        stderr=asyncio.subprocess.PIPE,
        limit=2**22,
        **settings,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def run(*arguments, **settings):
    async with running(*arguments, **settings) as process:
        out, err = await process.communicate()
        return process.returncode, (out or b"").decode(), err.decode()


async def next_line(process):
    return json.loads(await process.stdout.readline())


async def test_json_prints_one_line_an_event_with_keys_in_order():
    async with open_newsroom() as newsroom:
        newsroom.post("a", "“quoted” – ü")
        newsroom.tell_clock("ended")
        code, out, err = await run("--json", "--until-end", newsroom.root)
        lines = [json.loads(line) for line in out.splitlines()]
        assert code == 0
        assert [list(line) for line in lines] == [["event", "id", "data"]] * 3
        assert [line["event"] for line in lines] == ["reset", "post", "clock"]
        assert lines[1] == {"event": "post", "id": "e1-2", "data": newsroom.posts["a"]}
        assert "following the stream" in err and "following" not in out


async def test_lines_are_flushed_as_they_come():
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        async with running("--json", newsroom.root) as process:
            assert [(await next_line(process))["event"] for _ in range(2)] == ["reset", "post"]
            newsroom.post("b")
            assert (await next_line(process))["data"]["id"] == "b"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
async def test_interrupted_leaves_with_130_and_says_nothing(name):
    async with open_newsroom() as newsroom, running("--json", "-q", newsroom.root) as process:
        await next_line(process)
        process.send_signal(signal.Signals[name])
        out, err = await process.communicate()
        assert (process.returncode, out, err) == (130, b"", b"")


@pytest.mark.parametrize("how", [["--json"], []])
async def test_a_closed_pipe_is_quiet(how):
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        read, write = os.pipe()
        os.close(read)
        try:
            code, _, err = await run(*how, "-q", newsroom.root, stdout=write)
        finally:
            os.close(write)
        assert (code, err) == (0, "")


async def test_kill_9_repeats_at_most_the_last_line_and_loses_nothing(tmp_path):
    async with open_newsroom(window=4) as newsroom:
        told, last = set(), None

        def take(lines):
            """Fold one life's lines; of what was told before, only the post of the last line may come again, once."""
            nonlocal last
            ids = [line["data"]["id"] for line in map(json.loads, lines) if line["event"] == "post"]
            assert len(ids) == len(set(ids))
            assert told & set(ids) <= {last}
            told.update(ids)
            last = json.loads(lines[-1])["data"].get("id") if lines else last

        for life in range(6):
            for number in range(7):  # more than the window holds
                newsroom.post(f"p{life}-{number}")
            if life == 2:
                newsroom.expire()
            if life == 4:
                newsroom.begin_epoch("e2")
            if life == 5:
                newsroom.tell_clock("ended")
            async with running("--json", "-q", "--state", tmp_path / "state", newsroom.root) as process:
                lines = [await process.stdout.readline() for _ in range(3 + life % 3)]
                process.kill()
                lines += (await process.stdout.read()).splitlines(keepends=True)
            take([line for line in lines if line.endswith(b"\n")])  # half a line was not told
        code, out, _ = await run("--json", "--until-end", "--state", tmp_path / "state", newsroom.root)
        take(out.splitlines())
    assert code == 0
    # The first life joined with a window of four; from then on nothing may be missing.
    assert told == newsroom.posts.keys() - {"p0-0", "p0-1", "p0-2"}


async def test_with_state_a_second_run_tells_only_what_is_new(tmp_path):
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        arguments = ("--json", "--once", "--state", tmp_path / "state", newsroom.root)
        await run(*arguments)
        newsroom.revise("a", "second")
        newsroom.post("b")
        _, out, _ = await run(*arguments)
        events = [(line["event"], line["data"].get("id")) for line in map(json.loads, out.splitlines())]
        assert events == [("reset", None), ("update", "a"), ("post", "b")]


@pytest.mark.parametrize("arguments", [["--json"], []], ids=["json", "plain"])
async def test_it_ends_when_nobody_reads_it_any_more(arguments):
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        async with running(*arguments, newsroom.root) as process:
            assert await process.stdout.readline()
            process._transport.get_pipe_transport(1).close()  # as "| head" does; and no news comes
            assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
            assert b"rror" not in await process.stderr.read()


async def test_letters_that_a_terminal_lacks_are_replaced():
    async with open_newsroom() as newsroom:
        newsroom.post("a", "At the café, \u201cnobody\u201d")
        code, out, _ = await run("--once", newsroom.root, env={**os.environ, "PYTHONIOENCODING": "ascii"})
        assert code == 0
        assert "At the caf?, ?nobody?" in out


async def test_a_damaged_state_file_is_one_line(tmp_path):
    state = tmp_path / "state"
    state.write_bytes(b"this is no database, whatever its name may say" * 100)
    code, out, err = await run("--state", state, "http://127.0.0.1:9/")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert str(state) in err and "name another, or delete it" in err


async def test_plain_text_where_there_is_no_terminal():
    async with open_newsroom() as newsroom:
        newsroom.post("a", "words</p><blockquote><p>said \x1b]0;evil\x07 [bold]somebody[/bold]</p></blockquote>")
        newsroom.tell_clock("ended")
        code, out, _ = await run("--until-end", newsroom.root)
        assert code == 0
        assert "2023-02-01 00:22 (UTC-05:00)\nAbout a\n\nwords\n\n    said ]0;evil [bold]somebody[/bold]" in out
        assert "\x1b" not in out


async def test_a_terminal_gets_colours_and_a_status_line():
    async with open_newsroom() as newsroom:
        newsroom.post("a", "words")
        newsroom.tell_clock("playing")
        master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        environment.pop("NO_COLOR", None)
        try:
            async with running(newsroom.root, stdout=slave, env=environment) as process:
                shown = ""
                while "replay 60× at 2023-02-01" not in shown or "1 post" not in shown:
                    shown += (await asyncio.to_thread(os.read, master, 4096)).decode(errors="replace")
                process.send_signal(signal.SIGINT)
                os.set_blocking(master, False)
                await process.communicate()
                assert process.returncode == 130
        finally:
            os.close(slave)
            os.close(master)
        assert "1 post · Harbour live" in shown
        assert "\x1b[1mAbout a" in shown


async def test_several_channels_are_listed_one_a_line():
    async def home(request):
        links = "".join(
            f'<link rel="alternate" type="application/atom+xml" href="/{name}/feed.atom" title="{name} \x9b31m">'
            for name in ("harbour", "council")
        )
        return web.Response(text=f"<!doctype html><title>All</title>{links}", content_type="text/html")

    async with serving({"/": home}) as url:
        code, out, err = await run(url)
        assert code == 2
        assert out.splitlines() == [f"{url}harbour/feed.atom  harbour 31m", f"{url}council/feed.atom  council 31m"]
        assert err == f"newsreel-subscriber: {url} has 2 channels; follow one of them\n"
        code, out, err = await run("--json", url)
        assert (code, out, len(err.splitlines())) == (2, "", 3)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Missing argument 'URL'"),
        (["--nonsense", "http://127.0.0.1:9/"], 2, "--nonsense"),
        (["ftp://example.org/"], 2, "begins with http://"),
        (["example.org"], 2, "did you mean http://example.org"),
        (["http://127.0.0.1:9/"], 1, "nothing listens there"),
        (["http://newsreel.invalid/"], 1, "cannot reach"),
    ],
)
async def test_errors_are_one_line_with_the_exit_code_of_the_contract(arguments, code, words):
    found, out, err = await run(*arguments)
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert words in err and "Traceback" not in err


async def test_help_and_version():
    code, out, _ = await run("--help")
    assert code == 0 and "--until-end" in out and "Examples" in out
    code, out, _ = await run("--version")
    assert code == 0 and out.startswith("newsreel-subscriber")
