"""Front-channel logout: which apps the browser tells, at which address, and that it can go nowhere else."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from werkzeug.test import TestResponse

from ..provider import CALLBACK, ISSUER, App, Browser, Provider, answered, claims_of

BYE = "https://photos.example/bye"
FRONT = "https://photos.example/front?app=1"
MUSIC = "https://music.example/callback"
SPEC = "OpenID Connect Front-Channel Logout 1.0"


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register(post_logout_redirect_uris=[BYE], frontchannel_logout_uri=FRONT)


@pytest.fixture(scope="module")
def music(provider: Provider) -> App:
    return provider.register("Music", redirect_uris=[MUSIC], frontchannel_logout_uri="https://music.example/front")


@pytest.fixture
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


def frames(response: TestResponse) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'<iframe src="([^"]*)"', response.text)]


def policy(response: TestResponse) -> dict[str, str]:
    parts = response.headers["Content-Security-Policy"].split("; ")
    return dict(part.partition(" ")[::2] for part in parts)


def onward(response: TestResponse) -> str:
    found = re.search(r'http-equiv="refresh" content="[1-9];url=([^"]*)"', response.text)
    assert found is not None, response.text
    return html.unescape(found[1])


def sign_out(provider: Provider, browser: Browser, **parameters: str) -> TestResponse:
    return provider.visit(browser, "/logout?" + urlencode(parameters))


@pytest.mark.spec(SPEC, "3")
def test_every_app_of_the_session_is_told_before_the_browser_leaves(
    provider: Provider, app: App, music: App, ada: Browser
) -> None:
    photos_token = provider.tokens(app, ada)["id_token"]
    music_token = provider.tokens(music, ada)["id_token"]
    quiet = provider.register("Quiet")
    provider.tokens(quiet, ada)
    page = sign_out(provider, ada, id_token_hint=photos_token, post_logout_redirect_uri=BYE, state="s")
    assert page.status_code == 200
    told = {urlsplit(frame).hostname: parse_qs(urlsplit(frame).query) for frame in frames(page)}
    assert told == {
        "photos.example": {"app": ["1"], "iss": [ISSUER], "sid": [claims_of(photos_token)["sid"]]},
        "music.example": {"iss": [ISSUER], "sid": [claims_of(music_token)["sid"]]},
    }
    assert onward(page) == f"{BYE}?state=s"
    assert page.headers["Cache-Control"] == "no-store"
    assert any(c.startswith("__Host-idp-session=;") for c in page.headers.getlist("Set-Cookie"))


@pytest.mark.spec(SPEC, "3")
def test_frames_of_exactly_these_origins_are_allowed(provider: Provider, app: App, ada: Browser) -> None:
    hint = provider.tokens(app, ada)["id_token"]
    page = sign_out(provider, ada, id_token_hint=hint)
    assert policy(page)["frame-src"] == "https://photos.example"
    assert policy(page)["default-src"] == "'none'"
    assert policy(page)["frame-ancestors"] == "'none'"
    assert "allow-top-navigation" not in page.text
    assert "frame-src" not in policy(sign_out(provider, ada))


@pytest.mark.spec(SPEC, "3")
def test_a_sign_out_on_our_own_page_goes_by_way_of_the_apps(provider: Provider, app: App, ada: Browser) -> None:
    provider.tokens(app, ada)
    asked = provider.visit(ada, "/account/sign-out")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]*)"', asked.text)
    assert token is not None
    form = {"csrf_token": token[1], "decision": "sign_out"}
    done = provider.visit(ada, "/account/sign-out", method="POST", data=form)
    assert done.headers["Location"] == "/logout/apps"
    page = provider.visit(ada, "/logout/apps")
    assert [urlsplit(frame).hostname for frame in frames(page)] == ["photos.example"]
    assert onward(page) == "/signed-out"
    last = provider.visit(ada, "/signed-out")
    assert any(c.startswith("__Host-idp-session=;") for c in last.headers.getlist("Set-Cookie"))
    assert provider.visit(ada, "/logout/apps").headers["Location"] == "/signed-out"


def test_each_database_tells_what_ended_with_the_session_from_what_ended_before(both: Provider) -> None:
    app = both.register(post_logout_redirect_uris=[BYE], frontchannel_logout_uri=FRONT)
    music = both.register("Music", redirect_uris=[MUSIC], frontchannel_logout_uri="https://music.example/front")
    ada = both.sign_in()
    hint = both.tokens(app, ada)["id_token"]
    gone = both.tokens(music, ada)
    both.revoke(music, gone["access_token"])
    page = sign_out(both, ada, id_token_hint=hint)
    assert [urlsplit(frame).hostname for frame in frames(page)] == ["photos.example"]


def test_who_is_signed_in_or_unknown_tells_nobody(provider: Provider, app: App, ada: Browser) -> None:
    """Anybody may link to it: it ends nothing and shows nothing."""
    provider.tokens(app, ada)
    for browser in (ada, provider.browser()):
        with provider.nothing_changes():
            answer = provider.visit(browser, "/logout/apps?where=everywhere")
        assert answer.headers["Location"] == "/signed-out?where=everywhere"
    assert provider.visit(None, "/logout/apps?where=//evil.example").headers["Location"] == "/signed-out"


def test_another_browser_and_an_old_ending_are_not_told(provider: Provider, app: App, ada: Browser) -> None:
    elsewhere = provider.sign_in()
    provider.tokens(app, elsewhere)
    hint = provider.tokens(app, ada)["id_token"]
    assert len(frames(sign_out(provider, ada, id_token_hint=hint))) == 1
    hint = provider.tokens(app, ada := provider.sign_in())["id_token"]
    cookie = ada.http.get_cookie("__Host-idp-session", domain="id.example")
    assert cookie is not None
    sign_out(provider, ada, id_token_hint=hint)
    ada.http.set_cookie("__Host-idp-session", cookie.value, domain="id.example")
    assert len(frames(provider.visit(ada, "/logout/apps"))) == 1
    with provider.clock.later(601):
        assert provider.visit(ada, "/logout/apps").status_code == 303


@pytest.mark.spec(SPEC, "3")
def test_discovery_says_so(provider: Provider) -> None:
    found = answered(provider.get("/.well-known/openid-configuration"))
    assert found["frontchannel_logout_supported"] is True
    assert found["frontchannel_logout_session_supported"] is True


@pytest.mark.spec(SPEC, "2")
@pytest.mark.parametrize(
    "uri",
    [
        "https://photos.example/front#x", "https://evil.example/front", "https://photos.example:444/front",
        "http://photos.example/front", "javascript:alert(1)", "/front", 7, ["https://photos.example/front"],
    ],
)  # fmt: skip
def test_an_address_that_is_not_the_apps_own_is_refused(provider: Provider, uri: object) -> None:
    sent = {"redirect_uris": [CALLBACK], "frontchannel_logout_uri": uri}
    answer = provider.http.post("/register", base_url=provider.base, json=sent)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"] == "invalid_client_metadata"


@pytest.mark.parametrize("host", ["photos.example;sandbox", "photos.example,x", "photos'x.example"])
def test_a_host_that_would_speak_in_our_policy_is_refused(provider: Provider, host: str) -> None:
    sent = {"redirect_uris": [f"https://{host}/callback"], "frontchannel_logout_uri": f"https://{host}/front"}
    answer = provider.http.post("/register", base_url=provider.base, json=sent)
    assert answer.status_code == 400


@pytest.mark.spec(SPEC, "2")
def test_it_is_registered_and_echoed(provider: Provider) -> None:
    sent = {
        "redirect_uris": [CALLBACK], "frontchannel_logout_uri": "https://photos.example:443/front",
        "frontchannel_logout_session_required": True,
    }  # fmt: skip
    answer = provider.http.post("/register", base_url=provider.base, json=sent)
    assert answer.status_code == 201
    assert answer.json is not None
    assert sent.items() <= answer.json.items()
