"""A client's back-channel logout address on a loopback port, that answers as it is told.

``with Receiver() as photos:`` and register ``photos.uri("/ok")``. What comes in is kept, with when it
began and when it was answered, so that a test can say what arrived, how often, and what overlapped.
"""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from .provider import claims_of

PATIENCE_SECONDS = 150.0


@dataclass
class Arrival:
    """One request."""

    path: str
    headers: dict[str, str]
    form: dict[str, list[str]]
    began: float
    ended: float = 0.0
    body: str = ""

    @property
    def token(self) -> str:
        """The logout token."""
        (token,) = self.form["logout_token"]
        return token

    @property
    def claims(self) -> dict[str, Any]:
        """Of its logout token, unverified."""
        return claims_of(self.token)


@dataclass
class Receiver:
    """``statuses`` by path, 200 otherwise; ``delays`` in seconds; ``locations`` for redirects."""

    statuses: dict[str, int] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def uri(self, path: str = "/ok") -> str:
        """An address of it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def at(self, path: str) -> list[Arrival]:
        """What arrived there."""
        return [arrival for arrival in list(self.arrivals) if arrival.path == path]

    def wait(self, enough: Callable[[], bool]) -> None:
        """Until it is so. Fails after minutes."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not enough():
            assert time.monotonic() < end, f"only {len(self.arrivals)} arrived"
            time.sleep(0.02)


def _handler(receiver: Receiver) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            arrival = Arrival(self.path, dict(self.headers), parse_qs(body), time.monotonic(), body=body)
            receiver.arrivals.append(arrival)
            receiver.over.wait(receiver.delays.get(self.path, 0.0))
            arrival.ended = time.monotonic()
            status = receiver.statuses.get(self.path, 200)
            self.send_response(status)
            if location := receiver.locations.get(self.path):
                self.send_header("Location", location)
            if status != 204:
                self.send_header("Content-Length", "0")
            self.end_headers()

        def handle(self) -> None:
            """Being left in the middle is what happens to a slow one."""
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                super().handle()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
