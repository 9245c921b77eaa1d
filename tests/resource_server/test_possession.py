"""Bound tokens at an API: what DPoP proofs and certificates must be, in the core and through the adapters."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from idp.resource_server import NonceWanted, ProofInvalid, ProtectedResource, Sender, TokenInvalid, Verifier
from idp.resource_server.flask import current_token, init_app, require_token

from ..proofs import ProofKey, ath
from .fake_issuer import AUDIENCE, FakeIssuer

KEY, OTHER = ProofKey(), ProofKey()
PATH = "/notes"
CERTIFICATE = base64.b64encode(b"a certificate").decode()
THUMBPRINT = base64.urlsafe_b64encode(hashlib.sha256(b"a certificate").digest()).rstrip(b"=").decode()


def proof(token: str, key: ProofKey = KEY, path: str = AUDIENCE + PATH, **changes: Any) -> str:
    return key.proof(path, time.time(), **{"method": "GET", "token": token, **changes})


def ask(verifier: Verifier, token: str, shown: str | None, scheme: str = "DPoP", **headers: str) -> Any:
    found = {**headers, **({"DPoP": shown} if shown is not None else {})}
    return verifier.verify(f"{scheme} {token}", sender=verifier.sender("GET", PATH, found.get))


@pytest.fixture
def token(issuer: FakeIssuer) -> str:
    return issuer.token(cnf={"jkt": KEY.jkt})


@pytest.mark.spec("RFC 9449", "7.1")
@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256"])
def test_a_bound_token_with_its_proof(local: Verifier, issuer: FakeIssuer, alg: str) -> None:
    key = ProofKey(alg)
    token = issuer.token(cnf={"jkt": key.jkt})
    assert ask(local, token, proof(token, key)).confirmation == {"jkt": key.jkt}
    assert ask(local, token, proof(token, key), scheme="dpop").sub


@pytest.mark.spec("RFC 9449", "7.2")
def test_a_bound_token_is_no_bearer_token(local: Verifier, issuer: FakeIssuer, token: str) -> None:
    with pytest.raises(TokenInvalid) as refused:
        ask(local, token, proof(token), scheme="Bearer")
    assert refused.value.challenge().startswith("Bearer ")
    for check in (lambda: local.verify(f"Bearer {token}"), lambda: local.check(token)):
        with pytest.raises(TokenInvalid):
            check()
    with pytest.raises(TokenInvalid) as unbound:
        ask(local, issuer.token(), proof(issuer.token()))
    assert unbound.value.challenge().startswith("DPoP ")


ATTACKS: dict[str, Callable[[str], str | None]] = {
    "none": lambda _t: None,
    "junk": lambda _t: "junk",
    "two": lambda t: f"{proof(t)},{proof(t)}",
    "another key": lambda t: proof(t, OTHER),
    "another's jwk": lambda t: proof(t, OTHER, header={"jwk": KEY.jwk}),
    "no jwk": lambda t: proof(t, header={"jwk": None}),
    "empty jwk": lambda t: proof(t, header={"jwk": {}}),
    "symmetric jwk": lambda t: proof(t, header={"jwk": {"kty": "oct", "k": "AAAA"}}),
    "private jwk": lambda t: proof(t, header={"jwk": {**KEY.jwk, "d": "AAAA"}}),
    "typ": lambda t: proof(t, header={"typ": "JWT"}),
    "crit": lambda t: proof(t, header={"crit": ["x"], "x": 1}),
    "method": lambda t: proof(t, htm="POST"),
    "no method": lambda t: proof(t, htm=None),
    "path": lambda t: proof(t, htu=AUDIENCE + "/other"),
    "host": lambda t: proof(t, htu="https://evil.example/notes"),
    "no htu": lambda t: proof(t, htu=None),
    "htu no URL": lambda t: proof(t, htu="https://[::1/notes"),
    "htu no text": lambda t: proof(t, htu=AUDIENCE + "/\ud800"),
    "old": lambda t: proof(t, iat=int(time.time()) - 400),
    "future": lambda t: proof(t, iat=int(time.time()) + 62),
    "no iat": lambda t: proof(t, iat=None),
    "iat as text": lambda t: proof(t, iat="1"),
    "no jti": lambda t: proof(t, jti=None),
    "ath": lambda t: proof(t, ath=ath("x")),
    "no ath": lambda t: proof(t, ath=None),
}  # fmt: skip


@pytest.mark.spec("RFC 9449", "4.3")
@pytest.mark.parametrize("case", ATTACKS)
def test_what_is_not_a_right_proof(local: Verifier, token: str, case: str) -> None:
    """security.md N."""
    with pytest.raises(ProofInvalid) as refused:
        ask(local, token, ATTACKS[case](token))
    assert 'error="invalid_dpop_proof"' in refused.value.challenge()
    assert refused.value.challenge().startswith("DPoP ")
    assert 'algs="ES256 EdDSA PS256"' in refused.value.challenge()
    assert refused.value.status == 401


@pytest.mark.spec("RFC 9449", "4.3")
def test_another_spelling_of_the_address(local: Verifier, token: str) -> None:
    for htu in ("https://API.example.com:443/notes", AUDIENCE + "/n%6Ftes?a=b#c"):
        assert ask(local, token, proof(token, htu=htu)).sub


@pytest.mark.spec("RFC 9449", "11.1")
def test_a_proof_works_once(local: Verifier, token: str) -> None:
    shown = proof(token)
    assert ask(local, token, shown).sub
    with pytest.raises(ProofInvalid):
        ask(local, token, shown)


@pytest.mark.spec("RFC 8705", "3")
def test_a_token_bound_to_a_certificate(issuer: FakeIssuer) -> None:
    verifier = Verifier(issuer.url, AUDIENCE, mode="local", certificate_header="Client-Cert")
    token = issuer.token(cnf={"x5t#S256": THUMBPRINT})
    for spelled in (
        CERTIFICATE,
        f":{CERTIFICATE}:",
        f"-----BEGIN CERTIFICATE----- {CERTIFICATE} -----END CERTIFICATE-----",
    ):
        assert ask(verifier, token, None, "Bearer", **{"Client-Cert": spelled}).sub
    for wrong in ({}, {"Client-Cert": "AAAA"}, {"Client-Cert": "ä"}, {"Client-Cert": ""}, {"Other": CERTIFICATE}):
        with pytest.raises(TokenInvalid):
            ask(verifier, token, None, "Bearer", **wrong)


def test_an_api_that_was_told_of_no_proxy_believes_no_header(local: Verifier, issuer: FakeIssuer) -> None:
    token = issuer.token(cnf={"x5t#S256": THUMBPRINT})
    with pytest.raises(TokenInvalid):
        ask(local, token, None, "Bearer", **{"Client-Cert": CERTIFICATE})


@pytest.mark.parametrize("cnf", [{}, {"kid": "x"}, {"jkt": 7}, "x", {"jkt": KEY.jkt, "jwk": "x"}])
def test_what_cannot_be_proven_here_is_refused(local: Verifier, issuer: FakeIssuer, cnf: Any) -> None:
    token = issuer.token(cnf=cnf)
    for scheme in ("Bearer", "DPoP"):
        with pytest.raises(TokenInvalid):
            ask(local, token, proof(token), scheme)


@pytest.mark.spec("FAPI 2.0 Security Profile", "5.3.4")
def test_an_api_may_take_bound_tokens_alone(issuer: FakeIssuer, token: str) -> None:
    verifier = Verifier(issuer.url, AUDIENCE, mode="local", sender_constrained=True)
    assert ask(verifier, token, proof(token)).sub
    with pytest.raises(TokenInvalid):
        ask(verifier, issuer.token(), None, "Bearer")


def test_without_an_address_of_its_own_an_api_takes_no_proof(issuer: FakeIssuer) -> None:
    token = issuer.token(cnf={"jkt": KEY.jkt}, aud="notes")
    with pytest.raises(ProofInvalid):
        ask(Verifier(issuer.url, "notes", mode="local"), token, proof(token))
    assert ask(Verifier(issuer.url, "notes", mode="local", origin=AUDIENCE), token, proof(token)).sub


def test_a_sender_can_be_made_by_hand(local: Verifier, token: str) -> None:
    assert local.verify(f"DPoP {token}", sender=Sender("GET", AUDIENCE + PATH, proof(token))).sub


# ── nonces ────────────────────────────────────────────────────────────────────────────────────────

NONCES = bytes(range(32))


@pytest.mark.spec("RFC 9449", "9")
def test_an_api_may_want_proofs_to_name_its_nonce(issuer: FakeIssuer, token: str) -> None:
    one, other = (Verifier(issuer.url, AUDIENCE, mode="local", dpop_nonce_secret=NONCES) for _ in range(2))
    for sent in (None, "made-up", "ü", 7, ["x"]):
        with pytest.raises(NonceWanted) as refused:
            ask(one, token, proof(token, nonce=sent))
        assert refused.value.status == 401
        assert refused.value.challenge().startswith('DPoP error="use_dpop_nonce"')
    nonce = refused.value.headers()["DPoP-Nonce"]
    assert ask(one, token, proof(token, nonce=nonce)).sub
    assert ask(other, token, proof(token, nonce=nonce)).sub, "another process of the same API"
    for wrong in (proof(token, OTHER, nonce=nonce), proof(token, nonce=nonce, htm="POST"), None):
        with pytest.raises(ProofInvalid):
            ask(one, token, wrong)
    shown = proof(token)
    for _ in range(2):
        with pytest.raises(NonceWanted):
            ask(one, token, shown)


@pytest.mark.spec("RFC 9449", "9")
def test_without_nonces_one_that_is_sent_counts_for_nothing(local: Verifier, token: str) -> None:
    assert ask(local, token, proof(token, nonce="anything")).sub


# ── through the adapters ──────────────────────────────────────────────────────────────────────────


def test_flask(local: Verifier, token: str) -> None:
    app = Flask(__name__)
    init_app(app, ProtectedResource(local, realm="notes"))

    @app.get(PATH)
    @require_token(local)
    def notes() -> dict[str, str]:
        return {"sub": current_token().sub}

    client = app.test_client()
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof(token)}
    assert client.get(PATH, headers=headers, base_url="http://inner:8080").status_code == 200
    again = client.get(PATH, headers=headers)
    assert (again.status_code, again.json["error"]) == (401, "invalid_dpop_proof")
    assert again.headers["WWW-Authenticate"].startswith('DPoP realm="notes"')
