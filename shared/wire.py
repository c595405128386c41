"""What goes over the wire: media types, the small objects of the stream, the names of links.

``docs/protocol.md`` describes all of it for people who write a client.
"""

from __future__ import annotations

from pydantic import AwareDatetime, Field, FiniteFloat

from shared.event import ClockState
from shared.post import Frozen, ReplayFacts

ATOM = "application/atom+xml"
RSS = "application/rss+xml"
JSON_FEED = "application/feed+json"
EVENT_STREAM = "text/event-stream"
HTML = "text/html"
XML = "application/xml"
OPML = "text/x-opml"
PROBLEM = "application/problem+json"

JSON_FEED_VERSION = "https://jsonfeed.org/version/1.1"

TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
"""XML namespace of ``deleted-entry`` (RFC 6721)."""
HISTORY = "http://purl.org/syndication/history/1.0"
"""XML namespace of ``complete`` and ``archive`` (RFC 5005)."""
NAMESPACE = "tag:newsreel.invalid,2026:ns"
"""XML namespace of what Atom and RSS have no element for; its usual prefix is ``newsreel``.

``story-time`` (RFC 3339) and ``revision`` (a number) in each entry; ``replay`` (attributes ``run`` and ``speed``) in
the feed and the entries of a replay.
"""


class Clock(Frozen):
    """Data of a ``clock`` event: where the replay stands.

    ``story_time`` is the moment that the clock shows; ``starts`` the one at which a replay that waits will begin.
    """

    state: ClockState
    speed: FiniteFloat
    story_time: AwareDatetime
    run: int
    starts: AwareDatetime | None = None


class Standing(Clock):
    """What ``GET /{channel}/clock`` tells: the clock as it is now, and nothing of what is to come but when.

    Attributes:
        elapsed: seconds of the replay's own time, silences shortened as it is set to.
        next_release: when something comes out next; absent while it is paused and once everything is out.
        duration: seconds in all; only once everything is out.
    """

    elapsed: float
    next_release: AwareDatetime | None = None
    duration: float | None = None


class DeletionFacts(Frozen):
    """``_newsreel`` of a deletion."""

    channel: str | None = None
    position: str | None = None
    story_time: AwareDatetime | None = None
    released_at: AwareDatetime | None = None
    replay: ReplayFacts | None = None


class Deletion(Frozen):
    """Data of a ``delete`` event: the id of the post that is gone."""

    id: str
    newsreel: DeletionFacts = Field(default_factory=DeletionFacts, alias="_newsreel")
