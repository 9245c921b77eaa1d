"""The SDK in a Flask app.

    verifier = Verifier("https://id.example.com", "https://api.example.com",
                        client_id="my-api", client_secret="…", mode="stream")
    app = Flask(__name__)
    init_app(app, ProtectedResource(verifier, realm="notes", scopes="notes.read notes.delete"))

    @app.get("/notes")
    @require_token(verifier, scope="notes.read")
    def notes(): return {"sub": current_token().sub}

    @app.delete("/notes")
    @require_token(verifier, scope="notes.delete", mode="introspect", acr_values="aal2", max_age=300)
    def delete(): ...

``init_app`` turns refusals into answers (RFC 6750 section 3, RFC 9470) and publishes the metadata of RFC
9728.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from flask import Flask, Response, g, request

from .access_token import AccessToken
from .errors import TokenError
from .possession import Sender
from .requirement import Mode
from .rfc9728_metadata import ProtectedResource, Reply
from .verifier import Verifier

P = ParamSpec("P")
R = TypeVar("R")


def require_token(
    verifier: Verifier,
    scope: str | Iterable[str] = (),
    *,
    mode: Mode | None = None,
    acr_values: str | Iterable[str] = (),
    max_age: int | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view run only for a live token with all of ``scope``; ``current_token`` is that token.

    ``acr_values`` and ``max_age`` ask for a sign-in of one of these kinds, not longer ago. Raises
    TokenError, which ``init_app`` answers; ValueError at once if the verifier cannot do this.
    """
    needed = verifier.require(scope=scope, mode=mode, acr_values=acr_values, max_age=max_age)

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            g.access_token = verifier.admit(request.headers.get("Authorization"), needed, _sender(verifier))
            return view(*args, **kwargs)

        return guarded

    return decorate


def current_token() -> AccessToken:
    """The token of this request; only inside a view under ``require_token``."""
    token: AccessToken = g.access_token
    return token


def init_app(app: Flask, resource: ProtectedResource) -> None:
    """Answer every TokenError, and serve the resource's metadata if its audience is an address."""

    def refuse(error: TokenError) -> Response:
        return _response(resource.refusal(error))

    def metadata() -> Response:
        return _response(resource.metadata())

    app.register_error_handler(TokenError, refuse)
    if resource.metadata_path is not None:
        app.add_url_rule(resource.metadata_path, "oauth_protected_resource", metadata)


def _sender(verifier: Verifier) -> Sender:
    return verifier.sender(request.method, request.script_root + request.path, request.headers.get)


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, reply.headers)
