"""The server's token: who has it may write to its channels and drive its clocks (RFC 6750)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from shared.token import given_token, token_in

if TYPE_CHECKING:
    from pathlib import Path


class Token:
    """A secret that is compared in constant time, and that no traceback or log line shows."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        """To be handed on to the file where local commands find it, and to nothing else."""

    def __repr__(self) -> str:
        return "Token(…)"

    def matches(self, given: str) -> bool:
        """Tell whether ``given`` is the token; how long it takes tells nothing of either."""
        return hmac.compare_digest(_digest(given), _digest(self.secret))

    @classmethod
    def made(cls) -> Token:
        """Make one, of 256 random bits."""
        return cls(secrets.token_urlsafe(32))

    @classmethod
    def configured(cls, file: Path | None) -> Token | None:
        """Give the token of the environment, else that of ``file``, the setting ``server.token_file``; None without.

        Raises:
            TokenError: there is one, but it cannot be read or used.
        """
        given = given_token()
        if given is None and file is not None:
            given = token_in(file)
        return cls(given) if given is not None else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
