"""FAPI 2.0 Security Profile (final): what the plans of both profiles name; each runs in each of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.provider import ISSUER

from .conditions import STANDARD, error_answer, standard_claims
from .fapi import API, SIGNED, FapiClient, fapi_client
from .keys import key
from .suite import Suite

FAPI, DPOP, PAR, PKCE = "FAPI 2.0 Security Profile", "RFC 9449", "RFC 9126", "RFC 7636"
ASSERTION = "RFC 7523"


@pytest.fixture
def client(suite: Suite) -> FapiClient:
    return fapi_client(suite)


def refused(answer: requests.Response, *errors: str) -> None:
    """A refusal for programs with one of these errors: 400, or 401 of whoever is not authenticated."""
    error_answer(answer, 401 if answer.status_code == 401 and "invalid_client" in errors else 400, *errors)


@pytest.mark.spec(FAPI, "5.3.2.1")
@pytest.mark.spec("RFC 8414", "2")
def test_fapi2_security_profile_final_discovery_end_point_verification(suite: Suite) -> None:
    document = suite.discovery
    assert document["issuer"] == ISSUER
    assert document["pushed_authorization_request_endpoint"].startswith("https://")
    assert "private_key_jwt" in document["token_endpoint_auth_methods_supported"]
    assert {"PS256", "ES256"} & set(document["token_endpoint_auth_signing_alg_values_supported"])
    assert {"PS256", "ES256"} & set(document["dpop_signing_alg_values_supported"])
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert "authorization_code" in document["grant_types_supported"]
    if suite.plan == SIGNED:
        assert "jwt" in document["response_modes_supported"]
        assert {"PS256", "ES256"} & set(document["authorization_signing_alg_values_supported"])
        assert {"PS256", "ES256"} & set(document["request_object_signing_alg_values_supported"])
        assert "none" not in document["request_object_signing_alg_values_supported"]


@pytest.mark.spec(FAPI, "5.3.2")
@pytest.mark.spec(DPOP, "5")
@pytest.mark.spec(DPOP, "7")
def test_fapi2_security_profile_final_happy_flow(client: FapiClient) -> None:
    tokens = client.flow(scope="openid email")
    answer = client.call(tokens["access_token"])
    assert (answer.status_code, answer.json()["sub"]) == (200, tokens["claims"]["sub"])
    other = fapi_client(client.suite, "second")
    assert other.flow()["claims"]["aud"] == other.client_id


@pytest.mark.spec("RFC 6749", "4.1.2.1")
def test_fapi2_security_profile_final_user_rejects_authentication(client: FapiClient) -> None:
    asked, browser = client.request(), client.suite.browser()
    client.suite.person(client.go(browser, client.reference(asked)), allow=False)
    client.told(browser, asked, "access_denied")


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_ensure_authorization_request_without_state_success(client: FapiClient) -> None:
    client.flow(state=None)


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_ensure_authorization_request_without_nonce_success(client: FapiClient) -> None:
    client.flow(nonce=None)


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_ensure_authorization_request_with_64_char_nonce_success(
    client: FapiClient,
) -> None:
    client.flow(nonce="n" * 64)


@pytest.mark.spec("RFC 6749", "3.3")
def test_fapi2_security_profile_final_ensure_other_scope_order_succeeds(client: FapiClient) -> None:
    client.flow(scope="email openid profile")


@pytest.mark.spec("OpenID Connect Core 1.0", "5.5")
def test_fapi2_security_profile_final_test_claims_parameter_identity_claims(client: FapiClient) -> None:
    """Every standard claim that discovery lists, at both places, in every form; and one of no place that we know."""
    known = [name for name in client.suite.discovery["claims_supported"] if name in STANDARD]
    forms: tuple[Any, ...] = (None, {"essential": True}, {"essential": False})
    wanted = {name: forms[index % 3] for index, name in enumerate(known)}
    client.claimed = frozenset(known)
    tokens = client.flow(claims=json.dumps({"id_token": wanted, "userinfo": wanted, "q7Zk1": {"p0Xw2": None}}))
    person = client.call(tokens["access_token"]).json()
    standard_claims(person)
    assert set(person) == set(known), "not asked for, or withheld"
    assert set(known) <= set(tokens["claims"])


@pytest.mark.spec("RFC 9110", "11.1")
@pytest.mark.spec(DPOP, "7.1")
def test_fapi2_security_profile_final_access_token_type_header_case_sensitivity(client: FapiClient) -> None:
    token = client.flow()["access_token"]
    assert [client.call(token, scheme).status_code for scheme in ("DPoP", "dpop", "DPOP")] == [200, 200, 200]


@pytest.mark.spec(DPOP, "4.2")
def test_fapi2_security_profile_final_check_dpop_proof_nbf_exp(client: FapiClient) -> None:
    """Neither is asked for; what is there must hold."""
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    proof = client.proof(client.token_endpoint, nbf=client.now - 1, exp=client.now + 60)
    assert client.token(form, proof).status_code == 200
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    refused(client.token(form, client.proof(client.token_endpoint, exp=client.now - 300)), "invalid_dpop_proof")


@pytest.mark.spec(FAPI, "5.3.2.1")
def test_fapi2_security_profile_final_ensure_dpopproof_with_iat_10seconds_before_succeeds(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    answer = client.token(form, client.proof(client.token_endpoint, iat=client.now - 10))
    token = client.checked(answer, asked["nonce"])["access_token"]
    proof = client.proof(client.suite.discovery[API], "GET", token, iat=client.now - 10)
    assert client.call(token, proof=proof).status_code == 200


@pytest.mark.spec(FAPI, "5.3.2.1")
def test_fapi2_security_profile_final_ensure_dpopproof_with_iat_10seconds_after_succeeds(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    answer = client.token(form, client.proof(client.token_endpoint, iat=client.now + 10))
    token = client.checked(answer, asked["nonce"])["access_token"]
    proof = client.proof(client.suite.discovery[API], "GET", token, iat=client.now + 10)
    assert client.call(token, proof=proof).status_code == 200


@pytest.mark.spec(DPOP, "10.1")
def test_fapi2_security_profile_final_ensure_mismatched_dpop_jkt_fails(client: FapiClient) -> None:
    asked = client.request(dpop_jkt=client.thumbprint(key("ES256", "other holder")))
    refused(client.push(asked, client.proof(client.par)), "invalid_dpop_proof", "invalid_request")


@pytest.mark.spec(DPOP, "10.1")
def test_fapi2_security_profile_final_ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt(
    client: FapiClient,
) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked, proof=client.proof(client.par)), asked)
    other = client.proof(client.token_endpoint, holder=key("ES256", "other holder"))
    refused(client.token(form, other), "invalid_dpop_proof", "invalid_grant")


@pytest.mark.spec(DPOP, "10")
def test_fapi2_security_profile_final_ensure_token_endpoint_fails_with_mismatched_dpop_jkt(client: FapiClient) -> None:
    asked = client.request(dpop_jkt=client.thumbprint())
    form = client.form(client.pushed_code(asked), asked)
    other = client.proof(client.token_endpoint, holder=key("ES256", "other holder"))
    refused(client.token(form, other), "invalid_dpop_proof", "invalid_grant")


@pytest.mark.spec(DPOP, "10.1")
def test_fapi2_security_profile_final_ensure_dpopproof_at_par_endpoint_binding_success(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked, proof=client.proof(client.par)), asked)
    client.checked(client.token(form), asked["nonce"])


@pytest.mark.spec(DPOP, "10")
def test_fapi2_security_profile_final_ensure_dpop_auth_code_binding_success(client: FapiClient) -> None:
    client.flow(dpop_jkt=client.thumbprint())


@pytest.mark.spec(PAR, "4")
@pytest.mark.spec("RFC 9101", "6.3")
def test_fapi2_security_profile_final_ensure_different_nonce_inside_and_outside_request_object(
    client: FapiClient,
) -> None:
    asked = client.request()
    code = client.pushed_code(asked, nonce="another nonce")
    client.checked(client.token(client.form(code, asked)), asked["nonce"])


@pytest.mark.spec(PAR, "4")
@pytest.mark.spec("RFC 9101", "6.3")
def test_fapi2_security_profile_final_ensure_different_state_inside_and_outside_request_object(
    client: FapiClient,
) -> None:
    asked = client.request()
    client.pushed_code(asked, state="another state")


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_ensure_authorization_request_with_long_nonce(client: FapiClient) -> None:
    client.flow(nonce="n" * 384)


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_ensure_authorization_request_with_long_state(client: FapiClient) -> None:
    client.flow(state="s" * 384)


@pytest.mark.spec(PAR, "4")
def test_fapi2_security_profile_final_state_only_outside_request_object_not_used(client: FapiClient) -> None:
    asked = client.request(state=None)
    client.pushed_code(asked, state="outside alone")


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_ensure_request_object_without_redirect_uri_fails(client: FapiClient) -> None:
    refused(client.push(client.request(redirect_uri=None)), "invalid_request", "invalid_request_object")


@pytest.mark.spec(PAR, "2.4")
def test_fapi2_security_profile_final_plain_fapi_tolerate_unregistered_redirect_uri(client: FapiClient) -> None:
    """A provider may take such an address from a pushed request; this one refuses it."""
    asked = client.request(redirect_uri="https://suite.example/never/registered")
    refused(client.push(asked), "invalid_request", "invalid_redirect_uri", "invalid_request_object")


@pytest.mark.spec(FAPI, "5.3.2.2")
@pytest.mark.spec(PAR, "5")
def test_fapi2_security_profile_final_ensure_unsigned_authorization_request_without_using_par_fails(
    client: FapiClient,
) -> None:
    asked, browser = client.request(), client.suite.browser()
    client.visit(browser, asked)
    if browser.left:
        assert client.told(browser, asked, "invalid_request")
    else:
        assert browser.page.status == 400


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_ensure_redirect_uri_in_authorization_request(client: FapiClient) -> None:
    refused(client.push(client.request(redirect_uri=None)), "invalid_request", "invalid_request_object")


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_ensure_response_type_code_idtoken_fails(client: FapiClient) -> None:
    refused(
        client.push(client.request(response_type="code id_token")), "unsupported_response_type", "unauthorized_client"
    )


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_ensure_response_type_token_fails(client: FapiClient) -> None:
    refused(client.push(client.request(response_type="token")), "unsupported_response_type", "unauthorized_client")


@pytest.mark.spec(ASSERTION, "3")
def test_fapi2_security_profile_final_ensure_client_id_in_token_endpoint(client: FapiClient) -> None:
    """The assertion's client and another's client_id."""
    asked, other = client.request(), fapi_client(client.suite, "second")
    form = client.form(client.pushed_code(asked), asked, client_id=other.client_id)
    refused(client.token(form), "invalid_client", "invalid_request", "invalid_grant")


@pytest.mark.spec(FAPI, "5.3.2.1")
def test_fapi2_security_profile_final_ensure_holder_of_key_required(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    refused(client.token(form, proof=None), "invalid_dpop_proof", "invalid_request")
    tokens = client.checked(client.token(form), asked["nonce"])
    assert client.call(tokens["access_token"], "Bearer", proof=None).status_code == 401
    assert client.call(tokens["access_token"], "DPoP", proof=None).status_code == 401


@pytest.mark.spec("RFC 6749", "4.1.3")
def test_fapi2_security_profile_final_ensure_authorization_code_is_bound_to_client(client: FapiClient) -> None:
    asked, other = client.request(), fapi_client(client.suite, "second")
    code = client.pushed_code(asked)
    refused(other.token(other.form(code, asked)), "invalid_grant")


@pytest.mark.spec("RFC 6749", "4.1.2")
def test_fapi2_security_profile_final_attempt_reuse_authorization_code_after_one_second(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    tokens = client.checked(client.token(form), asked["nonce"])
    with client.suite.provider.clock.later(1):
        refused(client.token(form), "invalid_grant")
        assert client.call(tokens["access_token"]).status_code == 401


@pytest.mark.spec(FAPI, "5.3.2.1")
def test_fapi2_security_profile_final_ensure_token_endpoint_fails_with_expired_auth_code(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    with client.suite.provider.clock.later(65):
        refused(client.token(form), "invalid_grant")


@pytest.mark.spec(FAPI, "5.4.1")
def test_fapi2_security_profile_final_ensure_signed_client_assertion_with_RS256_fails(suite: Suite) -> None:
    rsa = key("RS256", "weak")
    weak = fapi_client(suite, "weak", more_keys=(rsa.jwk,))
    asked = weak.request()
    form = weak.form(weak.pushed_code(asked), asked)
    weak.signing = rsa
    refused(weak.token(form), "invalid_client")


@pytest.mark.spec(FAPI, "5.3.2.1")
def test_fapi2_security_profile_final_ensure_client_assertion_in_token_endpoint(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    refused(client.token(form, assertion=None), "invalid_client")


@pytest.mark.spec(ASSERTION, "3")
def test_fapi2_security_profile_final_ensure_client_assertion_with_exp_is_5_minutes_in_past_fails(
    client: FapiClient,
) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    refused(client.token(form, assertion=client.assertion(exp=client.now - 300)), "invalid_client")


@pytest.mark.spec(ASSERTION, "3")
def test_fapi2_security_profile_final_ensure_client_assertion_with_wrong_aud_fails(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    refused(client.token(form, assertion=client.assertion(aud="https://another.example")), "invalid_client")


@pytest.mark.spec(ASSERTION, "3")
def test_fapi2_security_profile_final_ensure_client_assertion_with_no_sub_fails(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked)
    refused(client.token(form, assertion=client.assertion(sub=None)), "invalid_client")


@pytest.mark.spec(DPOP, "4.3")
@pytest.mark.spec(DPOP, "11.1")
def test_fapi2_security_profile_final_dpop_negative_tests(client: FapiClient) -> None:
    asked, url = client.request(), client.token_endpoint
    form = client.form(client.pushed_code(asked), asked)
    private = {**key("ES256", "leaked").jwk, "d": "AAAA"}
    for proof in (
        "not a proof",
        client.proof(url, jti=None),
        client.proof(url, htm=None),
        client.proof(url, htu=None),
        client.proof(url, iat=None),
        client.proof(url, htm="GET"),
        client.proof(client.par),
        client.proof(url, iat=client.now - 3600),
        client.proof(url, iat=client.now + 3600),
        client.proof(url, headers={"typ": "JWT"}),
        client.proof(url, headers={"typ": None}),
        client.proof(url, headers={"jwk": None}),
        client.proof(url, headers={"jwk": private}),
        client.proof(url, headers={"jwk": {k: v for k, v in key("ES256", "x").jwk.items() if k in "kty crv x y"}}),
        client.proof(url, headers={"alg": "none"}),
        client.proof(url, holder=key("RS256", "weak holder")),
    ):
        refused(client.token(form, proof), "invalid_dpop_proof")
    good = client.proof(url)
    token = client.checked(client.token(form, good), asked["nonce"])["access_token"]
    api = str(client.suite.discovery[API])
    for wrong in (
        good,
        client.proof(api, "GET"),
        client.proof(api, "GET", "another token"),
        client.proof(api, "POST", token),
        client.proof(api, "GET", token, holder=key("ES256", "other holder")),
        client.proof(api, "GET", token, jti=None),
        client.proof(api, "GET", token, headers={"typ": "dpop+jwt+wrongyousee"}),
        client.proof(api, "GET", token, headers={"jwk": None}),
        client.proof(api, "GET", token).rpartition(".")[0],
        client.proof(api, "GET", token)[:-4] + "AAAA",
        client.proof(f"{api}ohnonotagain", "GET", token),
        client.proof(api, "GET", token, iat=client.now + 3600),
        f"{client.proof(api, 'GET', token)},{client.proof(api, 'GET', token)}",  # as servers join two headers
        None,
    ):
        assert client.call(token, proof=wrong).status_code == 401
    assert client.call(token, "Bearer", proof=None).status_code == 401
    used = client.proof(api, "GET", token)
    assert [client.call(token, proof=used).status_code for _ in range(2)] == [200, 401]
    scheme, _, rest = api.partition("://")
    host, _, path = rest.partition("/")
    for same in (f"{api}?a=b#c", f"{scheme.upper()}://{host.upper()}/{path}", f"{scheme}://{host}:443/{path}"):
        assert client.call(token, proof=client.proof(same, "GET", token)).status_code == 200, same
    more = client.proof(api, "GET", token, unknown="claim", headers={"unknown": "header"})
    assert client.call(token, proof=more).status_code == 200


@pytest.mark.spec(FAPI, "5.3.2.1")
@pytest.mark.spec("RFC 6749", "6")
def test_fapi2_security_profile_final_refresh_token(client: FapiClient) -> None:
    first = client.flow(scope="openid offline_access", prompt="consent")
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": client.client_id}
    refused(client.token(form, proof=None), "invalid_request", "invalid_grant")
    holder, url, api = key("ES256", "next holder"), client.token_endpoint, str(client.suite.discovery[API])
    again = {**form, "scope": "openid offline_access"}
    second = client.checked(client.token(again, client.proof(url, holder=holder)), None)
    assert second["token_type"] == "DPoP"
    proof = client.proof(api, "GET", second["access_token"], holder=holder)
    assert client.call(second["access_token"], proof=proof).status_code == 200
    with client.suite.provider.clock.later(31):
        client.checked(client.token(form), None)
    other = fapi_client(client.suite, "second")
    stolen = {
        **form,
        "refresh_token": second.get("refresh_token", first["refresh_token"]),
        "client_id": other.client_id,
    }
    refused(other.token(stolen), "invalid_grant")


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_par_ensure_reused_request_uri_prior_to_auth_completion_succeeds(
    client: FapiClient,
) -> None:
    asked, browser = client.request(), client.suite.browser()
    reference = client.reference(asked)
    client.go(browser, reference)
    client.suite.person(client.go(browser, reference))
    client.told(browser, asked)


@pytest.mark.spec(PAR, "4")
def test_fapi2_security_profile_final_par_attempt_reuse_request_uri(client: FapiClient) -> None:
    asked, browser = client.request(), client.suite.browser()
    reference = client.reference(asked)
    client.suite.person(client.go(browser, reference))
    client.told(browser, asked)
    client.go(browser, reference)
    assert browser.page.status == 400
    assert not browser.left


@pytest.mark.spec(PAR, "4")
def test_fapi2_security_profile_final_par_attempt_to_use_expired_request_uri(client: FapiClient) -> None:
    answer = client.push(client.request())
    browser = client.suite.browser()
    with client.suite.provider.clock.later(answer.json()["expires_in"] + 1):
        client.go(browser, answer.json()["request_uri"])
    assert browser.page.status == 400
    assert not browser.left


@pytest.mark.spec(FAPI, "5.3.2.1")
def test_fapi2_security_profile_final_par_ensure_jwt_client_assertions_nbf_8_seconds_in_the_future_is_accepted(
    client: FapiClient,
) -> None:
    assert client.push(client.request(), assertion=client.assertion(nbf=client.now + 8)).status_code == 201


@pytest.mark.spec(FAPI, "5.3.2.1")
def test_fapi2_security_profile_final_par_ensure_jwt_client_assertions_nbf_over_60_seconds_in_the_future_fails(
    client: FapiClient,
) -> None:
    refused(client.push(client.request(), assertion=client.assertion(nbf=client.now + 65)), "invalid_client")


@pytest.mark.spec(PAR, "7.3")
def test_fapi2_security_profile_final_par_attempt_to_use_request_uri_for_different_client(client: FapiClient) -> None:
    browser = client.suite.browser()
    fapi_client(client.suite, "second").go(browser, client.reference(client.request()))
    assert browser.page.status == 400
    assert not browser.left


@pytest.mark.spec(PAR, "2.1")
def test_fapi2_security_profile_final_par_authorization_request_containing_request_uri_form_param(
    client: FapiClient,
) -> None:
    reference = client.reference(client.request())
    refused(client.push_form({**client.request(), "request_uri": reference}), "invalid_request")


@pytest.mark.spec(PAR, "2")
def test_fapi2_security_profile_final_par_attempt_invalid_http_method(client: FapiClient) -> None:
    answer = client.suite.http.put(client.par, data=client.request())
    assert answer.status_code == 405


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_par_ensure_pkce_required(client: FapiClient) -> None:
    asked = client.request(code_challenge=None, code_challenge_method=None)
    refused(client.push(asked), "invalid_request", "invalid_request_object")


@pytest.mark.spec(PKCE, "4.6")
def test_fapi2_security_profile_final_ensure_pkce_code_verifier_required(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked, code_verifier=None)
    refused(client.token(form), "invalid_grant", "invalid_request")


@pytest.mark.spec(PKCE, "4.6")
def test_fapi2_security_profile_final_incorrect_pkce_code_verifier_rejected(client: FapiClient) -> None:
    asked = client.request()
    form = client.form(client.pushed_code(asked), asked, code_verifier="w" * 43)
    refused(client.token(form), "invalid_grant")


@pytest.mark.spec(FAPI, "5.3.2.2")
def test_fapi2_security_profile_final_par_plain_pkce_rejected(client: FapiClient) -> None:
    asked = client.request(code_challenge="v" * 43, code_challenge_method="plain")
    refused(client.push(asked), "invalid_request", "invalid_request_object")


@pytest.mark.spec(PAR, "4")
def test_fapi2_security_profile_final_par_without_duplicate_parameters(client: FapiClient) -> None:
    """client_id and request_uri alone."""
    browser, asked = client.suite.browser(), client.request()
    client.suite.person(client.go(browser, client.reference(asked)))
    client.told(browser, asked)


@pytest.mark.spec(FAPI, "5.3.2.1")
def test_fapi2_security_profile_final_par_test_array_as_audience_fails(client: FapiClient) -> None:
    refused(client.push(client.request(), assertion=client.assertion(aud=[ISSUER])), "invalid_client")


@pytest.mark.spec(FAPI, "5.3.2.1")
def test_fapi2_security_profile_final_par_test_par_endpoint_url_as_audience_fails(client: FapiClient) -> None:
    refused(client.push(client.request(), assertion=client.assertion(aud=client.par)), "invalid_client")


@pytest.mark.spec(FAPI, "5.3.2.1")
def test_fapi2_security_profile_final_par_test_token_endpoint_url_as_audience_fails(client: FapiClient) -> None:
    refused(client.push(client.request(), assertion=client.assertion(aud=client.token_endpoint)), "invalid_client")
