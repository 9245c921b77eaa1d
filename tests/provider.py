"""A whole provider in this process: ``create_app`` over a database of its own, spoken to through Flask's client.

    code = provider.code(app, browser, scope="openid email")
    tokens = provider.redeem(app, code).json
    provider.introspect(app, tokens["access_token"]).json

``app`` is a registered client with its secret, ``browser`` somebody's signed-in browser. Every call
answers with Flask's response, so that a test can say what status, headers and body it expects; those
that only prepare something (``code``, ``tokens``) fail at once when it does not work.

The clock is the real one, moved: ``with provider.clock.later(seconds):``. The fixtures at the end are for the
``conftest.py`` of each room of protocol tests.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import jwt.api_jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

import idp.app
from idp import jose
from idp.domain.client import Client, ClientOrigin
from idp.domain.device import Origin
from idp.domain.ports import Stores
from idp.domain.session import Session
from idp.domain.user import User
from idp.services import Services
from idp.settings import Settings, load
from idp.storage.database import db
from idp.storage.stores import build_stores
from idp.storage.tables import Base

from .user_agent import CHROME

ISSUER = "https://id.example"
MASTER_KEY = base64.urlsafe_b64encode(b"\x01" * 32).decode()
PASSWORD = "correct horse battery staple"
CALLBACK = "https://photos.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 Appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
API = "https://api.photos.example"
WITH_REFRESH = ("authorization_code", "refresh_token")


class MovedClock:
    """The real time and some more. PyJWT and ``jose`` read a clock of their own, which moves along."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def move(self, seconds: float) -> None:
        """For the rest of the test: only where the provider is the test's alone."""
        self._offset += timedelta(seconds=seconds)

    @contextmanager
    def later(self, seconds: float) -> Iterator[None]:
        """So much later, and back again."""
        self.move(seconds)
        try:
            yield
        finally:
            self.move(-seconds)

    @contextmanager
    def for_pyjwt(self) -> Iterator[None]:
        clock = self

        class Moved(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return clock.now()

        moved = SimpleNamespace(time=lambda: clock.now().timestamp())
        with patch.object(jwt.api_jwt, "datetime", Moved), patch.object(jose, "time", moved):
            yield


@dataclass(frozen=True)
class App:
    """A registered client as its makers know it."""

    client: Client
    secret: str | None
    redirect_uri: str

    @property
    def id(self) -> str:
        return self.client.client_id

    @property
    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and form members that authenticate it, by its registered method."""
        method = self.client.token_endpoint_auth_method
        if method == "client_secret_basic":
            return basic(self.id, self.secret or ""), {}
        if method == "client_secret_post":
            return {}, {"client_id": self.id, "client_secret": self.secret or ""}
        return {}, {"client_id": self.id}


@dataclass(frozen=True)
class Browser:
    """Somebody's browser; ``session`` is the one it was signed in with, if it was."""

    http: FlaskClient
    user: User | None = None
    session: Session | None = None


@dataclass
class Provider:
    """The provider and everything a test may say to it."""

    flask: Flask
    settings: Settings
    clock: MovedClock
    http: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.flask.test_client(use_cookies=False)
        self.base = f"{urlsplit(self.settings.issuer).scheme}://{self.settings.host}"

    @property
    def stores(self) -> Stores:
        stores: Stores = self.flask.extensions["idp"].stores
        return stores

    @property
    def services(self) -> Services:
        services: Services = self.flask.extensions["idp"].services
        return services

    @property
    def engine(self) -> Engine:
        with self.flask.app_context():
            return db.engine

    def close(self) -> None:
        self.engine.dispose()

    # ── who takes part ───────────────────────────────────────────────────────────────────────────

    def register(self, name: str = "Photos", **metadata: Any) -> App:
        """An operator's client, confidential unless said otherwise; its consent is asked for."""
        decided = ("trusted", "pkce_required", "refresh_grace", "exchange", "fapi2")
        operator = {name: metadata.pop(name) for name in decided if name in metadata}
        origin = metadata.pop("origin", ClientOrigin.OPERATOR)
        client_id = metadata.pop("client_id", None)
        members = {"client_name": name, "redirect_uris": [CALLBACK], "grant_types": list(WITH_REFRESH)} | metadata
        with self.stores.work():
            new = self.services.clients.create(members, origin=origin, client_id=client_id, **operator)
        return App(new.client, new.client_secret, str((members["redirect_uris"] or [""])[0]))

    def resource(self, identifier: str = API, server: App | None = None, **scopes: str) -> None:
        """An API with its scopes (``photos_read="See your photos"``)."""
        named = {name.replace("_", ":"): sentence for name, sentence in scopes.items()}
        self.services.resources.create(identifier, "Photos", named, server.id if server else None)

    def person(self, email: str = "ada@example.com", **claims: Any) -> User:
        """Somebody with the one password of these tests."""
        found = self.stores.users.by_email(email)
        if found is not None:
            return found
        with self.stores.work():
            return self.services.accounts.create(
                email, PASSWORD, {"name": "Ada Lovelace", **claims}, email_verified=True
            )

    def browser(self, user_agent: str = CHROME) -> Browser:
        """A browser that nobody has signed in with."""
        client = self.flask.test_client()
        client.environ_base["HTTP_USER_AGENT"] = user_agent
        return Browser(client)

    def sign_in(self, user: User | None = None, at: Browser | None = None) -> Browser:
        """The session of a password just checked, without the page."""
        at, user = at or self.browser(), user or self.person()
        device = at.http.get_cookie(self._cookie("device"), domain=self._domain)
        with self.stores.work():
            done = self.services.sign_in.begin(
                user, origin=Origin(address="192.0.2.1", user_agent=CHROME), session_secret=None,
                device_secret=device.value if device else None,
            )  # fmt: skip
        for kind, value in (("session", done.session_secret), ("device", done.device_secret)):
            at.http.set_cookie(self._cookie(kind), value, domain=self._domain)
        return Browser(at.http, user, done.session)

    def consent(self, user: User, app: App, scope: str = "openid profile email offline_access") -> None:
        """What pressing Allow leaves behind."""
        self.stores.consents.allow(user.id, app.id, scope.split(), self.clock.now())

    @property
    def _domain(self) -> str:
        return urlsplit(self.settings.issuer).hostname or ""

    def _cookie(self, kind: str) -> str:
        return f"__Host-idp-{kind}" if self.settings.secure else f"idp-{kind}"

    # ── the front channel ────────────────────────────────────────────────────────────────────────

    def request(self, app: App, **changes: Any) -> dict[str, Any]:
        """The parameters of a right authorization request; None leaves one out."""
        right = {
            "client_id": app.id, "redirect_uri": app.redirect_uri, "response_type": "code", "scope": "openid",
            "state": "af0ifjsldkj", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        }  # fmt: skip
        return {name: value for name, value in (right | changes).items() if value is not None}

    def authorize(self, app: App, browser: Browser | None = None, **changes: Any) -> TestResponse:
        """GET /authorize."""
        return self.visit(browser, "/authorize?" + urlencode(self.request(app, **changes), doseq=True))

    def visit(self, browser: Browser | None, path: str, **options: Any) -> TestResponse:
        """Any address of ours, by a browser."""
        client = browser.http if browser else self.http
        return client.open(path, base_url=self.base, **options)

    def code(self, app: App, browser: Browser, **changes: Any) -> str:
        """A code, with consent given before if need be."""
        assert browser.user is not None
        asked = self.request(app, **changes)
        if asked.get("scope"):
            single = "profile email address phone" if "claims" in asked else ""
            self.consent(browser.user, app, f"{asked['scope']} {single}")
        answer = answer_of(self.authorize(app, browser, **changes))
        assert "code" in answer, answer
        return answer["code"]

    # ── programs ─────────────────────────────────────────────────────────────────────────────────

    def post(self, path: str, form: Mapping[str, Any], app: App | None = None, **options: Any) -> TestResponse:
        """A form to a protocol endpoint, authenticated as ``app`` if there is one."""
        headers, members = app.credentials if app else ({}, {})
        sent = options.pop("headers", {})
        return self.http.post(
            path, base_url=self.base, data={**members, **form}, headers={**headers, **sent}, **options
        )  # fmt: skip

    def get(self, path: str, **headers: str) -> TestResponse:
        """A program reads something."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.get(path, base_url=self.base, headers=named)

    def redeem(self, app: App, code: str, **changes: Any) -> TestResponse:
        """The token request for a code."""
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri,
            "code_verifier": VERIFIER,
        } | changes  # fmt: skip
        return self.post("/token", {name: value for name, value in form.items() if value is not None}, app)

    def tokens(self, app: App, browser: Browser, **changes: Any) -> dict[str, Any]:
        """Everything that an authorization ends in."""
        return answered(self.redeem(app, self.code(app, browser, **changes)))

    def refresh(self, app: App, token: str, **changes: Any) -> TestResponse:
        return self.post("/token", {"grant_type": "refresh_token", "refresh_token": token, **changes}, app)

    def credentials(self, app: App, **changes: Any) -> TestResponse:
        """RFC 6749 section 4.4."""
        return self.post("/token", {"grant_type": "client_credentials", **changes}, app)

    def introspect(self, app: App, token: str, **changes: Any) -> TestResponse:
        return self.post("/introspect", {"token": token, **changes}, app)

    def active(self, app: App, token: str) -> bool:
        return bool(answered(self.introspect(app, token))["active"])

    def revoke(self, app: App, token: str, **changes: Any) -> TestResponse:
        return self.post("/revoke", {"token": token, **changes}, app)

    def userinfo(self, token: str) -> TestResponse:
        return self.get("/userinfo", Authorization=f"Bearer {token}")

    # ── what is kept ─────────────────────────────────────────────────────────────────────────────

    def rows(self, *but: str) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        tables = [table for table in Base.metadata.sorted_tables if table.name not in but]
        with self.engine.connect() as connection:
            return {t.name: sorted((tuple(r) for r in connection.execute(select(t))), key=repr) for t in tables}

    def counts(self) -> dict[str, int]:
        return {name: len(rows) for name, rows in self.rows().items()}

    @contextmanager
    def nothing_changes(self, *but: str) -> Iterator[None]:
        """No row appears, goes or changes, except counters of attempts."""
        before = self.rows("throttles", "turns", *but)
        yield
        after = self.rows("throttles", "turns", *but)
        assert {name for name in before if before[name] != after[name]} == set()


# ── reading and writing the wire ─────────────────────────────────────────────────────────────────


def basic(name: str, secret: str) -> dict[str, str]:
    """RFC 6749 section 2.3.1: form-encoded, joined, base64."""
    pair = f"{quote_plus(name)}:{quote_plus(secret)}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def answer_of(response: TestResponse) -> dict[str, str]:
    """The authorization response: of a redirect's Location, or of the hand-off page."""
    target = response.headers.get("Location")
    if target is None:
        found = re.search(r'http-equiv="?refresh"?[^>]*content="0;\s*url=([^"]*)"', response.text)
        assert found is not None, (response.status, response.text[:2000])
        target = html.unescape(found[1])
    return dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))


def posted(response: TestResponse, to: str = CALLBACK) -> dict[str, str]:
    """The authorization response that a page has the browser post to the client (Form Post Response Mode)."""
    assert response.status_code == 200, (response.status, response.text[:500])
    assert response.headers["Cache-Control"] == "no-store"
    form = re.search(r'<form method="post" action="([^"]*)"', response.text)
    assert form is not None, response.text
    assert html.unescape(form[1]) == to
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', response.text)
    return {html.unescape(name): html.unescape(value) for name, value in fields}


def answered(response: TestResponse) -> dict[str, Any]:
    """The JSON of a success."""
    assert response.status_code == 200, (response.status, response.text)
    found: dict[str, Any] = json.loads(response.text)
    return found


def refused(response: TestResponse, status: int, error: str) -> dict[str, Any]:
    """An error for programs, as RFC 6749 section 5.2 says."""
    assert (response.status_code, (response.json or {}).get("error")) == (status, error), response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert "Location" not in response.headers
    found: dict[str, Any] = json.loads(response.text)
    assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]*", found.get("error_description", ""))
    return found


def a_page(response: TestResponse, status: int = 400) -> str:
    """An error page of ours that sends nobody anywhere."""
    assert response.status_code == status, (response.status, response.headers)
    assert "Location" not in response.headers
    assert "Refresh" not in response.headers
    assert response.mimetype == "text/html"
    assert "http-equiv" not in response.text
    return response.text


def sent_back(response: TestResponse, error: str | None = None, to: str = CALLBACK) -> dict[str, str]:
    """A redirect to the client with ``iss``, never cached (RFC 9207, RFC 9700 4.2)."""
    assert response.status_code == 303, (response.status, response.text[:500])
    assert response.headers["Location"].startswith(to + ("&" if "?" in to else "?")), response.headers["Location"]
    assert response.headers["Cache-Control"] == "no-store"
    answer = answer_of(response)
    assert answer.get("error") == error, answer
    assert answer["iss"] == ISSUER
    return answer


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says, unverified."""
    return _part(token, 1)


def header_of(token: str) -> dict[str, Any]:
    return _part(token, 0)


def _part(token: str, index: int) -> dict[str, Any]:
    text = token.split(".")[index]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def at_hash(access_token: str) -> str:
    return b64url(hashlib.sha256(access_token.encode()).digest()[:16])


# ── fixtures ─────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def running(url: str, clock: MovedClock | None = None, **settings: Any) -> Iterator[Provider]:
    """A provider on a migrated database."""
    clock = clock or MovedClock()
    made = load(**{
        "issuer": ISSUER, "database_url": url, "master_key": SecretStr(MASTER_KEY), "log_level": "warning",
        "client_registration": "open",
    } | settings)  # fmt: skip
    with patch.object(idp.app, "build_stores", partial(build_stores, clock=clock)), clock.for_pyjwt():
        provider = Provider(idp.app.create_app(made), made, clock)
        try:
            yield provider
        finally:
            provider.close()


@pytest.fixture(scope="session")
def seeded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with signing keys and Ada and Bob, to copy: making those takes most of a second."""
    path = tmp_path_factory.mktemp("seeded") / "seeded.sqlite"
    shutil.copy(sqlite_template, path)
    with running(f"sqlite:///{path}") as provider:
        provider.person()
        provider.person("bob@example.com", name="Bob")
    return path


@pytest.fixture(scope="module")
def provider(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One provider for a module: each test registers apps of its own, and so meets no other."""
    path = tmp_path_factory.mktemp("provider") / "idp.sqlite"
    shutil.copy(seeded, path)
    with running(f"sqlite:///{path}") as made:
        yield made


@pytest.fixture
def database(seeded: Path, tmp_path: Path) -> str:
    """The URL of a fresh database with keys and two people."""
    path = tmp_path / "idp.sqlite"
    shutil.copy(seeded, path)
    return f"sqlite:///{path}"


@pytest.fixture
def alone(database: str) -> Iterator[Provider]:
    """A provider for one test: it may count rows, change keys, end everything."""
    with running(database) as made:
        yield made


@pytest.fixture
def both(engine: Engine) -> Iterator[Provider]:
    """A provider on each database in turn, with nobody in it."""
    with running(engine.url.render_as_string(hide_password=False)) as made:
        yield made
