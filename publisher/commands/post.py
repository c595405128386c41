"""``publisher post``: write a post to a live channel."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from publisher.sources.markdown_parts import read_names
from publisher.sources.paragraphs import markdown_html
from shared.command import common_options
from shared.driving import channel_url
from shared.errors import NewsreelError, UsageError
from shared.fetch import open_session, read_body, request
from shared.item import BadItemError, read_json
from shared.post import encode_json
from shared.text import clean_line, showable
from shared.token import find_token, token_in

MOST_INPUT_BYTES = 16 * 1024 * 1024
"""Most that is read of a file; what a server takes is its own business, and much less."""
MOST_ANSWER_BYTES = 4 * 1024 * 1024
_REFUSED = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 422})


class NoTokenError(UsageError):
    """No token is at hand."""


class UnreadableError(UsageError):
    """What is to be posted cannot be read."""


class NotPostedError(NewsreelError):
    """The server did not take the post now; it may be sent again."""


class RefusedError(UsageError):
    """The server does not take the post."""


@click.command(short_help="Write a post to a live channel.")
@click.argument("url")
@click.option("--title", metavar="TITLE", help="The headline.")
@click.option("--text", metavar="TEXT", help="The body as plain text.")
@click.option("--html", metavar="HTML", help="The body as HTML.")
@click.option(
    "--file",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Holds the body as Markdown; - is standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="FILE, or standard input, holds a JSON Feed item.")
@click.option("--id", "slug", metavar="ID", help="Letters, digits and hyphens; the same id is never posted twice.")
@click.option(
    "--author", "authors", multiple=True, metavar="NAME", help="Who wrote it: Ada Quist, Ada Quist (Holmavik)."
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be given several times.")
@click.option("--date", metavar="MOMENT", help="Its story time, such as 2026-01-31T12:00:00+01:00; now, if not given.")
@click.option("--key-event", is_flag=True, help="Mark it as one of the key events.")
@click.option("--pinned", is_flag=True, help="Mark it as pinned.")
@click.option(
    "--token-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Holds the server's token, if it is not in NEWSREEL_TOKEN.",
)
@common_options
def post(url: str, *, path: Path | None, as_json: bool, token_file: Path | None, **given: Any) -> None:
    """Write a post to the live channel at URL, and print its position in the stream and its address.

    URL is the address of the channel's page, a feed or its stream. The server's token is asked for in NEWSREEL_TOKEN.
    The body is Markdown from standard input where nothing else is given; a first line "# TITLE" is its headline.
    Give an id where you may have to send again: the same post is published once.

    \b
    newsreel-publisher post http://127.0.0.1:8000/harbour/ --title "The ferry is afloat" --text "All are ashore."
    newsreel-publisher post http://127.0.0.1:8000/harbour/ --file report.md --tag divers --key-event
    newsreel-publisher post http://127.0.0.1:8000/harbour/ --json < item.json
    """  # noqa: D301 \b is click's mark
    bodies = [body for body in (given["text"], given["html"], path) if body is not None]
    if len(bodies) > 1 or (as_json and bodies and path is None):
        raise click.UsageError("give the body once: by --text, --html, --file or --json")
    if as_json or path is not None or not (bodies or given["title"]):
        read = _read(path)
        item = _json_item(read) if as_json else _markdown_item(read)
    else:
        item = {"content_text": given["text"], "content_html": given["html"]}
    where = channel_url(url) + "posts"
    token = token_in(token_file) if token_file is not None else find_token(where)
    if token is None:
        raise NoTokenError(f"no token for {where} is at hand; set NEWSREEL_TOKEN to the server's, or give --token-file")
    click.echo(asyncio.run(_send(where, token, item | _options(item, given))))


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


def _options(item: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Give the members that options stand for; they win over what the item says."""
    authors = []
    for name in given["authors"]:
        known = read_names(name)
        if not known:
            raise click.UsageError(f"--author: {name!r} is no name")
        authors += [author.to_dict() for author in known]
    members = {
        "id": given["slug"],
        "title": given["title"],
        "date_published": given["date"],
        "authors": authors,
        "tags": list(given["tags"]),
    }
    told = {name: value for name, value in members.items() if value}
    flags = {name: True for name in ("key_event", "pinned") if given[name]}
    if flags:
        facts = item.get("_newsreel")
        told["_newsreel"] = (facts if isinstance(facts, dict) else {}) | flags
    return told


async def _send(url: str, token: str, item: dict[str, Any]) -> str:
    """Send an item; give what is to be said of the answer.

    Raises:
        RefusedError: the server does not take it.
        NotPostedError: it may take it later.
        FetchError: no answer.
    """
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "application/json"}
    body = encode_json({name: value for name, value in item.items() if value is not None})
    async with (
        open_session() as session,
        request(session, url, headers=headers, method="POST", body=body, follow=False) as response,
    ):
        status, answer = response.status, await read_body(response, MOST_ANSWER_BYTES)
    try:
        told = read_json(answer) if answer else None
    except BadItemError:
        told = None
    told = told if isinstance(told, dict) else {}
    if status in {200, 201}:
        facts = told.get("_newsreel")
        position = facts.get("position") if isinstance(facts, dict) else None
        again = " (it was there already)" if status == 200 else ""
        return clean_line(showable(f"{position} {told.get('url')}{again}"))
    said = clean_line(str(told.get("detail") or f"it answers {status}"))[:300]
    if status in _REFUSED:
        raise RefusedError(f"{url}: {said}")
    raise NotPostedError(f"{url}: {said}; with an --id it can be sent again, and is published once")
