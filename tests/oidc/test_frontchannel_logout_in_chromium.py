"""Front-channel logout in a real browser: the frames load, their policy holds, and the browser comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page

from .. import local_sites
from ..journeys.browsers import CHROMIUM, chromium
from ..local_sites import Asked
from ..provider import App, Browser, Provider, claims_of

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: no frame was loaded in a real browser"),
]
_ESCAPE = b"<script>try { top.location = '/stolen'; } catch (e) {}</script>signed out"


@dataclass
class Site:
    """A server of two apps on two loopback addresses; what their frames and pages were asked for is kept."""

    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)

    def at(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()

    def answer(asked: Asked) -> bytes:
        found.asked.append((asked.host, asked.path))
        return _ESCAPE if asked.path.startswith("/front") else b"<h1>Bye</h1>"

    with local_sites.site(answer, "0.0.0.0") as port:
        found.port = port
        yield found


def an_app(provider: Provider, site: Site, host: str = "127.0.0.1") -> App:
    return provider.register(
        host, redirect_uris=[site.at("/callback", host)], frontchannel_logout_uri=site.at("/front", host),
        post_logout_redirect_uris=[site.at("/bye", host)],
    )  # fmt: skip


@contextmanager
def page_of(provider: Provider, person: Browser, *, scripts: bool) -> Iterator[Page]:
    """A tab of Chromium that has the person's session."""
    cookie = person.http.get_cookie("idp-session", domain="localhost")
    assert cookie is not None
    with chromium() as browser:
        context = browser.new_context(java_script_enabled=scripts)
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": provider.settings.issuer}])
        yield context.new_page()


@pytest.mark.spec("OpenID Connect Front-Channel Logout 1.0", "3")
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_every_app_hears_and_the_browser_comes_back(served: Provider, site: Site, scripts: bool) -> None:
    photos, music = an_app(served, site), an_app(served, site, "127.0.0.2")
    ada = served.sign_in()
    hint, other = (served.tokens(app, ada)["id_token"] for app in (photos, music))
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": site.at("/bye"), "state": "s"}
    with page_of(served, ada, scripts=scripts) as page:
        page.goto(f"{served.settings.issuer}/logout?{urlencode(asked)}")
        page.wait_for_url(site.at("/bye?state=s"), timeout=30_000)
        assert page.inner_text("h1") == "Bye"
    heard = {host: parse_qs(urlsplit(path).query) for host, path in site.asked if path.startswith("/front")}
    assert heard == {
        "127.0.0.1": {"iss": [served.settings.issuer], "sid": [claims_of(hint)["sid"]]},
        "127.0.0.2": {"iss": [served.settings.issuer], "sid": [claims_of(other)["sid"]]},
    }
    assert not [path for _host, path in site.asked if path == "/stolen"], "a frame cannot take the window"


def test_a_sign_out_here_tells_them_too(served: Provider, site: Site) -> None:
    photos, ada = an_app(served, site), served.sign_in()
    served.tokens(photos, ada)
    with page_of(served, ada, scripts=True) as page:
        page.goto(f"{served.settings.issuer}/account/sign-out")
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.wait_for_url(f"{served.settings.issuer}/signed-out", timeout=30_000)
        assert page.inner_text("h1") == "You are signed out"
    assert [host for host, path in site.asked if path.startswith("/front")] == ["127.0.0.1"]
