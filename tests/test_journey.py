"""The main job, end to end, with real processes: a saved page becomes feeds, a stream and a page, and is followed."""

import json
import os
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request

import feedparser
import pytest
from patience import PATIENCE, until
from serving import EXAMPLES, ROOT, complaints_in, publishing, transcript

FORMS = {"feed.atom": "application/atom+xml", "feed.rss": "application/rss+xml", "feed.json": "application/feed+json"}


def get(url, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def items(root):
    return json.loads(get(f"{root}feed.json")[2])["items"]


def subscribing(url, *options, **more):
    command = [sys.executable, "-m", "subscriber", url, *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, **(pipes | more))


def finished(subscriber):
    out, err = subscriber.communicate(timeout=PATIENCE)
    assert subscriber.returncode == 0, err
    return [json.loads(line) for line in (out or "").splitlines()]


def shown(lines):
    return [line["data"]["title"] for line in lines if line["event"] == "post"]


@pytest.fixture
def page(tmp_path):
    def write(count, **options):
        path = tmp_path / "an-invented-day.txt"
        path.write_text(transcript(count, **options), "utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def ended():
    """Give a replay of an example that has come to its end."""
    with publishing("replay", EXAMPLES / "moon-landing.txt", "--speed", 100_000) as publisher:
        until(lambda: json.loads(get(f"{publisher.root}feed.json")[2]).get("expired"), what="the end of the replay")
        yield publisher


def test_posts_are_released_one_after_the_other_and_every_form_shows_just_those(page):
    with publishing("replay", page(4, minutes=2), "--speed", 60) as publisher:
        seen = []
        while len(seen) < 4:
            titles = [item["title"] for item in items(publisher.root)]
            if len(titles) > len(seen):
                seen = titles
                assert titles == [f"Post number {n}" for n in reversed(range(len(titles)))]
                bodies = b"".join(get(publisher.root + path)[2] for path in ("", "feed.atom", "feed.rss"))
                for number in range(len(items(publisher.root)), 4):
                    assert b"Post number %d" % number not in bodies, "the future shows"


def test_a_subscriber_shows_each_post_once_and_ends_with_the_replay(page):
    with publishing("replay", page(30), "--speed", 600) as publisher:
        lines = finished(subscribing(publisher.root, "--json", "--until-end"))
    assert shown(lines) == [f"Post number {n}" for n in range(30)]
    assert lines[0]["event"] == "reset"
    assert lines[-1]["data"]["state"] == "ended"


def test_the_publisher_dies_and_comes_back_and_the_subscriber_misses_nothing(page, tmp_path):
    log, told = tmp_path / "log.db", tmp_path / "told.jsonl"
    with publishing("replay", page(60), "--speed", 300, "--log", log) as publisher, told.open("w") as file:
        subscriber = subscribing(publisher.root, "--json", "--until-end", stdout=file)
        until(told.read_text, what="the subscriber's first line")
        for count in (5, 20, 40):
            until(lambda count=count: len(items(publisher.root)) >= count, what=f"post {count}")
            publisher.kill()
            publisher.start()
        finished(subscriber)
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    assert shown(lines) == [f"Post number {n}" for n in range(60)]
    assert [line["event"] for line in lines].count("reset") == 1


def test_the_subscriber_dies_and_comes_back_and_loses_nothing(page, tmp_path):
    state = tmp_path / "state"
    lines = []
    with publishing("replay", page(60), "--speed", 300) as publisher:
        for enough in (3, 10, 25):
            subscriber = subscribing(publisher.root, "--json", "--state", str(state))
            had = []
            while len(shown(lines + had)) < enough:
                had.append(json.loads(subscriber.stdout.readline()))
            subscriber.kill()
            had += [json.loads(line) for line in subscriber.stdout.read().splitlines() if line.endswith("}")]
            subscriber.communicate()
            if lines and had and shown(lines)[-1:] == shown(had)[:1]:
                had = [line for line in had if line != lines[-1]]  # the last line may come again
            lines += had
        lines += finished(subscribing(publisher.root, "--json", "--state", str(state), "--until-end"))
    titles = shown(lines)
    doubles = len(titles) - len(set(titles))
    assert list(dict.fromkeys(titles)) == [f"Post number {n}" for n in range(60)]
    assert doubles <= 3  # at most the last line of each of the three that were killed


def test_readers_that_join_late_or_resume_get_exactly_what_they_lack(ended):
    whole = get_stream(ended.root + "events", frames=2)
    assert [frame["event"] for frame in whole] == ["reset", "clock"]
    document = json.loads(whole[0]["data"])
    assert (len(document["items"]), document["_newsreel"]["reason"]) == (4, "start")
    assert json.loads(whole[1]["data"])["state"] == "ended"
    epoch, head = whole[0]["id"].split("-")
    assert get(f"{ended.root}events", Last_Event_ID=whole[0]["id"])[0] == 204
    lacking = get_stream(f"{ended.root}events?after={epoch}-{int(head) - 2}", frames=2)
    assert [(frame["event"], frame["id"]) for frame in lacking] == [
        ("post", f"{epoch}-{int(head) - 1}"),
        ("clock", f"{epoch}-{head}"),
    ]
    for stranger in ("zzzz-1", f"{epoch}-{int(head) + 1}", "nonsense"):
        (reset, _) = get_stream(ended.root + "events", frames=2, Last_Event_ID=stranger)
        assert json.loads(reset["data"])["_newsreel"]["reason"] == "epoch"


def get_stream(url, frames, **headers):
    """Read so many events of a stream, as curl would."""
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    found = []
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-cache, no-transform"
        assert answer.headers["X-Accel-Buffering"] == "no"
        fields = {}
        while len(found) < frames:
            name, _, value = answer.readline().decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif fields.get("data"):
                found.append(fields)
                fields = {}
    return found


def test_the_item_of_the_stream_is_the_item_of_the_feed(ended):
    epoch, head = get_stream(ended.root + "events", frames=1)[0]["id"].split("-")
    streamed = [
        json.loads(frame["data"])
        for frame in get_stream(f"{ended.root}events?after={epoch}-1", frames=4)
        if frame["event"] == "post"
    ]
    assert streamed == items(ended.root)[::-1]
    assert int(head) == 6


@pytest.mark.parametrize("form", FORMS)
def test_feedparser_reads_every_feed_without_a_complaint(ended, form):
    status, headers, body = get(ended.root + form)
    assert (status, headers["Content-Type"]) == (200, f"{FORMS[form]}; charset=utf-8")
    if form == "feed.json":
        return
    feed = feedparser.parse(body, response_headers={k.lower(): v for k, v in headers.items()})
    assert not feed.bozo
    assert [entry.id for entry in feed.entries] == [item["id"] for item in items(ended.root)]


@pytest.mark.parametrize("path", ["", *FORMS])
def test_who_has_a_document_is_not_sent_it_again(ended, path):
    url = ended.root + path
    _, headers, body = get(url)
    for asked in (
        {"If_None_Match": headers["ETag"]},
        {"If_None_Match": f'"x", W/{headers["ETag"]}'},
        {"If_None_Match": "*"},
        {"If_None_Match": f'"x",{headers["ETag"]}'},
    ):
        status, again, empty = get(url, **asked)
        assert (status, empty, again["ETag"]) == (304, b"", headers["ETag"])
        assert again["Vary"] == headers["Vary"]
    assert get(url, If_None_Match='"*"')[0] == 200  # a tag, not the star
    assert get(url, If_None_Match='"x"', If_Modified_Since=headers["Last-Modified"])[0] == 200
    until(lambda: get(url, If_Modified_Since=get(url)[1]["Last-Modified"])[0] == 304, what="a Last-Modified that holds")
    status, zipped, smaller = get(url, Accept_Encoding="gzip")
    assert (status, zipped["Content-Encoding"]) == (200, "gzip")
    assert zipped["ETag"] != headers["ETag"]
    assert len(smaller) < len(body)
    status, head, nothing = get(url, method="HEAD")
    assert (status, nothing, head["Content-Length"]) == (200, b"", str(len(body)))


def test_a_change_within_the_same_second_is_not_hidden(page):
    with publishing("replay", page(60), "--speed", 600) as publisher:
        for _ in range(20):
            _, headers, body = get(publisher.root + "feed.json")
            if b'"expired"' in body:
                break
            until(lambda body=body: get(publisher.root + "feed.json")[2] != body, what="the next post")
            assert get(publisher.root + "feed.json", If_Modified_Since=headers["Last-Modified"])[0] == 200


def test_other_addresses(ended):
    page = get(ended.server)
    assert b"/moon-landing/" in page[2]
    assert json.loads(get(ended.server + "healthz")[2]) == {"status": "ok"}
    assert get(ended.server + "readyz")[0] == 200
    assert get(ended.root[:-1])[0] == 200  # redirected to the page
    item = items(ended.root)[0]
    assert item["title"].encode() in get(item["url"])[2]
    assert json.loads(get(item["url"], Accept="application/json")[2]) == item
    assert get(ended.root + "events", method="HEAD")[0] == 200
    assert get(ended.root, method="OPTIONS")[1]["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("nonesuch/", 404, "/ lists the channels"),
        ("moon-landing/posts/nonesuch", 404, "no post 'nonesuch'"),
        ("moon-landing/nonesuch", 404, None),
        ("moon-landing/events?types=posts", 400, "types: 'posts' is none of"),
        ("moon-landing/events?types=", 400, "types: '' is none of"),
        ("moon-landing/events?types=post&types=update", 400, "types: is given more than once"),
        ("moon-landing/events?tag=a&tag=b", 400, "tag: is given more than once"),
    ],
)
def test_errors_are_problem_documents(ended, path, status, told):
    answer, headers, body = get(ended.server + path)
    problem = json.loads(body)
    assert (answer, headers["Content-Type"], problem["status"]) == (status, "application/problem+json", status)
    assert told is None or told in problem["detail"]


def test_methods_that_a_document_has_not(ended):
    status, headers, _ = get(ended.root, method="POST")
    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_a_stream_is_filtered_as_asked(ended):
    epoch = get_stream(ended.root + "events", frames=1)[0]["id"].split("-")[0]
    only = get_stream(f"{ended.root}events?types=post&after={epoch}-1", frames=5)
    assert [frame["event"] for frame in only] == ["post"] * 4 + ["clock"]


def test_ending_in_order_is_quick_with_streams_open(page):
    with publishing("replay", page(3), "--speed", 1) as publisher:
        streams = [urllib.request.urlopen(publisher.root + "events", timeout=PATIENCE) for _ in range(20)]
        for stream in streams:
            stream.readline()
        assert publisher.stop() == 0
        for stream in streams:
            assert b"retry: " in stream.read().rpartition(b"\n\n")[0]  # ended, not cut: with when to come back
            stream.close()


def test_an_address_without_its_slash_leads_to_the_page_wherever_the_server_is_mounted(ended):
    answer = raw(ended.port, "GET /moon-landing?a=b HTTP/1.1\r\nHost: any.example\r\nConnection: close\r\n\r\n")
    assert " 301 " in answer.splitlines()[0]
    assert "Location: moon-landing/?a=b\r\n" in answer


def raw(port, request):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(request.encode())
        answer = b""
        while more := sock.recv(65_536):
            answer += more
    return answer.decode()


def test_what_the_environment_says_is_not_for_replay():
    with publishing(
        "replay", EXAMPLES / "moon-landing.txt", env=os.environ | {"NEWSREEL_CHANNELS__OTHER__SOURCE": "none.txt"}
    ) as publisher:
        assert get(publisher.root)[0] == 200


def test_what_until_cuts_off_is_not_announced():
    with publishing("replay", EXAMPLES / "moon-landing.txt", "--until", "50%") as publisher:
        assert publisher.said[0].startswith("Replaying 2 posts ")


def test_an_archive_forgets_nothing_and_can_become_a_replay(tmp_path):
    config = tmp_path / "config.toml"

    def serving_as(mode):
        config.write_text(
            f'[server]\nport = 0\n[log]\nurl = "{tmp_path / "log.db"}"\n'
            f'[channels.moon]\nmode = "{mode}"\nsource = "{EXAMPLES / "moon-landing.txt"}"\nspeed = 1\n'
        )
        return publishing("serve", "--config", config)

    for mode, count in (("archive", 4), ("replay", 1), ("archive", 4)):
        with serving_as(mode) as publisher:
            until(lambda p=publisher, n=count: len(items(p.root)) == n, what=f"the posts of the {mode}")
            facts = json.loads(get(publisher.root + "feed.json")[2])["_newsreel"]
            assert (facts["mode"], "clock" in facts, "replay" in facts) == (mode, mode == "replay", mode == "replay")


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (["check", ""], "no source: Is a directory", 2),
        (["check", "http://["], "is no web address", 2),
        (["replay", "http://["], "is no web address", 2),
        (
            ["replay", EXAMPLES / "moon-landing.txt", "--port", "0", "--host", "1.2.3.4"],
            "cannot listen on 1.2.3.4:0",
            1,
        ),
        (["replay", EXAMPLES / "moon-landing.txt", "--public-url", "https://a.example/?q=1"], "is no address", 2),
        (
            ["replay", EXAMPLES / "moon-landing.txt", "--public-url", "a"],
            "for '--public-url': 'a' is no web address",
            2,
        ),
        (["reply"], "Did you mean 'replay'? See newsreel-publisher --help.", 2),
        (["export", EXAMPLES / "moon-landing.txt", "--output", "x", "--base-url", "http://["], "is no web address", 2),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments, told, code):
    command = [sys.executable, "-m", "publisher", *map(str, arguments)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (run.returncode, len(complaints_in(run.stderr).splitlines())) == (code, 1), run.stderr
    assert told in run.stderr


def test_a_standard_input_that_is_closed():
    command = f"{shlex.quote(sys.executable)} -m publisher check - <&-"
    run = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (run.returncode, len(run.stderr.splitlines())) == (2, 1), run.stderr


def test_interrupted():
    with publishing("replay", EXAMPLES / "moon-landing.txt") as publisher:
        assert publisher.stop(signal.SIGINT) == 130
        assert publisher.complaints == ""


def test_what_is_no_http_makes_no_noise():
    with publishing("replay", EXAMPLES / "moon-landing.txt") as publisher:
        for nonsense in ("\x16\x03\x01\x02\x00\x01", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nBad Header\r\n\r\n"):
            head, _, body = raw(publisher.port, nonsense).partition("\r\n\r\n")
            assert "400 Bad Request" in head and "application/problem+json" in head
            assert json.loads(body)["status"] == 400
        assert publisher.stop() == 0
        assert publisher.complaints == ""


def test_serve_runs_every_channel_of_a_configuration(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[server]\nport = 0\n[log]\nurl = "{tmp_path / "log.db"}"\n'
        f'[channels.moon]\nsource = "{EXAMPLES / "moon-landing.txt"}"\nspeed = 100000\n'
        f'[channels.old]\nmode = "archive"\nsource = "{EXAMPLES / "moon-landing.txt"}"\n'
    )
    for _ in range(2):  # and again over the log of the first time
        with publishing("serve", "--config", config) as publisher:
            old = json.loads(get(publisher.server + "old/feed.json")[2])
            assert len(old["items"]) == 4
            assert old["_newsreel"]["mode"] == "archive"
            assert old["items"][0]["date_published"].startswith("2024-06-08")
            until(lambda p=publisher: len(items(p.server + "moon/")) == 4, what="the whole story")


def tool(name):
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed; make tools")


@tool("newsboat")
@pytest.mark.parametrize("form", ["feed.atom", "feed.rss"])
def test_newsboat_lists_the_posts(ended, tmp_path, form):
    (tmp_path / "urls").write_text(ended.root + form + "\n")
    (tmp_path / "config").write_text("")
    cache = tmp_path / "cache.db"
    command = ["newsboat", "-u", tmp_path / "urls", "-C", tmp_path / "config", "-c", cache, "-x", "reload"]
    subprocess.run(
        command,
        check=True,
        timeout=PATIENCE,
        capture_output=True,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
    )
    with sqlite3.connect(cache) as rows:
        listed = sorted(rows.execute("select title, guid from rss_item"))
    rows.close()
    assert listed == sorted((item["title"], item["id"]) for item in items(ended.root))


@tool("sfeed_update")
@pytest.mark.parametrize("form", ["feed.atom", "feed.rss"])
def test_sfeed_lists_the_posts(ended, form):
    body = get(ended.root + form)[2]
    lines = (
        subprocess.run(["sfeed"], input=body, capture_output=True, check=True, timeout=PATIENCE)
        .stdout.decode()
        .splitlines()
    )
    listed = [tuple(line.split("\t")[i] for i in (1, 2, 5)) for line in lines]
    assert listed == [(item["title"], item["url"], item["id"]) for item in items(ended.root)]


def test_a_replay_that_would_be_over_before_it_begins_is_refused():
    command = [sys.executable, "-m", "publisher", "replay", str(EXAMPLES / "moon-landing.txt"), "--port", "0"]
    for options in (["--from", "12:00"], ["--from", "+30m", "--until", "+10m"]):
        refused = subprocess.run(
            [*command, *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        assert refused.returncode == 2
        assert "give an earlier from" in refused.stderr


def test_a_title_does_not_tell_the_day_on_which_the_story_ends(page):
    path = page(3, title="March 9, 2023 The long night - as it happened")
    with publishing("replay", path, "--speed", 1) as publisher:
        document = json.loads(get(f"{publisher.root}feed.json")[2])
        assert document["title"] == "The long night (replay)"
        assert [author["name"] for author in document["authors"]] == ["Ada Quist"]
