"""Servers on loopback for tests with a real browser: the provider in this process, and sites of apps.

``served`` is for the ``conftest.py`` of a room of tests, beside the fixtures of ``tests/provider.py``.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from werkzeug.serving import make_server

from .demo_stack import free_ports
from .provider import Provider, running


@dataclass(frozen=True)
class Asked:
    """A request to a site."""

    method: str
    host: str
    path: str
    body: bytes


Answer = Callable[[Asked], Mapping[str, str] | bytes]
"""A page, or the headers of a redirect (303)."""


@contextmanager
def site(answer: Answer, host: str = "127.0.0.1") -> Iterator[int]:
    """A site that answers so; its port."""
    server = http.server.ThreadingHTTPServer((host, 0), _handler(answer))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _handler(answer: Answer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            found = answer(Asked(self.command, self.headers["Host"].partition(":")[0], self.path, body))
            page = found if isinstance(found, bytes) else b""
            self.send_response(200 if page else 303)
            for name, value in ({"Content-Type": "text/html"} if isinstance(found, bytes) else found).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page)

        do_POST = do_GET  # noqa: N815 - the standard library's name

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


@pytest.fixture
def served(database: str) -> Iterator[Provider]:
    """The provider of this process where a browser can reach it."""
    (port,) = free_ports(1)
    with running(database, issuer=f"http://localhost:{port}") as provider:
        server = make_server("127.0.0.1", port, provider.flask, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield provider
        server.shutdown()
