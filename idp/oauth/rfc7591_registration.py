"""RFC 7591 (Dynamic Client Registration), section 3, and the answer that RFC 7592 shares with it.

Who may register is the operator's choice: ``open`` (throttled by address), ``token`` (with an initial
access token, section 3), ``closed`` (no endpoint). What may be registered is in
``domain.client_metadata``; what a client may not say of itself is not read at all (ASVS 15.3.3).

Initial access tokens are those an operator made (``idp initial-access-token``), each with an end and a
quota, and the one of the settings, for whom one is enough. A use counts when the client is registered,
in the same transaction: a refused registration costs none, and racing ones never exceed a quota.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

from flask import Blueprint, Response

from ..domain.client import ClientOrigin
from ..domain.ports import Throttles
from ..domain.throttle import client_registration_brakes
from ..errors import NotFound, Throttled
from ..services import Services
from ..services.clients import NewClient, document
from ..services.sessions import secret_hash
from ..settings import Settings
from .requests import json_object, received
from .responses import json_answer
from .rfc6750_bearer import bearer_token, invalid_token
from .rfc7591_software_statement import SoftwareStatements

INVALID = "invalid_client_metadata"

Vouch = Callable[[Mapping[str, object]], None]
"""What somebody else must confirm of a registration, by a fetch; raises ProtocolError."""


class RegistrationEndpoint:
    """POST /register."""

    def __init__(
        self, settings: Settings, services: Services, statements: SoftwareStatements, throttles: Throttles,
        address_of_request: Callable[[], str], vouch: Vouch,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._clients = services.clients
        self._initial_access = services.initial_access
        self._statements = statements
        self._throttles = throttles
        self._clock = services.clock
        self._work = services.work
        self._address = address_of_request
        self._vouch = vouch

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands; when registration is closed it says so as 404."""
        blueprint.add_url_rule("/register", "register", self.post, methods=["POST"])

    def post(self) -> Response:
        """One registration."""
        token = self._admitted()
        sent = json_object("RFC 7591 3.1", INVALID)
        self._slow_strangers()
        metadata = self._statements.unfold(sent)
        self._vouch(metadata)
        with self._work():
            new = self._clients.create(metadata, origin=ClientOrigin.DYNAMIC, by=self._charged(token))
        return json_answer(information(new, self._settings), 201)

    def _admitted(self) -> str | None:
        """The initial access token to be charged, None where none is needed or it is the settings'."""
        mode = self._settings.client_registration
        if mode == "closed":
            raise NotFound("registration is closed")
        if mode == "open":
            return None
        token = bearer_token(received(self._address))
        if self._is_of_settings(token):
            return None
        if not self._initial_access.admits(token):
            raise invalid_token()
        return token

    def _slow_strangers(self) -> None:
        """Slow down whoever may register without a token; a token is good for as many clients as its operator says."""
        if self._settings.client_registration != "open":
            return
        if wait := self._throttles.take(client_registration_brakes(self._address()), self._clock.now()):
            raise Throttled(wait)

    def _charged(self, token: str | None) -> str:
        """Who registers, for the record. Raises the 401 if the last use went to another a moment ago."""
        if token is None:
            return "anonymous" if self._settings.client_registration == "open" else "initial-access-token"
        used = self._initial_access.claim(token)
        if used is None:
            raise invalid_token()
        return f"initial-access-token:{used}"

    def _is_of_settings(self, token: str) -> bool:
        own = self._settings.client_registration_token
        return own is not None and hmac.compare_digest(secret_hash(token), secret_hash(own.get_secret_value()))


def information(new: NewClient, settings: Settings) -> dict[str, object]:
    """RFC 7591 section 3.2.1 and RFC 7592 section 3: everything registered, as it is in force."""
    client = new.client
    answer: dict[str, object] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created_at.timestamp()),
        **document(client),
        "registration_client_uri": settings.url(f"/register/{client.client_id}"),
    }
    if new.client_secret is not None:
        answer |= {"client_secret": new.client_secret, "client_secret_expires_at": 0}
    if new.registration_access_token is not None:
        answer["registration_access_token"] = new.registration_access_token
    return answer
