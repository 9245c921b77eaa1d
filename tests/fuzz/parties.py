"""Who takes part: people with sessions, and the clients that they or an operator made."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from idp.domain.client import Client, ClientOrigin
from idp.domain.device import Origin
from idp.domain.exchange import ExchangePolicy
from idp.domain.polled import PolledKind, PolledRequest, read_user_code
from idp.domain.ports import Stores
from idp.domain.scope import Resource, Scope
from idp.domain.trusted_issuer import SubjectKind
from idp.domain.user import User
from idp.services import Services
from idp.services.polling import Asked, Begun
from idp.services.sessions import Current
from idp.services.sign_in import SignedIn

from .signing import JWK
from .strangers import HOST

API = "https://api.example"
CALLBACK = "https://app.example/callback"
PASSWORD = "correct horse battery staple"
VOUCHER = f"https://{HOST}"
_SCOPE = "openid profile email offline_access notes.read"
_CIBA = "urn:openid:params:grant-type:ciba"
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_KEYS = {"keys": [JWK]}
_OWN: dict[str, Any] = {
    "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [CALLBACK],
    "grant_types": ["authorization_code", "refresh_token", "client_credentials", _DEVICE],
    "jwks": _KEYS, "scope": _SCOPE, "request_uris": [f"https://{HOST}/object.jwt"],
    "frontchannel_logout_uri": "https://app.example/out", "authorization_details_types": ["payment"],
}  # fmt: skip
_SERVICE: dict[str, Any] = {
    **_OWN, "client_name": "Service", "backchannel_token_delivery_mode": "poll",
    "grant_types": [
        *_OWN["grant_types"], _CIBA, "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ],
}  # fmt: skip
_SIGNER: dict[str, Any] = {
    **_OWN, "client_name": "Signer", "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_signing_alg": "ES256", "grant_types": [*_OWN["grant_types"], _CIBA],
    "backchannel_token_delivery_mode": "ping", "backchannel_authentication_request_signing_alg": "ES256",
    "backchannel_client_notification_endpoint": f"https://{HOST}/ping", "require_signed_request_object": True,
    "request_object_signing_alg": "ES256", "introspection_signed_response_alg": "ES256",
    "userinfo_signed_response_alg": "RS256",
}  # fmt: skip
_NATIVE: dict[str, Any] = {
    **_OWN, "client_name": "Native", "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"], "dpop_bound_access_tokens": True,
    "subject_type": "pairwise",
}  # fmt: skip
_PAYMENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "amount": {"type": "object", "properties": {"currency": {"type": "string"}, "value": {"type": "array"}}},
    },
}  # fmt: skip


@dataclass
class Party:
    """Somebody with a session, a client, and what the client holds."""

    user: User
    signed_in: SignedIn
    client: Client
    secret: str
    registration_token: str
    values: dict[str, str] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        return self.client.client_id

    @property
    def basic(self) -> str:
        return basic(self.client_id, self.secret)

    @property
    def current(self) -> Current:
        return Current(self.signed_in.session, self.user)


@dataclass(frozen=True)
class Operators:
    """What an operator has made for Mallory (service, signer, native), for the victim (bank) and for an API."""

    service: Client
    service_secret: str
    signer: Client
    native: Client
    bank: Client
    api_secret: str


def operators(stores: Stores, services: Services) -> Operators:
    """Register them, the API, its scopes and details, and an issuer whose assertions the service presents."""
    with services.work():
        api = _by_operator(services, "api", client_name="API", grant_types=["client_credentials"])
        stores.resources.add(
            Resource(identifier=API, name="Notes", client_id="api", created_at=stores.clock.now()),
            [Scope(name="notes.read", resource=API, sentence="Read your notes")],
        )
        services.authorization_details.create("payment", API, "Pay", _PAYMENT)
        policy = ExchangePolicy(targets=(API,), scope=("notes.read",), impersonation=True, delegation=True)
        service = services.clients.create(_SERVICE, origin=ClientOrigin.OPERATOR, exchange=policy)
        services.trusted_issuers.create(
            VOUCHER, jwks=_KEYS, jwks_uri=None, clients=[service.client.client_id], scope=["notes.read"],
            subject=SubjectKind.EMAIL,
        )  # fmt: skip
        return Operators(
            service.client, service.client_secret or "", _by_operator(services, None, **_SIGNER)[0],
            _by_operator(services, None, **_NATIVE)[0],
            _by_operator(services, None, **{**_SERVICE, "client_name": "Bank"})[0], api[1],
        )  # fmt: skip


def _by_operator(services: Services, client_id: str | None, **metadata: Any) -> tuple[Client, str]:
    new = services.clients.create(metadata, origin=ClientOrigin.OPERATOR, client_id=client_id)
    return new.client, new.client_secret or ""


def party(services: Services, name: str, *, email_verified: bool, **metadata: Any) -> Party:
    """An account with a session, and a client that registered itself."""
    members = {**_OWN, "client_name": f"App of {name}", **metadata}
    with services.work():
        user = services.accounts.create(
            f"{name}@example.com", PASSWORD, {"name": name}, email_verified=email_verified
        )  # fmt: skip
        new = services.clients.create(members, origin=ClientOrigin.DYNAMIC)
        signed_in = services.sign_in.begin(user, origin=Origin(), device_secret=None, session_secret=None)
    return Party(user, signed_in, new.client, new.client_secret or "", new.registration_access_token or "")


# ── requests that wait for somebody ───────────────────────────────────────────────────────────────


def asked_by_ciba(stores: Stores, services: Services, client: Client, user: User) -> tuple[Begun, UUID]:
    """A request that waits for this person's approval, and its id."""
    asked = Asked(
        user=user, scope=("openid", "profile"), resources=(), authorization_details=(), binding_message="W4",
        acr_values=(), notification_token=None, seconds=600, origin=Origin(),
    )  # fmt: skip
    with services.work():
        begun = services.polling.begin_ciba(client, asked)
    waiting = [one for one in services.polling.waiting_for(user) if one.client_id == client.client_id]
    return begun, waiting[-1].id


def approved_ciba(stores: Stores, services: Services, client: Client, party: Party) -> str:
    """An ``auth_req_id`` that is worth tokens."""
    begun, request_id = asked_by_ciba(stores, services, client, party.user)
    _approve(services, services.polling.asked_of(party.user, request_id), party)
    return begun.code


def approved_device(services: Services, party: Party) -> str:
    """A ``device_code`` that is worth tokens."""
    with services.work():
        begun = services.polling.begin_device(party.client, ("openid", "profile"), (), (), Origin())
    user_code = read_user_code(begun.user_code) or ""
    _approve(services, services.polling.by_user_code(user_code, party.current, Origin()), party)
    return begun.code


def _approve(services: Services, found: PolledRequest, party: Party) -> None:
    assert found.kind in (PolledKind.CIBA, PolledKind.DEVICE)
    with services.work():
        services.polling.approve(found, party.current, Origin(), details_shown=True)


def basic(name: str, secret: str) -> str:
    """RFC 6749 section 2.3.1, of an id and a secret that need no encoding."""
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()
