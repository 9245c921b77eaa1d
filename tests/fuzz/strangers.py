"""The server of a stranger, as our guard against SSRF would reach it: key sets, request objects, documents.

``https://f.example`` is answered here; every other URL takes the guard's own way, which leads nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from idp.outgoing import Fetched, Outgoing

from .signing import JWK
from .wire import Document

HOST = "f.example"
CLIENT_URL = f"https://{HOST}/client.json"
_CLIENT = {
    "client_id": CLIENT_URL, "client_name": "Described", "redirect_uris": [f"https://{HOST}/cb"],
    "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": f"https://{HOST}/keys",
    "grant_types": ["authorization_code", "refresh_token"], "scope": "openid profile",
}  # fmt: skip


class Strangers:
    """``document`` is what is answered instead of what stands there; ``request_object`` makes one at once."""

    def __init__(self, request_object: Callable[[], str]) -> None:
        self.document: Document | None = None
        self._request_object = request_object

    @contextmanager
    def reachable(self) -> Iterator[None]:
        """For the provider of this process."""
        real = Outgoing._exchange

        def exchange(outgoing: Any, target: Any, asked: Any, seconds: float) -> Fetched:
            if target.host != HOST:
                return real(outgoing, target, asked, seconds)
            return self._answer(target.path)

        with patch.object(Outgoing, "_exchange", exchange):
            yield

    def _answer(self, path: str) -> Fetched:
        found = self.document or self._standing(path)
        headers = {"content-type": found.content_type, "cache-control": found.cache_control}
        return Fetched(found.status, headers, found.body)

    def _standing(self, path: str) -> Document:
        if path == "/object.jwt":
            return Document(self._request_object().encode(), "application/oauth-authz-req+jwt")
        told = {
            "/client.json": _CLIENT, "/keys": {"keys": [JWK]}, "/sector.json": [f"https://{HOST}/cb"],
        }.get(path)  # fmt: skip
        return Document(json.dumps(told).encode()) if told is not None else Document(b"", status=404)
