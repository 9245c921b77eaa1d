"""Making an account (pages.md 63)."""

from __future__ import annotations

from flask.testing import FlaskClient

from idp.errors import InputRefused, Throttled
from idp.settings import Settings

from .scene import INTERACTION, TOKEN, Scene

FORM = {"csrf_token": TOKEN, "name": "Maria", "email": "maria@example.com", "password": " a b c d e "}


def test_the_new_person_is_signed_in_and_goes_on_to_the_app(client: FlaskClient, scene: Scene) -> None:
    answer = client.post(f"/login/new?interaction={INTERACTION}", data=FORM)
    assert (answer.status_code, answer.location) == (303, f"/authorize/resume?interaction={INTERACTION}")
    assert scene.done[0] == ("register", "maria@example.com", " a b c d e ", "Maria")
    assert scene.browser.remembered


def test_refusals_stand_beside_their_fields(client: FlaskClient, scene: Scene) -> None:
    scene.password_error = InputRefused({"password": "Use a shorter password."})
    answer = client.post("/login/new", data=FORM)
    assert answer.status_code == 422
    assert 'id="password-error"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert answer.text.count("Use a shorter password.") == 2
    assert " a b c d e " not in answer.text


def test_throttled(client: FlaskClient, scene: Scene) -> None:
    scene.password_error = Throttled(3600)
    answer = client.post("/login/new", data=FORM)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    assert "in 60 minutes" in answer.text


def test_absent_where_the_operator_makes_the_accounts() -> None:
    scene = Scene(settings=Settings(issuer="https://id.example.com", user_registration=False))
    client = scene.app().test_client()
    assert client.get("/login/new").status_code == 404
    assert client.post("/login/new", data=FORM).status_code == 404
    assert "Create account" not in client.get("/login").text
