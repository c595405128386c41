"""Moments as whole microseconds since 1970, in which reckoning is exact. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
"""The least by which two moments differ."""


def microseconds(moment: datetime) -> int:
    """Count the microseconds from 1970 to ``moment``."""
    return (moment - EPOCH) // TICK


def moment_at(count: int) -> datetime:
    """Give the moment, in UTC, that is so many microseconds after 1970. Raises OverflowError if it is no date."""
    return EPOCH + timedelta(microseconds=count)
