"""An update: what one post of a page says, whichever markup it was read from. Not yet dated, ordered or named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.text import clean_html, html_text

if TYPE_CHECKING:
    from publisher.sources.html.moments import Instant
    from publisher.sources.transcript.stamps import Stamp
    from shared.post import Attachment, Author, Image


@dataclass(slots=True)
class Update:
    """One post as the page has it.

    Attributes:
        keys: names by which other markup of the page may know it.
        published: when it appeared; None where the page does not say.
        clock: a time of day without a date, where that is all there is.
        html: the body, not sanitised, its links absolute.
        plain: the body was text without markup.
    """

    line: int | None
    keys: tuple[str, ...] = ()
    published: Instant | None = None
    modified: Instant | None = None
    clock: Stamp | None = None
    headline: str | None = None
    html: str = ""
    plain: bool = False
    authors: tuple[Author, ...] = ()
    images: tuple[Image, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    tags: tuple[str, ...] = ()
    key_event: bool = False
    pinned: bool = False
    _read: tuple[str, str] = ("", "")

    @property
    def text(self) -> str:
        """The words of the body, read once for each body."""
        if self._read[0] != self.html:
            self._read = self.html, html_text(clean_html(self.html))
        return self._read[1]

    @property
    def empty(self) -> bool:
        """Tell whether it says nothing."""
        return not (self.headline or self.html.strip() or self.images or self.attachments)
