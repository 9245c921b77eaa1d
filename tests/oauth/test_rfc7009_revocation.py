"""Revocation ends what a token belongs to, for its own client alone (RFC 7009; security.md D)."""

from __future__ import annotations

import pytest

from idp.errors import Unavailable

from ..provider import App, Browser, Provider, answered, refused


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


def dead(provider: Provider, app: App, tokens: dict[str, str]) -> bool:
    return (
        not provider.active(app, tokens["access_token"])
        and provider.userinfo(tokens["access_token"]).status_code == 401
        and provider.refresh(app, tokens["refresh_token"]).status_code == 400
    )


@pytest.mark.promise("P1")
@pytest.mark.spec("RFC 7009", "2.1")
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "id_token", "é", 'x"y'])
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_any_token_ends_its_client_session_whatever_the_hint(
    provider: Provider, app: App, ada: Browser, name: str, hint: str | None
) -> None:
    """authlib.md matrix: Authlib looks only where the hint says and refuses unknown hints."""
    tokens = provider.tokens(app, ada, scope="openid offline_access")
    other = provider.tokens(provider.register("Other"), ada)
    response = provider.revoke(app, tokens[name], **({"token_type_hint": hint} if hint else {}))
    assert response.status_code == 200
    assert response.get_data() == b""
    assert "Content-Type" not in response.headers
    assert dead(provider, app, tokens)
    assert provider.userinfo(other["access_token"]).status_code == 200


def test_an_old_refresh_token_of_the_family_will_do(provider: Provider, app: App, ada: Browser) -> None:
    tokens = provider.tokens(app, ada)
    newer = answered(provider.refresh(app, tokens["refresh_token"]))
    assert provider.revoke(app, tokens["refresh_token"]).status_code == 200
    assert dead(provider, app, newer)


@pytest.mark.spec("RFC 7009", "2.2")
@pytest.mark.parametrize("token", ["unknown", "rt_" + "A" * 75, "a.b.c", "é", "x" * 8000, "eyJhbGciOiJub25lIn0.e30."])
def test_an_unknown_token_is_revoked_already(provider: Provider, app: App, token: str) -> None:
    with provider.nothing_changes():
        assert provider.revoke(app, token).status_code == 200


def test_an_id_token_and_an_expired_token_end_nothing(provider: Provider, app: App, ada: Browser) -> None:
    tokens = provider.tokens(app, ada)
    with provider.nothing_changes():
        assert provider.revoke(app, tokens["id_token"]).status_code == 200
        with provider.clock.later(1000):
            assert provider.revoke(app, tokens["access_token"]).status_code == 200


@pytest.mark.spec("RFC 7009", "2.1")
@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_another_client_ends_nothing(provider: Provider, app: App, ada: Browser, method: str) -> None:
    tokens = provider.tokens(app, ada)
    stranger = provider.register("Stranger", token_endpoint_auth_method=method)
    with provider.nothing_changes():
        for name in ("access_token", "refresh_token"):
            assert provider.revoke(stranger, tokens[name]).status_code == 200
    assert provider.active(app, tokens["access_token"])


def test_a_public_client_revokes_by_its_name(provider: Provider, ada: Browser) -> None:
    """interop.md 16."""
    app = provider.register(token_endpoint_auth_method="none")
    tokens = provider.tokens(app, ada)
    assert provider.revoke(app, tokens["refresh_token"]).status_code == 200
    assert provider.userinfo(tokens["access_token"]).status_code == 401


@pytest.mark.spec("RFC 7009", "2.1")
def test_without_a_client_without_a_token_or_by_get(provider: Provider, app: App, ada: Browser) -> None:
    token = provider.tokens(app, ada)["access_token"]
    with provider.nothing_changes():
        refused(provider.post("/revoke", {"token": token}), 401, "invalid_client")
        refused(provider.post("/revoke", {"x": "y"}, app), 400, "invalid_request")
        refused(provider.post(f"/revoke?token={token}", {"x": "y"}, app), 400, "invalid_request")
        assert provider.get(f"/revoke?token={token}").status_code == 405
        refused(provider.post("/revoke", {"token": [token, token]}, app), 400, "invalid_request")


@pytest.mark.promise("P1")
def test_a_client_credentials_token_is_remembered_by_its_jti(both: Provider) -> None:
    app = both.register(grant_types=["client_credentials"], redirect_uris=[])
    token = answered(both.credentials(app))["access_token"]
    other = answered(both.credentials(app))["access_token"]
    stranger = both.register("Stranger", grant_types=["client_credentials"], redirect_uris=[])
    assert both.revoke(stranger, token).status_code == 200
    assert both.active(app, token)
    assert both.revoke(app, token).status_code == 200
    assert not both.active(app, token)
    assert both.active(app, other)
    with both.nothing_changes():
        assert both.revoke(app, token).status_code == 200


@pytest.mark.promise("P5")
@pytest.mark.spec("RFC 7009", "2.2.1")
def test_what_cannot_be_stored_is_not_acknowledged(
    provider: Provider, app: App, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2020-15223: an error swallowed, 200 said."""
    tokens = provider.tokens(app, ada)

    def away(*_: object, **__: object) -> None:
        raise Unavailable("the database does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(type(provider.stores.sessions), "end", away)
        response = provider.revoke(app, tokens["access_token"])
        refused(response, 503, "temporarily_unavailable")
        assert int(response.headers["Retry-After"]) > 0
    assert provider.active(app, tokens["access_token"])
