"""A provider in this process with two parties: the victim, whose rows nobody may touch, and Mallory.

Mallory has an account, a session, a client and tokens of her own; what she does with those is her right.
Of the victim she knows what leaks: ids, a code, access, refresh and ID tokens; never a cookie, a
password, a client's secret or a registration access token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import os
import traceback
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, got_request_exception
from jwt.algorithms import ECAlgorithm
from sqlalchemy import Connection, bindparam, event, or_, select, text
from werkzeug.test import run_wsgi_app

from idp.app import create_app
from idp.domain.client import Client, ClientOrigin
from idp.domain.device import Origin
from idp.domain.interaction import AuthorizationRequest
from idp.domain.scope import Resource, Scope
from idp.domain.user import User
from idp.services.sessions import Current
from idp.services.sign_in import SignedIn
from idp.settings import Settings
from idp.storage import tables
from idp.storage.database import db

ISSUER = "https://id.example.com"
API = "https://api.example"
CALLBACK = "https://app.example/callback"
PASSWORD = "correct horse battery staple"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
_KEY = ec.generate_private_key(ec.SECP256R1())
_PUBLIC = {k: v for k, v in json.loads(ECAlgorithm.to_jwk(_KEY.public_key())).items() if k != "key_ops"}
_JWK = {**_PUBLIC, "kid": "fuzz", "alg": "ES256", "use": "sig"}
ALLOWED_ABOUT_THE_VICTIM = ("sign_in.refused",)


_OWNER = bindparam("owner")
_QUERIES: dict[str, Any] = {
    "users": select(tables.users).where(tables.users.c.id == _OWNER),
    "clients": select(tables.clients).where(
        or_(tables.clients.c.client_id == bindparam("app"), tables.clients.c.client_id == "api")
    ),
    "interactions": select(tables.interactions).where(tables.interactions.c.id_hash == bindparam("interaction")),
    "revocations": select(tables.revocations).where(
        tables.revocations.c.value.in_([bindparam("text"), bindparam("sid"), bindparam("app")])
    ),
    "security_events": select(tables.security_events).where(
        tables.security_events.c.user_id == _OWNER,
        tables.security_events.c.kind.not_in(ALLOWED_ABOUT_THE_VICTIM),
    ),
    "outbox": text("SELECT * FROM outbox WHERE CAST(payload AS TEXT) LIKE :like"),
    **{
        table.name: select(table).where(table.c.user_id == _OWNER)
        for table in (
            tables.devices, tables.sessions, tables.client_sessions, tables.refresh_families, tables.codes,
            tables.consents,
        )
    },
    "assertion_ids": select(tables.assertion_ids).where(tables.assertion_ids.c.client_id == bindparam("app")),
    **{table.name: select(table) for table in (tables.resources, tables.scopes, tables.signing_keys)},
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
        return "Basic " + base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()


class World:
    """The application and its two parties. ``values`` is what a request may be made of, by name."""

    def __init__(self, settings: Settings) -> None:
        self.app: Flask = create_app(settings)
        extension = self.app.extensions["idp"]
        self.stores, self.services = extension.stores, extension.services
        self.errors: list[str] = []
        got_request_exception.connect(self._caught, self.app)
        with self.app.app_context():
            self.engine = db.engine
        self.wrote = False
        event.listen(self.engine, "before_cursor_execute", self._noticed)
        self._register_api()
        self.victim, self.mallory = self._party("victim"), self._party("mallory")
        self.values = self._values()
        self.before = self.rows_of_the_victim()

    def close(self) -> None:
        self.engine.dispose()

    # ── requests ─────────────────────────────────────────────────────────────────────────────────

    def send(self, environ: dict[str, Any]) -> tuple[int, bytes]:
        """Send a WSGI environment; status and body."""
        self.errors.clear()
        self.wrote = False
        body, status, _headers = run_wsgi_app(self.app.wsgi_app, environ, buffered=True)
        return int(status.split()[0]), b"".join(body)

    def environ(
        self,
        method: str,
        path: bytes,
        query: bytes = b"",
        headers: tuple[tuple[str, bytes], ...] = (),
        body: bytes = b"",
        address: str = "192.0.2.7",
    ) -> dict[str, Any]:
        """A request as a server hands it over: bytes in latin-1, nothing tidied."""
        made: dict[str, Any] = {
            "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path.decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"), "SERVER_NAME": "id.example.com", "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "id.example.com", "REMOTE_ADDR": address,
            "CONTENT_LENGTH": str(len(body)), "wsgi.version": (1, 0), "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.multithread": False,
            "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
        for name, value in headers:
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            joined = value.decode("latin-1")
            made[key] = f"{made[key]}; {joined}" if key == "HTTP_COOKIE" and key in made else joined
        return made

    def _caught(self, _app: Flask, exception: BaseException) -> None:
        self.errors.append("".join(traceback.format_exception(exception)))

    def _noticed(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        """Throttles apart, whatever writes is looked at."""
        if not statement.startswith(("SELECT", "BEGIN", "COMMIT")) and " throttles " not in statement:
            self.wrote = True

    # ── what may not change ──────────────────────────────────────────────────────────────────────

    def rows_of_the_victim(self) -> dict[str, list[str]]:
        """Every row that is the victim's or everybody's, as text."""
        with self.engine.connect() as connection:
            return {name: self._read(connection, query) for name, query in _QUERIES.items()}

    def _read(self, connection: Connection, query: Any) -> list[str]:
        return sorted(repr(tuple(row)) for row in connection.execute(query, self._of_victim))

    @property
    def _of_victim(self) -> dict[str, Any]:
        victim = self.victim
        return {
            "owner": victim.user.id, "app": victim.client_id, "like": f"%{victim.user.id}%",
            "interaction": bytes.fromhex(victim.values["interaction_hash"]), "text": str(victim.user.id),
            "sid": victim.values["sid"],
        }  # fmt: skip

    # ── the parties ──────────────────────────────────────────────────────────────────────────────

    def _register_api(self) -> None:
        with self.services.work():
            now = self.stores.clock.now()
            self.services.clients.create(
                {"client_name": "API", "grant_types": [], "token_endpoint_auth_method": "client_secret_basic"},
                origin=ClientOrigin.OPERATOR, client_id="api",
            )  # fmt: skip
            self.stores.resources.add(
                Resource(identifier=API, name="Notes", client_id="api", created_at=now),
                [Scope(name="notes.read", resource=API, sentence="Read your notes")],
            )

    def _party(self, name: str) -> Party:
        metadata = {
            "client_name": f"App of {name}", "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [CALLBACK],
            "grant_types": [
                "authorization_code", "refresh_token", "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "jwks": {"keys": [_JWK]},
            "scope": "openid profile email offline_access notes.read",
        }  # fmt: skip
        with self.services.work():
            user = self.services.accounts.create(f"{name}@example.com", PASSWORD, {"name": name})
            new = self.services.clients.create(metadata, origin=ClientOrigin.DYNAMIC)
            signed_in = self.services.sign_in.begin(user, origin=Origin(), device_secret=None, session_secret=None)
        party = Party(user, signed_in, new.client, new.client_secret or "", new.registration_access_token or "")
        self.supply(party)
        return party

    def supply(self, party: Party) -> None:
        """Fresh tokens, a code and an interaction, at an hour when the party is signed in."""
        now = self.stores.clock.now()
        self.stores.consents.allow(party.user.id, party.client_id, ("openid", "profile"), now)
        first, spare = self._code(party), self._code(party)
        status, body = self.send(self._token_request(party, first))
        assert status == 200, body
        tokens = json.loads(body)
        asked = AuthorizationRequest(client_id=party.client_id, redirect_uri=CALLBACK, scope=("openid", "email"))
        interaction = self.services.interactions.start(asked)
        party.values = {
            "access_token": tokens["access_token"], "refresh_token": tokens["refresh_token"],
            "id_token": tokens["id_token"], "code": spare, "interaction": interaction.id,
            "interaction_hash": hashlib.sha256(interaction.id.encode()).hexdigest(),
            "sid": jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"],
            **self._pending(party),
        }  # fmt: skip

    def _pending(self, party: Party) -> dict[str, str]:
        """Requests that wait: a pushed one, one for a device, and a signed one that nobody has sent."""
        asked = {
            "response_type": "code", "client_id": party.client_id, "redirect_uri": CALLBACK, "scope": "openid",
            "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        }  # fmt: skip
        pushed = self._answer(party, b"/par", asked)
        begun = self._answer(party, b"/device_authorization", {"scope": "openid"})
        return {
            "reference": pushed["request_uri"], "device_code": begun["device_code"], "user_code": begun["user_code"],
            "object": self._signed({"iss": party.client_id, "aud": ISSUER, "nbf": self._now(), **asked}),
        }  # fmt: skip

    def _answer(self, party: Party, path: bytes, form: dict[str, str]) -> dict[str, str]:
        headers = (("Authorization", party.basic.encode()), ("Content-Type", b"application/x-www-form-urlencoded"))
        status, body = self.send(
            self.environ("POST", path, headers=headers, body=urlencode(form).encode(), address=self._place())
        )
        assert status in (200, 201), (path, body)
        answer: dict[str, str] = json.loads(body)
        return answer

    def _place(self) -> str:
        """Never the same: supplying is not what is braked."""
        return f"172.16.{os.urandom(1)[0]}.{os.urandom(1)[0]}"

    def _now(self) -> int:
        return int(self.stores.clock.now().timestamp())

    def _signed(self, claims: dict[str, Any], **headers: Any) -> str:
        named = {"kid": "fuzz", **headers}
        return jwt.encode({"exp": self._now() + 300, "iat": self._now(), **claims}, _KEY, "ES256", headers=named)

    def _proof(self) -> str:
        """RFC 9449, for the token endpoint; good once."""
        claims = {"jti": os.urandom(8).hex(), "htm": "POST", "htu": f"{ISSUER}/token"}
        return self._signed(claims, typ="dpop+jwt", jwk=_PUBLIC)

    def _code(self, party: Party) -> str:
        asked = AuthorizationRequest(
            client_id=party.client_id, redirect_uri=CALLBACK, scope=("openid", "profile"), code_challenge=CHALLENGE
        )
        with self.services.work():
            return str(self.services.codes.issue(asked, Current(party.signed_in.session, party.user)))

    def _token_request(self, party: Party, code: str) -> dict[str, Any]:
        form = f"grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}"
        headers = (("Authorization", party.basic.encode()), ("Content-Type", b"application/x-www-form-urlencoded"))
        return self.environ("POST", b"/token", headers=headers, body=form.encode())

    def renew_mallory(self) -> None:
        """She may end her own things; then she gets new ones, so that the fuzzer keeps a way in."""
        mallory = self.mallory
        alive = self.services.sessions.current(mallory.signed_in.session_secret, Origin()) is not None
        if not alive or self.services.clients.find(mallory.client_id) != mallory.client:
            number = len(self.stores.users.list())
            self.mallory = self._party(f"mallory{number}")
        else:
            self.supply(mallory)
        self.values = self._values()

    def _values(self) -> dict[str, str]:
        leaked = {f"victim.{name}": value for name, value in self.victim.values.items() if name != "interaction"}
        own = {f"mallory.{name}": value for name, value in self.mallory.values.items()}
        known = {
            f"{name}.{what}": value
            for name, party in (("victim", self.victim), ("mallory", self.mallory))
            for what, value in {
                "client_id": party.client_id, "sub": str(party.user.id), "email": party.user.email,
                "session_id": str(party.signed_in.session.id), "device_id": str(party.signed_in.session.device_id),
            }.items()
        }  # fmt: skip
        tokens = {
            "mallory.session": self.mallory.signed_in.session_secret,
            "mallory.device": self.mallory.signed_in.device_secret,
            "mallory.secret": self.mallory.secret, "mallory.registration_token": self.mallory.registration_token,
            "mallory.basic": self.mallory.basic, "csrf": self._csrf(f"session:{self.mallory.signed_in.session_secret}"),
            "visit": "w" * 43, "visit.csrf": self._csrf("visit:" + "w" * 43),
            "callback": CALLBACK, "verifier": VERIFIER,
            "challenge": CHALLENGE, "api": API, "password": PASSWORD, "issuer": ISSUER,
            "proof": self._proof(), "kid": next(key.kid for key in self.services.keys.list()),
        }  # fmt: skip
        return leaked | own | known | tokens

    def _csrf(self, binding: str) -> str:
        key = self.app.extensions["idp"].settings.master_keys().current.derive("form token")
        return base64.urlsafe_b64encode(hmac.digest(key, binding.encode(), "sha256")).rstrip(b"=").decode()
