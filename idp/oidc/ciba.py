"""OpenID Connect Client-Initiated Backchannel Authentication (CIBA) Core 1.0: poll and ping modes.

Not read as a whole: by quotations of sections 4, 7.1 to 7.3, 10.1, 11 and 13 of the final version in public
specifications and test suites; 8, 10.2 and 12 by memory and by the conformance suite's modules:

- Section 4: registration (``domain.ciba_metadata``); 4.1: pairwise names (``domain.subject``).
- Section 7.1: the request, by a client that authenticates; exactly one hint says who is asked: an address, or an
  ID token of ours for this client, expired or not. ``login_hint_token`` is refused, no format of it being agreed.
  ``acr_values`` are a wish: what the approval was worth stands in the ID token's ``acr``.
- Section 7.1.1: signed requests (``ciba_signed_request``).
- Section 7.2: first the client, then the request, then the person.
- Section 7.3: ``auth_req_id`` is 256 random bits in base64url; ``interval`` is always said.
- Section 10.1 and 11: the token request and its errors, polled for as RFC 8628 has it; who has been told may
  still poll. Redeemed once. Section 10.2: the ping, to a client that proves nothing but that it answers there.
- Section 13: errors.

On purpose not: push mode (tokens would be handed to whatever answers at an address; so no ID token holds
``urn:openid:params:jwt:claim:auth_req_id``) and user codes (they train people to type secrets at an app); both are
refused at registration. Only clients of an operator may ask: anybody who registers could otherwise knock at
anybody's door.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response

from ..domain.ciba_metadata import NOTIFICATION, PING
from ..domain.client import Client, ClientOrigin, GrantType
from ..domain.device import Origin
from ..domain.outbox import OutboxMessage
from ..domain.polled import PolledKind
from ..domain.ports import Clients, Clock, PolledRequests, Throttles, Vault
from ..domain.scope import OPENID
from ..domain.throttle import ciba_brakes
from ..domain.user import User
from ..errors import ProtocolError, Throttled, TokenRejected
from ..oauth.grants import OwnGrant
from ..oauth.requests import Parameters, form, invalid_request, received
from ..oauth.responses import json_answer
from ..oauth.rfc6749_client_authentication import ClientAuthentication
from ..oauth.rfc6749_scope import scope_for_person
from ..oauth.rfc8707_resource import check_resources
from ..oauth.rfc9396_authorization_details import details_for_person
from ..outgoing import FetchRefused, Outgoing, Unreachable
from ..services import Services
from ..services.codes import Grant
from ..services.deliveries import DeliveryFailed, Undeliverable
from ..services.polling import LIFE, Asked
from ..settings import Settings
from .ciba_signed_request import SignedRequests
from .core_id_token import IdTokens

PATH = "/bc-authorize"
_HINTS = ("login_hint", "login_hint_token", "id_token_hint")
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]{22,}=*")  # RFC 6750 section 2.1; 22 characters hold 128 bits
_LONGEST_TOKEN = 1024
_SECTION = "CIBA Core 7.1"
ACCEPTED = (200, 204)


class BackchannelAuthentication:
    """POST /bc-authorize."""

    def __init__(
        self,
        settings: Settings,
        authentication: ClientAuthentication,
        services: Services,
        id_tokens: IdTokens,
        signed: SignedRequests,
        throttles: Throttles,
        address_of_request: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._authentication = authentication
        self._services = services
        self._id_tokens = id_tokens
        self._signed = signed
        self._throttles = throttles
        self._address = address_of_request

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule(PATH, "ciba", self.post, methods=["POST"])

    def post(self) -> Response:
        """One authentication request."""
        asked = received(self._address)
        parameters = form(asked)
        client = self._authentication.authenticate(parameters, asked)
        if GrantType.CIBA not in client.grant_types or client.origin is not ClientOrigin.OPERATOR:
            raise ProtocolError("unauthorized_client", "the client may not use CIBA", section="CIBA Core 13")
        wanted = self._read(self._signed.resolve(parameters, client), client, asked.address)
        with self._services.work():
            begun = self._services.polling.begin_ciba(client, wanted)
        return json_answer({"auth_req_id": begun.code, "expires_in": begun.expires_in, "interval": begun.interval})

    def _read(self, parameters: Parameters, client: Client, address: str) -> Asked:
        """Everything but the person first: who asks wrongly learns nothing of anybody."""
        parameters.require("scope", _SECTION)
        scope = scope_for_person(parameters, client)
        if OPENID not in scope:
            raise ProtocolError("invalid_scope", "scope must hold openid", section=_SECTION)
        resources = check_resources(parameters.lists["resource"], self._settings.issuer, self._services.tokens)
        details = details_for_person(parameters, client, self._services.authorization_details)
        message, seconds = _binding_message(parameters), _requested_expiry(parameters)
        token = _notification_token(parameters, client)
        return Asked(
            user=self._person(parameters, client, address), scope=scope, resources=resources,
            authorization_details=details, binding_message=message,
            acr_values=tuple(parameters.get("acr_values", "").split())[:10],
            notification_token=token, seconds=seconds, origin=Origin(address=address),
        )  # fmt: skip

    def _person(self, parameters: Parameters, client: Client, address: str) -> User:
        """Who is asked. ``unknown_user_id`` for nobody, whatever the cause (section 13)."""
        hints = [name for name in _HINTS if name in parameters]
        if len(hints) != 1:
            raise invalid_request(f"send exactly one of {', '.join(_HINTS)}", _SECTION)
        if hints[0] == "login_hint_token":
            raise invalid_request("login_hint_token is not supported; send login_hint", _SECTION)
        self._brake(client, parameters[hints[0]], address)
        if hints[0] == "id_token_hint":
            owner = self._hinted(parameters["id_token_hint"], client)
            found = self._services.polling.person(owner) if owner is not None else None
        else:
            found = self._services.polling.person_at(parameters["login_hint"])
        if found is None:
            raise ProtocolError("unknown_user_id", "the hint names nobody here", section="CIBA Core 13")
        return found

    def _hinted(self, hint: str, client: Client) -> UUID | None:
        try:
            claims = self._id_tokens.read_hint(hint)
            if claims["aud"] != client.client_id:
                raise TokenRejected("aud")
        except TokenRejected:
            raise invalid_request("id_token_hint is not an ID token of ours for this client", _SECTION) from None
        return self._services.subjects.owner(str(claims["sub"]), client)

    def _brake(self, client: Client, hint: str, address: str) -> None:
        """Nobody's door is knocked at without end, and nobody is looked for by trying."""
        if wait := self._throttles.take(ciba_brakes(client.client_id, hint, address), self._services.clock.now()):
            raise Throttled(wait)


def _binding_message(parameters: Parameters) -> str | None:
    """Short and plain: it is shown to the person, and to be compared."""
    text = parameters.get("binding_message")
    if text is None:
        return None
    plain = all(unicodedata.category(c)[0] != "C" for c in text)
    if not plain or len(text) > 100:
        raise ProtocolError(
            "invalid_binding_message", "at most 100 characters, none of them a control", section="CIBA Core 13"
        )  # fmt: skip
    return text


def _requested_expiry(parameters: Parameters) -> int:
    """In seconds; never longer than ours."""
    most = int(LIFE.total_seconds())
    text = parameters.get("requested_expiry", str(most))
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise invalid_request("requested_expiry must be a positive number of seconds", _SECTION)
    return min(most, int(text))


def _notification_token(parameters: Parameters, client: Client) -> str | None:
    """Required of a client that is to be pinged; nothing to anybody else."""
    if client.metadata.get("backchannel_token_delivery_mode") != PING:
        return None
    token = parameters.require("client_notification_token", _SECTION)
    if len(token) > _LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        text = f"client_notification_token must be a bearer token of 128 bits to {_LONGEST_TOKEN} characters"
        raise invalid_request(text, _SECTION)
    return token


class CibaGrant(OwnGrant):
    """Section 10.1."""

    GRANT_TYPE = GrantType.CIBA

    def granted(self, client: Client) -> Grant:
        """Poll; if it has been approved, the one redemption."""
        services = self.server.services
        if client.origin is not ClientOrigin.OPERATOR:
            raise ProtocolError("unauthorized_client", "the client may not use CIBA", section="CIBA Core 11")
        code = self.request.parameters.require("auth_req_id", "CIBA Core 10.1")
        found = services.polling.poll(code, client, PolledKind.CIBA)
        with services.work():
            return self.addressed(services.polling.redeem(found, client, self.request.confirmation))


class CibaPing:
    """Section 10.2: tells a client that the person has decided; what, it learns at the token endpoint."""

    def __init__(
        self, requests: PolledRequests, clients: Clients, vault: Vault, clock: Clock, outgoing: Outgoing
    ) -> None:  # fmt: skip
        self._requests = requests
        self._clients = clients
        self._vault = vault
        self._clock = clock
        self._outgoing = outgoing

    def send(self, message: OutboxMessage) -> None:
        """Returns once the client has taken it: 200 or 204, no redirect. Raises DeliveryFailed otherwise."""
        found = self._requests.get(UUID(str(message.payload["request_id"])))
        client = self._clients.get(found.client_id) if found is not None else None
        if found is None or client is None or found.notification is None or self._clock.now() >= found.expires_at:
            raise Undeliverable("the request has expired")
        uri = client.metadata.get(NOTIFICATION)
        if not isinstance(uri, str):
            raise Undeliverable("the client has no notification endpoint any more")
        sealed = json.loads(self._vault.open(found.notification, f"ciba {found.id}"))
        self._post(uri, sealed["auth_req_id"], sealed["token"])

    def _post(self, uri: str, auth_req_id: str, token: str) -> None:
        try:
            status = self._outgoing.post_json(uri, {"auth_req_id": auth_req_id}, bearer=token)
        except Unreachable as error:
            raise DeliveryFailed(str(error)) from None
        except FetchRefused as error:
            raise DeliveryFailed(str(error), refused=True) from None
        if status not in ACCEPTED:
            raise DeliveryFailed(f"status {status}", refused=status < 500)
