"""Every request that is measured is one that the provider answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from idp.app import create_app
from idp.cli.database import close
from idp.settings import Settings
from tests.bench.loads import ITEM, Load, of_provider
from tests.bench.requests import refresh
from tests.bench.seed import Scene, seed
from tests.bench.targets import CREDENTIALS, DISCOVERY, EXCHANGE, INTROSPECTION, JWKS, REFRESH, USERINFO


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


def test_they_are_answered(client: FlaskClient, scene: Scene) -> None:
    def ask(load: Load, item: str = "") -> str:
        request = load.request
        headers = {name: value.replace(ITEM, item) for name, value in request.all_headers().items()}
        answer = client.open(
            request.path, method=request.method, headers=headers, data=request.body.replace(ITEM, item),
            base_url="http://localhost:8000",
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return answer.text

    loads = of_provider(1, scene, (), (), ())
    tokens = json.loads(ask(loads[EXCHANGE], loads[EXCHANGE].items[0]))
    assert json.loads(ask(loads[REFRESH], tokens["refresh_token"]))["refresh_token"] != tokens["refresh_token"]
    assert json.loads(ask(loads[INTROSPECTION], tokens["access_token"]))["active"]
    assert json.loads(ask(loads[USERINFO], tokens["access_token"]))["email_verified"]
    assert json.loads(ask(loads[CREDENTIALS]))["access_token"]
    for document in (JWKS, DISCOVERY):
        assert ask(loads[document])
    assert refresh("x", scene.app).path == loads[REFRESH].request.path
