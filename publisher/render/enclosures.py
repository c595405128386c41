"""The files that a feed encloses with a post."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.post import Attachment

if TYPE_CHECKING:
    from shared.post import Post

_PICTURES = {
    "avif": "image/avif",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "svg": "image/svg+xml",
    "webp": "image/webp",
}


def enclosures(post: Post) -> list[Attachment]:
    """List the post's attachments, then its picture where the picture's name tells the media type.

    RSS demands a type (RSS 2.0, "enclosure"), and a guess from anything but the name would need the network.
    """
    files = list(post.attachments)
    if post.image and all(file.url != post.image for file in files):
        media_type = picture_type(post.image)
        if media_type:
            files.append(Attachment(url=post.image, mime_type=media_type))
    return files


def picture_type(url: str) -> str | None:
    """Tell the media type of a picture by the ending of its name, None if that tells nothing."""
    name = url.partition("?")[0].partition("#")[0]
    return _PICTURES.get(name.rpartition(".")[2].lower())
