"""The plan oidcc-3rdparty-init-login (OpenID Connect Core 1.0 section 4, Registration 1.0 section 2)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.provider import ISSUER

from .conditions import error_answer
from .suite import Suite

START = "https://suite.example/start"


@pytest.mark.spec("OpenID Connect Core 1.0", "4")
def test_oidcc_3rd_party_init_login(suite: Suite) -> None:
    """From the account page to the app: ``iss`` says who sends the person, and the app asks us as ever."""
    client, browser = suite.client(initiate_login_uri=START), suite.browser()
    assert client.registered["initiate_login_uri"] == START
    bearer = {"Authorization": f"Bearer {client.registered['registration_access_token']}"}
    kept = suite.http.get(client.registered["registration_client_uri"], headers=bearer)
    assert (kept.status_code, kept.headers["Content-Type"].split(";")[0]) == (200, "application/json")
    assert kept.json()["initiate_login_uri"] == START
    client.tokens(browser)
    browser.get(f"{ISSUER}/account/apps")
    (link,) = [address for address in browser.page.links().values() if address.startswith(START)]
    assert parse_qs(urlsplit(link).query) == {"iss": [ISSUER]}
    client.tokens(browser)


@pytest.mark.spec("OpenID Connect Dynamic Client Registration 1.0", "2")
def test_oidcc_3rd_party_init_login_nohttps(suite: Suite) -> None:
    error_answer(suite.register(initiate_login_uri="http://suite.example/start"), 400, "invalid_client_metadata")
