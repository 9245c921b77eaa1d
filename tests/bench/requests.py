"""What is sent: requests as bytes made once, and workloads that choose the next one.

Codes and refresh tokens are used once, so those workloads choose for each connection.
"""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urlencode

_FORM = "application/x-www-form-urlencoded"
_REFRESH_TOKEN = re.compile(rb'"refresh_token":"([^"]+)"')


@dataclass(frozen=True)
class Request:
    """One HTTP request; ``body`` makes it a form."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def all_headers(self) -> dict[str, str]:
        """Its own and those of its body, without Host and Content-Length."""
        return {**self.headers, **({"Content-Type": _FORM} if self.body else {})}

    def to(self, path: str) -> Request:
        """The same to another place."""
        return replace(self, path=path)

    def wire(self, port: int) -> bytes:
        """As it travels."""
        headers = {"Host": f"127.0.0.1:{port}", **self.all_headers()}
        if self.method == "POST":
            headers["Content-Length"] = str(len(self.body))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode("ascii")


def get(path: str, **headers: str) -> Request:
    """A GET."""
    return Request("GET", path, headers)


def post(path: str, client: tuple[str, str], form: Mapping[str, str]) -> Request:
    """A form from a client that authenticates with ``client_secret_basic``."""
    basic = base64.b64encode(":".join(client).encode()).decode()
    return Request("POST", path, {"Authorization": f"Basic {basic}"}, urlencode(form))


class Workload(Protocol):
    """``next`` is the bytes to send on a connection, None when there are no more; ``answered`` its answer."""

    def next(self, slot: int) -> bytes | None: ...

    def answered(self, slot: int, body: bytes) -> None: ...


class Same:
    """Always the same request."""

    def __init__(self, request: Request, port: int) -> None:
        self._bytes = request.wire(port)

    def next(self, slot: int) -> bytes | None:
        """Endless."""
        return self._bytes

    def answered(self, slot: int, body: bytes) -> None:
        """Nothing follows from it."""


class Each:
    """Every request once, on whichever connection is free."""

    def __init__(self, requests: Iterable[bytes]) -> None:
        self._left = deque(requests)

    def next(self, slot: int) -> bytes | None:
        """The next of them."""
        return self._left.popleft() if self._left else None

    def answered(self, slot: int, body: bytes) -> None:
        """Nothing follows from it."""


class Chains:
    """A chain of refresh tokens for each connection: every answer brings the next token."""

    def __init__(self, tokens: Sequence[str], client: tuple[str, str], port: int) -> None:
        self.tokens = list(tokens)
        self._client = client
        self._port = port

    def next(self, slot: int) -> bytes | None:
        """Present the chain's current token."""
        return refresh(self.tokens[slot], self._client).wire(self._port)

    def answered(self, slot: int, body: bytes) -> None:
        """Keep the successor."""
        if found := _REFRESH_TOKEN.search(body):
            self.tokens[slot] = found[1].decode()


def refresh(token: str, client: tuple[str, str]) -> Request:
    """One refresh."""
    return post("/token", client, {"grant_type": "refresh_token", "refresh_token": token})
