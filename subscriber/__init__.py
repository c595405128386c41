"""Follow a live story: every post once, in order, across disconnections.

    import asyncio
    from subscriber import follow

    async def main() -> None:
        async for update in follow("http://127.0.0.1:8000/harbour-fire/", until_end=True):
            match update.event:
                case "post" | "update":
                    print(update.post().heading)
                case "delete":
                    print("withdrawn:", update.data["id"])

    asyncio.run(main())

The address may be that of the page, of a feed or of the stream. ``update.data`` is what the server sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from subscriber.follower import Follower
from subscriber.rerun import Rerun
from subscriber.status import Status
from subscriber.update import Update

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

__all__ = ["Follower", "Rerun", "Status", "Update", "follow"]


def follow(
    url: str,
    *,
    poll: bool = False,
    state: Path | None = None,
    once: bool = False,
    until_end: bool = False,
    rerun: Rerun | None = None,
    session: aiohttp.ClientSession | None = None,
) -> Follower:
    """Follow the story at ``url``.

    An update counts as taken when the next one is asked for; with ``state`` it is then on disk, so that a program
    that was killed goes on where it was and repeats at most its last update. To stop early and close the connection
    at once, iterate ``follow(...).updates()`` within ``contextlib.aclosing``.

    Args:
        url: of a page, a feed or a stream.
        poll: poll the feed even if there is a stream.
        state: file in which to keep the position and what was shown, for many URLs if need be; made if missing.
        once: end after the present window.
        until_end: end when a replay has ended, or the story is finished, and all was told.
        rerun: follow a rerun of the story that begins now, or, with ``state``, the same one that was begun before.
        session: to make requests with; by default one is opened and closed.

    Returns:
        An asynchronous iterable of updates, for one iteration. It raises ``shared.errors.NewsreelError``, with one
        clear line, when there is nothing to follow.
    """
    return Follower(url, poll=poll, state=state, once=once, until_end=until_end, rerun=rerun, session=session)
