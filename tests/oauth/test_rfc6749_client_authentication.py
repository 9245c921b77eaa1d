"""Who is this client? One choke point for every endpoint, one answer for every failure (security.md C)."""

from __future__ import annotations

import base64
import string
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ..provider import App, Provider, answered, basic, refused


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def poster(provider: Provider) -> App:
    return provider.register(token_endpoint_auth_method="client_secret_post")


@pytest.fixture(scope="module")
def public(provider: Provider) -> App:
    return provider.register(token_endpoint_auth_method="none")


def revoke(provider: Provider, headers: dict[str, str], **form: Any) -> TestResponse:
    """The cheapest request that needs a client."""
    return provider.post("/revoke", {"token": "unknown", **form}, headers=headers)


def header(raw: str | bytes) -> dict[str, str]:
    data = raw if isinstance(raw, bytes) else raw.encode()
    return {"Authorization": "Basic " + base64.b64encode(data).decode()}


@pytest.mark.spec("RFC 6749", "2.3.1")
def test_each_by_its_registered_method(provider: Provider, app: App, poster: App, public: App) -> None:
    for one in (app, poster, public):
        headers, form = one.credentials
        assert revoke(provider, headers, **form).status_code == 200


@pytest.mark.spec("RFC 6749", "2.3.1")
def test_basic_is_form_encoded_and_its_scheme_has_no_case(provider: Provider) -> None:
    app = provider.register(client_id="photos: & +/ %41")
    assert app.secret
    assert revoke(provider, basic(app.id, app.secret)).status_code == 200
    encoded = basic(app.id, app.secret)["Authorization"].removeprefix("Basic ")
    for scheme in ("basic", "BASIC", "bAsIc"):
        assert revoke(provider, {"Authorization": f"{scheme} {encoded}"}).status_code == 200


@pytest.mark.spec("RFC 6749", "2.3.1")
def test_the_same_client_id_beside_basic_is_fine_another_is_not(provider: Provider, app: App, poster: App) -> None:
    """authlib.md trap 7; interop.md 12."""
    headers, _ = app.credentials
    assert revoke(provider, headers, client_id=app.id).status_code == 200
    for other in (poster.id, "nobody", app.id.upper()):
        refused(revoke(provider, headers, client_id=other), 401, "invalid_client")


def wrong(app: App, poster: App, public: App) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    secret, posted = app.secret or "", poster.secret or ""
    return {
        "nothing": ({}, {}),
        "unknown client": (basic("nobody", secret), {}),
        "wrong secret": (basic(app.id, "wrong"), {}),
        "no secret": (header(f"{app.id}:"), {}),
        "no colon": (header(app.id), {}),
        "no name": (header(f":{secret}"), {}),
        "prefix of the secret": (basic(app.id, secret[:-1]), {}),
        "longer": (basic(app.id, secret + "A"), {}),
        "other case": (basic(app.id, secret.swapcase()), {}),
        "secret of another": (basic(app.id, posted), {}),
        "its hash": (basic(app.id, (app.client.secret_hash or b"").hex()), {}),
        "non-ASCII secret": (basic(app.id, "é" * 43), {}),
        "NUL in the name": (header(f"{app.id}\0:{secret}"), {}),
        "NUL encoded": (header(f"{app.id}%00:{secret}"), {}),
        "bad UTF-8": ({"Authorization": "Basic /w=="}, {}),
        "bad UTF-8 encoded": (header(f"{app.id}:%ff"), {}),
        "junk base64": ({"Authorization": "Basic !!!!"}, {}),
        "no base64": ({"Authorization": "Basic"}, {}),
        "empty": ({"Authorization": "Basic "}, {}),
        "loose base64": ({"Authorization": basic(app.id, secret)["Authorization"].rstrip("=") + "==="}, {}),
        "other unused bits": ({"Authorization": other_bits(basic(app.id, secret)["Authorization"])}, {}),
        "base64 with a space": ({"Authorization": basic(app.id, secret)["Authorization"][:20] + " " +
                                 basic(app.id, secret)["Authorization"][20:]}, {}),
        "base64url": ({"Authorization": "Basic " + base64.urlsafe_b64encode(b"\xfb\xff:x").decode()}, {}),
        "huge": (basic(app.id, "x" * 7000), {}),
        "Bearer": ({"Authorization": f"Bearer {secret}"}, {}),
        "Digest": ({"Authorization": "Digest username=x"}, {}),
        "post where Basic is registered": ({}, {"client_id": app.id, "client_secret": secret}),
        "Basic where post is registered": (basic(poster.id, posted), {}),
        "client_id alone": ({}, {"client_id": app.id}),
        "post without a name": ({}, {"client_secret": posted}),
        "post with a wrong secret": ({}, {"client_id": poster.id, "client_secret": "wrong"}),
        "public with a secret": ({}, {"client_id": public.id, "client_secret": "x"}),
        "public by Basic": (basic(public.id, "x"), {}),
        "public by Basic without secret": (header(f"{public.id}:"), {}),
        "unknown public": ({}, {"client_id": "nobody"}),
    }  # fmt: skip


def other_bits(spelled: str) -> str:
    """The same bytes in another spelling: two bits of the last character before the padding are nobody's."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    assert spelled.endswith("=")
    assert not spelled.endswith("==")
    return f"{spelled[:-2]}{alphabet[alphabet.index(spelled[-2]) ^ 1]}="


NAMES = [
    "nothing", "unknown client", "wrong secret", "no secret", "no colon", "no name", "prefix of the secret", "longer",
    "other case", "secret of another", "its hash", "non-ASCII secret", "NUL in the name", "NUL encoded", "bad UTF-8",
    "bad UTF-8 encoded", "junk base64", "no base64", "empty", "loose base64",
    "other unused bits", "base64 with a space", "base64url",
    "huge", "Bearer", "Digest", "post where Basic is registered", "Basic where post is registered", "client_id alone",
    "post without a name", "post with a wrong secret", "public with a secret", "public by Basic",
    "public by Basic without secret", "unknown public",
]  # fmt: skip


@pytest.mark.promise("P8")
@pytest.mark.spec("RFC 6749", "5.2")
@pytest.mark.parametrize("case", NAMES)
def test_every_failure_reads_the_same(provider: Provider, app: App, poster: App, public: App, case: str) -> None:
    """authlib.md traps 5, 8, 10 and 11."""
    headers, form = wrong(app, poster, public)[case]
    with provider.nothing_changes():
        response = revoke(provider, headers, **form)
    body = refused(response, 401, "invalid_client")
    assert body["error_description"] == "client authentication failed (RFC 6749 5.2)"
    if headers:
        assert response.headers["WWW-Authenticate"].startswith('Basic realm="')
    else:
        assert "WWW-Authenticate" not in response.headers


@pytest.mark.spec("RFC 6749", "2.3")
def test_two_ways_at_once_are_refused_whichever_is_right(provider: Provider, app: App, poster: App) -> None:
    """authlib.md trap 7."""
    good, form = app.credentials[0], poster.credentials[1]
    assertion = {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "eyJhbGciOiJub25lIn0.e30.x",
    }
    for headers, members in (
        (good, {"client_secret": app.secret}), (good, form), (basic(app.id, "wrong"), form),
        (good, assertion), ({}, {**form, **assertion}),
    ):  # fmt: skip
        refused(revoke(provider, headers, **members), 400, "invalid_request")


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
def test_the_same_rule_everywhere(provider: Provider, app: App, poster: App, path: str) -> None:
    """authlib.md trap 8: Authlib's own check returns True for every endpoint but ``token``."""
    form = {"token": "x", "grant_type": "client_credentials"}
    assert poster.secret
    refused(provider.post(path, form, headers=basic(poster.id, poster.secret)), 401, "invalid_client")
    refused(provider.post(path, form, headers=basic(app.id, "wrong")), 401, "invalid_client")
    refused(provider.post(path, {**form, "client_id": app.id}), 401, "invalid_client")


def test_a_wrong_secret_burns_no_code_and_no_refresh_token(provider: Provider, app: App) -> None:
    ada = provider.sign_in()
    code = provider.code(app, ada)
    thief = basic(app.id, "wrong")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri}
    with provider.nothing_changes():
        refused(provider.post("/token", form, headers=thief), 401, "invalid_client")
    tokens = answered(provider.redeem(app, code))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    with provider.nothing_changes():
        refused(provider.post("/token", form, headers=thief), 401, "invalid_client")
        refused(provider.post("/token", form), 401, "invalid_client")
    answered(provider.refresh(app, tokens["refresh_token"]))


def test_a_disabled_client_is_an_unknown_one(provider: Provider) -> None:
    app = provider.register()
    assert revoke(provider, app.credentials[0]).status_code == 200
    with provider.stores.work():
        provider.services.clients.disable(app.id)
    refused(revoke(provider, app.credentials[0]), 401, "invalid_client")


def test_a_rotated_secret_is_dead_at_once(provider: Provider) -> None:
    app = provider.register()
    with provider.stores.work():
        secret = provider.services.clients.rotate_secret(app.id)
    refused(revoke(provider, app.credentials[0]), 401, "invalid_client")
    assert revoke(provider, basic(app.id, secret)).status_code == 200


@pytest.mark.spec("ASVS", "6.3.1")
def test_guessing_a_secret_is_slowed_and_locks_nobody_out(alone: Provider) -> None:
    app, other = alone.register(), alone.register("Other")
    statuses = [revoke(alone, basic(app.id, f"guess {n}")).status_code for n in range(52)]
    assert statuses[:50] == [401] * 50
    assert set(statuses[50:]) == {429}
    slowed = revoke(alone, basic(app.id, "guess"))
    assert int(slowed.headers["Retry-After"]) > 0
    assert slowed.headers["Cache-Control"] == "no-store"
    assert revoke(alone, app.credentials[0]).status_code == 200
    assert revoke(alone, other.credentials[0]).status_code == 200
    elsewhere = alone.post(
        "/revoke", {"token": "x"}, headers=basic(app.id, "guess"), environ_overrides={"REMOTE_ADDR": "198.51.100.7"}
    )
    assert elsewhere.status_code == 401


@pytest.mark.promise("P7")
@pytest.mark.spec("RFC 6749", "10.10")
def test_only_a_hash_of_256_bits_is_kept(provider: Provider, app: App) -> None:
    assert app.secret is not None
    assert len(base64.urlsafe_b64decode(app.secret + "=")) == 32
    stored = provider.stores.clients.get(app.id)
    assert stored is not None
    assert app.secret not in repr(stored)
    assert len(stored.secret_hash or b"") == 32
