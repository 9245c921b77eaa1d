"""Every request to a URL that somebody else chose, behind one guard against SSRF (CVE-2020-10770).

The name is resolved once, every address it has must be public, and the connection goes to the address
that was checked, so a second answer of a hostile name server changes nothing (DNS rebinding). https
only, no redirects. A fetch has three seconds in all, 64 kB, and few go at a time (``fetch_slots``); a delivery
(a form that is posted) has five seconds, what it is answered is not read beyond the status, and how many go at
a time is its courier's affair. ``allow_private`` (the operator's switch for tests and closed networks) lifts the
address check and permits http to loopback; what is refused is logged.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import queue
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog

from .fetch_slots import NoSlot, Purpose, slot

MAX_BYTES = 64 * 1024
TIMEOUT_SECONDS = 3.0
DELIVERY_SECONDS = 5.0
_GIVEN_OUT = ipaddress.ip_network("2000::/3")

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

log = structlog.get_logger(__name__)


class FetchRefused(Exception):
    """The URL may not or could not be fetched."""


class Unreachable(FetchRefused):
    """It may be asked for, but nobody answered in time: later somebody may."""


class Busy(Unreachable):
    """Nobody has been asked: too many of our own fetches are under way."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL that may be asked for, if its address may be connected to."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """For the ``Host`` header (RFC 9110 section 7.2)."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.secure else 80) else f"{name}:{self.port}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked; ``read`` says how much of the answer is."""

    method: str
    headers: Mapping[str, str]
    body: bytes = b""
    read: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was answered. ``headers`` by lower-case name, of repeated ones the first."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """Lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Fetch JSON documents of clients, and deliver to them."""

    allow_private: bool

    def json_document(self, url: str, purpose: Purpose) -> Any:
        """Whatever JSON is at ``url``. Raises FetchRefused."""
        try:
            return json.loads(self.document(url, purpose).body)
        except (ValueError, RecursionError):
            raise FetchRefused("not JSON") from None

    def json_object(self, url: str, purpose: Purpose) -> dict[str, Any]:
        """The JSON object at ``url``. Raises FetchRefused for everything else."""
        return json_object_of(self.document(url, purpose).body)

    def document(
        self, url: str, purpose: Purpose, most: int = MAX_BYTES, *, accept: str = "application/json"
    ) -> Fetched:
        """What stands at ``url``: a 200 of at most ``most`` bytes. Raises FetchRefused for everything else.

        ``accept`` is the media type that is asked for; whoever insists on it looks at the answer's. Raises Busy
        where too many are under way for that purpose.
        """
        target = self._split(url)
        asked = _Asked("GET", {"Accept": accept}, read=MAX_BYTES + 1)
        try:
            with slot(purpose):
                fetched = self._exchange(target, asked, TIMEOUT_SECONDS)
        except NoSlot:
            raise Busy("too many fetches under way") from None
        if fetched.status != 200 or len(fetched.body) > most:
            raise FetchRefused(f"status {fetched.status} or too long")
        return fetched

    def post_form(self, url: str, fields: Mapping[str, str]) -> int:
        """The status of the answer to a form, a redirect's like any other; it is not followed.

        Raises FetchRefused for a URL that may not be asked for, Unreachable if nothing came in time.
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        asked = _Asked("POST", headers, urlencode(fields).encode())
        return self._exchange(self._split(url), asked, DELIVERY_SECONDS).status

    def post_json(self, url: str, document: Mapping[str, object], *, bearer: str) -> int:
        """The same with a JSON object and a bearer token (RFC 6750 section 2.1)."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
        asked = _Asked("POST", headers, json.dumps(document).encode())
        return self._exchange(self._split(url), asked, DELIVERY_SECONDS).status

    def probe(self, url: str, headers: Mapping[str, str]) -> Fetched:
        """Whatever is answered to a GET with these headers, for an operator's own address. Raises FetchRefused."""
        return self._exchange(self._split(url), _Asked("GET", headers, read=1024), TIMEOUT_SECONDS)

    def _exchange(self, target: _Target, asked: _Asked, seconds: float) -> Fetched:
        end = time.monotonic() + seconds
        address = self._checked_address(target, end)
        try:
            return _in_time(target, address, asked, end)
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise Unreachable(type(error).__name__) from None

    def _split(self, url: str) -> _Target:
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
        secure = parts.scheme == "https"
        return _Target(secure, host, port or (443 if secure else 80), f"{path}?{parts.query}" if parts.query else path)

    def _checked_address(self, target: _Target, end: float) -> str:
        addresses = _resolved(target.host, target.port, end - time.monotonic())
        if not self.allow_private and not all(_public(address) for address in addresses):
            raise self._refused(target.host, "not a public address")
        return addresses[0]

    def _refused(self, what: str, why: str) -> FetchRefused:
        log.warning("fetch refused", target=what[:200], why=why)
        return FetchRefused(why)


def json_object_of(body: bytes) -> dict[str, Any]:
    """The JSON object that these bytes are. Raises FetchRefused."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise FetchRefused("not JSON") from None
    if not isinstance(document, dict):
        raise FetchRefused("not a JSON object")
    return document


def _resolved(host: str, port: int, seconds: float) -> list[str]:
    """Every address of the name, in time: the resolver itself would wait for a silent name server.

    A thread that outlives its time ends when the resolver gives up.
    """
    answer: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        answer.put([str(entry[4][0]) for entry in found])

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        addresses = answer.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise Unreachable("the name was not resolved in time") from None
    if not addresses:
        raise Unreachable("unknown host")
    return addresses


def _in_time(target: _Target, address: str, asked: _Asked, end: float) -> Fetched:
    """One exchange with the checked address, over at ``end`` whatever the server does.

    A socket's time-out is for one read; a server that sends a byte now and then would hold us for
    hours. So a timer shuts the connection when the whole time is up, which ends any read at once. By a
    second handle: TLS takes the socket's own away.
    """
    left = max(0.001, end - time.monotonic())
    with socket.create_connection((address, target.port), timeout=left) as connection, connection.dup() as handle:
        timer = threading.Timer(max(0.0, end - time.monotonic()), _shut, (handle,))
        timer.daemon = True
        timer.start()
        try:
            return _spoken(connection, target, asked)
        finally:
            timer.cancel()


def _spoken(connection: socket.socket, target: _Target, asked: _Asked) -> Fetched:
    client = http.client.HTTPConnection(target.host, target.port)
    client.sock = _tls().wrap_socket(connection, server_hostname=target.host) if target.secure else connection
    client.putrequest(asked.method, target.path, skip_host=True, skip_accept_encoding=True)
    length = {"Content-Length": str(len(asked.body))} if asked.method == "POST" else {}
    for name, value in {"Host": target.authority, **asked.headers, **length, "Connection": "close"}.items():
        client.putheader(name, value)
    client.endheaders(asked.body or None)
    try:
        response = client.getresponse()
        headers = {name.lower(): value for name, value in reversed(response.getheaders())}
        return Fetched(response.status, headers, response.read(asked.read) if asked.read else b"")
    finally:
        client.close()


@cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the machine's certificates takes longer than a request."""
    return ssl.create_default_context()


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
