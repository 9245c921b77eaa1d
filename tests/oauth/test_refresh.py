"""The refresh grant over HTTP: one token, one successor (RFC 6749 section 6, RFC 9700 4.14.2; security.md D)."""

from __future__ import annotations

from typing import Any

import pytest

from idp.domain.device import Origin

from ..provider import API, WITH_REFRESH, App, Browser, Provider, answered, claims_of, refused

OFFLINE = "openid email offline_access"
ORIGIN = Origin()


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


def refreshed(provider: Provider, app: App, token: str, **changes: Any) -> dict[str, Any]:
    return answered(provider.refresh(app, token, **changes))


@pytest.mark.promise("P3")
@pytest.mark.spec("RFC 6749", "6")
def test_a_token_gives_its_successor(both: Provider) -> None:
    app, ada = both.register(), both.sign_in()
    first = both.tokens(app, ada, scope=OFFLINE)
    second = refreshed(both, app, first["refresh_token"])
    third = refreshed(both, app, second["refresh_token"])
    assert len({one["refresh_token"] for one in (first, second, third)}) == 3
    assert len({claims_of(one["access_token"])["jti"] for one in (first, second, third)}) == 3
    assert third["scope"] == OFFLINE
    assert both.userinfo(third["access_token"]).status_code == 200
    assert both.active(app, first["access_token"]), "earlier access tokens live as long as their session"


@pytest.mark.promise("P3")
def test_a_retry_within_grace_gets_the_same_successor_byte_for_byte(both: Provider) -> None:
    app, ada = both.register(), both.sign_in()
    old = both.tokens(app, ada)["refresh_token"]
    successor = refreshed(both, app, old)["refresh_token"]
    with both.nothing_changes():
        assert {refreshed(both, app, old)["refresh_token"] for _ in range(3)} == {successor}
    with both.clock.later(29):
        assert refreshed(both, app, old)["refresh_token"] == successor
    assert refreshed(both, app, successor)["refresh_token"] != successor


@pytest.mark.promise("P3")
@pytest.mark.spec("RFC 9700", "4.14.2")
@pytest.mark.parametrize("after", [31, 3600])
def test_a_genuine_token_after_grace_ends_the_client_session(both: Provider, after: int) -> None:
    """Committed, although the answer is an error (security.md section 6, trap 5)."""
    app, ada = both.register(), both.sign_in()
    other = both.tokens(both.register("Other"), ada)
    first = both.tokens(app, ada, scope=OFFLINE)
    second = refreshed(both, app, first["refresh_token"])
    with both.clock.later(after):
        refused(both.refresh(app, first["refresh_token"]), 400, "invalid_grant")
    for token in (first, second):
        refused(both.refresh(app, token["refresh_token"]), 400, "invalid_grant")
        assert not both.active(app, token["access_token"])
        assert both.userinfo(token["access_token"]).status_code == 401
    assert both.userinfo(other["access_token"]).status_code == 200
    told = both.stores.outbox.pending(10)
    assert [(message.kind, message.payload["reason"]) for message in told] == [("mail", "refresh_reuse")]


@pytest.mark.promise("P3")
def test_a_grandparent_is_a_copy_even_within_grace(provider: Provider, app: App, ada: Browser) -> None:
    """django-oauth-toolkit #1617."""
    first = provider.tokens(app, ada)
    second = refreshed(provider, app, first["refresh_token"])
    third = refreshed(provider, app, second["refresh_token"])
    refused(provider.refresh(app, first["refresh_token"]), 400, "invalid_grant")
    refused(provider.refresh(app, third["refresh_token"]), 400, "invalid_grant")
    assert not provider.active(app, third["access_token"])


@pytest.mark.promise("P3")
def test_strict_means_once(provider: Provider, ada: Browser) -> None:
    app = provider.register(refresh_grace=0)
    first = provider.tokens(app, ada)
    second = refreshed(provider, app, first["refresh_token"])
    refused(provider.refresh(app, first["refresh_token"]), 400, "invalid_grant")
    refused(provider.refresh(app, second["refresh_token"]), 400, "invalid_grant")


@pytest.mark.promise("P3")
@pytest.mark.parametrize(
    "alter",
    [lambda t: t[:-1], lambda t: t + "A", lambda t: t.swapcase(), lambda t: t[:40] + ("A" if t[40] != "A" else "B") +
     t[41:], lambda t: "rt_" + "A" * 75, lambda t: t[3:], lambda t: t + "=", lambda t: " " + t, lambda t: "é" * 78,
     lambda t: "x" * 8000, lambda t: t.replace("rt_", "RT_")],
)  # fmt: skip
def test_a_forged_token_changes_nothing(provider: Provider, app: App, ada: Browser, alter: Any) -> None:
    token = provider.tokens(app, ada)["refresh_token"]
    with provider.nothing_changes():
        refused(provider.refresh(app, alter(token)), 400, "invalid_grant")
    refreshed(provider, app, token)


@pytest.mark.spec("RFC 6749", "10.4")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_another_apps_token_is_unknown_and_stays_good(provider: Provider, app: App, ada: Browser, method: str) -> None:
    """CVE-2026-55672."""
    thief = provider.register("Thief", token_endpoint_auth_method=method)
    used = provider.tokens(app, ada)["refresh_token"]
    token = refreshed(provider, app, used)["refresh_token"]
    with provider.nothing_changes(), provider.clock.later(60):
        refused(provider.refresh(thief, token), 400, "invalid_grant")
        refused(provider.refresh(thief, used), 400, "invalid_grant")
    refreshed(provider, app, token)


@pytest.mark.spec("RFC 6749", "6")
def test_scope_narrows_for_one_answer_and_never_widens(provider: Provider, app: App, ada: Browser) -> None:
    """A bad scope costs an honest client nothing."""
    token = provider.tokens(app, ada, scope=OFFLINE)["refresh_token"]
    for scope in ("openid profile", "openid email offline_access admin", "*", 'a"b', "é"):
        with provider.nothing_changes():
            refused(provider.refresh(app, token, scope=scope), 400, "invalid_scope")
    narrow = refreshed(provider, app, token, scope="email")
    assert narrow["scope"] == "email"
    assert claims_of(narrow["access_token"])["scope"] == "email"
    assert "id_token" not in narrow
    again = refreshed(provider, app, narrow["refresh_token"])
    assert again["scope"] == OFFLINE
    assert refreshed(provider, app, again["refresh_token"], scope=OFFLINE)["scope"] == OFFLINE


@pytest.mark.spec("RFC 8707", "2.2")
def test_resource_narrows_for_one_answer_and_never_widens(provider: Provider, ada: Browser) -> None:
    app = provider.register(trusted=True)
    provider.resource("https://one.example", one_read="One")
    provider.resource("https://two.example", two_read="Two")
    provider.resource("https://three.example", three_read="Three")
    scope = "openid one:read two:read"
    app = provider.register(trusted=True, scope=f"{scope} offline_access")
    tokens = provider.tokens(app, ada, scope=scope, resource=["https://one.example", "https://two.example"])
    assert claims_of(tokens["access_token"])["aud"] == ["https://one.example", "https://two.example"]
    token = tokens["refresh_token"]
    for resource in ("https://three.example", "https://evil.example", "x"):
        with provider.nothing_changes():
            refused(provider.refresh(app, token, resource=resource), 400, "invalid_target")
    narrow = refreshed(provider, app, token, resource="https://two.example")
    claims = claims_of(narrow["access_token"])
    assert (claims["aud"], claims["scope"]) == ("https://two.example", "openid two:read")
    assert len(claims_of(refreshed(provider, app, narrow["refresh_token"])["access_token"])["aud"]) == 2


@pytest.mark.spec("OpenID Connect Core 1.0", "12.2")
def test_a_refreshed_id_token_tells_of_the_same_sign_in(provider: Provider, app: App, ada: Browser) -> None:
    """authlib.md trap 16: ``auth_time`` does not move."""
    tokens = provider.tokens(app, ada, nonce="n-0S6_WzA2Mj")
    with provider.clock.later(600):
        later = refreshed(provider, app, tokens["refresh_token"])
    old, new = claims_of(tokens["id_token"]), claims_of(later["id_token"])
    for name in ("iss", "sub", "aud", "auth_time", "sid", "acr", "amr"):
        assert new[name] == old[name]
    assert new["iat"] >= old["iat"] + 600
    assert "nonce" not in new
    assert "azp" not in new


@pytest.mark.spec("RFC 9700", "2.2.2")
def test_a_public_client_rotates_too(provider: Provider, ada: Browser) -> None:
    app = provider.register(token_endpoint_auth_method="none", grant_types=list(WITH_REFRESH))
    tokens = provider.tokens(app, ada)
    refreshed(provider, app, refreshed(provider, app, tokens["refresh_token"])["refresh_token"])


@pytest.mark.spec("ASVS", "10.4.8")
def test_idle_and_absolute_ends(alone: Provider) -> None:
    app, ada = alone.register(), alone.sign_in()
    day = 86400
    token = alone.tokens(app, ada, scope=OFFLINE)["refresh_token"]
    with alone.clock.later(30 * day + 60):
        refused(alone.refresh(app, token), 400, "invalid_grant")
    for _ in range(12):
        alone.clock.move(29 * day)
        token = refreshed(alone, app, token)["refresh_token"]
    alone.clock.move(18 * day)  # 366 days after birth, 18 after the last use
    refused(alone.refresh(app, token), 400, "invalid_grant")


@pytest.mark.promise("P6")
def test_fifty_refreshes_write_no_row(both: Provider) -> None:
    app, ada = both.register(), both.sign_in()
    token = refreshed(both, app, both.tokens(app, ada, scope=OFFLINE)["refresh_token"])["refresh_token"]
    before = both.counts()
    for _ in range(50):
        token = refreshed(both, app, token)["refresh_token"]
    assert both.counts() == before


@pytest.mark.promise("P1")
def test_every_refresh_looks_at_user_client_and_consent_again(alone: Provider) -> None:
    """CVE-2026-43983, CVE-2025-64521, CVE-2025-53942."""
    bob = alone.person("bob@example.com")
    ends = {
        "disabled": lambda app, user: alone.services.accounts.disable(user),
        "password set": lambda app, user: alone.services.accounts.set_password(alone.person(user.email), "another 9x!"),
        "app removed": lambda app, user: alone.services.consents.remove_app(user.id, app.id, origin=ORIGIN),
        "client disabled": lambda app, user: alone.services.clients.disable(app.id),
    }  # fmt: skip
    for number, (name, end) in enumerate(ends.items()):
        app, user = alone.register(f"App {number}"), alone.person(f"user{number}@example.com")
        tokens = alone.tokens(app, alone.sign_in(user), scope=OFFLINE)
        bystander = alone.tokens(alone.register("Other"), alone.sign_in(bob))
        with alone.stores.work():
            end(app, user)
        status, error = (401, "invalid_client") if name == "client disabled" else (400, "invalid_grant")
        refused(alone.refresh(app, tokens["refresh_token"]), status, error)
        assert alone.userinfo(tokens["access_token"]).status_code == 401, name
        assert alone.userinfo(bystander["access_token"]).status_code == 200, name


def test_no_other_token_is_a_refresh_token(provider: Provider, app: App, ada: Browser) -> None:
    tokens = provider.tokens(app, ada)
    for name in ("access_token", "id_token"):
        with provider.nothing_changes():
            refused(provider.refresh(app, tokens[name]), 400, "invalid_grant")
    assert API not in str(claims_of(tokens["access_token"])["aud"])


@pytest.mark.spec("ASVS", "10.4.11")
def test_a_registration_that_shrank_shrinks_the_next_answer(alone: Provider) -> None:
    app, ada = alone.register(), alone.sign_in()
    tokens = alone.tokens(app, ada, scope="openid email profile")
    with alone.stores.work():
        alone.services.clients.update(app.id, {"scope": "openid"})
    refreshed = answered(alone.refresh(app, tokens["refresh_token"]))
    assert refreshed["scope"] == "openid"
    assert set(alone.userinfo(refreshed["access_token"]).json) == {"sub"}
    with alone.stores.work():
        alone.services.clients.update(app.id, {"scope": "phone"})
    refused(alone.refresh(app, refreshed["refresh_token"]), 400, "invalid_grant")


@pytest.mark.spec("RFC 6749", "5.2")
def test_who_is_no_longer_registered_to_refresh_does_not(alone: Provider) -> None:
    app, ada = alone.register(), alone.sign_in()
    token = alone.tokens(app, ada, scope=OFFLINE)["refresh_token"]
    with alone.stores.work():
        alone.services.clients.update(app.id, {"grant_types": ["authorization_code"]})
    with alone.nothing_changes():
        refused(alone.refresh(app, token), 400, "unauthorized_client")


@pytest.mark.spec("RFC 8707", "2.2")
def test_an_api_that_has_gone_is_in_no_token(alone: Provider) -> None:
    alone.resource("https://gone.example", gone_read="See what has gone")
    app, ada = alone.register(), alone.sign_in()
    tokens = alone.tokens(app, ada, scope="openid gone:read")
    named = alone.tokens(app, ada, scope="openid gone:read", resource="https://gone.example")
    with alone.stores.work():
        alone.services.resources.delete("https://gone.example")
    refreshed = answered(alone.refresh(app, tokens["refresh_token"]))
    assert refreshed["scope"] == "openid"
    assert claims_of(refreshed["access_token"])["aud"] == alone.settings.issuer
    refused(alone.refresh(app, named["refresh_token"]), 400, "invalid_target")
