"""A post: one thing said at one time. Its JSON is a JSON Feed 1.1 item.

The same class serves in two forms. *In story time*, as sources read it and the log holds it: ``id`` is the slug and the
dates are those of the world. *Released*, as streams and feeds carry it: ``id`` is a ``tag:`` URI, ``url`` is set and
``_newsreel`` holds position and release facts (see ``publisher.projection``).
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from shared.text import clean_html, clean_language, clean_line, clean_url, first_sentence, html_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_AROUND_BLOCKS = re.compile(
    r" ?(</?(?:blockquote|br|caption|dd|dl|dt|figcaption|figure|h[2-6]|hr|li|ol|p|pre|table|tbody|td|tfoot|th|thead|tr"
    r"|ul)(?: [^>]*)?>) ?"
)
SUMMARY_CHARACTERS = 400
"""Longest summary."""

_MIME = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)


def _line(value: object) -> object:
    return (clean_line(value) or None) if isinstance(value, str) else value


def _language(value: object) -> object:
    return clean_language(value) if isinstance(value, str) else value


def _web_url(value: object) -> object:
    # A reader must never be handed a javascript: or data: link.
    return clean_url(value) if isinstance(value, str) else value


def _reckonable(value: datetime) -> datetime:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"the year {value.year} is out of range")
    offset = value.utcoffset()
    # RFC 3339 writes offsets in whole minutes; those of local mean time, before there were zones, are not.
    return value.astimezone(UTC) if offset and (offset.seconds % 60 or offset.microseconds) else value


FIRST_YEAR, LAST_YEAR = 2, 9998
"""Years of dates: reckoning with offsets must not leave what a datetime can hold."""

Line = Annotated[str, AfterValidator(clean_line)]
Moment = Annotated[AwareDatetime, AfterValidator(_reckonable)]
OptionalLine = Annotated[str | None, BeforeValidator(_line)]
WebUrl = Annotated[str | None, BeforeValidator(_web_url)]


class Frozen(BaseModel):
    """A value: cleaned when made, never changed, written by its aliases without empty members."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with changes; what was computed of the original is computed anew."""
        copy = super().model_copy(update=update, deep=deep)
        for name in copy.__dict__.keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON object: aliases, no nulls, dates as RFC 3339 strings."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_json(self) -> bytes:
        """Encode as one line of compact UTF-8 JSON; the same value always gives the same bytes."""
        return encode_json(self.to_dict())


def encode_json(value: object) -> bytes:
    """Encode ``value`` as one line of compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


class AuthorFacts(Frozen):
    """What JSON Feed has no member for in an author."""

    location: OptionalLine = None


class Author(Frozen):
    """Who wrote a post (JSON Feed 1.1, "authors"); ``_newsreel.location`` is where they were."""

    name: Line
    url: WebUrl = None
    newsreel: AuthorFacts | None = Field(default=None, alias="_newsreel")

    @classmethod
    def of(cls, name: str, location: str | None = None) -> Author:
        """Make an author from a name and, if known, a place."""
        return cls(name=name, newsreel=AuthorFacts(location=location) if location else None)

    @property
    def location(self) -> str | None:
        """Tell the place from which the author reported, if the source said."""
        return self.newsreel.location if self.newsreel else None


class Image(Frozen):
    """A picture of a post. ``url`` is absent where the source kept only the caption."""

    url: WebUrl = None
    caption: OptionalLine = None
    credit: OptionalLine = None


class ReplayFacts(Frozen):
    """Which round of a replay released the post (from 1), and how fast the clock ran."""

    run: int
    speed: float


class PostFacts(Frozen):
    """``_newsreel`` of an item: what newsreel knows that JSON Feed has no member for."""

    story_time: Moment
    revision: int = Field(default=1, ge=1)
    key_event: bool = False
    pinned: bool = False
    images: tuple[Image, ...] = ()
    title_derived: bool | None = None
    """True where ``title`` is the first sentence of a post that has no headline."""
    channel: str | None = None
    position: str | None = None
    released_at: AwareDatetime | None = None
    replay: ReplayFacts | None = None

    @model_serializer(mode="wrap")
    def _without_empty_lists(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        facts: dict[str, Any] = dump(self)
        if not facts.get("images", True):
            del facts["images"]
        return facts


def _mime(value: str) -> str:
    """Give a media type without its parameters; of what is none, the one that says nothing (RFC 2046, 4.5.1)."""
    kind = value.partition(";")[0].strip().lower()
    return kind if _MIME.fullmatch(kind) else "application/octet-stream"


class Attachment(Frozen):
    """A file that goes with a post (JSON Feed 1.1, "attachments")."""

    url: Annotated[str, AfterValidator(lambda url: clean_url(url) or "")]
    mime_type: Annotated[str, AfterValidator(_mime)]
    title: OptionalLine = None
    size_in_bytes: int | None = None
    duration_in_seconds: float | None = None


def _on_the_web(files: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    return tuple(file for file in files if file.url)


class Post(Frozen):
    """One post. ``content_html`` is sanitised when the post is made; ``title`` is absent where there is no headline."""

    id: Line = Field(min_length=1)
    url: WebUrl = None
    title: OptionalLine = None
    content_html: Annotated[str, AfterValidator(clean_html)] = ""
    date_published: Moment
    date_modified: Moment | None = None
    image: WebUrl = None
    authors: tuple[Author, ...] = ()
    tags: tuple[Line, ...] = ()
    attachments: Annotated[tuple[Attachment, ...], AfterValidator(_on_the_web)] = ()
    language: Annotated[str | None, BeforeValidator(_language)] = None
    newsreel: PostFacts = Field(alias="_newsreel")

    @model_serializer(mode="wrap")
    def _without_empty_lists(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        item: dict[str, Any] = dump(self)
        for key in ("authors", "tags", "attachments"):
            if not item.get(key, True):
                del item[key]
        return item

    @property
    def story_time(self) -> datetime:
        """Tell when the post first appeared, in the world."""
        return self.newsreel.story_time

    @property
    def revision(self) -> int:
        """Count the versions up to this one, from 1."""
        return self.newsreel.revision

    @property
    def images(self) -> tuple[Image, ...]:
        """List the pictures, with captions and credits."""
        return self.newsreel.images

    @cached_property
    def content_text(self) -> str:
        """The words of the body, without captions."""
        return html_text(self.content_html)

    @cached_property
    def heading(self) -> str:
        """A title for who needs one: the headline, else the first sentence, else the first caption or the id."""
        captions = [i.caption for i in self.images if i.caption]
        return self.title or first_sentence(self.content_text) or first_sentence(next(iter(captions), "")) or self.id

    @property
    def summary(self) -> str:
        """The first words of the body in one line, cut at a word; the heading where there is no body."""
        line = clean_line(self.content_text) or self.heading
        if len(line) <= SUMMARY_CHARACTERS:
            return line
        return line[: SUMMARY_CHARACTERS - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"

    @cached_property
    def digest(self) -> str:
        """Digest of what a reader sees, dates, ids and white space aside: equal digests, nothing to show again."""
        seen = self.model_dump(
            mode="json",
            include={"title", "image", "authors", "tags", "attachments", "language"},
        ) | {
            "body": _AROUND_BLOCKS.sub(r"\1", " ".join(self.content_html.split())),
            "facts": self.newsreel.model_dump(mode="json", include={"key_event", "pinned", "images"}),
        }
        return hashlib.sha256(encode_json(seen)).hexdigest()[:16]
