"""The only way out to the network: to the configured issuer's origin and nowhere else.

Why so narrow (RFC 8725 section 3.10, RFC 9700 section 4.11, CVE-2026-48522 ff. of PyJWT's own
client): what discovery answers decides where we connect next, so every address must be ``http`` or
``https`` at the origin we were configured with, redirects are refused, and an answer has a limit in
bytes and in time. Proxies of the environment are not used, and encodings that unpack are not asked
for. The stream of revocations alone may stand on another port of the same host, by the same scheme.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from .clock import ticking
from .errors import VerifierUnavailable
from .forks import in_child

_MOST_BYTES = 512 * 1024
_PIECE = 65536
_DEFAULT_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and, if the body was JSON, what it held; else None."""

    status: int
    document: Any


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454 section 4). Raises ValueError for what we would not fetch."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname or parts.username is not None:
        raise ValueError(f"not an http or https address: {url!r}")
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORT[parts.scheme]


class Opened:
    """An answer whose body has not been read. Close it, or read it to its end."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self._response, self._url = response, url
        self.status = response.status
        self.content_type = response.headers.get("Content-Type", "").split(";")[0].strip().lower()

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes. Raises VerifierUnavailable if the connection breaks or falls silent."""
        try:
            while piece := self._response.read1(_PIECE, decode_content=False):
                yield piece
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise VerifierUnavailable(f"{self._url}: {error}") from error

    def document(self, most_bytes: int, deadline: float) -> Any:
        """The body as JSON, None if it is none. Raises VerifierUnavailable beyond either limit."""
        content = bytearray()
        for piece in self.pieces():
            content += piece
            if len(content) > most_bytes:
                raise VerifierUnavailable("the issuer's answer is too long")
            if (left := deadline - ticking()) <= 0:
                raise VerifierUnavailable("the issuer's answer takes too long")
            self._wait_at_most(left)
        self._response.release_conn()
        return _json(bytes(content))

    def cut(self) -> None:
        """From another thread: whoever reads gets the end. Of an answer read to its end, nothing."""
        with suppress(ValueError, OSError):
            self._response.shutdown()

    def close(self) -> None:
        """A connection that was not read to its end is not used again."""
        self._response.close()

    def _wait_at_most(self, seconds: float) -> None:
        sock = getattr(self._response.connection, "sock", None)
        if sock is not None:
            sock.settimeout(seconds)


class Transport:
    """Pooled keep-alive connections to one origin. Safe to share between threads.

    ``timeout`` is in seconds and bounds one whole request. ``any_port`` lets other ports of the same
    host pass.
    """

    def __init__(self, issuer: str, *, timeout: float = 3.0, connections: int = 16, any_port: bool = False) -> None:
        self._origin = origin_of(issuer)
        self._timeout, self._connections, self._any_port = timeout, connections, any_port
        self._connect()
        in_child(self._connect)

    def _connect(self) -> None:
        """Also in a forked child: two processes on one connection would read each other's answers."""
        self._pool = urllib3.PoolManager(maxsize=self._connections, block=False, retries=False)

    def get_json(self, url: str) -> Answer:
        """GET. Raises VerifierUnavailable if no complete answer came in time."""
        return self._exchange("GET", url, None, {}, self._timeout)

    def post_form(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], timeout: float | None = None
    ) -> Answer:
        """POST a form; a kept connection that turns out dead is replaced once.

        Only for requests that may be repeated, as introspection may.
        """
        sent = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        return self._exchange("POST", url, urlencode(form), sent, timeout or self._timeout)

    def open(self, url: str, headers: Mapping[str, str], silence: float) -> Opened:
        """GET; the body is yours to read. ``silence`` is the most seconds between two pieces of it."""
        self._check(url)
        return self._reach("GET", url, None, headers, ticking() + silence)

    def _exchange(self, method: str, url: str, body: str | None, headers: Mapping[str, str], timeout: float) -> Answer:
        self._check(url)
        deadline = ticking() + timeout
        opened = self._reach(method, url, body, {"Accept": "application/json", **headers}, deadline)
        try:
            return Answer(opened.status, opened.document(_MOST_BYTES, deadline))
        except BaseException:
            opened.close()  # half-read: this connection must not be used again
            raise

    def _check(self, url: str) -> None:
        try:
            scheme, host, port = origin_of(url)
        except ValueError as error:
            raise VerifierUnavailable(str(error)) from None
        if (scheme, host) != self._origin[:2] or (port != self._origin[2] and not self._any_port):
            raise VerifierUnavailable(f"{url!r} is not at the issuer's origin")

    def _reach(self, method: str, url: str, body: str | None, headers: Mapping[str, str], deadline: float) -> Opened:
        try:
            return self._attempt(method, url, body, headers, deadline)
        except urllib3.exceptions.ProtocolError:
            # the issuer closed a kept connection at the moment we used it; a fresh one tells
            pass
        except urllib3.exceptions.HTTPError as error:
            raise VerifierUnavailable(f"{method} {url}: {error}") from error
        try:
            return self._attempt(method, url, body, headers, deadline)
        except urllib3.exceptions.HTTPError as error:
            raise VerifierUnavailable(f"{method} {url}: {error}") from error

    def _attempt(self, method: str, url: str, body: str | None, headers: Mapping[str, str], deadline: float) -> Opened:
        response = self._pool.request(
            method,
            url,
            body=body,
            headers={"Accept-Encoding": "identity", **headers},
            timeout=urllib3.Timeout(total=max(0.001, deadline - ticking())),
            redirect=False,
            preload_content=False,
        )
        return Opened(response, url)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
