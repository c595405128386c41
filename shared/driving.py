"""A replay's clock, seen and driven from outside by HTTP (``docs/protocol.md``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from shared.errors import NewsreelError, UsageError
from shared.fetch import check_url, read_body, request
from shared.item import BadItemError, read_json
from shared.post import encode_json
from shared.text import clean_line
from shared.wire import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

MOST_BYTES = 64 * 1024
"""Largest answer that is read: a clock has some 200 bytes."""
_DOCUMENTS = frozenset({"feed.atom", "feed.rss", "feed.json", "events", "clock", "posts"})


class NoClockError(NewsreelError):
    """There is no replay at the address, or it does not say how it stands."""


class NoTokenError(UsageError):
    """The server wants its token, and none is at hand."""


class RefusedError(UsageError):
    """The server does not do what was asked: the token is not its own, or it makes no sense."""


def clock_url(url: str) -> str:
    """Tell where the clock of a channel is; argument and errors as ``channel_url``."""
    return channel_url(url) + "clock"


def channel_url(url: str) -> str:
    """Tell the root of a channel, given its page, a feed, its stream, a post, or where it is driven or written to.

    Raises:
        BadUrlError: the text is no http(s) address.
    """
    check_url(url)
    parts = urlsplit(url)
    segments = parts.path.rstrip("/").split("/")
    if segments[-1] in _DOCUMENTS:
        segments.pop()
    elif len(segments) > 2 and segments[-2] == "posts":
        del segments[-2:]
    return urlunsplit((parts.scheme, parts.netloc, "/".join([*segments, ""]), "", ""))


async def read_clock(session: aiohttp.ClientSession, url: str) -> Standing:
    """Ask how a replay stands; ``url`` is one that ``clock_url`` made.

    Raises:
        NoClockError: there is none.
        FetchError: no answer.
    """
    async with request(session, url, headers={"Accept": "application/json"}) as response:
        return _standing(url, response.status, await read_body(response, MOST_BYTES))


async def drive_clock(
    session: aiohttp.ClientSession, url: str, token: str | None, control: Mapping[str, Any]
) -> Standing:
    """Set a replay's clock, and tell how it then stands.

    Args:
        session: see ``shared.fetch.open_session``.
        url: one that ``clock_url`` made.
        token: the server's; without one the server tells what it lacks.
        control: ``state``, ``speed``, ``seek``, ``step``, as the protocol has them.

    Raises:
        NoTokenError: the server has a token, and none was given.
        RefusedError: the server refuses.
        NoClockError: there is no replay.
        FetchError: no answer.
    """
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    async with request(
        session, url, headers=headers, method="PATCH", body=encode_json(dict(control)), follow=False
    ) as response:
        if response.status == 401 and token is None:
            raise NoTokenError(
                f"no token for {url} is at hand; set NEWSREEL_TOKEN to the server's, or run this as the user who runs "
                "the replay, on the same machine"
            )
        return _standing(url, response.status, await read_body(response, MOST_BYTES))


def _standing(url: str, status: int, body: bytes) -> Standing:
    try:
        told = read_json(body) if body else None
        if status == 200:
            return Standing.model_validate(told)
    except (BadItemError, ValidationError):
        told = None
    detail = told.get("detail") if isinstance(told, dict) else None
    said = clean_line(detail)[:300] if isinstance(detail, str) else ""
    match status:
        case 401:
            raise RefusedError(f"{url}: the server refuses the token; set NEWSREEL_TOKEN to the one that it has")
        case 403:
            raise RefusedError(f"{url}: {said or 'nobody may set this clock'}")
        case 400 | 422:
            raise RefusedError(said or f"{url}: the server does not understand what is asked")
        case 503:
            raise NoClockError(f"{url}: {said or 'the server has trouble'}; look how it stands and ask again")
        case 404 if "no replay" in said:
            raise NoClockError(f"{url}: {said}")
    raise NoClockError(
        f"{url} is no clock of a replay ({status}); give a replay's page, such as http://HOST:PORT/NAME/"
    )
