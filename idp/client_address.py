"""The address a request came from, as far as we can know it.

``X-Forwarded-For`` is believed only from the proxies the operator named, and read from the right: the
first address that is not a proxy of ours is the client; what stands left of it anybody could have
written (CVE-2024-47070, CVE-2023-36456).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str | None, forwarded_for: str | None, proxies: Sequence[Network]) -> str:
    """The client's address in canonical form; '' if the peer has none (a Unix socket)."""
    address = _parse(peer or "")
    if address is None:
        return ""
    hops = [hop.strip() for hop in (forwarded_for or "").split(",")] if forwarded_for else []
    while _trusted(address, proxies) and hops:
        previous = _parse(hops.pop())
        if previous is None:
            break
        address = previous
    return str(address)


def from_proxy(peer: str | None, proxies: Sequence[Network]) -> bool:
    """Is whoever speaks to us one of the proxies that the operator named?"""
    address = _parse(peer or "")
    return address is not None and _trusted(address, proxies)


@lru_cache(maxsize=1024)
def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _trusted(address: ipaddress.IPv4Address | ipaddress.IPv6Address, proxies: Sequence[Network]) -> bool:
    return any(address in network for network in proxies if network.version == address.version)
