"""RP-initiated logout: who is signed out without a question, and who is sent where (security.md H)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from werkzeug.test import TestResponse

from idp.domain.client import ClientOrigin

from ..provider import CALLBACK, ISSUER, App, Browser, Provider, a_page, answer_of, refused

BYE = "https://photos.example/bye"


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register(post_logout_redirect_uris=[BYE, BYE + "?x=1"])


@pytest.fixture
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


@pytest.fixture
def hint(provider: Provider, app: App, ada: Browser) -> str:
    return str(provider.tokens(app, ada)["id_token"])


def logout(provider: Provider, browser: Browser | None, method: str = "GET", **parameters: Any) -> TestResponse:
    sent = {name: value for name, value in parameters.items() if value is not None}
    if method == "POST":
        return provider.visit(browser, "/logout", method="POST", data=sent)
    return provider.visit(browser, "/logout?" + urlencode(sent, doseq=True))


def signed_in(provider: Provider, app: App, browser: Browser) -> bool:
    """Consent is another question: without it the answer is ``consent_required``."""
    return answer_of(provider.authorize(app, browser, prompt="none")).get("error") != "login_required"


def question(response: TestResponse) -> dict[str, str]:
    """The hidden members of the page that asks."""
    assert response.status_code == 200
    return dict(re.findall(r'name="(csrf_token|transaction)" value="([^"]*)"', response.text.replace("&amp;", "&")))


def answer(provider: Provider, browser: Browser, form: dict[str, str], **changes: str) -> TestResponse:
    return provider.visit(browser, "/logout/confirm", method="POST", data={"decision": "sign_out", **form, **changes})


@pytest.mark.promise("P1")
@pytest.mark.spec("OpenID Connect RP-Initiated Logout 1.0", "2")
@pytest.mark.parametrize("state", [None, "a b&c=d#\u00e9\r\n"])
def test_a_hint_of_this_session_signs_out_at_once_and_leads_back(
    provider: Provider, app: App, ada: Browser, hint: str, state: str | None
) -> None:
    response = logout(provider, ada, id_token_hint=hint, post_logout_redirect_uri=BYE, state=state)
    assert response.status_code == 303
    expected = BYE if state is None else f"{BYE}?state={quote(state, safe='')}"
    assert response.headers["Location"] == expected
    assert response.headers["Cache-Control"] == "no-store"
    cookies = response.headers.getlist("Set-Cookie")
    assert any(c.startswith("__Host-idp-session=;") and "Max-Age=0" in c for c in cookies)
    assert not signed_in(provider, app, ada)


@pytest.mark.promise("P1")
def test_what_ends_and_what_stays(both: Provider) -> None:
    """design.md section 5: online client sessions end, offline ones stay, another device's too."""
    app, offline = both.register(), both.register("Offline")
    here, there = both.sign_in(), both.sign_in()
    online = both.tokens(app, here)
    kept = both.tokens(offline, here, scope="openid offline_access")
    elsewhere = both.tokens(app, there)
    logout(both, here, id_token_hint=online["id_token"])
    assert both.userinfo(online["access_token"]).status_code == 401
    refused(both.refresh(app, online["refresh_token"]), 400, "invalid_grant")
    assert both.refresh(offline, kept["refresh_token"]).status_code == 200
    assert both.userinfo(elsewhere["access_token"]).status_code == 200
    assert signed_in(both, app, there)


@pytest.mark.spec("OpenID Connect RP-Initiated Logout 1.0", "2")
def test_an_expired_hint_counts(provider: Provider, app: App, ada: Browser, hint: str) -> None:
    """interop.md 19."""
    with provider.clock.later(3600):
        assert logout(provider, ada, id_token_hint=hint, client_id=app.id).status_code == 200
        assert not signed_in(provider, app, ada)


@pytest.mark.spec("ASVS", "10.6.2")
def test_anything_less_asks_and_ends_nothing(provider: Provider, app: App, ada: Browser, hint: str) -> None:
    """Forced logout by a link or an image: the session lives until the person answers."""
    bob = provider.sign_in(provider.person("bob@example.com"))
    other_browser = provider.tokens(app, provider.sign_in())["id_token"]
    header, body, signature = hint.split(".")
    for parameters in (
        {}, {"client_id": app.id}, {"id_token_hint": "junk"}, {"id_token_hint": provider.tokens(app, bob)["id_token"]},
        {"id_token_hint": other_browser}, {"id_token_hint": provider.tokens(app, ada)["access_token"]},
        {"id_token_hint": f"{header}.{body}.{signature[:-4]}AAAA"},
        {"id_token_hint": f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}."},
        {"client_id": app.id, "post_logout_redirect_uri": BYE},
    ):  # fmt: skip
        with provider.nothing_changes():
            page = logout(provider, ada, **parameters)
        assert question(page)["csrf_token"]
        assert "Location" not in page.headers
    assert signed_in(provider, app, ada)


def test_yes_signs_out_and_leads_back_by_the_hand_off(provider: Provider, app: App, ada: Browser) -> None:
    form = question(logout(provider, ada, client_id=app.id, post_logout_redirect_uri=BYE, state="s"))
    response = answer(provider, ada, form)
    assert answer_of(response) == {"state": "s"}
    assert f"{BYE}?state=s" in response.text
    assert not signed_in(provider, app, ada)


def test_no_keeps_the_session(provider: Provider, app: App, ada: Browser) -> None:
    form = question(logout(provider, ada))
    response = answer(provider, ada, form, decision="stay")
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/account")
    assert signed_in(provider, app, ada)


@pytest.mark.spec("ASVS", "3.5.1")
@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é"])
def test_the_answer_must_come_from_our_form(provider: Provider, app: App, ada: Browser, token: str) -> None:
    form = question(logout(provider, ada))
    stranger = question(logout(provider, provider.sign_in()))["csrf_token"]
    with provider.nothing_changes():
        a_page(answer(provider, ada, form, csrf_token=token), 403)
        a_page(answer(provider, ada, form, csrf_token=stranger), 403)
    assert signed_in(provider, app, ada)


def test_the_answer_is_checked_like_a_request(provider: Provider, app: App, ada: Browser) -> None:
    form = question(logout(provider, ada))
    evil = urlencode({"client_id": app.id, "post_logout_redirect_uri": "https://evil.example/"})
    a_page(answer(provider, ada, form, transaction=evil), 400)
    assert signed_in(provider, app, ada)


BAD = [
    "https://evil.example/", BYE + "/", BYE + "?", BYE + "#", BYE + "?y=1", BYE.upper(), CALLBACK,
    "//photos.example/bye", "/bye", "javascript:alert(1)", "https://photos.example@evil.example/bye", "https://photos.example/b%79e",
    "http://photos.example/bye", "https://photos.example/bye\r\n", "https://photos.example/bye ", "\\\\evil.example",
    BYE + "\0", "é",
]  # fmt: skip


@pytest.mark.spec("OpenID Connect RP-Initiated Logout 1.0", "3")
@pytest.mark.parametrize("uri", BAD)
def test_no_address_but_a_registered_one_is_redirected_to(
    provider: Provider, app: App, ada: Browser, hint: str, uri: str
) -> None:
    with provider.nothing_changes():
        for parameters in ({"id_token_hint": hint}, {"client_id": app.id}, {}):
            page = a_page(logout(provider, ada, post_logout_redirect_uri=uri, **parameters))
            assert "evil.example" not in page
        a_page(logout(provider, None, post_logout_redirect_uri=uri, client_id=app.id))
    assert signed_in(provider, app, ada)


def test_nor_a_registered_one_for_whom_it_is_not(provider: Provider, app: App, ada: Browser, hint: str) -> None:
    other = provider.register("Other", post_logout_redirect_uris=["https://other.example/bye"])
    with provider.nothing_changes():
        for parameters in (
            {"id_token_hint": hint, "client_id": other.id, "post_logout_redirect_uri": BYE},
            {"id_token_hint": hint, "client_id": other.id},
            {"id_token_hint": hint, "post_logout_redirect_uri": other.client.post_logout_redirect_uris[0]},
            {"client_id": other.id, "post_logout_redirect_uri": BYE}, {"client_id": "nobody"},
            {"post_logout_redirect_uri": BYE}, {"id_token_hint": "junk", "post_logout_redirect_uri": BYE},
        ):  # fmt: skip
            a_page(logout(provider, ada, **parameters))


def test_a_disabled_app_leads_nowhere(provider: Provider, ada: Browser) -> None:
    gone = provider.register("Gone", post_logout_redirect_uris=[BYE])
    hint = str(provider.tokens(gone, ada)["id_token"])
    with provider.stores.work():
        provider.services.clients.disable(gone.id)
    with provider.nothing_changes():
        for named in ({"id_token_hint": hint}, {"client_id": gone.id}):
            a_page(logout(provider, ada, post_logout_redirect_uri=BYE, **named))


@pytest.mark.parametrize("name", ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"])
def test_a_repeated_parameter_is_refused(provider: Provider, app: App, ada: Browser, name: str) -> None:
    parameters: dict[str, Any] = {"client_id": app.id, "post_logout_redirect_uri": BYE}
    a_page(logout(provider, ada, **{**parameters, name: [parameters.get(name, "x")] * 2}))


@pytest.mark.spec("OpenID Connect RP-Initiated Logout 1.0", "2")
def test_a_post_comes_back_as_a_get(provider: Provider, app: App, ada: Browser, hint: str) -> None:
    """A cross-site POST brings no SameSite=Lax cookie; what it asked for does survive."""
    response = logout(
        provider, ada, "POST", id_token_hint=hint, post_logout_redirect_uri=BYE, state="s", evil="https://evil.example"
    )
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/logout?")
    assert "evil" not in response.headers["Location"]
    assert provider.visit(ada, response.headers["Location"]).headers["Location"] == f"{BYE}?state=s"


def test_whoever_is_not_signed_in_is_led_on_or_told(provider: Provider, app: App) -> None:
    """``client_id`` alone is public and makes no redirect trustworthy (RFC 9700 4.11.2): a link, no redirect."""
    page = logout(provider, None, client_id=app.id, post_logout_redirect_uri=BYE)
    assert page.status_code == 200
    assert "Location" not in page.headers
    assert "Clear-Site-Data" not in page.headers
    assert BYE in page.get_data(as_text=True)
    assert logout(provider, None).status_code == 200


@pytest.mark.spec("ASVS", "7.4.1")
def test_the_old_cookie_is_dead(provider: Provider, app: App, ada: Browser, hint: str) -> None:
    cookie = ada.http.get_cookie("__Host-idp-session", domain="id.example")
    assert cookie
    logout(provider, ada, id_token_hint=hint)
    ada.http.set_cookie("__Host-idp-session", cookie.value, domain="id.example")
    assert not signed_in(provider, app, ada)


@pytest.mark.promise("P8")
@pytest.mark.parametrize("query", ["state=%00", "%ff=1", "a=" + "x" * 9000, "&".join(f"p{n}=1" for n in range(300))])
def test_what_cannot_be_read_is_a_page(provider: Provider, ada: Browser, query: str) -> None:
    a_page(provider.visit(ada, f"/logout?{query}"))
    a_page(provider.visit(ada, "/logout", method="POST", data=b"{}", content_type="application/json"), 415)
    assert ISSUER.startswith(provider.base)


@pytest.mark.spec("ASVS 5.0", "10.6.2")
def test_a_head_is_not_answered(provider: Provider) -> None:
    """Nobody would see what it did."""
    ada = provider.sign_in()
    assert provider.visit(ada, "/logout", method="HEAD").status_code == 405
    assert provider.visit(ada, "/authorize", method="HEAD").status_code == 405


@pytest.mark.spec("RFC 9700", "4.11.2")
@pytest.mark.spec("OpenID Connect RP-Initiated Logout 1.0", "2")
def test_an_app_that_made_itself_sends_nobody_anywhere_with_a_token_of_its_own(provider: Provider) -> None:
    """Its maker has ID tokens; a link to us must not lead on to them without a click."""
    own = provider.register("Evil", origin=ClientOrigin.DYNAMIC, post_logout_redirect_uris=[BYE])
    mallory = provider.sign_in(provider.person("bob@example.com"))
    token = provider.tokens(own, mallory)["id_token"]
    there = {"id_token_hint": token, "post_logout_redirect_uri": BYE}
    page = logout(provider, provider.browser(), **there)
    assert (page.status_code, "Location" in page.headers) == (200, False)
    assert BYE in page.text, "a link"
    assert logout(provider, mallory, **there).headers["Location"] == BYE, "of its own session at once"
