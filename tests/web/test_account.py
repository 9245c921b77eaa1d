"""The account's first page and the fresh proof (pages.md 43)."""

from __future__ import annotations

from flask.testing import FlaskClient

from idp.errors import Throttled

from .scene import TOKEN, Scene


def test_where_to_look(client: FlaskClient, scene: Scene) -> None:
    scene.sign_in()
    text = client.get("/account").text
    assert 'href="/account/sessions"' in text
    assert 'href="/account/apps"' in text
    assert "maria@example.com" in text


def test_a_wrong_password_proves_nothing(client: FlaskClient, scene: Scene) -> None:
    scene.sign_in()
    answer = client.post("/account/prove?to=end-others", data={"csrf_token": TOKEN, "password": "wrong"})
    assert answer.status_code == 422
    assert "This is not your password" in answer.text
    assert not scene.browser.remembered


def test_guessing_is_braked_here_too(client: FlaskClient, scene: Scene) -> None:
    scene.sign_in()
    scene.password_error = Throttled(60)
    answer = client.post("/account/prove", data={"csrf_token": TOKEN, "password": "x"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


def test_the_proof_is_that_of_the_person_signed_in(client: FlaskClient, scene: Scene) -> None:
    scene.sign_in()
    form = {"csrf_token": TOKEN, "password": "right", "email": "other@example.com"}
    assert client.post("/account/prove?to=//evil.example", data=form).location == "/account/sessions"
    assert scene.done[0] == ("password", "maria@example.com", "right")
