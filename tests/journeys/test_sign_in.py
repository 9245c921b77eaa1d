"""Signing in when something is not right: passwords, time, other tabs (pages.md 5, 6, 10, 11, 60)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from idp.demo.places import Places

from .conftest import NewProfile
from .database import let_expire
from .people import Person, at_app, fill_in, open_devices, press, start_at_app

REFUSED = "The email address or the password is not right. Check both and try again."


def wrong(page: Page, person: Person) -> int:
    with page.expect_response(lambda response: response.request.method == "POST") as caught:
        fill_in(page, person, "not the password")
    page.wait_for_load_state()
    return caught.value.status


def test_wrong_password_five_times_then_the_right_one(places: Places, person: Person, profile: NewProfile) -> None:
    page = profile().page
    start_at_app(page, places)
    for _ in range(5):
        assert wrong(page, person) == 422
        assert page.title().startswith("Error: ")
        expect(page.get_by_role("alert")).to_contain_text(REFUSED)
        assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
        expect(page.get_by_label("Email")).to_have_value(person.email)
        expect(page.get_by_label("Password", exact=True)).to_have_value("")
    fill_in(page, person)
    press(page, "Allow")
    at_app(page, places, person)


def test_too_many_attempts_say_when_to_come_back(places: Places, person: Person, profile: NewProfile) -> None:
    elsewhere, stranger = profile(), profile()
    open_devices(elsewhere.page, places, person)
    page = stranger.page
    page.goto(f"{places.issuer}/login")
    assert [wrong(page, person) for _ in range(10)] == [422] * 10
    assert wrong(page, person) == 429
    expect(page.get_by_role("alert")).to_contain_text("Too many attempts. Try again in ")
    elsewhere.page.reload()
    expect(elsewhere.page.get_by_role("heading", level=1)).to_have_text("Your devices")
    elsewhere.page.goto(f"{places.issuer}/account/sign-out")
    elsewhere.page.locator("main").get_by_role("button", name="Sign out").click()
    expect(elsewhere.page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    open_devices(elsewhere.page, places, person)  # a stranger's guesses lock nobody out of a known browser


def test_a_request_that_waited_too_long_leads_back_to_its_app(
    places: Places, person: Person, profile: NewProfile
) -> None:
    page = profile().page
    start_at_app(page, places)
    let_expire(places.data_dir, parse_qs(urlsplit(page.url).query)["interaction"][0])
    fill_in(page, person)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("This sign-in took too long")
    answer = page.goto(page.url)
    assert answer is not None
    assert answer.status == 410
    page.get_by_role("link", name="Go back to Notebook").click()
    page.wait_for_url(f"{places.app}/")
    start_at_app(page, places)
    fill_in(page, person)
    press(page, "Allow")
    at_app(page, places, person)


def test_a_password_can_be_looked_at_and_leaves_hidden(places: Places, person: Person, profile: NewProfile) -> None:
    page = profile().page
    page.goto(f"{places.issuer}/login")
    field = page.get_by_label("Password", exact=True)
    field.fill(person.password)
    expect(field).to_have_attribute("type", "password")
    press(page, "Show password")
    expect(field).to_have_attribute("type", "text")
    press(page, "Hide password")
    expect(field).to_have_attribute("type", "password")


def test_back_after_a_refused_password_sends_nothing_again(places: Places, person: Person, profile: NewProfile) -> None:
    """A form answered with 422 must not stay in the history as a page made by a POST."""
    ours = profile()
    page = ours.page
    start_at_app(page, places)
    assert wrong(page, person) == 422
    fill_in(page, person)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Allow Notebook access?")
    sent = list(ours.watch.posts)
    page.go_back()
    expect(heading).to_have_text("Allow Notebook access?")
    assert ours.watch.posts == sent


def test_a_new_account_goes_on_to_the_app(places: Places, profile: NewProfile) -> None:
    ours = profile()
    page = ours.page
    start_at_app(page, places)
    page.get_by_role("link", name="Create account").click()
    press(page, "Create account")
    expect(page.get_by_role("alert")).to_contain_text("Enter your email address.")
    newcomer = Person(f"new.{places.app[-5:]}.{id(page)}@example.com", "Noor Example")
    page.get_by_label("Name (optional)").fill(newcomer.name)
    page.get_by_label("Email").fill(newcomer.email)
    page.get_by_label("Password", exact=True).fill(newcomer.password)
    press(page, "Create account")
    press(page, "Allow")
    at_app(page, places, newcomer)
