"""Where the token of a server on this machine is found: publisher and subscriber look in the same place.

A server that made its own token writes it to ``tokens/HOST:PORT`` in the user's state folder, readable by that user
only, and holds a lock on the file while it lives: a file without one was left behind by a server that was killed.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import platformdirs

from shared.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "NEWSREEL_TOKEN"
"""Environment variable that holds a server's token."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
_EVERYWHERE = ("0.0.0.0", "::")


class TokenError(UsageError):
    """A token cannot be read, or is none. The message never holds it."""


def token_of(text: str, where: str) -> str:
    """Check what was given as a token (``b64token``, RFC 6750, section 2.1); white space round it is dropped.

    Raises:
        TokenError: it is empty, or has characters that no token has.
    """
    text = text.strip()
    if not _TOKEN.fullmatch(text):
        what = "holds no token" if not text else "holds a token with characters that HTTP does not take"
        raise TokenError(f"{where} {what}; write letters and digits, such as those of: openssl rand -hex 32")
    return text


def token_in(path: Path) -> str:
    """Read the token that a file holds.

    Raises:
        TokenError: the file cannot be read, or holds none.
    """
    try:
        return token_of(path.read_text("utf-8"), f"the token file {path}")
    except (OSError, ValueError) as error:
        raise TokenError(f"the token file {path}: {getattr(error, 'strerror', None) or 'is no text'}") from None


def given_token() -> str | None:
    """Give the token of the environment, None if there is none. Raises TokenError."""
    text = os.environ.get(VARIABLE)
    return token_of(text, f"the environment variable {VARIABLE}") if text else None


def find_token(url: str, *, asked_for: bool = True) -> str | None:
    """Find the token for the server at ``url``: the environment's, else that of a server that runs on this machine.

    Args:
        url: of anything on the server.
        asked_for: somebody named the server in order to control it; else the environment's token, which may be
            meant for another one, goes to this machine only.

    Raises:
        TokenError: what was found is no token.
    """
    given = given_token()
    if given is not None and (asked_for or _is_here(url)):
        return given
    for name in _names(url):
        path = folder() / name
        with suppress(OSError), path.open() as file:
            if _alive(file.fileno()):
                return token_of(file.read(), f"the token file {path}")
    return None


def folder() -> Path:
    """Tell where the servers of this user keep the tokens that they made."""
    return platformdirs.user_state_path("newsreel", appauthor=False) / "tokens"


@contextmanager
def kept(token: str, host: str, port: int) -> Iterator[Path]:
    """Keep the token of a server that listens on ``host`` and ``port`` while the context lasts; give the file's path.

    Files that killed servers left behind are removed.

    Raises:
        OSError: it cannot be written.
    """
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(place)
    number, new = mkstemp(dir=place, prefix=".new-")  # readable by the user only, from its first moment
    path = place / _name(host, port)
    with os.fdopen(number, "w") as file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(number, fcntl.LOCK_EX)
        file.write(token + "\n")
        file.flush()
        Path(new).replace(path)
        try:
            yield path
        finally:
            with suppress(OSError):
                if path.stat().st_ino == os.fstat(number).st_ino:  # else another server has taken the place
                    path.unlink()


def _sweep(place: Path) -> None:
    for path in place.glob("[!.]*"):
        with suppress(OSError), path.open() as file:
            if not _alive(file.fileno()):
                path.unlink()


def _alive(number: int) -> bool:
    """Tell whether a server holds its lock on the file."""
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _name(host: str, port: int) -> str:
    return f"{host or '0.0.0.0'}:{port}".lower().replace("/", "-")


def _names(url: str) -> list[str]:
    """List the names under which the server at ``url`` may have kept its token."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return []
    hosts = [host]
    if host == "localhost" or _is_loopback(host):
        # Only where the address leads to this machine: a token must not go to another.
        hosts += ["localhost", *_EVERYWHERE]
    if host == "localhost":
        hosts += ["127.0.0.1", "::1"]
    return [_name(each, port) for each in dict.fromkeys(hosts)]


def _is_here(url: str) -> bool:
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return False
    return host == "localhost" or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
