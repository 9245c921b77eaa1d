"""Which authentication is asked for, and how the page should be: acr, create, display, locales, hints.

OpenID Connect Core 3.1.2.1 and 5.5.1.1, RFC 9470 section 5, Initiating User Registration 1.0.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..provider import App, Browser, Provider, answered, claims_of, running, sent_back

ESSENTIAL = json.dumps({"id_token": {"acr": {"essential": True, "values": ["aal2"]}}})
VOLUNTARY = json.dumps({"id_token": {"acr": {"values": ["aal2"]}}})
API = "https://steps.example"


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    provider.resource(API, steps_read="Count your steps")
    return provider.register(trusted=True)


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


# ── acr ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("OpenID Connect Core 1.0", "5.5.1.1")
@pytest.mark.parametrize("asked", [
    {"acr_values": "aal2 aal3"}, {"claims": VOLUNTARY}, {"acr_values": "aal1"}, {"acr_values": "aal2 aal1"},
])  # fmt: skip
def test_a_wish_is_answered_with_what_there_is(provider: Provider, app: App, ada: Browser, asked: Any) -> None:
    assert claims_of(provider.tokens(app, ada, **asked)["id_token"])["acr"] == "aal1"


@pytest.mark.spec("RFC 9470", "5")
@pytest.mark.parametrize("asked", [
    {"claims": ESSENTIAL}, {"acr_values": "aal2", "resource": API, "scope": "openid steps:read"},
    {"acr_values": "aal2 aal3", "scope": "steps:read"},
])  # fmt: skip
def test_a_demand_that_cannot_be_met_is_refused(provider: Provider, app: App, ada: Browser, asked: Any) -> None:
    """Section 5: for the token of an API "consider the requested acr value as necessary"."""
    sent_back(provider.authorize(app, ada, **asked), "unmet_authentication_requirements")
    sent_back(provider.authorize(app, None, **asked), "unmet_authentication_requirements")


@pytest.mark.spec("RFC 9470", "6.2")
def test_a_demand_that_can_be_met_stands_in_the_token_and_its_introspection(
    provider: Provider, app: App, ada: Browser
) -> None:
    asked = {"acr_values": "aal2 aal1", "resource": API, "scope": "openid steps:read", "max_age": 3600}
    token = provider.tokens(app, ada, **asked)["access_token"]
    found = answered(provider.introspect(app, token))
    assert (found["acr"], claims_of(token)["acr"]) == ("aal1", "aal1")
    assert found["auth_time"] == claims_of(token)["auth_time"] <= found["iat"]


@pytest.mark.spec("RFC 9470", "5")
def test_a_stale_sign_in_is_renewed_for_an_api(provider: Provider, app: App, ada: Browser) -> None:
    with provider.clock.later(120):
        response = provider.authorize(app, ada, scope="steps:read", resource=API, max_age=60)
        assert response.headers["Location"].startswith("/login?interaction=")
        sent_back(provider.authorize(app, ada, scope="steps:read", max_age=60, prompt="none"), "login_required")


@pytest.mark.spec("OpenID Connect Dynamic Client Registration 1.0", "2")
def test_a_standing_wish_is_a_wish(provider: Provider, ada: Browser) -> None:
    app = provider.register(trusted=True, default_acr_values=["aal2"])
    assert claims_of(provider.tokens(app, ada)["id_token"])["acr"] == "aal1"


# ── create ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("Initiating User Registration via OpenID Connect 1.0", "4")
@pytest.mark.parametrize("prompt", ["create", "create consent", "login create"])
def test_the_page_for_a_new_account_comes_first(provider: Provider, app: App, ada: Browser, prompt: str) -> None:
    for browser in (None, ada):
        response = provider.authorize(app, browser, prompt=prompt, login_hint="new@example.com")
        location = response.headers["Location"]
        assert location.startswith("/login/new?interaction="), "also for somebody who is signed in"
        page = provider.visit(browser, location).text
        assert 'value="new@example.com"' in page
        assert "Sign in" in page, "whoever has an account already"


@pytest.mark.spec("Initiating User Registration via OpenID Connect 1.0", "4")
def test_create_with_none_is_refused(provider: Provider, app: App) -> None:
    sent_back(provider.authorize(app, prompt="none create"), "invalid_request")


def test_where_nobody_may_register_create_is_unknown(database: str) -> None:
    with running(database, user_registration=False) as closed:
        sent_back(closed.authorize(closed.register(), prompt="create"), "invalid_request")
        found = answered(closed.get("/.well-known/openid-configuration"))
        assert found["prompt_values_supported"] == ["none", "login", "consent", "select_account"]


@pytest.mark.spec("Initiating User Registration via OpenID Connect 1.0", "3")
def test_discovery_names_create(provider: Provider) -> None:
    found = answered(provider.get("/.well-known/openid-configuration"))
    assert found["prompt_values_supported"] == ["none", "login", "consent", "select_account", "create"]
    assert found["display_values_supported"] == ["page", "popup", "touch", "wap"]


# ── display, locales, hints ───────────────────────────────────────────────────────────────────────


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.parametrize(("display", "small"), [
    (None, False), ("page", False), ("touch", False), ("wap", False), ("popup", True), ("hologram", False),
])  # fmt: skip
def test_the_page_is_as_it_should_be_displayed(
    provider: Provider, app: App, display: str | None, small: bool
) -> None:  # fmt: skip
    location = provider.authorize(app, display=display).headers["Location"]
    page = provider.visit(None, location)
    assert page.status_code == 200
    assert ("popup" in page.text.partition("<body")[2].partition(">")[0]) is small


@pytest.mark.spec("OpenID Connect Core 1.0", "5.2")
def test_claims_come_in_the_language_that_the_client_prefers(provider: Provider, app: App) -> None:
    user = provider.person("hanako@example.com")
    names = {"family_name": "Yamada", "family_name#ja-Hani-JP": "\u5c71\u7530", "family_name#fr": "Yamadat"}
    with provider.stores.work():
        provider.services.profiles.change(user, names, by="operator")
    browser = provider.sign_in(user)
    wanted = json.dumps({"id_token": {"family_name": None, "family_name#fr": None}})
    tokens = provider.tokens(app, browser, scope="openid profile", claims_locales="de ja-Hani-JP fr", claims=wanted)
    found = answered(provider.userinfo(tokens["access_token"]))
    assert (found["family_name"], found["family_name#ja-Hani-JP"]) == ("Yamada", "\u5c71\u7530")
    assert "family_name#fr" not in found
    assert claims_of(tokens["id_token"])["family_name#fr"] == "Yamadat"
    plain = provider.tokens(app, browser, scope="openid profile")["access_token"]
    assert not [name for name in answered(provider.userinfo(plain)) if "#" in name]


@pytest.mark.spec("OpenID Connect Core 1.0", "5.2")
def test_a_claim_in_a_language_needs_the_scope_too(provider: Provider, ada: Browser) -> None:
    """ASVS 10.4.11: a tag is no way around what the client may ask for."""
    app = provider.register(trusted=True, scope="openid")
    user = provider.person("tagged@example.com")
    with provider.stores.work():
        provider.services.profiles.change(user, {"family_name#fr": "Yamadat"}, by="operator")
    wanted = json.dumps({"id_token": {"family_name#fr": None}, "userinfo": {"family_name#fr": None}})
    tokens = provider.tokens(app, provider.sign_in(user), claims=wanted)
    assert "family_name#fr" not in claims_of(tokens["id_token"])
    assert "family_name#fr" not in answered(provider.userinfo(tokens["access_token"]))


@pytest.mark.parametrize("asked", [
    {"ui_locales": "xx-YY de-CH-1996 \u00fc"}, {"claims_locales": "!!"}, {"claims_locales": "en " * 50},
])  # fmt: skip
def test_languages_that_nobody_speaks_are_no_mistake(provider: Provider, app: App, ada: Browser, asked: Any) -> None:
    """Core 3.1.2.1: an error SHOULD NOT result if some or all of the requested locales are not supported."""
    assert provider.code(app, ada, **asked)
