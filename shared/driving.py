"""A channel driven from outside by HTTP (``docs/protocol.md``): what needs its token, and a replay's clock."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
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

MOST_BYTES = 4 * 1024 * 1024
"""Largest answer that is read: a post may have grown; a clock has some 200 bytes."""
_MOST_SAID = 300
_DOCUMENTS = frozenset({"feed.atom", "feed.rss", "feed.json", "events", "clock", "posts"})


class NoClockError(NewsreelError):
    """There is no replay at the address, or it does not say how it stands."""


class NoPostUrlError(UsageError):
    """The address is not that of a post."""


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


def post_url(url: str, slug: str | None = None) -> str:
    """Tell where a post is: at ``url`` itself, or, by its ``slug``, on the channel there; without a query.

    Raises:
        BadUrlError: the text is no http(s) address.
        NoPostUrlError: it is that of something else, and no slug was given.
    """
    root = channel_url(url)
    if slug is not None:
        return f"{root}posts/{slug}"
    parts = urlsplit(url)
    if not parts.path.startswith(f"{urlsplit(root).path}posts/"):
        raise NoPostUrlError(f"{url} is no address of a post; one looks like {root}posts/ID, or give the id after it")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers.

    Attributes:
        status: of the answer.
        told: the JSON object that it holds; empty where it holds none.
        tag: its entity tag; empty where it has none.
        leads: where it redirects to; empty where it does not.
    """

    status: int
    told: Mapping[str, Any]
    tag: str = ""
    leads: str = ""

    @property
    def detail(self) -> str:
        """Give in one line what a problem document says (RFC 9457), or a redirect; empty where it says nothing."""
        if self.leads:
            return f"it has moved to {clean_line(self.leads)[:_MOST_SAID]}; use that address"
        detail = self.told.get("detail")
        return clean_line(detail)[:_MOST_SAID] if isinstance(detail, str) else ""


async def ask(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    token: str | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Ask a server for something that it answers in JSON.

    Args:
        session: see ``shared.fetch.open_session``.
        method: of the request; only ``GET`` follows redirects.
        url: of the request.
        token: the server's; where one is needed and none was given, the server tells.
        body: sent as JSON.
        headers: besides those that go without saying.

    Raises:
        NoTokenError: the server wants its token, and none was given.
        RefusedError: it has another one.
        FetchError: no answer.
    """
    sent = {"Accept": "application/json"} | dict(headers or {})
    if body is not None:
        sent["Content-Type"] = "application/json"
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    data = encode_json(dict(body)) if body is not None else None
    reading = method == "GET"
    async with request(session, url, headers=sent, method=method, body=data, follow=reading) as response:
        if response.status == 401 and token is None:
            raise NoTokenError(
                f"no token for {url} is at hand; set NEWSREEL_TOKEN to the server's, or run this as the user who runs "
                "the replay, on the same machine"
            )
        if response.status == 401:
            raise RefusedError(f"{url}: the server refuses the token; set NEWSREEL_TOKEN to the one that it has")
        answer = await read_body(response, MOST_BYTES)
        status, tag = response.status, response.headers.get("ETag", "")
        leads = response.headers.get("Location", "") if 300 <= status < 400 else ""
    try:
        told = read_json(answer) if answer else None
    except BadItemError:
        told = None
    return Answer(status, told if isinstance(told, dict) else {}, tag, leads)


async def read_clock(session: aiohttp.ClientSession, url: str) -> Standing:
    """Ask how a replay stands; ``url`` is one that ``clock_url`` made.

    Raises:
        NoClockError: there is none.
        FetchError: no answer.
    """
    return _standing(url, await ask(session, "GET", url))


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
    return _standing(url, await ask(session, "PATCH", url, token=token, body=control))


def _standing(url: str, answer: Answer) -> Standing:
    said = answer.detail
    if answer.status == 200:
        with suppress(ValidationError):
            return Standing.model_validate(answer.told)
    match answer.status:
        case 403:
            raise RefusedError(f"{url}: {said or 'nobody may set this clock'}")
        case 400 | 422:
            raise RefusedError(said or f"{url}: the server does not understand what is asked")
        case 503:
            raise NoClockError(f"{url}: {said or 'the server has trouble'}; look how it stands and ask again")
        case 404 if "no replay" in said:
            raise NoClockError(f"{url}: {said}")
    raise NoClockError(
        f"{url} is no clock of a replay ({answer.status}); give a replay's page, such as http://HOST:PORT/NAME/"
    )
