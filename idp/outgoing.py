"""Every fetch of a URL that somebody else chose, behind one guard against SSRF (CVE-2020-10770).

The name is resolved once, every address it has must be public, and the connection goes to the address
that was checked, so a second answer of a hostile name server changes nothing (DNS rebinding). https
only, no redirects, three seconds, 64 kB. ``allow_private`` (the operator's switch for tests and
closed networks) lifts the address check and permits http to loopback; what is refused is logged.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
import urllib3

MAX_BYTES = 64 * 1024
TIMEOUT_SECONDS = 3.0

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

log = structlog.get_logger(__name__)


class FetchRefused(Exception):
    """The URL may not or could not be fetched."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Fetch JSON documents of clients."""

    allow_private: bool

    def json_object(self, url: str) -> dict[str, Any]:
        """The JSON object at ``url``. Raises FetchRefused for everything else."""
        try:
            document = json.loads(self._get(url))
        except (ValueError, RecursionError):
            raise FetchRefused("not JSON") from None
        if not isinstance(document, dict):
            raise FetchRefused("not a JSON object")
        return document

    def _get(self, url: str) -> bytes:
        scheme, host, port, path = self._split(url)
        address = self._checked_address(host, port)
        pool: urllib3.HTTPConnectionPool
        timeout = urllib3.Timeout(total=TIMEOUT_SECONDS)
        if scheme == "https":
            pool = urllib3.HTTPSConnectionPool(
                address, port, timeout=timeout, retries=False, server_hostname=host, assert_hostname=host
            )  # fmt: skip
        else:
            pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout, retries=False)
        try:
            return self._read(pool, path, f"{host}:{port}")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise FetchRefused(type(error).__name__) from None
        finally:
            pool.close()

    def _read(self, pool: urllib3.HTTPConnectionPool, path: str, host: str) -> bytes:
        headers = {"Host": host, "Accept": "application/json", "Accept-Encoding": "identity"}
        response = pool.request("GET", path, headers=headers, redirect=False, preload_content=False)
        try:
            body = response.read(MAX_BYTES + 1)
        finally:
            response.close()
        if response.status != 200 or len(body) > MAX_BYTES:
            raise FetchRefused(f"status {response.status} or too long")
        return bytes(body)

    def _split(self, url: str) -> tuple[str, str, int, str]:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise FetchRefused("not a URL") from None
        if parts.scheme != "https" and not (self.allow_private and parts.scheme == "http"):
            raise self._refused(url, "not https")
        if not host or "@" in parts.netloc:
            raise self._refused(url, "no host, or user information")
        path = parts.path or "/"
        default = 443 if parts.scheme == "https" else 80
        return parts.scheme, host, port or default, f"{path}?{parts.query}" if parts.query else path

    def _checked_address(self, host: str, port: int) -> str:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise FetchRefused("unknown host") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not self.allow_private and not all(_public(address) for address in addresses):
            raise self._refused(host, "not a public address")
        return addresses[0]

    def _refused(self, what: str, why: str) -> FetchRefused:
        log.warning("fetch refused", target=what[:200], why=why)
        return FetchRefused(why)


def _public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    inner = _embedded(parsed)
    return parsed.is_global and not parsed.is_multicast and (inner is None or inner.is_global)


def _embedded(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to: mapped, 6to4, or through NAT64 (RFC 6052 section 2.1)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
