"""Signing out of this browser (pages.md 55 to 58)."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask.testing import FlaskClient

from idp.domain.session import EndReason, ThisSession

from .scene import TOKEN, Scene


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.sign_in()
    return scene


def test_a_get_asks_first(client: FlaskClient, scene: Scene) -> None:
    text = client.get("/account/sign-out").text
    assert "Do you want to sign out of <bdi>Example ID</bdi>?" in text
    assert text.index("Stay signed in") < text.index(">Sign out</button>")
    assert not scene.done


def test_sign_out_ends_this_session_and_clears_this_browser(client: FlaskClient, scene: Scene) -> None:
    answer = client.post("/account/sign-out", data={"csrf_token": TOKEN})
    assert (answer.status_code, answer.location) == (303, "/signed-out")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert scene.done == [("end", ThisSession(UUID(int=101)), EndReason.SIGNED_OUT)]
    assert scene.browser.forgotten == 1


def test_staying(client: FlaskClient, scene: Scene) -> None:
    answer = client.post("/account/sign-out", data={"csrf_token": TOKEN, "decision": "stay"})
    assert answer.location == "/account/sessions"
    assert not scene.done


def test_a_stranger_signs_nobody_out(client: FlaskClient, scene: Scene) -> None:
    assert client.post("/account/sign-out").status_code == 403
    assert not scene.done


def test_the_page_after_says_what_ended_and_what_did_not(client: FlaskClient, scene: Scene) -> None:
    assert client.get("/signed-out").location == "/account/sessions"
    scene.browser.current_value = None
    text = client.get("/signed-out").text
    assert "Your other devices are still signed in" in text
    assert 'href="/account/sessions"' in text
    assert "everywhere" in client.get("/signed-out?where=everywhere").text
    assert client.get("/account/sign-out").location == "/signed-out"
