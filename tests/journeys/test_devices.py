"""The list of devices: ending, seeing it, proving who one is, and doing it all without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from idp.demo.places import Places
from tests.user_agent import UserAgent

from .browsers import FIREFOX, IPHONE
from .conftest import NewProfile
from .people import Person, answer, fill_in, open_devices, press, sign_in_at_app

LOOK = "document.dispatchEvent(new Event('visibilitychange'))"


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def elsewhere(places: Places, person: Person, user_agent: str) -> UserAgent:
    """One more device of this person."""
    agent = UserAgent(places.issuer)
    agent.session.headers["User-Agent"] = user_agent
    agent.get(f"{places.issuer}/login")
    agent.submit("Sign in", Email=person.email, Password=person.password)
    assert "Your devices" in agent.page.text
    return agent


def test_the_list_follows_what_happens_elsewhere(places: Places, person: Person, profile: NewProfile) -> None:
    """A device that signs in appears, one that ends is greyed in its place; nothing else moves."""
    page = profile().page
    open_devices(page, places, person)
    firefox = elsewhere(places, person, FIREFOX)
    page.evaluate(LOOK)
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_text("The list of devices has changed.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out of the other device")).to_be_visible()
    page.locator("summary").first.focus()
    firefox.get(f"{places.issuer}/account/sign-out")
    firefox.submit("Sign out")
    page.evaluate(LOOK)
    gone = page.get_by_role("article").last
    expect(gone).to_contain_text("Signed out")
    expect(gone.locator("button")).to_be_hidden()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    expect(page.locator("[data-all] button")).to_have_count(0)


def test_a_list_that_has_not_changed_costs_no_body(places: Places, person: Person, profile: NewProfile) -> None:
    page = profile().page
    open_devices(page, places, person)
    statuses = []
    for _ in range(3):
        with page.expect_response(f"{places.issuer}/account/sessions") as caught:
            page.evaluate(LOOK)
        statuses.append(caught.value.status)
    assert statuses == [200, 304, 304]


def test_one_device_ended_from_the_other(places: Places, person: Person, profile: NewProfile) -> None:
    here, there = profile(), profile(user_agent=IPHONE)
    open_devices(there.page, places, person)
    open_devices(here.page, places, person)
    press(here.page, "Sign out Safari on iOS")
    expect(here.page.get_by_role("status")).to_contain_text("Signed out of Safari on iOS.")
    here.page.locator("summary", has_text="Signed out in the last 28 days").click()
    expect(here.page.locator(".past")).to_contain_text("by you, from the list of devices")
    there.page.evaluate(LOOK)
    heading(there.page, "You have been signed out on another device")
    expect(there.page.locator("body")).not_to_contain_text("Safari")
    there.page.get_by_role("link", name="Sign in").click()
    heading(there.page, "Sign in")


def test_everywhere_is_everywhere(places: Places, person: Person, profile: NewProfile) -> None:
    app, phone = profile(), profile(user_agent=IPHONE)
    sign_in_at_app(app.page, places, person)
    assert answer(app.page, "Call the API")[0] == "200"
    open_devices(phone.page, places, person)
    press(phone.page, "Sign out everywhere, here too")
    heading(phone.page, "Sign out everywhere, here too?")
    expect(phone.page.locator(".ending li")).to_have_count(2)
    press(phone.page, "Sign out everywhere")
    heading(phone.page, "You are signed out everywhere")
    assert answer(app.page, "Call the API")[0] == "401"
    assert answer(app.page, "Refresh") == ("400", "invalid_grant")
    app.page.goto(f"{places.issuer}/account")
    heading(app.page, "Sign in")
    phone.page.goto(f"{places.issuer}/account")
    heading(phone.page, "Sign in")


def test_another_tab_learns_of_the_sign_out_at_once(places: Places, person: Person, profile: NewProfile) -> None:
    ours = profile()
    open_devices(ours.page, places, person)
    devices, account = ours.tab(), ours.tab()
    devices.goto(f"{places.issuer}/account/sessions")
    account.goto(f"{places.issuer}/account")
    press(ours.page, "Sign out of this device")
    heading(ours.page, "You are signed out")
    heading(devices, "You have been signed out on another device")
    heading(account, "Sign in")


def test_back_after_sign_out_shows_no_data(places: Places, person: Person, profile: NewProfile) -> None:
    page = profile().page
    open_devices(page, places, person)
    page.goto(f"{places.issuer}/account")
    expect(page.locator(".person")).to_contain_text(person.email)
    page.locator("header").get_by_role("button", name="Sign out").click()
    heading(page, "You are signed out")
    for _ in range(2):
        page.go_back()
        heading(page, "Sign in")
        assert person.email not in page.content()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_fresh_proof_leads_back_to_the_action(
    places: Places, person: Person, profile: NewProfile, scripts: bool
) -> None:
    """Asked for by address here; that a stale session is asked is proved where time can be turned."""
    page = profile(java_script_enabled=scripts).page
    open_devices(page, places, person)
    elsewhere(places, person, FIREFOX)
    page.goto(f"{places.issuer}/account/prove?to=end-others")
    heading(page, "Is it you?")
    page.get_by_label("Password", exact=True).fill("not it")
    press(page, "Continue")
    expect(page.get_by_role("alert")).to_contain_text("This is not your password. Try again.")
    page.get_by_label("Password", exact=True).fill(person.password)
    press(page, "Continue")
    heading(page, "Sign out of your other devices?")
    press(page, "Sign out of the other device")
    expect(page.get_by_role("status")).to_contain_text("Signed out of your other devices.")


def test_everything_works_without_scripts(places: Places, person: Person, profile: NewProfile) -> None:
    page = profile(java_script_enabled=False).page
    open_devices(page, places, person)
    elsewhere(places, person, IPHONE)
    page.reload()
    phone = page.get_by_role("article").last
    expect(phone).to_contain_text("Active now")
    phone.locator("summary").click()
    expect(phone.locator("dl")).to_contain_text("UTC")
    press(page, "Sign out Safari on iOS")
    expect(page.get_by_role("status")).to_contain_text("Signed out of Safari on iOS.")
    expect(page.get_by_role("article")).to_have_count(1)
    page.locator("header").get_by_role("button", name="Sign out").click()
    heading(page, "You are signed out")


def test_a_stale_tab_is_told_and_led_on(places: Places, person: Person, profile: NewProfile) -> None:
    """Another tab has renewed the sign-in: the old form's token is worthless, and nothing is lost."""
    ours = profile()
    open_devices(ours.page, places, person)
    elsewhere(places, person, FIREFOX)
    ours.page.reload()
    other = ours.tab()
    other.goto(f"{places.issuer}/account/prove")
    other.get_by_label("Password", exact=True).fill(person.password)
    press(other, "Continue")
    heading(other, "Your devices")
    press(ours.page, "Sign out Firefox on Linux")
    heading(ours.page, "This page is out of date")
    ours.page.get_by_role("link", name="Load the page again").click()
    heading(ours.page, "Sign out Firefox on Linux?")
    press(ours.page, "Sign out Firefox on Linux")
    expect(ours.page.get_by_role("status")).to_contain_text("Signed out of Firefox on Linux.")


def test_an_app_loses_its_access(places: Places, person: Person, profile: NewProfile) -> None:
    app = profile()
    sign_in_at_app(app.page, places, person)
    page = app.tab()
    page.goto(f"{places.issuer}/account/apps")
    expect(page.get_by_role("article")).to_contain_text("Read your notes")
    page.get_by_role("button", name="Remove access of Notebook").click()
    heading(page, "Remove access of Notebook?")
    press(page, "Remove access")
    expect(page.get_by_role("status")).to_contain_text("Access removed.")
    assert answer(app.page, "Call the API")[0] == "401"
    assert answer(app.page, "Refresh") == ("400", "invalid_grant")
    page.goto(f"{places.issuer}/account")
    heading(page, "Your account")  # the person stays signed in


def test_signing_in_again_leads_to_the_page_that_was_asked_for(
    places: Places, person: Person, profile: NewProfile
) -> None:
    page = profile().page
    page.goto(f"{places.issuer}/account/apps")
    fill_in(page, person)
    heading(page, "Apps with access")
