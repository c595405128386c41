"""The desk: what may be done to a channel with the server's token (bearer, RFC 6750)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiohttp import ETag, hdrs, web
from aiohttp.helpers import ETAG_ANY

from publisher.desk import GoneError, NoPostError, TakenError
from publisher.editions import Edition
from publisher.token import Token
from publisher.web.body import read_body
from shared.item import BadItemError, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from multidict import istr

    from publisher.channel import Channel
    from publisher.desk import Condition, Desk
    from shared.post import Post

TOKEN = web.AppKey("token", Token)
"""Where the application keeps the server's token; absent where it has none."""
MAX_ITEM_BYTES = 256 * 1024
"""Largest post that is taken: 40,000 words. Pictures are linked to, not sent."""
_TOO_LARGE = f"a post may have {MAX_ITEM_BYTES >> 10} KiB; cut it, and link to its pictures"
JSON = "application/json"
POST_TYPE = f"{JSON}; charset=utf-8"
"""Type of a post's JSON."""
_REALM = 'Bearer realm="newsreel"'
_REFUSALS: Mapping[type[Exception], type[web.HTTPClientError]] = {
    BadItemError: web.HTTPUnprocessableEntity,
    TakenError: web.HTTPConflict,
    GoneError: web.HTTPGone,
    NoPostError: web.HTTPNotFound,
}


def authorized(request: web.Request) -> None:
    """Let pass who has the token.

    Raises:
        web.HTTPForbidden: the server has no token, so nobody may.
        web.HTTPUnauthorized: no token was sent, or another one; what the answer asks for is in ``WWW-Authenticate``.
    """
    token = request.config_dict.get(TOKEN)
    if token is None:
        raise web.HTTPForbidden(
            text="this server has no token, so nobody may; start it with NEWSREEL_TOKEN set, or name a token_file in "
            "its settings"
        )
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer":
        raise web.HTTPUnauthorized(
            text="the server's token is needed: Authorization: Bearer TOKEN", headers={hdrs.WWW_AUTHENTICATE: _REALM}
        )
    if not token.matches(given.strip()):
        raise web.HTTPUnauthorized(
            text="this is not the server's token", headers={hdrs.WWW_AUTHENTICATE: f'{_REALM}, error="invalid_token"'}
        )


async def write(request: web.Request, channel: Channel, now: Callable[[], datetime]) -> web.Response:
    """Take one JSON Feed item for a live channel: a new post, or at the address of one (``PUT``) the whole of it.

    Answers 201 with the item as readers get it, once it is durable and out; 200 if nothing new was published by it, or
    a post was revised.

    Raises:
        web.HTTPException: 401 and 403 (see ``authorized``), 409, 410, 412 (see ``_condition``), 413, 415 or 422, each
            with one line for who wrote it.
    """
    authorized(request)
    desk, slug = _desk(channel, writes=True), request.match_info.get("post")
    with _refusals():
        item = read_json(await _body(request))
        if slug is None:
            accepted = await desk.post(item, now())
        else:
            accepted = await desk.put(slug, item, now(), _condition(request))
    where = {hdrs.LOCATION: channel.address.post(accepted.slug)}
    return _answer(201 if accepted.fresh else 200, accepted.post.to_json(), where)


async def withdraw(request: web.Request, channel: Channel, now: Callable[[], datetime]) -> web.Response:
    """Take a post of a live channel away for good.

    Answers 200 with its deletion as readers get it, once it is durable and out, also if the post was gone already.

    Raises:
        web.HTTPException: 401 and 403 (see ``authorized``), 404, 409, or 412 (see ``_condition``).
    """
    authorized(request)
    desk = _desk(channel)
    with _refusals():
        deletion = await desk.withdraw(request.match_info["post"], now(), _condition(request))
    return _answer(200, deletion.to_json())


@contextmanager
def _refusals() -> Iterator[None]:
    """Answer what the desk refuses."""
    try:
        yield
    except tuple(_REFUSALS) as error:
        raise _REFUSALS[type(error)](text=str(error)) from None


def _answer(status: int, body: bytes, headers: Mapping[istr, str] | None = None) -> web.Response:
    kept = {hdrs.CACHE_CONTROL: "no-store"} | dict(headers or {})
    return web.Response(status=status, body=body, content_type=JSON, charset="utf-8", headers=kept)


def _condition(request: web.Request) -> Condition:
    """Give what raises 412 where a post is not as the request would have it (RFC 9110, sections 13.1 and 13.2.2)."""
    wanted, unwanted = request.if_match, request.if_none_match
    since = request.if_unmodified_since if wanted is None else None

    def may(standing: Post | None) -> None:
        if wanted is not None and not _among(wanted, standing):
            raise web.HTTPPreconditionFailed(
                text="the post is not as If-Match has it: somebody has changed it since, or there is none; "
                "look at it, then send again"
            )
        if since is not None and standing is not None and _edition(standing).last_modified > since:
            raise web.HTTPPreconditionFailed(
                text="somebody has changed the post since If-Unmodified-Since; look at it, then send again"
            )
        if unwanted is not None and _among(unwanted, standing):
            raise web.HTTPPreconditionFailed(text="the post is there already, as If-None-Match would not have it")

    return may


def _among(tags: Sequence[ETag], standing: Post | None) -> bool:
    """Tell whether a post, as ``GET`` gives its JSON in whatever coding, is meant by one of ``tags``."""
    if standing is None:
        return False
    digest = _edition(standing).digest
    return any(tag.value == ETAG_ANY or (not tag.is_weak and tag.value.split("-")[0] == digest) for tag in tags)


def _edition(standing: Post) -> Edition:
    """Give a post as its page gives it to who asks for JSON."""
    return Edition(standing.to_json(), POST_TYPE, standing.newsreel.released_at or standing.date_published)


def _desk(channel: Channel, *, writes: bool = False) -> Desk:
    if writes and channel.watcher is not None:
        # What is written here would be written over when the source changes.
        raise web.HTTPConflict(
            text=f"{channel.name} shows what its source says: write it there; only DELETE takes away here, for good"
        )
    if channel.desk is None:
        mode = channel.press.billing.mode
        raise web.HTTPConflict(
            text=f"{channel.name} is no live channel: its mode is {mode}, which shows what its source says; change it "
            "there"
        )
    return channel.desk


async def _body(request: web.Request) -> bytes:
    if request.content_type != JSON and not request.content_type.endswith("+json"):
        raise web.HTTPUnsupportedMediaType(text=f"a post is one JSON Feed item; send it as Content-Type: {JSON}")
    return await read_body(request, MAX_ITEM_BYTES, _TOO_LARGE)
