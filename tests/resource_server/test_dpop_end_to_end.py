"""DPoP through every adapter, with tokens of a real provider (``idp serve``) that are bound to a real key.

RFC 9449 as a client lives it: a proof at the token endpoint, then one for each call; the challenge for a nonce;
what another's key, an old proof, a bearer header or an ending come to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import django
import pytest
import requests
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.test import Client, override_settings
from django.urls import path
from fastapi import Depends, FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from idp.domain.client import ClientOrigin
from idp.resource_server import AccessToken, ProtectedResource, Verifier, asgi, flask, starlette
from idp.resource_server import django as adapter
from tests.proofs import ProofKey
from tests.running import Operator, RunningProvider, operating, running

from .asgi_client import TestClient

pytestmark = [pytest.mark.xdist_group("dpop end to end"), pytest.mark.timeout(300)]
API, PATH = "https://notes.example", "/notes"
KEY, STRANGER = ProofKey(), ProofKey("EdDSA")

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["testserver"], MIDDLEWARE=["idp.resource_server.django.BearerMiddleware"],
        SECRET_KEY="only for tests", DATABASES={}, USE_TZ=True,
    )  # fmt: skip
    django.setup()


@dataclass
class Stage:
    """A provider, an API's credentials at it, and an app that proves its key."""

    provider: RunningProvider
    operator: Operator
    api: tuple[str, str]
    app: tuple[str, str]

    def token(self, key: ProofKey = KEY) -> str:
        """One that is bound to ``key``."""
        address = self.provider.issuer + "/token"
        answer = requests.post(
            address, {"grant_type": "client_credentials", "scope": "notes.read"}, auth=self.app, timeout=30,
            headers={"DPoP": key.proof(address, time.time())},
        )  # fmt: skip
        assert answer.json()["token_type"] == "DPoP", answer.text
        return str(answer.json()["access_token"])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    provider = RunningProvider(tmp_path_factory.mktemp("dpop"), workers=1)
    with operating(provider) as operator, running(provider):
        grant = {"grant_types": ["client_credentials"], "redirect_uris": []}
        with operator.stores.work():
            create = operator.services.clients.create
            api = create({"client_name": "Notes API", **grant}, origin=ClientOrigin.OPERATOR)
            operator.services.resources.create(API, "Notes", {"notes.read": "Read your notes"}, api.client.client_id)
            app = create({"client_name": "App", "scope": "notes.read", **grant}, origin=ClientOrigin.OPERATOR)
        pairs = [(made.client.client_id, str(made.client_secret)) for made in (api, app)]
        yield Stage(provider, operator, pairs[0], pairs[1])


Answer = tuple[int, Any, Any]
Ask = Callable[[dict[str, str]], Answer]
Adapter = Callable[[Verifier, ProtectedResource], Iterator[Ask]]


def of_asgi(verifier: Verifier, resource: ProtectedResource) -> Iterator[Ask]:
    async def notes(request: Request) -> JSONResponse:
        return JSONResponse({"client": request.scope["access_token"].client_id})

    app = asgi.BearerMiddleware(Starlette(routes=[Route(PATH, notes)]), resource, scope="notes.read")
    with TestClient(app) as client:
        yield lambda headers: _read(client.get(PATH, headers=headers))


def of_fastapi(verifier: Verifier, resource: ProtectedResource) -> Iterator[Ask]:
    app = FastAPI()
    reader = Depends(starlette.require_token(verifier, scope="notes.read"))

    @app.get(PATH)
    async def notes(token: AccessToken = reader) -> dict[str, str]:
        return {"client": token.client_id}

    starlette.init_app(app, resource)
    with TestClient(app) as client:
        yield lambda headers: _read(client.get(PATH, headers=headers))


def of_flask(verifier: Verifier, resource: ProtectedResource) -> Iterator[Ask]:
    app = Flask(__name__)
    flask.init_app(app, resource)

    @app.get(PATH)
    @flask.require_token(verifier, scope="notes.read")
    def notes() -> dict[str, str]:
        return {"client": flask.current_token().client_id}

    def ask(headers: dict[str, str]) -> Answer:
        answer = app.test_client().get(PATH, headers=headers)
        return answer.status_code, answer.json, answer.headers

    yield ask


def of_django(verifier: Verifier, resource: ProtectedResource) -> Iterator[Ask]:
    @adapter.require_token(verifier, scope="notes.read")
    def notes(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"client": request.access_token.client_id})

    globals()["resource"] = resource
    urls = type("urls", (), {"urlpatterns": [path(PATH[1:], notes)]})
    with override_settings(ROOT_URLCONF=urls, IDP_RESOURCE=f"{__name__}.resource"):
        yield lambda headers: _read(Client().get(PATH, headers=headers))


def _read(answer: Any) -> Answer:
    return answer.status_code, answer.json(), answer.headers


ADAPTERS: list[Adapter] = [of_asgi, of_fastapi, of_flask, of_django]


@pytest.fixture(params=ADAPTERS, ids=["asgi", "fastapi", "flask", "django"])
def ask(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Ask]:
    client_id, secret = stage.api
    with Verifier(
        stage.provider.issuer, API, client_id=client_id, client_secret=secret, timeout=10,
        dpop_nonce_secret=bytes(range(32)),
    ) as verifier:  # fmt: skip
        yield from request.param(verifier, ProtectedResource(verifier, realm="notes"))


def shown(token: str, key: ProofKey = KEY, **changes: Any) -> dict[str, str]:
    made = key.proof(API + PATH, time.time(), **{"method": "GET", "token": token, **changes})
    return {"Authorization": f"DPoP {token}", "DPoP": made}


def nonce_of(ask: Ask, token: str) -> str:
    status, body, headers = ask(shown(token))
    assert (status, body["error"]) == (401, "use_dpop_nonce")
    assert headers["WWW-Authenticate"].startswith('DPoP realm="notes", error="use_dpop_nonce"')
    assert headers["Cache-Control"] == "no-store"
    return str(headers["DPoP-Nonce"])


@pytest.mark.spec("RFC 9449", "9")
@pytest.mark.spec("RFC 9449", "7.1")
def test_a_client_that_proves_its_key(stage: Stage, ask: Ask) -> None:
    token = stage.token()
    nonce = nonce_of(ask, token)
    for _ in range(2):
        status, body, _headers = ask(shown(token, nonce=nonce))
        assert (status, body) == (200, {"client": stage.app[0]})


@pytest.mark.spec("RFC 9449", "7.1")
@pytest.mark.spec("RFC 9449", "7.2")
def test_nobody_else_gets_in_with_its_token(stage: Stage, ask: Ask) -> None:
    token = stage.token()
    nonce = nonce_of(ask, token)
    once = shown(token, nonce=nonce)
    assert ask(once)[0] == 200
    wrong = {
        "seen before": once,
        "no proof": {"Authorization": f"DPoP {token}"},
        "as a bearer token": {**shown(token, nonce=nonce), "Authorization": f"Bearer {token}"},
        "another's key": shown(token, STRANGER, nonce=nonce),
        "another token's proof": {**shown(stage.token(), nonce=nonce), "Authorization": f"DPoP {token}"},
        "another method": shown(token, nonce=nonce, method="POST"),
        "another place": shown(token, nonce=nonce, htu="https://evil.example" + PATH),
        "another's token": shown(stage.token(STRANGER), nonce=nonce),
    }
    for what, headers in wrong.items():
        status, body, answered = ask(headers)
        assert (status, body["error"]) in ((401, "invalid_dpop_proof"), (401, "invalid_token")), what
        assert "DPoP-Nonce" not in answered


def test_a_bound_token_dies_like_any_other(stage: Stage, ask: Ask) -> None:
    token = stage.token()
    nonce = nonce_of(ask, token)
    assert urlsplit(stage.provider.issuer).hostname == "127.0.0.1"
    requests.post(f"{stage.provider.issuer}/revoke", {"token": token}, auth=stage.app, timeout=30).raise_for_status()
    status, body, _headers = ask(shown(token, nonce=nonce))
    assert (status, body["error"]) == (401, "invalid_token")
