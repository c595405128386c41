"""Sources as people name them: files, saves of one page, standard input, web addresses."""

import os
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner
from serving import ROOT, transcript

from publisher import intake
from publisher.commands.convert import convert
from publisher.commands.export import export_
from publisher.intake import NoSourceError, Wanted, read_sources
from publisher.sources.options import OptionError, Options
from shared.errors import NewsreelError
from shared.event import DeleteEvent, UpdateEvent
from shared.fetch import FetchError


@contextmanager
def site(body, content_type="text/plain; charset=utf-8"):
    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["User-Agent"])
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/day.txt", seen
    finally:
        server.shutdown()
        server.server_close()


def test_a_page_from_the_web_is_asked_for_once_and_by_name():
    with site(transcript(3).encode()) as (url, seen):
        assert len(read_sources(Wanted((url,), allow_private=True)).posts) == 3
    assert [agent.startswith("newsreel/") for agent in seen] == [True]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_addresses_of_this_machine_are_refused_unless_allowed(name):
    with site(transcript(3).encode()) as (url, seen):
        with pytest.raises(FetchError, match=r"no public address; --allow-private") as refused:
            read_sources(Wanted((url.replace("127.0.0.1", name),)))
        assert (seen, refused.value.exit_code) == ([], 2)


def test_the_server_knows_the_encoding_best():
    text = transcript(1).replace("says", "säys")
    with site(text.encode("latin-1"), "text/plain; charset=iso-8859-1") as (url, _):
        reading = read_sources(Wanted((url,), allow_private=True))
    assert "säys" in reading.posts[0].content_html
    assert not [doubt for doubt in reading.doubts if doubt.code == "encoding-guessed"]


def test_what_is_too_large_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(intake, "MAX_DOWNLOAD_BYTES", 100)
    with site(transcript(3).encode()) as (url, _), pytest.raises(FetchError, match="no page or feed is so large"):
        read_sources(Wanted((url,), allow_private=True))
    monkeypatch.setattr(intake, "MAX_SOURCE_BYTES", 100)
    (tmp_path / "day.txt").write_text(transcript(3))
    with pytest.raises(NoSourceError, match="no live blog"):
        read_sources(Wanted((str(tmp_path / "day.txt"),)))


def test_saves_of_one_page_are_one_story(tmp_path):
    early, late = tmp_path / "1.txt", tmp_path / "2.txt"
    early.write_text(transcript(4))
    late.write_text(
        transcript(5).replace("what post 1 says", "what post 1 really says").replace("Post number 2", "Gone")
    )
    os.utime(early, (1_675_250_000, 1_675_250_000))
    os.utime(late, (1_675_260_000, 1_675_260_000))
    reading = read_sources(Wanted((str(early), str(late))))
    assert len(reading.posts) == 5
    assert [told.event.post.revision for told in reading.told if isinstance(told.event, UpdateEvent)][:1] == [2]
    assert not [told for told in reading.told if isinstance(told.event, DeleteEvent)]


def test_a_moment_of_saving_too_many_is_refused(tmp_path):
    (tmp_path / "day.txt").write_text(transcript(1))
    moment = Options.of(saved_at="2023-02-01T10:00").saved_at
    assert len(read_sources(Wanted((str(tmp_path / "day.txt"),), saved_at=(moment,))).posts) == 1
    with pytest.raises(OptionError, match=r"^--saved-at is told 2 times"):
        read_sources(Wanted((str(tmp_path / "day.txt"),), saved_at=(moment, moment)))


def test_what_people_write_for_options():
    options = Options.of(
        tz="ET", date="2023-02-01", saved_at="2023-02-01T10:00", order="newest", missing_times="every=2m"
    )
    assert options.saved_at.isoformat() == "2023-02-01T10:00:00-05:00"
    assert options.missing_times.total_seconds() == 120
    assert Options.of(tz="+05:30").tz.utcoffset(None).total_seconds() == 19_800


@pytest.mark.parametrize(
    "wrong",
    [
        {"tz": "Mars"},
        {"date": "tomorrow"},
        {"saved_at": "noon"},
        {"order": "sideways"},
        {"missing_times": "every=0s"},
        {"missing_times": "guess"},
        {"missing_times": "every=now"},
    ],
)
def test_options_that_say_nothing(wrong):
    with pytest.raises(NewsreelError) as refusal:
        Options.of(**wrong)
    assert refusal.value.exit_code == OptionError.exit_code == 2
    assert "write" in str(refusal.value)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (convert, ["--to", "jsonl", "--output", "{}/storys/day.jsonl"]),
        (export_, ["--base-url", "https://news.example/", "--output", "{}/storys/day"]),
    ],
)
def test_a_slip_in_a_folders_name_is_told_and_makes_no_folder(tmp_path, command, options):
    (tmp_path / "stories").mkdir()
    source = str(ROOT / "examples/harbour-fire.txt")
    wrong = CliRunner().invoke(command, [source, *(option.format(tmp_path) for option in options)])
    assert str(wrong.exception) == f"{tmp_path / 'storys'}: no such folder; make it first, or mend --output"
    assert [path.name for path in tmp_path.iterdir()] == ["stories"]
    right = CliRunner().invoke(command, [source, *(o.format(tmp_path).replace("rys", "ries") for o in options)])
    assert right.exit_code == 0 and len(list((tmp_path / "stories").iterdir())) == 1
