"""Authorization details beside ``scope`` wherever that stands: device grant, CIBA, token exchange; the account page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.domain.authorization_details import DetailType
from idp.domain.exchange import ExchangePolicy
from idp.storage.detail_types import SqlDetailTypes

from ..provider import App, Browser, Provider, answer_of, answered, claims_of, refused

BANK, DOCTOR = "https://bank.example", "https://doctor.example"
MEMBERS = {"properties": {"actions": {"type": "array"}, "amount": {"type": "string"}}, "required": ["amount"]}
PAY = {"type": "payment", "actions": ["initiate", "status"], "amount": "EUR <b>123.50</b>"}
LESS = {**PAY, "actions": ["status"]}
MORE = {**PAY, "amount": "EUR 9999"}
SEE = {"type": "record"}
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CIBA = "urn:openid:params:grant-type:ciba"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@pytest.fixture(scope="module")
def bank(provider: Provider) -> App:
    policy = ExchangePolicy(targets=(DOCTOR,), impersonation=True)
    server = provider.register("Bank", grant_types=[EXCHANGE], redirect_uris=[], exchange=policy)
    provider.resource(BANK, server, accounts="See your accounts")
    provider.resource(DOCTOR, health="See how you are")
    provider.services.authorization_details.create("payment", BANK, "Make this payment", MEMBERS)
    provider.services.authorization_details.create("record", DOCTOR, "See your record", {})
    return server


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


def asked(*details: Any) -> dict[str, str]:
    return {"authorization_details": json.dumps(details)}


def allow(provider: Provider, browser: Browser, place: str, action: str, *, shown: bool = True) -> str:
    """Press Allow on the page at ``place``, or on the previous version's, which shows no details; what it said."""
    page = provider.visit(browser, place).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None, page
    form = {"csrf_token": html.unescape(found[1]), "decision": "allow"}
    if shown:
        form |= dict(re.findall(r'name="(details_shown)" value="([^"]+)"', page))
    answer = provider.visit(browser, action, method="POST", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303, answer.status
    return page


def says(page: str) -> None:
    assert "Make this payment" in page
    assert "EUR &lt;b&gt;123.50&lt;/b&gt;" in page, "every value, and none of it markup"


# ── the device grant ──────────────────────────────────────────────────────────────────────────────


def tv(provider: Provider, **members: Any) -> App:
    kinds = [DEVICE, "refresh_token"]
    right = {"name": "TV", "redirect_uris": [], "grant_types": kinds, "token_endpoint_auth_method": "none"} | members
    return provider.register(**right)


def poll(provider: Provider, app: App, code: str, **form: str) -> TestResponse:
    return provider.post("/token", {"grant_type": DEVICE, "device_code": code, **form}, app)


@pytest.mark.spec("RFC 9396", "1")
@pytest.mark.spec("RFC 9396", "6")
def test_a_device_asks_and_the_page_says_for_what(provider: Provider, bank: App, ada: Browser) -> None:
    app = tv(provider)
    begun = answered(provider.post("/device_authorization", {"scope": "openid", **asked(PAY, SEE)}, app))
    code = begun["user_code"]
    says(allow(provider, ada, f"/device?user_code={code}", f"/device/answer?user_code={code}"))
    refused(poll(provider, app, begun["device_code"], **asked(MORE)), 400, "invalid_authorization_details")
    tokens = answered(poll(provider, app, begun["device_code"], **asked(LESS)))
    assert tokens["authorization_details"] == [LESS]
    assert claims_of(tokens["access_token"])["authorization_details"] == [LESS]
    assert answered(provider.introspect(bank, tokens["access_token"]))["authorization_details"] == [LESS]
    again = answered(provider.refresh(app, tokens["refresh_token"]))
    assert again["authorization_details"] == [PAY, SEE], "narrowing was for that one answer"
    refused(provider.refresh(app, again["refresh_token"], **asked(MORE)), 400, "invalid_authorization_details")
    shown = provider.visit(ada, "/account/apps").text
    says(shown)
    assert shown.count("See your record") == 1


@pytest.mark.spec("RFC 9396", "5")
@pytest.mark.parametrize("wrong", ["{", "[]", '[{"type": "unknown"}]', '[{"type": "payment"}]'])
def test_what_is_wrong_is_told_at_once(provider: Provider, bank: App, wrong: str) -> None:
    form, screen, asker = {"scope": "openid", "authorization_details": wrong}, tv(provider), till(provider)
    with provider.nothing_changes():
        answer = provider.post("/device_authorization", form, screen)
        refused(answer, 400, "invalid_authorization_details")
        answer = provider.post("/bc-authorize", {**form, "login_hint": "ada@example.com"}, asker)
        refused(answer, 400, "invalid_authorization_details")
    held = tv(provider, authorization_details_types=["record"])
    answer = provider.post("/device_authorization", {"scope": "openid", **asked(PAY)}, held)
    refused(answer, 400, "invalid_authorization_details")


@pytest.mark.spec("RFC 9396", "5")
def test_nobody_allows_what_no_page_can_say(provider: Provider, bank: App, ada: Browser) -> None:
    """A type that has gone, and come again: what was allowed meanwhile was allowed unseen."""
    details, screen = provider.services.authorization_details, tv(provider)
    details.create("passing", BANK, "Do this once", {})
    begun = answered(provider.post("/device_authorization", {"scope": "openid", **asked({"type": "passing"})}, screen))
    form = {"scope": "openid", "login_hint": "ada@example.com", **asked({"type": "passing"})}
    answered(provider.post("/bc-authorize", form, till(provider)))
    place = re.findall(r'href="(/account/requests/[0-9a-f-]{36})"', provider.visit(ada, "/account/requests").text)[-1]
    page = provider.visit(ada, place).text
    assert "Do this once" in page
    details.delete("passing")
    assert provider.visit(ada, f"/device?user_code={begun['user_code']}").status_code == 422
    assert place not in provider.visit(ada, "/account/requests").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    form = {"csrf_token": html.unescape(found[1]), "decision": "allow"}
    with provider.nothing_changes():
        answer = provider.visit(ada, place, method="POST", data=form, headers={"Sec-Fetch-Site": "same-origin"})
        assert "decision=over" in answer.headers["Location"]


@pytest.mark.spec("RFC 9396", "3.1")
def test_a_device_may_ask_for_details_alone(provider: Provider, bank: App, ada: Browser) -> None:
    app = tv(provider)
    begun = answered(provider.post("/device_authorization", asked(PAY), app))
    code = begun["user_code"]
    allow(provider, ada, f"/device?user_code={code}", f"/device/answer?user_code={code}")
    tokens = answered(poll(provider, app, begun["device_code"]))
    assert claims_of(tokens["access_token"])["aud"] == BANK


@pytest.mark.spec("RFC 9396", "7")
def test_what_the_page_did_not_show_has_not_been_granted(provider: Provider, bank: App, ada: Browser) -> None:
    """While two versions run: the request is kept by the one, and approved on a page of the other."""
    app = tv(provider)
    begun = answered(provider.post("/device_authorization", {"scope": "openid", **asked(PAY)}, app))
    code = begun["user_code"]
    allow(provider, ada, f"/device?user_code={code}", f"/device/answer?user_code={code}", shown=False)
    tokens = answered(poll(provider, app, begun["device_code"]))
    assert "authorization_details" not in tokens
    assert "authorization_details" not in claims_of(tokens["access_token"])
    assert not answered(provider.refresh(app, tokens["refresh_token"])).get("authorization_details")


# ── CIBA ──────────────────────────────────────────────────────────────────────────────────────────


def till(provider: Provider) -> App:
    kinds = [CIBA, "refresh_token"]
    return provider.register("Till", redirect_uris=[], grant_types=kinds, backchannel_token_delivery_mode="poll")


@pytest.mark.spec("RFC 9396", "1")
@pytest.mark.spec("CIBA Core", "7.1")
def test_a_request_for_approval_says_for_what(provider: Provider, bank: App, ada: Browser) -> None:
    app = till(provider)
    form = {"scope": "openid", "login_hint": "ada@example.com", **asked(PAY)}
    begun = answered(provider.post("/bc-authorize", form, app))
    listed = provider.visit(ada, "/account/requests").text
    place = re.findall(r'href="(/account/requests/[0-9a-f-]{36})"', listed)[-1]
    says(allow(provider, ada, place, place))
    right = {"grant_type": CIBA, "auth_req_id": begun["auth_req_id"]}
    refused(provider.post("/token", {**right, **asked(MORE)}, app), 400, "invalid_authorization_details")
    tokens = answered(provider.post("/token", right, app))
    assert tokens["authorization_details"] == [PAY]
    assert claims_of(tokens["access_token"])["authorization_details"] == [PAY]
    narrowed = answered(provider.refresh(app, tokens["refresh_token"], **asked(LESS)))
    assert narrowed["authorization_details"] == [LESS]


# ── token exchange ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 9396", "6")
@pytest.mark.spec("RFC 8693", "2.1")
def test_an_exchange_adds_none(provider: Provider, bank: App, ada: Browser) -> None:
    app = provider.register(trusted=True, scope="openid health accounts")
    code = answer_of(provider.authorize(app, ada, scope="openid health", **asked(PAY, SEE)))["code"]
    subject = answered(provider.redeem(app, code))["access_token"]
    form = {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": TOKEN}
    made = answered(provider.post("/token", form, bank))
    assert made["authorization_details"] == [SEE], "what is for the target, and nothing of the others"
    assert claims_of(made["access_token"])["authorization_details"] == [SEE]
    for wrong in (asked(PAY), asked({**SEE, "locations": [DOCTOR]}), asked(MORE)):
        refused(provider.post("/token", {**form, **wrong}, bank), 400, "invalid_authorization_details")
    code = answer_of(provider.authorize(app, ada, scope="openid accounts"))["code"]
    form["subject_token"] = answered(provider.redeem(app, code))["access_token"]
    refused(provider.post("/token", {**form, **asked(SEE)}, bank), 400, "invalid_authorization_details")


# ── the account page ──────────────────────────────────────────────────────────────────────────────


def test_the_account_page_tells_what_lives(both: Provider) -> None:
    both.resource(BANK)
    both.services.authorization_details.create("payment", BANK, "Make this payment", MEMBERS)
    app, ada = both.register(trusted=True), both.sign_in()
    for _ in range(2):
        code = answer_of(both.authorize(app, ada, **asked(PAY)))["code"]
        tokens = answered(both.redeem(app, code))
    page = both.visit(ada, "/account/apps").text
    says(page)
    assert page.count("Make this payment") == 1, "once each"
    with both.stores.work():
        both.services.clients.update(app.id, {"authorization_details_types": ["other"]})
    assert "Make this payment" not in both.visit(ada, "/account/apps").text, "what it may no longer do"
    with both.stores.work():
        both.services.clients.update(app.id, {"authorization_details_types": None})
    says(both.visit(ada, "/account/apps").text)
    assert both.revoke(app, tokens["refresh_token"]).status_code == 200
    assert "Make this payment" not in both.visit(ada, "/account/apps").text, "what has ended"


def test_what_apps_hold_is_looked_up_once_for_all(provider: Provider, bank: App) -> None:
    eve, views = provider.sign_in(provider.person("eve.many@example.com")), provider.services.consents
    for name in ("One", "Two", "Three"):
        app = provider.register(name, trusted=True)
        answered(provider.redeem(app, answer_of(provider.authorize(app, eve, **asked(PAY)))["code"]))
    assert eve.user is not None
    asked_for: list[Sequence[str]] = []
    some = SqlDetailTypes.some

    def counted(kinds: SqlDetailTypes, names: Sequence[str]) -> Mapping[str, DetailType]:
        asked_for.append(names)
        return some(kinds, names)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqlDetailTypes, "some", counted)
        shown = [view.details for view in views.apps(eve.user) if view.details]
    assert [len(details) for details in shown] == [1, 1, 1]
    assert len(asked_for) == 1
