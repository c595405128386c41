"""Real feed readers subscribe to a replay and poll it: each post once, edits as edits, next to nothing on the wire."""

import asyncio
import contextlib
import mailbox
import os
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import timedelta

import pytest
import reader
from channels import NOW, open_room
from making import make_post
from patience import PATIENCE

from shared.event import PostEvent

MOST_BYTES = 500
"""On the wire, both ways, of a poll that brings nothing new."""
MOST_ANSWERED = 270
"""Of these in the answer. Some readers ask in so many words that the answer cannot help it: reader takes 490 bytes."""


@dataclass
class Exchange:
    """One connection through the wire: bytes both ways, and the status of its answer."""

    sent: int = 0
    received: int = 0
    status: int = 0


@contextlib.asynccontextmanager
async def wire(port):
    """Stand between a reader and a server, and count what passes: gives the port and the list of exchanges."""
    exchanges = []

    async def carry(reading, writing, count):
        with contextlib.suppress(ConnectionError):
            while data := await reading.read(65536):
                count(data)
                writing.write(data)
                await writing.drain()
            writing.write_eof()

    async def serve(reading, writing):
        exchange = Exchange()
        exchanges.append(exchange)

        def sent(data):
            exchange.sent += len(data)

        def received(data):
            exchange.status = exchange.status or int(data.split(None, 2)[1])
            exchange.received += len(data)

        server_reading, server_writing = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reading, server_writing, sent), carry(server_reading, writing, received))
        server_writing.close()
        writing.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], exchanges


class Program:
    """A feed reader that is a program, with a home of its own."""

    tool = ""
    forms = ("atom", "rss")
    asks_conditionally_from = 2  # which poll
    wordy = False
    edit = ("About p1, corrected", "About p2")  # what it lists once the headline of the first post was edited

    def __init__(self, home, url):
        self.home = home
        self.url = url

    async def run(self, *command):
        environment = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            env=environment,
            cwd=self.home,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()


class Newsboat(Program):
    tool = "newsboat"
    asks_conditionally_from = 3  # it does not keep the first validators (newsboat#2734)

    async def subscribe(self):
        (self.home / "urls").write_text(self.url + "\n")
        (self.home / "config").write_text("")

    async def poll(self):
        files = ("-u", self.home / "urls", "-C", self.home / "config", "-c", self.home / "cache.db")
        await self.run("newsboat", *files, "-x", "reload")

    def titles(self):
        with contextlib.closing(sqlite3.connect(self.home / "cache.db")) as rows:
            return [title for (title,) in rows.execute("select title from rss_item")]


class Sfeed(Program):
    """As its README has it: a fetch with curl that keeps the entity tag."""

    tool = "sfeed_update"
    edit = ("About p1", "About p1, corrected", "About p2")  # it takes another headline for another item

    async def subscribe(self):
        (self.home / "sfeedrc").write_text(
            f"sfeedpath={self.home}/feeds\n"
            f"feeds() {{ feed harbour '{self.url}'; }}\n"
            "fetch() {\n"
            f'  curl -f -s -m 15 -H "User-Agent: sfeed" --compressed --etag-save {self.home}/etag '
            f'--etag-compare {self.home}/etag -o {self.home}/body "$2" || return 1\n'
            f"  cat {self.home}/body\n"
            "}\n"
        )

    async def poll(self):
        (self.home / "body").write_text("")
        with contextlib.suppress(AssertionError):  # it says that a feed without news has failed
            await self.run("sfeed_update", self.home / "sfeedrc")

    def titles(self):
        return [line.split("\t")[1] for line in (self.home / "feeds/harbour").read_text().splitlines()]


class Rss2email(Program):
    tool = "r2e"
    wordy = True

    @property
    def _files(self):
        return ("-c", self.home / "config", "-d", self.home / "data.json")

    async def subscribe(self):
        (self.home / "mail").mkdir()
        mailbox.Maildir(self.home / "mail" / "inbox", create=True)
        (self.home / "config").write_text(
            "[DEFAULT]\nto = reader@mail.example\nfrom = harbour@mail.example\nemail-protocol = maildir\n"
            f"maildir-path = {self.home}/mail\nmaildir-mailbox = inbox\nreply-changes = True\nhtml-mail = True\n"
        )
        await self.run("r2e", *self._files, "add", "harbour", self.url)

    async def poll(self):
        await self.run("r2e", *self._files, "run")

    edit = ("About p1", "About p1, corrected", "About p2")  # a message cannot be called back: the edit is a reply to it

    def titles(self):
        return [message["Subject"] for message in mailbox.Maildir(self.home / "mail" / "inbox")]


class PythonReader(Program):
    """The library ``reader``."""

    forms = ("atom", "rss", "json")
    wordy = True

    async def subscribe(self):
        with contextlib.closing(reader.make_reader(str(self.home / "reader.db"))) as library:
            library.add_feed(self.url)

    async def poll(self):
        def update():
            with contextlib.closing(reader.make_reader(str(self.home / "reader.db"))) as library:
                library.update_feed(self.url)

        await asyncio.to_thread(update)

    def titles(self):
        with contextlib.closing(reader.make_reader(str(self.home / "reader.db"))) as library:
            return [entry.title for entry in library.get_entries()]


READERS = [
    pytest.param(
        kind,
        form,
        id=f"{kind.__name__}-{form}",
        marks=pytest.mark.skipif(
            bool(kind.tool) and shutil.which(kind.tool) is None, reason=f"{kind.tool} is not installed; make tools"
        ),
    )
    for kind in (Newsboat, Sfeed, Rss2email, PythonReader)
    for form in kind.forms
]
every_reader = pytest.mark.parametrize(("kind", "form"), READERS)


def about(*numbers):
    return sorted(f"About p{number}" for number in numbers)


@contextlib.asynccontextmanager
async def subscribed(kind, form, folder):
    """Let a reader subscribe, by a wire that counts bytes, to a replay that has released two posts."""
    async with open_room() as room, wire(int(room.root.split(":")[2].split("/")[0])) as (port, exchanges):
        await room.clock()
        await room.post("p1", "p2")
        follower = kind(folder, f"http://127.0.0.1:{port}/harbour/feed.{form}")
        await follower.subscribe()
        await follower.poll()
        yield room, follower, exchanges


@every_reader
async def test_a_reader_that_polls_a_replay_gets_each_post_once(tmp_path, kind, form):
    async with subscribed(kind, form, tmp_path) as (room, follower, exchanges):
        assert sorted(follower.titles()) == about(1, 2)
        for number in (3, 4, 5):
            await room.post(f"p{number}")
            await follower.poll()
            assert sorted(follower.titles()) == about(*range(1, number + 1))
        exchanges.clear()
        for _ in range(kind.asks_conditionally_from):
            await follower.poll()
        assert sorted(follower.titles()) == about(*range(1, 6))
        last = exchanges[-1]
        assert (last.status, last.received < MOST_ANSWERED) == (304, True), last
        assert kind.wordy or last.sent + last.received < MOST_BYTES, last


@every_reader
async def test_an_edit_is_an_edit_where_the_reader_knows_such(tmp_path, kind, form):
    async with subscribed(kind, form, tmp_path) as (room, follower, _):
        await room.revise("p2", title="About p2", content_html="<p>Another body under the same headline.</p>")
        await room.revise("p1")
        await follower.poll()
        await follower.poll()
        titles = sorted(follower.titles())
        if kind is Rss2email:
            box = mailbox.Maildir(tmp_path / "mail" / "inbox")
            replies = [message for message in box if message["In-Reply-To"]]
            assert {message["In-Reply-To"] for message in replies} <= {message["Message-ID"] for message in box}
            titles.remove("About p2")  # its other body came as a reply, too
        assert tuple(titles) == kind.edit


@every_reader
async def test_titles_are_shown_as_they_were_written(tmp_path, kind, form):
    titles = ["R&D is up", "Rocks < 3 m & sand > 3 m"]
    async with open_room() as room:
        await room.say(*(PostEvent(post=make_post(f"p{n}", n, title=title)) for n, title in enumerate(titles)))
        follower = kind(tmp_path, f"{room.root}feed.{form}")
        await follower.subscribe()
        await follower.poll()
        assert sorted(follower.titles()) == titles


@every_reader
@pytest.mark.parametrize(("ids", "times"), [("same", 1), ("anew", 2)])
async def test_a_second_round_is_shown_again_only_where_ids_are_made_anew(tmp_path, kind, form, ids, times):
    async with open_room(ids=ids) as room:
        await room.clock()
        await room.post("p1", "p2")
        follower = kind(tmp_path, f"{room.root}feed.{form}")
        await follower.subscribe()
        await follower.poll()
        await room.loop()
        await room.post("p1", "p2")
        await follower.poll()
        if kind is Rss2email:
            times = 2  # set up here to mail changes, and another date is one
        assert sorted(follower.titles()) == sorted(["About p1", "About p2"] * times)


@every_reader
async def test_a_replay_in_the_dates_of_the_story_unfolds_as_well(tmp_path, kind, form):
    async with open_room(timestamps="original") as room:
        await room.clock()
        follower = kind(tmp_path, f"{room.root}feed.{form}")
        await room.post("p1")
        await follower.subscribe()
        for number in (2, 3):
            await follower.poll()
            assert sorted(follower.titles()) == about(*range(1, number))
            await room.post(f"p{number}")


@every_reader
async def test_a_reader_that_polls_a_rerun_gets_what_it_has_released(tmp_path, kind, form):
    moment = NOW + timedelta(hours=1)
    async with open_room(mode="archive", timestamps="original", now=lambda: moment) as room:
        await room.say(*(PostEvent(post=make_post(f"p{n}", n, title=f"About p{n}")) for n in range(1, 6)))
        rerun = f"?rerun={moment.isoformat().replace('+00:00', 'Z')}&speed=60"
        follower = kind(tmp_path, f"{room.root}feed.{form}{rerun}")
        await follower.subscribe()
        for number in (1, 2, 4, 5):
            moment = NOW + timedelta(hours=1, seconds=number - 1)
            await follower.poll()
            assert sorted(follower.titles()) == about(*range(1, number + 1))
