"""The epoch: tells one life of a log from another."""

from __future__ import annotations

import secrets
import string

_SIGNS = string.digits + string.ascii_lowercase


def draw_epoch(length: int = 6) -> str:
    """Draw a random epoch of ``length`` signs from ``0-9a-z``; six of them tell two billion lives apart."""
    return "".join(secrets.choice(_SIGNS) for _ in range(length))
