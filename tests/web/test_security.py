"""Headers, and who may post our forms (pages.md 66, 69; security.md sections F and 6)."""

from __future__ import annotations

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from idp.settings import Settings
from idp.web import add_security_headers
from idp.web.security import origin_of

from .scene import TOKEN, Scene

FORM = {"csrf_token": TOKEN, "email": "maria@example.com", "password": "right"}


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
     {"Origin": "http://id.example.com"}, {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}],
)  # fmt: skip
def test_forms_of_strangers_are_refused_even_with_a_token(
    client: FlaskClient, scene: Scene, headers: dict[str, str]
) -> None:
    assert client.post("/login", data=FORM, headers=headers).status_code == 403
    assert not scene.done


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://id.example.com"}, {"Origin": "null", "Sec-Fetch-Site": "same-origin"}]
)
def test_our_own_forms_pass(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post("/login", data=FORM, headers=headers).status_code == 303


@pytest.mark.parametrize("token", [None, "", "guess", "ü"])
@pytest.mark.parametrize(
    "path", ["/login", "/login/new", "/login/choose", "/consent", "/account/sign-out", "/account/prove",
             "/account/sessions/others/end", "/account/apps/photos/remove"],
)  # fmt: skip
def test_no_post_without_the_token(client: FlaskClient, scene: Scene, path: str, token: str | None) -> None:
    scene.sign_in()
    form = {name: value for name, value in {**FORM, "csrf_token": token}.items() if value is not None}
    answer = client.post(path, data=form)
    assert answer.status_code == 403
    assert "out of date" in answer.text
    assert not scene.done


def test_an_endpoint_that_knows_better_is_left_alone() -> None:
    app = Flask("x", static_folder=None)
    add_security_headers(app, Settings())
    special = {"Cache-Control": "public, max-age=60", "Content-Security-Policy": "default-src 'none'"}
    app.add_url_rule("/jwks", "jwks", lambda: Response("<p>", mimetype="text/html", headers=special))
    app.add_url_rule("/json", "json", lambda: {"a": 1})
    answer = app.test_client().get("/jwks")
    assert {name: answer.headers[name] for name in special} == special
    assert "Strict-Transport-Security" not in answer.headers
    answer = app.test_client().get("/json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert not {"Content-Security-Policy", "Permissions-Policy"} & set(answer.headers.keys())
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("url", "origin"),
    [("https://id.example.com/tenant", "https://id.example.com"), ("https://id.example.com:443", "https://id.example.com"),
     ("http://localhost:8000", "http://localhost:8000"), ("http://[::1]:80/x", "http://[::1]")],
)  # fmt: skip
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin
