"""Authlib's Flask client: the demo app, driven by a scripted browser, with its protected API."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from idp.demo.people import ADA, GRACE
from idp.demo.places import Places
from tests.user_agent import Page, UserAgent

from .conftest import sign_in_and_allow


@pytest.fixture
def person(provider: Places) -> Iterator[UserAgent]:
    with UserAgent(provider.issuer, provider.app) as agent:
        yield agent


def sign_in(person: UserAgent, provider: Places) -> Page:
    person.get(provider.app)
    person.submit("Sign in")
    page = sign_in_and_allow(person)
    assert page.url.startswith(provider.app), page.text
    return page


def status(page: Page) -> str | None:
    return next((e.get("data-status") for e in page.root.all("section") if e.get("id") == "answer"), None)


def test_sign_in_shows_every_standard_claim(person: UserAgent, provider: Places) -> None:
    page = sign_in(person, provider)
    assert "Hello, Ada Lovelace" in page.headings
    names = {element.text for element in page.root.all("th")}
    assert {*ADA.claims, "sub", "email", "email_verified", "updated_at", "sid", "auth_time"} <= names


def test_call_write_and_refresh(person: UserAgent, provider: Places) -> None:
    sign_in(person, provider)
    assert status(person.submit("Call the API")) == "200"
    assert status(person.submit("Save", {"New note": "<b>buy tea</b>"})) == "201"
    assert "<b>buy tea</b>" in person.page.text
    for _ in range(3):
        assert status(person.submit("Refresh")) == "200"
    page = person.submit("Call the API")
    assert status(page) == "200"
    assert "refreshed 3 times" in page.text


def test_cancel_comes_back_as_a_sentence(person: UserAgent, provider: Places) -> None:
    person.get(provider.app)
    person.submit("Sign in")
    person.submit("Sign in", Email=GRACE.email, Password=GRACE.password)
    page = person.submit("Cancel")
    assert (page.status, page.headings) == (400, ["You did not sign in"])


def test_sign_out_signs_out_at_the_provider_too(person: UserAgent, provider: Places) -> None:
    sign_in(person, provider)
    page = person.submit("Sign out")
    if page.url.startswith(provider.issuer):  # the provider may ask first
        page = person.submit("Sign out")
    assert page.url.startswith(provider.app), page.text
    assert "You are signed out." in page.text
    assert "Email" in person.submit("Sign in").text  # the password is asked for again


def test_an_ended_session_is_refused_at_once(person: UserAgent, provider: Places) -> None:
    """The main promise: the JWT has not expired, its session was ended from another browser."""
    sign_in(person, provider)
    assert status(person.submit("Call the API")) == "200"
    with UserAgent(provider.issuer) as other:
        other.get(f"{provider.issuer}/account/sessions")
        other.submit("Sign in", Email=ADA.email, Password=ADA.password)
        other.get(f"{provider.issuer}/account/sessions")
        for _ in ("the list", "the question"):
            other.submit(next(b for b in other.page.buttons if b.startswith("Sign out of the") and "other" in b))
        assert "Signed out of your other devices" in other.page.text
    page, until = person.submit("Call the API"), time.monotonic() + 10
    while status(page) == "200" and time.monotonic() < until:  # the API hears of it within its bound
        page = person.submit("Call the API")
    assert status(page) == "401"
    assert "invalid_token" in page.text
    assert status(person.submit("Refresh")) == "400"
    assert "invalid_grant" in person.page.text
