"""An ending that the hot copy has not confirmed: nobody is told that it is done before it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr
from werkzeug.test import TestResponse

from idp.domain.device import Origin
from idp.storage.tombstones import HotTombstones

from .html_page import parse
from .provider import App, Browser, Provider, answered, database, refused, running, seeded
from .redis_server import RedisServer

__all__ = ["database", "seeded"]

NOBODY = SecretStr("redis://127.0.0.1:1")
BYE = "https://photos.example/bye"


@pytest.fixture
def provider(database: str) -> Iterator[Provider]:
    """Redis is configured, and does not answer."""
    with running(database, redis_url=NOBODY) as made:
        yield made


@pytest.fixture
def app(provider: Provider) -> App:
    return provider.register(post_logout_redirect_uris=[BYE])


@pytest.fixture
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


def post(provider: Provider, browser: Browser, path: str) -> TestResponse:
    token = re.search(r'name="csrf_token" value="([^"]*)"', provider.visit(browser, path).text)
    assert token is not None
    return provider.visit(browser, path, method="POST", data={"csrf_token": token[1]})


def signing_out(response: TestResponse, leads_to: str) -> None:
    """The page: the status says that it is not done, and everything leads on without scripts."""
    assert (response.status_code, response.headers["Retry-After"]) == (503, "3")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Refresh"] == f"3;url={leads_to}"
    assert "Location" not in response.headers
    assert f'<meta http-equiv="refresh" content="3;url={leads_to}">' in response.text.replace("&amp;", "&")
    assert f'href="{leads_to}"' in response.text.replace("&amp;", "&")
    assert "Signing you out" in response.text


def forgotten(response: TestResponse) -> bool:
    cookies = response.headers.getlist("Set-Cookie")
    cleared = response.headers.get("Clear-Site-Data") == '"cache", "storage"'
    return cleared and any(one.startswith("__Host-idp-session=;") for one in cookies)


@pytest.mark.spec("RFC 7009", "2.2.1")
@pytest.mark.promise("P1")
def test_a_program_is_told_to_ask_again_until_it_is_settled(
    provider: Provider, app: App, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = provider.tokens(app, ada)
    for _ in range(2):
        refused(answer := provider.revoke(app, tokens["access_token"]), 503, "temporarily_unavailable")
        assert answer.headers["Retry-After"] == "3"
    assert not provider.active(app, tokens["access_token"])  # the record has it already
    monkeypatch.setattr(HotTombstones, "settle_seconds", 0.001)
    assert provider.revoke(app, tokens["access_token"]).status_code == 200


@pytest.mark.promise("P1")
def test_reuse_is_not_reported_as_dealt_with_before_it_is(
    provider: Provider, app: App, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = provider.tokens(app, ada)["refresh_token"]
    second = answered(provider.refresh(app, first))["refresh_token"]
    answered(provider.refresh(app, second))
    for _ in range(2):
        refused(provider.refresh(app, first), 503, "temporarily_unavailable")
    monkeypatch.setattr(HotTombstones, "settle_seconds", 0.001)
    refused(provider.refresh(app, first), 400, "invalid_grant")


@pytest.mark.promise("P1")
def test_signing_out_here(provider: Provider, app: App, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is faster than the page, or presses twice, is told the same until it is true."""
    provider.tokens(app, ada)
    answer = post(provider, ada, "/account/sign-out")
    signing_out(answer, "/signed-out")
    assert not forgotten(answer)
    signing_out(provider.visit(ada, "/signed-out"), "/signed-out")
    monkeypatch.setattr(HotTombstones, "settle_seconds", 0.001)
    after = provider.visit(ada, "/signed-out")
    assert (after.status_code, "You are signed out" in after.text, forgotten(after)) == (200, True, True)


def test_what_no_app_holds_needs_no_wait(provider: Provider, ada: Browser) -> None:
    assert post(provider, ada, "/account/sign-out").headers["Location"] == "/signed-out"


def test_signing_out_everywhere_and_elsewhere(
    provider: Provider, app: App, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = provider.sign_in(ada.user)
    provider.tokens(app, there)
    assert there.session is not None
    answer = post(provider, ada, f"/account/sessions/{there.session.device_id}/end")
    signing_out(answer, f"/account/sessions?ended={there.session.device_id}")
    ended = f"/account/sessions?ended={there.session.device_id}"
    signing_out(provider.visit(ada, ended), ended)
    with monkeypatch.context() as settled:
        settled.setattr(HotTombstones, "settle_seconds", 0.001)
        assert "Signed out of" in provider.visit(ada, ended).text
    provider.tokens(app, provider.sign_in(ada.user))
    signing_out(post(provider, ada, "/account/sessions/others/end"), "/account/sessions?ended=others")
    answer = post(provider, ada, "/account/sessions/everywhere/end")
    signing_out(answer, "/signed-out?where=everywhere")
    signing_out(provider.visit(ada, "/signed-out?where=everywhere"), "/signed-out?where=everywhere")


def test_removing_an_app(provider: Provider, app: App, ada: Browser) -> None:
    provider.tokens(app, ada)
    signing_out(post(provider, ada, f"/account/apps/{app.id}/remove"), "/account/apps?removed=yes")
    signing_out(provider.visit(ada, "/account/apps?removed=yes"), "/account/apps?removed=yes")


@pytest.mark.spec("OpenID Connect RP-Initiated Logout 1.0", "2")
def test_an_app_signs_out_with_a_hint(
    provider: Provider, app: App, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page asks the same address again; once it is settled, that leads to the app."""
    hint = provider.tokens(app, ada)["id_token"]
    asked = "/logout?" + urlencode({"id_token_hint": hint, "post_logout_redirect_uri": BYE, "state": "s&t"})
    answer = provider.visit(ada, asked)
    signing_out(answer, asked)
    signing_out(provider.visit(ada, asked), asked)
    monkeypatch.setattr(HotTombstones, "settle_seconds", 0.001)
    assert provider.visit(ada, asked).headers["Location"] == f"{BYE}?state=s%26t"


def test_an_app_signs_out_and_the_person_confirms(provider: Provider, app: App, ada: Browser) -> None:
    provider.tokens(app, ada)
    asked = urlencode({"client_id": app.id, "post_logout_redirect_uri": BYE})
    inputs = parse(provider.visit(ada, f"/logout?{asked}").text).all("input")
    form = {str(one.get("name")): str(one.get("value")) for one in inputs}
    answer = provider.visit(ada, "/logout/confirm", method="POST", data={**form, "decision": "sign_out"})
    signing_out(answer, f"/logout?{asked}")
    signing_out(provider.visit(ada, f"/logout?{asked}"), f"/logout?{asked}")


@pytest.mark.promise("P1")
def test_who_has_no_redis_waits_for_the_leases_of_others(database: str) -> None:
    """An operator's shell without the setting, beside a worker that leases (``storage.leases``)."""
    with (
        RedisServer() as server,
        running(database) as bare,
        running(database, clock=bare.clock, redis_url=SecretStr(server.url)) as leasing,
    ):
        app, ada = bare.register(), bare.sign_in()
        assert bare.revoke(app, bare.tokens(app, ada)["access_token"]).status_code == 200  # nobody leases yet
        tokens = bare.tokens(app, bare.sign_in(ada.user))
        for _ in range(2):  # from the second question on there is a lease
            assert leasing.active(app, tokens["access_token"])
        refused(bare.revoke(app, tokens["access_token"]), 503, "temporarily_unavailable")


def test_a_sign_in_waits_for_nobody(provider: Provider, app: App, ada: Browser) -> None:
    """Somebody else's session ends when a person signs in on this browser; that is not what was asked for."""
    provider.tokens(app, ada)
    cookie = ada.http.get_cookie("__Host-idp-session", domain="id.example")
    assert cookie is not None
    with provider.stores.work():
        provider.services.sign_in.begin(
            provider.person("bob@example.com"), origin=Origin(), device_secret=None, session_secret=cookie.value
        )
    assert ada.session is not None
    ended = provider.stores.sessions.get(ada.session.id)
    assert ended is not None
    assert ended.end_reason == "renewed_sign_in"


def test_housekeeping_waits_for_nobody(provider: Provider, app: App, ada: Browser) -> None:
    provider.tokens(app, ada)
    with provider.clock.later(15 * 86400):
        assert provider.services.housekeeping.round()["sessions_ended"] >= 1


def test_the_outbox_repeats_the_marks(provider: Provider, app: App, ada: Browser) -> None:
    provider.tokens(app, ada)
    post(provider, ada, "/account/sign-out")
    rows = [row for row in provider.rows()["outbox"] if "tombstone" in row]
    assert len(rows) == 1
