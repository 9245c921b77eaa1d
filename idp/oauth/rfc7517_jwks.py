"""RFC 7517 section 5 (JWK Set): the published keys, as bytes made once per change.

``Cache-Control`` says how long others may keep them; the services announce a key for at least as long
before it signs. No cookie, no database read while the copy is fresh.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from ..services.keys import Keys, Published
from .cors import OPEN
from .responses import Answer, as_response

PATH = "/.well-known/jwks.json"
CONDITIONS = ("If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Range")


class JwksEndpoint:
    """GET /.well-known/jwks.json."""

    documents = ((PATH, "jwks"),)

    def __init__(self, keys: Keys, max_age: int) -> None:
        self._keys = keys
        self._max_age = max_age
        self._made: tuple[Published, Answer] | None = None

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule(PATH, "jwks", self.get, methods=["GET"])

    def get(self) -> Response:
        """The key set, or 304."""
        return conditional(self.answer())

    def answer(self) -> Answer:
        """The key set; the same object while it is the same."""
        published, made = self._keys.jwks(), self._made
        if made is None or made[0] is not published:
            self._made = made = published, document(published.body, published.etag, self._max_age)
        return made[1]


def document(body: bytes, etag: str, max_age: int) -> Answer:
    """A public document with its entity tag."""
    return Answer(body, headers={"ETag": f'"{etag}"', "Cache-Control": f"public, max-age={max_age}", **OPEN})


def conditional(answer: Answer) -> Response:
    """The same, or 304, or a part of it, if that is what was asked for (RFC 9110 sections 13 and 14)."""
    response = as_response(answer)
    if any(name in request.headers for name in CONDITIONS):
        response.make_conditional(request)
    return response
