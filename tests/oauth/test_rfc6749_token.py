"""The token endpoint: what it takes, and the code and client-credentials grants (security.md C)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from idp.domain.client import AuthMethod, ClientOrigin
from idp.domain.session import EndReason, ThisSession

from ..provider import (
    API,
    CALLBACK,
    CHALLENGE,
    ISSUER,
    VERIFIER,
    App,
    Browser,
    Provider,
    answered,
    basic,
    claims_of,
    header_of,
    refused,
)


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


def form(app: App, code: str, **changes: Any) -> dict[str, Any]:
    return {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
        **changes,
    }  # fmt: skip


# ── a success ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 6749", "5.1")
def test_what_a_code_gives(both: Provider) -> None:
    app, ada = both.register(), both.sign_in()
    response = both.redeem(app, both.code(app, ada, scope="openid email offline_access"))
    tokens = answered(response)
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 900
    assert tokens["scope"] == "openid email offline_access"
    assert re.fullmatch(r"rt_[\w-]{75}", tokens["refresh_token"])
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"
    assert response.mimetype == "application/json"
    assert both.active(app, tokens["access_token"])
    assert both.userinfo(tokens["access_token"]).status_code == 200


@pytest.mark.spec("RFC 9068", "2")
def test_an_access_token_says_what_rfc_9068_wants_and_nothing_about_the_person(
    provider: Provider, app: App, ada: Browser
) -> None:
    """authlib.md trap 31: signed by the active key, by name."""
    assert ada.user
    assert ada.session
    tokens = provider.tokens(app, ada, scope="openid profile email")
    token = tokens["access_token"]
    claims = claims_of(token)
    active = next(key for key in provider.services.keys.list() if key.state == "active")
    assert header_of(token) == {"alg": "RS256", "kid": active.kid, "typ": "at+jwt"}
    assert claims.pop("exp") - claims.pop("iat") == 900
    assert len(claims.pop("jti")) == 32
    assert claims.pop("sid") == claims_of(tokens["id_token"])["sid"]
    assert claims == {
        "iss": ISSUER, "sub": str(ada.user.id), "aud": ISSUER, "client_id": app.id, "scope": "openid profile email",
        "auth_time": int(ada.session.auth_time.timestamp()), "acr": "aal1", "amr": ["pwd"],
    }  # fmt: skip


def test_an_app_of_its_own_kind_gets_no_refresh_token(provider: Provider, ada: Browser) -> None:
    app = provider.register(grant_types=["authorization_code"])
    assert "refresh_token" not in provider.tokens(app, ada)
    refused(provider.refresh(app, "rt_" + "A" * 75), 400, "unauthorized_client")


@pytest.mark.spec("RFC 6749", "3.2")
def test_unknown_members_and_a_charset_are_no_mistake(provider: Provider, app: App, ada: Browser) -> None:
    code = provider.code(app, ada)
    kind = "application/x-www-form-urlencoded; charset=UTF-8"
    body = urlencode(form(app, code, unknown="x", state="y"))
    answered(
        provider.http.post("/token", base_url=provider.base, data=body, content_type=kind, headers=app.credentials[0])
    )


# ── the code, once ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P4")
@pytest.mark.spec("RFC 6749", "4.1.2")
def test_a_second_valid_use_ends_what_the_first_created(both: Provider) -> None:
    """authlib.md traps 12 (one after the other here) and 13; the ending is committed although it is an error."""
    app, ada = both.register(), both.sign_in()
    code = both.code(app, ada, scope="openid offline_access")
    first = answered(both.redeem(app, code))
    other = both.tokens(both.register("Other"), ada)
    refused(both.redeem(app, code), 400, "invalid_grant")
    assert not both.active(app, first["access_token"])
    refused(both.refresh(app, first["refresh_token"]), 400, "invalid_grant")
    assert both.userinfo(first["access_token"]).status_code == 401
    assert both.userinfo(other["access_token"]).status_code == 200
    refused(both.redeem(app, code), 400, "invalid_grant")


@pytest.mark.spec("RFC 6749", "4.1.3")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": CALLBACK + "/"}, "invalid_grant"), ({"redirect_uri": None}, "invalid_grant"),
        ({"redirect_uri": "https://photos.example/other"}, "invalid_grant"), ({"redirect_uri": ""}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"), ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": CHALLENGE}, "invalid_grant"), ({"code_verifier": VERIFIER[:-1]}, "invalid_grant"),
        ({"code_verifier": VERIFIER.swapcase()}, "invalid_grant"), ({"code_verifier": "x" * 5000}, "invalid_grant"),
        ({"code_verifier": VERIFIER + "é"}, "invalid_grant"), ({"code_verifier": VERIFIER + "\0"}, "invalid_request"),
        ({"code_verifier": VERIFIER + " "}, "invalid_grant"), ({"resource": "https://evil.example"}, "invalid_target"),
    ],
)  # fmt: skip
def test_what_does_not_fit_gets_nothing_and_burns_nothing(
    provider: Provider, app: App, ada: Browser, changes: dict[str, Any], error: str
) -> None:
    """authlib.md section 1.2: a wrong verifier must not use the code up."""
    code = provider.code(app, ada)
    with provider.nothing_changes():
        refused(provider.redeem(app, code, **changes), 400, error)
    assert answered(provider.redeem(app, code))["access_token"]


@pytest.mark.parametrize("alter", [lambda c: c[:-1], lambda c: c + "A", lambda c: c.swapcase(), lambda c: " " + c,
                                   lambda c: c + "\n", lambda c: "é" + c[1:], lambda c: "A" * 43, lambda c: "x" * 8000,
                                   lambda c: c[:20] + "%00"])  # fmt: skip
def test_an_altered_code_is_unknown(provider: Provider, app: App, ada: Browser, alter: Any) -> None:
    """CVE-2026-27840: no prefix, no case-insensitive look-up."""
    code = provider.code(app, ada)
    with provider.nothing_changes():
        refused(provider.redeem(app, alter(code)), 400, "invalid_grant")
    answered(provider.redeem(app, code))


@pytest.mark.spec("RFC 6749", "10.5")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_another_apps_code_is_unknown_and_stays_good(provider: Provider, app: App, ada: Browser, method: str) -> None:
    """CVE-2026-55672, CVE-2026-28513; also of an app that the same person uses, and trusts."""
    thief = provider.register("Thief", token_endpoint_auth_method=method, trusted=True)
    code = provider.code(app, ada)
    with provider.nothing_changes():
        refused(provider.redeem(thief, code), 400, "invalid_grant")
    answered(provider.redeem(app, code))


def test_a_stranger_with_a_used_code_ends_nothing(provider: Provider, app: App, ada: Browser) -> None:
    """Only who passes every comparison is believed to be the app itself."""
    code = provider.code(app, ada)
    tokens = answered(provider.redeem(app, code))
    thief = provider.register("Thief", trusted=True)
    with provider.nothing_changes():
        refused(provider.redeem(thief, code), 400, "invalid_grant")
        refused(provider.redeem(app, code, code_verifier="x" * 43), 400, "invalid_grant")
        refused(provider.redeem(app, code, redirect_uri=CALLBACK + "x"), 400, "invalid_grant")
    assert provider.active(app, tokens["access_token"])


@pytest.mark.spec("ASVS", "9.2.2")
def test_no_other_token_is_a_code(provider: Provider, app: App, ada: Browser) -> None:
    tokens = provider.tokens(app, ada)
    for name in ("access_token", "refresh_token", "id_token"):
        refused(provider.redeem(app, tokens[name]), 400, "invalid_grant")
    refused(provider.refresh(app, provider.code(app, ada)), 400, "invalid_grant")


@pytest.mark.spec("RFC 6749", "4.1.2")
def test_a_code_lives_a_minute(provider: Provider, app: App, ada: Browser) -> None:
    code, timely = provider.code(app, ada), provider.code(app, ada)
    with provider.clock.later(50):
        answered(provider.redeem(app, timely))
    with provider.clock.later(61):
        refused(provider.redeem(app, code), 400, "invalid_grant")


def test_an_old_sign_in_makes_no_old_code(provider: Provider, app: App, ada: Browser) -> None:
    """authlib.md trap 15: its mixin counts the life of a code from ``auth_time``."""
    with provider.clock.later(86400):
        assert answered(provider.redeem(app, provider.code(app, ada)))["access_token"]


@pytest.mark.promise("P1")
def test_a_code_dies_with_its_session(alone: Provider) -> None:
    app, ada = alone.register(), alone.sign_in()
    assert ada.user
    code = alone.code(app, ada)
    with alone.stores.work():
        alone.services.accounts.disable(ada.user)
    refused(alone.redeem(app, code), 400, "invalid_grant")


@pytest.mark.spec("RFC 8707", "2.2")
def test_an_api_that_was_not_granted_is_not_had_by_naming_it(alone: Provider) -> None:
    """Although it exists: what a person was asked for is what there is."""
    alone.resource("https://granted.example", granted_read="Read what was granted")
    alone.resource("https://other.example", other_read="Read something else")
    app, ada = alone.register(), alone.sign_in()
    code = alone.code(app, ada, scope="openid granted:read")
    with alone.nothing_changes():
        refused(alone.redeem(app, code, resource="https://other.example"), 400, "invalid_target")
    narrowed = answered(alone.redeem(app, code, resource="https://granted.example"))
    assert claims_of(narrowed["access_token"])["aud"] == "https://granted.example"


@pytest.mark.promise("P1")
def test_a_code_is_worth_no_more_than_the_consent_behind_it(alone: Provider) -> None:
    """Withdrawn by another way than the apps page, which uses codes up as well."""
    app, ada = alone.register(), alone.sign_in()
    assert ada.user
    code = alone.code(app, ada)
    alone.stores.consents.withdraw(ada.user.id, app.id)
    refused(alone.redeem(app, code), 400, "invalid_grant")
    narrow = alone.code(app, ada, scope="openid email")
    alone.stores.consents.withdraw(ada.user.id, app.id)
    alone.consent(ada.user, app, "openid")
    refused(alone.redeem(app, narrow), 400, "invalid_grant")


@pytest.mark.promise("P1")
def test_a_code_dies_with_the_sign_in_that_it_came_of(alone: Provider) -> None:
    """Signing out uses no code up: that its session lives is asked when it is redeemed."""
    app, ada = alone.register(), alone.sign_in()
    assert ada.session
    code = alone.code(app, ada)
    with alone.stores.work():
        alone.services.sessions.end_session(ThisSession(ada.session.id), EndReason.SIGNED_OUT, by="user:ada")
    refused(alone.redeem(app, code), 400, "invalid_grant")


# ── what a request must look like ─────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 6749", "3.2")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "HEAD"])
def test_only_post(provider: Provider, app: App, ada: Browser, method: str) -> None:
    query = urlencode(form(app, provider.code(app, ada), client_id=app.id, client_secret=app.secret))
    with provider.nothing_changes():
        response = provider.http.open(f"/token?{query}", base_url=provider.base, method=method)
    assert response.status_code == 405
    assert response.headers["Allow"]
    assert method == "HEAD" or (response.json or {})["error"] == "invalid_request"


@pytest.mark.spec("RFC 6749", "2.3.1")
def test_nothing_is_read_from_the_query(provider: Provider, app: App, ada: Browser) -> None:
    """authlib.md trap 2: Authlib merges the query into the form, and the query wins."""
    code = provider.code(app, ada)
    for query in ("scope=openid", "client_secret=x", f"code={code}", "x"):
        with provider.nothing_changes():
            refused(provider.post(f"/token?{query}", form(app, code), app), 400, "invalid_request")
    answered(provider.redeem(app, code))


@pytest.mark.spec("RFC 6749", "3.2")
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", "", "application/xml", "x"]
)
def test_only_a_form(provider: Provider, app: App, ada: Browser, kind: str) -> None:
    """authlib.md trap 4."""
    code = provider.code(app, ada)
    body = urlencode(form(app, code)).encode()
    response = provider.http.post(
        "/token", base_url=provider.base, data=body, content_type=kind, headers=app.credentials[0]
    )
    refused(response, 415, "invalid_request")
    answered(provider.redeem(app, code))


@pytest.mark.spec("RFC 6749", "3.2")
@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier", "scope", "client_id", "x"])
def test_a_repeated_member_is_refused(provider: Provider, app: App, ada: Browser, name: str) -> None:
    """authlib.md trap 3."""
    code = provider.code(app, ada)
    members = form(app, code)
    value = members.get(name, app.id)
    with provider.nothing_changes():
        refused(provider.post("/token", {**members, name: [value, value]}, app), 400, "invalid_request")
    answered(provider.redeem(app, code))


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "invalid_request"), (b"grant_type=", 400, "invalid_request"), (b"%", 400, "invalid_request"),
        (b"grant_type=%00", 400, "invalid_request"), (b"grant_type=%ff", 400, "invalid_request"),
        (b"grant_type=\xff\xfe", 400, "invalid_request"), (b"grant_type=%ED%A0%80", 400, "invalid_request"),
        (b"grant_type=" + b"x" * 9000, 400, "invalid_request"), (b"a=1&" * 20000, 400, "invalid_request"),
        (b"grant_type=x", 400, "unsupported_grant_type"), (b'grant_type="', 400, "unsupported_grant_type"),
        (b"grant_type=%C3%A9", 400, "unsupported_grant_type"), (b"grant_type=%5C", 400, "unsupported_grant_type"),
        (b"grant_type=password&username=ada@example.com&password=correct", 400, "unsupported_grant_type"),
        (b"grant_type=implicit", 400, "unsupported_grant_type"),
        (b"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer", 400, "unauthorized_client"),
        (b"grant_type=urn:ietf:params:oauth:grant-type:device_code", 400, "unauthorized_client"),
        (b"grant_type=urn:ietf:params:oauth:grant-type:token-exchange", 400, "unauthorized_client"),
        (b"grant_type=authorization_code", 400, "invalid_request"),
        (b"grant_type=refresh_token", 400, "invalid_request"),
        (b"grant_type=refresh_token&refresh_token=", 400, "invalid_request"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_changes_nothing(
    provider: Provider, app: App, body: bytes, status: int, error: str
) -> None:
    """authlib.md trap 5; security.md section 6, traps 3, 4 and 12."""
    kind = "application/x-www-form-urlencoded"
    with provider.nothing_changes():
        response = provider.http.post(
            "/token", base_url=provider.base, data=body, content_type=kind, headers=app.credentials[0]
        )
    refused(response, status, error)


@pytest.mark.promise("P8")
@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke", "/userinfo", "/register", "/authorize"])
def test_a_body_of_five_megabytes_is_too_much(provider: Provider, path: str) -> None:
    kind = "application/json" if path == "/register" else "application/x-www-form-urlencoded"
    response = provider.http.post(path, base_url=provider.base, data=b"a=" + b"x" * 5_000_000, content_type=kind)
    assert response.status_code == 413


@pytest.mark.spec("RFC 6749", "3.1.2.1")
@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke", "/userinfo"])
def test_the_transport_is_the_issuers_and_not_the_requests(provider: Provider, app: App, path: str) -> None:
    """authlib.md trap 1: behind a proxy that ends TLS the request looks like http; that is no 500."""
    response = provider.http.post(path, base_url="http://id.example", data={"x": "y"}, headers=app.credentials[0])
    assert response.status_code in (400, 401)


# ── client credentials ────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def machine(provider: Provider) -> App:
    provider.resource("https://jobs.example", jobs_read="Read jobs", jobs_write="Change jobs")
    return provider.register(
        "Machine", grant_types=["client_credentials"], redirect_uris=[], scope="openid jobs:read jobs:write"
    )


@pytest.mark.spec("RFC 6749", "4.4.3")
def test_a_client_for_itself(provider: Provider, machine: App) -> None:
    tokens = answered(provider.credentials(machine))
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope"}
    assert tokens["scope"] == "jobs:read jobs:write"
    assert tokens["expires_in"] == 900
    claims = claims_of(tokens["access_token"])
    assert claims["sub"] == claims["client_id"] == machine.id
    assert "sid" not in claims
    assert "auth_time" not in claims
    assert provider.active(machine, tokens["access_token"])
    assert provider.userinfo(tokens["access_token"]).status_code == 401


@pytest.mark.spec("RFC 8707", "2.2")
def test_it_may_ask_for_one_resource_and_less_scope(provider: Provider, machine: App) -> None:
    tokens = answered(provider.credentials(machine, scope="jobs:read", resource="https://jobs.example"))
    assert tokens["scope"] == "jobs:read"
    assert claims_of(tokens["access_token"])["aud"] == "https://jobs.example"


@pytest.mark.spec("RFC 6749", "3.3")
@pytest.mark.parametrize(
    ("changes", "error"),
    [({"scope": "jobs:read admin"}, "invalid_scope"), ({"scope": "openid"}, "invalid_scope"),
     ({"scope": "offline_access"}, "invalid_scope"), ({"scope": "*"}, "invalid_scope"),
     ({"scope": 'a"b'}, "invalid_scope"), ({"scope": "é"}, "invalid_scope"), ({"resource": API}, "invalid_target"),
     ({"resource": "x"}, "invalid_target")],
)  # fmt: skip
def test_it_gets_nothing_that_it_is_not_registered_for(
    provider: Provider, machine: App, changes: dict[str, str], error: str
) -> None:
    """authlib.md trap 17: Authlib drops what it does not know without a word."""
    refused(provider.credentials(machine, **changes), 400, error)


@pytest.mark.spec("RFC 6749", "4.4")
def test_not_for_public_clients_and_not_without_the_grant(provider: Provider, app: App) -> None:
    refused(provider.credentials(app), 400, "unauthorized_client")
    public = provider.register(token_endpoint_auth_method="none")
    refused(provider.credentials(public), 400, "unauthorized_client")


@pytest.mark.spec("RFC 6749", "4.4")
def test_a_public_client_that_has_the_grant_all_the_same_gets_nothing(alone: Provider) -> None:
    """No registration ends in one; a row that somebody else wrote might."""
    app = alone.register("Machine", redirect_uris=[], grant_types=["client_credentials"])
    alone.stores.clients.save(replace(app.client, token_endpoint_auth_method=AuthMethod.NONE))
    refused(alone.post("/token", {"grant_type": "client_credentials", "client_id": app.id}), 400, "unauthorized_client")


def test_a_self_registered_client_earns_no_scope_of_an_api(provider: Provider, machine: App) -> None:
    """Whoever registers at the open endpoint decides alone what it asks for."""
    metadata = {"grant_types": ["client_credentials"], "scope": "jobs:read"}
    made = provider.http.post("/register", base_url=provider.base, json=metadata).json
    tokens = answered(provider.post(
        "/token", {"grant_type": "client_credentials"}, headers=basic(made["client_id"], made["client_secret"])
    ))  # fmt: skip
    assert tokens["scope"] == ""


@pytest.mark.promise("P1")
def test_what_ended_with_its_client_stays_ended(alone: Provider) -> None:
    machine = alone.register(grant_types=["client_credentials"], redirect_uris=[])
    token = answered(alone.credentials(machine))["access_token"]
    assert alone.active(machine, token)
    with alone.stores.work():
        alone.services.clients.disable(machine.id)
    with alone.stores.work():
        alone.services.clients.enable(machine.id)
    assert not alone.active(machine, token)
    with alone.clock.later(2):
        assert alone.active(machine, answered(alone.credentials(machine))["access_token"])


@pytest.mark.promise("P1")
def test_what_was_issued_while_its_client_was_being_disabled_stays_ended_too(alone: Provider) -> None:
    """The disabling notes its time, waits for locks, and commits: a token may come in between."""
    machine = alone.register(grant_types=["client_credentials"], redirect_uris=[])
    with alone.clock.later(3):
        token = answered(alone.credentials(machine))["access_token"]
    with alone.stores.work():
        alone.services.clients.disable(machine.id)
    with alone.clock.later(4):
        with alone.stores.work():
            alone.services.clients.enable(machine.id)
        assert not alone.active(machine, token)


@pytest.mark.spec("ASVS", "10.4.11")
def test_nobody_registers_themselves_into_an_api(alone: Provider) -> None:
    alone.resource("https://jobs.example", jobs_read="See your jobs")
    stranger = alone.register(grant_types=["client_credentials"], redirect_uris=[], origin=ClientOrigin.DYNAMIC)
    refused(alone.credentials(stranger, resource="https://jobs.example"), 400, "invalid_target")
    assert claims_of(answered(alone.credentials(stranger))["access_token"])["aud"] == alone.settings.issuer


@pytest.mark.promise("P8")
def test_a_mistake_of_ours_is_not_put_on_the_client(alone: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 400 would hide it, and tell an honest client to give up."""
    app = alone.register(grant_types=["client_credentials"], redirect_uris=[])
    monkeypatch.setattr(type(alone.services.tokens), "address", lambda *_: int("not a number"))
    assert alone.credentials(app).status_code == 500
