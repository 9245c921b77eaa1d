"""What a test module works with, in the way the suite does: discovery first, then clients that register themselves.

The provider is a whole one in this process (``tests/provider.py``) with ``IDP_PKCE_REQUIRED=public`` and open
registration; everything goes through requests, as bytes over WSGI or, on demand, over connections (``served``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import BaseAdapter

from tests.provider import ISSUER, PASSWORD, Provider

from .browser import Browser
from .host import Host
from .keys import Key, jwks, key
from .party import RelyingParty

PERSON = "conformance@example.com"
BASE = "https://suite.example/test/a/idp"
_AUTH = {"oidcc-test-plan": "private_key_jwt", "oidcc-dynamic-certification-test-plan": "private_key_jwt"}
Door = Callable[[str], BaseAdapter]
"""The way to the provider for somebody at an address."""
_places = itertools.count(1)


@dataclass
class Suite:
    """One run of one module in one plan."""

    plan: str
    provider: Provider
    host: Host
    door: Door
    http: requests.Session = field(init=False)
    clients: list[RelyingParty] = field(default_factory=list)

    def __post_init__(self) -> None:
        number = next(_places)
        self.address = f"198.51.{number // 250}.{number % 250 + 1}"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.mount(ISSUER, self.door(self.address))
        self.discovery: dict[str, Any] = self.http.get(f"{ISSUER}/.well-known/openid-configuration").json()

    @property
    def response_mode(self) -> str | None:
        """What the plan asks for: None for the default of the response type."""
        return "form_post" if "formpost" in self.plan else None

    def browser(self) -> Browser:
        """A new profile."""
        made = Browser(ISSUER)
        made.session.mount(ISSUER, self.door(self.address))
        return made

    def person(self, browser: Browser, *, email: str = PERSON, allow: bool = True) -> Browser:
        """Be the person until there is no question left: sign in, choose, allow."""
        for _ in range(6):
            page = browser.page
            if browser.left or "data-press" in page.body:
                return browser
            if "Sign in" in page.buttons:
                browser.submit("Sign in", Email=email, Password=PASSWORD)
            elif "Allow" in page.buttons:
                browser.submit("Allow" if allow else "Cancel")
            elif chosen := [name for name in page.buttons if "Continue as" in name]:
                browser.submit(chosen[0])
            else:
                return browser
        raise AssertionError(f"asked again and again: {browser.page!r}")

    # ── clients ──────────────────────────────────────────────────────────────────────────────────

    def metadata(self, **changes: Any) -> dict[str, Any]:
        """What the suite registers, and no more: neither a scope nor a ``kid``; None leaves a member out."""
        method = _AUTH.get(self.plan, "client_secret_basic")
        right: dict[str, Any] = {
            "client_name": "OIDF conformance", "redirect_uris": [f"{BASE}/callback"],
            "grant_types": ["authorization_code"], "response_types": ["code"],
            "contacts": ["certification@oidf.example"], "token_endpoint_auth_method": method,
            "jwks": jwks(key("RS256").nameless),
        }  # fmt: skip
        if "jwks_uri" in changes:
            right.pop("jwks")
        return {name: value for name, value in (right | changes).items() if value is not None}

    def register(self, **changes: Any) -> requests.Response:
        """A registration, whatever comes of it."""
        return self.http.post(self.discovery["registration_endpoint"], json=self.metadata(**changes))

    def client(self, signing: Key | None = None, **changes: Any) -> RelyingParty:
        """A client of the suite, registered."""
        if signing is not None and "jwks" not in changes and "jwks_uri" not in changes:
            changes["jwks"] = jwks(signing)
        answer = self.register(**changes)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Content-Type"].split(";")[0] == "application/json"
        registered = answer.json()
        assert registered["registration_client_uri"].startswith("https://")
        assert registered["registration_access_token"]
        assert ("client_secret" in registered) is ("client_secret_expires_at" in registered)
        own = key("RS256") if "jwks_uri" in changes else key("RS256").nameless
        self.clients.append(RelyingParty(self, registered, signing or own))
        return self.clients[-1]

    def unregister(self) -> None:
        """What the suite does after every module (RFC 7592 section 2.3)."""
        for client in self.clients:
            bearer = {"Authorization": f"Bearer {client.registered['registration_access_token']}"}
            assert self.http.delete(client.registered["registration_client_uri"], headers=bearer).status_code == 204

    def published_keys(self) -> dict[str, dict[str, Any]]:
        """The provider's published keys by id."""
        published = self.http.get(self.discovery["jwks_uri"]).json()["keys"]
        return {one["kid"]: one for one in published}
