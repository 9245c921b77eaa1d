"""Answers in a real browser: a posted one arrives with scripts and without, also after forms of ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from playwright.sync_api import Page

from ..journeys.browsers import CHROMIUM, chromium
from ..local_sites import Asked, site
from ..provider import PASSWORD, App, Provider, answered

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: no answer was posted by a real browser"),
]


@dataclass
class Client:
    """An app's own server; what was posted to it is kept."""

    uri: str = ""
    posted: list[dict[str, list[str]]] = field(default_factory=list)


@pytest.fixture
def client() -> Iterator[Client]:
    found = Client()

    def answer(asked: Asked) -> dict[str, str] | bytes:
        """Sends the browser on, as apps do: the page that posted must not forbid it."""
        if asked.method == "GET":
            return b"<h1>Welcome</h1>"
        found.posted.append(parse_qs(asked.body.decode()))
        return {"Location": "/signed-in"}

    with site(answer) as port:
        found.uri = f"http://127.0.0.1:{port}/callback"
        yield found


def ask(page: Page, provider: Provider, app: App, **changes: Any) -> None:
    query = urlencode(provider.request(app, response_mode="form_post", state="a b&<c>", **changes))
    page.goto(f"{provider.settings.issuer}/authorize?{query}")


@pytest.mark.spec("OAuth 2.0 Form Post Response Mode", "2")
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_posted_answer_arrives(served: Provider, client: Client, scripts: bool) -> None:
    """pages.md 67: after sign-in and consent, which are forms of ours, and again without any."""
    served.person()
    app = served.register(redirect_uris=[client.uri])
    with chromium() as browser:
        page = browser.new_context(java_script_enabled=scripts).new_page()
        ask(page, served, app)
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("button", name="Allow", exact=True).click()
        for _ in range(2):
            if not scripts:
                page.get_by_role("button", name="Continue to").click()
            page.wait_for_url("**/signed-in", timeout=30_000)
            assert page.inner_text("h1") == "Welcome"
            answer = client.posted.pop()
            assert answer["state"] == ["a b&<c>"]
            assert answer["iss"] == [served.settings.issuer]
            assert answered(served.redeem(app, answer["code"][0]))["access_token"]
            ask(page, served, app)
    assert not any("error" in answer for answer in client.posted)
