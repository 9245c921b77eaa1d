"""The Flask adapter: a view runs only for a live token, refusals are those of RFC 6750 section 3."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp.resource_server import ProtectedResource, Verifier
from idp.resource_server.flask import current_token, init_app, require_token

from .fake_issuer import AUDIENCE, FakeIssuer

METADATA = f"{AUDIENCE}/.well-known/oauth-protected-resource"


@pytest.fixture
def client(asking: Verifier) -> FlaskClient:
    app = Flask("api")
    init_app(app, ProtectedResource(asking, realm="notes", name="Notes", scopes="notes.read notes.write"))

    @app.get("/notes")
    @require_token(asking, scope="notes.read")
    def notes() -> dict[str, str]:
        return {"sub": current_token().sub}

    @app.delete("/notes")
    @require_token(asking, scope="notes.write", mode="local", acr_values="aal2", max_age=300)
    def delete() -> dict[str, str]:
        return {}

    return app.test_client()


@pytest.fixture
def call(client: FlaskClient) -> Callable[[str | None], tuple[int, str | None]]:
    def get(token: str | None) -> tuple[int, str | None]:
        answer = client.get("/notes", headers={"Authorization": f"Bearer {token}"} if token else {})
        return answer.status_code, answer.headers.get("WWW-Authenticate")

    return get


def test_a_live_token_passes(client: FlaskClient, issuer: FakeIssuer) -> None:
    answer = client.get("/notes", headers={"Authorization": f"Bearer {issuer.token()}"})
    assert (answer.status_code, answer.json) == (200, {"sub": "ada"})


def test_no_token(call: Callable[[str | None], tuple[int, str | None]]) -> None:
    assert call(None) == (401, f'Bearer realm="notes", resource_metadata="{METADATA}"')


def test_a_dead_token(call: Callable[[str | None], tuple[int, str | None]], issuer: FakeIssuer) -> None:
    issuer.ended.add("s1")
    status, challenge = call(issuer.token())
    assert status == 401
    assert challenge is not None
    assert challenge.startswith('Bearer realm="notes", error="invalid_token", error_description="')


def test_too_little_scope(call: Callable[[str | None], tuple[int, str | None]], issuer: FakeIssuer) -> None:
    status, challenge = call(issuer.token(scope="notes.write"))
    assert status == 403
    assert challenge is not None
    assert challenge.endswith(f'scope="notes.read", resource_metadata="{METADATA}"')


def test_nobody_could_say(client: FlaskClient, issuer: FakeIssuer) -> None:
    issuer.override["/introspect"] = (500, {}, b"")
    answer = client.get("/notes", headers={"Authorization": f"Bearer {issuer.token()}"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert "WWW-Authenticate" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_route_has_its_mode_and_may_ask_for_a_better_sign_in(client: FlaskClient, issuer: FakeIssuer) -> None:
    refused = client.delete("/notes", headers={"Authorization": f"Bearer {issuer.token()}"})
    assert refused.status_code == 401
    challenge = refused.headers["WWW-Authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'acr_values="aal2", max_age="300"' in challenge
    assert client.delete("/notes", headers={"Authorization": f"Bearer {issuer.token(acr='aal2')}"}).status_code == 200
    assert issuer.asked["/introspect"] == 0


@pytest.mark.spec("RFC 9728", "3")
def test_the_metadata_are_published(client: FlaskClient, issuer: FakeIssuer) -> None:
    answer = client.get("/.well-known/oauth-protected-resource")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json["resource"] == AUDIENCE  # type: ignore[index]


def test_a_mode_that_cannot_be_is_said_when_the_view_is_made(local: Verifier) -> None:
    with pytest.raises(ValueError, match="stream"):
        require_token(local, mode="stream")


def test_the_sdk_needs_no_flask_and_nothing_else_of_ours() -> None:
    code = (
        "import sys, idp.resource_server; "
        "no = ('flask', 'django', 'starlette', 'authlib', 'sqlalchemy', 'joserfc'); "
        "print([m for m in sys.modules if m.split('.')[0] in no "
        "or (m.startswith('idp.') and not m.startswith('idp.resource_server'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
