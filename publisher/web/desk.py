"""The desk: what may be done to a channel with the server's token (bearer, RFC 6750)."""

from __future__ import annotations

from aiohttp import hdrs, web

from publisher.token import Token

TOKEN = web.AppKey("token", Token)
"""Where the application keeps the server's token; absent where it has none."""
_REALM = 'Bearer realm="newsreel"'


def authorized(request: web.Request) -> None:
    """Let pass who has the token.

    Raises:
        web.HTTPForbidden: the server has no token, so nobody may.
        web.HTTPUnauthorized: no token was sent, or another one; what the answer asks for is in ``WWW-Authenticate``.
    """
    token = request.config_dict.get(TOKEN)
    if token is None:
        raise web.HTTPForbidden(text="this server has no token, so nobody may; start it with NEWSREEL_TOKEN set")
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer":
        raise web.HTTPUnauthorized(
            text="the server's token is needed: Authorization: Bearer TOKEN", headers={hdrs.WWW_AUTHENTICATE: _REALM}
        )
    if not token.matches(given.strip()):
        raise web.HTTPUnauthorized(
            text="this is not the server's token", headers={hdrs.WWW_AUTHENTICATE: f'{_REALM}, error="invalid_token"'}
        )
