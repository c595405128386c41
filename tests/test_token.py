"""The token: made, kept where local commands find it, asked for, and shown nowhere."""

import fcntl
import os
import subprocess
import sys

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from serving import EXAMPLES, publishing

from publisher.token import Token
from publisher.web.desk import TOKEN, authorized
from shared.token import TokenError, find_token, folder, kept, token_in

SECRET = "a-token-of-32-characters-or-more"


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch, tmp_path):
    monkeypatch.delenv("NEWSREEL_TOKEN", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def asked(given, token=None):
    app = web.Application()
    if token is not None:
        app[TOKEN] = token
    app.freeze()
    return make_mocked_request("PATCH", "/c/clock", headers={} if given is None else {"Authorization": given}, app=app)


def test_who_has_the_token_passes():
    for scheme in ("Bearer", "bearer", "BEARER "):
        authorized(asked(f"{scheme} {SECRET}", Token(SECRET)))


@pytest.mark.parametrize(
    "given", [None, "", SECRET, "Basic dTpw", "Bearer", "Bearer ", f"Bearer {SECRET}x", "Bearer ü"]
)
def test_who_has_not_is_told_what_is_asked_for(given):
    with pytest.raises(web.HTTPUnauthorized) as refused:
        authorized(asked(given, Token(SECRET)))
    assert refused.value.headers["WWW-Authenticate"].startswith('Bearer realm="newsreel"')
    assert SECRET not in f"{refused.value.text}{refused.value.headers}"


def test_a_server_without_a_token_lets_nobody():
    with pytest.raises(web.HTTPForbidden):
        authorized(asked(f"Bearer {SECRET}"))


def test_no_two_are_made_alike_and_none_is_shown():
    one, other = Token.made(), Token.made()
    assert one.secret != other.secret
    assert len(one.secret) >= 43
    assert one.secret not in repr(one)


def test_the_environment_wins_over_the_file(monkeypatch, tmp_path):
    file = tmp_path / "token"
    file.write_text(f" {SECRET}\n")
    assert Token.configured(None) is None
    assert Token.configured(file).matches(SECRET)
    monkeypatch.setenv("NEWSREEL_TOKEN", "another")
    assert Token.configured(file).matches("another")


@pytest.mark.parametrize(("text", "told"), [("", "holds no token"), ("two words", "characters"), ("ü", "characters")])
def test_what_is_no_token_is_refused_without_being_shown(monkeypatch, tmp_path, text, told):
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(TokenError, match=told) as refused:
        token_in(file)
    assert str(file) in str(refused.value)
    assert not text or text not in str(refused.value)
    with pytest.raises(TokenError, match="No such file"):
        token_in(tmp_path / "none")


def test_a_kept_token_is_found_by_every_name_of_this_machine_and_by_no_other():
    with kept(SECRET, "127.0.0.1", 8000) as path:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        for url in ("http://127.0.0.1:8000/harbour/", "http://localhost:8000", "http://LOCALHOST:8000/x/feed.atom"):
            assert find_token(url) == SECRET
        for url in ("http://127.0.0.1:8001/", "http://127.0.0.1/", "http://news.example:8000/", "http://[", "x"):
            assert find_token(url) is None
    assert find_token("http://127.0.0.1:8000/") is None
    assert not path.exists()


def test_a_server_on_every_address_is_found_on_this_machine_only():
    with kept(SECRET, "0.0.0.0", 8000):
        assert find_token("http://localhost:8000/") == find_token("http://127.0.0.1:8000/") == SECRET
        assert find_token("http://192.0.2.1:8000/") is None


def test_several_servers_keep_theirs_apart():
    with kept("one", "127.0.0.1", 8000), kept("two", "127.0.0.1", 8001), kept("six", "::1", 8000):
        assert find_token("http://127.0.0.1:8000/") == "one"
        assert find_token("http://127.0.0.1:8001/") == "two"
        assert find_token("http://[::1]:8000/") == "six"


def test_what_a_killed_server_left_behind_is_not_used_and_swept_away():
    folder().mkdir(parents=True)
    left = folder() / "127.0.0.1:8000"
    left.write_text("old")
    assert find_token("http://127.0.0.1:8000/") is None
    with kept(SECRET, "127.0.0.1", 9000):
        assert not left.exists()
        with kept("new", "127.0.0.1", 9000):  # another took the address over: a container, or the like
            pass
    with left.open("w") as file:
        file.write("alive")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        with kept(SECRET, "127.0.0.1", 9000):
            assert left.exists()
        assert find_token("http://127.0.0.1:8000/") == "alive"


def test_the_environment_beats_what_is_kept(monkeypatch):
    with kept(SECRET, "127.0.0.1", 8000):
        monkeypatch.setenv("NEWSREEL_TOKEN", "another")
        assert find_token("http://127.0.0.1:8000/") == "another"


def test_the_environments_token_goes_to_another_machine_only_when_that_was_asked_for(monkeypatch):
    monkeypatch.setenv("NEWSREEL_TOKEN", SECRET)
    for url, given in (("http://localhost:1/", SECRET), ("http://127.0.0.9/", SECRET), ("https://news.example/", None)):
        assert find_token(url) == SECRET
        assert find_token(url, asked_for=False) == given


def test_a_replay_makes_a_token_keeps_it_while_it_runs_and_says_it_nowhere():
    environment = os.environ | {"NEWSREEL_TOKEN": ""}
    with publishing("replay", EXAMPLES / "harbour-fire.txt", "--speed", 600, env=environment) as publisher:
        token = find_token(publisher.root)
        assert token is not None
        assert token not in "".join(publisher.said)
    assert find_token(publisher.root) is None
    assert publisher.complaints == ""


def test_a_replay_that_can_keep_no_token_runs_all_the_same(tmp_path):
    (tmp_path / "newsreel").write_text("a file where the folder would be")
    with publishing("replay", EXAMPLES / "harbour-fire.txt", "--speed", 600) as publisher:
        pass
    assert "no token can be kept" in publisher.complaints
    assert len(publisher.complaints.splitlines()) == 1


def test_a_token_file_that_is_missing_is_told_in_one_line(tmp_path):
    command = [sys.executable, "-m", "publisher", "replay", EXAMPLES / "harbour-fire.txt"]
    told = subprocess.run([*command, "--token-file", tmp_path / "none"], capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert told.stderr.rstrip().endswith(f"the token file {tmp_path}/none: No such file or directory")
