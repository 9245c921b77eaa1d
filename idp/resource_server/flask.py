"""The SDK in a Flask app: ``@require_token(verifier, scope="notes.read")``.

init_app(app, realm="notes")        # turns refusals into answers of RFC 6750 section 3

@app.get("/notes")
@require_token(verifier, scope="notes.read")
def notes(): ... g.access_token.sub
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from flask import Flask, Response, g, jsonify, request

from .access_token import AccessToken
from .errors import TokenError, VerifierUnavailable
from .verifier import Verifier

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")


def require_token(verifier: Verifier, scope: str | Iterable[str] = ()) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view run only for a live token with all of ``scope``; puts it into ``g.access_token``.

    Raises TokenError, which ``init_app`` answers.
    """
    needed = tuple(scope.split() if isinstance(scope, str) else scope)

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            g.access_token = verifier.verify(request.headers.get("Authorization"), scope=needed)
            return view(*args, **kwargs)

        return guarded

    return decorate


def current_token() -> AccessToken:
    """The token of this request; only inside a view under ``require_token``."""
    token: AccessToken = g.access_token
    return token


def init_app(app: Flask, realm: str | None = None) -> None:
    """Answer every TokenError with its status, headers and a small JSON body."""

    def refuse(error: TokenError) -> Response:
        if isinstance(error, VerifierUnavailable):
            log.warning("a token could not be checked: %s", error.detail)
        response = jsonify(error.body())
        response.status_code = error.status
        response.headers.update(error.headers(realm))
        return response

    app.register_error_handler(TokenError, refuse)
