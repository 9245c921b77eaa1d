"""RFC 9068 section 4, RFC 8725: what a resource server must accept and refuse, without asking anybody."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from idp.resource_server import (
    InsufficientScope,
    StepUpRequired,
    TokenInvalid,
    TokenMissing,
    Verifier,
    VerifierUnavailable,
)
from idp.resource_server.requirement import MODES, words

from .fake_issuer import AUDIENCE, FakeIssuer, make_key


def b64(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_good_token_tells_who_calls(local: Verifier, issuer: FakeIssuer) -> None:
    token = local.verify(f"Bearer {issuer.token()}", scope="notes.read")
    assert (token.sub, token.client_id, token.sid, token.jti, token.acr) == ("ada", "app", "s1", "j1", "aal1")
    assert token.scope == ("notes.read", "notes.write")
    assert isinstance(token.auth_time, int)
    assert token.claims["iss"] == issuer.url
    with pytest.raises(TypeError):
        token.claims["sub"] = "eve"  # type: ignore[index]


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_each_allowed_algorithm(local: Verifier, issuer: FakeIssuer, alg: str) -> None:
    issuer.add_key("k", alg)
    assert local.check(issuer.token("k")).sub == "ada"


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_type_has_no_case(local: Verifier, issuer: FakeIssuer, typ: str) -> None:
    assert local.check(issuer.token(header={"typ": typ}))


@pytest.mark.parametrize("changes", [{"aud": ["https://other.example", AUDIENCE]}, {"scope": None}, {"sid": None}])
def test_variants_that_are_allowed(local: Verifier, issuer: FakeIssuer, changes: dict[str, Any]) -> None:
    assert local.check(issuer.token(**changes))


def test_leeway_covers_a_small_clock_difference(local: Verifier, issuer: FakeIssuer) -> None:
    assert local.check(issuer.token(exp=int(time.time()) - 2))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"}, {"aud": "https://other.example"}, {"aud": []}, {"aud": None}, {"aud": 7},
        {"exp": None}, {"exp": int(time.time()) - 60}, {"exp": str(int(time.time()) + 60)}, {"exp": True},
        {"exp": time.time() + 60.5}, {"exp": float("inf")}, {"iat": None}, {"iat": "1"}, {"iat": 99999999999},
        {"nbf": 99999999999}, {"sub": None}, {"sub": ""}, {"sub": 5}, {"client_id": None}, {"client_id": ["app"]},
        {"jti": None}, {"scope": ["notes.read"]}, {"sid": 5}, {"auth_time": "x"}, {"acr": 1},
        {"cnf": {"jkt": "abc"}},
    ],
)  # fmt: skip
def test_claims_that_are_refused(local: Verifier, issuer: FakeIssuer, changes: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        local.check(issuer.token(**changes))


def test_issuer_with_a_slash_more_is_another(local: Verifier, issuer: FakeIssuer) -> None:
    with pytest.raises(TokenInvalid):
        local.check(issuer.token(iss=issuer.url + "/"))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"}, {"typ": None}, {"typ": "logout+jwt"}, {"kid": None}, {"kid": "unknown"},
        {"crit": ["exp"]}, {"crit": ["b64"], "b64": True}, {"b64": True}, {"crit": []},
    ],
)  # fmt: skip
def test_headers_that_are_refused(local: Verifier, issuer: FakeIssuer, header: dict[str, Any]) -> None:
    alg, key = issuer.private["rsa"]
    head = {"alg": alg, "typ": "at+jwt", "kid": "rsa"} | header
    signed = f"{b64({k: v for k, v in head.items() if v is not None})}.{b64(issuer.claims())}"
    signature = jwt.get_algorithm_by_name(alg).sign(signed.encode(), key)
    with pytest.raises(TokenInvalid):
        local.check(f"{signed}.{b64(signature)}")


def test_kid_must_be_text(local: Verifier, issuer: FakeIssuer) -> None:
    for kid in (7, ["rsa"], {}, None):
        with pytest.raises((TokenInvalid, TypeError)) as refusal:
            local.check(f"{b64({'alg': 'RS256', 'typ': 'at+jwt', 'kid': kid})}.{b64(issuer.claims())}.AAAA")
        assert refusal.type is TokenInvalid


@pytest.mark.spec("RFC 8725", "3.1")
def test_unsigned_tokens_are_refused(local: Verifier, issuer: FakeIssuer) -> None:
    head = b64({"alg": "none", "typ": "at+jwt", "kid": "rsa"})
    for signature in ("", "AA"):
        with pytest.raises(TokenInvalid):
            local.check(f"{head}.{b64(issuer.claims())}.{signature}")


@pytest.mark.spec("RFC 8725", "2.1")
def test_the_public_key_is_no_shared_secret(local: Verifier, issuer: FakeIssuer) -> None:
    signed = f"{b64({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'rsa'})}.{b64(issuer.claims())}"
    for secret in (json.dumps(issuer.jwks()["keys"][0]).encode(), b""):
        tag = hmac.digest(secret or b"x", signed.encode(), hashlib.sha256)
        with pytest.raises(TokenInvalid):
            local.check(f"{signed}.{b64(tag)}")


def test_a_key_signs_with_its_own_algorithm_alone(local: Verifier, issuer: FakeIssuer) -> None:
    _, key = issuer.private["rsa"]
    token = jwt.encode(issuer.claims(), key, algorithm="RS512", headers={"typ": "at+jwt", "kid": "rsa"})
    with pytest.raises(TokenInvalid):
        local.check(token)


@pytest.mark.parametrize("alg", ["none", "HS256", "RS512", "ES256", None, ["RS256"]])
def test_an_algorithm_that_is_only_said_counts_too(local: Verifier, issuer: FakeIssuer, alg: Any) -> None:
    """RFC 8725 section 3.1: the signature is right for the key, and the header lies about it."""
    signed = f"{b64({'alg': alg, 'typ': 'at+jwt', 'kid': 'rsa'})}.{b64(issuer.claims())}"
    _, key = issuer.private["rsa"]
    signature = b64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))
    with pytest.raises(TokenInvalid, match="algorithm"):
        local.check(f"{signed}.{signature}")


def test_a_foreign_key_under_our_kid_is_refused(local: Verifier, issuer: FakeIssuer) -> None:
    token = jwt.encode(issuer.claims(), make_key("RS256"), "RS256", headers={"typ": "at+jwt", "kid": "rsa"})
    with pytest.raises(TokenInvalid):
        local.check(token)


@pytest.mark.parametrize(
    "token",
    ["", ".", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "{}.{}.{}", "A" * 9000, "eyJ.e30.AA", "e30.e30.AA", "W10.e30.AA"],
)
def test_junk_is_refused_without_asking_anybody(local: Verifier, issuer: FakeIssuer, token: str) -> None:
    with pytest.raises(TokenInvalid):
        local.check(token)
    assert not issuer.asked


def test_claims_nested_without_end_are_refused(local: Verifier) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 4000).rstrip(b"=").decode()
    with pytest.raises((TokenInvalid, RecursionError)) as refusal:
        local.check(f"{deep}.e30.AA")
    assert refusal.type is TokenInvalid


def test_padding_is_refused(local: Verifier, issuer: FakeIssuer) -> None:
    with pytest.raises(TokenInvalid):
        local.check(issuer.token() + "==")


def test_a_giant_token_is_refused(local: Verifier, issuer: FakeIssuer) -> None:
    with pytest.raises(TokenInvalid):
        local.check(issuer.token(padding="x" * 8192))


@pytest.mark.spec("RFC 6750", "3.1")
@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearertoken", "DPoPx abc"])
def test_no_token_means_a_challenge_without_code(local: Verifier, header: str | None) -> None:
    with pytest.raises(TokenMissing) as caught:
        local.verify(header)
    assert caught.value.status == 401
    assert caught.value.challenge() == "Bearer"
    assert caught.value.challenge("notes") == 'Bearer realm="notes"'


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b", "bearer x y z"])
def test_a_malformed_bearer_header_is_invalid(local: Verifier, header: str) -> None:
    with pytest.raises(TokenInvalid):
        local.verify(header)


def test_the_scheme_has_no_case(local: Verifier, issuer: FakeIssuer) -> None:
    assert local.verify(f"bEARER {issuer.token()}")


@pytest.mark.spec("RFC 6750", "3.1")
def test_too_little_scope_is_403_and_names_what_is_needed(local: Verifier, issuer: FakeIssuer) -> None:
    with pytest.raises(InsufficientScope) as caught:
        local.verify(f"Bearer {issuer.token(scope='notes.read')}", scope="notes.read notes.write")
    assert caught.value.status == 403
    assert 'error="insufficient_scope"' in caught.value.challenge()
    assert 'scope="notes.read notes.write"' in caught.value.challenge()


def test_scopes_are_whole_words(local: Verifier, issuer: FakeIssuer) -> None:
    with pytest.raises(InsufficientScope):
        local.verify(f"Bearer {issuer.token(scope='notes.readonly')}", scope="notes.read")


@pytest.mark.spec("RFC 9470", "3")
@pytest.mark.parametrize(
    ("demand", "claims"),
    [
        ({"acr_values": "aal2"}, {"acr": "aal1"}), ({"acr_values": "aal2"}, {"acr": None}),
        ({"acr_values": ("aal2", "aal3")}, {"acr": "aal1"}), ({"max_age": 60}, {"auth_time": int(time.time()) - 70}),
        ({"max_age": 60}, {"auth_time": None}), ({"acr_values": "aal1", "max_age": 0}, {"auth_time": 1}),
    ],
)  # fmt: skip
def test_too_weak_or_too_old_a_sign_in_asks_for_another(
    local: Verifier, issuer: FakeIssuer, demand: dict[str, Any], claims: dict[str, Any]
) -> None:
    with pytest.raises(StepUpRequired) as caught:
        local.verify(f"Bearer {issuer.token(**claims)}", scope="notes.read", **demand)
    assert caught.value.status == 401
    challenge = caught.value.challenge("notes")
    assert challenge.startswith('Bearer realm="notes", error="insufficient_user_authentication", error_description="')
    for name, value in demand.items():
        assert f'{name}="{value if name == "max_age" else " ".join(words(value))}"' in challenge
    assert "scope=" not in challenge


@pytest.mark.parametrize("demand", [{"acr_values": "aal2 aal1"}, {"max_age": 60}, {"acr_values": "aal1", "max_age": 9}])
def test_a_sign_in_that_is_enough(local: Verifier, issuer: FakeIssuer, demand: dict[str, Any]) -> None:
    assert local.verify(f"Bearer {issuer.token()}", **demand)


@pytest.mark.spec("RFC 9470", "3")
def test_a_step_up_names_the_scope_that_lacks_too(local: Verifier, issuer: FakeIssuer) -> None:
    with pytest.raises(StepUpRequired) as caught:
        local.verify(f"Bearer {issuer.token(scope='')}", scope="notes.read", acr_values="aal2")
    assert 'acr_values="aal2", scope="notes.read"' in caught.value.challenge()


def test_each_route_has_its_mode(asking: Verifier, issuer: FakeIssuer) -> None:
    header = f"Bearer {issuer.token()}"
    issuer.ended.add("s1")
    assert asking.verify(header, mode="local")
    with pytest.raises(TokenInvalid):
        asking.verify(header)
    assert issuer.asked["/introspect"] == 1


def test_what_can_be_decided_at_once(asking: Verifier, issuer: FakeIssuer) -> None:
    header, routes = f"Bearer {issuer.token()}", {mode: asking.require(mode=mode) for mode in MODES}
    assert asking.admit_at_once(header, routes["local"]) is None  # no keys yet
    asking.verify(header, mode="local")
    assert asking.admit_at_once(header, routes["local"])
    assert asking.admit_at_once(header, routes["introspect"]) is None
    assert asking.admit_at_once(header, routes["stream"]) is None
    with pytest.raises(TokenInvalid):
        asking.admit_at_once("Bearer a.b.c", routes["local"])
    with pytest.raises(InsufficientScope):
        asking.admit_at_once(header, asking.require(mode="local", scope="admin"))
    assert issuer.asked["/introspect"] == 0


def test_a_requirement_of_another_verifier_lets_nobody_in(
    asking: Verifier, local: Verifier, issuer: FakeIssuer
) -> None:
    for mode in ("introspect", "stream"):
        with pytest.raises(VerifierUnavailable):
            local.admit(f"Bearer {issuer.token()}", asking.require(mode=mode))  # type: ignore[arg-type]


def test_wrong_settings_are_refused_at_once() -> None:
    for arguments in ({"mode": "introspect"}, {"mode": "stream"}, {"mode": "trusting"}):
        with pytest.raises(ValueError, match="mode"):
            Verifier("https://id.example", AUDIENCE, **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cached"):
        Verifier("https://id.example", AUDIENCE, client_id="a", client_secret="b", introspection_cache=5)
    with pytest.raises(ValueError, match="bound"):
        Verifier("https://id.example", AUDIENCE, mode="local", bound=0)
    with pytest.raises(ValueError, match="mode"):
        Verifier("https://id.example", AUDIENCE, mode="local").require(mode="stream")
    with pytest.raises(ValueError, match="http"):
        Verifier("file:///etc/passwd", AUDIENCE, mode="local")
