"""Signed authorization requests: by value, pushed, and by a registered reference through the guard."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from idp import jose
from idp.fetch_slots import Purpose, slot

from ..provider import CALLBACK, ISSUER, App, Browser, Provider, a_page, answered, b64url, refused, running, sent_back

KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = ec.generate_private_key(ec.SECP256R1())
JWKS = {"keys": [jose.public_jwk(KEY, "ES256"), jose.public_jwk(RSA_KEY, "RS256")]}
TYP = "oauth-authz-req+jwt"


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register(jwks=JWKS, trusted=True)


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


def claims(provider: Provider, app: App, **changes: Any) -> dict[str, Any]:
    now = int(provider.clock.now().timestamp())
    right = {**provider.request(app, state="inside"), "iss": app.id, "aud": ISSUER, "nbf": now, "exp": now + 60}
    return {name: value for name, value in (right | changes).items() if value is not None}


def signed(body: dict[str, Any], key: Any = KEY, alg: str = "ES256", **header: Any) -> str:
    named = {"kid": jose.public_jwk(key, alg)["kid"], "typ": TYP} | header
    return jwt.encode(body, key, algorithm=alg, headers={k: v for k, v in named.items() if v is not None})


def unsigned(body: dict[str, Any]) -> str:
    return ".".join([b64url(b'{"alg":"none"}'), b64url(json.dumps(body).encode()), ""])


def ask(provider: Provider, app: App, browser: Browser | None, text: str, **beside: Any) -> Any:
    query = {"client_id": app.id, "redirect_uri": CALLBACK, "request": text} | beside
    return provider.visit(browser, "/authorize?" + urlencode({k: v for k, v in query.items() if v is not None}))


# ── by value ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 9101", "5")
@pytest.mark.spec("RFC 9101", "6.3")
def test_what_was_signed_counts_and_nothing_else(provider: Provider, app: App, ada: Browser) -> None:
    text = signed(claims(provider, app, nonce="inside"))
    beside = {
        "state": "beside",
        "scope": "openid email",
        "nonce": "beside",
        "prompt": "dance",
        "response_type": "token",
    }
    answer = sent_back(ask(provider, app, ada, text, **beside))
    assert answer["state"] == "inside"
    tokens = answered(provider.redeem(app, answer["code"]))
    assert tokens["scope"] == "openid"
    assert jwt.decode(tokens["id_token"], options={"verify_signature": False})["nonce"] == "inside"


def test_only_client_id_need_stand_beside_it(provider: Provider, app: App, ada: Browser) -> None:
    assert "code" in sent_back(ask(provider, app, ada, signed(claims(provider, app)), redirect_uri=None))


@pytest.mark.spec("RFC 9101", "6.3")
def test_a_state_beside_it_is_not_used(provider: Provider, app: App, ada: Browser) -> None:
    assert "state" not in sent_back(ask(provider, app, ada, signed(claims(provider, app, state=None)), state="beside"))


@pytest.mark.spec("RFC 9101", "4")
@pytest.mark.parametrize(
    "changes",
    [
        {"max_age": 3600}, {"claims": {"userinfo": {"name": None}}}, {"resource": [ISSUER]}, {"resource": ISSUER},
        {"aud": ["https://other.example", ISSUER]}, {"aud": None}, {"iss": None}, {"exp": None, "nbf": None},
        {"sub": "somebody"}, {"unknown": {"a": 1}},
    ],
)  # fmt: skip
def test_what_may_stand_in_it(provider: Provider, app: App, ada: Browser, changes: dict[str, Any]) -> None:
    assert "code" in sent_back(ask(provider, app, ada, signed(claims(provider, app, **changes))))


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": None}, {"kid": None}])
def test_a_header_may_say_less(provider: Provider, app: App, ada: Browser, header: dict[str, Any]) -> None:
    assert "code" in sent_back(ask(provider, app, ada, signed(claims(provider, app), **header)))


@pytest.mark.spec("RFC 9101", "4")
def test_an_unsigned_one_is_not_supported(provider: Provider, app: App, ada: Browser) -> None:
    sent_back(ask(provider, app, ada, unsigned(claims(provider, app))), "request_not_supported")
    sent_back(ask(provider, app, ada, unsigned({})), "request_not_supported")


WRONG: dict[str, dict[str, Any]] = {
    "another client inside": {"client_id": "other"}, "no client inside": {"client_id": None},
    "another issuer": {"iss": "other"}, "for another server": {"aud": "https://other.example"},
    "for nobody": {"aud": []}, "a client assertion": {"sub": "app"}, "expired": {"exp": 1},
    "not yet": {"nbf": 4102444800}, "a request inside": {"request": "x"},
    "a reference inside": {"request_uri": "https://photos.example/r"}, "true": {"state": True}, "null": {"state": None},
    "a fraction": {"max_age": 1.5}, "a NUL": {"state": "a\0b"}, "half a character": {"state": "\ud800"},
    "exp is text": {"exp": "soon"}, "client_id is a number": {"client_id": 7},
}  # fmt: skip


@pytest.mark.promise("P8")
@pytest.mark.spec("RFC 9101", "7")
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_inside_is_told_to_the_app(provider: Provider, app: App, ada: Browser, case: str) -> None:
    changes = dict(WRONG[case])
    body = claims(provider, app, **changes)
    if case == "a client assertion":
        body["sub"] = app.id
    if case == "null":
        body["state"] = None
    with provider.nothing_changes():
        sent_back(ask(provider, app, ada, signed(body)), "invalid_request_object")


@pytest.mark.spec("RFC 9101", "6.2")
def test_who_signed_is_the_client(provider: Provider, app: App, ada: Browser) -> None:
    body = claims(provider, app)
    right = signed(body)
    head, _, rest = right.partition(".")
    wrong = [
        signed(body, STRANGER), signed(body, STRANGER, kid=JWKS["keys"][0]["kid"]), right[:-4] + "AAAA", "junk",
        right + ".x.y", "a.b.c", jwt.encode(body, "secret" * 8, algorithm="HS256"), signed(body, typ="at+jwt"),
        signed(body, typ="client-authentication+jwt"), f"{head}.{rest.partition('.')[0]}.", right + "=",
    ]  # fmt: skip
    for text in wrong:
        sent_back(ask(provider, app, ada, text), "invalid_request_object")
    keyless = provider.register(trusted=True)
    sent_back(ask(provider, keyless, ada, signed(claims(provider, keyless))), "invalid_request_object")


def test_only_the_registered_algorithm(provider: Provider, ada: Browser) -> None:
    app = provider.register(jwks=JWKS, trusted=True, request_object_signing_alg="RS256")
    sent_back(ask(provider, app, ada, signed(claims(provider, app))), "invalid_request_object")
    assert "code" in sent_back(ask(provider, app, ada, signed(claims(provider, app), RSA_KEY, "RS256")))


@pytest.mark.spec("RFC 6749", "4.1.2.1")
def test_an_address_inside_is_vetted_like_any_other(provider: Provider, app: App, ada: Browser) -> None:
    """security.md B: redirect_uri inside a request object (CVE-2026-9793)."""
    text = signed(claims(provider, app, redirect_uri="https://evil.example/cb"))
    a_page(ask(provider, app, ada, text))
    a_page(ask(provider, app, ada, "junk", redirect_uri="https://evil.example/cb"))
    a_page(ask(provider, app, ada, "junk", redirect_uri=None))


def test_both_ways_at_once_are_refused(provider: Provider, app: App, ada: Browser) -> None:
    answer = ask(provider, app, ada, signed(claims(provider, app)), request_uri="https://photos.example/r")
    sent_back(answer, "invalid_request")


# ── who must sign ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def bound(provider: Provider) -> App:
    return provider.register(jwks=JWKS, trusted=True, require_signed_request_object=True)


@pytest.mark.spec("RFC 9101", "10.5")
def test_a_client_may_be_bound_to_sign(provider: Provider, bound: App, ada: Browser) -> None:
    sent_back(provider.authorize(bound, ada), "invalid_request")
    refused(provider.post("/par", provider.request(bound), bound), 400, "invalid_request")
    assert "code" in sent_back(ask(provider, bound, ada, signed(claims(provider, bound))))


@pytest.mark.spec("FAPI 2.0 Message Signing", "5.3.1")
def test_who_is_bound_to_sign_dates_what_it_signs(provider: Provider, bound: App, ada: Browser) -> None:
    now = int(provider.clock.now().timestamp())
    right = claims(provider, bound, nbf=now + 8)
    assert "code" in sent_back(ask(provider, bound, ada, signed(right)))
    for changes in (
        {"exp": None}, {"nbf": None}, {"aud": None}, {"exp": now + 3700}, {"nbf": now - 3700, "exp": now + 60},
        {"nbf": now + 60},
    ):  # fmt: skip
        body = claims(provider, bound, **changes)
        sent_back(ask(provider, bound, ada, signed(body)), "invalid_request_object")


# ── pushed ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 9126", "3")
def test_a_signed_request_is_pushed(provider: Provider, bound: App, ada: Browser) -> None:
    response = provider.post("/par", {"client_id": bound.id, "request": signed(claims(provider, bound))}, bound)
    assert response.status_code == 201
    query = urlencode({"client_id": bound.id, "request_uri": (response.json or {})["request_uri"], "state": "beside"})
    assert sent_back(provider.visit(ada, "/authorize?" + query))["state"] == "inside"


@pytest.mark.promise("P7")
def test_no_credential_in_a_signed_request_is_kept(provider: Provider, bound: App) -> None:
    body = claims(provider, bound, client_secret="put in by mistake", client_assertion="e.y.J")
    response = provider.post("/par", {"client_id": bound.id, "request": signed(body)}, bound)
    assert response.status_code == 201
    kept = repr(provider.rows()["pushed_requests"])
    assert "put in by mistake" not in kept
    assert "e.y.J" not in kept


@pytest.mark.spec("RFC 9126", "3")
def test_what_is_pushed_is_verified_at_once(provider: Provider, app: App) -> None:
    other = claims(provider, app, client_id="other")
    with provider.nothing_changes():
        for text in (unsigned(claims(provider, app)), signed(claims(provider, app), STRANGER), signed(other)):
            refused(provider.post("/par", {"client_id": app.id, "request": text}, app), 400, "invalid_request_object")


# ── by reference ──────────────────────────────────────────────────────────────────────────────────


class Shelf(http.server.BaseHTTPRequestHandler):
    """A client's own server."""

    text: ClassVar[str] = ""
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/request")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.text.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def shelf() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    Shelf.asked.clear()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def refer(provider: Provider, app: App, browser: Browser, uri: str) -> Any:
    return provider.visit(
        browser, "/authorize?" + urlencode({"client_id": app.id, "redirect_uri": CALLBACK, "request_uri": uri})
    )  # fmt: skip


@pytest.mark.spec("RFC 9101", "5.2.3")
@pytest.mark.spec("OpenID Connect Core 1.0", "6.2")
def test_a_registered_reference_is_fetched(database: str, shelf: str) -> None:
    with running(database, fetch_private_networks=True) as provider:
        ada, uri = provider.sign_in(), shelf + "/request"
        app = provider.register(jwks=JWKS, trusted=True, request_uris=[uri, shelf + "/elsewhere"])
        Shelf.text = signed(claims(provider, app))
        assert sent_back(refer(provider, app, ada, uri))["state"] == "inside"
        digest = base64.urlsafe_b64encode(hashlib.sha256(Shelf.text.encode()).digest()).rstrip(b"=").decode()
        asked = len(Shelf.asked)
        for _ in range(3):
            assert "code" in sent_back(refer(provider, app, ada, f"{uri}#{digest}"))
        assert len(Shelf.asked) == asked + 1, "what cannot change is fetched once"
        for fragment in (f"{digest[:-2]}AA", "x") * 2:
            assert "code" in sent_back(refer(provider, app, ada, f"{uri}#{fragment}")), "a fragment is for caches"
        assert len(Shelf.asked) == asked + 5, "what may change is fetched each time"
        sent_back(refer(provider, app, ada, shelf + "/elsewhere"), "invalid_request_uri")
        Shelf.text = unsigned(claims(provider, app))
        sent_back(refer(provider, app, ada, uri), "request_uri_not_supported")
        Shelf.text = "\u00e9 no JWT"
        sent_back(refer(provider, app, ada, uri), "invalid_request_object")
        Shelf.text = "x" * 9000
        digest = base64.urlsafe_b64encode(hashlib.sha256(Shelf.text.encode()).digest()).rstrip(b"=").decode()
        sent_back(refer(provider, app, ada, f"{uri}#{digest}"), "invalid_request_uri")  # no JWT that we read is so long
        asked = len(Shelf.asked)
        for other in (uri + "2", uri + "?x", shelf + "/", uri.upper(), "x" * 600):
            sent_back(refer(provider, app, ada, other), "invalid_request_uri")
        assert len(Shelf.asked) == asked, "nothing that is not registered is asked for"


@pytest.mark.spec("RFC 9101", "10.4.1")
def test_one_place_cannot_have_us_wait_for_silent_servers_for_ever(database: str, shelf: str) -> None:
    """Counted are fetches that came to nothing, of all clients: who names servers that answer never meets it."""
    with running(database, fetch_private_networks=True) as provider:
        ada, good = provider.sign_in(), shelf + "/request"
        app = provider.register(jwks=JWKS, trusted=True, request_uris=[good])
        Shelf.text = signed(claims(provider, app))
        for _ in range(12):
            assert "code" in sent_back(refer(provider, app, ada, good))
        for number in range(11):
            gone = provider.register(jwks=JWKS, trusted=True, request_uris=[shelf + "/elsewhere"])
            answer = refer(provider, gone, ada, shelf + "/elsewhere")
            if number < 10:
                sent_back(answer, "invalid_request_uri")
        assert answer.status_code == 429
        assert refer(provider, app, ada, good).status_code == 429
        with provider.clock.later(61):
            Shelf.text = signed(claims(provider, app))
            assert "code" in sent_back(refer(provider, app, ada, good))


@pytest.mark.spec("RFC 9101", "10.4.1")
def test_an_answer_that_comes_late_counts_as_none(database: str, shelf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes its time and then says something good held our thread all the same."""
    with running(database, fetch_private_networks=True) as provider:
        ada, slow = provider.sign_in(), shelf + "/request"
        app = provider.register(jwks=JWKS, trusted=True, request_uris=[slow])
        Shelf.text = signed(claims(provider, app))
        monkeypatch.setattr("idp.oauth.strangers_hosts.AT_ONCE_SECONDS", 0.0)
        answers = [refer(provider, app, ada, slow).status_code for _ in range(11)]
        assert (set(answers[:10]), answers[10]) == ({303}, 429)


@pytest.mark.spec("RFC 9101", "10.4.1")
def test_who_keeps_us_busy_has_nobody_else_counted_out(database: str, shelf: str) -> None:
    with running(database, fetch_private_networks=True) as provider:
        ada, good = provider.sign_in(), shelf + "/request"
        app = provider.register(jwks=JWKS, trusted=True, request_uris=[good])
        Shelf.text = signed(claims(provider, app))
        with slot(Purpose.REQUEST_OBJECT):
            for _ in range(12):
                sent_back(refer(provider, app, ada, good), "invalid_request_uri")
        assert "code" in sent_back(refer(provider, app, ada, good))


@pytest.mark.spec("RFC 9101", "10.4")
def test_a_reference_into_our_own_network_is_never_connected_to(
    provider: Provider, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2020-10770, also for an address that somebody has managed to register."""
    connected: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: connected.append(address))
    for uri in ("https://127.0.0.1:9/r", "https://localhost/r", "https://[::1]/r", "https://169.254.169.254/latest"):
        app = provider.register(jwks=JWKS, trusted=True, request_uris=[uri])
        sent_back(refer(provider, app, ada, uri), "invalid_request_uri")
    for uri in ("file:///etc/passwd", "http://127.0.0.1:9/x", "gopher://127.0.0.1", "urn:x"):
        sent_back(refer(provider, app, ada, uri), "invalid_request_uri")
    assert connected == []


@pytest.mark.spec("RFC 9101", "10.4.1")
def test_one_place_makes_us_fetch_only_so_many(database: str, shelf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.oauth.strangers_hosts.AT_ONCE_SECONDS", 60.0)
    with running(database, fetch_private_networks=True) as provider:
        ada, uri = provider.sign_in(), shelf + "/request"
        app = provider.register(jwks=JWKS, trusted=True, request_uris=[uri])
        Shelf.text = "no JWT"
        for _ in range(60):
            sent_back(refer(provider, app, ada, uri), "invalid_request_object")
        a_page(refer(provider, app, ada, uri), 429)


@pytest.mark.spec("OpenID Connect Dynamic Client Registration 1.0", "2")
@pytest.mark.parametrize(
    "members",
    [
        {"request_uris": ["http://photos.example/r"]}, {"request_uris": ["file:///etc/passwd"]},
        {"request_uris": "https://photos.example/r"}, {"request_uris": ["https://a.example/" + "x" * 500]},
        {"request_object_signing_alg": "none"}, {"request_object_signing_alg": "HS256"},
        {"require_signed_request_object": "yes"}, {"request_object_encryption_alg": "RSA-OAEP"},
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_not_registered(provider: Provider, members: dict[str, Any]) -> None:
    response = provider.http.post("/register", base_url=provider.base, json={"redirect_uris": [CALLBACK], **members})
    refused(response, 400, "invalid_client_metadata")
