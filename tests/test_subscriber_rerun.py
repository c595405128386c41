"""The subscriber follows a rerun of its own, and goes on with the same one after a restart."""

import json
import signal
from datetime import UTC, datetime

import pytest
from scripted import open_newsroom
from serving import publishing, transcript
from test_subscriber_cli import run, running

from subscriber import Rerun
from subscriber.discover import Channel
from subscriber.rerun import rerun_of

NOW = datetime(2026, 3, 2, 20, 0, 0, 900, tzinfo=UTC)


def test_the_moment_is_written_into_the_address():
    page = "http://x.example/harbour/"
    assert Rerun().fixed(page, NOW) == f"{page}?rerun=2026-03-02T20:00:00Z"
    asked = Rerun("120", "+10m", "1m30s").fixed(f"{page}?tag=a#top", NOW)
    assert asked == f"{page}?tag=a&rerun=2026-03-02T20:00:00Z&speed=120&from=%2B10m&max_gap=1m30s"
    channel = Channel("T", f"{page}events", {"application/atom+xml": f"{page}feed.atom?tag=a"})
    found = rerun_of(channel, asked)
    query = "rerun=2026-03-02T20:00:00Z&speed=120&from=%2B10m&max_gap=1m30s"
    assert found.stream == f"{page}events?{query}"
    assert list(found.feeds.values()) == [f"{page}feed.atom?tag=a&{query}"]


def test_a_rerun_that_was_begun_before_is_gone_on_with_if_it_is_the_same():
    page = "http://x.example/harbour/"
    begun = [Rerun(speed).fixed(page, datetime(2026, 1, 1, tzinfo=UTC)) for speed in ("60", "600")]
    assert Rerun("60").fixed(page, NOW, begun) == begun[0]
    assert "2026-03-02" in Rerun("6").fixed(page, NOW, begun)
    assert "2026-03-02" in Rerun("60").fixed("http://x.example/hill/", NOW, begun)


@pytest.fixture(scope="module")
def publisher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rerun")
    source, config = folder / "a-day.txt", folder / "config.toml"
    source.write_text(transcript(40), "utf-8")
    config.write_text(
        f'[server]\nport = 0\n[log]\nurl = "memory:"\n[channels.a-day]\nmode = "archive"\nsource = "{source}"\n'
    )
    with publishing("serve", "--config", config) as publisher:
        yield publisher


def told(out):
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("how", [(), ("--poll",)])
async def test_a_rerun_is_followed_to_its_end(publisher, how):
    code, out, err = await run("--rerun", "--speed", "100000", "--json", "--until-end", *how, publisher.root)
    assert code == 0, err
    posts = [one["data"] for one in told(out) if one["event"] == "post"]
    assert [post["title"] for post in posts] == [f"Post number {n}" for n in range(40)]
    assert all(post["_newsreel"]["replay"] == {"run": 1, "speed": 100_000.0} for post in posts)


async def test_the_end_of_a_rerun_is_called_so(publisher):
    code, out, err = await run("--rerun", "--speed", "100000", "--until-end", publisher.root)
    assert code == 0, err
    assert "the rerun has ended" in out


async def test_with_state_it_goes_on_with_the_same_rerun(publisher, tmp_path):
    arguments = ("--rerun", "--speed", "1200", "--json", "--until-end", "--state", tmp_path / "state", publisher.server)
    async with running(*arguments) as process:
        first = [json.loads(await process.stdout.readline()) for _ in range(8)]
        process.send_signal(signal.SIGKILL)
        first += told(await process.stdout.read())  # it may have been quicker than we are
    code, out, err = await run(*arguments)
    assert code == 0, err
    posts = [one["data"]["title"] for one in [*first, *told(out)] if one["event"] == "post"]
    assert list(dict.fromkeys(posts)) == [f"Post number {n}" for n in range(40)]
    assert len(posts) <= 41  # a kill repeats the last line at most
    starts = {one["data"]["feed_url"] for one in [*first, *told(out)] if one["event"] == "reset"}
    assert len(starts) == 1


async def test_what_the_server_refuses_is_told_in_its_words(publisher):
    code, _, err = await run("--rerun", "--from", "soon", publisher.root)
    assert (code, err.count("\n")) == (2, 1)
    assert "from: 'soon' is no moment; write" in err


async def test_reruns_are_asked_for_by_name_and_of_newsreel_only():
    code, _, err = await run("--speed", "60", "http://127.0.0.1:9/")
    assert code == 2
    assert "add --rerun" in err
    async with open_newsroom() as newsroom:
        newsroom.post("a")
        code, _, err = await run("--rerun", newsroom.root)
        assert code == 2
        assert "takes no reruns" in err
