"""The plan oidcc-dynamic: registration (OpenID Connect Registration 1.0), keys that change, request objects."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from tests.provider import ISSUER

from .keys import jwks, key
from .suite import Suite
from .test_basic import unsigned_object

CORE, REGISTRATION = "OpenID Connect Core 1.0", "OpenID Connect Dynamic Client Registration 1.0"
CALLBACK = "https://suite.example/cb"


@pytest.mark.spec(REGISTRATION, "2")
def test_oidcc_idtoken_rs256(suite: Suite) -> None:
    client = suite.client(id_token_signed_response_alg="RS256")
    tokens = client.tokens(suite.browser())
    assert jwt.get_unverified_header(tokens["id_token"])["alg"] == "RS256"


@pytest.mark.spec(CORE, "5.3.2")
def test_oidcc_userinfo_rs256(suite: Suite) -> None:
    client = suite.client(userinfo_signed_response_alg="RS256")
    tokens = client.tokens(suite.browser(), scope="openid email")
    answer = client.userinfo(tokens["access_token"])
    assert answer.headers["Content-Type"].split(";")[0] == "application/jwt"
    header = jwt.get_unverified_header(answer.text)
    known = jwt.PyJWK(suite.published_keys()[header["kid"]])
    claims = jwt.decode(answer.text, known, algorithms=["RS256"], audience=client.client_id, issuer=ISSUER)
    assert claims["sub"] == tokens["claims"]["sub"]
    assert claims["email"]


def shown_to_the_person(suite: Suite, asked: dict[str, Any]) -> None:
    """The request is answered with a page that names the parameter, and nobody is sent anywhere."""
    browser = suite.browser()
    client = suite.client(redirect_uris=[CALLBACK + "?foo=bar", CALLBACK + "/plain"])
    client.visit(browser, {**client.request(), **asked} if asked else client.request(redirect_uri=None))
    assert browser.page.status == 400
    assert not browser.left
    assert "redirect_uri" in browser.page.text


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_ensure_redirect_uri_in_authorization_request(suite: Suite) -> None:
    shown_to_the_person(suite, {})


@pytest.mark.spec("RFC 6749", "3.1.2")
@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_redirect_uri_query_OK(suite: Suite) -> None:
    client, browser = suite.client(redirect_uris=[CALLBACK + "?foo=bar"]), suite.browser()
    asked = client.request()
    code = client.authorize(browser, asked)
    assert client.answer(browser, asked)["foo"] == "bar"
    client.checked(client.redeem(code, asked), asked["nonce"])


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_redirect_uri_query_mismatch(suite: Suite) -> None:
    shown_to_the_person(suite, {"redirect_uri": CALLBACK + "?bar=foo"})


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_redirect_uri_query_added(suite: Suite) -> None:
    shown_to_the_person(suite, {"redirect_uri": CALLBACK + "/plain?foo=bar"})


@pytest.mark.spec(REGISTRATION, "2")
@pytest.mark.spec("RFC 6749", "3.1.2")
def test_oidcc_redirect_uri_regfrag(suite: Suite) -> None:
    answer = suite.register(redirect_uris=[CALLBACK + "#fragment"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


def asking_page(suite: Suite, **metadata: Any) -> tuple[dict[str, Any], str]:
    """What was registered, and the page that asks the person for this client."""
    client, browser = suite.client(**metadata), suite.browser()
    client.visit(browser, client.request())
    browser.submit("Sign in", Email="conformance@example.com", Password="correct horse battery staple")
    page = browser.page.body
    suite.person(browser)
    return client.registered, page


@pytest.mark.spec(REGISTRATION, "2")
def test_oidcc_registration_logo_uri(suite: Suite) -> None:
    """Kept and told; pages show the app's initial instead (a stranger's picture would be fetched by the person)."""
    logo = suite.host.origin + "/logo.png"
    registered, page = asking_page(suite, logo_uri=logo)
    assert registered["logo_uri"] == logo
    assert "OIDF conformance" in page


@pytest.mark.spec(REGISTRATION, "2")
def test_oidcc_registration_policy_uri(suite: Suite) -> None:
    policy = "https://suite.example/policy"
    registered, page = asking_page(suite, policy_uri=policy)
    assert registered["policy_uri"] == policy
    assert f'href="{policy}"' in page


@pytest.mark.spec(REGISTRATION, "2")
def test_oidcc_registration_tos_uri(suite: Suite) -> None:
    terms = "https://suite.example/tos"
    registered, page = asking_page(suite, tos_uri=terms)
    assert registered["tos_uri"] == terms
    assert f'href="{terms}"' in page


@pytest.mark.spec(REGISTRATION, "2")
@pytest.mark.spec(CORE, "10.1")
def test_oidcc_registration_jwks_uri(suite: Suite) -> None:
    uri = suite.host.put("/registration-jwks.json", jwks(key("RS256")))
    client = suite.client(jwks_uri=uri, token_endpoint_auth_method="private_key_jwt")
    assert client.registered["jwks_uri"] == uri
    client.tokens(suite.browser())


@pytest.mark.spec(REGISTRATION, "5")
@pytest.mark.spec(CORE, "8.1")
def test_oidcc_registration_sector_uri(suite: Suite) -> None:
    uri = suite.host.put("/sector.json", [CALLBACK, "https://another.example/cb"])
    client = suite.client(
        redirect_uris=[CALLBACK, "https://another.example/cb"], sector_identifier_uri=uri, subject_type="pairwise"
    )
    assert client.registered["sector_identifier_uri"] == uri
    client.tokens(suite.browser())


@pytest.mark.spec(REGISTRATION, "5")
def test_oidcc_registration_sector_bad(suite: Suite) -> None:
    uri = suite.host.put("/sector-bad.json", ["https://another.example/cb"])
    answer = suite.register(redirect_uris=[CALLBACK], sector_identifier_uri=uri)
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_client_metadata", "invalid_redirect_uri")


@pytest.mark.spec(CORE, "10.1.1")
def test_oidcc_server_rotate_keys(suite: Suite) -> None:
    client = suite.client()
    first, before = client.tokens(suite.browser()), suite.published_keys()
    with suite.provider.stores.work():
        suite.provider.services.keys.rotate(force=True)
    with suite.provider.clock.later(10):
        after, second = suite.published_keys(), client.tokens(suite.browser())
    kids = [jwt.get_unverified_header(tokens["id_token"])["kid"] for tokens in (first, second)]
    assert kids[0] != kids[1]
    assert set(after) - set(before)
    assert kids[0] in after, "what signed before is published for as long as somebody may hold a token of it"


@pytest.mark.spec(CORE, "10.1.1")
@pytest.mark.spec("RFC 7523", "3")
def test_oidcc_refresh_token_rp_key_rotation(suite: Suite) -> None:
    uri = suite.host.put(f"/rotating-{suite.plan}.json", jwks(key("RS256")))
    client = suite.client(jwks_uri=uri, token_endpoint_auth_method="private_key_jwt")
    first = client.tokens(suite.browser(), scope="openid offline_access", prompt="consent")
    client.signing = key("RS256", "rotated")
    suite.host.put(f"/rotating-{suite.plan}.json", jwks(key("RS256", "rotated")))
    client.checked(client.refresh(first["refresh_token"]), None)


@pytest.mark.spec(CORE, "6.2")
def test_oidcc_request_uri_unsigned(suite: Suite) -> None:
    """Not supported on purpose: discovery does not name ``none``, and the answer says so."""
    assert "none" not in suite.discovery.get("request_object_signing_alg_values_supported", [])
    client = suite.client(request_uris=[suite.host.origin + "/dynamic-unsigned.jwt"])
    asked, browser = client.request(), suite.browser()
    uri = suite.host.put("/dynamic-unsigned.jwt", unsigned_object(client, asked), "application/oauth-authz-req+jwt")
    client.visit(browser, {**asked, "request_uri": uri})
    answer = client.answer(browser, asked, browser.arrive().parameters.get("error"))
    assert answer["error"] in ("invalid_request_object", "request_uri_not_supported")


@pytest.mark.spec(CORE, "6.2")
@pytest.mark.spec("RFC 9101", "5.2")
def test_oidcc_request_uri_signed_rs256(suite: Suite) -> None:
    uri = suite.host.origin + "/signed.jwt"
    client = suite.client(request_uris=[uri], request_object_signing_alg="RS256")
    asked, browser = client.request(), suite.browser()
    now = int(suite.provider.clock.now().timestamp())
    claims = {**asked, "iss": client.client_id, "aud": ISSUER, "iat": now, "exp": now + 60}
    suite.host.put("/signed.jwt", key("RS256").sign(claims), "application/oauth-authz-req+jwt")
    client.visit(browser, {**asked, "request_uri": uri})
    suite.person(browser)
    client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])


@pytest.mark.spec(CORE, "9")
@pytest.mark.spec("RFC 7523", "3")
def test_oidcc_ensure_client_assertion_with_iss_aud_succeeds(suite: Suite) -> None:
    client = suite.client(token_endpoint_auth_method="private_key_jwt")
    assert jwt.decode(client.assertion(), options={"verify_signature": False})["aud"] == ISSUER
    client.tokens(suite.browser())
