"""One JSON Feed item that somebody writes to a live channel: read strictly, as there is somebody to tell.

What the reading of feeds leaves out in silence is refused here, in one line that names the member.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StrictBool, ValidationError

from publisher.sources.minting import LONGEST_ID, kept
from publisher.sources.released import in_story_time
from publisher.sources.timing import AHEAD
from publisher.wording import worded
from shared.item import BadItemError, moment, read_item
from shared.post import Image, PostFacts
from shared.text import clean_line

if TYPE_CHECKING:
    from shared.post import Post


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: a post in story time; whether it came with an id (else it has none yet), and with a date."""

    post: Post
    named: bool
    dated: bool


def _dated(value: str) -> str:
    try:
        zone = datetime.fromisoformat(value.strip().upper()).tzinfo
    except ValueError:
        zone = None
    if zone is None or moment(value) is None:
        raise ValueError("write a date with its offset from UTC, such as 2026-01-31T12:00:00+01:00")
    return value


def _number(value: object) -> object:
    # JSON Feed 1.1, "id": a number is to be read as a string.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Dated = Annotated[str, AfterValidator(_dated)]


class _Facts(BaseModel):
    key_event: StrictBool = False
    pinned: StrictBool = False
    images: list[Image] = Field(default_factory=list)


class _Given(BaseModel):
    """A JSON Feed item (1.1) as it may be written; other members are passed over."""

    id: Annotated[str | None, BeforeValidator(_number)] = None
    title: str | None = None
    content_html: str | None = None
    content_text: str | None = None
    date_published: _Dated | None = None
    date_modified: _Dated | None = None
    image: str | None = None
    authors: list[dict[str, Any]] | None = None
    tags: list[str] | None = None
    attachments: list[dict[str, Any]] | None = None
    language: str | None = None
    newsreel: _Facts | None = Field(default=None, alias="_newsreel")


def read_addressed(item: object, slug: str, now: datetime, *, derived: str = "") -> Written:
    """Read an item that is sent to the address of its post.

    Args:
        item: decoded JSON; an id of its own must be that of the address.
        slug: the id that the address names.
        now: as for ``read_written``.
        derived: title that readers are shown of the post as it stands. In what somebody fetched, changed and sends
            back, another one is a headline that they have written, whatever ``title_derived`` still says.

    Raises:
        BadItemError: as ``read_written``.
    """
    if isinstance(item, dict):
        given = _number(item.get("id"))
        if given is not None and (not isinstance(given, str) or kept(given) != slug):
            raise BadItemError(f"id: {str(given)[:80]!r} is not that of the address, {slug[:80]!r}; leave it out")
        item = item | {"id": slug}
        facts = item.get("_newsreel")
        if isinstance(facts, dict) and facts.get("title_derived") and item.get("title") != derived:
            item["_newsreel"] = facts | {"title_derived": None}
    return read_written(item, now)


_UNNAMED = "unnamed"
_WANTED = {
    "image": "write an http(s) address",
    "authors": "each needs a name",
    "language": "write a language tag (BCP 47), such as en or pt-BR",
    "attachments": "each needs a url (http or https) and a mime_type",
}


def read_written(item: object, now: datetime) -> Written:
    """Read an item.

    Args:
        item: decoded JSON.
        now: zone-aware; the story time of an item that names no date.

    Raises:
        BadItemError: no post can be made of it; the message is one line that names the member.
    """
    if not isinstance(item, dict):
        raise BadItemError("a post is one JSON object, a JSON Feed item; write its members in braces")
    try:
        given = _Given.model_validate(item)
    except ValidationError as error:
        fault = error.errors()[0]
        where = clean_line(".".join(str(part) for part in fault["loc"]))
        raise BadItemError(f"{where[:80]}: {worded(fault, 'JSON')}") from None
    slug = kept(given.id) if given.id is not None else ""
    if slug is None:
        raise BadItemError(
            f"id: {(given.id or '')[:80]!r} cannot be part of an address; "
            f"use up to {LONGEST_ID} letters, digits and hyphens, or leave it out to be given one"
        )
    post = _read(item, given, slug, now)
    for name, date in (("date_published", post.story_time), ("date_modified", post.date_modified)):
        if date is not None and date > now + AHEAD:
            raise BadItemError(f"{name}: lies in the future; write when that was, or leave it out for now")
    return Written(post, bool(slug), given.date_published is not None)


def _read(item: dict[str, Any], given: _Given, slug: str, now: datetime) -> Post:
    """Make the post in story time. One that was released elsewhere keeps its story time."""
    post = in_story_time(read_item(item | {"id": slug or _UNNAMED}, undated=now), ours=False)
    words = post.content_text
    facts = post.newsreel
    pictures = [image for image in facts.images if image.url or image.caption]
    if not (post.title or words or "<img" in post.content_html or post.image or post.attachments or pictures):
        raise BadItemError(
            "a post needs a title, content_html or content_text, or a picture; nothing that shows is left"
        )
    for name, wanted in _WANTED.items():
        sent, taken = getattr(given, name), getattr(post, name)
        if sent and (not taken or (isinstance(sent, list) and len(taken) < len(sent))):
            raise BadItemError(f"{name}: {wanted}")
    return post.model_copy(
        update={
            "url": None,
            "newsreel": PostFacts(
                story_time=post.date_published,
                key_event=facts.key_event,
                pinned=facts.pinned,
                images=facts.images,
            ),
        }
    )
