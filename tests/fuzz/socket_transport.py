"""A request over a real connection, in whatever manner HTTP/1.1 allows a body to be sent."""

from __future__ import annotations

import http.client
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass

from .wire import Answered, Request

PATIENCE = 30.0
MANNERS = ("length", "chunked", "small chunks", "pieces", "lower case", "HTTP/1.0", "kept alive")
NO_ANSWER = 0
"""The status of a connection that was closed at once: all that some broken messages get."""
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VISIBLE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_OF_MESSAGE = {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te"}


@dataclass
class OverSocket:
    """``host`` is what requests say; ``manner`` is how the next body is sent."""

    port: int
    host: str
    manner: str = "length"

    def __call__(self, request: Request) -> Answered:
        """One connection, one answer; of an answer that does not end, its beginning."""
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):
                self._send(connection, request)
            answered = _read(connection, request.method)
        return Answered(*answered, time.monotonic() - began)

    def _send(self, connection: socket.socket, request: Request) -> None:
        head, parts = self._head(request), list(self._parts(request.body))
        if self.manner == "pieces":
            for part in (head[: len(head) // 2], head[len(head) // 2 :], *parts):
                connection.sendall(part)
                time.sleep(0.002)
        else:
            connection.sendall(head + b"".join(parts))

    def _head(self, request: Request) -> bytes:
        version = b"HTTP/1.0" if self.manner == "HTTP/1.0" else b"HTTP/1.1"
        target = re.sub(rb"[\x00-\x20\x7f-\xff]", lambda found: b"%%%02X" % found[0], request.path)
        query = b"?" + request.query if request.query else b""
        lines = [b"%b %b %b" % (request.method.encode(), target + query, version)]
        named = (("Host", self.host.encode()), ("X-Forwarded-For", request.address.encode()))
        for name, value in (*named, *_sendable(request), *self._framing(request)):
            shown = name.lower() if self.manner == "lower case" else name
            lines.append(b"%b: %b" % (shown.encode(), value))
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _framing(self, request: Request) -> tuple[tuple[str, bytes], ...]:
        kept = b"keep-alive" if self.manner == "kept alive" else b"close"
        if self.manner in ("chunked", "small chunks"):
            return (("Connection", kept), ("Transfer-Encoding", b"chunked"))
        return (("Connection", kept), ("Content-Length", b"%d" % len(request.body)))

    def _parts(self, body: bytes) -> list[bytes]:
        if self.manner not in ("chunked", "small chunks"):
            return [body[: len(body) // 2], body[len(body) // 2 :]]
        size = 3 if self.manner == "small chunks" and len(body) < 3000 else 1000
        cut = [body[at : at + size] for at in range(0, len(body), size)]
        return [b"%x\r\n%b\r\n" % (len(part), part) for part in cut] + [b"0\r\n\r\n"]


def _sendable(request: Request) -> list[tuple[str, bytes]]:
    """What would end the message elsewhere than where we mean is thrown by ``test_over_a_socket`` on purpose."""
    return [(name, value) for name, value in request.headers if name.lower() not in _OF_MESSAGE]


def well_formed(request: Request) -> bool:
    """Is this a message of RFC 9112 at all? What is not may be refused without an answer."""
    return bool(_TOKEN.fullmatch(request.method.encode())) and all(
        _VISIBLE.fullmatch(value) for _name, value in request.headers
    )


def exchanged(port: int, data: bytes) -> tuple[int, float]:
    """Exactly these bytes, and nothing after them; the status and the seconds."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        status, _headers, _body = _read(connection, "GET")
    return status, time.monotonic() - began


def _read(connection: socket.socket, method: str) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
    except (http.client.HTTPException, ConnectionError):
        return NO_ANSWER, (), b""
    headers = tuple(response.getheaders())
    endless = response.headers.get_content_type() == "text/event-stream"
    try:
        body = response.read1(200) if endless else response.read()
    except http.client.IncompleteRead as error:  # a body that was refused: see idp/bodies.py
        body = error.partial
    return response.status, headers, body
