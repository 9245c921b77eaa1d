"""requests, spoken to a WSGI application in this process: the suite's programs need no port."""

from __future__ import annotations

import io
import sys
from http.client import HTTPMessage
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse
from werkzeug.test import run_wsgi_app


class WsgiAdapter(BaseAdapter):
    """Mounted at an origin, answers what is asked there. ``address`` is whom the application sees."""

    def __init__(self, application: Any, address: str = "192.0.2.1") -> None:
        super().__init__()
        self._application = application
        self._address = address
        self._builder = HTTPAdapter()

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:  # type: ignore[override]
        """One exchange; nothing of HTTP is tidied."""
        body, status, headers = run_wsgi_app(self._application, self._environ(request), buffered=True)
        message = HTTPMessage()
        for name, value in headers:
            message.add_header(name, value)
        raw = HTTPResponse(
            io.BytesIO(b"".join(body)), headers=list(headers), status=int(status.split()[0]), preload_content=False,
            original_response=SimpleNamespace(msg=message, isclosed=lambda: True, close=lambda: None),
        )  # fmt: skip
        return self._builder.build_response(request, raw)

    def close(self) -> None:
        """Nothing is held."""

    def _environ(self, request: requests.PreparedRequest) -> dict[str, Any]:
        parts = urlsplit(request.url or "")
        sent = request.body or b""
        body = sent.encode() if isinstance(sent, str) else bytes(sent)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method, "SCRIPT_NAME": "", "PATH_INFO": requests.utils.unquote(parts.path) or "/",
            "QUERY_STRING": parts.query, "SERVER_NAME": parts.hostname, "SERVER_PORT": str(parts.port or 443),
            "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": parts.netloc, "REMOTE_ADDR": self._address,
            "CONTENT_LENGTH": str(len(body)), "wsgi.version": (1, 0), "wsgi.url_scheme": parts.scheme,
            "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr, "wsgi.multithread": False,
            "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
        for name, value in request.headers.items():
            key = name.upper().replace("-", "_")
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = text
        return environ
