"""A replay as its user starts and drives it: options, the command ``clock``, what readers see of it."""

import gc
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from patience import PATIENCE, soon, until
from serving import EXAMPLES, publishing, transcript

from publisher.app import Server
from publisher.channel import Channel
from publisher.cli import publisher
from publisher.config import arguments
from publisher.intake import read_sources
from publisher.opener import NothingToReplayError
from publisher.replay.conductor import Conductor
from shared.command import run
from shared.driving import clock_url

HARBOUR = EXAMPLES / "harbour-fire.txt"


def get(url):
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.read()


def feed(root):
    return json.loads(get(f"{root}feed.json"))


def titles(root):
    return [item["title"] for item in feed(root)["items"]]


@pytest.fixture
def page(tmp_path):
    def write(count, **options):
        path = tmp_path / "an-invented-day.txt"
        path.write_text(transcript(count, **options), "utf-8")
        return path

    return write


@pytest.fixture
def clock(capsys, monkeypatch):
    """Give a function that runs ``newsreel-publisher clock …`` and gives its exit code and what it said."""
    monkeypatch.delenv("NEWSREEL_TOKEN", raising=False)

    def ask(*arguments):
        code = run(publisher, "newsreel-publisher", ["clock", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, (out + err).strip()

    return ask


def test_the_command_drives_a_replay_that_runs_here_and_says_how_it_stands(page, clock):
    with publishing("replay", page(10), "--speed", 1) as served:
        assert f"newsreel-publisher clock {served.root} pause" in "".join(served.said)
        assert clock(served.root)[1].startswith("playing at 1×: 1 February 2023, 00:00 (UTC-05:00), ")
        code, said = clock(served.root, "pause")
        assert (code, said.partition(":")[0]) == (0, "paused at 1×")
        assert clock(f"{served.root}feed.atom", "step")[0] == 0
        until(lambda: titles(served.root) == ["Post number 1", "Post number 0"], what="the step")
        code, said = clock(f"{served.root}events", "seek", "00:04", "--json")
        assert json.loads(said)["elapsed"] == 240
        until(lambda: len(titles(served.root)) == 5, what="the seek")
        assert json.loads(clock(served.root, "seek", "90", "--json")[1])["elapsed"] == 90
        post = feed(served.root)["items"][0]["url"]
        assert json.loads(clock(served.root, "seek", post, "--json")[1])["elapsed"] == 60
        assert clock(served.root, "speed", "100000x")[1].startswith("paused at 100000×")
        clock(served.root, "play")
        until(lambda: feed(served.root).get("expired"), what="the end")
        assert clock(served.root)[1].endswith("9m from its beginning; play begins it again")


def test_the_command_says_what_is_wrong_in_one_line(page, clock, monkeypatch):
    with publishing("replay", page(2), "--speed", 1) as served:
        for arguments, code, told in (
            (
                (served.root, "seek", "yesterday"),
                2,
                "'yesterday' is neither a moment of the story nor the id of a post",
            ),
            ((served.root, "speed"), 2, "speed takes a speed, such as 60 or 0.5x"),
            ((served.root, "speed", "fast"), 2, "'fast' is no speed"),
            ((served.root, "pause", "5"), 2, "pause takes no value"),
            ((served.root, "stop"), 2, "'stop' is not one of"),
            ((served.server,), 1, "is no clock of a replay (404); give a replay's page"),
            (("127.0.0.1:8000/x/",), 2, "did you mean http://"),
        ):
            assert clock(*arguments)[0] == code
            said = clock(*arguments)[1]
            assert told in said
            assert "\n" not in said
        monkeypatch.setenv("NEWSREEL_TOKEN", "another")
        code, said = clock(served.root, "pause")
        assert (code, "the server refuses the token" in said, "another" in said) == (2, True, False)
        monkeypatch.delenv("NEWSREEL_TOKEN")
    code, said = clock(served.root)
    assert (code, "cannot reach" in said) == (1, True)
    code, said = clock(served.root, "pause")
    assert (code, "cannot reach" in said) == (1, True)


def test_without_a_token_the_command_says_who_lacks_it(page, clock, monkeypatch, tmp_path):
    settings = tmp_path / "config.toml"
    settings.write_text(f'[server]\nport = 0\n[channels.a]\nsource = "{page(2)}"\n')
    with publishing("serve", "--config", settings) as served:
        code, said = clock(served.root, "pause")
        assert (code, "this server has no token" in said, "NEWSREEL_TOKEN set" in said) == (2, True, True)
    monkeypatch.setenv("NEWSREEL_TOKEN", "a-token")
    with publishing("serve", "--config", settings) as served:
        monkeypatch.delenv("NEWSREEL_TOKEN")
        code, said = clock(served.root, "pause")
        assert (code, "no token for" in said, "NEWSREEL_TOKEN to the server's" in said) == (2, True, True)


def test_a_token_of_ones_own_drives_it_from_anywhere(page, clock, monkeypatch, tmp_path):
    file = tmp_path / "token"
    file.write_text("a-token-of-my-own\n")
    with publishing("replay", page(2), "--speed", 1, "--token-file", file) as served:
        assert clock(served.root, "pause")[0] == 2
        assert clock(served.root, "pause", "--token-file", file)[0] == 0
        monkeypatch.setenv("NEWSREEL_TOKEN", "a-token-of-my-own")
        assert clock(served.root, "play")[0] == 0


@pytest.mark.parametrize(
    "url",
    ["http://h:1/live/a/", "http://h:1/live/a", "http://h:1/live/a/feed.rss", "http://h:1/live/a/events?after=k-1",
     "http://h:1/live/a/clock", "http://h:1/live/a/posts/x"],
)  # fmt: skip
def test_the_clock_is_found_from_every_address_of_a_channel(url):
    assert clock_url(url) == "http://h:1/live/a/clock"


def test_before_its_start_the_channel_is_open_and_empty_and_says_when_it_begins(page, clock):
    start = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    with publishing("replay", page(3), "--start", start.isoformat()) as served:
        assert titles(served.root) == []
        assert feed(served.root)["_newsreel"]["clock"]["starts"] == start.isoformat().replace("+00:00", "Z")
        assert b"Nothing yet" in get(served.root)
        assert "Replaying 3 posts of 1 February 2023 at 60× from " in served.said[0]
        assert clock(served.root)[1].startswith("waiting: begins ")
        clock(served.root, "play")
        until(lambda: titles(served.root), what="the first post")


def test_a_start_in_the_past_is_joined_where_it_stands_by_now(page):
    start = datetime.now(UTC) - timedelta(minutes=50)
    with publishing("replay", page(10, minutes=20), "--speed", "1", "--start", start.isoformat()) as served:
        until(lambda: titles(served.root) == ["Post number 2", "Post number 1", "Post number 0"], what="what is due")


def test_the_first_posts_are_out_at_once(page):
    with publishing("replay", page(10), "--speed", "1", "--lead", "4") as served:
        until(lambda: len(titles(served.root)) == 4, what="the lead")


async def test_a_lead_or_a_from_that_leaves_nothing_is_refused(page):
    for option in ({"lead": 3}, {"from": "100%"}):
        table = {"server": {"port": 0}, "log": {"url": "memory:"}, "channels": {"a": {"source": str(page(3))} | option}}
        chosen = arguments(table, "replay")
        server = Server(chosen, {"a": read_sources(chosen.channels["a"].intake)})
        try:
            with pytest.raises(NothingToReplayError, match=f"give a.* {next(iter(option))}"):
                await server.start()
        finally:
            await server.stop()


async def test_all_that_takes_long_is_done_before_a_clock_runs(page, monkeypatch):
    """Filing a log may take minutes, a collection of garbage 50 ms: by so much the first posts would be late."""
    done = []

    def noted(owner, name):
        as_it_was = getattr(owner, name)

        def noting(*given, **options):
            done.append(f"{owner.__name__}.{name}")
            return as_it_was(*given, **options)

        monkeypatch.setattr(owner, name, noting)

    for owner, name in (
        (gc, "collect"),
        (Channel, "file"),
        (web.AppRunner, "setup"),
        (Conductor, "open"),
        (Conductor, "release"),
    ):
        noted(owner, name)
    channels = {name: {"source": str(page(3))} for name in ("a", "b")}
    chosen = arguments({"server": {"port": 0}, "log": {"url": "memory:"}, "channels": channels}, "replay")
    server = Server(chosen, {name: read_sources(chosen.channels[name].intake) for name in channels})
    try:
        await server.start()
        await soon(lambda: "Conductor.release" in done)
        opened = done.index("Conductor.open")
        assert sorted(done[:opened]) == ["AppRunner.setup", "Channel.file", "Channel.file", "gc.collect"]
        assert done[opened : opened + 3] == ["Conductor.open", "Conductor.open", "Conductor.release"]
    finally:
        await server.stop()


def test_with_ids_made_anew_each_round_has_its_own(page, clock):
    options = ("--loop", "--loop-pause", "1s", "--loop-ids", "anew", "--from", "+1m")
    with publishing("replay", page(3), "--speed", 600, *options) as served:
        until(lambda: feed(served.root)["_newsreel"]["replay"]["run"] > 1, what="the second round")
        clock(served.root, "pause")
        until(lambda: len(feed(served.root)["items"]) >= 2, what="its posts")
        run = feed(served.root)["_newsreel"]["replay"]["run"]  # a slow machine may have come further
        item = feed(served.root)["items"][-1]
        assert item["id"].endswith(f"~{run}") and item["url"].endswith(f"~{run}")
        assert item["title"].encode() in get(item["url"])
        for other in (item["url"].replace(f"~{run}", f"~{run - 1}"), item["url"].partition("~")[0]):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get(other)


def test_a_replay_that_waits_says_in_every_document_when_it_begins(page):
    with publishing("replay", page(3), "--start", "2099-01-31T19:42-05:00") as served:
        told = "It begins 31 January 2099, 19:42 (UTC-05:00)."
        for document in ("", "feed.atom", "feed.rss", "feed.json"):
            assert told in get(served.root + document).decode()


def test_two_processes_on_one_log_play_one_replay_and_obey_the_controls_of_either(page, clock, tmp_path):
    options = ("--speed", 1, "--log", tmp_path / "shared.db")
    with publishing("replay", page(30), *options) as one, publishing("replay", page(30), *options) as other:
        clock(one.root, "pause")
        until(lambda: clock(other.root)[1].startswith("paused"), what="the pause on the other")
        clock(other.root, "seek", "50%")
        for served in (one, other):
            until(lambda served=served: len(titles(served.root)) == 15, what="the seek")
        clock(other.root, "speed", "6000")
        clock(one.root, "play")
        for served in (one, other):
            until(lambda served=served: feed(served.root).get("expired"), what="the end")
        told = [[item["id"].rpartition("/")[2] for item in feed(served.root)["items"]] for served in (one, other)]
        assert told[0] == told[1]
        assert (len(told[0]), len(set(told[0]))) == (30, 30)


def test_a_replay_that_was_paused_says_so_when_it_is_taken_up(page, clock, tmp_path):
    options = ("replay", page(9), "--speed", 1, "--log", tmp_path / "log.db")
    with publishing(*options) as served:
        clock(served.root, "seek", "50%")
        clock(served.root, "pause")
        clock(served.root, "speed", "30")
    with publishing(*options) as served:
        assert served.said[0] == "Replaying 9 posts of 1 February 2023 at 30×: 5 are out, and it is paused:\n"
        assert clock(served.root)[1].startswith("paused at 30×")
