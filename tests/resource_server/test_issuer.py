"""Discovery and keys: whom we believe, how often we ask, what happens when nobody answers."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from idp.resource_server import TokenInvalid, Verifier, VerifierUnavailable
from idp.resource_server.issuer import Issuer, discovery_addresses
from idp.resource_server.transport import Transport

from .fake_issuer import FakeIssuer, eventually

WELL_KNOWN = "/.well-known/openid-configuration"


class Tick:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tick() -> Tick:
    return Tick()


@pytest.fixture
def source(issuer: FakeIssuer, tick: Tick) -> Issuer:
    return Issuer(issuer.url, Transport(issuer.url, timeout=1), tick)


def test_one_fetch_serves_many(local: Verifier, issuer: FakeIssuer) -> None:
    for _ in range(5):
        local.check(issuer.token())
    assert issuer.asked == {WELL_KNOWN: 1, "/jwks": 1}


def test_keys_are_fetched_again_when_they_are_old(source: Issuer, issuer: FakeIssuer, tick: Tick) -> None:
    source.key("rsa")
    tick.now += 299
    source.key("rsa")
    assert issuer.asked["/jwks"] == 1
    tick.now += 2
    source.key("rsa")
    eventually(lambda: issuer.asked["/jwks"] == 2)


def test_nobody_waits_for_keys_that_are_fetched_anew(source: Issuer, issuer: FakeIssuer, tick: Tick) -> None:
    source.key("rsa")
    issuer.hold("/jwks")
    tick.now += 301
    for _ in range(20):
        assert source.key("rsa")
    eventually(lambda: issuer.asked["/jwks"] == 2)
    assert source.key("rsa")
    assert issuer.asked["/jwks"] == 2
    issuer.let_go("/jwks")


def test_a_withdrawn_key_is_forgotten(source: Issuer, issuer: FakeIssuer, tick: Tick) -> None:
    issuer.add_key("second", "ES256")
    source.key("rsa")
    del issuer.private["rsa"]
    tick.now += 301
    source.key("second")
    eventually(lambda: "rsa" not in (source.keys_at_once() or {}))
    with pytest.raises(TokenInvalid):
        source.key("rsa")


def test_an_hour_is_the_hard_end(source: Issuer, issuer: FakeIssuer, tick: Tick) -> None:
    source.key("rsa")
    del issuer.private["rsa"]
    issuer.add_key("second", "ES256")
    tick.now += 3600
    with pytest.raises(TokenInvalid):
        source.key("rsa")  # fetched by the one who asks, who waits for it
    assert source.endpoint("introspection_endpoint")


def test_unchanged_keys_are_the_same_object(source: Issuer, issuer: FakeIssuer, tick: Tick) -> None:
    source.key("rsa")
    keys = source.keys_at_once()
    tick.now += 3600
    source.key("rsa")
    assert issuer.asked["/jwks"] == 2
    assert source.keys_at_once() is keys


def test_a_new_key_is_found_and_invented_ones_cost_little(source: Issuer, issuer: FakeIssuer, tick: Tick) -> None:
    source.key("rsa")
    tick.now += 11
    issuer.add_key("new", "ES256")
    assert source.key("new").alg == "ES256"
    assert issuer.asked["/jwks"] == 2
    for number in range(50):
        with pytest.raises(TokenInvalid):
            source.key(f"invented {number}")
    assert issuer.asked["/jwks"] == 2


def test_many_threads_cause_one_fetch(source: Issuer, issuer: FakeIssuer) -> None:
    issuer.delay["/jwks"] = 0.1
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(source.key("rsa").kid)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["rsa"] * 20
    assert issuer.asked["/jwks"] == 1


def test_known_keys_outlive_a_short_silence_and_no_long_one(source: Issuer, issuer: FakeIssuer, tick: Tick) -> None:
    source.key("rsa")
    issuer.override[WELL_KNOWN] = (503, {}, b"")
    tick.now += 301
    assert source.key("rsa")
    with pytest.raises(VerifierUnavailable):
        source.key("unknown")  # nobody could say whether it exists
    tick.now += 3600
    with pytest.raises(VerifierUnavailable):
        source.key("rsa")


def test_a_silent_issuer_is_not_hammered(source: Issuer, issuer: FakeIssuer, tick: Tick) -> None:
    issuer.override[WELL_KNOWN] = (500, {}, b"")
    for _ in range(10):
        with pytest.raises(VerifierUnavailable):
            source.key("rsa")
    assert issuer.asked[WELL_KNOWN] == 1
    tick.now += 2
    del issuer.override[WELL_KNOWN]
    assert source.key("rsa")


@pytest.mark.spec("RFC 8414", "3.3")
@pytest.mark.parametrize("named", ["https://evil.example", "", None, 7, "{url}/"])
def test_metadata_of_another_issuer_are_not_believed(issuer: FakeIssuer, local: Verifier, named: Any) -> None:
    issuer.metadata["issuer"] = named.format(url=issuer.url) if isinstance(named, str) else named
    with pytest.raises(VerifierUnavailable):
        local.check(issuer.token())


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:9/jwks", "https://127.0.0.1/jwks", "file:///etc/passwd", "data:application/json,{}", None, 7],
)
def test_keys_come_from_the_issuers_origin_alone(issuer: FakeIssuer, local: Verifier, address: Any) -> None:
    issuer.metadata["jwks_uri"] = address
    with pytest.raises(VerifierUnavailable):
        local.check(issuer.token())


@pytest.mark.spec("RFC 6454", "4")
def test_another_port_is_another_origin(issuer: FakeIssuer, local: Verifier) -> None:
    with FakeIssuer() as other:
        issuer.metadata["jwks_uri"] = f"{other.url}/jwks"
        with pytest.raises((VerifierUnavailable, TokenInvalid), match=r"origin|not valid") as refusal:
            local.check(issuer.token())
        assert not other.asked
        assert refusal.type is VerifierUnavailable


@pytest.mark.parametrize("path", [WELL_KNOWN, "/jwks"])
@pytest.mark.parametrize(
    "answer",
    [
        (302, {"Location": "/elsewhere"}, b""), (500, {}, b""), (200, {}, b"<html>"), (200, {}, b"[]"),
        (200, {}, b"{}"), (200, {}, b'{"keys": {}}'), (200, {}, b'{"keys": [1, null, {}]}'), (200, {}, b"[" * 200_000),
        (200, {}, b" " * 600_000),
    ],
    ids=["redirect", "500", "html", "array", "empty", "no list", "no keys", "deep", "long"],
)  # fmt: skip
def test_bad_answers_are_no_answers(issuer: FakeIssuer, local: Verifier, path: str, answer: Any) -> None:
    issuer.override[path] = answer
    with pytest.raises(VerifierUnavailable):
        local.check(issuer.token())
    assert not issuer.asked["/elsewhere"]


def test_a_slow_answer_is_no_answer(issuer: FakeIssuer, local: Verifier) -> None:
    issuer.delay["/jwks"] = 1.3
    with pytest.raises(VerifierUnavailable):
        local.check(issuer.token())


def test_nobody_there(issuer: FakeIssuer) -> None:
    verifier = Verifier("http://127.0.0.1:9", "x", mode="local", timeout=0.5)
    with pytest.raises(VerifierUnavailable) as caught:
        verifier.check(issuer.token())
    assert caught.value.status == 503
    assert caught.value.headers() == {"Retry-After": "2", "Cache-Control": "no-store"}
    assert "127.0.0.1" not in json.dumps(caught.value.body())


@pytest.mark.spec("RFC 7517", "5")
def test_keys_that_may_not_verify_are_left_out(issuer: FakeIssuer, local: Verifier) -> None:
    good = issuer.jwks()["keys"][0]
    for wrong in (
        {"alg": None}, {"alg": "RS512"}, {"alg": "none"}, {"alg": "HS256"}, {"use": "enc"}, {"kty": "EC"},
        {"kty": "oct", "k": "AAAA", "alg": "HS256"}, {"d": "AQ"}, {"n": "!"}, {"n": 5}, {"kid": 5}, {"e": None},
    ):  # fmt: skip
        issuer.extra_keys.append({**good, "kid": f"bad {len(issuer.extra_keys)}"} | wrong)
    assert local.check(issuer.token())
    for number in range(len(issuer.extra_keys)):
        with pytest.raises(TokenInvalid):
            local.check(issuer.token(header={"kid": f"bad {number}"}))


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")  # of the signing side alone
def test_weak_rsa_keys_verify_nothing(issuer: FakeIssuer, local: Verifier) -> None:
    issuer.private["weak"] = ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=1024))
    with pytest.raises(TokenInvalid):
        local.check(issuer.token("weak"))


@pytest.mark.parametrize(
    ("issuer_url", "expected"),
    [
        ("https://a.example", ("https://a.example/.well-known/openid-configuration",
                               "https://a.example/.well-known/oauth-authorization-server")),
        ("https://a.example/t", ("https://a.example/t/.well-known/openid-configuration",
                                 "https://a.example/.well-known/oauth-authorization-server/t")),
    ],
)  # fmt: skip
def test_places_of_discovery(issuer_url: str, expected: tuple[str, str]) -> None:
    assert discovery_addresses(issuer_url) == expected
