"""FAPI 2.0 Message Signing (final): what its plan adds; the rest of the plan is in ``test_fapi2``."""

from __future__ import annotations

import pytest

from .fapi import FapiClient, fapi_client
from .keys import key
from .suite import Suite
from .test_fapi2 import refused

FAPI, JAR = "FAPI 2.0 Message Signing", "RFC 9101"
_HOUR = 3600


@pytest.fixture
def client(suite: Suite) -> FapiClient:
    return fapi_client(suite)


def taken(client: FapiClient, **changes: object) -> None:
    """The object is good: the flow goes through."""
    asked, browser = client.request(), client.suite.browser()
    answer = client.push_form({"request": client.object(asked, **changes)})
    assert answer.status_code == 201, answer.text
    client.suite.person(client.go(browser, answer.json()["request_uri"]))
    client.told(browser, asked)


def not_taken(client: FapiClient, text: str) -> None:
    refused(client.push_form({"request": text}), "invalid_request_object", "invalid_request")


@pytest.mark.spec(JAR, "4")
def test_fapi2_security_profile_final_ensure_request_object_with_multiple_aud_succeeds(client: FapiClient) -> None:
    taken(client, aud=[client.suite.discovery["issuer"], "https://another.example"])


@pytest.mark.spec(FAPI, "5.3.1")
def test_fapi2_security_profile_final_ensure_request_object_with_nbf_8_seconds_in_the_future_is_accepted(
    client: FapiClient,
) -> None:
    taken(client, nbf=client.now + 8)


@pytest.mark.spec(FAPI, "5.3.1")
def test_fapi2_security_profile_final_ensure_request_object_without_exp_fails(client: FapiClient) -> None:
    not_taken(client, client.object(client.request(), exp=None))


@pytest.mark.spec(FAPI, "5.3.1")
def test_fapi2_security_profile_final_ensure_request_object_without_nbf_fails(client: FapiClient) -> None:
    not_taken(client, client.object(client.request(), nbf=None))


@pytest.mark.spec(FAPI, "5.3.1")
def test_fapi2_security_profile_final_ensure_request_object_with_bad_aud_fails(client: FapiClient) -> None:
    not_taken(client, client.object(client.request(), aud="https://another.example"))


@pytest.mark.spec(FAPI, "5.3.1")
def test_fapi2_security_profile_final_ensure_request_object_with_exp_over_60_fails(client: FapiClient) -> None:
    not_taken(client, client.object(client.request(), exp=client.now + _HOUR + 600))


@pytest.mark.spec(FAPI, "5.3.1")
def test_fapi2_security_profile_final_ensure_request_object_with_nbf_over_60_fails(client: FapiClient) -> None:
    not_taken(client, client.object(client.request(), nbf=client.now - _HOUR - 600))


@pytest.mark.spec(FAPI, "5.3.1")
def test_fapi2_security_profile_final_ensure_expired_request_object_fails(client: FapiClient) -> None:
    not_taken(client, client.object(client.request(), nbf=client.now - 600, exp=client.now - 300))


@pytest.mark.spec(FAPI, "5.3.1")
def test_fapi2_security_profile_final_ensure_signed_request_object_with_RS256_fails(suite: Suite) -> None:
    rsa = key("RS256", "weak")
    weak = fapi_client(suite, "weak", more_keys=(rsa.jwk,))
    not_taken(weak, weak.object(weak.request(), rsa))


@pytest.mark.spec(JAR, "4")
def test_fapi2_security_profile_final_ensure_request_object_signature_algorithm_is_not_none(client: FapiClient) -> None:
    not_taken(client, client.object(client.request(), alg="none"))


@pytest.mark.spec(JAR, "6.2")
def test_fapi2_security_profile_final_ensure_request_object_with_invalid_signature_fails(client: FapiClient) -> None:
    head, claims, signature = client.object(client.request()).split(".")
    not_taken(client, f"{head}.{claims}.{signature[:-8]}AAAAAAAA")


@pytest.mark.spec(JAR, "6.2")
def test_fapi2_security_profile_final_ensure_matching_key_in_authorization_request(client: FapiClient) -> None:
    other = fapi_client(client.suite, "second")
    not_taken(client, client.object(client.request(), other.signing))


@pytest.mark.spec(FAPI, "5.3.1")
def test_fapi2_security_profile_final_ensure_unsigned_request_at_par_endpoint_fails(client: FapiClient) -> None:
    refused(client.push_form(client.request()), "invalid_request", "invalid_request_object")


@pytest.mark.spec(JAR, "4")
def test_fapi2_security_profile_final_par_authorization_request_containing_request_uri(client: FapiClient) -> None:
    not_taken(client, client.object(client.request(), request_uri=client.reference(client.request())))


@pytest.mark.spec(FAPI, "5.3.1")
def test_fapi2_security_profile_final_ensure_registered_redirect_uri(client: FapiClient) -> None:
    not_taken(client, client.object(client.request(redirect_uri="https://suite.example/never/registered")))
