"""How a request reaches the application: as a WSGI environment, or over a socket (``socket_transport``)."""

from __future__ import annotations

import io
import time
from typing import Any, Protocol

from werkzeug.test import run_wsgi_app

from .wire import Answered, Request


class Transport(Protocol):
    """Sends a request and waits for the answer."""

    def __call__(self, request: Request) -> Answered: ...


class InProcess:
    """What a server would hand over: bytes in latin-1, nothing tidied."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, request: Request) -> Answered:
        """One exchange."""
        began = time.monotonic()
        body, status, headers = run_wsgi_app(self._application, environ(request), buffered=True)
        return Answered(int(status.split()[0]), tuple(headers), b"".join(body), time.monotonic() - began)


def environ(request: Request) -> dict[str, Any]:
    """The environment of a request."""
    made: dict[str, Any] = {
        "REQUEST_METHOD": request.method, "SCRIPT_NAME": "", "PATH_INFO": request.path.decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"), "SERVER_NAME": "id.example.com", "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "id.example.com", "REMOTE_ADDR": request.address,
        "CONTENT_LENGTH": str(len(request.body)), "wsgi.version": (1, 0), "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(request.body), "wsgi.errors": io.StringIO(), "wsgi.multithread": False,
        "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        joined = value.decode("latin-1")
        made[key] = f"{made[key]}; {joined}" if key == "HTTP_COOKIE" and key in made else joined
    return made
