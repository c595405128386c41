"""``publisher post``, against a real server: what is written comes out; what cannot be is told in one line."""

import io
import json
import os
import sys
from urllib.request import urlopen

import pytest
from serving import publishing

from publisher.cli import publisher
from shared.command import run

TOKEN = "a-token"


CONFIG = '[server]\nport = 0\n[log]\nurl = "memory:"\n[channels.harbour]\nmode = "live"\ntitle = "The harbour"\n'


@pytest.fixture(scope="module")
def channel(tmp_path_factory):
    config = tmp_path_factory.mktemp("live") / "config.toml"
    config.write_text(CONFIG)
    with publishing("serve", "--config", config, env=os.environ | {"NEWSREEL_TOKEN": TOKEN}) as server:
        yield server.root


@pytest.fixture
def post(channel, monkeypatch, capsys):
    monkeypatch.setenv("NEWSREEL_TOKEN", TOKEN)

    def said(*arguments, typed="", url=channel):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
        code = run(publisher, "newsreel-publisher", ["post", url, *arguments])
        out, err = capsys.readouterr()
        return code, out.strip(), err.strip()

    return said


def newest(channel):
    with urlopen(f"{channel}feed.json") as answer:
        return json.load(answer)["items"][0]


def test_title_and_text(post, channel):
    code, out, _ = post("--title", "The ferry is afloat", "--text", "All are ashore.\n\nThe crew stays.")
    item = newest(channel)
    assert (code, out) == (0, f"{item['_newsreel']['position']} {item['url']}")
    assert item["title"] == "The ferry is afloat"
    assert item["content_html"] == "<p>All are ashore.</p><p>The crew stays.</p>"


def test_markdown_from_standard_input(post, channel):
    code, _, _ = post(typed="# Divers at work\n\nThey found the *chain*.\n")
    assert code == 0
    assert newest(channel)["title"] == "Divers at work"
    assert newest(channel)["content_html"] == "<p>They found the <em>chain</em>.</p>"


def test_a_file_and_everything_about_it(post, channel, tmp_path):
    path = tmp_path / "report.md"
    path.write_text("A crane came.")
    code, _, _ = post(
        *("--file", str(path), "--title", "A crane", "--author", "Ada Quist (Holmavik)", "--author", "Bo Lindqvist"),
        *("--tag", "yard", "--tag", "crane", "--date", "2026-01-31T12:00:00+01:00", "--key-event", "--pinned"),
    )
    item = newest(channel)
    assert code == 0
    assert [author["name"] for author in item["authors"]] == ["Ada Quist", "Bo Lindqvist"]
    assert item["authors"][0]["_newsreel"] == {"location": "Holmavik"}
    assert (item["tags"], item["date_published"]) == (["yard", "crane"], "2026-01-31T12:00:00+01:00")
    assert (item["_newsreel"]["key_event"], item["_newsreel"]["pinned"]) == (True, True)


def test_an_item_is_published_once_and_its_id_given_to_no_other(post, channel):
    item = json.dumps({"id": "gull", "title": "A gull", "content_html": "<p>It sings.</p>"})
    code, first, _ = post("--json", typed=item)
    assert code == 0
    assert post("--json", typed=item)[:2] == (0, f"{first} (it was there already)")
    code, _, err = post("--json", "--title", "Two gulls", typed=item, url=channel + "feed.atom")
    assert code == 2
    assert "'gull' is the id of another post" in err


@pytest.mark.parametrize(
    ("arguments", "typed", "told"),
    [
        (["--text", "x", "--html", "y"], "", "give the body once"),
        (["--json", "--text", "x"], "{}", "give the body once"),
        (["--json"], "{", "this is no JSON"),
        (["--json"], "[]", "one JSON Feed item"),
        (["--file", "no-such-file"], "", "no-such-file: No such file or directory"),
        (["--title", "x", "--date", "tomorrow"], "", "date_published: write a date with its offset"),
        (["--title", "x", "--id", "no slug"], "", "id: 'no slug' cannot be part of an address"),
        ([], "", "a post needs a title"),
    ],
)
def test_what_cannot_be_posted_is_told_in_one_line(post, arguments, typed, told):
    code, out, err = post(*arguments, typed=typed)
    assert (code, out) == (2, "")
    assert told in err
    assert "\n" not in err


def test_the_token(post, channel, monkeypatch, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    monkeypatch.setenv("NEWSREEL_TOKEN", "another")
    code, _, err = post("--title", "x")
    assert code == 2
    assert "not the server's token" in err
    monkeypatch.delenv("NEWSREEL_TOKEN")
    assert "set NEWSREEL_TOKEN" in post("--title", "x")[2]
    assert post("--title", "x", "--token-file", str(path))[0] == 0


def test_a_server_without_a_token_says_so_when_it_starts(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    env = {name: value for name, value in os.environ.items() if name != "NEWSREEL_TOKEN"}
    with publishing("serve", "--config", config, env=env) as server:
        assert server.said[0] == "harbour is live with 0 posts so far; without NEWSREEL_TOKEN nobody may write to it:\n"


def test_no_such_channel_and_no_server(post, channel):
    code, _, err = post("--title", "x", url=channel.replace("harbour", "none"))
    assert code == 2
    assert "there is no channel 'none'" in err
    code, _, err = post("--title", "x", url="http://127.0.0.1:9/harbour/")
    assert code == 1
    assert "nothing listens there" in err
