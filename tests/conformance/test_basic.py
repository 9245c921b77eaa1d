"""The plan oidcc-basic: the code flow (OpenID Connect Core 1.0 section 3.1), also by form post."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from jwt import get_unverified_header

from tests.provider import ISSUER, b64url

from .conditions import error_answer
from .keys import jwks, key
from .party import RelyingParty
from .suite import BASE, Suite

CORE = "OpenID Connect Core 1.0"
PROFILE = {
    "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
    "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
}  # fmt: skip


def flow(suite: Suite, **changes: Any) -> dict[str, Any]:
    """A client, a person, and the tokens."""
    return suite.client().tokens(suite.browser(), **changes)


@pytest.mark.spec(CORE, "3.1")
@pytest.mark.spec("RFC 6749", "4.1")
def test_oidcc_server(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    tokens = client.tokens(browser)
    person = client.person_of(tokens)
    assert person["sub"] == tokens["claims"]["sub"]


@pytest.mark.spec(CORE, "3.1.2.6")
@pytest.mark.spec("RFC 6749", "3.1.1")
def test_oidcc_response_type_missing(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    client.refused(browser, client.request(response_type=None), "invalid_request")


@pytest.mark.spec(CORE, "3.1.3.7")
def test_oidcc_idtoken_signature(suite: Suite) -> None:
    tokens = flow(suite)
    assert get_unverified_header(tokens["id_token"])["kid"] in suite.published_keys()


@pytest.mark.spec("OpenID Connect Dynamic Client Registration 1.0", "2")
def test_oidcc_idtoken_unsigned(suite: Suite) -> None:
    """An ID token that nobody signed is not to be had: the registration is refused, as the suite allows."""
    answer = suite.register(id_token_signed_response_alg="none")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.spec(CORE, "5.3.1")
def test_oidcc_userinfo_get(suite: Suite) -> None:
    client = suite.client()
    client.person_of(client.tokens(suite.browser()), "get")


@pytest.mark.spec(CORE, "5.3.1")
def test_oidcc_userinfo_post_header(suite: Suite) -> None:
    client = suite.client()
    client.person_of(client.tokens(suite.browser()), "header")


@pytest.mark.spec(CORE, "5.3.1")
@pytest.mark.spec("RFC 6750", "2.2")
def test_oidcc_userinfo_post_body(suite: Suite) -> None:
    client = suite.client()
    client.person_of(client.tokens(suite.browser()), "body")


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(suite: Suite) -> None:
    assert "nonce" not in flow(suite, nonce=None)["claims"]


def claims_of_scope(suite: Suite, scope: str) -> dict[str, Any]:
    """Userinfo's claims; none of them stands in the ID token."""
    client = suite.client()
    return client.person_of(client.tokens(suite.browser(), scope=f"openid {scope}"))


@pytest.mark.spec(CORE, "5.4")
def test_oidcc_scope_profile(suite: Suite) -> None:
    assert set(claims_of_scope(suite, "profile")) == PROFILE | {"sub"}


@pytest.mark.spec(CORE, "5.4")
def test_oidcc_scope_email(suite: Suite) -> None:
    assert set(claims_of_scope(suite, "email")) == {"sub", "email", "email_verified"}


@pytest.mark.spec(CORE, "5.4")
@pytest.mark.spec(CORE, "5.1.1")
def test_oidcc_scope_address(suite: Suite) -> None:
    person = claims_of_scope(suite, "address")
    assert set(person) == {"sub", "address"}
    assert person["address"]["locality"] == "London"


@pytest.mark.spec(CORE, "5.4")
def test_oidcc_scope_phone(suite: Suite) -> None:
    assert set(claims_of_scope(suite, "phone")) == {"sub", "phone_number", "phone_number_verified"}


@pytest.mark.spec(CORE, "5.4")
def test_oidcc_scope_all(suite: Suite) -> None:
    person = claims_of_scope(suite, "profile email address phone")
    assert set(person) >= PROFILE | {"email", "email_verified", "address", "phone_number", "phone_number_verified"}


@pytest.mark.spec(CORE, "3.1")
def test_oidcc_alternate_happy_flow(suite: Suite) -> None:
    """The scopes and the parameters in the other order; and what many clients send at once."""
    client, browser = suite.client(), suite.browser()
    asked = dict(sorted(client.request(scope="email openid").items(), reverse=True))
    tokens = client.checked(client.redeem(client.authorize(browser, asked), asked), asked["nonce"])
    assert client.person_of(tokens)["email"]
    client.tokens(
        suite.browser(), scope="phone address email profile openid", state="a/b+c=d&e%20f~" + "x" * 120,
        ui_locales="se", claims='{"userinfo": {"name": null}}', display="page",
    )  # fmt: skip


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_display_page(suite: Suite) -> None:
    flow(suite, display="page")


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_display_popup(suite: Suite) -> None:
    flow(suite, display="popup")


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_prompt_login(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    first = client.tokens(browser)
    with suite.provider.clock.later(2):
        asked = client.request(prompt="login")
        client.visit(browser, asked)
        assert "Sign in" in browser.page.buttons
        suite.person(browser)
        second = client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])
    assert second["claims"]["sub"] == first["claims"]["sub"]
    assert second["claims"]["auth_time"] > first["claims"]["auth_time"]


@pytest.mark.spec(CORE, "3.1.2.6")
def test_oidcc_prompt_none_not_logged_in(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    client.refused(browser, client.request(prompt="none", state="s" * 124 + "-._~"), "login_required")


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_prompt_none_logged_in(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    first = client.tokens(browser)
    asked = client.request(prompt="none")
    client.visit(browser, asked)
    second = client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])
    assert second["claims"]["sub"] == first["claims"]["sub"]
    assert second["claims"]["auth_time"] == first["claims"]["auth_time"]


@pytest.mark.spec(CORE, "3.1.2.1")
@pytest.mark.spec(CORE, "2")
def test_oidcc_max_age_1(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    first = client.tokens(browser)
    with suite.provider.clock.later(3):
        asked = client.request(max_age="1")
        client.visit(browser, asked)
        assert "Sign in" in browser.page.buttons
        suite.person(browser)
        second = client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])
    assert second["claims"]["auth_time"] > first["claims"]["auth_time"]


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_max_age_10000(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    first = client.tokens(browser, max_age="15000")
    asked = client.request(max_age="10000")
    client.visit(browser, asked)
    assert "Sign in" not in browser.page.buttons
    suite.person(browser)
    second = client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])
    assert second["claims"]["auth_time"] == first["claims"]["auth_time"]


@pytest.mark.spec(CORE, "3.1.2.1")
@pytest.mark.spec("RFC 6749", "3.1")
def test_oidcc_ensure_request_with_unknown_parameter_succeeds(suite: Suite) -> None:
    flow(suite, extra="foobar")


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_id_token_hint(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    first = client.tokens(browser)
    asked = client.request(prompt="none", id_token_hint=first["id_token"])
    client.visit(browser, asked)
    second = client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])
    assert second["claims"]["sub"] == first["claims"]["sub"]


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_login_hint(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    asked = client.request(login_hint="buffy@id.example")
    client.visit(browser, asked)
    assert browser.page.field_value("Email") == "buffy@id.example"
    suite.person(browser)
    client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_ui_locales(suite: Suite) -> None:
    flow(suite, ui_locales="se")


@pytest.mark.spec(CORE, "5.2")
def test_oidcc_claims_locales(suite: Suite) -> None:
    flow(suite, claims_locales="se")


@pytest.mark.spec(CORE, "3.1.2.1")
@pytest.mark.spec(CORE, "2")
def test_oidcc_ensure_request_with_acr_values_succeeds(suite: Suite) -> None:
    wanted = " ".join(suite.discovery["acr_values_supported"])
    assert flow(suite, acr_values=wanted)["claims"]["acr"] in suite.discovery["acr_values_supported"]
    assert "acr" in flow(suite, acr_values="1 2")["claims"]


def refuses_reuse(suite: Suite, seconds: float) -> None:
    client, browser = suite.client(), suite.browser()
    asked = client.request()
    code = client.authorize(browser, asked)
    tokens = client.checked(client.redeem(code, asked), asked["nonce"])
    assert client.userinfo(tokens["access_token"]).status_code == 200
    with suite.provider.clock.later(seconds):
        error_answer(client.redeem(code, asked), 400, "invalid_grant")
        assert client.userinfo(tokens["access_token"]).status_code == 401


@pytest.mark.spec("RFC 6749", "4.1.2")
def test_oidcc_codereuse(suite: Suite) -> None:
    refuses_reuse(suite, 0)


@pytest.mark.spec("RFC 6749", "4.1.2")
def test_oidcc_codereuse_30seconds(suite: Suite) -> None:
    refuses_reuse(suite, 30)


@pytest.mark.spec(CORE, "3.1.2.1")
@pytest.mark.spec("RFC 6749", "3.1.2.4")
def test_oidcc_ensure_registered_redirect_uri(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    client.visit(browser, client.request(redirect_uri=f"{BASE}/callback/x8Jq2Lw0Pz"))
    assert browser.page.status == 400
    assert not browser.left
    assert "redirect_uri" in browser.page.text


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_ensure_post_request_succeeds(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    asked = client.request()
    browser._go("POST", suite.discovery["authorization_endpoint"], list(asked.items()), {"Origin": "null"})
    suite.person(browser)
    client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])


@pytest.mark.spec(CORE, "9")
@pytest.mark.spec("RFC 6749", "2.3.1")
def test_oidcc_server_client_secret_post(suite: Suite) -> None:
    client = suite.client(token_endpoint_auth_method="client_secret_post")
    client.tokens(suite.browser())
    asked = client.request()
    code = client.authorize(suite.browser(), asked)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"]}
    error_answer(client.post("token_endpoint", form, "client_secret_basic"), 401, "invalid_client")


def unsigned_object(asked: dict[str, Any]) -> str:
    """A request object with ``alg`` none (OpenID Connect Core 6.1), made of the request and nothing else."""
    head = '{"alg":"none"}'
    return f"{b64url(head.encode())}.{b64url(json.dumps(asked).encode())}."


def beside(asked: dict[str, Any], **more: str) -> dict[str, str]:
    """What the suite repeats outside of a request object (OpenID Connect Core 6.1); no state is among it."""
    return {name: str(asked[name]) for name in ("response_type", "client_id", "scope", "redirect_uri")} | more


def told_that_unsigned_is_not_taken(
    suite: Suite, client: RelyingParty, asked: dict[str, Any], sent: dict[str, str]
) -> str:
    """Discovery does not list ``none``, so the suite skips the module; the error that whoever asks is told."""
    assert "none" not in suite.discovery["request_object_signing_alg_values_supported"]
    browser = client.visit(suite.browser(), sent)
    stateless = {**asked, "state": None}
    return client.answer(browser, stateless, browser.arrive().parameters.get("error"))["error"]


@pytest.mark.spec(CORE, "6.2")
def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(suite: Suite) -> None:
    uri = suite.host.origin + "/requesturi/unsigned#" + b64url(b"a hash of something else, as the suite sends")
    client = suite.client(request_uris=[uri])
    asked = client.request(response_mode=None)
    suite.host.put("/requesturi/unsigned", unsigned_object(asked), "application/jwt")
    error = told_that_unsigned_is_not_taken(suite, client, asked, beside(asked, request_uri=uri))
    assert error == "request_uri_not_supported"


@pytest.mark.spec(CORE, "6.1")
def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(suite: Suite) -> None:
    client = suite.client()
    asked = client.request(response_mode=None)
    error = told_that_unsigned_is_not_taken(suite, client, asked, beside(asked, request=unsigned_object(asked)))
    assert error == "request_not_supported"


@pytest.mark.spec(CORE, "5.5")
def test_oidcc_claims_essential(suite: Suite) -> None:
    client = suite.client()
    tokens = client.tokens(suite.browser(), claims='{"userinfo": {"name": {"essential": true}}}')
    assert client.person_of(tokens)["name"]


@pytest.mark.spec(CORE, "6.1")
@pytest.mark.spec("RFC 9101", "6.3")
def test_oidcc_ensure_request_object_with_redirect_uri(suite: Suite) -> None:
    """What the object says counts, not what stands beside it, be it registered or not."""
    client = suite.client(request_object_signing_alg="RS256")
    asked, browser = client.request(), suite.browser()
    claims = {**asked, "iss": client.client_id, "aud": ISSUER}
    client.visit(
        browser, beside({**asked, "redirect_uri": f"{BASE}/callback_invalid"}, request=client.signing.sign(claims))
    )
    suite.person(browser)
    client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])


@pytest.mark.spec(CORE, "12")
@pytest.mark.spec("RFC 6749", "6")
def test_oidcc_refresh_token(suite: Suite) -> None:
    grants, scope = ["authorization_code", "refresh_token"], "openid offline_access"
    client, browser = suite.client(grant_types=grants), suite.browser()
    assert "refresh_token" in suite.discovery["grant_types_supported"]
    first = client.tokens(browser, scope=scope, prompt="consent")
    with suite.provider.clock.later(2):
        second = client.checked(client.refresh(first["refresh_token"], scope=scope), None)
        for name in ("iss", "sub", "aud", "auth_time"):
            assert second["claims"][name] == first["claims"][name]
        assert second["claims"]["iat"] > first["claims"]["iat"]
        assert second["access_token"] != first["access_token"]
        client.person_of(second)
        stranger = suite.client(jwks=jwks(key("RS256", "stranger")), grant_types=grants)
        stranger.signing = key("RS256", "stranger")
        error_answer(stranger.refresh(second["refresh_token"], scope=scope), 400, "invalid_grant")


@pytest.mark.spec("RFC 7636", "4.6")
def test_oidcc_ensure_request_with_valid_pkce_succeeds(suite: Suite) -> None:
    """A verifier of the greatest length, with every kind of character (RFC 7636 section 4.1)."""
    client, browser, verifier = suite.client(), suite.browser(), ("Aa0-._~" * 19)[:128]
    asked = client.request(
        code_challenge=b64url(hashlib.sha256(verifier.encode()).digest()), code_challenge_method="S256"
    )
    code = client.authorize(browser, asked)
    client.checked(client.redeem(code, asked, code_verifier=verifier), asked["nonce"])
