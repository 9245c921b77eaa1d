"""UserInfo: whose token, where it stands, and what is told (OpenID Connect Core 5.3, RFC 6750; security.md D)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ..provider import API, App, Browser, Provider, answer_of, answered, claims_of, refused, sent_back


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


@pytest.fixture(scope="module")
def token(provider: Provider, app: App, ada: Browser) -> str:
    return str(provider.tokens(app, ada, scope="openid profile email")["access_token"])


def challenged(response: TestResponse, status: int = 401, error: str = "invalid_token") -> None:
    """RFC 6750 section 3."""
    refused(response, status, error)
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="idp"')
    assert f'error="{error}"' in challenge


@pytest.mark.spec("OpenID Connect Core 1.0", "5.3.1")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_header_by_get_and_by_post(provider: Provider, token: str, ada: Browser, scheme: str) -> None:
    assert ada.user
    for method in ("GET", "POST"):
        headers = {"Authorization": f"{scheme} {token}", "Accept": "application/jwt, application/json"}
        response = provider.http.open("/userinfo", base_url=provider.base, method=method, headers=headers)
        found = answered(response)
        assert response.mimetype == "application/json"
        assert found["sub"] == str(ada.user.id)
        assert found["email"] == "ada@example.com"
        assert found["email_verified"] is True
        assert found["name"] == "Ada Lovelace"
        assert "phone_number" not in found
        assert "address" not in found


@pytest.mark.spec("RFC 6750", "2.2")
def test_the_body_of_a_post(provider: Provider, token: str) -> None:
    assert answered(provider.post("/userinfo", {"access_token": token}))["sub"]


@pytest.mark.spec("RFC 6750", "3")
def test_without_a_token_there_is_a_challenge_without_an_error(provider: Provider, ada: Browser) -> None:
    for response in (provider.get("/userinfo"), provider.visit(ada, "/userinfo")):  # no cookie is read here
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="idp", DPoP ')


@pytest.mark.spec("RFC 6750", "2.3")
def test_never_in_the_query(provider: Provider, token: str) -> None:
    challenged(provider.get(f"/userinfo?access_token={token}"), 400, "invalid_request")
    header = {"Authorization": f"Bearer {token}"}
    challenged(provider.get(f"/userinfo?access_token={token}", **header), 400, "invalid_request")


@pytest.mark.spec("RFC 6750", "2")
def test_never_twice(provider: Provider, token: str) -> None:
    both = provider.post("/userinfo", {"access_token": token}, headers={"Authorization": f"Bearer {token}"})
    challenged(both, 400, "invalid_request")
    refused(provider.post("/userinfo", {"access_token": [token, token]}), 400, "invalid_request")


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    ("header", "status", "error"),
    [("Bearer", 401, "invalid_token"), ("Bearer ", 401, "invalid_token"), ("Bearer a b", 401, "invalid_token"),
     ("Bearer é", 401, "invalid_token"), ("Bearer " + "x" * 9000, 401, "invalid_token"),
     ("Bearer x.y.z", 401, "invalid_token"), ("Bearer rt_" + "A" * 75, 401, "invalid_token"),
],
)  # fmt: skip
def test_what_is_no_token(provider: Provider, header: str, status: int, error: str) -> None:
    """CVE-2026-9803: a malformed Bearer was a 500."""
    with provider.nothing_changes():
        challenged(provider.get("/userinfo", Authorization=header), status, error)


def test_other_tokens_of_ours_are_none(provider: Provider, app: App, ada: Browser) -> None:
    tokens = provider.tokens(app, ada)
    for name in ("id_token", "refresh_token"):
        challenged(provider.userinfo(tokens[name]))


@pytest.mark.spec("RFC 6750", "3.1")
def test_a_token_without_openid_is_not_enough(provider: Provider, app: App, ada: Browser) -> None:
    response = provider.userinfo(provider.tokens(app, ada, scope="email")["access_token"])
    challenged(response, 403, "insufficient_scope")
    assert 'scope="openid"' in response.headers["WWW-Authenticate"]


@pytest.mark.spec("ASVS", "10.3.1")
def test_a_token_for_another_audience_is_refused(provider: Provider, ada: Browser) -> None:
    provider.resource(API, photos_read="See your photos")
    app = provider.register(trusted=True)
    scope = "openid photos:read"
    challenged(provider.userinfo(provider.tokens(app, ada, scope=scope, resource=API)["access_token"]))
    assert provider.userinfo(provider.tokens(app, ada, scope=scope)["access_token"]).status_code == 200


@pytest.mark.promise("P1")
def test_a_token_of_an_ended_session_is_refused_though_it_has_not_expired(both: Provider) -> None:
    app, ada = both.register(), both.sign_in()
    token = both.tokens(app, ada)["access_token"]
    assert both.userinfo(token).status_code == 200
    both.revoke(app, token)
    challenged(both.userinfo(token))


def test_an_expired_token_is_refused(provider: Provider, app: App, ada: Browser) -> None:
    token = provider.tokens(app, ada)["access_token"]
    with provider.clock.later(901):
        challenged(provider.userinfo(token))


def test_a_change_of_the_person_shows_at_once(provider: Provider, app: App) -> None:
    bob = provider.person("bob@example.com")
    token = provider.tokens(app, provider.sign_in(bob), scope="openid profile email")["access_token"]
    provider.stores.users.save(replace(bob, claims={"name": "Robert", "sub": "forged"}, email_verified=False))
    found = provider.userinfo(token).json
    assert (found["name"], found["email_verified"], found["sub"]) == ("Robert", False, str(bob.id))


@pytest.mark.spec("OpenID Connect Core 1.0", "5.5")
@pytest.mark.parametrize(
    ("claims", "names"),
    [
        ('{"userinfo":{"email":null}}', {"email"}),
        ('{"userinfo":{"email":{"essential":true},"name":null,"unknown":null,"sid":null}}', {"email", "name"}),
        ('{"id_token":{"email":null}}', set()),
        ('{"userinfo":{},"other":{"email":null}}', set()),
    ],
)
def test_claims_asked_for_one_by_one(provider: Provider, app: App, ada: Browser, claims: str, names: set[str]) -> None:
    assert ada.user
    provider.consent(ada.user, app, "openid profile email")
    tokens: dict[str, Any] = provider.tokens(app, ada, scope="openid", claims=claims)
    assert set(provider.userinfo(tokens["access_token"]).json) == {"sub", *names}
    later = answered(provider.refresh(app, tokens["refresh_token"]))
    assert set(provider.userinfo(later["access_token"]).json) == {"sub", *names}


@pytest.mark.spec("OpenID Connect Core 1.0", "5.5")
@pytest.mark.spec("ASVS", "10.7.1")
@pytest.mark.parametrize("claims", ['{"userinfo":{"email":null}}', '{"id_token":{"phone_number":{"essential":true}}}'])
def test_single_claims_are_asked_for_at_consent(alone: Provider, claims: str) -> None:
    """``claims`` is another way of asking, not a way around being asked: silently it earns nothing."""
    app, bob = alone.register(), alone.sign_in()
    assert bob.user
    alone.consent(bob.user, app, "openid")
    silent = answer_of(alone.authorize(app, bob, scope="openid", claims=claims, prompt="none"))
    assert silent["error"] == "consent_required"
    page = alone.visit(bob, alone.authorize(app, bob, scope="openid", claims=claims).headers["Location"])
    assert ("email address" if "email" in claims else "phone number") in page.get_data(as_text=True)


@pytest.mark.spec("ASVS", "10.4.11")
def test_single_claims_beyond_the_registration_are_left_out(alone: Provider) -> None:
    narrow, ada = alone.register(scope="openid"), alone.sign_in()
    tokens = alone.tokens(narrow, ada, scope="openid", claims='{"userinfo":{"email":null,"name":null}}')
    assert set(alone.userinfo(tokens["access_token"]).json) == {"sub"}


@pytest.mark.spec("RFC 6750", "3.1")
@pytest.mark.parametrize("header", ["Basic YTpi", "DPoP", "x"])
def test_another_scheme_is_challenged_without_an_error_code(provider: Provider, header: str) -> None:
    response = provider.get("/userinfo", Authorization=header)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="idp"'


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods(provider: Provider, method: str) -> None:
    response = provider.http.open("/userinfo", base_url=provider.base, method=method)
    assert response.status_code == 405
    assert response.json["error"] == "invalid_request"


@pytest.mark.spec("OpenID Connect Core 1.0", "5.5.1")
@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"email": {"value": "ada@example.com"}}, {"email"}),
        ({"email": {"value": "eve@example.com"}}, set()),
        ({"email": {"essential": True, "value": "eve@example.com"}}, set()),
        ({"email": {"values": ["eve@example.com", "ada@example.com"]}}, {"email"}),
        ({"email": {"values": [7, ["ada@example.com"]]}}, set()),
        ({"email_verified": {"value": True}}, {"email_verified"}),
        ({"email_verified": {"value": False}}, set()),
        ({"email_verified": {"value": 1}}, set()),
        ({"email_verified": {"value": "true"}}, set()),
        ({"nickname": {"value": "x"}, "email": None}, {"email"}),
    ],
)
def test_a_claim_with_a_value_is_told_if_it_is_that(
    provider: Provider, ada: Browser, wish: dict[str, Any], told: set[str]
) -> None:
    app = provider.register(trusted=True)
    asked = json.dumps({"userinfo": wish, "id_token": wish})
    tokens = answered(
        provider.redeem(app, answer_of(provider.authorize(app, ada, scope="openid", claims=asked))["code"])
    )
    for found in (tokens, answered(provider.refresh(app, tokens["refresh_token"]))):
        names = set(answered(provider.userinfo(found["access_token"]))) - {"sub"}
        assert names == told
        assert {"email", "email_verified", "nickname"} & set(claims_of(found["id_token"])) == told
        assert claims_of(found["access_token"]).get("userinfo_claims", []) == sorted(told)


# ── what a token can carry ────────────────────────────────────────────────────────────────────────


def tagged(length: int, names: int = 50) -> str:
    """``claims`` that asks for as much as one request may, in languages whose tags are so long."""
    tags = [f"en-{number:08}-{'x' * 8}-{'x' * 8}-{'x' * 8}"[:length] for number in range(names)]
    return json.dumps({"userinfo": {f"family_name#{tag}": None for tag in tags}})


@pytest.mark.spec("OpenID Connect Core 1.0", "5.2")
def test_a_token_that_we_issue_is_one_that_we_read(provider: Provider, ada: Browser) -> None:
    """With as many claims in as many languages as are let in, and the longest state of everything else."""
    app = provider.register(trusted=True)
    locales = " ".join(f"de-{number:08}-{'x' * 8}-{'x' * 8}" for number in range(10))
    tokens = provider.tokens(app, ada, scope="openid profile", claims=tagged(35), claims_locales=locales)
    assert len(claims_of(tokens["access_token"])["userinfo_claims"]) == 50
    assert provider.userinfo(tokens["access_token"]).status_code == 200
    longer = provider.tokens(app, ada, scope="openid profile", claims=tagged(38), claims_locales=locales + "-abcdefgh")
    claims = claims_of(longer["access_token"])
    assert "userinfo_claims" not in claims, "BCP 47 has no tags of 36 characters in use"
    assert len(claims["claims_locales"]) == 9


@pytest.mark.spec("RFC 6749", "4.1.2.1")
def test_more_than_a_token_can_carry_is_refused(alone: Provider) -> None:
    app, ada = alone.register(trusted=True), alone.sign_in()
    alone.resource("https://bank.example")
    note = {"properties": {"note": {"type": "string", "maxLength": 4000}}}
    alone.services.authorization_details.create("note", "https://bank.example", "Note this", note)

    def asked(length: int, character: str = "x") -> str:
        return json.dumps([{"type": "note", "note": character * length}], ensure_ascii=False)

    most = alone.tokens(app, ada, authorization_details=asked(3900), resource="https://id.example")
    assert alone.active(app, most["access_token"])
    for claims, details, error in (
        (tagged(35), asked(3000), "invalid_request"), (None, asked(1000, "\u00e9"), "invalid_authorization_details"),
    ):  # fmt: skip
        sent_back(alone.authorize(app, ada, claims=claims, authorization_details=details), error)
    assert "code" in answer_of(alone.authorize(app, ada, claims=tagged(35), authorization_details=asked(1000)))
