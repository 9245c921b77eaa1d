"""``oidc-client-ts`` in a page of a real browser, on another origin: redirects, CORS, renewal, sign-out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from playwright.sync_api import Page

from idp.demo.people import ADA
from idp.demo.places import Places

SPA = Path(__file__).parent / "spa"

pytestmark = pytest.mark.journey


class Site(SimpleHTTPRequestHandler):
    """The app's files under any address of its own, and the library from npm."""

    def __init__(self, *arguments: Any, library: Path, **options: Any) -> None:
        self.library = library
        super().__init__(*arguments, directory=str(SPA), **options)

    def translate_path(self, path: str) -> str:
        name = path.partition("?")[0]
        if name.startswith("/lib/"):
            return str(self.library / name.removeprefix("/lib/"))
        return str(SPA / ("spa.js" if name == "/spa.js" else "index.html"))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(node_modules: Path) -> Iterator[str]:
    library = node_modules / "oidc-client-ts" / "dist" / "browser"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, library=library))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client_id(provider: Places, site: str) -> str:
    registration = {
        "client_name": "Single page", "redirect_uris": [f"{site}/callback"], "token_endpoint_auth_method": "none",
        "post_logout_redirect_uris": [f"{site}/bye"], "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile email offline_access notes.read",
    }  # fmt: skip
    answer = requests.post(f"{provider.issuer}/register", json=registration, timeout=10)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["client_id"])


def open_app(page: Page, provider: Places, site: str, client_id: str) -> None:
    query = urlencode({"authority": provider.issuer, "client_id": client_id, "resource": provider.api})
    page.goto(f"{site}/?{query}")


def sign_in(page: Page, site: str) -> dict[str, Any]:
    page.evaluate("() => { spa.signIn() }")
    page.get_by_label("Email").fill(ADA.email)
    page.get_by_label("Password", exact=True).fill(ADA.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{site}/callback?**")
    user: dict[str, Any] = page.evaluate("() => spa.finish()")
    return user


def test_oidc_client_ts(provider: Places, site: str, client_id: str, page: Page) -> None:
    open_app(page, provider, site, client_id)
    user = sign_in(page, site)
    assert (user["state"], user["profile"]["email"]) == ("kept", ADA.email)
    assert user["profile"]["name"] == "Ada Lovelace"  # from userinfo, across origins
    renewed = page.evaluate("() => spa.renew()")
    assert renewed["access"] != user["access"]
    assert renewed["refresh"] != user["refresh"]
    assert renewed["profile"]["sub"] == user["profile"]["sub"]
    _sign_out(page, site)
    assert page.evaluate("() => spa.signedOut()").get("error") is None


def _sign_out(page: Page, site: str) -> None:
    page.evaluate("() => { spa.signOut() }")
    page.wait_for_url(lambda url: url.startswith(f"{site}/bye") or "/logout" in url or "sign-out" in url)
    if not page.url.startswith(site):  # the provider may ask first
        page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site}/bye**")


def test_a_revoked_token_renews_nothing(provider: Places, site: str, client_id: str, page: Page) -> None:
    open_app(page, provider, site, client_id)
    sign_in(page, site)
    page.evaluate("() => spa.renew()")
    held = page.evaluate("() => spa.renew()")
    page.evaluate("() => spa.revoke()")
    form = {"grant_type": "refresh_token", "refresh_token": held["refresh"], "client_id": client_id}
    answer = requests.post(f"{provider.issuer}/token", data=form, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
