"""RFC 7592 (Client Configuration): read, replace, delete one's own registration.

The registration access token is bound to its client: one of another client, or none, is 401, and an
unknown client is answered alike (section 2.1). Replacing renews the token; deleting ends all.
"""

from __future__ import annotations

import hmac
from typing import Any

from flask import Blueprint, Response

from ..domain.client import Client
from ..domain.ports import Work
from ..errors import ProtocolError
from ..services.clients import Clients, NewClient
from ..services.sessions import secret_hash
from ..settings import Settings
from .requests import json_object
from .responses import empty_answer, json_answer
from .rfc6750_bearer import bearer_token, invalid_token
from .rfc7591_registration import INVALID, information

_SERVER_SIDE = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)


class ConfigurationEndpoint:
    """GET, PUT and DELETE /register/<client_id>."""

    def __init__(self, settings: Settings, clients: Clients, work: Work) -> None:
        self._settings = settings
        self._clients = clients
        self._work = work

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        for method, view in (("GET", self.get), ("PUT", self.put), ("DELETE", self.delete)):
            blueprint.add_url_rule(
                "/register/<client_id>", f"registration_{method}", view, methods=[method],
                provide_automatic_options=False,
            )  # fmt: skip

    def get(self, client_id: str) -> Response:
        """Section 2.1."""
        client, token = self._own(client_id)
        same = NewClient(client=client, client_secret=None, registration_access_token=token)
        return json_answer(information(same, self._settings))

    def put(self, client_id: str) -> Response:
        """Section 2.2."""
        client, _token = self._own(client_id)
        metadata = json_object("RFC 7592 2.2", INVALID)
        _check_identity(metadata, client)
        with self._work():
            changed = self._clients.replace_metadata(client, metadata, f"client:{client.client_id}")
        return json_answer(information(changed, self._settings))

    def delete(self, client_id: str) -> Response:
        """Section 2.3."""
        client, _token = self._own(client_id)
        with self._work():
            self._clients.delete(client.client_id, by=f"client:{client.client_id}")
        return empty_answer(204)

    def _own(self, client_id: str) -> tuple[Client, str]:
        token = bearer_token()
        client = self._clients.find(client_id) if "\x00" not in client_id else None
        held = client.registration_token_hash if client is not None else None
        if not hmac.compare_digest(secret_hash(token), held or bytes(32)) or client is None or client.disabled_at:
            raise invalid_token()
        return client, token


def _check_identity(metadata: dict[str, Any], client: Client) -> None:
    """Section 2.2: the document names this client, and nothing that is ours to say."""
    if metadata.get("client_id") != client.client_id:
        raise ProtocolError(INVALID, "client_id must be the current one", section="RFC 7592 2.2")
    if sent := [name for name in _SERVER_SIDE if name in metadata]:
        raise ProtocolError(INVALID, f"must not be sent: {', '.join(sent)}", section="RFC 7592 2.2")
    secret = metadata.get("client_secret")
    if secret is None:
        return
    if not isinstance(secret, str) or not hmac.compare_digest(secret_hash(secret), client.secret_hash or bytes(32)):
        raise ProtocolError(INVALID, "client_secret must be the current one", section="RFC 7592 2.2")
