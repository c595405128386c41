"""Addresses: who asks, who is believed to ask for others, and which addresses count as one."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from aiohttp import web

    Networks = tuple[IPv4Network | IPv6Network, ...]

_NETWORK_BITS = 64
"""Of an IPv6 address: what one household or machine has."""


def client_of(request: web.Request, trusted: Networks) -> str:
    """Tell who asks: the peer, or, where that is a trusted proxy, the last one that no trusted proxy stands for.

    ``X-Forwarded-For`` goes before ``Forwarded`` (RFC 7239): a proxy that knows only the former passes the latter on
    from anybody.
    """
    peer = request.remote or ""
    named = [name.strip() for line in request.headers.getall("X-Forwarded-For", ()) for name in line.split(",")]
    if not named:
        named = [element.get("for", "") for element in request.forwarded]
    for name in reversed(named):
        if not is_among(peer, trusted):
            break
        if _address(name) is None:
            break  # "unknown", or made up: the proxy that said so is all that is known
        peer = name
    found = _address(peer)
    return str(found) if found is not None else peer


def is_among(client: str, networks: Networks) -> bool:
    """Tell whether an address is in one of the networks."""
    address = _address(client)
    return address is not None and any(address in network for network in networks)


def may_be_many(client: str) -> bool:
    """Tell whether an address may stand for many: it is private, as that of a proxy which is not trusted."""
    address = _address(client)
    return address is None or not address.is_global


def counted_as(client: str) -> str:
    """Give the network that counts as one: an IPv6 address is one of the many that its holder has."""
    address = _address(client)
    if address is None or address.version == 4:
        return client
    kept = int(address) >> (128 - _NETWORK_BITS) << (128 - _NETWORK_BITS)
    return f"{type(address)(kept)}/{_NETWORK_BITS}"


def _address(name: str) -> IPv4Address | IPv6Address | None:
    """Read an address, with or without brackets and a port."""
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    try:
        address = ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
