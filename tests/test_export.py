"""A static site: what any host that serves a folder can publish, and what readers make of it."""

import concurrent.futures
import functools
import http.server
import json
import os
import pty
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urljoin

import feedparser
import listparser
import lxml.html
import making
import pytest
from lxml import etree
from making import make_post
from patience import PATIENCE
from serving import EXAMPLES, ROOT, publishing, transcript

from publisher.commands import progress
from publisher.export import exporting, write
from publisher.render.sitemap import MOST_PAGES, NAMESPACE, sitemaps
from publisher.render.stylesheet import STYLESHEET_PATH
from publisher.sources.reading import Header, Reading, Told
from shared.event import DeleteEvent, PostEvent, UpdateEvent


def export(source, site, base_url, *options):
    command = [sys.executable, "-m", "publisher", "export", source, "--output", site, "--base-url", base_url, *options]
    return subprocess.run(
        list(map(str, command)), cwd=ROOT, check=True, capture_output=True, text=True, timeout=PATIENCE
    ).stdout


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@contextmanager
def hosting(folder):
    """Serve a folder with Python's own server; gives its URL."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Give the URL of a hosted site of seven posts, three a document, and its folder."""
    place = tmp_path_factory.mktemp("export")
    source, folder = place / "an-invented-day.txt", place / "site"
    source.write_text(transcript(7), "utf-8")
    folder.mkdir()
    with hosting(folder) as url:
        export(source, folder, url, "--window", 3)
        yield url, folder


def test_the_folder_holds_a_whole_site(site):
    _, folder = site
    posts = {f"posts/20230201T050{n}Z-post-number-{n}/index.html" for n in range(7)}
    archives = {f"archive/{number}{form}" for number in (1, 2) for form in (".atom", ".rss", ".json", "/index.html")}
    documents = {"index.html", "feed.atom", "feed.rss", "feed.json", "sitemap.xml", "channels.opml", "icon.svg"}
    documents.add(STYLESHEET_PATH)
    assert set(files(folder)) == posts | archives | documents


def test_every_link_of_the_site_leads_somewhere_in_it(site):
    url, folder = site
    for path, body in files(folder).items():
        if path.endswith(".html"):
            links = lxml.html.fromstring(body.decode()).xpath("//@href | //@src")
            links += [json.loads(body.split(b'ld+json">')[1].split(b"</script>")[0])["publisher"]["logo"]["url"]]
        else:
            links = re.findall(rf"{url}[^\"<\s]*", body.decode())
        for link in {urljoin(url + path, link).partition("#")[0] for link in links if not link.startswith("data:")}:
            assert link.startswith(url), (path, link)
            with urllib.request.urlopen(link) as answer:
                assert answer.status == 200


def test_every_post_is_some_clicks_of_older_posts_away(site):
    url, _ = site
    page, shown = url, []
    while page:
        document = lxml.html.parse(urllib.request.urlopen(page)).getroot()
        assert document.cssselect("link[rel=canonical]")[0].get("href") == page
        assert page == url or document.cssselect(".again a")[0].get("href") == url
        shown += [title.text_content() for title in document.cssselect("article h2")]
        page = next((link.get("href") for link in document.cssselect("#_older:not([hidden]) a")), None)
    assert list(dict.fromkeys(shown)) == [f"Post number {n}" for n in reversed(range(7))]


def test_exporting_twice_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        export(EXAMPLES / "harbour-fire.txt", tmp_path / name, "https://news.example/live")
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_the_documents_are_those_of_a_server_s_archive(tmp_path):
    source, config = tmp_path / "a-day.txt", tmp_path / "config.toml"
    source.write_text(transcript(5), "utf-8")
    config.write_text(
        '[server]\nport = 0\n[log]\nurl = "memory:"\n'
        f'[channels.a-day]\nmode = "archive"\nsource = "{source}"\nwindow = 2\n'
    )
    with publishing("serve", "--config", config) as publisher:
        export(source, tmp_path / "site", publisher.root, "--window", 2)
        made = files(tmp_path / "site")
        pages = {path for path in made if re.fullmatch(r"archive/\d+/index.html", path)}  # which a server makes by ?at=
        for path in made.keys() - {"sitemap.xml", "channels.opml", "icon.svg"} - pages:
            at = "" if path == "index.html" else path.removesuffix("/index.html")
            with urllib.request.urlopen(publisher.root + at) as answer:
                assert plain(answer.read()) == plain(made[path]), path


def plain(body):
    """Leave out what depends on when and where it is served: positions, release times, what only servers have."""
    text = body.decode()
    text = re.sub(r'"(position|released_at|events)":"[^"]*",?', "", text).replace(",}", "}")
    text = re.sub(r'"hubs":\[[^]]*\],?', "", text)
    text = re.sub(r"http://[^<\"\s]*/icon.svg", "icon.svg", text)
    text = re.sub(r'<(atom:)?link[^>]*("hub"|event-stream|"self" href)[^>]*>\s*', "", text)
    text = re.sub(r'<p (class="again"|id="_older").*?</p>\s*', "", text)
    text = re.sub(r' data-(mode|stream|position|complete)="[^"]*"', "", text)
    text = re.sub(r' xmlns:(\w+)="[^"]*"', "", text)
    return re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)


def test_our_subscriber_reads_it_by_polling(site):
    url, _ = site
    command = [sys.executable, "-m", "subscriber", url, "--json", "--once"]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
    events = [json.loads(line) for line in lines.splitlines()]
    told = [event["data"]["title"] for event in events if event["event"] == "post"]
    assert told == [f"Post number {n}" for n in (4, 5, 6)]  # the window


def test_the_whole_history_can_be_walked(site):
    url, _ = site
    link, seen = f"{url}feed.atom", {}
    while link:
        feed = feedparser.parse(urllib.request.urlopen(link).read())
        assert not feed.bozo
        seen |= {entry.id.rpartition("/")[2]: None for entry in feed.entries}
        link = next((one.href for one in feed.feed.links if one.rel == "prev-archive"), None)
    assert list(seen) == [f"20230201T050{n}Z-post-number-{n}" for n in reversed(range(7))]


def test_feed_readers_import_it(site):
    url, _ = site
    with urllib.request.urlopen(f"{url}channels.opml") as answer:
        [feed] = listparser.parse(answer.read()).feeds
    assert feed.url == f"{url}feed.atom"
    with urllib.request.urlopen(f"{url}sitemap.xml") as answer:
        pages = [page.text for page in etree.fromstring(answer.read()).iter(f"{{{NAMESPACE}}}loc")]
    assert pages == [url, *(f"{url}posts/20230201T050{n}Z-post-number-{n}" for n in range(7))]


@pytest.mark.skipif(shutil.which("newsboat") is None, reason="newsboat is not installed; make tools")
def test_newsboat_reads_it(site, tmp_path):
    url, _ = site
    (tmp_path / "urls").write_text(f"{url}feed.atom\n")
    (tmp_path / "config").write_text("")
    cache = tmp_path / "cache.db"
    command = ["newsboat", "-u", tmp_path / "urls", "-C", tmp_path / "config", "-c", cache, "-x", "reload"]
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True, env=environment)
    with sqlite3.connect(cache) as rows:
        listed = sorted(title for (title,) in rows.execute("select title from rss_item"))
    rows.close()
    assert listed == [f"Post number {n}" for n in (4, 5, 6)]


@pytest.mark.parametrize(
    ("command", "options", "good"),
    [
        (
            "export",
            ["--base-url", "https://news.example/", "--output"],
            "site/posts/20230201T0500Z-post-number-0/index.html",
        ),
        ("convert", ["--to", "jsonl", "--output"], "a-day.jsonl"),
    ],
)
def test_a_full_disk_costs_no_file_that_was_good(tmp_path, command, options, good):
    source, output = tmp_path / "a-day.txt", tmp_path / good.partition("/")[0]
    source.write_text(transcript(1) + "It goes on. " * 500, "utf-8")
    for path in (tmp_path / good, output / "index.html") if command == "export" else (output,):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("It was good. " * 500)
    before = files(tmp_path)
    failed = subprocess.run(
        [sys.executable, "-m", "publisher", command, source, *options, output],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048)),
    )  # fmt: skip
    assert failed.returncode == 1
    assert re.fullmatch(rf"newsreel-publisher: {output}\S*: File too large; choose another --output\n", failed.stderr)
    after = files(tmp_path)
    assert {path: after[path] for path in before} == before
    assert not [path for path in after if ".new-" in path]


@pytest.mark.parametrize("kind", ["link", "modes", "pipe"])
def test_what_is_written_anew_stays_what_it_was(tmp_path, kind):
    target, name = tmp_path / "there" / "day.md", tmp_path / "day.md"
    target.parent.mkdir()
    target.write_text("old")
    if kind == "link":
        name.symlink_to(target)
        write(tmp_path, "day.md", b"new")
        assert name.is_symlink() and target.read_text() == "new"
    elif kind == "modes":
        target.chmod(0o640)
        write(target.parent, "day.md", b"new")
        assert target.stat().st_mode & 0o777 == 0o640 and target.read_text() == "new"
        fresh = tmp_path / "fresh.md"
        fresh.touch()
        write(tmp_path, "new.md", b"new")
        assert (tmp_path / "new.md").stat().st_mode == fresh.stat().st_mode
    else:
        os.mkfifo(name)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            reading = pool.submit(name.read_bytes)
            write(tmp_path, "day.md", b"new")
            assert reading.result(60) == b"new" and name.is_fifo()
    assert not list(tmp_path.rglob(".new-*"))


async def test_what_is_linked_is_written_before_what_links_to_it():
    told = tuple(Told(PostEvent(post=make_post(f"p{n}", n))) for n in range(7))
    async with exporting(Reading("page", "jsonl", told=told), "https://news.example/", "storm", window=2) as made:
        written = set()
        for path, body in made:
            written.add(path)
            if path.endswith(".html") and not path.startswith("posts/"):
                for post in re.findall(r"https://news.example/(posts/[\w-]+)", body.decode()):
                    assert f"{post}/index.html" in written
            for archive in re.findall(r"https://news.example/(archive/\d+\.\w+)", body.decode()):
                assert archive in written or path.startswith(("archive/", "posts/"))


async def test_edits_and_deletions_have_happened():
    kept, gone = make_post("kept"), make_post("gone", 1)
    edited = kept.model_copy(update={"title": "Now right", "date_modified": kept.date_published + timedelta(minutes=9)})
    edited = edited.model_copy(update={"newsreel": kept.newsreel.model_copy(update={"revision": 2})})
    events = (
        PostEvent(post=kept),
        PostEvent(post=gone),
        UpdateEvent(post=edited),
        DeleteEvent(id="gone", story_time=kept.date_published + timedelta(minutes=10)),
    )
    reading = Reading("page", "jsonl", Header(title="Storm"), tuple(map(Told, events)))
    async with exporting(reading, "https://news.example/", "storm") as made:
        site = dict(made)
    assert [path for path in site if path.startswith("posts/")] == ["posts/kept/index.html"]
    assert b"Now right" in site["posts/kept/index.html"]
    [item] = json.loads(site["feed.json"])["items"]
    assert (item["title"], item["_newsreel"]["revision"]) == ("Now right", 2)
    assert b"deleted-entry" in site["feed.atom"]


def test_a_sitemap_that_would_be_too_long_is_an_index_of_several():
    pages = [(f"https://news.example/{n}", making.FIRST) for n in range(MOST_PAGES + 1)]
    made = sitemaps("https://news.example/", pages)
    assert list(made) == ["sitemap.xml", "sitemap-1.xml", "sitemap-2.xml"]
    index = etree.fromstring(made["sitemap.xml"])
    assert index.tag == f"{{{NAMESPACE}}}sitemapindex"
    assert [loc.text for loc in index.iter(f"{{{NAMESPACE}}}loc")] == [
        "https://news.example/sitemap-1.xml",
        "https://news.example/sitemap-2.xml",
    ]
    assert len(etree.fromstring(made["sitemap-1.xml"])) == MOST_PAGES


def test_a_bar_is_shown_on_a_terminal_to_who_waits(monkeypatch):
    ours, theirs = pty.openpty()
    monkeypatch.setattr(sys, "stderr", os.fdopen(theirs, "w"))
    monkeypatch.setenv("TERM", "xterm")
    for patience, shown in ((60.0, False), (-1.0, True)):
        monkeypatch.setattr(progress, "PATIENCE_SECONDS", patience)
        with progress.progress("exporting", 2) as step:
            step()
            step()
        sys.stderr.write("|")
        sys.stderr.flush()
        told = ""
        while not told.endswith("|"):
            told += os.read(ours, 4096).decode()
        assert ("exporting" in told) is shown
    sys.stderr.close()
    os.close(ours)


def test_no_bar_is_shown_where_nobody_watches(capsys):
    with progress.progress("exporting", 1) as step:
        step()
    assert capsys.readouterr().err == ""
