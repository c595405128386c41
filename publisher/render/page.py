"""Pages for people: the live page, the page of one post, the list of channels.

Each is one file: style and script stand in the document, which therefore also serves as a static file. The content
security policy allows exactly these two, by their hashes, so that nothing a post contains can ever run.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from publisher.render.jsonld import blog_posting, fragment, live_blog
from publisher.render.media import pictures, shows_pictures
from publisher.when import offset, spoken, spoken_day
from shared import __version__
from shared.post import Image
from shared.text import clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from publisher.render.snapshot import Mode, Snapshot
    from shared.post import Post

MODES: dict[Mode, str] = {"live": "Live", "replay": "Replay", "archive": "Archive"}

_CSS = resources.files("publisher.render").joinpath("live.css").read_text("utf-8").strip()
_JS = resources.files("publisher.render").joinpath("live.js").read_text("utf-8").strip()
ICON = resources.files("publisher.render").joinpath("icon.svg").read_text("utf-8").strip()
"""newsreel's mark, as an SVG document."""


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        f"script-src '{_hash(_JS)}'",
        f"style-src '{_hash(_CSS)}'",
        "img-src http: https: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    ]
)
"""Value of the ``Content-Security-Policy`` header (CSP level 3) for every page made here."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A channel in the list of channels; ``page``, ``atom``, ``rss`` and ``json`` are URLs."""

    title: str
    subtitle: str
    mode: Mode
    page: str
    atom: str
    rss: str
    json: str
    language: str | None = None

    @classmethod
    def of(cls, snapshot: Snapshot) -> Listing:
        """List the channel of a snapshot."""
        address = snapshot.address
        return cls(
            snapshot.title,
            snapshot.subtitle,
            snapshot.mode,
            address.page,
            address.atom,
            address.rss,
            address.json,
            snapshot.language,
        )


def live_page(snapshot: Snapshot) -> bytes:
    """Make the page of a channel: all posts of the snapshot, newest first, and the script that keeps it in step.

    What is pinned stays on top of the newest window.

    The script asks for the stream by a relative URL, so that the page also works under another host name than the
    public one. Without a stream (a static site) there is no script.
    """
    address = snapshot.address
    events = address.events
    stream = events.removeprefix(address.root) if events else None
    return _render(
        "live.html",
        snapshot=snapshot,
        posts=sorted(snapshot.posts, key=lambda post: snapshot.archive is None and not post.newsreel.pinned),
        language=snapshot.language,
        mode=_mode(snapshot),
        stream=stream,
        here=address.page if snapshot.archive is None else address.archive_page(snapshot.archive),
        older=_older(snapshot),
        linked_data=live_blog(snapshot),
    )


def _older(snapshot: Snapshot) -> str | None:
    """Tell where the posts from before those of a page are shown; a static site has pages of its own for them."""
    address, posts = snapshot.address, snapshot.posts
    if not (address.has_stream or address.query):
        return address.archive_page(snapshot.older) if snapshot.older is not None else None
    if snapshot.complete or not posts or posts[-1].story_time == posts[0].story_time:
        return None
    return f"{address.root}?at={quote(_machine(posts[-1].story_time))}"


def _mode(snapshot: Snapshot) -> str:
    """Word what a page is, for its badge."""
    address = snapshot.address
    if not address.query:
        return MODES[snapshot.mode]
    return "Rerun" if address.has_stream else "As it stood"


def post_page(snapshot: Snapshot, post: Post) -> bytes:
    """Make the page of one released post; the snapshot tells of which channel."""
    return _render(
        "post.html",
        snapshot=snapshot,
        post=post,
        language=snapshot.language,
        mode=_mode(snapshot),
        linked_data=blog_posting(snapshot, post),
    )


def channels_page(channels: Sequence[Listing]) -> bytes:
    """Make the list of the channels. It names each Atom feed in its head, where feed readers look."""
    return _render("channels.html", listings=channels, modes=MODES, language="en")


def error_page(title: str, detail: str | None, root: str) -> bytes:
    """Make the page for who asked in vain.

    Args:
        title: the status in words.
        detail: what is wrong, and what to do.
        root: URL of the list of channels.
    """
    return _render("error.html", title=title, detail=detail, root=root, language="en")


def _figures(post: Post) -> tuple[Image, ...]:
    """List the pictures that the body does not show itself."""
    if shows_pictures(post):
        return ()
    return post.images or ((Image(url=post.image),) if post.image else ())


def _body(post: Post) -> str:
    """Give the body; a table too wide for the page is moved by keys, too, once it can be focused."""
    return post.content_html.replace("<table", '<table tabindex="0"')


def _machine(moment: datetime) -> str:
    """Write a moment as the ``datetime`` attribute takes it: a fraction may have three digits, so there is none."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M}"


def _render(name: str, **values: object) -> bytes:
    # Posts are cleaned when they are made; titles also come from configuration files.
    return clean_text(_TEMPLATES.get_template(name).render(values)).encode()


_TEMPLATES = Environment(
    loader=PackageLoader("publisher", "render"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.filters |= {
    "body": _body,
    "clock": _clock,
    "day": spoken_day,
    "figures": _figures,
    "fragment": fragment,
    "machine": _machine,
    "pictures": pictures,
    "spoken": spoken,
    "zone": offset,
}
_TEMPLATES.globals |= {
    "css": _CSS,
    "js": _JS,
    "icon": "data:image/svg+xml," + quote(ICON, safe="'/:="),
    "version": __version__,
}
