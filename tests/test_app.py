"""The whole provider: hosts, limits, health, and that nothing of Authlib's own machinery is left in charge."""

from __future__ import annotations

import base64
import importlib
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import joserfc.jwt
import pytest
from pydantic import SecretStr

import idp.app
from idp import jose, logs
from idp.errors import ConfigurationError, Unavailable
from idp.services import keys
from idp.settings import load

from .provider import (
    ISSUER,
    MASTER_KEY,
    PASSWORD,
    Provider,
    a_page,
    alone,
    answered,
    b64url,
    both,
    claims_of,
    database,
    header_of,
    provider,
    refused,
    running,
    seeded,
)

__all__ = ["alone", "both", "database", "provider", "seeded"]

KEY = jose.generate("ES256")
FORWARDED = {
    "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Port": "1", "Forwarded": "host=evil.example;proto=http", "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil", "X-Original-Host": "evil.example", "X-HTTP-Method-Override": "DELETE",
}  # fmt: skip


# ── who we are ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host", ["evil.example", "id.example:443", "id.example:8443", "id.example.", "x.id.example", ""]
)
@pytest.mark.parametrize("path", ["/authorize", "/token", "/.well-known/openid-configuration", "/login", "/nowhere"])
def test_another_host_is_misdirected(provider: Provider, host: str, path: str) -> None:
    """CVE-2025-64101: nothing may be built from a Host."""
    response = provider.http.get(path, base_url=provider.base, headers={"Host": host})
    assert response.status_code == 421
    assert "evil" not in response.text
    assert "Location" not in response.headers


def test_case_does_not_matter_in_a_host(provider: Provider) -> None:
    headers = {"Host": "ID.Example"}
    response = provider.http.get("/.well-known/openid-configuration", base_url=provider.base, headers=headers)
    assert answered(response)["issuer"] == ISSUER


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/login", "/account", "/authorize", "/"])
def test_forwarding_headers_of_strangers_change_nothing(provider: Provider, path: str) -> None:
    """GHSA-93m4-mfpg-c3xf, CVE-2026-40575."""
    plain, forwarded = provider.get(path), provider.http.get(path, base_url=provider.base, headers=FORWARDED)
    assert forwarded.status_code == plain.status_code
    assert forwarded.headers.get("Location") == plain.headers.get("Location")
    assert "evil" not in forwarded.text + str(forwarded.headers)


@pytest.mark.parametrize("proxies", ["", "127.0.0.1"])
def test_the_address_that_is_recorded(database: str, proxies: str) -> None:
    with running(database, trusted_proxies=proxies) as provider:
        browser = provider.browser()
        page = provider.visit(browser, "/login")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert token
        form = {"csrf_token": token[1], "email": "ada@example.com", "password": "wrong"}
        headers = {"X-Forwarded-For": "1.1.1.1, 198.51.100.9"}
        assert provider.visit(browser, "/login", method="POST", data=form, headers=headers).status_code == 422
        event = provider.stores.events.of_user(provider.person().id, 1)[0]
        assert event.kind == "sign_in.refused"
        assert event.address == ("198.51.100.9" if proxies else "127.0.0.1")


# ── what cannot be served ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke", "/userinfo", "/register", "/.well-known/x"])
def test_programs_hear_json(provider: Provider, path: str) -> None:
    response = provider.http.open(path, base_url=provider.base, method="PROPFIND")
    assert response.status_code in (404, 405)
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/.git/config", "/console", "/metrics", "/static/../idp/app.py", "/authorize/",
             "/authorize;x=1", "//authorize", "/%2fauthorize", "/authorize%2f", "/token/..", "/admin",
             "/\\evil.example"],
)  # fmt: skip
def test_what_is_not_there_is_not_found_and_leads_nowhere(provider: Provider, path: str) -> None:
    """CVE-2026-0976: one router, no second spelling of a path."""
    response = provider.get(path)
    assert response.status_code in (400, 404), response.status
    assert "Location" not in response.headers
    assert "Traceback" not in response.text


@pytest.mark.promise("P5")
def test_an_unexpected_error_tells_nothing_and_logs_no_secret(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a detail for nobody")

    monkeypatch.setattr(type(provider.stores.clients), "get", broken)
    answer = provider.post("/token", {"grant_type": "client_credentials", "client_id": "x", "client_secret": "hush"})
    refused(answer, 500, "server_error")
    page = provider.visit(None, "/authorize?client_id=x")
    assert page.status_code == 500
    assert page.mimetype == "text/html"
    for text in (answer.text, page.text):
        assert "detail" not in text
        assert "Traceback" not in text


@pytest.mark.promise("P5")
def test_a_database_that_is_away_is_a_503_for_everybody(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the database does not answer")

    app = provider.register()
    monkeypatch.setattr(type(provider.stores.clients), "get", away)
    monkeypatch.setattr(type(provider.stores.health), "ping", away)
    for response in (provider.credentials(app), provider.get("/readyz")):
        refused(response, 503, "temporarily_unavailable")
        assert int(response.headers["Retry-After"]) > 0
    page = provider.authorize(app)
    a_page(page, 503)
    assert int(page.headers["Retry-After"]) > 0
    assert provider.get("/healthz").status_code == 200


def test_health_is_answered_under_any_host(provider: Provider) -> None:
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        response = provider.http.get(path, base_url=provider.base, headers={"Host": "10.0.0.7:8000"})
        assert answered(response) == {"status": status}


def test_flasks_own_session_cannot_be_used(provider: Provider) -> None:
    """ASVS 7.2.2; security.md section 6, trap 7."""
    with provider.flask.test_request_context("/"):
        with pytest.raises((RuntimeError, TypeError)):
            flask.session["x"] = 1
        with pytest.raises(RuntimeError):
            flask.session.get("x")


# ── starting ──────────────────────────────────────────────────────────────────────────────────────


def test_production_without_a_master_key_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDP_MASTER_KEY", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        load(issuer=ISSUER)
    assert "IDP_MASTER_KEY" in str(caught.value)


def test_the_first_start_makes_what_it_needs(tmp_path: Path) -> None:
    with running("", issuer="http://localhost:8000", master_key=None, data_dir=tmp_path / "data") as provider:
        assert answered(provider.get("/.well-known/jwks.json"))["keys"]
        app, ada = provider.register(), provider.sign_in()
        assert provider.tokens(app, ada)["access_token"]
        assert ada.http.get_cookie("idp-session", domain="localhost")
    assert (tmp_path / "data" / "idp.sqlite").exists()
    with running("", issuer="http://localhost:8000", master_key=None, data_dir=tmp_path / "data") as provider:
        assert provider.stores.users.by_email("ada@example.com")


def test_keys_sealed_under_another_master_key_are_not_usable(database: str) -> None:
    other = SecretStr(MASTER_KEY.replace("A", "B", 5))
    with running(database, master_key=other) as provider:
        refused(provider.get("/.well-known/jwks.json"), 500, "server_error")


# ── Authlib and joserfc ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def _no_joserfc(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("joserfc was asked")

    for name in ("encode", "decode"):
        monkeypatch.setattr(joserfc.jwt, name, forbidden)


@pytest.mark.usefixtures("_no_joserfc")
def test_joserfc_makes_and_reads_no_token(provider: Provider) -> None:
    """The guard of authlib.md section 2.1: PyJWT signs and verifies everything."""
    app, ada = provider.register(post_logout_redirect_uris=["https://photos.example/bye"]), provider.sign_in()
    tokens = provider.tokens(app, ada, scope="openid email offline_access")
    tokens = answered(provider.refresh(app, tokens["refresh_token"]))
    assert provider.active(app, tokens["access_token"])
    assert provider.userinfo(tokens["access_token"]).status_code == 200
    machine = provider.register(grant_types=["client_credentials"], redirect_uris=[])
    assert provider.active(machine, answered(provider.credentials(machine))["access_token"])
    provider.authorize(app, ada, id_token_hint=tokens["id_token"])
    assert provider.revoke(app, tokens["access_token"]).status_code == 200
    provider.visit(ada, f"/logout?id_token_hint={tokens['id_token']}")
    metadata = {"redirect_uris": ["https://photos.example/cb"], "jwks": {"keys": [jose.public_jwk(KEY, "ES256")]}}
    assert provider.http.post("/register", base_url=provider.base, json=metadata).status_code == 201


def test_no_hook_is_registered(provider: Provider) -> None:
    """authlib.md trap 19: hooks are kept in a set and run in random order."""
    server = _server(provider)
    assert not server._extensions
    for grant, extensions in (*server._token_grants, *server._authorization_grants):
        assert not extensions, grant
    assert not server._endpoints


def _server(provider: Provider) -> Any:
    view = provider.flask.view_functions["programs.token"]
    return view.__self__._server  # type: ignore[attr-defined]


def test_grants_keep_nothing_between_requests(provider: Provider) -> None:
    """No hook on a grant either: Authlib makes a grant object for every request."""
    for grant, _extensions in _server(provider)._token_grants:
        hooks = getattr(grant, "_hooks", None)
        assert not any(hooks.values()) if hooks else True


@pytest.mark.promise("P7")
def test_authlib_prints_no_token_at_debug(database: str, caplog: pytest.LogCaptureFixture) -> None:
    """authlib.md trap 18."""
    caplog.set_level(logging.DEBUG)
    with running(database, log_level="debug") as provider:
        app, ada = provider.register(), provider.sign_in()
        tokens = provider.tokens(app, ada, scope="openid offline_access")
        assert logging.getLogger("authlib").getEffectiveLevel() >= logging.WARNING
        assert logging.getLogger("authlib.oauth2.rfc6749.grants").getEffectiveLevel() >= logging.WARNING
    for token in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"]):
        assert token not in caplog.text


def test_no_environment_switch_is_needed_or_set() -> None:
    """authlib.md trap 1: ``AUTHLIB_INSECURE_TRANSPORT`` would open the whole process."""
    source = Path(idp.app.__file__).parent
    assert not [path for path in source.rglob("*.py") if "AUTHLIB_INSECURE_TRANSPORT" in path.read_text()]


def test_the_mixins_and_endpoints_with_traps_are_not_imported() -> None:
    """authlib.md section 0, "do not use"; traps 15, 20 to 24 and 31."""
    code = "import idp.app, sys, json; print(json.dumps(sorted(m for m in sys.modules if m.startswith('authlib'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(json.loads(done.stdout))
    forbidden = {"authlib.integrations.sqla_oauth2", "authlib.integrations.flask_oauth2", "authlib.jose"}
    assert not loaded & forbidden
    source = Path(idp.app.__file__).parent / "oauth"
    used = "".join(path.read_text() for path in (*source.glob("*.py"), *source.with_name("oidc").glob("*.py")))
    for name in ("HybridGrant", "ImplicitGrant", "IssuerParameter", "CodeChallenge(", "ResourceProtector",
                 "JWTBearerTokenGenerator", "JWTBearerClientAssertion", "EndSessionEndpoint"):  # fmt: skip
        assert f"import {name}" not in used
        assert f"({name.rstrip('(')})" not in used
    assert importlib.import_module("authlib").__version__.startswith("1.9.")


# ── keys across processes ─────────────────────────────────────────────────────────────────────────


def test_a_rotation_reaches_another_worker_within_three_seconds(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """design.md 4.4: the other signs with the new key and accepts the old; no token fails."""
    with running(database) as here, running(database) as there:
        app, ada = here.register(), here.sign_in()
        old = here.tokens(app, ada)["access_token"]
        assert there.active(app, old)
        before = _rs256(here)
        announced = next(kid for kid, state in before.items() if state == "announced")
        with here.stores.work():
            here.services.keys.rotate(force=True)
        new = here.tokens(app, ada)
        assert _kid(new["access_token"]) == announced
        assert there.active(app, new["access_token"]), "known at once: it was announced"
        _three_seconds_pass(monkeypatch)
        assert _kid(there.tokens(app, ada)["access_token"]) == announced
        assert there.active(app, old)
        assert there.userinfo(old).status_code == 200
        states = _rs256(there)
        assert sorted(states.values()) == ["active", "announced", "retired"]
        published = {key["kid"] for key in answered(there.get("/.well-known/jwks.json"))["keys"]}
        assert published >= set(states)


def _rs256(provider: Provider) -> dict[str, str]:
    return {key.kid: key.state for key in provider.services.keys.list() if key.alg == "RS256"}


def _kid(token: str) -> str:
    return str(header_of(token)["kid"])


def _three_seconds_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    real = keys.time.monotonic
    monkeypatch.setattr(keys.time, "monotonic", lambda: real() + 3)


# ── no secret anywhere ────────────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P7")
def test_no_secret_is_at_rest_in_the_clear_or_in_a_log(
    alone: Provider, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Everything that a whole flow made, looked for in every table and every line."""
    logs.configure("debug")
    caplog.set_level(logging.DEBUG)
    app, ada = alone.register(), alone.sign_in()
    registered = alone.http.post(
        "/register", base_url=alone.base, json={"redirect_uris": ["https://photos.example/callback"]}
    ).json
    code = alone.code(app, ada, scope="openid offline_access")
    tokens = answered(alone.redeem(app, code))
    later = answered(alone.refresh(app, tokens["refresh_token"]))
    refused(alone.redeem(app, code), 400, "invalid_grant")
    alone.introspect(app, later["access_token"])
    refused(alone.post("/token", {"grant_type": "client_credentials", "client_id": "x", "client_secret": "hush hush"}),
            401, "invalid_client")  # fmt: skip
    cookies = [ada.http.get_cookie(f"__Host-idp-{kind}", domain="id.example") for kind in ("session", "device")]
    secrets = {
        "password": PASSWORD, "code": code, "client secret": app.secret, "registered": registered["client_secret"],
        "registration token": registered["registration_access_token"], "master key": MASTER_KEY.rstrip("="),
        "wrong secret": "hush hush", **{f"cookie {n}": cookie.value for n, cookie in enumerate(cookies) if cookie},
        **{f"{name} {n}": one[name] for n, one in enumerate((tokens, later))
           for name in ("access_token", "refresh_token", "id_token")},
    }  # fmt: skip
    family = next(row for row in alone.rows()["refresh_families"])
    private = [
        jose.load_private(alone.stores.vault.open(key.private_sealed, f"signing key {key.kid}"))
        for key in alone.services.keys.list()
    ]
    kept = repr(alone.rows()).encode() + b"".join(_files(alone))
    written = (capsys.readouterr().err + capsys.readouterr().out + caplog.text).encode()
    for name, secret in secrets.items():
        assert secret
        assert secret.encode() not in kept, f"{name} is in the database"
        assert secret.encode() not in written, f"{name} is in a log"
    for key in private:
        for form in _private_forms(key):
            assert form not in kept
            assert form not in written
    assert str(family[0]).encode() not in written, "the family id is in no log"
    assert str(family[0]) not in json.dumps([claims_of(one["access_token"]) for one in (tokens, later)])


def _private_forms(key: Any) -> Iterator[bytes]:
    """PKCS #8 and what only the private half holds, raw and as JWK and PEM would write it."""
    yield jose.private_bytes(key)
    for raw in _private_numbers(key):
        yield raw
        yield b64url(raw).encode()
        yield from (base64.b64encode(raw[skip:])[:60] for skip in range(3))


def _private_numbers(key: Any) -> Iterator[bytes]:
    """Of an RSA, an elliptic-curve and an Ed25519 key."""
    if hasattr(key, "private_bytes_raw"):
        yield key.private_bytes_raw()
        return
    numbers = key.private_numbers()
    for name in ("d", "p", "q", "private_value"):
        if (number := getattr(numbers, name, None)) is not None:
            yield number.to_bytes((number.bit_length() + 7) // 8, "big")


def _files(provider: Provider) -> Iterator[bytes]:
    """The embedded database as it lies on disk, its journal too."""
    path = Path(str(provider.engine.url.database))
    for part in path.parent.glob(path.name + "*"):
        yield part.read_bytes()
