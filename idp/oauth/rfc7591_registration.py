"""RFC 7591 (Dynamic Client Registration), section 3, and the answer that RFC 7592 shares with it.

Who may register is the operator's choice: ``open`` (throttled by address), ``token`` (one initial
access token, section 3), ``closed`` (no endpoint). What may be registered is in
``domain.client_metadata``; what a client may not say of itself is not read at all (ASVS 15.3.3).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from flask import Blueprint, Response

from ..domain.client import ClientOrigin
from ..domain.ports import Clock, Throttles, Work
from ..domain.throttle import client_registration_brakes
from ..errors import NotFound, Throttled
from ..services.clients import Clients, NewClient, document
from ..services.sessions import secret_hash
from ..settings import Settings
from .requests import json_object, received
from .responses import json_answer
from .rfc6750_bearer import bearer_token, invalid_token

INVALID = "invalid_client_metadata"


class RegistrationEndpoint:
    """POST /register."""

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        throttles: Throttles,
        clock: Clock,
        work: Work,
        address_of_request: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._throttles = throttles
        self._clock = clock
        self._work = work
        self._address = address_of_request

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands; when registration is closed it says so as 404."""
        blueprint.add_url_rule("/register", "register", self.post, methods=["POST"])

    def post(self) -> Response:
        """One registration."""
        self._admit()
        metadata = json_object("RFC 7591 3.1", INVALID)
        if wait := self._throttles.take(client_registration_brakes(self._address()), self._clock.now()):
            raise Throttled(wait)
        with self._work():
            new = self._clients.create(metadata, origin=ClientOrigin.DYNAMIC)
        return json_answer(information(new, self._settings), 201)

    def _admit(self) -> None:
        mode = self._settings.client_registration
        if mode == "closed":
            raise NotFound("registration is closed")
        token = self._settings.client_registration_token
        if mode == "token" and token is not None:
            given, wanted = secret_hash(bearer_token(received(self._address))), secret_hash(token.get_secret_value())
            if not hmac.compare_digest(given, wanted):
                raise invalid_token()


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
