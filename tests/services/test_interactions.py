"""What is kept of requests that wait for a person: how much of it one place, and one request, can make."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from idp import jose
from idp.domain.throttle import Brake, interaction_brakes

from ..provider import Provider, a_page, sent_back

KEY = ec.generate_private_key(ec.SECP256R1())
JWK = jose.public_jwk(KEY, "ES256")


@pytest.mark.promise("P6")
def test_what_strangers_have_us_keep_is_braked_by_place(both: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page for people, and nothing is kept; who is signed in is not counted, nor is another place."""
    monkeypatch.setattr("idp.services.interactions.interaction_brakes", lambda place: (Brake(place.encode(), 3, 300),))
    app, ada = both.register(), both.sign_in()
    for _ in range(3):
        assert both.authorize(app).status_code == 303
    assert both.authorize(app, ada).status_code == 303
    with both.nothing_changes():
        for answer in (both.authorize(app), both.visit(None, "/authorize", method="POST", data=both.request(app))):
            assert a_page(answer, 429)
            assert int(answer.headers["Retry-After"]) > 0
        sent_back(both.authorize(app, prompt="none"), "login_required")
    assert both.authorize(app, ada, prompt="login").status_code == 303
    with both.clock.later(301):
        assert both.authorize(app).status_code == 303


@pytest.mark.promise("P6")
def test_what_somebody_who_signed_in_has_us_keep_is_braked_by_person(
    both: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "idp.services.interactions.own_interaction_brakes", lambda who: (Brake(who.bytes, 3, 300),)
    )  # fmt: skip
    app, person = both.register(), both.person("much@example.com")
    browsers = [both.sign_in(person), both.sign_in(person)]
    for number in range(3):
        assert both.authorize(app, browsers[number % 2], prompt="login").status_code == 303
    with both.nothing_changes():
        for browser in browsers:
            answer = both.authorize(app, browser, prompt="login")
            assert a_page(answer, 429)
            assert int(answer.headers["Retry-After"]) > 0
    assert both.authorize(app, both.sign_in(), prompt="login").status_code == 303
    assert both.authorize(app).status_code == 303
    with both.clock.later(301):
        assert both.authorize(app, browsers[0], prompt="login").status_code == 303


def test_many_people_may_share_an_address() -> None:
    (brake,) = interaction_brakes("192.0.2.1")
    assert brake.limit / brake.window_seconds > 3


@pytest.mark.promise("P6")
def test_what_is_kept_is_measured_as_it_is_kept(alone: Provider) -> None:
    """A request object may hold text that takes three times as much in our tables."""
    app = alone.register(jwks={"keys": [JWK]})
    claims = {"state": "\u00e9" * 2400, "client_id": app.id}
    signed = jwt.encode(alone.request(app) | claims, KEY, "ES256", headers={"kid": JWK["kid"]}, json_encoder=Plain)
    with alone.nothing_changes():
        assert sent_back(alone.authorize(app, request=signed), "invalid_request")


class Plain(json.JSONEncoder):
    """Characters as they are."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "ensure_ascii": False})
