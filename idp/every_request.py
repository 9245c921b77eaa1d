"""What holds of every request, whichever endpoint answers: whose host it names, how it may ask, how errors look."""

from __future__ import annotations

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from . import oauth
from .browser import Browser
from .oauth.responses import json_answer
from .oauth.rfc8705_mtls import ALIASED
from .settings import Settings

_PROTOCOL_PATHS = (
    "/token", "/par", "/introspect", "/revoke", "/revocations", "/userinfo", "/register",
    "/device_authorization", "/bc-authorize", "/.well-known/", "/healthz", "/readyz",
)  # fmt: skip
_ALWAYS_ANSWERED = ("/healthz", "/readyz")


def only_our_host(settings: Settings) -> oauth.BeforeRequest:
    """A ``Host`` that is not the issuer's is refused: nothing may be built from it (CVE-2025-64101)."""
    ready = tuple(settings.path_prefix + path for path in _ALWAYS_ANSWERED)
    aliased, other = tuple(settings.path_prefix + path for path in ALIASED.values()), settings.mtls_host

    def check() -> None:
        host = request.headers.get("Host", "").lower()
        if host == settings.host.lower() or request.path in ready or (host == other and request.path in aliased):
            return
        abort(421)

    return check


def no_head() -> None:
    """What a GET does here (issue a code, end a session) nobody may ask for without seeing the answer."""
    if request.method == "HEAD":
        abort(405)


def prepared(browser: Browser) -> oauth.AfterRequest:
    """Whatever form this answer shows, the browser gets the cookie that its token is bound to."""

    def prepare(response: Response) -> Response:
        browser.prepare(response)
        return response

    return prepare


def json_for_programs(app: Flask, settings: Settings) -> None:
    """405, 413, 404 and 500 on protocol addresses, which routing raises outside any blueprint."""
    ours = tuple(settings.path_prefix + path for path in _PROTOCOL_PATHS)
    page = app.error_handler_spec[None][None][HTTPException]

    def answer(error: HTTPException) -> object:
        if not request.path.startswith(ours):
            return page(error)
        status = error.code or 500
        name = "server_error" if status >= 500 else "invalid_request"
        kept = {key: value for key, value in error.get_headers() if key == "Allow"}
        return json_answer({"error": name, "error_description": f"{error.name} (RFC 9110 15)"}, status, kept)

    app.register_error_handler(HTTPException, answer)  # type: ignore[arg-type]
