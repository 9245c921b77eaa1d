"""DPoP: what a proof must be, and what bound codes, access tokens and refresh tokens are worth without one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from idp import jose
from idp.oauth.rfc9449_dpop import ALGS, Nonces, normal

from ..proofs import ProofKey, ath
from ..provider import ISSUER, App, Browser, Provider, answer_of, answered, b64url, claims_of, refused, running

KEY, OTHER = ProofKey(), ProofKey()
PUBLIC = {"token_endpoint_auth_method": "none"}


def now(provider: Provider) -> float:
    return provider.clock.now().timestamp()


def token_proof(provider: Provider, key: ProofKey = KEY, **changes: Any) -> dict[str, Any]:
    return {"headers": {"DPoP": key.proof("/token", now(provider), **changes)}}


def redeem(provider: Provider, app: App, browser: Browser, key: ProofKey = KEY, **changes: Any) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code", "code": provider.code(app, browser, **changes),
        "redirect_uri": app.redirect_uri, "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }  # fmt: skip
    return answered(provider.post("/token", form, app, **token_proof(provider, key)))


def userinfo(provider: Provider, token: str, key: ProofKey = KEY, **changes: Any) -> TestResponse:
    proof = key.proof("/userinfo", now(provider), **{"method": "GET", "token": token, **changes})
    return provider.get("/userinfo", Authorization=f"DPoP {token}", DPoP=proof)


@pytest.fixture(scope="module")
def browser(provider: Provider) -> Browser:
    return provider.sign_in()


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def public(provider: Provider) -> App:
    return provider.register("Phone", **PUBLIC)


# ── tokens that are bound ─────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 9449", "5")
@pytest.mark.spec("RFC 9449", "6.1")
@pytest.mark.parametrize("alg", ALGS)
def test_a_proof_at_the_token_endpoint_binds_the_access_token(
    provider: Provider, app: App, browser: Browser, alg: str
) -> None:
    key = ProofKey(alg)
    tokens = redeem(provider, app, browser, key)
    assert tokens["token_type"] == "DPoP"
    assert claims_of(tokens["access_token"])["cnf"] == {"jkt": key.jkt}
    assert answered(userinfo(provider, tokens["access_token"], key))["sub"]


@pytest.mark.spec("RFC 9449", "6.2")
def test_introspection_says_whose_it_is(provider: Provider, app: App, browser: Browser) -> None:
    tokens = redeem(provider, app, browser)
    told = answered(provider.introspect(app, tokens["access_token"]))
    assert (told["cnf"], told["token_type"]) == ({"jkt": KEY.jkt}, "DPoP")


@pytest.mark.spec("RFC 9449", "7.1")
@pytest.mark.spec("RFC 9449", "7.2")
def test_a_bound_token_is_nothing_to_whoever_merely_has_it(provider: Provider, app: App, browser: Browser) -> None:
    """security.md N."""
    token = redeem(provider, app, browser)["access_token"]
    refused(provider.userinfo(token), 401, "invalid_token")
    assert "DPoP" not in provider.userinfo(token).headers["WWW-Authenticate"]
    with_proof = provider.get("/userinfo", Authorization=f"Bearer {token}", DPoP=KEY.proof(
        "/userinfo", now(provider), method="GET", token=token))  # fmt: skip
    refused(with_proof, 401, "invalid_token")
    refused(provider.post("/userinfo", {"access_token": token}), 401, "invalid_token")
    bare = provider.get("/userinfo", Authorization=f"DPoP {token}")
    refused(bare, 401, "invalid_token")
    assert bare.headers["WWW-Authenticate"].startswith('DPoP realm="idp", error="invalid_token"')
    refused(userinfo(provider, token, OTHER), 401, "invalid_token")


@pytest.mark.spec("RFC 9449", "7.1")
def test_the_scheme_is_read_without_regard_to_case_and_stands_alone(
    provider: Provider, app: App, browser: Browser
) -> None:
    token = redeem(provider, app, browser)["access_token"]
    proof = KEY.proof("/userinfo", now(provider), method="GET", token=token)
    assert provider.get("/userinfo", Authorization=f"dpOP {token}", DPoP=proof).status_code == 200
    again = KEY.proof("/userinfo", now(provider), token=token)
    twice = provider.post(
        "/userinfo", {"access_token": token}, headers={"Authorization": f"DPoP {token}", "DPoP": again}
    )  # fmt: skip
    refused(twice, 400, "invalid_request")


def test_a_bearer_token_does_not_become_a_bound_one(provider: Provider, app: App, browser: Browser) -> None:
    token = provider.tokens(app, browser)["access_token"]
    refused(userinfo(provider, token), 401, "invalid_token")


@pytest.mark.spec("RFC 9449", "7.2")
def test_whoever_sends_no_token_hears_of_both_schemes(provider: Provider) -> None:
    challenge = provider.get("/userinfo").headers["WWW-Authenticate"]
    assert challenge == f'Bearer realm="idp", DPoP algs="{" ".join(ALGS)}"'


@pytest.mark.spec("RFC 9449", "5.2")
def test_a_client_that_promised_proofs_must_send_them(provider: Provider, browser: Browser) -> None:
    app = provider.register("Promised", dpop_bound_access_tokens=True)
    refused(provider.redeem(app, provider.code(app, browser)), 400, "invalid_request")
    assert redeem(provider, app, browser)["token_type"] == "DPoP"


# ── codes and refresh tokens ──────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 9449", "10")
def test_a_code_is_worth_nothing_without_the_key_it_was_asked_for(
    provider: Provider, public: App, browser: Browser
) -> None:
    code = provider.code(public, browser, dpop_jkt=KEY.jkt)
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": public.redirect_uri,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }  # fmt: skip
    with provider.nothing_changes("assertion_ids"):
        refused(provider.post("/token", form, public), 400, "invalid_grant")
        refused(provider.post("/token", form, public, **token_proof(provider, OTHER)), 400, "invalid_grant")
    assert answered(provider.post("/token", form, public, **token_proof(provider)))["token_type"] == "DPoP"


@pytest.mark.spec("RFC 9449", "10.1")
def test_a_proof_at_par_binds_the_code_as_well(provider: Provider, public: App, browser: Browser) -> None:
    def push(key: ProofKey, **changes: Any) -> TestResponse:
        proof = key.proof("/par", now(provider))
        return provider.post("/par", provider.request(public, **changes), headers={"DPoP": proof})

    refused(push(OTHER, dpop_jkt=KEY.jkt), 400, "invalid_dpop_proof")
    assert push(KEY, dpop_jkt=KEY.jkt).status_code == 201
    reference = push(KEY).json["request_uri"]
    provider.consent(browser.user, public)  # type: ignore[arg-type]
    came = answer_of(provider.visit(browser, f"/authorize?client_id={public.id}&request_uri={reference}"))
    form = {
        "grant_type": "authorization_code", "code": came["code"], "redirect_uri": public.redirect_uri,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }  # fmt: skip
    refused(provider.post("/token", form, public, **token_proof(provider, OTHER)), 400, "invalid_grant")
    assert answered(provider.post("/token", form, public, **token_proof(provider)))["token_type"] == "DPoP"


@pytest.mark.parametrize("jkt", ["x", "a" * 42, "a" * 44, "ä" * 43, "a" * 42 + "="])
def test_a_malformed_thumbprint_is_refused(provider: Provider, public: App, browser: Browser, jkt: str) -> None:
    assert answer_of(provider.authorize(public, browser, dpop_jkt=jkt))["error"] == "invalid_request"


@pytest.mark.spec("RFC 9449", "5")
def test_the_refresh_token_of_a_public_client_needs_the_key(both: Provider) -> None:
    app, browser = both.register("Phone", **PUBLIC), both.sign_in()
    tokens = redeem(both, app, browser)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    with both.nothing_changes("assertion_ids"):
        refused(both.post("/token", form, app), 400, "invalid_grant")
        refused(both.post("/token", form, app, **token_proof(both, OTHER)), 400, "invalid_grant")
    first = answered(both.post("/token", form, app, **token_proof(both)))
    retried = answered(both.post("/token", form, app, **token_proof(both)))
    assert first["refresh_token"] == retried["refresh_token"]
    refused(both.post("/token", form, app, **token_proof(both, OTHER)), 400, "invalid_grant")
    assert claims_of(first["access_token"])["cnf"] == {"jkt": KEY.jkt}


@pytest.mark.spec("RFC 9449", "5")
def test_an_old_token_without_its_key_ends_nothing_and_with_it_the_session(
    provider: Provider, public: App, browser: Browser
) -> None:
    """Whoever merely saw an old bound token cannot sign its person out with it (design.md 4.1)."""
    old = redeem(provider, public, browser)["refresh_token"]
    latest = old
    for _ in range(2):
        form = {"grant_type": "refresh_token", "refresh_token": latest}
        latest = answered(provider.post("/token", form, public, **token_proof(provider)))["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": old}
    refused(provider.post("/token", form, public, **token_proof(provider, OTHER)), 400, "invalid_grant")
    live = {"grant_type": "refresh_token", "refresh_token": latest}
    assert provider.post("/token", live, public, **token_proof(provider)).status_code == 200
    refused(provider.post("/token", form, public, **token_proof(provider)), 400, "invalid_grant")
    refused(provider.post("/token", live, public, **token_proof(provider)), 400, "invalid_grant")


@pytest.mark.spec("RFC 9449", "5")
def test_a_confidential_client_may_change_its_key(provider: Provider, app: App, browser: Browser) -> None:
    tokens = redeem(provider, app, browser)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    turned = answered(provider.post("/token", form, app, **token_proof(provider, OTHER)))
    assert claims_of(turned["access_token"])["cnf"] == {"jkt": OTHER.jkt}


# ── proofs ────────────────────────────────────────────────────────────────────────────────────────

RSA = ProofKey("PS256")


def _rs256(provider: Provider, token: str) -> str:
    claims = {"jti": "j", "htm": "GET", "htu": ISSUER + "/userinfo", "iat": int(now(provider)), "ath": ath(token)}
    return jwt.encode(claims, RSA.key, algorithm="RS256", headers={"typ": "dpop+jwt", "jwk": RSA.jwk})


def _unsigned(provider: Provider, token: str) -> str:
    header, body, _signature = make(provider, token).split(".")
    told = json.loads(jwt.utils.base64url_decode(header))
    return f"{b64url(json.dumps({**told, 'alg': 'none'}).encode())}.{body}."


@pytest.mark.spec("FAPI 2.0 Security Profile", "5.4.1")
def test_nothing_is_bound_by_an_algorithm_that_is_not_ours(provider: Provider, browser: Browser, app: App) -> None:
    form = {
        "grant_type": "authorization_code", "code": provider.code(app, browser),
        "redirect_uri": app.redirect_uri, "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }  # fmt: skip
    proof = token_proof(provider, ProofKey("RS256", RSA.key))
    refused(provider.post("/token", form, app, **proof), 400, "invalid_dpop_proof")


def make(provider: Provider, token: str, key: ProofKey = KEY, **changes: Any) -> str:
    return key.proof("/userinfo", now(provider), **{"method": "GET", "token": token, **changes})


def _private() -> dict[str, Any]:
    return json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.key))  # type: ignore[no-any-return]


ATTACKS: dict[str, Callable[[Provider, str], str]] = {
    "two proofs": lambda p, t: f"{make(p, t)}, {make(p, t)}",
    "no JWT": lambda _p, _t: "junk",
    "empty": lambda _p, _t: ".",
    "no typ": lambda p, t: make(p, t, header={"typ": None}),
    "another typ": lambda p, t: make(p, t, header={"typ": "JWT"}),
    "no jwk": lambda p, t: make(p, t, header={"jwk": None}),
    "jwk a list": lambda p, t: make(p, t, header={"jwk": [KEY.jwk]}),
    "jwk without kty": lambda p, t: make(p, t, header={"jwk": {"crv": "P-256"}}),
    "jwk of another": lambda p, t: make(p, t, header={"jwk": OTHER.jwk}),
    "private jwk": lambda p, t: make(p, t, header={"jwk": _private()}),
    "symmetric jwk": lambda p, t: make(p, t, header={"jwk": {"kty": "oct", "k": "AAAA"}}),
    "critical header": lambda p, t: make(p, t, header={"crit": ["x"], "x": 1}),
    "RS256": _rs256,
    "none": _unsigned,
    "altered": lambda p, t: make(p, t)[:-6] + "AAAAAA",
    "no jti": lambda p, t: make(p, t, jti=None),
    "jti a number": lambda p, t: make(p, t, jti=7),
    "no htm": lambda p, t: make(p, t, htm=None),
    "another method": lambda p, t: make(p, t, htm="PUT"),
    "method in lower case": lambda p, t: make(p, t, htm="get"),
    "no htu": lambda p, t: make(p, t, htu=None),
    "htu a list": lambda p, t: make(p, t, htu=[ISSUER + "/userinfo"]),
    "another endpoint": lambda p, t: make(p, t, htu=ISSUER + "/token"),
    "another host": lambda p, t: make(p, t, htu="https://id.example.org/userinfo"),
    "another scheme": lambda p, t: make(p, t, htu="http://id.example/userinfo"),
    "another port": lambda p, t: make(p, t, htu="https://id.example:8443/userinfo"),
    "user in htu": lambda p, t: make(p, t, htu="https://id.example@id.example/userinfo"),
    "htu no URL": lambda p, t: make(p, t, htu="https://[::1/userinfo"),
    "htu no text": lambda p, t: make(p, t, htu=ISSUER + "/\ud800"),
    "no iat": lambda p, t: make(p, t, iat=None),
    "iat as text": lambda p, t: make(p, t, iat="1"),
    "iat an hour ago": lambda p, t: make(p, t, iat=int(now(p)) - 3600),
    "iat a minute ahead": lambda p, t: make(p, t, iat=int(now(p)) + 62),
    "not yet": lambda p, t: make(p, t, nbf=int(now(p)) + 62),
    "expired": lambda p, t: make(p, t, exp=int(now(p)) - 60),
    "no ath": lambda p, t: make(p, t, ath=None),
    "ath of another token": lambda p, t: make(p, t, ath=ath("x")),
    "ath a number": lambda p, t: make(p, t, ath=1),
    "another key": lambda p, t: make(p, t, OTHER),
    "huge": lambda p, t: make(p, t, x="x" * 9000),
}  # fmt: skip


@pytest.fixture(scope="module")
def token(provider: Provider, app: App, browser: Browser) -> str:
    return str(redeem(provider, app, browser)["access_token"])


@pytest.mark.promise("P8")
@pytest.mark.spec("RFC 9449", "4.3")
@pytest.mark.parametrize("case", ATTACKS)
def test_what_is_not_a_right_proof_opens_nothing(provider: Provider, token: str, case: str) -> None:
    """security.md N."""
    proof = ATTACKS[case](provider, token)
    with provider.nothing_changes("assertion_ids"):
        response = provider.get("/userinfo", Authorization=f"DPoP {token}", DPoP=proof)
    assert response.status_code == 401, response.json
    assert response.json["error"] in ("invalid_dpop_proof", "invalid_token")
    assert f'algs="{" ".join(ALGS)}"' in response.headers["WWW-Authenticate"]


@pytest.mark.spec("RFC 9449", "5")
def test_at_the_token_endpoint_a_bad_proof_is_400(provider: Provider, app: App, browser: Browser) -> None:
    code = provider.code(app, browser)
    with provider.nothing_changes():
        for changes in ({"htm": "GET"}, {"htu": ISSUER + "/userinfo"}, {"iat": 1}):
            response = provider.post(
                "/token", {"grant_type": "authorization_code", "code": code}, app, **token_proof(provider, **changes)
            )  # fmt: skip
            refused(response, 400, "invalid_dpop_proof")


@pytest.mark.spec("RFC 9449", "4.3")
def test_a_right_proof_may_say_more_and_spell_its_address_otherwise(provider: Provider, token: str) -> None:
    """FAPI 2.0 5.3.2.1: 10 seconds ahead is a clock, not an attack."""
    moment = int(now(provider))
    for changes in (
        {"htu": ISSUER + "/userinfo?a=b#c"}, {"htu": "HTTPS://ID.example:443/userinfo"},
        {"htu": ISSUER + "/%75serinfo"}, {"htu": ISSUER + "/./x/../userinfo"}, {"iat": moment + 10},
        {"iat": moment - 10}, {"nbf": moment, "exp": moment + 300}, {"header": {"x": 1, "kid": "k"}}, {"y": [1]},
    ):  # fmt: skip
        assert userinfo(provider, token, **changes).status_code == 200, changes


@pytest.mark.promise("P4")
@pytest.mark.spec("RFC 9449", "11.1")
def test_a_proof_works_once(both: Provider) -> None:
    """security.md N: replay, also under a later signature, also on both databases."""
    app = both.register()
    token = redeem(both, app, both.sign_in())["access_token"]
    proof = make(both, token, jti="once")
    ask = lambda sent: both.get("/userinfo", Authorization=f"DPoP {token}", DPoP=sent)  # noqa: E731
    assert ask(proof).status_code == 200
    refused(ask(proof), 401, "invalid_dpop_proof")
    refused(ask(make(both, token, jti="once", more=1)), 401, "invalid_dpop_proof")
    assert ask(make(both, token, jti="twice")).status_code == 200
    with both.clock.later(200):
        refused(ask(proof), 401, "invalid_dpop_proof")


# ── nonces ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def strict(database: str) -> Iterator[Provider]:
    with running(database, dpop_nonce=True) as provider:
        yield provider


@pytest.mark.spec("RFC 9449", "8")
@pytest.mark.spec("RFC 9449", "9")
def test_a_proof_must_name_our_nonce_where_the_operator_says_so(strict: Provider) -> None:
    app, browser = strict.register(), strict.sign_in()
    form = {"grant_type": "authorization_code", "code": strict.code(app, browser), "redirect_uri": app.redirect_uri,
            "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}  # fmt: skip
    first = strict.post("/token", form, app, **token_proof(strict))
    refused(first, 400, "use_dpop_nonce")
    nonce = first.headers["DPoP-Nonce"]
    assert "DPoP-Nonce" in first.headers["Access-Control-Expose-Headers"]
    done = strict.post("/token", form, app, **token_proof(strict, nonce=nonce))
    token = answered(done)["access_token"]
    assert done.headers["DPoP-Nonce"] == nonce
    challenged = userinfo(strict, token)
    refused(challenged, 401, "use_dpop_nonce")
    assert challenged.headers["WWW-Authenticate"].startswith('DPoP realm="idp", error="use_dpop_nonce"')
    assert userinfo(strict, token, nonce=challenged.headers["DPoP-Nonce"]).headers["DPoP-Nonce"]
    with strict.clock.later(301):
        refused(userinfo(strict, token, nonce=nonce), 401, "use_dpop_nonce")


@pytest.mark.spec("RFC 9449", "8")
def test_nobody_else_makes_our_nonces(provider: Provider) -> None:
    ours, theirs = Nonces(b"a" * 32, provider.clock), Nonces(b"b" * 32, provider.clock)
    assert ours.good(ours.current())
    assert not any(ours.good(nonce) for nonce in (theirs.current(), "", None, 7, "ä", ours.current() + "x"))


# ── the rest of the wire ──────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 9449", "5.1")
def test_the_metadata_name_the_algorithms(provider: Provider) -> None:
    told = answered(provider.get("/.well-known/openid-configuration"))
    assert told["dpop_signing_alg_values_supported"] == ["ES256", "EdDSA", "PS256"]


def test_browser_apps_may_send_proofs(provider: Provider) -> None:
    preflight = provider.http.options("/token", base_url=provider.base)
    assert "dpop" in preflight.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "uri", ["", "x", "ftp://id.example/x", "https:///x", "https://u@h/x", "https://h:x/", "https://h/\ud800"]
)
def test_what_is_no_address_is_no_address(uri: str) -> None:
    assert normal(uri) is None


def test_addresses_are_compared_in_one_spelling() -> None:
    assert normal("https://H:443/a/%7Eb/../c") == "https://h/a/c"
    assert normal("https://[2001:DB8::1]:8443") == "https://[2001:db8::1]:8443/"
    assert normal("https://h/a/..") == normal("https://h/")
    assert normal("https://h/a/") != normal("https://h/a")
    assert jose.thumbprint(KEY.jwk) == KEY.jkt


@pytest.mark.spec("RFC 9449", "6.1")
@pytest.mark.parametrize("bound_to", [{"kid": "x"}, {"jkt": "x", "jku": "https://x.example"}, "x", ["jkt"], 1])
def test_a_binding_that_we_do_not_know_is_refused(
    provider: Provider, app: App, browser: Browser, bound_to: Any
) -> None:
    """What cannot be checked is not taken for checked."""
    right = claims_of(provider.tokens(app, browser)["access_token"])
    token = jose.sign({**right, "cnf": bound_to}, provider.services.keys.signer(), typ="at+jwt")
    assert provider.userinfo(token).status_code == 401
