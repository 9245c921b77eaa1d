"""The person's own entries."""

from __future__ import annotations

from flask.testing import FlaskClient

from .scene import TOKEN, Scene


def test_what_is_known_stands_in_the_form(client: FlaskClient, scene: Scene) -> None:
    scene.sign_in()
    text = client.get("/account/profile").text
    assert 'autocomplete="street-address"' in text
    assert 'name="phone_number"' in text


def test_it_is_kept_and_said(client: FlaskClient, scene: Scene) -> None:
    scene.sign_in()
    form = {"csrf_token": TOKEN, "name": " Maria ", "locality": "Lisbon", "email": "other@example.com", "sub": "x"}
    answer = client.post("/account/profile", data=form)
    assert (answer.status_code, answer.location) == (303, "/account/profile?saved=yes")
    _done, changes = scene.done[0]
    assert changes["name"] == "Maria"
    assert changes["address"] == {"locality": "Lisbon"}
    assert changes["nickname"] == "", "what was left empty is forgotten"
    assert not {"email", "sub", "locality", "phone_number_verified"} & set(changes), "fields of ours alone"
    assert "Saved." in client.get(answer.location).text


def test_nobody_is_asked_to_sign_in(client: FlaskClient) -> None:
    assert client.get("/account/profile").status_code == 303
    assert client.post("/account/profile", data={"csrf_token": TOKEN}).status_code == 303


def test_another_sites_form_changes_nothing(client: FlaskClient, scene: Scene) -> None:
    scene.sign_in()
    assert client.post("/account/profile", data={"csrf_token": "wrong", "name": "M"}).status_code == 403
    assert not scene.done
