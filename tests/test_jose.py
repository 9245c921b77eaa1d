"""Signing and verifying: every way in which a JWT can be not what it must be (RFC 8725; security.md E)."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey

from idp import jose
from idp.errors import TokenRejected

from .provider import b64url

ISSUER, AUDIENCE = "https://id.example", "https://api.example"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = jose.public_jwk(KEY, "RS256")
KID = str(PUBLIC["kid"])
SIGNER = jose.Signer(KID, "RS256", KEY)
REQUIRED = ("iss", "sub", "aud", "exp", "iat")


def find(kid: str | None, alg: str) -> jose.VerifyKey | None:
    return jose.verify_key(PUBLIC, "RS256") if kid == KID else None


def verify(token: str, **changes: Any) -> dict[str, Any]:
    expected = {"typ": ("at+jwt",), "issuer": ISSUER, "audience": AUDIENCE, "require": REQUIRED} | changes
    return jose.verify(token, find, **expected)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    right = {"iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "iat": now, "exp": now + 60, "jti": "j", "sid": "s"}
    return {name: value for name, value in (right | changes).items() if value is not None}


def token(**changes: Any) -> str:
    return jose.sign(claims(**changes), SIGNER, typ="at+jwt")


def by_hand(header: Any, body: Any, key: rsa.RSAPrivateKey = KEY) -> str:
    """A rightly signed token of a shape that PyJWT would not make."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, body)]
    text = ".".join(b64url(part) for part in parts)
    return f"{text}.{b64url(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def mac(secret: bytes, alg: str = "HS256", **header: Any) -> str:
    body = json.dumps(claims()).encode()
    text = b64url(json.dumps({"alg": alg, "typ": "at+jwt", "kid": KID} | header).encode()) + "." + b64url(body)
    return f"{text}.{b64url(hmac.digest(secret, text.encode(), {'HS256': 'sha256', 'HS512': 'sha512'}[alg]))}"


HEADER = {"alg": "RS256", "typ": "at+jwt", "kid": KID}
SPKI = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
PKCS1 = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
DER = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def altered(part: int) -> str:
    parts = token().split(".")
    parts[part] = parts[part][:10] + ("A" if parts[part][10] != "A" else "B") + parts[part][11:]
    return ".".join(parts)


ATTACKS: dict[str, Callable[[], str]] = {
    **{
        f"alg {alg!r}": (lambda alg=alg: by_hand(HEADER | {"alg": alg}, claims()))
        for alg in ("none", "None", "NONE", "nOnE", "", "HS256", "RS384", "rs256", "PS256", "ES256", None, 7, ["RS256"],
                    {"a": 1}, True)
    },
    "no alg": lambda: by_hand({"typ": "at+jwt", "kid": KID}, claims()),
    "empty signature": lambda: token().rsplit(".", 1)[0] + ".",
    **{
        f"HS256 keyed with {name}": (lambda secret=secret: mac(secret))
        for name, secret in {
            "SPKI": SPKI, "PKCS1": PKCS1, "DER": DER, "JWK": json.dumps(PUBLIC).encode(), "n": PUBLIC["n"].encode(),
            "kid": KID.encode(), "nothing": b"",
        }.items()
    },
    "HS512 keyed with SPKI": lambda: mac(SPKI, "HS512"),
    "signed by another": lambda: by_hand(HEADER, claims(), OTHER),
    "jwk in the header": lambda: by_hand(HEADER | {"jwk": jose.public_jwk(OTHER, "RS256")}, claims(), OTHER),
    "jku": lambda: by_hand(HEADER | {"jku": "http://127.0.0.1:9/"}, claims(), OTHER),
    "x5c": lambda: by_hand(HEADER | {"x5c": ["AAAA"]}, claims(), OTHER),
    **{
        f"kid {str(kid).replace(KID, 'K').replace(KID.swapcase(), 'k')[:12]!r}": (
            lambda kid=kid: by_hand(HEADER | {"kid": kid}, claims())
        )
        for kid in (None, "", "unknown", "../../etc/passwd", "' OR 1=1 --", "\0", "x" * 3000, ["a"], {"a": 1}, 7,
                    KID + " ", KID.swapcase())
    },
    **{
        f"typ {typ!r}": (lambda typ=typ: by_hand(HEADER | {"typ": typ}, claims()))
        for typ in ("JWT", "jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "", None, 1, ["at+jwt"])
    },
    "no typ": lambda: by_hand({"alg": "RS256", "kid": KID}, claims()),
    "unknown crit": lambda: by_hand(HEADER | {"crit": ["x"], "x": 1}, claims()),
    "empty crit": lambda: by_hand(HEADER | {"crit": []}, claims()),
    "b64 false": lambda: by_hand(HEADER | {"b64": False, "crit": ["b64"]}, claims()),
    "b64 alone": lambda: by_hand(HEADER | {"b64": False}, claims()),
    "altered header": lambda: altered(0), "altered claims": lambda: altered(1), "altered signature": lambda: altered(2),
    "padding": lambda: token() + "=", "padding twice": lambda: token() + "==", "newline": lambda: token() + "\n",
    "space": lambda: " " + token(), "quotes": lambda: f'"{token()}"', "four parts": lambda: token() + ".x",
    "five parts": lambda: token() + ".x.y", "two parts": lambda: token().rsplit(".", 1)[0], "nothing": lambda: "",
    "dots": lambda: "..", "standard alphabet": lambda: token().replace("-", "+").replace("_", "/") + "+",
    "JSON serialisation": lambda: json.dumps(dict(zip(("protected", "payload", "signature"), token().split("."),
                                                      strict=True))),
    "header a list": lambda: by_hand([1], claims()), "header text": lambda: by_hand("x", claims()),
    "header no JSON": lambda: by_hand(b"{", claims()), "header bad UTF-8": lambda: by_hand(b"\xff", claims()),
    "header deep": lambda: by_hand(b"[" * 2000, claims()), "claims deep": lambda: by_hand(HEADER, b"[" * 4000),
    "claims nested": lambda: by_hand(HEADER, b'{"a":' * 900 + b"1" + b"}" * 900),
    "claims a list": lambda: by_hand(HEADER, [1]), "claims no JSON": lambda: by_hand(HEADER, b"x"),
    "claims bad UTF-8": lambda: by_hand(HEADER, b'{"iss":"\xff"}'),
    "claims empty": lambda: by_hand(HEADER, {}),
    "number too large": lambda: by_hand(HEADER, b'{"exp":1' + b"0" * 400 + b"}"),
    "number of 5000 digits": lambda: by_hand(HEADER, b'{"exp":' + b"9" * 5000 + b"}"),
    "NaN": lambda: by_hand(HEADER, json.dumps(claims()).replace('"jti"', '"exp": NaN, "jti"').encode()),
    "infinite": lambda: by_hand(HEADER, json.dumps(claims()).replace('"jti"', '"exp": Infinity, "jti"').encode()),
    "too long": lambda: token(x="x" * 8192),
    **{f"without {name}": (lambda name=name: token(**{name: None})) for name in REQUIRED},
    "expired": lambda: token(exp=int(time.time()) - 1), "expires now": lambda: token(exp=int(time.time())),
    "from the future": lambda: token(iat=int(time.time()) + 60), "not yet": lambda: token(nbf=int(time.time()) + 60),
    "exp text": lambda: by_hand(HEADER, claims(exp="99999999999")),
    "exp fraction": lambda: by_hand(HEADER, claims(exp=time.time() + 60.5)),
    "exp true": lambda: by_hand(HEADER, claims(exp=True)), "exp list": lambda: by_hand(HEADER, claims(exp=[1])),
    "iat text": lambda: by_hand(HEADER, claims(iat="1")), "nbf text": lambda: by_hand(HEADER, claims(nbf="1")),
    "auth_time text": lambda: by_hand(HEADER, claims(auth_time="1")),
    "iss of another": lambda: token(iss="https://evil.example"), "iss prefix": lambda: token(iss="https://id"),
    "iss part": lambda: token(iss="id.example"), "iss longer": lambda: token(iss=ISSUER + ".evil.example"),
    "iss slash": lambda: token(iss=ISSUER + "/"), "iss list": lambda: by_hand(HEADER, claims(iss=[ISSUER])),
    "iss object": lambda: by_hand(HEADER, claims(iss={ISSUER: 1})),
    "aud of another": lambda: token(aud="https://other.example"), "aud prefix": lambda: token(aud="https://api"),
    "aud list of others": lambda: token(aud=["https://other.example"]), "aud empty": lambda: token(aud=[]),
    "aud number": lambda: by_hand(HEADER, claims(aud=7)), "aud of a number": lambda: by_hand(HEADER, claims(aud=[7])),
    "sub number": lambda: by_hand(HEADER, claims(sub=7)), "jti number": lambda: by_hand(HEADER, claims(jti=7)),
    "sid list": lambda: by_hand(HEADER, claims(sid=["s"])), "scope list": lambda: by_hand(HEADER, claims(scope=["x"])),
    "client_id null in a list": lambda: by_hand(HEADER, claims(client_id=[None])),
}  # fmt: skip


@pytest.mark.promise("P8")
@pytest.mark.spec("RFC 8725", "3")
@pytest.mark.parametrize("case", ATTACKS)
def test_what_is_not_exactly_right_is_rejected(case: str) -> None:
    """authlib.md traps 32 and 33 among them."""
    began = time.thread_time()
    with pytest.raises((TokenRejected, RecursionError)) as refusal:
        verify(ATTACKS[case]())
    assert refusal.type is TokenRejected
    assert time.thread_time() - began < 1


@pytest.mark.spec("RFC 8725", "3.10")
@pytest.mark.parametrize("kid", [["a"], {"a": 1}, 7, True, "x" * 257])
def test_a_kid_that_is_no_short_text_is_not_looked_for(kid: Any) -> None:
    def looked_for(kid: str | None, alg: str) -> jose.VerifyKey | None:
        raise AssertionError(f"asked for a key of the name {kid!r} ({alg})")

    with pytest.raises(TokenRejected):
        jose.verify(
            by_hand(HEADER | {"kid": kid}, claims()),
            looked_for,
            typ=("at+jwt",),
            issuer=None,
            audience=None,
            require=(),
        )


@pytest.mark.spec("RFC 7515", "2")
def test_a_token_has_one_spelling() -> None:
    """The last character of a signature of 256 bytes carries four bits that nobody uses."""
    right, alphabet = token(), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = right[:-1] + alphabet[alphabet.index(right[-1]) ^ 1]
    assert verify(right)
    with pytest.raises(TokenRejected):
        verify(other)


@pytest.mark.spec("RFC 7517", "9.2")
@pytest.mark.parametrize("alg", jose.ASYMMETRIC)
def test_what_is_published_of_a_key_is_public(alg: str) -> None:
    members = set(jose.public_jwk(jose.generate(alg), alg))
    assert members <= {"kty", "kid", "alg", "use", "n", "e", "crv", "x", "y"}


def test_what_is_right_is_accepted() -> None:
    assert verify(token())["sub"] == "ada"
    assert verify(token(aud=[AUDIENCE, ISSUER]))["aud"] == [AUDIENCE, ISSUER]
    assert verify(token(aud="x"), audience=None)["aud"] == "x"
    assert verify(token(exp=int(time.time()) - 5), leeway=10)
    assert verify(token(exp=1), ignore_expiry=True)["exp"] == 1


def test_an_expired_one_with_expiry_ignored_is_still_checked_for_all_else() -> None:
    for wrong in (altered(1), token(exp=1, iss="x"), token(exp=None), by_hand(HEADER, claims(exp="1"))):
        with pytest.raises(TokenRejected):
            verify(wrong, ignore_expiry=True)


def test_of_a_repeated_member_one_value_counts_everywhere() -> None:
    """RFC 7515 section 5.2: the last one, which is the one that all checks see."""
    body = json.dumps(claims()).replace('"sub": "ada"', '"sub": "eve", "sub": "ada"').encode()
    assert verify(by_hand(HEADER, body))["sub"] == "ada"


def test_a_token_names_its_key_and_kind() -> None:
    """authlib.md trap 31: no choice among keys, the signer is told."""
    assert jwt.get_unverified_header(token()) == HEADER


# ── remembered signatures ─────────────────────────────────────────────────────────────────────────


class Ring:
    """Keys by name, that can be taken away; counts how often one verified."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys = {KID: jose.verify_key(PUBLIC, "RS256")}
        self.known = jose.Known(4)
        self.verified = 0
        verifies = jose._verifies
        monkeypatch.setattr(jose, "_verifies", lambda *told: self._count() or verifies(*told))

    def _count(self) -> None:
        self.verified += 1

    def verify(self, text: str, **changes: Any) -> dict[str, Any]:
        expected = {"typ": ("at+jwt",), "issuer": ISSUER, "audience": AUDIENCE, "require": REQUIRED} | changes
        return jose.verify(text, lambda kid, _alg: self.keys.get(kid or ""), known=self.known, **expected)


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    return Ring(monkeypatch)


def test_a_right_signature_is_remembered(ring: Ring) -> None:
    text = token()
    assert ring.verify(text) == ring.verify(text) == verify(text)
    assert ring.verified == 2  # one of them without a memory


def test_what_is_remembered_cannot_be_changed_by_who_was_told(ring: Ring) -> None:
    text = token()
    ring.verify(text)["sub"] = "eve"
    assert ring.verify(text)["sub"] == "ada"


@pytest.mark.parametrize("case", ATTACKS)
def test_nothing_wrong_is_remembered_as_right(ring: Ring, case: str) -> None:
    text = ATTACKS[case]()
    for _ in range(2):
        with pytest.raises(TokenRejected):
            ring.verify(text)


def test_a_remembered_token_expires(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    text = token()
    ring.verify(text)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(TokenRejected):
        ring.verify(text)


@pytest.mark.parametrize("wrong", [{"issuer": "https://x"}, {"audience": "https://x"}, {"typ": ("JWT",)},
                                   {"require": ("nonce",)}])  # fmt: skip
def test_a_remembered_token_is_compared_anew(ring: Ring, wrong: dict[str, Any]) -> None:
    text = token()
    ring.verify(text)
    with pytest.raises(TokenRejected):
        ring.verify(text, **wrong)


def test_a_remembered_token_dies_with_its_key(ring: Ring) -> None:
    """An emergency: the key is taken away, and what it signed is worth nothing."""
    text = token()
    ring.verify(text)
    ring.keys.clear()
    with pytest.raises(TokenRejected):
        ring.verify(text)
    ring.keys[KID] = jose.verify_key(jose.public_jwk(OTHER, "RS256"), "RS256")  # another key of that name
    with pytest.raises(TokenRejected):
        ring.verify(text)


def test_the_memory_is_bounded(ring: Ring) -> None:
    texts = [token(sub=str(number)) for number in range(6)]
    for text in texts:
        ring.verify(text)
    before = ring.verified
    ring.verify(texts[-1])
    assert ring.verified == before
    ring.verify(texts[0])
    assert ring.verified == before + 1


@pytest.mark.spec("RFC 7638", "3.1")
def test_the_published_thumbprint() -> None:
    jwk = {
        "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
             "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
             "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
             "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    }  # fmt: skip
    assert jose.thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("alg", jose.ASYMMETRIC)
def test_a_key_of_every_kind_signs_and_verifies(alg: str) -> None:
    private = jose.load_private(jose.private_bytes(jose.generate(alg)))
    public = jose.public_jwk(private, alg)
    assert not {"d", "p", "q", "k"} & set(public)
    assert (public["alg"], public["use"]) == (alg, "sig")
    made = jose.sign(claims(), jose.Signer(str(public["kid"]), alg, private), typ="at+jwt")
    found = jose.verify(
        made, lambda _kid, _alg: jose.verify_key(public, alg), typ=("at+jwt",), issuer=ISSUER, audience=AUDIENCE,
        require=REQUIRED,
    )  # fmt: skip
    assert found["sub"] == "ada"
    with pytest.raises(ValueError, match="no key"):
        jose.generate("HS256")


@pytest.mark.parametrize(
    "jwk",
    [{}, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA"}, {"kty": "RSA", "n": "AQ"}, {"kty": "RSA", "n": 1, "e": "AQAB"},
     {"kty": "RSA", "n": "!", "e": "AQAB"}, {"kty": ["RSA"]}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
     {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, {"kty": "OKP", "crv": "X25519", "x": "AA"},
     {"kty": "OKP", "crv": "Ed25519", "x": "AA"}, PUBLIC | {"alg": "HS256"}, PUBLIC | {"use": "enc"}],
)  # fmt: skip
def test_what_is_no_public_signing_key(jwk: dict[str, Any]) -> None:
    assert not jose.key_strong_enough({name: value for name, value in jwk.items() if name != "alg"}) or "alg" in jwk
    assert jose.verify_key(jwk, "RS256") is None


def test_a_weak_key() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert not jose.key_strong_enough(jose.public_jwk(weak, "RS256"))
    assert jose.key_strong_enough(PUBLIC)


@pytest.mark.spec("RFC 7518", "3.4")
def test_a_key_of_another_curve_does_not_verify() -> None:
    """It may stand in a client's key set for others; here it signs nothing."""
    p384 = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key()))
    ed448 = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(Ed448PrivateKey.generate().public_key()))
    assert jose.verify_key(p384, "ES256") is None
    assert jose.verify_key(ed448, "EdDSA") is None
    assert jose.key_strong_enough(p384)
    assert jose.key_strong_enough(ed448)


def test_an_own_token_from_the_future_tells_of_the_clock() -> None:
    """The clock was set back a minute: what was signed before is alive, and can be revoked."""
    ahead = token(iat=int(time.time()) + 60)
    assert verify(ahead, ours=True)["iat"] > time.time()
    with pytest.raises(TokenRejected):
        verify(token(exp=int(time.time()) - 1), ours=True)
