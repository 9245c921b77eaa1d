"""Pushed authorization requests: kept for their own client, checked twice, answered once."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlencode

import pytest

from idp.domain.client import ClientOrigin
from idp.domain.throttle import Brake

from ..provider import (
    CALLBACK,
    ISSUER,
    App,
    Browser,
    Provider,
    a_page,
    answer_of,
    answered,
    refused,
    running,
    sent_back,
)

PREFIX = "urn:ietf:params:oauth:request_uri:"


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def ada(provider: Provider, app: App) -> Browser:
    browser = provider.sign_in()
    assert browser.user
    provider.consent(browser.user, app)
    return browser


def push(provider: Provider, app: App, **changes: Any) -> Any:
    return provider.post("/par", provider.request(app, **changes), app)


def pushed(provider: Provider, app: App, **changes: Any) -> str:
    response = push(provider, app, **changes)
    assert response.status_code == 201, response.text
    return str((response.json or {})["request_uri"])


def use(provider: Provider, app: App, browser: Browser | None, uri: str, **more: Any) -> Any:
    return provider.visit(browser, "/authorize?" + urlencode({"client_id": app.id, "request_uri": uri, **more}))


@pytest.mark.spec("RFC 9126", "2.2")
@pytest.mark.spec("RFC 9126", "4")
def test_a_request_is_pushed_and_used(provider: Provider, app: App, ada: Browser) -> None:
    response = push(provider, app, state="pushed")
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json) == {"request_uri", "expires_in"}
    assert response.json["expires_in"] == 60
    assert len(response.json["request_uri"]) == len(PREFIX) + 43
    answer = sent_back(use(provider, app, ada, response.json["request_uri"]))
    assert answer["state"] == "pushed"
    assert answered(provider.redeem(app, answer["code"]))["access_token"]


@pytest.mark.spec("RFC 9126", "4")
def test_what_stands_beside_the_reference_does_not_count(provider: Provider, app: App, ada: Browser) -> None:
    """security.md N: pushed values win."""
    uri = pushed(provider, app, state="pushed")
    beside = {"state": "beside", "scope": "openid email", "redirect_uri": "https://evil.example", "prompt": "dance"}
    answer = sent_back(use(provider, app, ada, uri, **beside))
    assert answer["state"] == "pushed"
    assert answered(provider.redeem(app, answer["code"]))["scope"] == "openid"


@pytest.mark.promise("P4")
@pytest.mark.spec("RFC 9126", "7.3")
def test_a_reference_earns_one_answer(provider: Provider, app: App, ada: Browser) -> None:
    uri = pushed(provider, app)
    sent_back(use(provider, app, ada, uri))
    with provider.nothing_changes():
        a_page(use(provider, app, ada, uri))
        sent_back(use(provider, app, ada, uri, redirect_uri=CALLBACK), "invalid_request_uri")


@pytest.mark.promise("P4")
def test_an_error_is_an_answer(provider: Provider, app: App, ada: Browser) -> None:
    uri = pushed(provider, app, prompt="none", max_age="0")
    sent_back(use(provider, app, ada, uri), "login_required")
    a_page(use(provider, app, ada, uri))


@pytest.mark.spec("RFC 9126", "4")
def test_looking_does_not_use_it_up(provider: Provider, app: App, ada: Browser) -> None:
    """Conformance: reused request_uri prior to authentication completion succeeds."""
    uri = pushed(provider, app)
    for _ in range(2):
        assert "/login" in use(provider, app, None, uri).headers["Location"]
    assert "code" in answer_of(use(provider, app, ada, uri))


@pytest.mark.promise("P4")
def test_of_two_tabs_one_is_answered(provider: Provider, app: App, ada: Browser) -> None:
    uri = pushed(provider, app)
    form = {"client_id": app.id, "request_uri": uri}
    tabs = [provider.visit(None, "/authorize", method="POST", data=form).headers["Location"] for _ in range(2)]
    assert "code" in answer_of(provider.visit(ada, tabs[0]))
    with provider.nothing_changes():
        a_page(provider.visit(ada, tabs[1]))


@pytest.mark.promise("P4")
def test_of_many_at_once_one_is_answered(provider: Provider, app: App, ada: Browser) -> None:
    uri = pushed(provider, app)
    cookies = "; ".join(f"{c.key}={c.value}" for c in ada.http._cookies.values())
    answers: list[str] = []

    def race() -> None:
        response = provider.flask.test_client(use_cookies=False).get(
            "/authorize?" + urlencode({"client_id": app.id, "request_uri": uri}),
            base_url=provider.base, headers={"Cookie": cookies},
        )  # fmt: skip
        answers.append(response.headers.get("Location", "page"))

    threads = [threading.Thread(target=race) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([answer for answer in answers if "code=" in answer]) == 1


@pytest.mark.spec("RFC 9126", "2.2")
@pytest.mark.spec("RFC 9126", "7.1")
def test_a_reference_is_its_clients_alone(provider: Provider, app: App, ada: Browser) -> None:
    uri = pushed(provider, app)
    other = provider.register("Other", trusted=True)
    a_page(use(provider, other, ada, uri))
    assert "code" in answer_of(use(provider, app, ada, uri)), "and nobody else uses it up"


@pytest.mark.spec("RFC 9126", "4")
def test_an_expired_reference_is_invalid(provider: Provider, app: App, ada: Browser) -> None:
    uri = pushed(provider, app)
    with provider.clock.later(61):
        a_page(use(provider, app, ada, uri))


@pytest.mark.parametrize("uri", [PREFIX, PREFIX + "A" * 43, PREFIX + "\u00e9", PREFIX + "../x", PREFIX + "A" * 5000])
def test_a_guessed_reference_is_invalid(provider: Provider, app: App, ada: Browser, uri: str) -> None:
    a_page(use(provider, app, ada, uri))
    sent_back(use(provider, app, ada, uri, redirect_uri=CALLBACK), "invalid_request_uri")


def test_two_references_are_none(provider: Provider, app: App, ada: Browser) -> None:
    uri = pushed(provider, app)
    a_page(provider.visit(ada, "/authorize?" + urlencode([("client_id", app.id), *[("request_uri", uri)] * 2])))


# ── what is refused at once ───────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 9126", "2.3")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": "https://evil.example"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "nothing"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"state": ["a", "b"]}, "invalid_request"),
        ({"request_uri": PREFIX + "A" * 43}, "invalid_request"),
    ],
)
def test_a_bad_request_is_not_kept(provider: Provider, app: App, changes: dict[str, Any], error: str) -> None:
    with provider.nothing_changes():
        refused(push(provider, app, **changes), 400, error)


@pytest.mark.spec("RFC 9126", "2.3")
@pytest.mark.promise("P6")
def test_no_more_is_kept_than_of_a_browser(provider: Provider, app: App) -> None:
    """Anybody may push in the name of a public client, and what is pushed is kept for a day."""
    many = {f"x{number}": "x" * 8000 for number in range(8)}
    with provider.nothing_changes():
        refused(push(provider, app, **many), 413, "invalid_request")
    assert push(provider, app, x="x" * 8000).status_code == 201


@pytest.mark.spec("RFC 9126", "2.1")
def test_who_pushes_is_authenticated(provider: Provider, app: App) -> None:
    with provider.nothing_changes():
        refused(provider.post("/par", provider.request(app)), 401, "invalid_client")
        refused(provider.post("/par", {**provider.request(app), "client_secret": "wrong"}), 401, "invalid_client")
    other = provider.register("Other")
    refused(provider.post("/par", provider.request(app), other), 401, "invalid_client")


@pytest.mark.spec("RFC 9126", "2.1")
@pytest.mark.promise("P7")
def test_no_credential_and_no_reference_is_kept(provider: Provider) -> None:
    app = provider.register(token_endpoint_auth_method="client_secret_post")
    uri = pushed(provider, app)
    kept = repr(provider.rows()["pushed_requests"])
    assert app.secret
    assert app.secret not in kept
    assert uri.removeprefix(PREFIX) not in kept


def test_a_public_client_may_push(provider: Provider, ada: Browser) -> None:
    app = provider.register(token_endpoint_auth_method="none", trusted=True)
    assert "code" in answer_of(use(provider, app, ada, pushed(provider, app)))


@pytest.mark.spec("RFC 9126", "2.3")
def test_only_post_is_answered(provider: Provider) -> None:
    response = provider.get("/par")
    assert response.status_code == 405
    assert response.json


# ── who must push ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 9126", "6")
def test_a_client_may_be_bound_to_push(provider: Provider, ada: Browser) -> None:
    app = provider.register(trusted=True, require_pushed_authorization_requests=True)
    answer = sent_back(provider.authorize(app, ada), "invalid_request")
    assert "RFC 9126 4" in answer["error_description"]
    assert "code" in answer_of(use(provider, app, ada, pushed(provider, app)))


@pytest.mark.spec("RFC 9126", "7.4")
def test_a_changed_registration_counts_when_the_reference_is_used(provider: Provider, ada: Browser) -> None:
    app = provider.register(trusted=True)
    uri = pushed(provider, app)
    with provider.stores.work():
        provider.services.clients.update(app.id, {"redirect_uris": ["https://photos.example/other"]})
    a_page(use(provider, app, ada, uri))


@pytest.mark.spec("RFC 9101", "10.5")
def test_what_was_pushed_unsigned_is_not_taken_for_signed(provider: Provider, ada: Browser) -> None:
    """Of an app that is bound to sign since then."""
    app = provider.register(trusted=True)
    uri = pushed(provider, app)
    with provider.stores.work():
        provider.services.clients.update(app.id, {"require_signed_request_object": True})
    a_page(use(provider, app, ada, uri))


@pytest.mark.spec("RFC 9126", "5")
def test_an_operator_may_bind_everybody_to_push(database: str) -> None:
    with running(database, require_pushed_requests=True, pushed_request_life=5) as provider:
        ada, app = provider.sign_in(), provider.register(trusted=True)
        sent_back(provider.authorize(app, ada), "invalid_request")
        uri = pushed(provider, app)
        assert "code" in answer_of(use(provider, app, ada, uri))
        uri = pushed(provider, app)
        with provider.clock.later(6):
            a_page(use(provider, app, ada, uri))
        found = answered(provider.get("/.well-known/openid-configuration"))
        assert found["require_pushed_authorization_requests"] is True


@pytest.mark.spec("RFC 9126", "2.3")
def test_who_pushes_without_a_secret_is_braked(alone: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can name a public client, and each request is kept for a while."""
    brake = Brake(b"x" * 16, 2, 60)
    monkeypatch.setattr("idp.oauth.rfc9126_par.pushed_request_brakes", lambda *_: (brake,))
    app = alone.register(token_endpoint_auth_method="none")
    statuses = [push(alone, app).status_code for _ in range(3)]
    assert statuses == [201, 201, 429]
    itself = alone.register(origin=ClientOrigin.DYNAMIC, trusted=True)
    monkeypatch.setattr("idp.oauth.rfc9126_par.pushed_request_brakes", lambda *_: (Brake(b"y" * 16, 1, 60),))
    statuses = [push(alone, itself).status_code for _ in range(2)]
    assert statuses == [201, 429], "a secret that anybody is given for the asking bounds nothing"
    assert push(alone, alone.register()).status_code == 201, "a secret is proof enough"


@pytest.mark.spec("RFC 9126", "5")
def test_discovery_says_where(provider: Provider) -> None:
    found = answered(provider.get("/.well-known/openid-configuration"))
    assert found["pushed_authorization_request_endpoint"] == f"{ISSUER}/par"
    assert found["require_pushed_authorization_requests"] is False
