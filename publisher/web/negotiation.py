"""Which media type a reader would rather have. Pure."""

from __future__ import annotations

from functools import lru_cache

from publisher.codings import weight


@lru_cache(maxsize=256)
def preferred(accept: str | None, offers: tuple[str, ...]) -> str:
    """Choose a media type for an ``Accept`` header (RFC 9110, section 12.5.1): the weightiest, then the first offered.

    Where none is acceptable it is the first: something to read is of more use than a 406.
    """
    ranges: dict[str, float] = {}
    for part in (accept or "*/*").split(","):
        name, *parameters = part.split(";")
        ranges[name.strip().lower()] = weight(parameters)
    weights = []
    for offer in offers:
        # The most specific range that fits decides.
        fitting = (offer, offer.partition("/")[0] + "/*", "*/*")
        weights.append(next((ranges[name] for name in fitting if name in ranges), 0.0))
    return offers[weights.index(max(weights))]
