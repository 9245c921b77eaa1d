"""The main job, as a person sees it: sign in, call, end it elsewhere, and the next call is refused."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from idp.demo.places import Places

from .browsers import IPHONE
from .conftest import NewProfile
from .people import Person, answer, at_app, fill_in, open_devices, press, sign_in_at_app, start_at_app


def access_claims(page: Page) -> dict[str, Any]:
    """What the app shows of its access token."""
    rows = page.get_by_role("table", name=re.compile("What the access token says")).locator("tr")
    return {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows.all()}


def signed_out_by_back_channel(page: Page) -> None:
    """The app is told within seconds, and shows it when it is looked at."""
    end = time.monotonic() + 60
    heading = page.get_by_role("heading", level=1)
    while heading.inner_text() != "You have been signed out":
        assert time.monotonic() < end
        page.reload()


@pytest.mark.promise("P1")
def test_a_session_ended_elsewhere_is_refused_at_the_next_call(
    places: Places, person: Person, profile: NewProfile
) -> None:
    laptop, phone = profile(), profile(user_agent=IPHONE)
    start_at_app(laptop.page, places)
    expect(laptop.page.locator(".lead")).to_have_text("to continue to Notebook")
    fill_in(laptop.page, person)
    expect(laptop.page.get_by_role("heading", level=1)).to_have_text("Allow Notebook access?")
    press(laptop.page, "Allow")
    at_app(laptop.page, places, person)
    expect(laptop.page.locator("table").first).to_contain_text(person.email)
    assert answer(laptop.page, "Call the API") == ("200", "")
    assert answer(laptop.page, "Refresh") == ("200", "")
    assert answer(laptop.page, "Call the API") == ("200", "")
    token = access_claims(laptop.page)

    watching = laptop.tab()
    watching.goto(f"{places.issuer}/account/sessions")
    open_devices(phone.page, places, person)
    cards = phone.page.get_by_role("article")
    expect(cards).to_have_count(2)
    expect(cards.first).to_contain_text("This device")
    expect(cards.first).to_contain_text("Safari on iOS")
    expect(cards.last).to_contain_text("Used by Notebook")
    press(phone.page, "Sign out Chrome on Linux")
    expect(phone.page.get_by_role("status")).to_contain_text("Signed out of Chrome on Linux.")
    expect(cards).to_have_count(1)

    status, reason = answer(laptop.page, "Call the API")
    assert status == "401"
    assert "invalid_token" in reason
    unexpired = access_claims(laptop.page)
    assert unexpired == token, "the very same token"
    assert json.loads(unexpired["exp"]) > time.time() + 60, "which has not expired"
    status, reason = answer(laptop.page, "Refresh")
    assert (status, reason) == ("400", "invalid_grant")

    signed_out_by_back_channel(laptop.page)
    assert person.email not in laptop.page.content()
    phone.page.goto(f"{places.issuer}/account/sessions")
    phone.page.locator("summary", has_text="Signed out in the last 28 days").click()
    expect(phone.page.locator(".past")).to_contain_text("Told: Notebook")

    watching.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(watching.get_by_role("heading", level=1)).to_have_text("You have been signed out on another device")
    assert person.email not in watching.content()
    watching.reload()
    expect(watching.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_signing_out_in_the_app_signs_out_here(places: Places, person: Person, profile: NewProfile) -> None:
    """RP-initiated, with a valid hint for this very session: no question."""
    page = profile().page
    sign_in_at_app(page, places, person)
    press(page, "Sign out")
    page.wait_for_url(re.compile(re.escape(f"{places.app}/?left=1")))
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    page.goto(f"{places.issuer}/account/sessions")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_second_sign_in_asks_nothing_again(places: Places, person: Person, profile: NewProfile) -> None:
    """Another app visit in a browser that is signed in and has allowed: straight there and back."""
    ours = profile()
    sign_in_at_app(ours.page, places, person)
    ours.context.clear_cookies(name="notebook")
    start_at_app(ours.page, places)
    at_app(ours.page, places, person)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_without_a_hint_the_person_is_asked(
    places: Places, person: Person, profile: NewProfile, scripts: bool
) -> None:  # fmt: skip
    """A link alone signs nobody out; the answer leaves for the app through the hand-off page."""
    ours = profile(java_script_enabled=scripts)
    page, question = ours.page, "Do you want to sign out of idp?"
    open_devices(page, places, person)
    query = urlencode({"client_id": "demo-app", "post_logout_redirect_uri": places.signed_out, "state": "kept"})
    page.goto(f"{places.issuer}/logout?{query}")
    expect(page.get_by_role("heading", level=1)).to_have_text(question)
    expect(page.locator(".person")).to_contain_text(person.email)
    press(page, "Stay signed in")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account")
    page.goto(f"{places.issuer}/logout?{query}")
    ours.context.route(f"{places.app}/**", lambda route: route.fulfill(body="<title>the app</title>"))
    press(page, "Sign out")
    page.wait_for_url(f"{places.signed_out}?state=kept")
    page.goto(f"{places.issuer}/account")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
