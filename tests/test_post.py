"""``publisher post``, ``revise``, ``withdraw`` on a real server: what is written comes out, else one line says why."""

import io
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from threading import Thread
from urllib.request import urlopen

import pytest
from serving import publishing

from publisher.cli import publisher
from shared.command import run

TOKEN = "a-token"
post_command = import_module("publisher.commands.post")


CONFIG = '[server]\nport = 0\n[log]\nurl = "memory:"\n[channels.harbour]\nmode = "live"\ntitle = "The harbour"\n'


@pytest.fixture(scope="module")
def channel(tmp_path_factory):
    config = tmp_path_factory.mktemp("live") / "config.toml"
    config.write_text(CONFIG)
    with publishing("serve", "--config", config, env=os.environ | {"NEWSREEL_TOKEN": TOKEN}) as server:
        yield server.root


@pytest.fixture
def command(monkeypatch, capsys):
    monkeypatch.setenv("NEWSREEL_TOKEN", TOKEN)

    def said(*arguments, typed=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
        code = run(publisher, "newsreel-publisher", list(arguments))
        out, err = capsys.readouterr()
        return code, out.strip(), err.strip()

    return said


@pytest.fixture
def post(channel, command):
    return lambda *arguments, typed="", url=channel: command("post", url, *arguments, typed=typed)


@pytest.fixture
def ferry(channel, post):
    """Give the address of a post, as the command printed it."""
    arguments = ("--title", "The ferry", "--text", "Afloat.", "--author", "Ada Quist", "--tag", "yard", "--pinned")
    return post(*arguments)[1].split()[1]


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


def test_a_revision_changes_what_is_named_and_nothing_else(command, ferry, channel):
    before = newest(channel)
    code, out, err = command("revise", ferry, "--title", "The ferry is aground")
    item = newest(channel)
    assert (code, out, err) == (0, f"{item['_newsreel']['position']} {ferry}", "")
    for name in ("id", "url", "content_html", "authors", "tags", "date_published"):
        assert item[name] == before[name]
    assert (item["title"], item["_newsreel"]["revision"], item["_newsreel"]["pinned"]) == (
        "The ferry is aground",
        2,
        True,
    )
    assert command("revise", ferry, "--title", "The ferry is aground")[1] == f"{out} (it said so already)"
    command("revise", ferry, "--text", "On a rock.", "--tag", "", "--author", "", "--no-pinned", "--key-event")
    item = newest(channel)
    assert (item["title"], item["content_html"]) == ("The ferry is aground", "<p>On a rock.</p>")
    assert item.keys().isdisjoint({"tags", "authors"})
    assert (item["_newsreel"]["pinned"], item["_newsreel"]["key_event"]) == (False, True)


def test_a_headline_comes_and_goes(command, ferry, channel):
    command("revise", ferry, "--title", "")
    item = newest(channel)
    assert (item["title"], item["_newsreel"]["title_derived"]) == ("Afloat.", True)
    command("revise", ferry, "--text", "Aground. On a rock.")
    assert newest(channel)["title"] == "Aground."
    command("revise", ferry, "--title", "A rock")
    assert newest(channel)["title"] == "A rock"
    assert "title_derived" not in newest(channel)["_newsreel"]


def test_a_revision_from_standard_input_a_file_or_an_item(command, ferry, channel, tmp_path):
    command("revise", ferry, typed="# Of Markdown\n\nA *rock*.\n")
    assert (newest(channel)["title"], newest(channel)["tags"]) == ("Of Markdown", ["yard"])
    path = tmp_path / "report.md"
    path.write_text("A **crane** came.")
    command("revise", ferry, "--file", str(path))
    assert newest(channel)["content_html"] == "<p>A <strong>crane</strong> came.</p>"
    command("revise", ferry, "--json", typed='{"content_text": "All of it."}')
    assert newest(channel)["content_html"] == "<p>All of it.</p>"
    assert "tags" not in newest(channel)


def test_a_withdrawal(command, ferry, channel):
    code, out, _ = command("withdraw", ferry)
    with urlopen(f"{channel}feed.json") as answer:
        feed = json.load(answer)
    assert (code, out) == (0, f"{feed['_newsreel']['position']} {ferry} (withdrawn)")
    assert ferry not in [item["url"] for item in feed["items"]]
    assert command("withdraw", ferry)[:2] == (0, out)
    code, _, err = command("revise", ferry, "--title", "x")
    assert (code, "was taken away" in err, "\n" in err) == (2, True, False)


def test_a_post_is_named_by_its_address_or_by_its_id(command, ferry, channel):
    slug = ferry.rpartition("/")[2]
    tag = newest(channel)["id"]
    for number, names in enumerate(
        [(channel, slug), (channel + "feed.json", tag), (ferry, slug), (ferry + "?at=50%25",)]
    ):
        assert command("revise", *names, "--title", f"Title {number}")[1].split()[1] == ferry
        assert newest(channel)["title"] == f"Title {number}"
    code, _, err = command("withdraw", channel, "no slug")
    assert (code, "'no slug' is no post's id" in err) == (2, True)
    assert command("withdraw", channel, slug)[1].endswith(f"{ferry} (withdrawn)")


def test_a_server_that_has_moved_is_told_of_and_not_given_the_token(command):
    class Moved(BaseHTTPRequestHandler):
        def do_DELETE(self):
            asked.append(self.path)
            self.send_response(308)
            self.send_header("Location", "https://news.example/harbour/posts/x")
            self.send_header("Content-Length", "0")
            self.end_headers()

        log_message = print

    asked = []
    with HTTPServer(("127.0.0.1", 0), Moved) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        code, _, err = command("withdraw", f"http://127.0.0.1:{server.server_port}/harbour/posts/x")
        thread.join()
    assert asked == ["/harbour/posts/x"]
    assert (code, "it has moved to https://news.example/harbour/posts/x; use that address" in err) == (2, True)


def test_what_cannot_be_revised_or_withdrawn_is_told_in_one_line(command, ferry, channel, monkeypatch):
    for name in ("revise", "withdraw"):
        more = ["--title", "x"] if name == "revise" else []
        for url, code, told in (
            (channel, 2, f"is no address of a post; one looks like {channel}posts/ID"),
            (channel + "posts/none", 2, "no post 'none'"),
            ("http://127.0.0.1:9/harbour/posts/x", 1, "nothing listens there"),
            ("harbour/posts/x", 2, "is no web address"),
        ):
            found, _, err = command(name, url, *more)
            assert (found, told in err, "\n" in err) == (code, True, False), err
        monkeypatch.setenv("NEWSREEL_TOKEN", "another")
        assert "the server refuses the token" in command(name, ferry, *more)[2]
        monkeypatch.delenv("NEWSREEL_TOKEN")
        assert "set NEWSREEL_TOKEN to the server's" in command(name, ferry, *more)[2]
        monkeypatch.setenv("NEWSREEL_TOKEN", TOKEN)
    assert newest(channel)["title"] == "The ferry"


def test_who_changed_it_meanwhile_is_not_overwritten(command, ferry, channel, monkeypatch):
    ask = post_command.ask

    async def slowly(session, method, url, **options):
        answer = await ask(session, method, url, **options)
        if method == "GET":
            changed = {"title": "Somebody else's"}
            await ask(session, "PUT", url, token=TOKEN, body=changed)
        return answer

    monkeypatch.setattr(post_command, "ask", slowly)
    code, _, err = command("revise", ferry, "--title", "Mine")
    assert (code, "somebody has changed it since" in err) == (2, True)
    assert newest(channel)["title"] == "Somebody else's"


def test_the_token(post, channel, monkeypatch, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    monkeypatch.setenv("NEWSREEL_TOKEN", "another")
    code, _, err = post("--title", "x")
    assert code == 2
    assert "the server refuses the token" in err
    monkeypatch.delenv("NEWSREEL_TOKEN")
    assert "set NEWSREEL_TOKEN" in post("--title", "x")[2]
    assert post("--title", "x", "--token-file", str(path))[0] == 0


def test_a_server_without_a_token_says_so_when_it_starts(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    env = {name: value for name, value in os.environ.items() if name != "NEWSREEL_TOKEN"}
    with publishing("serve", "--config", config, env=env) as server:
        assert server.said[0] == "harbour is live with 0 posts so far:\n"
        assert "  write      nobody: set NEWSREEL_TOKEN to let people write\n" in server.said


def test_without_a_token_the_server_is_asked_what_it_wants(command, monkeypatch, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    monkeypatch.delenv("NEWSREEL_TOKEN")
    with publishing("serve", "--config", config) as server:
        for arguments in (
            ("post", server.root, "--title", "x"),
            ("withdraw", f"{server.root}posts/x"),
        ):
            code, _, err = command(*arguments)
            assert (code, "this server has no token, so nobody may" in err) == (2, True)
        code, _, err = command("post", f"{server.server}none/", "--title", "x")
        assert (code, "there is no channel 'none'" in err) == (2, True)


def test_no_such_channel_and_no_server(post, channel):
    code, _, err = post("--title", "x", url=channel.replace("harbour", "none"))
    assert code == 2
    assert "there is no channel 'none'" in err
    code, _, err = post("--title", "x", url="http://127.0.0.1:9/harbour/")
    assert code == 1
    assert "nothing listens there" in err
