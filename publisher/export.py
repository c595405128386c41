"""A static site of a finished story: the same documents as the server's, but for stream links."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publisher.channel import Channel
from publisher.editions import PRINTINGS
from publisher.library import Library
from publisher.log.contract import Draft
from publisher.log.memory import MemoryStore
from publisher.reel import Reel
from publisher.render.page import post_page
from publisher.render.snapshot import Address
from publisher.scene import Billing
from shared.errors import NewsreelError
from shared.event import DeleteEvent

if TYPE_CHECKING:
    from pathlib import Path

    from publisher.sources.reading import Reading


class CannotWriteError(NewsreelError):
    """The folder cannot be written to."""


async def export(reading: Reading, base_url: str, name: str, *, title: str = "", window: int = 100) -> dict[str, bytes]:
    """Make the files of a static site, by their paths below its root.

    The story is released into a log in memory, each event at its own story time: what comes out depends on the source
    alone, so exporting twice gives the same bytes but for the positions, whose epoch is drawn at random.

    Args:
        reading: the source, read.
        base_url: where the root will be found on the web.
        name: the channel's name, part of all ids.
        title: instead of the source's.
        window: most posts of feeds and page.
    """
    reel = Reel(told.event for told in reading.told)
    root = base_url.rstrip("/") + "/"
    address = Address.of(root, name, urlsplit(root).hostname or "localhost", reel.start.date(), has_stream=False)
    billing = Billing(
        title=title or reading.header.title or name,
        mode="archive",
        language=reading.header.language,
        first_day=reel.start.date(),
        opened=reel.start,
        window=window,
    )
    store = MemoryStore()
    library = Library.open(":memory:", store.epoch)
    try:
        log = store.channel(name)
        await log.append([Draft(cue.key, cue.event.story_time, cue.event) for cue in reel.cues])
        channel = Channel(log, library.shelf(name), address, billing, "original")
        await channel.press.catch_up()
        files = {
            "index.html" if document == "page" else document: channel.editions.get(document).body
            for document in PRINTINGS
        }
        for cue in reel.cues:
            slug = cue.event.id if isinstance(cue.event, DeleteEvent) else cue.event.post.id
            filed = channel.press.shelf.find(slug)
            post = channel.press.scene.project(filed) if filed is not None else None
            if post is not None:
                files[f"posts/{slug}/index.html"] = post_page(channel.editions.current, post)
        return files
    finally:
        library.close()
        await store.close()


def write(files: dict[str, bytes], folder: Path) -> None:
    """Write the files of a site.

    Raises:
        CannotWriteError: a folder or file cannot be made.
    """
    try:
        for path, body in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
    except OSError as error:
        raise CannotWriteError(f"{error.filename or folder}: {error.strerror}; choose another --output") from None
