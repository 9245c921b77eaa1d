"""Object mothers: values of the domain that are right in every member, any of which can be named.

``a_session(user=ada, idle_seconds=60)``; what belongs to something else takes that as an argument.
Times hang on ``NOW``, so that a test can move away from it.
"""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from idp.domain.client import Client, ClientOrigin
from idp.domain.code import AuthorizationCode
from idp.domain.device import Device
from idp.domain.event import SecurityEvent
from idp.domain.interaction import AuthorizationRequest, Interaction
from idp.domain.key import KeyState, SigningKey
from idp.domain.outbox import OutboxMessage
from idp.domain.polled import PolledKind, PolledRequest
from idp.domain.pushed_request import PushedRequest
from idp.domain.refresh import RefreshFamily
from idp.domain.revocation import Revocation, RevocationKind
from idp.domain.scope import Resource, Scope
from idp.domain.session import ClientSession, Factor, Session
from idp.domain.user import User

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)

T = TypeVar("T")

_numbers = itertools.count(1)


def a_hash(text: str | None = None) -> bytes:
    """SHA-256 of ``text``, or of something never hashed before."""
    return hashlib.sha256((text or f"something {uuid4()}").encode()).digest()


def a_user(**members: Any) -> User:
    """Somebody with a confirmed address and a name."""
    number = next(_numbers)
    return _made(User, members, {
        "id": uuid4(), "email": f"ada{number}@example.com", "email_verified": True, "password_hash": "$argon2id$",
        "claims": {"name": "Ada Lovelace", "address": {"country": "GB"}}, "created_at": NOW, "updated_at": NOW,
    })  # fmt: skip


def a_device(user: User | UUID, **members: Any) -> Device:
    """A browser of the user."""
    return _made(Device, members, {
        "id": uuid4(), "user_id": _id(user), "secret_hash": a_hash(), "name": None,
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0", "created_at": NOW, "last_seen_at": NOW,
    })  # fmt: skip


def a_session(device: Device, **members: Any) -> Session:
    """A sign-in with a password, just now, on the device."""
    return _made(Session, members, {
        "id": uuid4(), "user_id": device.user_id, "device_id": device.id, "secret_hash": a_hash(),
        "factors": (Factor(method="pwd", at=NOW),), "created_at": NOW, "last_seen_at": NOW,
        "idle_seconds": 14 * 86400, "expires_at": NOW + 90 * DAY, "persistent": False,
        "address": "192.0.2.1", "user_agent": device.user_agent,
    })  # fmt: skip


def a_client(**members: Any) -> Client:
    """An operator's confidential web application."""
    number = next(_numbers)
    return _made(Client, members, {
        "client_id": f"app-{number}", "client_name": "Photos", "origin": ClientOrigin.OPERATOR,
        "redirect_uris": ("https://photos.example/callback",), "scope": ("openid", "profile", "email"),
        "secret_hash": a_hash(), "metadata": {"client_uri": "https://photos.example"},
        "created_at": NOW, "updated_at": NOW,
    })  # fmt: skip


def a_client_session(session: Session, client: Client, **members: Any) -> ClientSession:
    """What the client holds of the session: online."""
    return _made(ClientSession, members, {
        "id": uuid4(), "user_id": session.user_id, "session_id": session.id, "device_id": session.device_id,
        "client_id": client.client_id, "offline": False, "scope": ("openid",), "created_at": NOW,
        "last_used_at": NOW,
    })  # fmt: skip


def a_refresh_family(client_session: ClientSession, **members: Any) -> RefreshFamily:
    """A chain that has not rotated yet."""
    return _made(RefreshFamily, members, {
        "id": uuid4(), "client_session_id": client_session.id, "user_id": client_session.user_id,
        "client_id": client_session.client_id, "counter": 0, "rotated_at": NOW, "scope": client_session.scope,
        "resources": ("https://api.example",), "claims": {"userinfo": {"email": None}}, "auth_time": NOW,
        "acr": "aal1", "amr": ("pwd",), "created_at": NOW, "idle_seconds": 30 * 86400,
        "expires_at": NOW + 365 * DAY,
    })  # fmt: skip


def a_code(session: Session, client: Client, **members: Any) -> AuthorizationCode:
    """A code that may be redeemed for a minute."""
    return _made(AuthorizationCode, members, {
        "code_hash": a_hash(), "client_id": client.client_id, "user_id": session.user_id,
        "session_id": session.id, "device_id": session.device_id,
        "redirect_uri": "https://photos.example/callback", "scope": ("openid",), "resources": (), "nonce": "n",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "auth_time": NOW, "acr": "aal1",
        "amr": ("pwd",), "created_at": NOW, "expires_at": NOW + timedelta(seconds=60),
    })  # fmt: skip


def a_polled_request(client: Client | None = None, **members: Any) -> PolledRequest:
    """A device that waits for its person for ten minutes."""
    return _made(PolledRequest, members, {
        "id": uuid4(), "kind": PolledKind.DEVICE, "code_hash": a_hash(), "user_code_hash": a_hash(),
        "client_id": client.client_id if client else "app", "scope": ("openid",), "address": "192.0.2.9",
        "user_agent": "TV/1", "interval": 5, "created_at": NOW, "expires_at": NOW + timedelta(minutes=10),
    })  # fmt: skip


def a_request(client: Client | None = None, **members: Any) -> AuthorizationRequest:
    """A validated authorization request."""
    return _made(AuthorizationRequest, members, {
        "client_id": client.client_id if client else "app", "redirect_uri": "https://photos.example/callback",
        "scope": ("openid",), "state": "af0ifjsldkj",
    })  # fmt: skip


def an_interaction(request: AuthorizationRequest | None = None, **members: Any) -> Interaction:
    """A request that waits for a person for an hour."""
    return _made(Interaction, members, {
        "id": uuid4().hex + uuid4().hex, "request": request or a_request(), "created_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
    })  # fmt: skip


def a_pushed_request(client: Client, **members: Any) -> PushedRequest:
    """A request that its client pushed just now."""
    return _made(PushedRequest, members, {
        "reference_hash": a_hash(), "client_id": client.client_id, "signed": False, "created_at": NOW,
        "parameters": (("scope", "openid"), ("resource", "https://a.example"), ("resource", "https://b.example")),
        "expires_at": NOW + timedelta(seconds=60),
    })  # fmt: skip


def a_signing_key(**members: Any) -> SigningKey:
    """An announced key; its private half is no real one."""
    number = next(_numbers)
    return _made(SigningKey, members, {
        "kid": f"kid-{number}", "alg": "RS256", "state": KeyState.ANNOUNCED, "public_jwk": {"kty": "RSA", "n": "1"},
        "private_sealed": b"sealed", "created_at": NOW,
    })  # fmt: skip


def a_revocation(value: str = "some sid", **members: Any) -> Revocation:
    """An entry that may be forgotten in a quarter of an hour."""
    return _made(Revocation, members, {
        "kind": RevocationKind.SID, "value": value, "at": NOW, "expires_at": NOW + timedelta(minutes=15),
        "reason": "signed_out",
    })  # fmt: skip


def an_event(user: User | UUID, **members: Any) -> SecurityEvent:
    """A sign-in that succeeded."""
    return _made(SecurityEvent, members, {
        "id": uuid4(), "at": NOW, "kind": "sign_in.succeeded", "user_id": _id(user), "actor": "user",
        "address": "192.0.2.1", "details": {"methods": ["pwd"]},
    })  # fmt: skip


def a_message(**members: Any) -> OutboxMessage:
    """A mail that is due now."""
    return _made(
        OutboxMessage,
        members,
        {"id": uuid4(), "kind": "mail", "payload": {"to": "somebody"}, "created_at": NOW, "due_at": NOW},
    )


def a_resource(**members: Any) -> Resource:
    """An API without a resource server of its own."""
    number = next(_numbers)
    return _made(
        Resource,
        members,
        {"identifier": f"https://api{number}.example", "name": "Photos", "client_id": None, "created_at": NOW},
    )


def a_scope(resource: Resource, name: str | None = None) -> Scope:
    """A scope of the resource."""
    return Scope(name=name or f"photos:{next(_numbers)}", resource=resource.identifier, sentence="See your photos")


def _made(kind: type[T], members: dict[str, Any], usual: dict[str, Any]) -> T:
    return kind(**usual | members)


def _id(user: User | UUID) -> UUID:
    return user.id if isinstance(user, User) else user
