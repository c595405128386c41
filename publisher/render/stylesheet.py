"""The style of feeds, for people who open one in a browser (Associating Style Sheets with XML documents 1.0).

CSS, not XSLT: browsers are giving XSLT up, and Chromium 156 puts a warning above what it makes. The address holds a
hash of the style, so that it can be kept for ever.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.render.snapshot import Snapshot

STYLESHEET = resources.files("publisher.render").joinpath("feed.css").read_bytes()
STYLESHEET_PATH = f"feed-{hashlib.sha256(STYLESHEET).hexdigest()[:8]}.css"
"""Where it lies, below the root of each channel."""


def styled(document: bytes, snapshot: Snapshot) -> bytes:
    """Name the stylesheet in an XML document, after its declaration.

    By a relative address, so that it is found under another host name and on a static host, too.
    """
    above = "../" if snapshot.archive is not None else ""
    declaration, end, rest = document.partition(b"?>\n")
    mark = f'<?xml-stylesheet type="text/css" href="{above}{STYLESHEET_PATH}"?>\n'
    return declaration + end + mark.encode() + rest
