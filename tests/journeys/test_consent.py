"""Consent under the strict policy, and the way back to the app (pages.md 10, 25, 67).

``form-action 'self'`` makes Chromium block a 303 to the app after our form, silently: what is proved
here is that the hand-off page gets out, with no violation (``profile`` checks that at the end).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from idp.demo.places import Places

from .conftest import NewProfile
from .people import Person, at_app, fill_in, new_person, press, start_at_app


def to_consent(page: Page, places: Places, person: Person) -> None:
    start_at_app(page, places)
    fill_in(page, person)
    expect(page.get_by_role("heading", level=1)).to_have_text("Allow Notebook access?")


def answered(page: Page, places: Places) -> dict[str, list[str]]:
    """What the app's address was given."""
    page.wait_for_url(f"{places.app}/callback?**")
    return parse_qs(urlsplit(page.url).query)


@contextmanager
def policies(page: Page) -> Iterator[list[str]]:
    """The form-action of each page of ours that was shown meanwhile."""
    seen: list[str] = []
    page.on("response", lambda response: seen.append(response.headers.get("content-security-policy", "")))
    yield seen


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_cancel_tells_the_app(places: Places, person: Person, profile: NewProfile, scripts: bool) -> None:
    page = profile(java_script_enabled=scripts).page
    to_consent(page, places, person)
    with policies(page) as seen:
        press(page, "Cancel")
        parameters = answered(page, places)
    assert parameters["error"] == ["access_denied"]
    assert parameters["iss"] == [places.issuer]
    assert parameters["state"][0]
    assert "code" not in parameters
    expect(page.get_by_role("heading", level=1)).to_have_text("You did not sign in")
    ours = [policy for policy in seen if "trusted-types" in policy]
    assert ours
    assert all("form-action 'self';" in policy for policy in ours)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_allow_reaches_the_app(places: Places, person: Person, profile: NewProfile, scripts: bool) -> None:
    page = profile(java_script_enabled=scripts).page
    to_consent(page, places, person)
    press(page, "Allow")
    at_app(page, places, person)


def test_enter_allows_nothing_by_accident(places: Places, person: Person, profile: NewProfile) -> None:
    page = profile().page
    to_consent(page, places, person)
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Allow Notebook access?")
    allow, cancel = (page.get_by_role("button", name=name, exact=True).bounding_box() for name in ("Allow", "Cancel"))
    assert allow
    assert cancel
    assert (allow["width"], allow["height"]) == (cancel["width"], cancel["height"])


def test_back_after_the_hand_off_is_no_trap(places: Places, person: Person, profile: NewProfile) -> None:
    """The hand-off replaces itself in the history; what lies behind explains and never bounces forward."""
    ours = profile()
    page = ours.page
    to_consent(page, places, person)
    press(page, "Allow")
    at_app(page, places, person)
    sent = list(ours.watch.posts)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Already finished")
    for _ in range(3):
        page.go_back()
        page.wait_for_load_state()
        if page.url == f"{places.app}/":
            break
        expect(page.get_by_role("heading", level=1)).to_have_text("Already finished")
    at_app(page, places, person)
    assert ours.watch.posts == sent, "nothing was sent again"


def test_reload_and_back_send_nothing_again(places: Places, person: Person, profile: NewProfile) -> None:
    ours = profile()
    page = ours.page
    start_at_app(page, places)
    page.reload()
    fill_in(page, person)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Allow Notebook access?")
    sent = list(ours.watch.posts)
    page.reload()
    expect(heading).to_have_text("Allow Notebook access?")
    page.go_back()
    expect(heading).to_have_text("Allow Notebook access?")  # signed in by now: the page leads on
    assert ours.watch.posts == sent
    assert len(sent) == 1
    press(page, "Allow")
    at_app(page, places, person)


def test_two_tabs_both_complete(places: Places, person: Person, profile: NewProfile) -> None:
    """The second tab's sign-in form has been overtaken; it is led on, not refused."""
    ours = profile()
    first, second = ours.page, ours.tab()
    start_at_app(first, places)
    start_at_app(second, places)
    assert first.url != second.url
    fill_in(first, person)
    fill_in(second, person)
    expect(second.get_by_role("heading", level=1)).to_have_text("Allow Notebook access?")
    press(first, "Allow")
    at_app(first, places, person)
    press(second, "Allow")
    at_app(second, places, person)


def test_another_account_can_take_over(places: Places, person: Person, profile: NewProfile) -> None:
    """“Not you?” asks for a sign-in and brings the request along."""
    other = new_person(places, "Omar Example")
    page = profile().page
    to_consent(page, places, person)
    page.get_by_role("link", name="Not you? Use another account").click()
    fill_in(page, other)
    expect(page.locator(".person")).to_contain_text(other.email)
    press(page, "Allow")
    at_app(page, places, other)
