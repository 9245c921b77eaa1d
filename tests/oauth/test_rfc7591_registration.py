"""Dynamic registration and its management (RFC 7591, RFC 7592; security.md J)."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from pydantic import SecretStr
from werkzeug.test import TestResponse

from ..provider import CALLBACK, ISSUER, App, Provider, answer_of, answered, basic, refused, running

METADATA: dict[str, Any] = {"client_name": "Photos", "redirect_uris": [CALLBACK]}


def register(provider: Provider, document: Any = None, **headers: str) -> TestResponse:
    sent = METADATA if document is None else document
    return provider.http.post("/register", base_url=provider.base, json=sent, headers=headers)


def made(provider: Provider, **metadata: Any) -> dict[str, Any]:
    response = register(provider, METADATA | metadata)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json
    return found


def manage(
    provider: Provider, client: dict[str, Any], method: str, document: Any = None, token: str | None = None
) -> TestResponse:
    path = client["registration_client_uri"].removeprefix(ISSUER)
    bearer = {"Authorization": f"Bearer {token or client['registration_access_token']}"}
    options: dict[str, Any] = {} if document is None else {"json": document}
    return provider.http.open(path, base_url=provider.base, method=method, headers=bearer, **options)


# ── registering ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 7591", "3.2.1")
def test_everything_registered_is_said_back(provider: Provider) -> None:
    """interop.md 22."""
    response = register(provider, METADATA | {
        "client_name#de": "Fotos", "client_uri": "https://photos.example", "logo_uri": None, "contacts": [],
        "post_logout_redirect_uris": ["https://photos.example/bye"], "scope": "openid email", "unknown": "x",
        "grant_types": ["authorization_code", "refresh_token"], "id_token_signed_response_alg": "RS256",
    })  # fmt: skip
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    client = response.json
    assert client.pop("client_id")
    assert client.pop("client_id_issued_at") > 0
    assert len(client.pop("client_secret")) == 43
    assert client.pop("registration_client_uri").startswith(ISSUER + "/register/")
    assert len(client.pop("registration_access_token")) == 43
    assert client == {
        "client_name": "Photos", "client_name#de": "Fotos", "client_uri": "https://photos.example",
        "redirect_uris": [CALLBACK], "post_logout_redirect_uris": ["https://photos.example/bye"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic", "application_type": "web", "scope": "openid email",
        "id_token_signed_response_alg": "RS256", "client_secret_expires_at": 0,
    }  # fmt: skip


@pytest.mark.parametrize("method", ["none", "private_key_jwt"])
def test_who_needs_no_secret_gets_none(provider: Provider, method: str) -> None:
    keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
    client = made(provider, token_endpoint_auth_method=method, **({"jwks": keys} if method != "none" else {}))
    assert "client_secret" not in client
    assert "client_secret_expires_at" not in client


def test_two_registrations_share_nothing(provider: Provider) -> None:
    one, two = made(provider), made(provider)
    for name in ("client_id", "client_secret", "registration_access_token"):
        assert one[name] != two[name]


@pytest.mark.promise("P8")
@pytest.mark.spec("RFC 7591", "3.2.2")
@pytest.mark.parametrize(
    ("document", "error"),
    [
        ([METADATA], "invalid_client_metadata"), ("x", "invalid_client_metadata"), (7, "invalid_client_metadata"),
        ({"redirect_uris": [1]}, "invalid_redirect_uri"), ({"redirect_uris": [None]}, "invalid_redirect_uri"),
        ({"redirect_uris": "x"}, "invalid_redirect_uri"), ({"redirect_uris": ["javascript:x"]}, "invalid_redirect_uri"),
        ({}, "invalid_redirect_uri"), ({"redirect_uris": {"$ne": ""}}, "invalid_redirect_uri"),
        (METADATA | {"grant_types": [["authorization_code"]]}, "invalid_client_metadata"),
        (METADATA | {"grant_types": ["implicit"]}, "invalid_client_metadata"),
        (METADATA | {"scope": 7}, "invalid_client_metadata"), (METADATA | {"jwks": "x"}, "invalid_client_metadata"),
        (METADATA | {"token_endpoint_auth_method": "none", "post_logout_redirect_uris": ["http://photos.example"]},
         "invalid_client_metadata"),
        (METADATA | {"client_name": "a\0b"}, "invalid_client_metadata"),
        (METADATA | {"x": 10**20}, "invalid_client_metadata"),
        (METADATA | {"software_statement": "eyJ"}, "unapproved_software_statement"),
        (METADATA | {"logo_uri": "http://127.0.0.1:9/x\u00e9"}, "invalid_client_metadata"),
    ],
)  # fmt: skip
def test_bad_metadata_is_named_and_changes_nothing(provider: Provider, document: Any, error: str) -> None:
    """authlib.md trap 5: each of these types was a 500 there."""
    with provider.nothing_changes():
        refused(register(provider, document), 400, error)


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 50000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b'{"client_name":"\\ud800"}',
     b'{"x":1e400}', b'{"x":NaN}', b'{"x":' + b"9" * 5000 + b"}", b'{"\\u0000":1}', b"null", b'"x"'],
)  # fmt: skip
def test_a_body_that_is_no_json_object_changes_nothing(provider: Provider, body: bytes) -> None:
    """security.md section 6, traps 3 and 4; CVE-2026-9803."""
    with provider.nothing_changes():
        response = provider.http.post("/register", base_url=provider.base, data=body, content_type="application/json")
        refused(response, 400, "invalid_client_metadata")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json(provider: Provider, kind: str) -> None:
    body = json.dumps(METADATA)
    response = provider.http.post("/register", base_url=provider.base, data=body, content_type=kind)
    refused(response, 400, "invalid_client_metadata")


def test_a_client_cannot_grant_itself_anything(provider: Provider) -> None:
    """Mass assignment (ASVS 8.2.3, 15.3.3): ids, secrets, trust and PKCE stay ours."""
    client = made(
        provider, client_id="admin", client_secret="chosen", trusted=True, skip_consent=True, pkce_required=False,
        refresh_grace=300, origin="operator", registration_access_token="chosen", disabled_at=None,
    )  # fmt: skip
    assert client["client_id"] != "admin"
    assert "chosen" not in client.values()
    stored = provider.stores.clients.get(client["client_id"])
    assert stored is not None
    assert (stored.trusted, stored.pkce_required, stored.refresh_grace) == (False, None, None)
    assert stored.origin == "dynamic"


def test_nothing_is_fetched_at_registration(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSRF (security.md J): URIs are kept, not visited."""
    connected: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: connected.append(address))
    made(provider, jwks_uri="https://127.0.0.1/jwks", logo_uri="https://169.254.169.254/", tos_uri="https://[::1]/")
    assert connected == []


def test_open_registration_is_slowed_by_address(alone: Provider) -> None:
    """Storage DoS (security.md J)."""
    statuses = [register(alone).status_code for _ in range(202)]
    assert [number for number, status in enumerate(statuses) if status == 429] == [200, 201]
    slowed = register(alone)
    assert int(slowed.headers["Retry-After"]) > 0


# ── who may ───────────────────────────────────────────────────────────────────────────────────────


def test_closed_means_there_is_no_endpoint(database: str) -> None:
    with running(database, client_registration="closed") as provider:
        refused(register(provider), 404, "not_found")
        assert "registration_endpoint" not in answered(provider.get("/.well-known/openid-configuration"))


@pytest.mark.spec("RFC 7591", "3")
def test_an_initial_access_token_is_asked_for(database: str) -> None:
    token = SecretStr("initial-access-token-of-the-operator")
    with running(database, client_registration="token", client_registration_token=token) as provider:
        with provider.nothing_changes():
            for sent in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"},
                         {"Authorization": "Bearer é"}):  # fmt: skip
                response = register(provider, **sent)
                refused(response, 401, "invalid_token")
                assert response.headers["WWW-Authenticate"].startswith("Bearer ")
        right = {"Authorization": f"Bearer {token.get_secret_value()}"}
        assert register(provider, **right).status_code == 201


def test_who_has_an_initial_access_token_is_not_slowed(database: str) -> None:
    token = SecretStr("initial-access-token-of-the-operator")
    with running(database, client_registration="token", client_registration_token=token) as provider:
        right = {"Authorization": f"Bearer {token.get_secret_value()}"}
        empty = [register(provider, {"redirect_uris": []}, **right).status_code for _ in range(201)]
        assert set(empty) == {400}


# ── managing ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 7592", "2.1")
def test_read(provider: Provider) -> None:
    client = made(provider)
    found = answered(manage(provider, client, "GET"))
    secret = {"client_secret", "client_secret_expires_at"}
    assert found == {name: value for name, value in client.items() if name not in secret}


@pytest.mark.spec("ASVS", "10.7.1")
def test_people_are_asked_anew_by_an_app_that_answers_elsewhere(provider: Provider) -> None:
    """Whoever gets hold of a registration access token gets no code without a question."""
    client, ada = made(provider), provider.sign_in()
    assert ada.user is not None
    app = App(provider.services.clients.get(client["client_id"]), client.get("client_secret"), CALLBACK)
    provider.consent(ada.user, app)
    other = {"client_id": client["client_id"], "redirect_uris": [CALLBACK], "client_name": "Renamed"}
    client = answered(manage(provider, client, "PUT", other))
    assert "code" in answer_of(provider.authorize(app, ada, prompt="none"))
    added = {**other, "redirect_uris": [CALLBACK, "https://evil.example/callback"]}
    answered(manage(provider, client, "PUT", added))
    assert answer_of(provider.authorize(app, ada, prompt="none"))["error"] == "consent_required"


@pytest.mark.spec("RFC 7592", "2.2")
def test_replace_as_a_whole_and_renew_the_token(provider: Provider) -> None:
    client = made(provider, client_uri="https://photos.example", scope="openid email")
    changed = answered(manage(provider, client, "PUT", {"client_id": client["client_id"], "redirect_uris": [CALLBACK]}))
    assert "client_uri" not in changed
    assert changed["client_id"] == client["client_id"]
    refused(manage(provider, client, "GET"), 401, "invalid_token")
    assert answered(manage(provider, changed, "GET"))["redirect_uris"] == [CALLBACK]
    form = {"token": "x"}
    assert (
        provider.post("/revoke", form, headers=basic(client["client_id"], client["client_secret"])).status_code == 200
    )


@pytest.mark.promise("P8")
@pytest.mark.spec("RFC 7592", "2.2")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "other"}, "invalid_client_metadata"), ({"client_id": None}, "invalid_client_metadata"),
        ({"client_id": 7}, "invalid_client_metadata"), ({"client_secret": "other"}, "invalid_client_metadata"),
        ({"client_secret": ["x"]}, "invalid_client_metadata"),
        ({"registration_access_token": "x"}, "invalid_client_metadata"),
        ({"registration_client_uri": "x"}, "invalid_client_metadata"),
        ({"client_id_issued_at": 1}, "invalid_client_metadata"),
        ({"client_secret_expires_at": 0}, "invalid_client_metadata"),
        ({"redirect_uris": ["http://photos.example"]}, "invalid_redirect_uri"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata"),
    ],
)  # fmt: skip
def test_what_cannot_be_changed(provider: Provider, changes: dict[str, Any], error: str) -> None:
    client = made(provider)
    with provider.nothing_changes():
        document = METADATA | {"client_id": client["client_id"]} | changes
        refused(manage(provider, client, "PUT", document), 400, error)
    assert manage(provider, client, "GET").status_code == 200


def test_the_current_secret_may_be_sent_along(provider: Provider) -> None:
    client = made(provider)
    document = METADATA | {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    answered(manage(provider, client, "PUT", document))


def test_a_client_that_becomes_confidential_gets_a_secret_and_one_that_becomes_public_loses_it(
    provider: Provider,
) -> None:
    client = made(provider, token_endpoint_auth_method="none")
    document = METADATA | {"client_id": client["client_id"]}
    changed = answered(manage(provider, client, "PUT", document))
    assert changed["client_secret"]
    again = answered(manage(provider, changed, "PUT", document | {"token_endpoint_auth_method": "none"}))
    assert "client_secret" not in again
    old = basic(client["client_id"], changed["client_secret"])
    refused(provider.post("/revoke", {"token": "x"}, headers=old), 401, "invalid_client")


@pytest.mark.promise("P1")
@pytest.mark.spec("RFC 7592", "2.3")
def test_deleting_ends_everything_it_held(provider: Provider) -> None:
    client = made(provider, grant_types=["authorization_code", "refresh_token"], token_endpoint_auth_method="none")
    ada = provider.sign_in()
    assert ada.user
    provider.stores.consents.allow(ada.user.id, client["client_id"], ["openid"], provider.clock.now())
    stored = provider.stores.clients.get(client["client_id"])
    assert stored is not None
    app = App(stored, None, CALLBACK)
    tokens = answered(provider.redeem(app, answer_of(provider.authorize(app, ada))["code"]))
    response = manage(provider, client, "DELETE")
    assert response.status_code == 204
    assert response.get_data() == b""
    assert provider.stores.revocations.client_revoked_at(app.id) is not None, "who follows the log hears of it"
    assert provider.userinfo(tokens["access_token"]).status_code == 401
    refused(provider.refresh(app, tokens["refresh_token"]), 401, "invalid_client")
    refused(manage(provider, client, "GET"), 401, "invalid_token")
    assert provider.authorize(app, ada).status_code == 400


@pytest.mark.spec("RFC 7592", "2.1")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_one_clients_token_opens_no_others_registration(provider: Provider, method: str) -> None:
    """IDOR (CVE-2025-64431); authlib 1.9.1: the token was not bound to its client."""
    mine, theirs = made(provider), made(provider)
    document = METADATA | {"client_id": theirs["client_id"]} if method == "PUT" else None
    operators = provider.register()
    with provider.nothing_changes():
        answers = [
            manage(provider, theirs, method, document, token=token)
            for token in (mine["registration_access_token"], theirs["client_secret"], "x", "A" * 43)
        ]
        path = {"registration_client_uri": f"{ISSUER}/register/{operators.id}"}
        answers.append(manage(provider, path, method, document, token=mine["registration_access_token"]))
        unknown = {"registration_client_uri": f"{ISSUER}/register/nobody"}
        answers.append(manage(provider, unknown, method, document, token=mine["registration_access_token"]))
    bodies = {json.dumps(refused(response, 401, "invalid_token")) for response in answers}
    assert len(bodies) == 1, "an unknown client reads like a foreign one"


@pytest.mark.parametrize(
    "path", ["/register/", "/register/../admin", "/register/%2e%2e/token", "/register/a/b", "/register/%00",
             "/register/%ff", "/register/" + "x" * 5000, "/register/é"],
)  # fmt: skip
def test_a_client_id_is_one_exact_segment(provider: Provider, path: str) -> None:
    response = provider.get(path, Authorization="Bearer x")
    assert response.status_code in (401, 404, 405), response.status


@pytest.mark.parametrize("method", ["POST", "PATCH", "TRACE"])
def test_other_methods_are_not_allowed(provider: Provider, method: str) -> None:
    client = made(provider)
    assert manage(provider, client, method, METADATA).status_code == 405


@pytest.mark.spec("RFC 7592", "2.2")
@pytest.mark.spec("RFC 7592", "5")
def test_a_change_under_way_does_not_undo_a_disabling(alone: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body comes slowly; meanwhile an operator disables the client."""
    client = made(alone)
    clients = alone.services.clients
    first = clients.own

    def own(client_id: str, token: str, *, hold: bool = False) -> Any:
        if not hold:
            found = first(client_id, token)
            with alone.stores.work():
                clients.disable(client_id)
            return found
        return first(client_id, token, hold=True)

    monkeypatch.setattr(clients, "own", own)
    response = manage(alone, client, "PUT", METADATA | {"client_id": client["client_id"], "client_name": "Back"})
    assert response.status_code == 401
    found = clients.get(client["client_id"])
    assert found.disabled_at is not None
    assert found.client_name == "Photos"


def test_changes_are_counted(alone: Provider) -> None:
    """Each is recorded for more than a year (P6)."""
    client = made(alone)
    for _ in range(60):
        changed = manage(alone, client, "PUT", METADATA | {"client_id": client["client_id"]})
        assert changed.status_code == 200
        client |= changed.json
    assert manage(alone, client, "PUT", METADATA | {"client_id": client["client_id"]}).status_code == 429
