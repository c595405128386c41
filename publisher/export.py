"""A static site of a finished story: the documents of an archive on a server, without a stream and a hub."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from stat import S_IMODE
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publisher.channel import Channel
from publisher.editions import PRINTINGS
from publisher.library import Library
from publisher.log.contract import Draft
from publisher.log.memory import MemoryStore
from publisher.reel import Reel
from publisher.render.opml import channels_opml
from publisher.render.page import ICON, Listing, live_page, post_page
from publisher.render.sitemap import sitemaps
from publisher.render.snapshot import FORMS, Address, Brand
from publisher.render.stylesheet import STYLESHEET, STYLESHEET_PATH
from publisher.scene import Billing
from shared.errors import NewsreelError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from datetime import datetime
    from pathlib import Path

    from publisher.sources.reading import Reading
    from shared.post import Post

EPOCH = "static"
"""Epoch of a site's positions: they are in the documents, but there is no stream to resume at them."""
SLICE = 500
"""Posts that are taken from the library at once."""


class CannotWriteError(NewsreelError):
    """The folder cannot be written to."""


@asynccontextmanager
async def exporting(
    reading: Reading, base_url: str, name: str, *, title: str = "", window: int = 100
) -> AsyncGenerator[Iterator[tuple[str, bytes]], None]:
    """Give the files of a static site, each by its path below the site's root, as they are made.

    The story is released into a log in memory, each event at its own story time: what comes out depends on the source
    alone, so exporting twice gives the same bytes.

    Args:
        reading: the source, read.
        base_url: where the root will be found on the web.
        name: the channel's name, part of all ids.
        title: instead of the source's.
        window: most posts of feeds, page and archive documents.
    """
    reel = Reel(told.event for told in reading.told)
    root = base_url.rstrip("/") + "/"
    host = urlsplit(root).hostname or "localhost"
    billing = Billing(
        title=title or reading.header.title or name,
        mode="archive",
        language=reading.header.language,
        first_day=reel.start.date(),
        opened=reel.start,
        window=window,
        began=reel.start,
        brand=Brand(host, f"{root}icon.svg"),
    )
    address = Address.of(root, name, host, reel.start.date(), has_stream=False)
    store = MemoryStore(EPOCH)
    library = Library.open(":memory:", store.epoch)
    try:
        log = store.channel(name)
        await log.append([Draft(cue.key, cue.event.story_time, cue.event) for cue in reel.cues])
        channel = Channel(log, library.shelf(name), address, billing, "original")
        await channel.press.catch_up()
        yield _files(channel)
    finally:
        library.close()
        await store.close()


def _files(channel: Channel) -> Iterator[tuple[str, bytes]]:
    """Give what is linked before what links to it: a site that is made anew while it is read has no link to nowhere."""
    yield STYLESHEET_PATH, STYLESHEET
    yield "icon.svg", ICON.encode()
    snapshot, address = channel.editions.current, channel.address
    pages: list[tuple[str, datetime]] = [(address.root, snapshot.updated)]
    for slug, post in _posts(channel):
        yield f"posts/{slug}/index.html", post_page(snapshot, post)
        pages.append((address.post(slug), post.date_modified or post.date_published))
    for number in range(1, channel.press.scene.archives + 1):
        for form in FORMS:
            found = channel.archives.get(number, form)
            if found is not None:
                yield f"archive/{number}.{form}", found[1].body
    page = snapshot
    while page.older is not None:
        page = channel.press.scene.archive(page.older)
        yield f"archive/{page.archive}/index.html", live_page(page)
    yield from sitemaps(address.root, pages).items()
    for document in reversed(PRINTINGS):
        yield "index.html" if document == "page" else document, channel.editions.get(document).body
    yield "channels.opml", channels_opml([Listing.of(snapshot)], snapshot.updated)


def _posts(channel: Channel) -> Iterator[tuple[str, Post]]:
    """Give the posts in released form, oldest first, by their slugs."""
    scene = channel.press.scene
    for first in range(0, scene.view.releases, SLICE):
        for filed in reversed(scene.view.slot(first, SLICE)):
            post = scene.project(filed)
            if post is not None:
                yield filed.slug, post


def make_folder(folder: Path) -> None:
    """Make the folder of a site, if it is not there. The one that it stands in must be: its name may hold a slip.

    Raises:
        CannotWriteError: it cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder.parent, folder, error) from None


def write(folder: Path, path: str, body: bytes) -> None:
    """Write one file below ``folder``, which must be there. Until all of it is written, it stays as it was.

    Raises:
        CannotWriteError: it, or a folder above it, cannot be made.
    """
    target = folder / path
    try:
        if target.parent != folder and folder.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error.filename, error) from None
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(body)  # a pipe or a device: nothing is put in its place
        else:
            _replace(target.resolve(), body)
    except OSError as error:
        raise _cannot_write(folder, target, error) from None


def _replace(target: Path, body: bytes) -> None:
    """Write a file beside ``target``, then put it in its place."""
    new = target.with_name(f".new-{token_hex(8)}")
    try:
        with new.open("xb") as file:
            file.write(body)
            with suppress(FileNotFoundError), target.open("r+b") as old:  # one that is read-only is not to be replaced
                os.fchmod(file.fileno(), S_IMODE(os.fstat(old.fileno()).st_mode))
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _cannot_write(above: Path, what: Path | str, error: OSError) -> CannotWriteError:
    if isinstance(error, FileNotFoundError):
        return CannotWriteError(f"{above}: no such folder; make it first, or mend --output")
    return CannotWriteError(f"{what}: {error.strerror}; choose another --output")
