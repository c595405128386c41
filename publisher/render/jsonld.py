"""schema.org JSON-LD: a channel as a LiveBlogPosting, a post as a BlogPosting, made to stand in the page's HTML.

Dates are those that the page shows: when things happened in the world. A search engine that took a replay's release for
the date of its news would show old news as fresh.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shared.post import encode_json
from shared.text import clean_line

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.render.snapshot import Brand, Snapshot
    from shared.post import Attachment, Author, Image, Post

_CONTEXT = {"@context": "https://schema.org"}
# "</script>" and "<!--" would end the script or hide its end (WHATWG HTML, section 4.12.1.3); scripts of old took the
# separators U+2028 and U+2029 for line ends.
_UNSAFE = re.compile("[<>&\u2028\u2029]")


def live_blog(snapshot: Snapshot) -> str:
    """Write a channel as a ``LiveBlogPosting`` whose ``liveBlogUpdate`` are the posts that are out, newest first.

    ``articleBody`` is plain text, paragraphs parted by blank lines, as schema.org has it.
    """
    page = snapshot.address.page
    began, newest = snapshot.began, max(map(_newest, snapshot.posts), default=None)
    if began is None and snapshot.complete:
        began = min((post.story_time for post in snapshot.posts), default=None)
    return _embedded(
        _CONTEXT
        | {"@type": "LiveBlogPosting", "@id": page, "url": page, "mainEntityOfPage": page}
        | _present(
            headline=clean_line(snapshot.title) or snapshot.address.channel,
            description=clean_line(snapshot.subtitle),
            inLanguage=clean_line(snapshot.language or ""),
            datePublished=_moment(began),
            dateModified=_moment(newest),
            coverageStartTime=_moment(began),
            coverageEndTime=_moment(newest) if snapshot.over else None,
            author=[*map(_person, snapshot.authors)] or _organization(snapshot.brand),
            publisher=_organization(snapshot.brand),
        )
        | {"liveBlogUpdate": [_posting(post, snapshot.brand) for post in snapshot.posts]}
    )


def blog_posting(snapshot: Snapshot, post: Post) -> str:
    """Write one released post as a ``BlogPosting``, part of the channel's ``LiveBlogPosting``."""
    page = snapshot.address.page
    whole = {"@type": "LiveBlogPosting", "@id": page, "url": page, "headline": clean_line(snapshot.title)}
    return _embedded(_CONTEXT | _posting(post, snapshot.brand) | {"isPartOf": whole})


def fragment(post: Post) -> str:
    """Name a post within its page: its id without authority and channel, which has no white space."""
    return post.id[post.id.find("/") + 1 :].replace(" ", "-")


def _posting(post: Post, brand: Brand | None) -> dict[str, Any]:
    modified = _newest(post)
    # The identifier is the id of the post's element in the page: by it a reader finds the HTML of the body.
    return {"@type": "BlogPosting", "@id": post.id, "identifier": fragment(post)} | _present(
        url=post.url,
        headline=post.heading,
        datePublished=_moment(post.story_time),
        dateModified=_moment(modified) if modified != post.story_time else None,
        author=[*map(_person, post.authors)],
        publisher=_organization(brand),
        inLanguage=post.language,
        keywords=list(post.tags),
        image=[*map(_image, post.images)] or post.image,
        associatedMedia=[*map(_media, post.attachments)],
        articleBody=post.content_text,
    )


def _newest(post: Post) -> datetime:
    """Tell when a post last changed in the world; dated by release, only its first moment is known."""
    own_time = post.date_published == post.story_time
    return max(post.story_time, post.date_modified or post.story_time) if own_time else post.story_time


def _person(author: Author) -> dict[str, Any]:
    return {"@type": "Person"} | _present(name=author.name, url=author.url)


def _organization(brand: Brand | None) -> dict[str, Any] | None:
    if brand is None:
        return None
    return {"@type": "Organization", "name": brand.name, "logo": {"@type": "ImageObject", "url": brand.logo}}


def _image(image: Image) -> dict[str, Any]:
    return {"@type": "ImageObject"} | _present(url=image.url, caption=image.caption, creditText=image.credit)


def _media(file: Attachment) -> dict[str, Any]:
    length = file.duration_in_seconds
    return {"@type": "MediaObject"} | _present(
        contentUrl=file.url,
        encodingFormat=file.mime_type,
        name=file.title,
        contentSize=str(file.size_in_bytes) if file.size_in_bytes is not None else None,
        duration=f"PT{length:g}S" if length else None,
    )


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _embedded(thing: dict[str, Any]) -> str:
    """Encode so that nothing in it can end the script that it stands in."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", encode_json(thing).decode())
