"""CIBA Core 1.0: request, approval page, polling and pings, against a real receiver."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.courier import Courier
from idp.domain.client import ClientOrigin
from idp.domain.outbox import MessageState, Search
from idp.domain.session import EndReason, ThisSession

from ..provider import App, Browser, Provider, answered, claims_of, refused, running
from ..receivers import Receiver

GRANT = "urn:openid:params:grant-type:ciba"
CIBA = "CIBA Core"
SECRET = "n" * 22 + "-notify"
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def idp(database: str) -> Iterator[Provider]:
    """A provider that may deliver to loopback."""
    with running(database, fetch_private_networks=True) as made:
        yield made


@pytest.fixture
def till() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def an_app(provider: Provider, ping: str | None = None, **members: Any) -> App:
    """A till in a shop."""
    mode = {"backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": ping} if ping else {
        "backchannel_token_delivery_mode": "poll"
    }  # fmt: skip
    return provider.register(**{
        "name": "Till", "redirect_uris": [], "grant_types": [GRANT, "refresh_token"], **mode, **members
    })  # fmt: skip


def ask(provider: Provider, app: App, **form: Any) -> TestResponse:
    right = {"scope": "openid", "login_hint": "ada@example.com", "binding_message": "W4-SCT"} | form
    return provider.post("/bc-authorize", {name: value for name, value in right.items() if value is not None}, app)


def poll(provider: Provider, app: App, code: str) -> TestResponse:
    return provider.post("/token", {"grant_type": GRANT, "auth_req_id": code}, app)


def decide(provider: Provider, browser: Browser, decision: str = "allow", message: str = "W4-SCT") -> TestResponse:
    """From the list to the request, and its button."""
    listed = provider.visit(browser, "/account/requests")
    assert message in listed.text
    found = re.search(r'href="(/account/requests/[0-9a-f-]{36})"', listed.text)
    assert found is not None
    page = provider.visit(browser, found[1])
    assert message in page.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    form = {"csrf_token": html.unescape(token[1]), "decision": decision}
    return provider.visit(browser, found[1], method="POST", data=form, headers=OURS)


def deliver(provider: Provider) -> None:
    Courier(provider.flask.extensions["idp"].deliveries, 4).drain(threading.Event())


# ── the request ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec(CIBA, "7.3")
def test_from_the_request_to_the_tokens(idp: Provider) -> None:
    app, browser = an_app(idp), idp.sign_in()
    begun = answered(ask(idp, app))
    assert set(begun) == {"auth_req_id", "expires_in", "interval"}
    assert (len(begun["auth_req_id"]), begun["expires_in"], begun["interval"]) == (43, 600, 5)
    refused(poll(idp, app, begun["auth_req_id"]), 400, "authorization_pending")
    refused(poll(idp, app, begun["auth_req_id"]), 400, "slow_down")
    assert decide(idp, browser).status_code == 303
    tokens = answered(poll(idp, app, begun["auth_req_id"]))
    assert browser.user
    assert claims_of(tokens["id_token"])["sub"] == str(browser.user.id)
    assert claims_of(tokens["id_token"])["aud"] == app.id
    assert idp.active(app, tokens["access_token"])
    assert answered(idp.refresh(app, tokens["refresh_token"]))
    refused(poll(idp, app, begun["auth_req_id"]), 400, "invalid_grant")


@pytest.mark.spec(CIBA, "7.1")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": None}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"login_hint": None}, "invalid_request"),
        ({"id_token_hint": "x"}, "invalid_request"),
        ({"login_hint": None, "login_hint_token": "x"}, "invalid_request"),
        ({"login_hint": None, "id_token_hint": "x"}, "invalid_request"),
        ({"login_hint": "nobody@example.com"}, "unknown_user_id"),
        ({"binding_message": "a\u0007b"}, "invalid_binding_message"),
        ({"binding_message": "a\u202eb"}, "invalid_binding_message"),
        ({"binding_message": "x" * 101}, "invalid_binding_message"),
        ({"requested_expiry": "0"}, "invalid_request"),
        ({"requested_expiry": "-1"}, "invalid_request"),
        ({"requested_expiry": "soon"}, "invalid_request"),
        ({"request": "a.b.c"}, "invalid_request"),
        ({"resource": "https://unknown.example"}, "invalid_target"),
    ],
)
def test_what_is_refused(provider: Provider, form: dict[str, Any], error: str) -> None:
    app = an_app(provider)
    with provider.nothing_changes():
        refused(ask(provider, app, **form), 400, error)


@pytest.mark.spec(CIBA, "13")
def test_who_may_not_ask(provider: Provider) -> None:
    refused(ask(provider, provider.register()), 400, "unauthorized_client")
    refused(ask(provider, an_app(provider, origin=ClientOrigin.DYNAMIC)), 400, "unauthorized_client")
    app = an_app(provider)
    refused(ask(provider, replace(app, secret="wrong")), 401, "invalid_client")


def test_nobody_is_asked_who_could_not_answer(alone: Provider) -> None:
    app, ada = an_app(alone), alone.person()
    alone.stores.users.save(replace(ada, email_verified=False))
    refused(ask(alone, app), 400, "unknown_user_id")
    alone.stores.users.save(ada)
    with alone.stores.work():
        alone.services.accounts.disable(ada)
    refused(ask(alone, app), 400, "unknown_user_id")


def test_a_hint_by_id_token(idp: Provider) -> None:
    app, browser = (
        an_app(idp, grant_types=[GRANT, "authorization_code"], redirect_uris=["https://photos.example/callback"]),
        idp.sign_in(),
    )
    mine = idp.tokens(app, browser)["id_token"]
    assert answered(ask(idp, app, login_hint=None, id_token_hint=mine))
    foreign = idp.tokens(idp.register(), browser)["id_token"]
    refused(ask(idp, app, login_hint=None, id_token_hint=foreign), 400, "invalid_request")


@pytest.mark.spec(CIBA, "7.1")
def test_a_shorter_wait_may_be_asked_for(idp: Provider) -> None:
    app = an_app(idp)
    begun = answered(ask(idp, app, requested_expiry="30"))
    assert begun["expires_in"] == 30
    assert answered(ask(idp, app, requested_expiry="999999"))["expires_in"] == 600
    with idp.clock.later(31):
        refused(poll(idp, app, begun["auth_req_id"]), 400, "expired_token")


def test_nobody_is_asked_without_end(alone: Provider) -> None:
    app = an_app(alone)
    assert [ask(alone, app).status_code for _ in range(32)] == [200] * 30 + [429] * 2


# ── registration and discovery ────────────────────────────────────────────────────────────────────


@pytest.mark.spec(CIBA, "4")
def test_discovery_says_so(provider: Provider) -> None:
    document = answered(provider.get("/.well-known/openid-configuration"))
    assert document["backchannel_authentication_endpoint"] == "https://id.example/bc-authorize"
    assert document["backchannel_token_delivery_modes_supported"] == ["poll", "ping"]
    assert document["backchannel_user_code_parameter_supported"] is False
    assert GRANT in document["grant_types_supported"]


@pytest.mark.spec(CIBA, "4")
@pytest.mark.parametrize(
    "members",
    [
        {},
        {"backchannel_token_delivery_mode": "push"},
        {"backchannel_token_delivery_mode": "ping"},
        {"backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": "http://a.example/"},
        {"backchannel_token_delivery_mode": "poll", "backchannel_user_code_parameter": True},
        {"backchannel_token_delivery_mode": "poll", "backchannel_authentication_request_signing_alg": "ES256"},
        {"backchannel_token_delivery_mode": "poll", "backchannel_authentication_request_signing_alg": "HS256"},
        {"backchannel_token_delivery_mode": "poll", "token_endpoint_auth_method": "none"},
    ],
)
def test_what_cannot_be_registered(provider: Provider, members: dict[str, Any]) -> None:
    document = {"grant_types": [GRANT], "redirect_uris": []} | members
    answer = provider.http.post("/register", base_url=provider.base, json=document)
    refused(answer, 400, "invalid_client_metadata")


PAIRWISE = {
    "grant_types": [GRANT], "redirect_uris": [], "backchannel_token_delivery_mode": "poll", "subject_type": "pairwise",
    "jwks_uri": "https://till.example/keys", "token_endpoint_auth_method": "private_key_jwt",
}  # fmt: skip


@pytest.mark.spec(CIBA, "4.1")
def test_pairwise_names_by_the_host_of_the_keys(provider: Provider) -> None:
    both = [provider.register(**PAIRWISE), provider.register(**PAIRWISE | {"jwks_uri": "https://till.example/others"})]
    other = provider.register(**PAIRWISE | {"jwks_uri": "https://other.example/keys"})
    subject, ada = provider.services.subjects.subject, provider.person().id
    assert subject(ada, both[0].client) == subject(ada, both[1].client) != subject(ada, other.client)
    signing = {"token_endpoint_auth_method": "client_secret_basic"}
    assert provider.register(**PAIRWISE | signing | {"backchannel_authentication_request_signing_alg": "ES256"})


@pytest.mark.spec(CIBA, "4.1")
@pytest.mark.parametrize(
    "members",
    [
        {"jwks_uri": None, "jwks": {"keys": []}},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"redirect_uris": ["https://elsewhere.example/cb"], "grant_types": [GRANT, "authorization_code"]},
    ],
)
def test_keys_that_prove_no_host(provider: Provider, members: dict[str, Any]) -> None:
    document = {name: value for name, value in (PAIRWISE | members).items() if value is not None}
    refused(provider.http.post("/register", base_url=provider.base, json=document), 400, "invalid_client_metadata")


# ── the page ──────────────────────────────────────────────────────────────────────────────────────


def test_a_denied_request_stays_denied(idp: Provider) -> None:
    app, browser = an_app(idp), idp.sign_in()
    begun = answered(ask(idp, app))
    decide(idp, browser, "cancel")
    refused(poll(idp, app, begun["auth_req_id"]), 400, "access_denied")
    assert "W4-SCT" not in idp.visit(browser, "/account/requests").text


def test_nobody_decides_for_another(idp: Provider) -> None:
    app, bob = an_app(idp), idp.sign_in(idp.person("bob@example.com"))
    begun = answered(ask(idp, app))
    ada = idp.person()
    (waiting,) = idp.services.polling.waiting_for(ada)
    assert "W4-SCT" not in idp.visit(bob, "/account/requests").text
    place = f"/account/requests/{waiting.id}"
    assert idp.visit(bob, place).headers["Location"] == "/account/requests?decision=over"
    assert idp.visit(None, place).headers["Location"].startswith("/login")
    token = re.search(r'name="csrf_token" value="([^"]+)"', idp.visit(bob, "/account").text)
    assert token is not None
    form = {"csrf_token": html.unescape(token[1]), "decision": "allow"}
    idp.visit(bob, place, method="POST", data=form, headers=OURS)
    idp.visit(idp.sign_in(), place, method="POST", data={"decision": "allow"})
    idp.visit(idp.sign_in(), f"{place}?decision=allow")
    refused(poll(idp, app, begun["auth_req_id"]), 400, "authorization_pending")


def test_the_person_is_told_by_mail(idp: Provider) -> None:
    ask(idp, an_app(idp))
    (mail,) = idp.stores.outbox.list(Search(kind="mail"), 10)
    assert mail.payload["template"] == "approval_wanted"
    assert "W4-SCT" not in json.dumps(dict(mail.payload)), "the app's words do not go out under our name"


# ── redemption ────────────────────────────────────────────────────────────────────────────────────


def test_another_client_gets_nothing(idp: Provider) -> None:
    """Also of an app that the same person uses."""
    app, other, browser = an_app(idp), an_app(idp), idp.sign_in()
    idp.consent(idp.person(), other)
    begun = answered(ask(idp, app))
    decide(idp, browser)
    refused(poll(idp, other, begun["auth_req_id"]), 400, "invalid_grant")
    assert answered(poll(idp, app, begun["auth_req_id"]))


@pytest.mark.promise("P4")
def test_of_polls_at_once_one_gets_tokens(idp: Provider) -> None:
    app, browser = an_app(idp), idp.sign_in()
    begun = answered(ask(idp, app))
    decide(idp, browser)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: poll(idp, app, begun["auth_req_id"]).status_code, range(10)))
    assert sorted(answers) == [200] + [400] * 9


@pytest.mark.promise("P1")
@pytest.mark.parametrize("before", [True, False])
def test_it_ends_with_the_session_it_was_approved_in(idp: Provider, before: bool) -> None:
    app, browser = an_app(idp), idp.sign_in()
    begun = answered(ask(idp, app))
    decide(idp, browser)
    tokens = None if before else answered(poll(idp, app, begun["auth_req_id"]))
    assert browser.session
    with idp.stores.work():
        idp.services.sessions.end_session(ThisSession(browser.session.id), EndReason.SIGNED_OUT, by="user")
    if tokens is None:
        refused(poll(idp, app, begun["auth_req_id"]), 400, "invalid_grant")
    else:
        assert not idp.active(app, tokens["access_token"])
        refused(idp.refresh(app, tokens["refresh_token"]), 400, "invalid_grant")


# ── pings ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec(CIBA, "10.2")
@pytest.mark.parametrize("decision", ["allow", "cancel"])
def test_a_ping_says_that_the_person_has_decided(idp: Provider, till: Receiver, decision: str) -> None:
    app, browser = an_app(idp, till.uri("/ping")), idp.sign_in()
    begun = answered(ask(idp, app, client_notification_token=SECRET))
    deliver(idp)
    assert not till.at("/ping")
    decide(idp, browser, decision)
    deliver(idp)
    (arrival,) = till.at("/ping")
    assert arrival.headers["Authorization"] == f"Bearer {SECRET}"
    assert arrival.headers["Content-Type"] == "application/json"
    assert json.loads(arrival.body) == {"auth_req_id": begun["auth_req_id"]}
    answer = poll(idp, app, begun["auth_req_id"])
    assert answer.status_code == (200 if decision == "allow" else 400)


@pytest.mark.promise("P7")
def test_what_the_ping_needs_lies_nowhere_in_the_clear(idp: Provider, till: Receiver) -> None:
    app, browser = an_app(idp, till.uri("/ping")), idp.sign_in()
    begun = answered(ask(idp, app, client_notification_token=SECRET))
    decide(idp, browser)
    kept = repr(idp.rows())
    assert SECRET not in kept
    assert begun["auth_req_id"] not in kept


@pytest.mark.spec(CIBA, "7.1")
def test_a_notification_token_may_be_as_long_as_1024_characters(idp: Provider, till: Receiver) -> None:
    app = an_app(idp, till.uri("/ping"))
    for longest in ("n" * 1024, "n" * 1022 + "==", "n-._~+/0" * 3):
        assert answered(ask(idp, app, client_notification_token=longest))


@pytest.mark.spec(CIBA, "7.1")
@pytest.mark.parametrize(
    "token", [None, "short", "n" * 1025, "n" * 1000 + "=" * 25, "n=" * 20, "with space " * 5, "ü" * 30]
)
def test_a_ping_client_sends_its_token(idp: Provider, till: Receiver, token: str | None) -> None:
    app = an_app(idp, till.uri("/ping"))
    refused(ask(idp, app, client_notification_token=token), 400, "invalid_request")


def test_a_ping_that_fails_is_sent_again_until_the_request_has_expired(idp: Provider, till: Receiver) -> None:
    till.statuses["/ping"] = 503
    app, browser = an_app(idp, till.uri("/ping")), idp.sign_in()
    ask(idp, app, client_notification_token=SECRET)
    decide(idp, browser)
    deliver(idp)
    (ping,) = idp.stores.outbox.list(Search(kind="ciba_ping"), 10)
    assert (ping.state, ping.last_error) == (MessageState.WAITING, "status 503")
    with idp.clock.later(700):
        deliver(idp)
    assert idp.stores.outbox.list(Search(kind="ciba_ping"), 10)[0].state is MessageState.GAVE_UP
    assert len(till.at("/ping")) == 1
