"""The only way out to the network: to the configured issuer's origin and nowhere else.

Why so narrow (RFC 8725 section 3.10, RFC 9700 section 4.11, CVE-2026-48522 ff. of PyJWT's own
client): what discovery answers decides where we connect next, so every address must be ``http`` or
``https`` at the origin we were configured with, redirects are refused, and an answer has a limit in
bytes and in time. Proxies of the environment are not used.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from .errors import VerifierUnavailable

_MOST_BYTES = 512 * 1024
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


class Transport:
    """Pooled keep-alive connections to one origin. Safe to share between threads.

    ``timeout`` is in seconds and bounds one whole request.
    """

    def __init__(self, issuer: str, *, timeout: float = 3.0, connections: int = 16) -> None:
        self._origin = origin_of(issuer)
        self._timeout = timeout
        self._pool = urllib3.PoolManager(maxsize=connections, block=False, retries=False)

    def get_json(self, url: str) -> Answer:
        """GET. Raises VerifierUnavailable if no complete answer came in time."""
        return self._exchange("GET", url, None, {})

    def post_form(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """POST a form; a kept connection that turns out dead is replaced once.

        Only for requests that may be repeated, as introspection may.
        """
        sent = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        return self._exchange("POST", url, urlencode(form), sent)

    def _exchange(self, method: str, url: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        self._check(url)
        deadline = time.monotonic() + self._timeout
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

    def _check(self, url: str) -> None:
        try:
            same = origin_of(url) == self._origin
        except ValueError as error:
            raise VerifierUnavailable(str(error)) from None
        if not same:
            raise VerifierUnavailable(f"{url!r} is not at the issuer's origin")

    def _attempt(self, method: str, url: str, body: str | None, headers: Mapping[str, str], deadline: float) -> Answer:
        left = max(0.001, deadline - time.monotonic())
        response = self._pool.request(
            method,
            url,
            body=body,
            headers={"Accept": "application/json", **headers},
            timeout=urllib3.Timeout(total=left),
            redirect=False,
            preload_content=False,
        )
        try:
            content = _read(response, deadline)
        except BaseException:
            response.close()  # half-read: this connection must not be used again
            raise
        response.release_conn()
        return Answer(response.status, _json(content))


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """The body within both limits; each piece is awaited at most as long as the request may last."""
    content = bytearray()
    while piece := response.read1(65536):
        content += piece
        if len(content) > _MOST_BYTES:
            raise VerifierUnavailable("the issuer's answer is too long")
        if time.monotonic() > deadline:
            raise VerifierUnavailable("the issuer's answer takes too long")
    return bytes(content)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
