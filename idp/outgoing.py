"""Every fetch of a URL that somebody else chose, behind one guard against SSRF (CVE-2020-10770).

The name is resolved once, every address it has must be public, and the connection goes to the address
that was checked, so a second answer of a hostile name server changes nothing (DNS rebinding). https
only, no redirects, three seconds in all, 64 kB, two at a time. ``allow_private`` (the operator's switch for tests and
closed networks) lifts the address check and permits http to loopback; what is refused is logged.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog

MAX_BYTES = 64 * 1024
TIMEOUT_SECONDS = 3.0
_SLOTS = threading.BoundedSemaphore(2)  # strangers' servers never hold more than two of our threads
_GIVEN_OUT = ipaddress.ip_network("2000::/3")

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
        if not _SLOTS.acquire(blocking=False):
            raise FetchRefused("too many fetches under way")
        try:
            address = self._checked_address(host, port)
            return _read(scheme, address, host, port, path)
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise FetchRefused(type(error).__name__) from None
        finally:
            _SLOTS.release()

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


def _read(scheme: str, address: str, host: str, port: int, path: str) -> bytes:
    """One GET to the checked address, over in ``TIMEOUT_SECONDS`` whatever the server does.

    A socket's time-out is for one read; a server that sends a byte now and then would hold us for
    hours. So a timer shuts the socket when the whole time is up, which ends any read at once.
    """
    began = time.monotonic()
    connection = socket.create_connection((address, port), timeout=TIMEOUT_SECONDS)
    try:
        timer = threading.Timer(max(0.0, TIMEOUT_SECONDS - (time.monotonic() - began)), _shut, (connection,))
        timer.daemon = True
        timer.start()
        try:
            return _exchange(connection, scheme, host, port, path)
        finally:
            timer.cancel()
    finally:
        connection.close()


def _exchange(connection: socket.socket, scheme: str, host: str, port: int, path: str) -> bytes:
    secure = scheme == "https"
    client = http.client.HTTPConnection(host, port)
    client.sock = ssl.create_default_context().wrap_socket(connection, server_hostname=host) if secure else connection
    name = f"[{host}]" if ":" in host else host
    client.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
    client.putheader("Host", name if port == (443 if secure else 80) else f"{name}:{port}")
    client.putheader("Accept", "application/json")
    client.putheader("Connection", "close")
    client.endheaders()
    try:
        response = client.getresponse()
        body = response.read(MAX_BYTES + 1)
    finally:
        client.close()
    if response.status != 200 or len(body) > MAX_BYTES:
        raise FetchRefused(f"status {response.status} or too long")
    return body


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _public(address: str) -> bool:
    """IPv6 by what is given out (RFC 4291 2.4, 2000::/3), not by what Python knows to be special today."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    inner = _embedded(parsed)
    if isinstance(parsed, ipaddress.IPv6Address) and inner is None and parsed not in _GIVEN_OUT:
        return False
    return parsed.is_global and not parsed.is_multicast and (inner is None or inner.is_global)


def _embedded(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to: mapped, 6to4, or through NAT64 (RFC 6052 section 2.1)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
