"""The suite's own https host on loopback: documents that a provider fetches, and what was delivered to it.

Its certificate signs itself; ``trusted`` makes the provider of this process believe it, as a certificate of a
known authority would be believed.
"""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from idp import outgoing
from tests.certificates import a_certificate


@dataclass
class Delivery:
    """One request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Host:
    """``documents`` by path: bytes with their content type; ``statuses`` and ``locations`` for what is answered."""

    folder: Path
    documents: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.certificate = a_certificate(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def origin(self) -> str:
        return f"https://localhost:{self._server.server_address[1]}"

    def put(self, path: str, document: Any, content_type: str = "application/json") -> str:
        """Publish a document (text as it is, anything else as JSON); its address."""
        text = document if isinstance(document, str) else json.dumps(document)
        self.documents[path] = (text.encode(), content_type)
        return self.origin + path

    def at(self, path: str) -> list[Delivery]:
        """What was delivered there."""
        return [delivery for delivery in list(self.deliveries) if delivery.path == path]

    @contextmanager
    def trusted(self) -> Iterator[None]:
        """For the provider of this process."""
        context = ssl.create_default_context(cafile=self.certificate)
        with patch.object(outgoing, "_tls", lambda: context):
            yield


def _handler(host: Host) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("", *host.documents.get(self.path, (None, "")))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self._answer(body, b"", "")

        def _answer(self, body: str, document: bytes | None, content_type: str) -> None:
            host.deliveries.append(Delivery(self.command, self.path, dict(self.headers), body))
            self.send_response(host.statuses.get(self.path, 200 if document is not None else 404))
            if location := host.locations.get(self.path):
                self.send_header("Location", location)
            if content_type:
                self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(document or b"")))
            self.end_headers()
            self.wfile.write(document or b"")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
