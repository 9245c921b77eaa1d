"""People, sessions and codes in bulk, put straight into the tables: nobody signs in ten thousand times.

Every code belongs to a Session of its own on a Device of its own, as in life; four to a person.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

from idp.domain.client import GrantType
from idp.domain.consent import Consent
from idp.domain.device import Device
from idp.domain.session import Factor, Session
from idp.domain.user import User, email_key
from idp.storage.clients import CLIENT
from idp.storage.codes import CODE
from idp.storage.consents import CONSENT
from idp.storage.devices import DEVICE
from idp.storage.resources import RESOURCE, SCOPE
from idp.storage.rows import SESSION, USER
from idp.storage.tables import Base
from tests import builders

from .requests import Request, post

CALLBACK = "https://photos.example/callback"
API = "https://api.example"
API_SCOPE = "notes.read"
APP = "photos"
SCOPE_OF_PEOPLE = ("openid", "profile", "email", API_SCOPE)
_SESSIONS_OF_ONE = 4
_CODES_LIVE = timedelta(hours=1)  # the provider's own live for a minute, too short for a measurement


@dataclass(frozen=True)
class Scene:
    """Whom to be, and the codes nobody has used yet."""

    app: tuple[str, str]
    api: tuple[str, str]
    verifier: str
    codes: deque[str]

    def exchange(self) -> Request:
        """Redeem the next code."""
        form = {
            "grant_type": "authorization_code", "code": self.codes.popleft(), "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        }  # fmt: skip
        return post("/token", self.app, form)


def seed(engine: Engine, codes: int) -> Scene:
    """Fill a migrated, empty database."""
    scene = Scene((APP, secrets.token_urlsafe()), ("notes-api", secrets.token_urlsafe()),
                  secrets.token_urlsafe(48), deque(secrets.token_urlsafe(32) for _ in range(codes)))  # fmt: skip
    now = datetime.now(UTC)
    rows = _clients(scene, now)
    people = _people(codes // _SESSIONS_OF_ONE + 1, now)
    rows["users"] = [USER.parameters(user) | {"email_key": email_key(user.email)} for user in people]
    rows["consents"] = [CONSENT.parameters(_consent(user, scene, now)) for user in people]
    rows |= _sessions(scene, people, now)
    with engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in rows:
                connection.execute(insert(table), rows[table.name])
    return scene


def _clients(scene: Scene, now: datetime) -> dict[str, list[dict[str, Any]]]:
    times = {"created_at": now, "updated_at": now}
    every = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN, GrantType.CLIENT_CREDENTIALS)
    app = builders.a_client(
        client_id=scene.app[0], secret_hash=_hash(scene.app[1]), grant_types=every, scope=SCOPE_OF_PEOPLE,
        redirect_uris=(CALLBACK,), **times,
    )  # fmt: skip
    api = builders.a_client(
        client_id=scene.api[0], secret_hash=_hash(scene.api[1]), grant_types=(), redirect_uris=(), **times
    )
    resource = builders.a_resource(identifier=API, client_id=api.client_id, created_at=now)
    return {
        "clients": [CLIENT.parameters(app), CLIENT.parameters(api)],
        "resources": [RESOURCE.parameters(resource)],
        "scopes": [SCOPE.parameters(builders.a_scope(resource, API_SCOPE))],
    }


def _people(count: int, now: datetime) -> list[User]:
    return [builders.a_user(created_at=now, updated_at=now) for _ in range(count)]


def _consent(user: User, scene: Scene, now: datetime) -> Consent:
    return Consent(user_id=user.id, client_id=scene.app[0], scopes=SCOPE_OF_PEOPLE, created_at=now, updated_at=now)


def _sessions(scene: Scene, people: list[User], now: datetime) -> dict[str, list[dict[str, Any]]]:
    app = builders.a_client(client_id=scene.app[0])
    challenge = base64.urlsafe_b64encode(hashlib.sha256(scene.verifier.encode()).digest()).rstrip(b"=").decode()
    rows: dict[str, list[dict[str, Any]]] = {"devices": [], "sessions": [], "codes": []}
    for number, code in enumerate(scene.codes):
        device = builders.a_device(people[number // _SESSIONS_OF_ONE], created_at=now, last_seen_at=now)
        session = _session(device, now)
        made = builders.a_code(
            session, app, code_hash=_hash(code), redirect_uri=CALLBACK, scope=SCOPE_OF_PEOPLE, auth_time=now,
            code_challenge=challenge, created_at=now, expires_at=now + _CODES_LIVE,
        )  # fmt: skip
        rows["devices"].append(DEVICE.parameters(device))
        rows["sessions"].append(SESSION.parameters(session))
        rows["codes"].append(CODE.parameters(made))
    return rows


def _session(device: Device, now: datetime) -> Session:
    return builders.a_session(
        device, factors=(Factor(method="pwd", at=now),), created_at=now, last_seen_at=now,
        expires_at=now + timedelta(days=90),
    )  # fmt: skip


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
