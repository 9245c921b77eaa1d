"""``private_key_jwt``: what an assertion must be, as a table of what it is not (RFC 7523 section 3)."""

from __future__ import annotations

import base64
import hmac
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from werkzeug.test import TestResponse

from idp import jose
from idp.domain.client import ClientOrigin
from idp.fetch_slots import Purpose, slot
from idp.oauth.rfc7523_client_assertion import ASSERTION_TYPE, ClientKeys
from idp.oauth.strangers_hosts import StrangersHosts
from idp.outgoing import Outgoing

from ..provider import ISSUER, App, Provider, b64url, refused, running

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: Any, alg: str, **more: str) -> dict[str, Any]:
    return {**jose.public_jwk(key, alg), **more}


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    keys = [jwk(RSA_KEY, "RS256"), jwk(EC_KEY, "ES256"), jwk(ED_KEY, "EdDSA")]
    return provider.register(token_endpoint_auth_method="private_key_jwt", jwks={"keys": keys})


def claims(provider: Provider, app: App, **changes: Any) -> dict[str, Any]:
    now = int(provider.clock.now().timestamp())
    right = {"iss": app.id, "sub": app.id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": uuid4().hex}
    return {name: value for name, value in (right | changes).items() if value is not None}


def signed(claims: dict[str, Any], key: Any = RSA_KEY, alg: str = "RS256", **header: Any) -> str:
    kid = None if key is STRANGER else jose.public_jwk(key, alg)["kid"]
    headers = {name: value for name, value in {"kid": kid, **header}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=alg, headers=headers)


def present(provider: Provider, assertion: str, **form: Any) -> TestResponse:
    members = {"token": "x", "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion} | form
    return provider.post("/revoke", {name: value for name, value in members.items() if value is not None})


@pytest.mark.spec("RFC 7523", "3")
def test_every_algorithm_of_its_keys(provider: Provider, app: App) -> None:
    """authlib.md trap 9: Authlib takes HS256, RS256 and ES256 only."""
    for key, alg in ((RSA_KEY, "RS256"), (EC_KEY, "ES256"), (ED_KEY, "EdDSA")):
        assert present(provider, signed(claims(provider, app), key, alg)).status_code == 200


@pytest.mark.parametrize("header", [{"kid": None}, {"typ": "JWT"}, {"typ": None}, {"typ": "client-authentication+jwt"}])
def test_what_may_be_left_out(provider: Provider, app: App, header: dict[str, Any]) -> None:
    if "kid" in header:  # one key of that algorithm: no name is needed
        assert present(provider, signed(claims(provider, app), EC_KEY, "ES256", **header)).status_code == 200
    assert present(provider, signed(claims(provider, app), **header)).status_code == 200


def test_the_client_id_beside_it_must_agree(provider: Provider, app: App) -> None:
    assert present(provider, signed(claims(provider, app)), client_id=app.id).status_code == 200
    refused(present(provider, signed(claims(provider, app)), client_id="other"), 401, "invalid_client")


def unsigned(header: dict[str, Any], body: dict[str, Any], signature: str = "") -> str:
    return ".".join([b64url(json.dumps(header).encode()), b64url(json.dumps(body).encode()), signature])


PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def hs256(body: dict[str, Any], secret: bytes, **header: Any) -> str:
    """Signed by hand: PyJWT rightly refuses a PEM as an HMAC secret."""
    text = unsigned({"alg": "HS256", "typ": "JWT", **header}, body)[:-1]
    return f"{text}.{b64url(hmac.digest(secret, text.encode(), 'sha256'))}"


ATTACKS: dict[str, Callable[[dict[str, Any], str], str]] = {
    "none": lambda c, _: unsigned({"alg": "none"}, c),
    "None": lambda c, _: unsigned({"alg": "None"}, c, "x"),
    "NONE": lambda c, _: unsigned({"alg": "NONE"}, c, "x"),
    "nOnE": lambda c, _: unsigned({"alg": "nOnE"}, c, "x"),
    "no alg": lambda c, _: unsigned({}, c, "x"),
    "empty signature": lambda c, _: signed(c).rsplit(".", 1)[0] + ".",
    "HS256 with the public key": lambda c, _: hs256(c, PUBLIC_PEM),
    "HS256 with an empty key": lambda c, _: hs256(c, b""),
    "HS256 with the kid": lambda c, _: hs256(c, jose.public_jwk(RSA_KEY, "RS256")["kid"].encode()),
    "wrong key": lambda c, _: signed(c, STRANGER),
    "wrong key under a right name": lambda c, _: signed(c, STRANGER, kid=jose.public_jwk(RSA_KEY, "RS256")["kid"]),
    "unknown name": lambda c, _: signed(c, kid="unknown"),
    "name is a list": lambda c, _: signed_raw({"alg": "RS256", "kid": ["x"]}, c),
    "PS256 with a key for RS256": lambda c, _: signed(c, RSA_KEY, "PS256"),
    "self-signed": lambda c, _: signed(c, STRANGER, jwk=jwk(STRANGER, "RS256")),
    "unknown crit": lambda c, _: signed(c, crit=["x"], x=1),
    "wrong typ": lambda c, _: signed(c, typ="at+jwt"),
    "padded": lambda c, _: signed(c) + "==",
    "altered": lambda c, _: alter(signed(c)),
    "no exp": lambda c, _: signed(without(c, "exp")),
    "expired": lambda c, _: signed({**c, "exp": c["iat"] - 60}),
    "exp too far": lambda c, _: signed({**c, "exp": c["iat"] + 3700}),
    "exp ten years away": lambda c, _: signed({**c, "exp": c["iat"] + 10 * 365 * 86400}),
    "exp beyond all time": lambda c, _: signed({**c, "exp": 10**30}),
    "exp as text": lambda c, _: signed({**c, "exp": str(c["exp"])}),
    "exp true": lambda c, _: signed({**c, "exp": True}),
    "not yet": lambda c, _: signed({**c, "nbf": c["iat"] + 300}),
    "from the future": lambda c, _: signed({**c, "iat": c["iat"] + 300}),
    "no aud": lambda c, _: signed(without(c, "aud")),
    "other aud": lambda c, _: signed({**c, "aud": "https://other.example"}),
    "another endpoint as aud": lambda c, _: signed({**c, "aud": ISSUER + "/par"}),
    "aud with a slash": lambda c, _: signed({**c, "aud": ISSUER + "/"}),
    "aud array": lambda c, _: signed({**c, "aud": [ISSUER]}),
    "aud array with another": lambda c, _: signed({**c, "aud": [ISSUER, "https://other.example"]}),
    "no jti": lambda c, _: signed(without(c, "jti")),
    "jti a number": lambda c, _: signed({**c, "jti": 7}),
    "no iss": lambda c, _: signed(without(c, "iss")),
    "no sub": lambda c, _: signed(without(c, "sub")),
    "iss is another": lambda c, _: signed({**c, "iss": "other"}),
    "iss a list": lambda c, app: signed_raw({"alg": "RS256"}, {**c, "iss": [app]}),
    "iss a prefix": lambda c, app: signed({**c, "iss": app[:-1]}),
    "sub is another": lambda c, _: signed({**c, "sub": "other"}),
    "sub a list": lambda c, app: signed_raw({"alg": "RS256"}, {**c, "sub": [app]}),
    "not JSON": lambda _c, _: ".".join([b64url(b'{"alg":"RS256"}'), b64url(b"{"), "x"]),
    "a list of claims": lambda _c, _: ".".join([b64url(b'{"alg":"RS256"}'), b64url(b"[1]"), "x"]),
    "deep": lambda _c, _: ".".join([b64url(b'{"alg":"RS256"}'), b64url(b"[" * 4000), "x"]),
    "junk": lambda _c, _: "junk",
    "three dots": lambda c, _: signed(c) + ".x",
    "huge": lambda c, _: signed({**c, "x": "x" * 6500}),
}  # fmt: skip


def signed_raw(header: dict[str, Any], body: dict[str, Any]) -> str:
    """What PyJWT would not encode."""
    text = unsigned(header, body)[:-1]
    return f"{text}.{b64url(RSA_KEY.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def without(claims: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in claims.items() if key != name}


def alter(token: str) -> str:
    header, body, signature = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(body + "=="))
    return ".".join([header, b64url(json.dumps({**changed, "x": 1}).encode()), signature])


@pytest.mark.promise("P8")
@pytest.mark.spec("RFC 7523", "3")
@pytest.mark.spec("RFC 8725", "3")
@pytest.mark.parametrize("case", ATTACKS)
def test_what_is_not_a_right_assertion_is_invalid_client(provider: Provider, app: App, case: str) -> None:
    """authlib.md trap 9."""
    assertion = ATTACKS[case](claims(provider, app), app.id)
    with provider.nothing_changes():
        response = present(provider, assertion)
    if case == "huge" and response.status_code == 400:
        return  # refused as a value already
    refused(response, 401, "invalid_client")


@pytest.mark.promise("P4")
@pytest.mark.spec("RFC 7523", "3")
def test_an_assertion_works_once(both: Provider) -> None:
    """CVE-2020-5300, CVE-2020-15222."""
    keys = {"keys": [jwk(RSA_KEY, "RS256")]}
    app = both.register(token_endpoint_auth_method="private_key_jwt", jwks=keys)
    other = both.register("Other", token_endpoint_auth_method="private_key_jwt", jwks=keys)
    told = claims(both, app)
    assert present(both, signed(told)).status_code == 200
    refused(present(both, signed(told)), 401, "invalid_client")
    refused(present(both, signed({**told, "exp": told["exp"] + 1})), 401, "invalid_client")
    same_jti = claims(both, other, jti=told["jti"])
    assert present(both, signed(same_jti)).status_code == 200


@pytest.mark.parametrize(
    "form",
    [{"client_assertion_type": None}, {"client_assertion_type": "x"}, {"client_assertion_type": ASSERTION_TYPE + " "},
     {"client_assertion": None}, {"client_assertion": ""}],
)  # fmt: skip
def test_both_members_are_needed(provider: Provider, app: App, form: dict[str, Any]) -> None:
    refused(present(provider, signed(claims(provider, app)), **form), 401, "invalid_client")


def test_the_registered_algorithm_is_the_only_one(provider: Provider) -> None:
    app = provider.register(
        token_endpoint_auth_method="private_key_jwt", token_endpoint_auth_signing_alg="ES256",
        jwks={"keys": [jwk(RSA_KEY, "RS256"), jwk(EC_KEY, "ES256")]},
    )  # fmt: skip
    assert present(provider, signed(claims(provider, app), EC_KEY, "ES256")).status_code == 200
    refused(present(provider, signed(claims(provider, app))), 401, "invalid_client")


def test_a_client_of_another_method_cannot_use_one(provider: Provider) -> None:
    app = provider.register(jwks={"keys": [jwk(RSA_KEY, "RS256")]})
    refused(present(provider, signed(claims(provider, app))), 401, "invalid_client")


def test_no_token_of_ours_is_an_assertion(provider: Provider, app: App) -> None:
    tokens = provider.tokens(provider.register(), provider.sign_in())
    for name in ("access_token", "id_token"):
        refused(present(provider, tokens[name], client_id=app.id), 401, "invalid_client")


def test_keys_at_an_address_are_fetched_through_the_guard_alone(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ``jwks_uri`` that leads into our own network is never connected to (CVE-2020-10770)."""
    connected: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: connected.append(address))
    for uri in ("https://127.0.0.1:9/jwks", "https://localhost/jwks", "https://[::1]/jwks", "https://169.254.169.254/"):
        app = provider.register(token_endpoint_auth_method="private_key_jwt", jwks_uri=uri)
        refused(present(provider, signed(claims(provider, app))), 401, "invalid_client")
    assert connected == []


# ── keys at a jwks_uri ────────────────────────────────────────────────────────────────────────────


class KeySet(http.server.BaseHTTPRequestHandler):
    """A client's own server."""

    keys: ClassVar[list[dict[str, Any]]] = []
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = json.dumps({"keys": self.keys}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def key_server() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), KeySet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    KeySet.asked.clear()
    yield f"http://127.0.0.1:{server.server_port}/jwks"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.spec("RFC 9126", "2")
@pytest.mark.spec("CIBA Core", "7.1")
@pytest.mark.spec("OpenID Connect Core 1.0", "9")
@pytest.mark.parametrize("path", ["/token", "/par", "/bc-authorize", "/revoke", "/introspect"])
def test_the_issuer_the_token_endpoint_or_the_endpoint_that_is_asked(provider: Provider, path: str) -> None:
    keys = {"keys": [jwk(RSA_KEY, "RS256")]}  # an app of its own: fifty wrong assertions of one are braked
    app = provider.register(token_endpoint_auth_method="private_key_jwt", jwks=keys)
    for aud in (ISSUER, ISSUER + "/token", ISSUER + path):
        answer = presented_at(provider, path, signed(claims(provider, app, aud=aud)))
        assert answer.status_code != 401, answer.text
    elsewhere = ISSUER + ("/par" if path == "/revoke" else "/revoke")
    for wrong in (elsewhere, ISSUER + "/login", "https://other.example/token", [ISSUER + "/token"], {}, 1):
        refused(presented_at(provider, path, signed(claims(provider, app, aud=wrong))), 401, "invalid_client")


@pytest.mark.spec("FAPI 2.0 Security Profile", "5.3.2.1")
@pytest.mark.parametrize("path", ["/token", "/par"])
def test_under_fapi_the_issuer_alone(provider: Provider, path: str) -> None:
    keys = {"keys": [jwk(EC_KEY, "ES256")]}
    strict = provider.register(token_endpoint_auth_method="private_key_jwt", jwks=keys, fapi2="security-profile")
    assert presented_at(provider, path, signed_with(claims(provider, strict))).status_code != 401
    for wrong in (ISSUER + "/token", ISSUER + path, [ISSUER]):
        refused(presented_at(provider, path, signed_with(claims(provider, strict, aud=wrong))), 401, "invalid_client")


def test_the_operator_may_have_the_issuer_alone(database: str) -> None:
    """draft-ietf-oauth-security-topics-update section 2."""
    keys = {"keys": [jwk(EC_KEY, "ES256")]}
    with running(database, assertion_audience="issuer") as provider:
        app = provider.register(token_endpoint_auth_method="private_key_jwt", jwks=keys)
        assert presented_at(provider, "/token", signed_with(claims(provider, app))).status_code != 401
        named = signed_with(claims(provider, app, aud=ISSUER + "/token"))
        refused(presented_at(provider, "/token", named), 401, "invalid_client")


def presented_at(provider: Provider, path: str, assertion: str) -> TestResponse:
    """Little but the assertion: whoever is authenticated is told what else is missing."""
    form = {"grant_type": "refresh_token", "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    return provider.post(path, form)


def signed_with(body: dict[str, Any]) -> str:
    """Whatever ``aud`` is; PyJWT leaves it alone."""
    return signed(body, EC_KEY, "ES256")


@pytest.mark.spec("OpenID Connect Core 1.0", "10.1.1")
def test_keys_are_fetched_cached_and_fetched_again_for_a_new_kid(
    database: str, key_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idp.oauth.rfc7523_client_assertion._JWKS_PAUSE_SECONDS", 60.0)
    with running(database, fetch_private_networks=True) as provider:
        app = provider.register(token_endpoint_auth_method="private_key_jwt", jwks_uri=key_server)
        KeySet.keys = [jwk(RSA_KEY, "RS256")]
        for _ in range(3):
            assert present(provider, signed(claims(provider, app))).status_code == 200
        assert len(KeySet.asked) == 1
        KeySet.keys = [jwk(EC_KEY, "ES256")]
        turned = signed(claims(provider, app), EC_KEY, "ES256")
        assert present(provider, turned).status_code == 200  # the suite rotates a moment after it was looked up
        assert len(KeySet.asked) == 2
        KeySet.keys = [jwk(RSA_KEY, "RS256")]
        back = signed(claims(provider, app))
        refused(present(provider, back), 401, "invalid_client")  # within the pause strangers cannot make us ask
        assert len(KeySet.asked) == 2
        monkeypatch.setattr("idp.oauth.rfc7523_client_assertion._JWKS_PAUSE_SECONDS", 0.0)
        assert present(provider, back).status_code == 200
        assert len(KeySet.asked) == 3


@pytest.mark.spec("RFC 7523", "3")
def test_a_private_address_is_not_asked_for_keys(provider: Provider, key_server: str) -> None:
    app = provider.register(token_endpoint_auth_method="private_key_jwt", jwks_uri=key_server)
    refused(present(provider, signed(claims(provider, app))), 401, "invalid_client")
    assert KeySet.asked == []


def test_that_we_were_busy_is_not_remembered(key_server: str, provider: Provider) -> None:
    """Else a client that authenticates by certificate would be without its keys for minutes."""
    KeySet.keys = [jwk(RSA_KEY, "RS256")]
    hosts = StrangersHosts(provider.stores.throttles, provider.stores.clock, lambda: "192.0.2.9")
    keys = ClientKeys(Outgoing(allow_private=True), hosts)
    stranger = provider.register(
        origin=ClientOrigin.DYNAMIC, token_endpoint_auth_method="private_key_jwt", jwks_uri=key_server
    )
    with provider.flask.test_request_context():
        with slot(Purpose.REQUEST_OBJECT), slot(Purpose.SECTOR):
            assert keys.all(stranger.client) == []
        assert keys.all(stranger.client) == KeySet.keys


def test_keys_do_not_wait_for_what_strangers_had_us_fetch(database: str, key_server: str) -> None:
    KeySet.keys = [jwk(RSA_KEY, "RS256")]
    with running(database, fetch_private_networks=True) as provider:
        method = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": key_server}
        app, stranger = provider.register(**method), provider.register(origin=ClientOrigin.DYNAMIC, **method)
        with slot(Purpose.REQUEST_OBJECT), slot(Purpose.SECTOR):
            refused(present(provider, signed(claims(provider, stranger))), 401, "invalid_client")
            assert present(provider, signed(claims(provider, app))).status_code == 200
        assert present(provider, signed(claims(provider, stranger))).status_code == 200


@pytest.mark.spec("RFC 7523", "3")
def test_one_place_cannot_have_us_wait_for_strangers_keys_for_ever(database: str) -> None:
    """An assertion needs no signature to have us ask for keys where its client says."""
    with running(database, fetch_private_networks=True) as provider:
        for number in range(11):
            uri = f"http://127.0.0.1:9/{number}"
            method = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri}
            stranger = provider.register(origin=ClientOrigin.DYNAMIC, **method)
            answer = present(provider, signed(claims(provider, stranger)))
            if number < 10:
                refused(answer, 401, "invalid_client")
        assert answer.status_code == 429
