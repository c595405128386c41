"""``publisher post``, ``revise`` and ``withdraw``: write to a live channel."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from publisher.commands.options import token_for, token_option
from publisher.sources.markdown.parts import read_names
from publisher.sources.minting import kept
from publisher.sources.paragraphs import markdown_html
from shared.command import common_options
from shared.driving import RefusedError, ask, channel_url, post_url
from shared.errors import NewsreelError, UsageError
from shared.fetch import open_session
from shared.item import BadItemError, read_json
from shared.text import clean_line, showable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.driving import Answer

    F = TypeVar("F", bound=Callable[..., Any])

MOST_INPUT_BYTES = 16 * 1024 * 1024
"""Most that is read of a file; what a server takes is its own business, and much less."""
_BODY = {"content_text", "content_html"}
_REFUSED = frozenset({301, 302, 303, 307, 308, 400, 403, 404, 405, 409, 410, 412, 413, 415, 422})


class UnreadableError(UsageError):
    """What is to be written cannot be read."""


class NotWrittenError(NewsreelError):
    """The server did not do it now; it may be sent again."""


def _writing_options(command: F) -> F:
    """Add what is said of a post."""
    token_option(command)
    for option in reversed(_WRITING):
        option(command)
    return command


_WRITING = (
    click.option("--title", metavar="TITLE", help="The headline."),
    click.option("--text", metavar="TEXT", help="The body as plain text."),
    click.option("--html", metavar="HTML", help="The body as HTML."),
    click.option(
        "--file",
        "path",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Holds the body as Markdown; - is standard input.",
    ),
    click.option("--json", "as_json", is_flag=True, help="FILE, or standard input, holds a JSON Feed item."),
    click.option(
        "--author", "authors", multiple=True, metavar="NAME", help="Who wrote it: Ada Quist, Ada Quist (Holmavik)."
    ),
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be given several times."),
)


@click.command(short_help="Write a post to a live channel.")
@click.argument("url")
@_writing_options
@click.option("--id", "slug", metavar="ID", help="Letters, digits and hyphens; the same id is never posted twice.")
@click.option("--date", metavar="MOMENT", help="Its story time, such as 2026-01-31T12:00:00+01:00; now, if not given.")
@click.option("--key-event", is_flag=True, default=None, help="Mark it as one of the key events.")
@click.option("--pinned", is_flag=True, default=None, help="Keep it on top of the page.")
@common_options
def post(url: str, *, token_file: Path | None, slug: str | None, date: str | None, **given: Any) -> None:
    """Write a post to the live channel at URL, and print its position in the stream and its address.

    URL is the address of the channel's page, a feed or its stream. The server's token is asked for in NEWSREEL_TOKEN.
    The body is Markdown from standard input where nothing else is given; a first line "# TITLE" is its headline.
    Give an id where you may have to send again: the same post is published once.

    \b
    newsreel-publisher post http://127.0.0.1:8000/ferry/ --text "She is afloat."
    newsreel-publisher post URL --title "Ashore" --file report.md --key-event
    newsreel-publisher post URL --json < item.json
    """  # noqa: D301 \b is click's mark
    written = _written(given, or_input=not given["title"])
    item = written | _about(given, written.get("_newsreel"))
    item |= {name: value for name, value in (("id", slug), ("date_published", date)) if value}
    where = channel_url(url) + "posts"
    answer = asyncio.run(_send("POST", where, token_for(where, token_file), item))
    click.echo(_told(answer, "" if answer.status == 201 else "it was there already"))


@click.command(short_help="Change a post of a live channel.")
@click.argument("url")
@click.argument("slug", metavar="[ID]", required=False)
@_writing_options
@click.option("--date", metavar="MOMENT", help="When it was changed; now, if not given.")
@click.option("--key-event/--no-key-event", default=None, help="Mark it as one of the key events.")
@click.option("--pinned/--no-pinned", default=None, help="Keep it on top of the page.")
@common_options
def revise(url: str, slug: str | None, *, token_file: Path | None, date: str | None, **given: Any) -> None:
    """Change the post at URL on a live channel, and print its position in the stream and its address.

    URL is the post's address, as newsreel-publisher post printed it, or the channel's with the post's ID after it. What
    no option names stays as it is; an empty --title, --author or --tag takes away what there was. Without any option
    the body is Markdown from standard input, as for post. With --json the item is the whole new version. Readers see
    the change where they have the post.

    \b
    newsreel-publisher revise http://127.0.0.1:8000/ferry/posts/ID --pinned
    newsreel-publisher revise http://127.0.0.1:8000/ferry/ ID --file report.md
    """  # noqa: D301 \b is click's mark
    chosen = date is not None or any(value not in (None, (), False) for value in given.values())
    written = _written(given, or_input=not chosen)
    if date is not None:
        written["date_modified"] = date
    where = _post_url(url, slug)
    answer, changed = asyncio.run(_revise(where, token_for(where, token_file), written, given))
    click.echo(_told(answer, "" if changed else "it said so already"))


@click.command(short_help="Take a post of a live channel away.")
@click.argument("url")
@click.argument("slug", metavar="[ID]", required=False)
@token_option
@common_options
def withdraw(url: str, slug: str | None, *, token_file: Path | None) -> None:
    """Take the post at URL away from a live channel, for good: it then shows nowhere any more.

    URL is the post's address, as newsreel-publisher post printed it, or the channel's with the post's ID after it.
    Readers are told that it is gone. On the server its words are overwritten; what others have copied is theirs.

    \b
    newsreel-publisher withdraw http://127.0.0.1:8000/harbour/posts/ferry
    """  # noqa: D301 \b is click's mark
    where = _post_url(url, slug)
    answer = asyncio.run(_send("DELETE", where, token_for(where, token_file)))
    click.echo(_told(answer, "withdrawn", where))


def _post_url(url: str, slug: str | None) -> str:
    known = kept(slug) if slug is not None else None
    if slug is not None and known is None:
        raise click.UsageError(f"{slug[:80]!r} is no post's id; it has letters, digits and hyphens")
    return post_url(url, known)


def _written(given: dict[str, Any], *, or_input: bool) -> dict[str, Any]:
    """Read what is to be written: the members that its body has, or a whole item.

    Args:
        given: the options.
        or_input: where none of them holds a body, standard input does.
    """
    path, as_json = given["path"], given["as_json"]
    bodies = [body for body in (given["text"], given["html"], path) if body is not None]
    if len(bodies) > 1 or (as_json and bodies and path is None):
        raise click.UsageError("give the body once: by --text, --html, --file or --json")
    if as_json:
        return _json_item(_read(path))
    if path is not None or (or_input and not bodies):
        return _markdown_item(_read(path))
    members = {"content_text": given["text"], "content_html": given["html"]}
    return {name: value for name, value in members.items() if value is not None}


def _read(path: Path | None) -> str:
    """Read the file, or standard input."""
    try:
        if path is None or str(path) == "-":
            data = sys.stdin.buffer.read(MOST_INPUT_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MOST_INPUT_BYTES + 1)
        if len(data) > MOST_INPUT_BYTES:
            raise UnreadableError(f"{path or '-'}: larger than {MOST_INPUT_BYTES >> 20} MiB, which no post is")
        return data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "is no UTF-8 text"
        raise UnreadableError(f"{path or '-'}: {why}; give a file, or - for standard input") from None


def _json_item(text: str) -> dict[str, Any]:
    try:
        item = read_json(text)
    except BadItemError as error:
        raise UnreadableError(str(error)) from None
    if not isinstance(item, dict):
        raise UnreadableError("--json takes one JSON Feed item, a JSON object")
    return item


def _markdown_item(text: str) -> dict[str, Any]:
    first, _, rest = text.lstrip().partition("\n")
    if first.startswith("# "):
        return {"title": first[2:].strip(), "content_html": markdown_html(rest)}
    return {"content_html": markdown_html(text)}


def _about(given: Mapping[str, Any], facts: object) -> dict[str, Any]:
    """Give the members that options stand for; they win over what the item says, whose ``_newsreel`` is ``facts``."""
    authors = []
    for name in filter(None, given["authors"]):
        known = read_names(name)
        if not known:
            raise click.UsageError(f"--author: {name!r} is no name")
        authors += [author.to_dict() for author in known]
    members: dict[str, Any] = {}
    if given["title"] is not None:
        members["title"] = given["title"]
    if given["authors"]:
        members["authors"] = authors
    if given["tags"]:
        members["tags"] = list(filter(None, given["tags"]))
    flags = {name: given[name] for name in ("key_event", "pinned") if given[name] is not None}
    if flags:
        members["_newsreel"] = (facts if isinstance(facts, dict) else {}) | flags
    return members


async def _revise(
    url: str, token: str | None, written: dict[str, Any], given: Mapping[str, Any]
) -> tuple[Answer, bool]:
    """Change of a post what is asked for, unless somebody else changes it meanwhile; tell whether it is another now."""
    async with open_session() as session:
        standing = await ask(session, "GET", url)
        if standing.status != 200:
            raise _failure(url, standing)
        before = {} if given["as_json"] else dict(standing.told)
        if written.keys() & _BODY:
            before = {name: value for name, value in before.items() if name not in _BODY}
        item = before | written
        item |= _about(given, item.get("_newsreel"))
        unchanged = {"If-Match": standing.tag.removeprefix("W/")}  # which a proxy may have added
        answer = await ask(session, "PUT", url, token=token, body=item, headers=unchanged)
    return _done(url, answer), _position(answer) != _position(standing)


async def _send(method: str, url: str, token: str | None, item: dict[str, Any] | None = None) -> Answer:
    async with open_session() as session:
        return _done(url, await ask(session, method, url, token=token, body=item))


def _done(url: str, answer: Answer) -> Answer:
    """Give an answer back if it says that it is done.

    Raises:
        RefusedError: the server does not do it.
        NotWrittenError: it may do it later.
    """
    if answer.status in {200, 201}:
        return answer
    raise _failure(url, answer)


def _failure(url: str, answer: Answer) -> NewsreelError:
    said = answer.detail or f"it answers {answer.status}"
    if answer.status in _REFUSED:
        return RefusedError(f"{url}: {said}")
    return NotWrittenError(f"{url}: {said}; what has an id can be sent again, and is done once")


def _position(answer: Answer) -> object:
    facts = answer.told.get("_newsreel")
    return facts.get("position") if isinstance(facts, dict) else None


def _told(answer: Answer, note: str = "", url: str | None = None) -> str:
    """Say where it is in the stream and on the web."""
    said = f"{_position(answer)} {url or answer.told.get('url')}"
    return clean_line(showable(f"{said} ({note})" if note else said))
