"""By which way a web address is reached: directly, by a proxy, or not at all."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from shared.errors import UsageError
from shared.text import clean_line

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")


class PublicOnly(aiohttp.TCPConnector):
    """Connects to nothing but public addresses, whatever leads there: a name, or a redirect."""

    def __init__(self, **options: Any) -> None:
        super().__init__(socket_factory=_public_socket, **options)


def _public_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Make the socket for an address that was looked up: whatever a name pretends to be, here it is known."""
    family, kind, protocol, _, where = address
    if not is_public(str(where[0]).partition("%")[0]):
        mend = "--allow-private, or allow_private of its channel, lets it be read"
        raise PermissionError(errno.EACCES, f"{where[0]} is no public address; {mend}")
    return socket.socket(family, kind, protocol)


def is_public(address: str) -> bool:
    """Tell whether an address leads out of this machine and its network, by whatever way."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _COMPATIBLE:  # deprecated (RFC 4291, section 2.5.5.1): nothing public is there, but perhaps a tunnel
            return False
        # Some reach an IPv4 address through a gateway: 6to4, Teredo, NAT64 (RFC 3056, 4380, 6052).
        inner = [
            ip.sixtofour,
            *(ip.teredo or ()),
            ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None,
        ]
        if any(one is not None and not one.is_global for one in inner):
            return False
    return ip.is_global and not ip.is_multicast


def proxy_for(url: str) -> str | None:
    """Name the proxy by which the environment wants ``url`` reached: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY.

    What runs on this machine is never asked for by one.

    Raises:
        UsageError: it is of a kind that we cannot talk to.
    """
    parts, proxies = urlsplit(url), getproxies()
    host = parts.hostname or ""
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    here = host == "localhost" or (host[:1] in "0123456789:" and _is_loopback(host))
    if not proxy or here or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme not in {"http", "https"}:
        raise UsageError(
            f"the environment's proxy {clean_line(proxy)} is none of HTTP; "
            f"set {parts.scheme.upper()}_PROXY to one, or add {host} to NO_PROXY"
        )
    return proxy


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
