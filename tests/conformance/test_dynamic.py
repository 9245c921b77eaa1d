"""The plan oidcc-dynamic: registration (OpenID Connect Registration 1.0), keys that change, request objects."""

from __future__ import annotations

import hashlib
from typing import Any

import jwt
import pytest

from tests.provider import ISSUER, b64url

from .conditions import error_answer, standard_claims
from .keys import jwks, key
from .party import ASSERTION
from .suite import BASE, Suite
from .test_basic import beside, told_that_unsigned_is_not_taken, unsigned_object

CORE, REGISTRATION = "OpenID Connect Core 1.0", "OpenID Connect Dynamic Client Registration 1.0"
CALLBACK = f"{BASE}/callback"
QUERY = "?dummy1=lorem&dummy2=ipsum"


@pytest.mark.spec(REGISTRATION, "2")
def test_oidcc_idtoken_rs256(suite: Suite) -> None:
    client = suite.client(id_token_signed_response_alg="RS256")
    tokens = client.tokens(suite.browser())
    header = jwt.get_unverified_header(tokens["id_token"])
    assert (header["alg"], header["kid"] in suite.published_keys()) == ("RS256", True)


@pytest.mark.spec(CORE, "5.3.2")
def test_oidcc_userinfo_rs256(suite: Suite) -> None:
    assert "RS256" in suite.discovery["userinfo_signing_alg_values_supported"]
    client = suite.client(userinfo_signed_response_alg="RS256")
    tokens = client.tokens(suite.browser(), scope="openid email")
    answer = client.userinfo(tokens["access_token"])
    assert answer.headers["Content-Type"].split(";")[0] == "application/jwt"
    header = jwt.get_unverified_header(answer.text)
    known = jwt.PyJWK(suite.published_keys()[header["kid"]])
    claims = jwt.decode(answer.text, known, algorithms=["RS256"], audience=client.client_id, issuer=ISSUER)
    assert claims["sub"] == tokens["claims"]["sub"]
    assert claims["email"]
    assert "nonce" not in claims
    standard_claims(claims)


def shown_to_the_person(suite: Suite, asked: dict[str, Any]) -> None:
    """The request is answered with a page that names the parameter, and nobody is sent anywhere."""
    browser = suite.browser()
    client = suite.client(redirect_uris=[CALLBACK + QUERY, CALLBACK + "/plain"])
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
    client, browser = suite.client(redirect_uris=[CALLBACK + QUERY]), suite.browser()
    asked = client.request()
    code = client.authorize(browser, asked)
    arrived = client.answer(browser, asked)
    assert (arrived["dummy1"], arrived["dummy2"]) == ("lorem", "ipsum")
    client.checked(client.redeem(code, asked), asked["nonce"])


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_redirect_uri_query_mismatch(suite: Suite) -> None:
    shown_to_the_person(suite, {"redirect_uri": CALLBACK + "?dummy1=lorem&dummy2=dolor"})


@pytest.mark.spec(CORE, "3.1.2.1")
def test_oidcc_redirect_uri_query_added(suite: Suite) -> None:
    shown_to_the_person(suite, {"redirect_uri": CALLBACK + "/plain?foo=bar"})


@pytest.mark.spec(REGISTRATION, "2")
@pytest.mark.spec("RFC 6749", "3.1.2")
def test_oidcc_redirect_uri_regfrag(suite: Suite) -> None:
    error_answer(suite.register(redirect_uris=[CALLBACK + "#fragment"]), 400, "invalid_redirect_uri")


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
    client = suite.client(jwks_uri=uri)
    assert client.registered["jwks_uri"] == uri
    client.tokens(suite.browser())


@pytest.mark.spec(REGISTRATION, "5")
@pytest.mark.spec(CORE, "8.1")
def test_oidcc_registration_sector_uri(suite: Suite) -> None:
    assert "pairwise" in suite.discovery["subject_types_supported"]
    uri = suite.host.put("/redirect_uris.json", [CALLBACK])
    client = suite.client(sector_identifier_uri=uri, subject_type="pairwise")
    assert client.registered["sector_identifier_uri"] == uri
    client.tokens(suite.browser())


@pytest.mark.spec(REGISTRATION, "5")
def test_oidcc_registration_sector_bad(suite: Suite) -> None:
    uri = suite.host.put("/sector-bad.json", ["https://another.example/cb"])
    error_answer(suite.register(sector_identifier_uri=uri, subject_type="pairwise"), 400, "invalid_client_metadata")


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
    new = set(after) - set(before)
    assert new
    assert {after[kid]["kty"] for kid in new} <= {"RSA", "EC"}, "the suite knows no other kind of new key"
    assert not {after[kid]["n"] for kid in new} & {known.get("n") for known in before.values()}
    assert kids[0] in after, "what signed before is published for as long as somebody may hold a token of it"


@pytest.mark.spec(CORE, "10.1.1")
@pytest.mark.spec("RFC 7523", "3")
def test_oidcc_refresh_token_rp_key_rotation(suite: Suite) -> None:
    uri = suite.host.put(f"/rotating-{suite.plan}.json", jwks(key("RS256")))
    client = suite.client(jwks_uri=uri, grant_types=["authorization_code", "refresh_token"])
    first = client.tokens(suite.browser(), scope="openid offline_access", prompt="consent")
    client.signing = key("RS256", "rotated")
    suite.host.put(f"/rotating-{suite.plan}.json", jwks(key("RS256", "rotated")))
    client.checked(client.refresh(first["refresh_token"], scope="openid offline_access"), None)


@pytest.mark.spec(CORE, "6.2")
def test_oidcc_request_uri_unsigned(suite: Suite) -> None:
    """Not supported on purpose: discovery does not name ``none``, and the answer says so."""
    uri = suite.host.origin + "/requesturi/dynamic-unsigned"
    client = suite.client(request_uris=[uri])
    asked = client.request()
    suite.host.put("/requesturi/dynamic-unsigned", unsigned_object(asked), "application/jwt")
    error = told_that_unsigned_is_not_taken(suite, client, asked, beside(asked, request_uri=uri))
    assert error == "request_uri_not_supported"


@pytest.mark.spec(CORE, "6.2")
@pytest.mark.spec("RFC 9101", "5.2")
def test_oidcc_request_uri_signed_rs256(suite: Suite) -> None:
    """The address is registered with a fragment that is the hash of something else: it is for caches."""
    assert "RS256" in suite.discovery["request_object_signing_alg_values_supported"]
    uri = suite.host.origin + "/requesturi/signed#" + b64url(hashlib.sha256(b"not what stands there").digest())
    client = suite.client(request_uris=[uri], request_object_signing_alg="RS256")
    asked, browser = client.request(), suite.browser()
    claims = {**asked, "iss": client.client_id, "aud": ISSUER}
    suite.host.put("/requesturi/signed", client.signing.sign(claims), "application/jwt")
    client.visit(browser, beside(asked, request_uri=uri))
    suite.person(browser)
    client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])


@pytest.mark.spec(CORE, "9")
@pytest.mark.spec("RFC 7523", "3")
def test_oidcc_ensure_client_assertion_with_iss_aud_succeeds(suite: Suite) -> None:
    client, browser = suite.client(), suite.browser()
    asked = client.request()
    form = {
        "grant_type": "authorization_code", "code": client.authorize(browser, asked),
        "redirect_uri": asked["redirect_uri"], "client_assertion_type": ASSERTION,
        "client_assertion": client.assertion(aud=ISSUER),
    }  # fmt: skip
    client.checked(suite.http.post(suite.discovery["token_endpoint"], data=form), asked["nonce"])
