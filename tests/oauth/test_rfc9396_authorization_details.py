"""Rich authorization requests from the request over the person to the token and its introspection."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest

from ..provider import ISSUER, App, Browser, Provider, answer_of, answered, claims_of, refused, sent_back

BANK = "https://bank.example"
DOCTOR = "https://doctor.example"
MEMBERS = {
    "properties": {
        "actions": {"type": "array"}, "amount": {"type": "string"}, "note": {"type": "string"},
    },
    "required": ["amount"],
}  # fmt: skip
PAY = {"type": "payment", "actions": ["initiate", "status"], "amount": "EUR 123.50"}
SEE = {"type": "record", "locations": [DOCTOR]}


@pytest.fixture(scope="module")
def bank(provider: Provider) -> App:
    server = provider.register("Bank", grant_types=["client_credentials"], redirect_uris=[])
    provider.resource(BANK, server, accounts="See your accounts")
    provider.resource(DOCTOR)
    create = provider.services.authorization_details.create
    create("payment", BANK, "Make this payment", MEMBERS)
    create("record", DOCTOR, "See your record", {})
    return server


@pytest.fixture(scope="module")
def app(provider: Provider, bank: App) -> App:
    return provider.register(trusted=True, scope="openid email accounts")


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


def asked(*details: Any) -> dict[str, str]:
    return {"authorization_details": json.dumps(details)}


def granted(provider: Provider, app: App, ada: Browser, *details: Any, **changes: Any) -> dict[str, Any]:
    code = answer_of(provider.authorize(app, ada, **asked(*details), **changes))["code"]
    return answered(provider.redeem(app, code))


# ── asking ────────────────────────────────────────────────────────────────────────────────────────

WRONG: dict[str, str] = {
    "no JSON": "{", "an object": json.dumps(PAY), "empty": "[]", "a text": '["payment"]',
    "no type": '[{"amount": "1"}]',
    "type is a number": '[{"type": 1}]', "unknown type": '[{"type": "transfer"}]',
    "a member is missing": '[{"type": "payment"}]', "unknown member": json.dumps([{**PAY, "iban": "DE02"}]),
    "one is wrong": json.dumps([PAY, {"type": "x"}]), "too many": json.dumps([PAY] * 21), "deep": "[" * 3000,
    "long": json.dumps([{**PAY, "note": "x" * 5000}]), "a NUL": '[{"type": "payment", "amount": "a\\u0000b"}]',
    "half a character": '[{"type": "payment", "amount": "\\ud800"}]',
    "infinite": '[{"type": "payment", "amount": 1e999}]',
    "another's place": json.dumps([{**SEE, "locations": [BANK]}]),
}  # fmt: skip


@pytest.mark.promise("P8")
@pytest.mark.spec("RFC 9396", "5")
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_to_the_app(provider: Provider, app: App, ada: Browser, case: str) -> None:
    with provider.nothing_changes():
        answer = provider.authorize(app, ada, authorization_details=WRONG[case])
        sent_back(answer, "invalid_authorization_details")
        form = provider.request(app, authorization_details=WRONG[case])
        refused(provider.post("/par", form, app), 400, "invalid_authorization_details")


@pytest.mark.spec("RFC 9396", "10")
def test_a_client_is_held_to_the_types_it_registered(provider: Provider, bank: App, ada: Browser) -> None:
    app = provider.register(trusted=True, authorization_details_types=["record"])
    assert "code" in answer_of(provider.authorize(app, ada, **asked(SEE)))
    sent_back(provider.authorize(app, ada, **asked(PAY)), "invalid_authorization_details")


# ── the person ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 9396", "3")
def test_a_person_reads_every_value_and_is_asked_every_time(provider: Provider, bank: App, ada: Browser) -> None:
    app = provider.register("Shop")
    assert ada.user
    provider.consent(ada.user, app)
    note = "<script>alert(1)</script>"
    for _ in range(2):
        there = provider.authorize(app, ada, **asked({**PAY, "note": note})).headers["Location"]
        assert there.startswith("/consent?")
        page = provider.visit(ada, there).text
        rows = re.findall("<dt><bdi>([^<]*)</bdi></dt><dd><bdi>([^<]*)</bdi>", page)
        assert "Make this payment" in page
        assert "EUR 123.50" in page
        assert [value for term, value in rows if term.startswith("actions")] == ["initiate", "status"]
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
    sent_back(provider.authorize(app, ada, prompt="none", **asked(PAY)), "consent_required")
    assert "code" in answer_of(provider.authorize(app, ada)), "the scopes were allowed before"


@pytest.mark.spec("RFC 9396", "5")
@pytest.mark.parametrize("when", ["before the page", "before the answer", "after the answer"])
def test_a_type_that_goes_meanwhile_is_refused_and_not_left_out(alone: Provider, when: str) -> None:
    """Nobody is asked for less than was sent, and nothing waits for a type of the same name."""
    alone.resource(DOCTOR)
    details = alone.services.authorization_details
    details.create("record", DOCTOR, "See your record", {})
    app, ada = alone.register(), alone.sign_in()

    def lose(moment: str) -> None:
        if moment == when:
            details.delete("record")

    there = alone.authorize(app, ada, **asked(SEE)).headers["Location"]
    lose("before the page")
    page = alone.visit(ada, there)
    lose("before the answer")
    resume = page.headers.get("Location")
    if resume is None:
        token = re.search('name="csrf_token" value="([^"]*)"', page.text)
        assert token is not None
        form = {"csrf_token": token[1], "decision": "allow"}
        posted = alone.visit(ada, there, method="POST", data=form, headers={"Origin": ISSUER})
        resume = posted.headers["Location"]
    lose("after the answer")
    assert answer_of(alone.visit(ada, resume))["error"] == "invalid_authorization_details"


# ── the token ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 9396", "7")
@pytest.mark.spec("RFC 9396", "9.1")
def test_what_was_granted_is_in_the_answer_and_in_the_token(provider: Provider, app: App, ada: Browser) -> None:
    tokens = granted(provider, app, ada, PAY, SEE)
    assert tokens["authorization_details"] == [PAY, SEE]
    claims = claims_of(tokens["access_token"])
    assert claims["authorization_details"] == [PAY, SEE]
    assert {BANK, DOCTOR} <= set(claims["aud"])


@pytest.mark.spec("RFC 9396", "3.1")
def test_details_may_stand_without_scope(provider: Provider, app: App, ada: Browser) -> None:
    tokens = granted(provider, app, ada, PAY, scope=None)
    assert claims_of(tokens["access_token"])["aud"] == BANK


@pytest.mark.spec("RFC 9396", "3.2")
def test_resource_has_no_say_in_the_details(provider: Provider, app: App, ada: Browser) -> None:
    tokens = granted(provider, app, ada, PAY, resource=DOCTOR)
    assert set(claims_of(tokens["access_token"])["aud"]) == {DOCTOR, BANK}


@pytest.mark.spec("RFC 9396", "6")
def test_a_token_request_may_narrow(provider: Provider, app: App, ada: Browser) -> None:
    code = answer_of(provider.authorize(app, ada, **asked(PAY, SEE)))["code"]
    less = {**PAY, "actions": ["status"]}
    refused(provider.redeem(app, code, **asked({**PAY, "amount": "EUR 9999"})), 400, "invalid_authorization_details")
    refused(provider.redeem(app, code, authorization_details="junk"), 400, "invalid_authorization_details")
    tokens = answered(provider.redeem(app, code, **asked(less)))
    assert tokens["authorization_details"] == [less]
    assert DOCTOR not in claims_of(tokens["access_token"])["aud"]
    again = answered(provider.refresh(app, tokens["refresh_token"]))
    assert again["authorization_details"] == [PAY, SEE], "narrowing was for that one answer"
    more = provider.refresh(app, again["refresh_token"], **asked({**PAY, "actions": ["initiate", "cancel"]}))
    refused(more, 400, "invalid_authorization_details")
    narrowed = answered(provider.refresh(app, again["refresh_token"], **asked(SEE)))
    assert narrowed["authorization_details"] == [SEE]
    assert claims_of(narrowed["access_token"])["aud"] != BANK


@pytest.mark.spec("RFC 8707", "2.2")
def test_a_token_for_one_api_holds_what_is_for_that_api(provider: Provider, app: App, ada: Browser) -> None:
    code = answer_of(provider.authorize(app, ada, **asked(PAY, SEE)))["code"]
    tokens = answered(provider.redeem(app, code, resource=BANK))
    assert claims_of(tokens["access_token"])["aud"] == BANK
    assert tokens["authorization_details"] == [PAY]
    only = answered(provider.refresh(app, tokens["refresh_token"], resource=DOCTOR))
    assert only["authorization_details"] == [SEE]


@pytest.mark.spec("RFC 9396", "9.2")
def test_an_api_is_told_of_its_own_types(provider: Provider, app: App, ada: Browser, bank: App) -> None:
    tokens = granted(provider, app, ada, PAY, SEE)
    assert answered(provider.introspect(bank, tokens["access_token"]))["authorization_details"] == [PAY]
    assert answered(provider.introspect(app, tokens["access_token"]))["authorization_details"] == [PAY, SEE]
    assert answered(provider.introspect(app, tokens["refresh_token"]))["authorization_details"] == [PAY, SEE]


def test_without_details_nothing_is_said_of_them(provider: Provider, app: App, ada: Browser) -> None:
    tokens = answered(provider.redeem(app, answer_of(provider.authorize(app, ada))["code"]))
    assert "authorization_details" not in tokens
    assert "authorization_details" not in claims_of(tokens["access_token"])
    code = answer_of(provider.authorize(app, ada))["code"]
    refused(provider.redeem(app, code, **asked(PAY)), 400, "invalid_authorization_details")


@pytest.mark.spec("RFC 9396", "6")
def test_a_client_for_itself(provider: Provider, bank: App) -> None:
    grants: dict[str, Any] = {"grant_types": ["client_credentials"], "redirect_uris": [], "scope": "accounts"}
    able = provider.register("Payer", authorization_details_types=["payment"], **grants)
    assert answered(provider.credentials(able, **asked(PAY)))["authorization_details"] == [PAY]
    refused(provider.credentials(able, **asked(SEE)), 400, "invalid_authorization_details")
    unable = provider.register("Other", **grants)
    refused(provider.credentials(unable, **asked(PAY)), 400, "invalid_authorization_details")


def test_pushed_details_are_kept(provider: Provider, app: App, ada: Browser) -> None:
    pushed = provider.post("/par", provider.request(app, **asked(PAY)), app).json
    assert pushed
    query = urlencode({"client_id": app.id, "request_uri": pushed["request_uri"], **asked(SEE)})
    code = sent_back(provider.visit(ada, "/authorize?" + query))["code"]
    assert answered(provider.redeem(app, code))["authorization_details"] == [PAY]


def test_of_a_deleted_type_nothing_is_left(provider: Provider, app: App, ada: Browser, bank: App) -> None:
    provider.services.authorization_details.create("draft", BANK, "See drafts", {})
    tokens = granted(provider, app, ada, PAY, {"type": "draft"})
    assert len(tokens["authorization_details"]) == 2
    provider.services.authorization_details.delete("draft")
    again = answered(provider.refresh(app, tokens["refresh_token"]))
    assert again["authorization_details"] == [PAY]


def test_a_type_that_the_client_lost_is_in_no_new_token(provider: Provider, bank: App, ada: Browser) -> None:
    """security.md D: the registration is read anew on every use."""
    app = provider.register(trusted=True, authorization_details_types=["payment", "record"])
    tokens = granted(provider, app, ada, PAY, SEE)
    with provider.stores.work():
        provider.services.clients.update(app.id, {"authorization_details_types": ["record"]})
    again = answered(provider.refresh(app, tokens["refresh_token"]))
    assert again["authorization_details"] == [SEE]
    assert BANK not in claims_of(again["access_token"])["aud"]


@pytest.mark.spec("RFC 9396", "10")
def test_discovery_lists_the_types(alone: Provider) -> None:
    alone.resource(BANK)
    alone.services.authorization_details.create("payment", BANK, "Make this payment", MEMBERS)
    found = answered(alone.get("/.well-known/oauth-authorization-server"))
    assert found["authorization_details_types_supported"] == ["payment"]
