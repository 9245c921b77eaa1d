"""What people do in these journeys: make an account, sign in, allow; by browser and, for a stage, by HTTP."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import count

from playwright.sync_api import Page, expect

from idp.demo.places import Places
from tests.user_agent import UserAgent

PASSWORD = "seven quiet otters juggle"
_numbers = count(1)


@dataclass(frozen=True)
class Person:
    """Somebody with an account of their own, so that no journey meets another's consents or devices."""

    email: str
    name: str
    password: str = PASSWORD


def new_person(places: Places, name: str = "Maria Example") -> Person:
    """Made through the page for it, by HTTP; the browser used is signed out again."""
    person = Person(f"person{next(_numbers)}.{os.getpid()}@example.com", name)
    with UserAgent(places.issuer) as agent:
        agent.get(f"{places.issuer}/login/new")
        page = agent.submit("Create account", Name=name, Email=person.email, Password=person.password)
        assert page.status == 200, page.text
        agent.get(f"{places.issuer}/account/sign-out")
        assert agent.submit("Sign out").status == 200
    return person


def fill_in(page: Page, person: Person, password: str | None = None) -> None:
    """The sign-in form, sent."""
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password", exact=True).fill(password or person.password)
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()


def start_at_app(page: Page, places: Places) -> None:
    """From the app's start page to the provider."""
    page.goto(places.app)
    page.get_by_role("button", name="Sign in").click()


def sign_in_at_app(page: Page, places: Places, person: Person) -> None:
    """All the way: the app's start page, the provider, back at the app."""
    start_at_app(page, places)
    fill_in(page, person)
    press(page, "Allow")
    at_app(page, places, person)


def at_app(page: Page, places: Places, person: Person) -> None:
    """The app knows who this is."""
    page.wait_for_url(f"{places.app}/")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello, {person.name}")


def open_devices(page: Page, places: Places, person: Person) -> None:
    """Sign in to the list of devices."""
    page.goto(f"{places.issuer}/account/sessions")
    fill_in(page, person)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your devices")


def press(page: Page, name: str) -> None:
    """A button by its whole name."""
    page.get_by_role("button", name=name, exact=True).click()


def answer(page: Page, button: str) -> tuple[str, str]:
    """Press a button of the app and read what its server was told: status and reason."""
    press(page, button)
    page.wait_for_load_state()
    reason = page.locator("#answer-reason")
    return page.locator("#answer-status").inner_text(), reason.inner_text() if reason.count() else ""
