"""What is remembered of a token: signature and claims, under these keys, and never that it lives."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import jwt
import pytest

from idp.resource_server import TokenInvalid
from idp.resource_server.issuer import Issuer
from idp.resource_server.keys import VerificationKey
from idp.resource_server.signed_tokens import SignedTokens
from idp.resource_server.transport import Transport

from .fake_issuer import AUDIENCE, FakeIssuer, eventually


class Clock:
    """Seconds that tests move."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tick() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def source(issuer: FakeIssuer, tick: Clock) -> Issuer:
    source = Issuer(issuer.url, Transport(issuer.url, timeout=5), tick)
    source.key("rsa")
    return source


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What signatures were looked at, each time."""
    seen: list[bytes] = []
    honest = VerificationKey.verifies

    def verifies(self: VerificationKey, signed: bytes, signature: bytes) -> bool:
        seen.append(signature)
        return honest(self, signed, signature)

    monkeypatch.setattr(VerificationKey, "verifies", verifies)
    return seen


def signed_tokens(source: Issuer, remembered: int = 100, **options: Any) -> SignedTokens:
    return SignedTokens(source, AUDIENCE, leeway=5, remembered=remembered, **options)


def test_a_token_is_verified_once(source: Issuer, issuer: FakeIssuer, verified: list[bytes]) -> None:
    tokens, token = signed_tokens(source), issuer.token()
    first = tokens.at_once(token)
    assert first is not None
    assert all(tokens.at_once(token) is first for _ in range(5))
    assert len(verified) == 1
    assert tokens.at_once(issuer.token(sid="s2")) is not first


def test_a_remembered_token_expires(source: Issuer, issuer: FakeIssuer) -> None:
    token = issuer.token()
    exp = jwt.decode(token, options={"verify_signature": False})["exp"]
    clock = Clock(exp - 1.0)
    tokens = signed_tokens(source, clock=clock)
    assert tokens.at_once(token)
    clock.now = exp + 4.9
    assert tokens.at_once(token)
    clock.now = exp + 5.0
    with pytest.raises(TokenInvalid):
        tokens.at_once(token)


def test_a_withdrawn_key_takes_what_it_verified_with_it(source: Issuer, issuer: FakeIssuer, tick: Clock) -> None:
    tokens, token = signed_tokens(source), issuer.token()
    assert tokens.at_once(token)
    del issuer.private["rsa"]
    issuer.add_key("next", "ES256")
    tick.now += 301
    tokens.at_once(token)
    eventually(lambda: "next" in (source.keys_at_once() or {}))
    assert tokens.at_once(token) is None
    with pytest.raises(TokenInvalid):
        tokens.verify(token)


def test_keys_beyond_an_hour_verify_nothing(source: Issuer, issuer: FakeIssuer, tick: Clock) -> None:
    tokens, token = signed_tokens(source), issuer.token()
    assert tokens.at_once(token)
    issuer.hold("/jwks")
    tick.now += 3600
    assert tokens.at_once(token) is None
    issuer.let_go("/jwks")


def test_the_memory_is_bounded(source: Issuer, issuer: FakeIssuer, verified: list[bytes]) -> None:
    tokens = signed_tokens(source, remembered=10)
    many = [issuer.token(jti=f"j{number}") for number in range(25)]
    for token in many:
        assert tokens.at_once(token)
    assert len(tokens._memory.young) + len(tokens._memory.old) <= 10
    verified.clear()
    assert tokens.at_once(many[-1])
    assert tokens.at_once(many[0])
    assert len(verified) == 1


def test_nothing_is_remembered_if_so_wished(source: Issuer, issuer: FakeIssuer, verified: list[bytes]) -> None:
    tokens, token = signed_tokens(source, remembered=0), issuer.token()
    assert all(tokens.at_once(token) for _ in range(3))
    assert len(verified) == 3


def test_what_was_refused_is_not_remembered(source: Issuer, issuer: FakeIssuer) -> None:
    tokens, token = signed_tokens(source), issuer.token(aud="https://other.example")
    for _ in range(3):
        with pytest.raises(TokenInvalid):
            tokens.at_once(token)
    assert not tokens._memory.young


def test_many_threads_share_it(source: Issuer, issuer: FakeIssuer) -> None:
    tokens = signed_tokens(source, remembered=4)
    many = {f"j{number}": issuer.token(jti=f"j{number}") for number in range(10)}
    wrong: list[str] = []

    def ask() -> None:
        for _ in range(100):
            for jti, token in many.items():
                found = tokens.at_once(token)
                if found is None or found.token.jti != jti:
                    wrong.append(jti)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def part(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def signed(issuer: FakeIssuer, header: str, payload: str) -> str:
    alg, key = issuer.private["rsa"]
    message = f"{part(header)}.{part(payload)}"
    signature = jwt.get_algorithm_by_name(alg).sign(message.encode(), key)
    return f"{message}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


HEADER = '{"alg":"RS256","typ":"at+jwt","kid":"rsa"}'


def test_the_form_of_these_cases_is_right(source: Issuer, issuer: FakeIssuer) -> None:
    assert signed_tokens(source).at_once(signed(issuer, HEADER, json.dumps(issuer.claims())))


@pytest.mark.spec("RFC 7515", "4")
@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ('{"alg":"RS256","typ":"at+jwt","kid":"rsa","kid":"rsa"}', "{claims}"),
        ('{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"rsa"}', "{claims}"),
        (HEADER, '{{"sub":"eve",{members}}}'), (HEADER, '{{{members},"address":{{"a":1,"a":2}}}}'),
        (HEADER, '{{{members},"x":NaN}}'), (HEADER, '{{{members},"x":-Infinity}}'), (HEADER, "[{claims}]"),
        (HEADER, "{claims} x"), (HEADER, "\ufeff{claims}"), (HEADER, '{{{members},"x":' + "1" * 5000 + "}}"),
        (HEADER, "[" * 3000), ("[]", "{claims}"), ("null", "{claims}"), ('"RS256"', "{claims}"),
    ],
)  # fmt: skip
def test_what_two_readers_could_read_differently_is_refused(
    source: Issuer, issuer: FakeIssuer, header: str, payload: str
) -> None:
    claims = json.dumps(issuer.claims())
    token = signed(issuer, header, payload.format(claims=claims, members=claims[1:-1]))
    with pytest.raises(TokenInvalid):
        signed_tokens(source).verify(token)


@pytest.mark.promise("P1")
def test_a_token_can_be_revoked_by_every_token_on_its_way(source: Issuer, issuer: FakeIssuer) -> None:
    """RFC 8693: the client in the middle is thrown out, or takes back what it was given."""
    found = signed_tokens(source).at_once(issuer.token(via=[{"client_id": "photos", "jti": "j2", "iat": 1}]))
    assert found is not None
    assert {"client_id:photos", "jti:j2", f"client_id:{found.token.client_id}", f"jti:{found.token.jti}"} <= set(
        found.names
    )
