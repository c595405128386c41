"""Fetching over HTTP: the one room of ``shared`` that touches the network.

Both sides use it: the publisher reads sources with it, the subscriber pages, feeds and streams.
"""

from __future__ import annotations

import contextlib
import errno
import json
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from shared import __version__
from shared.errors import NewsreelError, UsageError
from shared.route import PublicOnly, proxy_for
from shared.text import clean_line
from shared.wire import PROBLEM

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from aiohttp.abc import AbstractResolver
    from multidict import CIMultiDictProxy
    from yarl import URL

USER_AGENT = f"newsreel/{__version__}"
CONNECT_SECONDS = 15.0
"""Longest wait for a connection."""
IDLE_SECONDS = 15.0
"""How long a connection that nobody uses is kept."""
READ_SECONDS = 30.0
"""Longest silence while a document comes."""
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
"""Largest document, decompressed, that is taken."""
MAX_PROBLEM_BYTES = 64 * 1024
"""Largest problem document that is read."""
MAX_WAIT_SECONDS = 24 * 3600.0
"""Longest ``Retry-After`` that is obeyed to the letter."""

_TRY_LATER = frozenset({408, 425, 429})
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE | re.ASCII)


class BadUrlError(UsageError):
    """The text is no web address."""


class FetchError(NewsreelError):
    """A document or stream could not be had.

    Attributes:
        status: the HTTP status, None where no answer came.
        passing: it may go better later: the network, a timeout, 408, 425, 429 or 5xx.
        retry_after: seconds for which the server asked to be left alone, None where it did not ask.
    """

    def __init__(
        self, message: str, *, status: int | None = None, passing: bool, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.passing = passing
        self.retry_after = retry_after


class RefusedUrlError(FetchError):
    """The address is refused: as the server says, of what is written in it, or as it leads into this machine's network.

    Who gave it is to mend it.
    """

    exit_code = UsageError.exit_code


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes the next request conditional (RFC 9110, section 8.8): ``ETag`` and ``Last-Modified`` as they came."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Give the request headers that ask for the document only if it changed."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value}


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: 200 with its body, or 304 with an empty one.

    Attributes:
        url: where it came from in the end, after redirects.
        content_type: as the server sent it, parameters included; None where it sent none.
        max_age: seconds for which asking again is of no use (RFC 9111), None where the server says nothing of it.
        links: the raw ``Link`` headers.
    """

    url: str
    status: int
    body: bytes
    content_type: str | None
    validators: Validators
    max_age: float | None
    links: tuple[str, ...]

    @property
    def unchanged(self) -> bool:
        """Tell whether the document is what it was at the request that gave the validators."""
        return self.status == 304


def open_session(
    *,
    allow_private: bool = True,
    connections: int = 100,
    resolver: AbstractResolver | None = None,
    idle: float = IDLE_SECONDS,
    agent: str = USER_AGENT,
) -> aiohttp.ClientSession:
    """Open a session that says who it is. Use it as an async context manager, one for a program's life.

    Args:
        allow_private: connect to addresses of this machine and its network, too, and by the environment's proxies.
            Where an address comes from somebody else, they must be refused, redirects included: they may lead to what
            only this machine can reach, and so may a proxy.
        connections: most at once; 0 for no limit.
        resolver: looks up names; None for the system's, in the loop's threads.
        idle: seconds for which a connection is kept that nobody uses.
        agent: who asks.
    """
    connector = aiohttp.TCPConnector if allow_private else PublicOnly
    return aiohttp.ClientSession(
        connector=connector(limit=connections, resolver=resolver, keepalive_timeout=idle),
        headers={"User-Agent": agent},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def fetch(
    session: aiohttp.ClientSession,
    url: str,
    *,
    accept: str = "*/*",
    validators: Validators | None = None,
    max_bytes: int = MAX_DOCUMENT_BYTES,
) -> Fetched:
    """Get a document, conditionally if ``validators`` are given. Redirects are followed.

    Raises:
        BadUrlError: ``url`` is no http(s) address.
        FetchError: no answer, an answer other than 200 and 304, or one that is too large.
    """
    headers = {"Accept": accept} | (validators.headers() if validators else {})
    async with request(session, url, headers=headers) as response:
        await check_answer(response)
        if response.status == 304:
            return fetched(response, b"", validators)
        return fetched(response, await read_body(response, max_bytes))


@contextlib.asynccontextmanager
async def request(
    session: aiohttp.ClientSession,
    url: str | URL,
    *,
    headers: Mapping[str, str],
    read_seconds: float = READ_SECONDS,
    method: str = "GET",
    body: bytes | None = None,
    follow: bool = True,
) -> AsyncGenerator[aiohttp.ClientResponse, None]:
    """Send a request and give the response while its body is still to come; the network's errors become FetchErrors.

    Args:
        session: see ``open_session``.
        url: an encoded ``URL`` is asked for exactly as it is.
        headers: besides those of the session.
        read_seconds: longest silence while the answer comes.
        method: of the request.
        body: of the request.
        follow: go where a redirect leads; else the redirect is the answer.
    """
    check_url(str(url))
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=read_seconds)
    proxy = None if isinstance(session.connector, PublicOnly) else proxy_for(str(url))
    try:
        async with session.request(
            method, url, data=body, headers=dict(headers), timeout=timeout, allow_redirects=follow, proxy=proxy
        ) as response:
            yield response
    except aiohttp.TooManyRedirects:
        raise FetchError(f"{url} redirects in circles; check the address", passing=False) from None
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:  # where a redirect points
        raise FetchError(f"{url} leads to {_line(error)!r}, which is no web address", passing=False) from None
    except UnicodeError:  # of IDNA
        raise FetchError(f"{_line(url)} names a host that cannot be; check the address", passing=False) from None
    except aiohttp.ClientSSLError as error:
        raise FetchError(_untrusted(url, error), passing=False) from None
    except aiohttp.ClientProxyConnectionError as error:
        raise FetchError(
            f"cannot reach {url}: its proxy {error.host}:{error.port} does not answer", passing=True
        ) from None
    except aiohttp.ClientHttpProxyError as error:
        raise FetchError(
            f"the proxy {_line(proxy)} refuses to lead to {url}: {error.status} {_line(error.message)}",
            status=error.status,
            passing=error.status in _TRY_LATER or error.status >= 500,
        ) from None
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
        if isinstance(session.connector, PublicOnly) and isinstance(error, OSError) and error.errno == errno.EACCES:
            raise RefusedUrlError(f"cannot reach {url}: {_why(error)}", passing=True) from None
        raise FetchError(f"cannot reach {url}: {_why(error)}", passing=True) from None
    except aiohttp.ClientError as error:
        raise FetchError(f"{url} does not answer in HTTP: {_line(error)}", passing=True) from None


def check_url(url: str) -> None:
    """Refuse what is no http(s) address.

    Raises:
        BadUrlError: with a proposal where the scheme was left out.
    """
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        raise BadUrlError(f"{_line(url)!r} is no web address; one looks like https://example.org/live/") from None
    if parts.scheme in {"http", "https"} and named:
        return
    if "://" not in url and re.match(r"[\w.\-]+(?::\d+)?(?:/|$)", url):
        raise BadUrlError(f"{_line(url)!r} is no web address; did you mean http://{_line(url)}?")
    raise BadUrlError(f"{_line(url)!r} is no web address; one begins with http:// or https://")


async def check_answer(response: aiohttp.ClientResponse) -> None:
    """Let 200, 204 and 304 pass. What a problem document says to be wrong with the address (RFC 9457) is told.

    Raises:
        FetchError: any other status.
    """
    status = response.status
    if status in {200, 204, 304}:
        return
    if status == 400 and response.content_type == PROBLEM:
        detail = await _detail(response)
        if detail:
            raise RefusedUrlError(f"{_line(response.url)} is refused: {detail}", status=status, passing=False)
    passing = status in _TRY_LATER or status >= 500
    mend = {
        401: "it wants a login, which newsreel has not",
        403: "it does not want to be read by this program",
        404: "check the address",
        410: "it is gone for good",
    }.get(status, "try again later" if passing else "check the address")
    answer = f"{status} {_line(response.reason or '')}".rstrip()
    raise FetchError(
        f"{_line(response.url)} answers {answer}; {mend}",
        status=status,
        passing=passing,
        retry_after=retry_after(response.headers),
    )


async def _detail(response: aiohttp.ClientResponse) -> str:
    try:
        problem = json.loads(await read_body(response, MAX_PROBLEM_BYTES))
    except (FetchError, ValueError, RecursionError, aiohttp.ClientError, TimeoutError):
        return ""
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return clean_line(detail)[:1000] if isinstance(detail, str) else ""


async def read_body(response: aiohttp.ClientResponse, max_bytes: int = MAX_DOCUMENT_BYTES) -> bytes:
    """Read a whole body, decompressed, but no more than ``max_bytes``.

    Raises:
        FetchError: it is larger.
    """
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > max_bytes:
            sends = f"{response.url} sends more than {max_bytes:,} bytes"
            raise FetchError(f"{sends}; no page or feed is so large", passing=False)
    return bytes(body)


def fetched(response: aiohttp.ClientResponse, body: bytes, before: Validators | None = None) -> Fetched:
    """Make the answer of a response; a 304 without validators of its own keeps those ``before``."""
    headers = response.headers
    validators = Validators(headers.get("ETag"), headers.get("Last-Modified"))
    return Fetched(
        url=str(response.url),
        status=response.status,
        body=body,
        content_type=headers.get("Content-Type"),
        validators=before if before and validators == Validators() else validators,
        max_age=_max_age(headers),
        links=tuple(headers.getall("Link", ())),
    )


def _max_age(headers: CIMultiDictProxy[str]) -> float | None:
    control = ",".join(headers.getall("Cache-Control", ()))
    if re.search(r"\bno-(?:cache|store)\b", control, re.IGNORECASE):
        return 0.0
    found, age = _MAX_AGE.search(control), headers.get("Age", "").strip()
    # What a cache on the way has had for a while grows stale sooner (RFC 9111, section 4.2.3).
    had = float(age) if re.fullmatch(r"[0-9]{1,9}", age) else 0.0
    return max(float(found[1]) - had, 0.0) if found else None


def retry_after(headers: CIMultiDictProxy[str]) -> float | None:
    """Read ``Retry-After``, seconds or a date, as seconds from now (RFC 9110, section 10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,12}", value):
        return min(float(value), MAX_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)
    return min(max(wait.total_seconds(), 0.0), MAX_WAIT_SECONDS)


def _untrusted(url: str | URL, error: aiohttp.ClientSSLError) -> str:
    """Word why there is no safe connection (RFC 9325): a certificate that proves nothing, or a server without TLS."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"cannot trust {url}: {_line(cause.verify_message).rstrip('.')}; check the address, or its certificate"
    if isinstance(cause, ssl.SSLError) and cause.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return f"{url} does not speak TLS; did you mean {str(url).replace('https:', 'http:', 1)}?"
    return f"no safe connection to {url}: {_line(getattr(cause, 'reason', None) or error)}"


def _why(error: BaseException) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "no such host is known"
        case aiohttp.SocketTimeoutError():
            return "it fell silent"
        case TimeoutError():
            return "it does not answer"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | ConnectionResetError():
            return "the connection was cut"
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, ConnectionRefusedError | PermissionError):
            refused = isinstance(error.os_error, ConnectionRefusedError)
            return "nothing listens there; is the server running?" if refused else _line(error.os_error.strerror)
    return _line(error)


def _line(text: object) -> str:
    return clean_line(str(text))[:200]
