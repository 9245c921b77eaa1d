"""RFC 7517 section 5 (JWK Set): the published keys, as bytes made once per change.

``Cache-Control`` says how long others may keep them; the services announce a key for at least as long
before it signs. No cookie, no database read while the copy is fresh.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from ..services.keys import Keys
from .cors import OPEN

PATH = "/.well-known/jwks.json"


class JwksEndpoint:
    """GET /.well-known/jwks.json."""

    def __init__(self, keys: Keys, max_age: int) -> None:
        self._keys = keys
        self._max_age = max_age

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule(PATH, "jwks", self.get, methods=["GET"])

    def get(self) -> Response:
        """The key set, or 304."""
        published = self._keys.jwks()
        return document(published.body, published.etag, self._max_age, "application/json")


def document(body: bytes, etag: str, max_age: int, mimetype: str) -> Response:
    """A public document with its entity tag."""
    response = Response(body, mimetype=mimetype)
    response.set_etag(etag)
    response.headers["Cache-Control"] = f"public, max-age={max_age}"
    response.headers.update(OPEN)
    response.make_conditional(request)
    return response
