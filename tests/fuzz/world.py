"""A provider with two parties: the victim, whose rows nobody may touch, and Mallory.

Mallory has an account, a session and clients of her own; what she does with those is her right. Of the
victim she knows what leaks: ids, a code, access, refresh and ID tokens, codes that are polled with; never
a cookie, a password, a client's secret or a registration access token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import jwt
import structlog
from flask import Flask, got_request_exception
from sqlalchemy import event

from idp.app import create_app
from idp.domain.client import Client
from idp.domain.device import Origin
from idp.domain.interaction import AuthorizationRequest
from idp.settings import Settings
from idp.storage.database import db

from .known import Known, Signing, with_values
from .parties import (
    API,
    CALLBACK,
    PASSWORD,
    Party,
    approved_ciba,
    approved_device,
    asked_by_ciba,
    basic,
    operators,
    party,
)
from .signing import proof
from .strangers import CLIENT_URL, HOST, Strangers
from .transport import InProcess, Transport
from .watched import rows_of
from .wire import EVEN, FORM, Answered, Document, Odd, Request, Throw, fill, requested

ISSUER = "https://id.example.com"
VERIFIER = "v" * 43
FRESH_SECONDS = 20
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class _Noted(logging.Handler):
    """Whatever the application logs as an error, or with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.msg if isinstance(record.msg, dict) else {}
        if record.levelno >= logging.ERROR or record.exc_info or said.get("exc_info"):
            self.records.append(repr(record.msg))


class World:
    """The application and its parties. ``transport`` is how it is asked: in this process unless said otherwise."""

    def __init__(self, settings: Settings, transport: Transport | None = None) -> None:
        self.app: Flask = create_app(settings)
        self.noted = _Noted()
        logging.getLogger().addHandler(self.noted)
        extension = self.app.extensions["idp"]
        self.stores, self.services, self.settings = extension.stores, extension.services, settings
        self.strangers = Strangers(lambda: self.known()["mallory.object"])
        self._own = InProcess(self.app.wsgi_app)
        self._transport = transport or self._own
        got_request_exception.connect(self._caught, self.app)
        with self.app.app_context():
            self.engine = db.engine
        self.wrote, self._spent, self._supplied_at = False, True, 0.0
        event.listen(self.engine, "before_cursor_execute", self._noticed)
        self._populate()

    def _populate(self) -> None:
        self.made = operators(self.stores, self.services)
        self.victim = party(self.services, "victim", email_verified=False, subject_type="pairwise")
        self.mallory = party(self.services, "mallory", email_verified=True)
        for each in (self.victim, self.mallory):
            self.supply(each)
        begun, _request = asked_by_ciba(self.stores, self.services, self.made.bank, self.victim.user)
        self.victim.values["auth_req_id"] = begun.code
        self._follower = json.loads(
            self._post(b"/token", basic("api", self.made.api_secret), grant_type="client_credentials",
                       scope="revocations").body
        )["access_token"]  # fmt: skip
        self.values = self._values()
        self.before = self.rows_of_the_victim()

    def close(self) -> None:
        self.engine.dispose()

    # ── requests ─────────────────────────────────────────────────────────────────────────────────

    def throw(self, thrown: Throw, address: str) -> Answered:
        """Send it, names filled in now."""
        self.noted.records.clear()
        self.wrote = False
        known = self.known(thrown.odd)
        self.strangers.document = self._filled(thrown.document, known)
        with self.strangers.reachable():
            answered = self._transport(requested(thrown, known, address))
        # Some statements are sent past SQLAlchemy (storage/prepared.py): a POST that succeeds has written, too.
        self.wrote = self.wrote or (thrown.method != "GET" and answered.status < 400)
        self._spent = self._spent or self.wrote
        return answered

    def known(self, odd: Odd = EVEN) -> Known:
        """What a request may be made of."""
        makers = Signing(ISSUER, self.made, self._now).makers(self.mallory, self._request)
        return Known(self.values, makers, with_values(odd, self.values))

    def _filled(self, document: Document | None, known: Known) -> Document | None:
        if document is None or not document.body.isascii():
            return document
        body = fill(document.body.decode(), known).encode("utf-8", "surrogatepass")
        return Document(body, document.content_type, document.status, document.cache_control)

    def _caught(self, _app: Flask, exception: BaseException) -> None:
        self.noted.records.append(repr(exception))

    def _noticed(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        """Throttles apart, whatever writes is looked at."""
        if not statement.startswith(("SELECT", "BEGIN", "COMMIT")) and " throttles " not in statement:
            self.wrote = True

    def rows_of_the_victim(self) -> dict[str, list[str]]:
        """Every row that is the victim's or everybody's, as text."""
        victim = self.victim
        return rows_of(
            self.engine, victim.user.id, victim.client_id, victim.values["sid"], victim.values["interaction_hash"]
        )

    # ── what the parties hold ────────────────────────────────────────────────────────────────────

    def freshen(self) -> None:
        """Anew what has been used up, or may soon be too old (codes live for a minute)."""
        if self._spent or time.monotonic() - self._supplied_at > FRESH_SECONDS:
            self.renew_mallory()

    def renew_mallory(self) -> None:
        """She may end her own things; then she gets new ones, so that the fuzzer keeps a way in."""
        mallory = self.mallory
        alive = self.services.sessions.current(mallory.signed_in.session_secret, Origin()) is not None
        if not alive or self.services.clients.find(mallory.client_id) != mallory.client:
            number = len(self.stores.users.list())
            self.mallory = party(self.services, f"mallory{number}", email_verified=True)
        self.supply(self.mallory)
        self.values = self._values()
        self._spent, self._supplied_at = False, time.monotonic()

    def supply(self, party: Party) -> None:
        """Fresh tokens, codes, an interaction and requests that wait, at an hour when the party is signed in."""
        now = self.stores.clock.now()
        self.stores.consents.allow(party.user.id, party.client_id, ("openid", "profile"), now)
        tokens = self._redeemed(party.basic, self._code(party, party.client))
        asked = AuthorizationRequest(client_id=party.client_id, redirect_uri=CALLBACK, scope=("openid", "email"))
        interaction = self.services.interactions.start(asked)
        party.values = {
            "access_token": tokens["access_token"], "refresh_token": tokens["refresh_token"],
            "id_token": tokens["id_token"], "code": self._code(party, party.client), "interaction": interaction.id,
            "interaction_hash": hashlib.sha256(interaction.id.encode()).hexdigest(),
            "sid": jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"],
            **self._pending(party),
        }  # fmt: skip
        if party is not self.victim:
            party.values |= self._more(party)

    def _pending(self, party: Party) -> dict[str, str]:
        """A pushed request, and one of a device."""
        pushed = json.loads(self._post(b"/par", party.basic, **self._request(party.client)).body)
        begun = json.loads(self._post(b"/device_authorization", party.basic, scope="openid").body)
        return {
            "reference": pushed["request_uri"], "device_code": begun["device_code"], "user_code": begun["user_code"],
        }  # fmt: skip

    def _more(self, party: Party) -> dict[str, str]:
        """What Mallory has besides: bound tokens, and what has been approved."""
        service, native, stores, services = self.made.service, self.made.native, self.stores, self.services
        bound = self._redeemed(None, self._code(party, native), native.client_id)
        stores.consents.allow(party.user.id, service.client_id, ("openid", "profile", "notes.read"), stores.clock.now())
        waiting, request_id = asked_by_ciba(stores, services, service, party.user)
        return {
            "bound_token": bound["access_token"], "bound_refresh_token": bound["refresh_token"],
            "bound_code": self._code(party, native), "waiting": waiting.code, "request_id": str(request_id),
            "auth_req_id": approved_ciba(stores, services, service, party),
            "approved_code": approved_device(services, party),
        }  # fmt: skip

    def _request(self, client: Client) -> dict[str, str]:
        return {
            "response_type": "code", "client_id": client.client_id, "redirect_uri": CALLBACK, "scope": "openid",
            "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        }  # fmt: skip

    def _code(self, party: Party, client: Client) -> str:
        asked = AuthorizationRequest(
            client_id=client.client_id, redirect_uri=CALLBACK, scope=("openid", "profile", "offline_access"),
            code_challenge=CHALLENGE,
        )  # fmt: skip
        self.stores.consents.allow(party.user.id, client.client_id, asked.scope, self.stores.clock.now())
        with self.services.work():
            return str(self.services.codes.issue(asked, party.current))

    def _redeemed(self, authorization: str | None, code: str, client_id: str = "") -> dict[str, str]:
        """The tokens of a code; without an authorization those of a public client, bound to a key."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        headers = {} if authorization else {"DPoP": proof("POST", f"{ISSUER}/token", self._now())}
        answer = self._post(
            b"/token", authorization, headers, **form, **({"client_id": client_id} if client_id else {})
        )
        tokens: dict[str, str] = json.loads(answer.body)
        return tokens

    def _post(
        self, path: bytes, authorization: str | None, headers: Mapping[str, str] | None = None, **form: str
    ) -> Answered:
        named = {**(headers or {}), **({"Authorization": authorization} if authorization else {}), "Content-Type": FORM}
        sent = tuple((name, value.encode()) for name, value in named.items())
        answer = self._own(Request("POST", path, b"", sent, urlencode(form).encode(), self._place()))
        assert answer.status in (200, 201), (path, answer)
        return answer

    def _place(self) -> str:
        """Never the same: supplying is not what is braked."""
        return f"172.16.{os.urandom(1)[0]}.{os.urandom(1)[0]}"

    def _now(self) -> int:
        return int(self.stores.clock.now().timestamp())

    # ── values ───────────────────────────────────────────────────────────────────────────────────

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
        return leaked | own | known | self._mallorys() | self._common()

    def _mallorys(self) -> dict[str, str]:
        mallory, made = self.mallory, self.made
        return {
            "mallory.session": mallory.signed_in.session_secret, "mallory.device": mallory.signed_in.device_secret,
            "mallory.secret": mallory.secret, "mallory.registration_token": mallory.registration_token,
            "mallory.basic": mallory.basic, "csrf": self._csrf(f"session:{mallory.signed_in.session_secret}"),
            "service.client_id": made.service.client_id, "service.secret": made.service_secret,
            "service.basic": basic(made.service.client_id, made.service_secret),
            "signer.client_id": made.signer.client_id, "native.client_id": made.native.client_id,
            "follower.token": self._follower,
        }  # fmt: skip

    def _common(self) -> dict[str, str]:
        return {
            "visit": "w" * 43, "visit.csrf": self._csrf("visit:" + "w" * 43), "callback": CALLBACK,
            "verifier": VERIFIER, "challenge": CHALLENGE, "api": API, "password": PASSWORD, "issuer": ISSUER,
            "client.url": CLIENT_URL, "stranger": f"https://{HOST}",
            "kid": next(key.kid for key in self.services.keys.list()),
        }  # fmt: skip

    def _csrf(self, binding: str) -> str:
        key = self.settings.master_keys().current.derive("form token")
        return base64.urlsafe_b64encode(hmac.digest(key, binding.encode(), "sha256")).rstrip(b"=").decode()


@contextmanager
def a_world(settings: Settings, transport: Transport | None = None) -> Iterator[World]:
    """Made and closed; logging is put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    world = World(settings, transport)
    try:
        yield world
    finally:
        world.close()
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
