"""The plan fapi-ciba-id1 (CIBA Core 1.0, FAPI-CIBA): poll and ping, signed requests, bound tokens."""

from __future__ import annotations

import itertools
import json
import threading
from typing import Any

import jwt
import pytest
import requests

from idp.courier import Courier
from idp.domain.client import ClientOrigin
from tests.provider import ISSUER, PASSWORD

from .browser import Browser
from .fapi import FapiClient
from .keys import Key, key
from .suite import PERSON, Suite

CIBA, FAPI_CIBA = "CIBA Core", "FAPI-CIBA ID1"
GRANT, ALG = "urn:openid:params:grant-type:ciba", "backchannel_authentication_request_signing_alg"
TOKEN = "notify-" + "n" * 22
_HOUR = 3600
_numbers = itertools.count(1)


class Till(FapiClient):
    """A client that asks people where they are; ``ping`` where its registration says so."""

    @property
    def endpoint(self) -> str:
        return str(self.suite.discovery["backchannel_authentication_endpoint"])

    def asked(self, **changes: Any) -> dict[str, Any]:
        """The parameters; None leaves one out."""
        ping = self.registered["backchannel_token_delivery_mode"] == "ping"
        right = {
            "scope": "openid", "login_hint": PERSON, "client_notification_token": TOKEN if ping else None,
            "binding_message": f"W4-{next(_numbers)}",
        }  # fmt: skip
        return {name: value for name, value in (right | changes).items() if value is not None}

    def signed(self, asked: dict[str, Any], by: Key | None = None, alg: str | None = None, **changes: Any) -> str:
        """CIBA Core 7.1.1; None leaves a claim out."""
        right = {
            "iss": self.client_id, "aud": ISSUER, "nbf": self.now, "exp": self.now + 300, "iat": self.now,
            "jti": f"request-{next(_numbers)}", **asked,
        }  # fmt: skip
        claims = {name: value for name, value in (right | changes).items() if value is not None}
        return (by or self.signing).sign(claims, **({"alg": alg} if alg else {}))

    def send(self, form: dict[str, Any], assertion: str | None = "") -> requests.Response:
        """Exactly these members; None sends no assertion."""
        own = {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion or self.assertion(),
        }  # fmt: skip
        return self.suite.http.post(self.endpoint, data={**form, **(own if assertion is not None else {})})

    def begin(self, **changes: Any) -> tuple[str, str]:
        """A signed request that is acknowledged: its id, and what the person compares."""
        asked = self.asked(**changes)
        answer = self.send({"request": self.signed(asked)})
        assert answer.status_code == 200, answer.text
        assert answer.json()["expires_in"] > 0
        return answer.json()["auth_req_id"], asked.get("binding_message", "")

    def poll(self, code: str, **options: Any) -> requests.Response:
        """CIBA Core 10.1."""
        return self.token({"grant_type": GRANT, "auth_req_id": code}, **options)

    def decide(self, message: str, *, allow: bool = True) -> None:
        """The person, at the page where requests wait."""
        browser = self.suite.browser()
        browser.get(f"{ISSUER}/account/requests")
        browser.submit("Sign in", Email=PERSON, Password=PASSWORD)
        _open(browser, message)
        browser.submit("Allow" if allow else "Cancel")

    def approved(self, **changes: Any) -> str:
        code, message = self.begin(**changes)
        self.decide(message)
        return code

    def flow(self, **changes: Any) -> dict[str, Any]:  # type: ignore[override]
        """Ask, allow, poll."""
        return self.checked(self.poll(self.approved(**changes)), None)


def _open(browser: Browser, message: str) -> None:
    """The waiting request that shows this message."""
    if message in browser.page.text and "Allow" in browser.page.buttons:
        return
    for address in list(browser.page.links().values()):
        if "/account/requests/" in address:
            browser.get(address)
            if message in browser.page.text:
                return
            browser.get(f"{ISSUER}/account/requests")
    raise AssertionError(f"no request {message}: {browser.page.text[:800]}")


def till(suite: Suite, name: str = "till", more_keys: tuple[dict[str, Any], ...] = (), **members: Any) -> Till:
    """An operator's client that signs its requests by ES256 and whose tokens are bound."""
    signing = key("ES256", name)
    metadata = suite.metadata(**{
        "client_name": f"CIBA {name}", "redirect_uris": None, "response_types": None,
        "grant_types": [GRANT, "refresh_token"], "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256", "jwks": {"keys": [signing.jwk, *more_keys]},
        "backchannel_token_delivery_mode": "poll", ALG: "ES256", "dpop_bound_access_tokens": True,
        "id_token_signed_response_alg": "ES256", **members,
    })  # fmt: skip
    services = suite.provider.services
    with services.work():
        client = services.clients.create(metadata, origin=ClientOrigin.OPERATOR).client
    return Till(suite, {**metadata, "client_id": client.client_id}, signing, key("ES256", f"holder of {name}"))


@pytest.fixture
def client(suite: Suite) -> Till:
    return till(suite)


def refused(answer: requests.Response, *errors: str) -> None:
    """A refusal for programs, with one of these errors."""
    assert answer.json()["error"] in errors, answer.text
    assert answer.status_code == (401 if answer.json()["error"] == "invalid_client" else 400), answer.text


def not_taken(client: Till, **changes: Any) -> None:
    refused(client.send({"request": client.signed(client.asked(), **changes)}), "invalid_request")


def pinged(suite: Suite, path: str, status: int = 200, location: str | None = None) -> Till:
    """A client that is to be pinged at a host that answers so."""
    suite.host.statuses[path] = status
    if location:
        suite.host.locations[path] = location
    return till(
        suite, "pinged", backchannel_token_delivery_mode="ping",
        backchannel_client_notification_endpoint=suite.host.origin + path,
    )  # fmt: skip


def deliver(suite: Suite) -> None:
    Courier(suite.provider.flask.extensions["idp"].deliveries, 2).drain(threading.Event())


def one_ping(client: Till, path: str) -> None:
    """The person decides, the client is told once, and polls whatever it answered to that."""
    code = client.approved()
    deliver(client.suite)
    (ping,) = client.suite.host.at(path)
    assert ping.headers["Authorization"] == f"Bearer {TOKEN}"
    assert json.loads(ping.body) == {"auth_req_id": code}
    client.checked(client.poll(code), None)


@pytest.mark.spec(CIBA, "4")
def test_fapi_ciba_id1_discovery_end_point_verification(suite: Suite) -> None:
    document = suite.discovery
    assert {"poll", "ping"} <= set(document["backchannel_token_delivery_modes_supported"])
    assert document["backchannel_authentication_endpoint"].startswith("https://")
    assert GRANT in document["grant_types_supported"]
    assert {"PS256", "ES256"} & set(document["backchannel_authentication_request_signing_alg_values_supported"])
    assert document["backchannel_user_code_parameter_supported"] is False


@pytest.mark.spec(CIBA, "7.3")
@pytest.mark.spec(CIBA, "10.1.1")
def test_fapi_ciba_id1(client: Till) -> None:
    code, message = client.begin()
    refused(client.poll(code), "authorization_pending")
    client.decide(message)
    with client.suite.provider.clock.later(6):
        tokens = client.checked(client.poll(code), None)
    assert client.call(tokens["access_token"]).json()["sub"] == tokens["claims"]["sub"]


@pytest.mark.spec(CIBA, "11")
def test_fapi_ciba_id1_user_rejects_authentication(client: Till) -> None:
    code, message = client.begin()
    client.decide(message, allow=False)
    refused(client.poll(code), "access_denied")


@pytest.mark.spec(CIBA, "11")
def test_fapi_ciba_id1_multiple_call_to_token_endpoint(client: Till) -> None:
    code = client.approved()
    client.checked(client.poll(code), None)
    refused(client.poll(code), "invalid_grant")


@pytest.mark.spec(CIBA, "11")
def test_fapi_ciba_id1_auth_req_id_expired(client: Till) -> None:
    code, _message = client.begin(requested_expiry=30)
    with client.suite.provider.clock.later(35):
        refused(client.poll(code), "expired_token")


@pytest.mark.spec(CIBA, "7.1")
def test_fapi_ciba_id1_ensure_authorization_request_with_binding_message_succeeds(client: Till) -> None:
    client.flow(binding_message="1234")


@pytest.mark.spec("RFC 6749", "3.3")
def test_fapi_ciba_id1_ensure_other_scope_order_succeeds(client: Till) -> None:
    client.flow(scope="email openid")


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_requested_expiry_as_string_succeeds(client: Till) -> None:
    client.flow(requested_expiry="300")


@pytest.mark.spec(CIBA, "13")
def test_fapi_ciba_id1_ensure_authorization_request_with_potentially_bad_binding_message(client: Till) -> None:
    text = "1234 \U0001f44d\U0001f3ff 品川 " + "x" * 200
    answer = client.send({"request": client.signed(client.asked(binding_message=text))})
    refused(answer, "invalid_binding_message")


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_missing_aud_fails(client: Till) -> None:
    not_taken(client, aud=None)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_bad_aud_fails(client: Till) -> None:
    not_taken(client, aud="https://another.example")


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_missing_iss_fails(client: Till) -> None:
    not_taken(client, iss=None)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_bad_iss_fails(client: Till) -> None:
    not_taken(client, iss="another")


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_missing_exp_fails(client: Till) -> None:
    not_taken(client, exp=None)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_expired_exp_fails(client: Till) -> None:
    not_taken(client, nbf=client.now - 600, exp=client.now - 300)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_exp_is_70_minutes_in_future_fails(client: Till) -> None:
    not_taken(client, exp=client.now + 70 * 60)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_missing_iat_fails(client: Till) -> None:
    not_taken(client, iat=None)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_missing_nbf_fails(client: Till) -> None:
    not_taken(client, nbf=None)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_nbf_is_10_minutes_in_future_fails(client: Till) -> None:
    not_taken(client, nbf=client.now + 600, exp=client.now + 900)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_nbf_is_70_minutes_in_past_fails(client: Till) -> None:
    not_taken(client, nbf=client.now - 70 * 60)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_missing_jti_fails(client: Till) -> None:
    not_taken(client, jti=None)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_signature_algorithm_is_none_fails(client: Till) -> None:
    not_taken(client, alg="none")


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_signature_algorithm_is_bad_fails(suite: Suite) -> None:
    other = key("EdDSA", "bad")
    not_taken(till(suite, "other", (other.jwk,)), by=other)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_signature_algorithm_is_RS256_fails(suite: Suite) -> None:
    other = key("RS256", "weak")
    not_taken(till(suite, "other", (other.jwk,)), by=other)


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_request_object_signed_by_other_client_fails(client: Till) -> None:
    not_taken(client, by=till(client.suite, "second").signing)


@pytest.mark.spec(CIBA, "7.1")
def test_fapi_ciba_id1_ensure_authorization_request_with_multiple_hints_fails(client: Till) -> None:
    not_taken(client, id_token_hint="a.b.c")


@pytest.mark.spec(CIBA, "11")
def test_fapi_ciba_id1_ensure_wrong_auth_req_id_in_token_endpoint_request(client: Till) -> None:
    client.approved()
    refused(client.poll("w" * 43), "invalid_grant")


@pytest.mark.spec(CIBA, "7.1.1")
def test_fapi_ciba_id1_ensure_different_client_id_and_issuer_in_backchannel_authorization_request(client: Till) -> None:
    not_taken(client, iss=till(client.suite, "second").client_id)


@pytest.mark.spec(CIBA, "10.1")
def test_fapi_ciba_id1_ensure_wrong_client_id_in_token_endpoint_request(client: Till) -> None:
    code, other = client.approved(), till(client.suite, "second")
    refused(other.poll(code), "invalid_grant")


@pytest.mark.spec(CIBA, "7.1")
def test_fapi_ciba_id1_ensure_wrong_client_id_in_backchannel_authorization_request(client: Till) -> None:
    form = {"request": client.signed(client.asked()), "client_id": till(client.suite, "second").client_id}
    refused(client.send(form), "invalid_client", "invalid_request")


@pytest.mark.spec(CIBA, "10.1")
def test_fapi_ciba_id1_ensure_without_client_assertion_in_token_endpoint_request(client: Till) -> None:
    code = client.approved()
    refused(client.poll(code, assertion=None), "invalid_client")


@pytest.mark.spec(CIBA, "7.1")
def test_fapi_ciba_id1_ensure_without_client_assertion_in_backchannel_authorization_request(client: Till) -> None:
    refused(client.send({"request": client.signed(client.asked())}, assertion=None), "invalid_client")


@pytest.mark.spec("RFC 7523", "3")
def test_fapi_ciba_id1_ensure_invalid_client_assertions_in_backchannel_authorization_request_fail(client: Till) -> None:
    wrong: dict[str, Any] = {
        "sub": "wrong", "iss": "wrong", "aud": "https://other.example/", "exp": client.now - 300,
    }  # fmt: skip
    sent = [client.assertion(**{name: value}) for name, value in wrong.items()]
    sent += [client.assertion(**{name: None}) for name in ("sub", "iss", "aud")]
    good = client.assertion()
    claims = jwt.decode(good, options={"verify_signature": False})
    sent += [f"{good[:-9]}{'A' * 9}", jwt.encode(claims, None, "none")]
    for assertion in sent:
        refused(client.send({"request": client.signed(client.asked())}, assertion=assertion), "invalid_client")
    for kind in ({}, {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:wrong"}):
        request = {"request": client.signed(client.asked()), "client_assertion": client.assertion(), **kind}
        refused(client.send(request, assertion=None), "invalid_client", "invalid_request")
    client.flow()


@pytest.mark.spec(FAPI_CIBA, "7.10")
def test_fapi_ciba_id1_ensure_client_assertion_signature_algorithm_in_backchannel_authorization_request_is_RS256_fails(
    suite: Suite,
) -> None:
    rsa = key("RS256", "weak")
    weak = till(suite, "weak", (rsa.jwk,))
    request = weak.signed(weak.asked())
    weak.signing = rsa
    refused(weak.send({"request": request}), "invalid_client")


@pytest.mark.spec(FAPI_CIBA, "7.10")
def test_fapi_ciba_id1_ensure_client_assertion_signature_algorithm_in_token_endpoint_request_is_RS256_fails(
    suite: Suite,
) -> None:
    rsa = key("RS256", "weak")
    weak = till(suite, "weak", (rsa.jwk,))
    code = weak.approved()
    weak.signing = rsa
    refused(weak.poll(code), "invalid_client")


@pytest.mark.spec(CIBA, "10.1")
def test_fapi_ciba_id1_ensure_client_assertion_with_iss_aud_to_token_endpoint_succeeds(client: Till) -> None:
    assertion = client.assertion()
    assert jwt.decode(assertion, options={"verify_signature": False})["aud"] == ISSUER
    client.checked(client.poll(client.approved(), assertion=assertion), None)


@pytest.mark.spec(CIBA, "10.2")
def test_fapi_ciba_id1_ping_backchannel_notification_endpoint_response_has_body(suite: Suite) -> None:
    suite.host.put("/ping-body", "something to ignore", "text/plain")
    one_ping(pinged(suite, "/ping-body"), "/ping-body")


@pytest.mark.spec(CIBA, "10.2")
def test_fapi_ciba_id1_ping_backchannel_notification_endpoint_response_401(suite: Suite) -> None:
    one_ping(pinged(suite, "/ping-401", 401), "/ping-401")


@pytest.mark.spec(CIBA, "10.2")
def test_fapi_ciba_id1_ping_backchannel_notification_endpoint_response_403(suite: Suite) -> None:
    one_ping(pinged(suite, "/ping-403", 403), "/ping-403")


@pytest.mark.spec(CIBA, "10.2")
def test_fapi_ciba_id1_ping_with_mtls_ciba_notification_endpoint_response_401_and_require_server_does_not_retry(
    suite: Suite,
) -> None:
    one_ping(pinged(suite, "/ping-once", 401), "/ping-once")
    with suite.provider.clock.later(_HOUR):
        deliver(suite)
    assert len(suite.host.at("/ping-once")) == 1


@pytest.mark.spec(CIBA, "10.2")
def test_fapi_ciba_id1_ping_backchannel_notification_endpoint_return_redirect_request(suite: Suite) -> None:
    """A redirect is not followed."""
    one_ping(pinged(suite, "/ping-away", 301, suite.host.origin + "/elsewhere"), "/ping-away")
    assert suite.host.at("/elsewhere") == []


@pytest.mark.spec(FAPI_CIBA, "5.2.2")
def test_fapi_ciba_id1_ensure_unsigned_backchannel_authorization_request_fails(client: Till) -> None:
    refused(client.send(client.asked()), "invalid_request")


@pytest.mark.spec(CIBA, "10.1.1")
def test_fapi_ciba_id1_refresh_token(client: Till) -> None:
    first = client.flow(scope="openid offline_access")
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = client.checked(client.token(form), None)
    assert client.call(second["access_token"]).status_code == 200
    refused(till(client.suite, "second").token(form), "invalid_grant")


@pytest.mark.spec(FAPI_CIBA, "5.2.2")
@pytest.mark.spec("RFC 9449", "5")
def test_fapi_ciba_id1_ensure_mtls_holder_of_key_required(client: Till) -> None:
    """The key is held by DPoP here; by certificates in tests/oauth/test_rfc8705_mtls.py."""
    code = client.approved()
    refused(client.poll(code, proof=None), "invalid_dpop_proof", "invalid_request")
    tokens = client.checked(client.poll(code), None)
    assert client.call(tokens["access_token"], "Bearer", proof=None).status_code == 401
