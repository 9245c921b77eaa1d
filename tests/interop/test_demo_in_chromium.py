"""The demo app in a real browser: its strict policy must not stop a sign-in, a call or a sign-out."""

from __future__ import annotations

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from idp.demo.people import GRACE
from idp.demo.places import Places

pytestmark = pytest.mark.journey


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_the_whole_round(provider: Places, page: Page) -> None:
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", note)
    page.goto(provider.app)
    press(page, "Sign in")
    page.get_by_label("Email").fill(GRACE.email)
    page.get_by_label("Password", exact=True).fill(GRACE.password)
    press(page, "Sign in")
    press(page, "Allow")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, Grace Hopper")
    for button, status in (("Call the API", "200"), ("Refresh", "200"), ("Call the API", "200")):
        press(page, button)
        expect(page.locator("#answer-status")).to_have_text(status)
    page.get_by_label("New note").fill("buy tea")
    press(page, "Save")
    expect(page.locator("#answer-body")).to_contain_text("buy tea")
    press(page, "Sign out")
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    press(page, "Sign in")
    expect(page.get_by_label("Email")).to_be_visible()  # the provider forgot the session too
    assert complaints == []
