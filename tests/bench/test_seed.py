"""What is seeded serves for every request that is measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from idp.app import create_app
from idp.cli.database import close
from idp.settings import Settings
from tests.bench.requests import Request, get, post, refresh
from tests.bench.seed import API_SCOPE, Scene, seed


@pytest.fixture
def scene(engine: Engine) -> Scene:
    return seed(engine, 9)


@pytest.fixture
def client(engine: Engine, scene: Scene, tmp_path: Path) -> Iterator[FlaskClient]:
    url = engine.url.render_as_string(hide_password=False)
    app = create_app(Settings(database_url=url, data_dir=tmp_path, log_level="error"))
    yield app.test_client()
    with app.app_context():
        close(app)


def send(client: FlaskClient, request: Request) -> Any:
    answer = client.open(
        request.path, method=request.method, headers=request.all_headers(), data=request.body,
        base_url="http://localhost:8000",
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text)


def test_every_measured_request_is_answered(client: FlaskClient, scene: Scene) -> None:
    tokens = send(client, scene.exchange())
    assert {"access_token", "id_token", "refresh_token"} <= set(tokens)
    assert send(client, refresh(tokens["refresh_token"], scene.app))["refresh_token"] != tokens["refresh_token"]
    assert send(client, post("/introspect", scene.api, {"token": tokens["access_token"]}))["active"]
    assert send(client, get("/userinfo", Authorization=f"Bearer {tokens['access_token']}"))["email_verified"]
    own = {"grant_type": "client_credentials", "scope": API_SCOPE}
    assert send(client, post("/token", scene.app, own))["scope"] == API_SCOPE
    assert send(client, get("/.well-known/jwks.json"))["keys"]


def test_each_code_has_a_session_of_its_own(client: FlaskClient, scene: Scene) -> None:
    assert len(scene.codes) == 9
    assert len({send(client, scene.exchange())["id_token"] for _ in range(2)}) == 2
