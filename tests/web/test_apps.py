"""Apps with access (pages.md 53, 54)."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from .scene import TOKEN, Scene


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.populate()
    scene.sign_in()
    return scene


def test_what_each_app_may_do(client: FlaskClient) -> None:
    text = client.get("/account/apps").text
    for words in ("Photos", "photos.example", "Know that it is you", "12 October 2026", "3 hours ago",
                  "Firefox on Linux and Safari on iOS", "not checked by us"):  # fmt: skip
        assert words in text


def test_removal_asks_and_says_what_it_does_not_do(client: FlaskClient, scene: Scene) -> None:
    text = client.get("/account/apps/photos/remove").text
    assert "does not delete what <bdi>Photos</bdi> already holds" in text
    assert not scene.done
    answer = client.post("/account/apps/photos/remove", data={"csrf_token": TOKEN})
    assert (answer.status_code, answer.location) == (303, "/account/apps?removed=yes")
    assert scene.done == [("remove", "photos")]


def test_an_app_without_access_does_not_exist_here(client: FlaskClient, scene: Scene) -> None:
    assert client.post("/account/apps/other/remove", data={"csrf_token": TOKEN}).status_code == 404
    assert not scene.done
