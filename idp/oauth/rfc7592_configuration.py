"""RFC 7592 (Client Configuration): read, replace, delete one's own registration.

The registration access token is bound to its client: one of another client, or none, is 401, and an
unknown client is answered alike (section 2.1). Replacing renews the token; deleting ends all.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response

from ..domain.client import Client
from ..domain.ports import Throttles
from ..domain.throttle import client_change_brakes
from ..errors import ProtocolError, Throttled
from ..services import Services
from ..services.clients import NewClient
from ..services.sessions import secret_hash
from ..settings import Settings
from .requests import json_object, received
from .responses import empty_answer, json_answer
from .rfc6750_bearer import bearer_token, invalid_token
from .rfc7591_registration import INVALID, Vouch, information
from .rfc7591_software_statement import SoftwareStatements

_SERVER_SIDE = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)


class ConfigurationEndpoint:
    """GET, PUT and DELETE /register/<client_id>."""

    def __init__(
        self, settings: Settings, services: Services, statements: SoftwareStatements, throttles: Throttles,
        address_of_request: Callable[[], str], vouch: Vouch,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._clients = services.clients
        self._statements = statements
        self._throttles = throttles
        self._clock = services.clock
        self._work = services.work
        self._address = address_of_request
        self._vouch = vouch

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
        """Section 2.2. The body is read before the client: a slow one must not outlast a disabling."""
        _client, token = self._own(client_id)
        sent = json_object("RFC 7592 2.2", INVALID)
        if wait := self._throttles.take(client_change_brakes(client_id, self._address()), self._clock.now()):
            raise Throttled(wait)
        metadata = self._statements.unfold(sent)
        self._vouch(metadata)
        with self._work():
            client = self._clients.own(client_id, token, hold=True)
            if client is None:
                raise invalid_token()
            _check_identity(sent, client)
            changed = self._clients.replace_metadata(client, metadata, f"client:{client.client_id}")
        return json_answer(information(changed, self._settings))

    def delete(self, client_id: str) -> Response:
        """Section 2.3."""
        client, _token = self._own(client_id)
        with self._work():
            self._clients.delete(client.client_id, by=f"client:{client.client_id}")
        return empty_answer(204)

    def _own(self, client_id: str) -> tuple[Client, str]:
        token = bearer_token(received(self._address))
        client = self._clients.own(client_id, token)
        if client is None:
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
