"""Cookies and the tokens of forms (security.md F)."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import pytest
from werkzeug.test import TestResponse

from .provider import PASSWORD, Browser, Provider, alone, database, provider, running, seeded

__all__ = ["alone", "database", "provider", "seeded"]

SESSION = "__Host-idp-session"


def token_of(response: TestResponse) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', response.text)
    assert found, response.text[:500]
    return found[1]


def sign_in(provider: Provider, browser: Browser, **more: str) -> TestResponse:
    token = token_of(provider.visit(browser, "/login"))
    form = {"csrf_token": token, "email": "ada@example.com", "password": PASSWORD, **more}
    return provider.visit(browser, "/login", method="POST", data=form)


def cookies(response: TestResponse) -> dict[str, SimpleCookie]:
    return {next(iter(SimpleCookie(line))): SimpleCookie(line) for line in response.headers.getlist("Set-Cookie")}


def signed_in(provider: Provider, cookie: str) -> bool:
    response = provider.http.get("/account/sessions", base_url=provider.base, headers={"Cookie": cookie})
    return response.status_code == 200


@pytest.mark.spec("ASVS", "3.3")
def test_what_a_sign_in_sets(provider: Provider) -> None:
    response = sign_in(provider, provider.browser())
    assert response.status_code == 303
    made = cookies(response)
    for name in (SESSION, "__Host-idp-device"):
        morsel = made[name][name]
        assert re.fullmatch(r"[\w-]{43}", morsel.value), "256 bits"
        assert (morsel["secure"], morsel["httponly"], morsel["samesite"]) == (True, True, "Lax")
        assert (morsel["path"], morsel["domain"]) == ("/", "")
    assert made[SESSION][SESSION]["max-age"] == "", "until the browser closes, unless asked to remember"
    assert made["__Host-idp-visit"]["__Host-idp-visit"]["max-age"] == "0"


def test_to_be_remembered_is_a_choice(provider: Provider) -> None:
    made = cookies(sign_in(provider, provider.browser(), remember="y"))
    assert int(made[SESSION][SESSION]["max-age"]) == provider.settings.session_remember_life


def test_on_loopback_over_http_the_names_have_no_prefix(database: str) -> None:
    with running(database, issuer="http://localhost:8000") as provider:
        made = cookies(sign_in(provider, provider.browser()))
        assert {"idp-session", "idp-device"} <= set(made)
        assert not made["idp-session"]["idp-session"]["secure"]
        assert made["idp-session"]["idp-session"]["httponly"]


@pytest.mark.promise("P8")
@pytest.mark.spec("ASVS", "7.2.1")
def test_an_altered_cookie_is_none_and_no_error(provider: Provider) -> None:
    ada = provider.sign_in()
    cookie = ada.http.get_cookie(SESSION, domain="id.example")
    assert cookie
    good = cookie.value
    assert signed_in(provider, f"{SESSION}={good}")
    flipped = ("A" if good[0] != "A" else "B") + good[1:]
    for bad in (flipped, good[:-1], good + "A", good.swapcase(), f'"{good}"x', "é", "%00", "", " ", "x" * 5000):
        response = provider.http.get(
            "/account/sessions", base_url=provider.base, headers={"Cookie": f"{SESSION}={bad}"}
        )  # fmt: skip
        assert response.status_code in (302, 303), bad


def test_two_cookies_of_one_name_are_none(provider: Provider) -> None:
    """CVE-2023-23934: a sibling domain tosses a second one at us."""
    ada, bob = provider.sign_in(), provider.sign_in(provider.person("bob@example.com"))
    one, two = (browser.http.get_cookie(SESSION, domain="id.example") for browser in (ada, bob))
    assert one
    assert two
    assert not signed_in(provider, f"{SESSION}={one.value}; {SESSION}={two.value}")
    assert not signed_in(provider, f"={SESSION}={one.value}")
    assert not signed_in(provider, f"idp-session={one.value}")


@pytest.mark.spec("ASVS", "3.5.1")
def test_a_form_of_somebody_elses_browser_signs_nobody_in(provider: Provider) -> None:
    """Login CSRF (RFC 6819 4.4.1.8)."""
    theirs = token_of(provider.visit(provider.browser(), "/login"))
    form = {"email": "ada@example.com", "password": PASSWORD}
    for token in (theirs, "", "x", "é", "A" * 43):
        victim = provider.browser()
        provider.visit(victim, "/login")
        response = provider.visit(victim, "/login", method="POST", data={**form, "csrf_token": token})
        assert response.status_code == 403, token
        assert SESSION not in cookies(response)
    bare = provider.visit(provider.browser(), "/login", method="POST", data={**form, "csrf_token": theirs})
    assert bare.status_code == 403


def test_a_token_from_before_the_sign_in_is_worthless_after(provider: Provider) -> None:
    """security.md section 6, trap 15."""
    browser = provider.browser()
    before = token_of(provider.visit(browser, "/login"))
    sign_in(provider, browser)
    form = {"csrf_token": before, "decision": "sign_out"}
    response = provider.visit(browser, "/account/sign-out", method="POST", data=form)
    assert response.status_code == 403
    assert provider.visit(browser, "/account/sessions").status_code == 200


@pytest.mark.spec("ASVS", "7.4.1")
def test_signing_out_expires_the_cookie_and_kills_it(provider: Provider) -> None:
    browser = provider.browser()
    sign_in(provider, browser)
    cookie = browser.http.get_cookie(SESSION, domain="id.example")
    assert cookie
    form = {"csrf_token": token_of(provider.visit(browser, "/account/sign-out")), "decision": "sign_out"}
    response = provider.visit(browser, "/account/sign-out", method="POST", data=form)
    assert response.status_code == 303
    assert cookies(response)[SESSION][SESSION]["max-age"] == "0"
    assert browser.http.get_cookie("__Host-idp-device", domain="id.example"), "the device stays known"
    assert not signed_in(provider, f"{SESSION}={cookie.value}")
