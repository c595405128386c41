"""What is asked of the hub, and what the hub asks back. Pure."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode, urlsplit

from yarl import URL

from shared.errors import UsageError
from shared.fetch import BadUrlError, check_url

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_LEASE = 10 * 24 * 3600
"""Seconds that a subscription lasts unless its request says otherwise."""
LONGEST_LEASE = 30 * 24 * 3600
"""No subscription lasts longer, whatever its request says: none may be for ever (section 5.1)."""
LONGEST_SECRET = 199
"""Bytes: a secret must have fewer than 200 (section 5.1)."""
LONGEST_URL = 2048

Mode = Literal["subscribe", "unsubscribe"]


class BadAskError(UsageError):
    """A request to the hub is not one of WebSub."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to subscribe or unsubscribe (section 5.1).

    Attributes:
        topic: URL of what shall be pushed.
        callback: URL to which.
        lease: seconds that the subscription shall last.
        secret: with which content shall be signed.
    """

    mode: Mode
    topic: str
    callback: str
    lease: int
    secret: str | None

    def intent(self, challenge: str) -> str:
        """Give the URL by which the subscriber is asked whether it meant this (section 5.3)."""
        facts = {"hub.mode": self.mode, "hub.topic": self.topic, "hub.challenge": challenge}
        return self._with(facts | ({"hub.lease_seconds": str(self.lease)} if self.mode == "subscribe" else {}))

    def denial(self, reason: str) -> str:
        """Give the URL by which the subscriber is told that it will get nothing (section 5.2)."""
        return self._with({"hub.mode": "denied", "hub.topic": self.topic, "hub.reason": reason})

    def _with(self, facts: Mapping[str, str]) -> str:
        # As text: what the callback's own query says must reach it as it is.
        url = self.callback
        joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
        return f"{url}{joint}{urlencode(facts)}"

    @property
    def host(self) -> str:
        """Tell the host of the callback."""
        return host_of(self.callback)


def read_asked(form: Mapping[str, str]) -> Asked:
    """Read a form of the hub; parameters that it does not know mean nothing.

    Raises:
        BadAskError: a parameter is missing, or cannot be.
    """
    mode = form.get("hub.mode", "")
    if mode not in {"subscribe", "unsubscribe"}:
        raise BadAskError(f"hub.mode is {mode[:40]!r}; it must be subscribe or unsubscribe")
    secret = form.get("hub.secret") or None
    if secret is not None and len(secret.encode()) > LONGEST_SECRET:
        raise BadAskError(f"hub.secret must be shorter than {LONGEST_SECRET + 1} bytes")
    return Asked(
        "subscribe" if mode == "subscribe" else "unsubscribe",
        _url(form, "hub.topic"),
        _url(form, "hub.callback").partition("#")[0],
        _lease(form.get("hub.lease_seconds", "")),
        secret,
    )


def signature(secret: str, body: bytes) -> str:
    """Give the value of ``X-Hub-Signature`` (section 7.1)."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def host_of(url: str) -> str:
    """Tell the host of a URL that was checked."""
    return urlsplit(url).hostname or ""


def _url(form: Mapping[str, str], name: str) -> str:
    url = form.get(name, "").strip()
    if not url:
        raise BadAskError(f"{name} is missing")
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise BadAskError(f"{name} must be a URL of at most {LONGEST_URL} ASCII characters, without spaces")
    try:
        check_url(url)
        URL(url, encoded=True)
    except (BadUrlError, ValueError) as error:
        raise BadAskError(f"{name}: {error}") from None
    return url


def _lease(text: str) -> int:
    text = text.strip()
    if not text:
        return DEFAULT_LEASE
    if not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) == 0:
        raise BadAskError("hub.lease_seconds must be a positive whole number")
    return min(int(text), LONGEST_LEASE)
