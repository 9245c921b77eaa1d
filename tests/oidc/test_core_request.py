"""``prompt``, ``max_age``, hints and sign-on over HTTP, through the pages (OpenID Connect Core 3.1.2)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from http.client import HTTPMessage
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from idp.domain.session import EndReason, ThisSession

from ..provider import CALLBACK, ISSUER, PASSWORD, App, Browser, Provider, answer_of, answered, claims_of, sent_back
from ..user_agent import UserAgent


class InProcess(BaseAdapter):
    """Carries what a UserAgent sends to a Flask application of this process."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._provider = provider

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        answer = self._provider.http.open(
            f"{parts.path}?{parts.query}", base_url=f"{parts.scheme}://{parts.netloc}", method=request.method,
            headers=list(request.headers.items()), data=request.body,
        )  # fmt: skip
        message = HTTPMessage()
        for name, value in answer.headers:
            message.add_header(name, value)
        raw = HTTPResponse(io.BytesIO(answer.get_data()), status=answer.status_code, preload_content=False)
        raw._original_response = type("Original", (), {"msg": message})()
        response = requests.Response()
        response.status_code, response.url, response.raw, response.request = (
            answer.status_code,
            request.url,
            raw,
            request,
        )
        response.headers.update(answer.headers)
        response._content = answer.get_data()
        response.encoding = "utf-8"
        requests.cookies.extract_cookies_to_jar(response.cookies, request, raw)
        return response

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def person(provider: Provider) -> Iterator[UserAgent]:
    """A browser with pages and forms."""
    with UserAgent(ISSUER) as agent:
        agent.session.mount(ISSUER, InProcess(provider))
        yield agent


def start(provider: Provider, person: UserAgent, app: App, **changes: Any) -> Any:
    return person.get(f"{ISSUER}/authorize?" + urlencode(provider.request(app, **changes), doseq=True))


def sign_in(person: UserAgent) -> Any:
    return person.submit("Sign in", Email="ada@example.com", Password=PASSWORD)


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def ada(provider: Provider, app: App) -> Browser:
    browser = provider.sign_in()
    assert browser.user
    provider.consent(browser.user, app)
    return browser


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.3")
def test_sign_in_consent_and_back(provider: Provider, person: UserAgent) -> None:
    app = provider.register("Photos")
    assert "Sign in" in start(provider, person, app, scope="openid email").buttons
    page = sign_in(person)
    assert "Photos" in page.text
    assert "ada@example.com" in page.text
    page = person.submit("Allow")
    assert page.leaving is not None
    assert page.leaving.startswith(CALLBACK + "?")
    assert page.answer["state"] == "af0ifjsldkj"
    assert page.answer["iss"] == ISSUER
    tokens = answered(provider.redeem(app, page.answer["code"]))
    assert tokens["scope"] == "openid email"


@pytest.mark.spec("RFC 6749", "4.1.2.1")
def test_cancel_is_told_to_the_app_and_leaves_no_consent(provider: Provider, person: UserAgent) -> None:
    app = provider.register()
    start(provider, person, app)
    sign_in(person)
    page = person.submit("Cancel")
    assert (page.answer["error"], page.answer["state"], page.answer["iss"]) == ("access_denied", "af0ifjsldkj", ISSUER)
    assert "Allow" in start(provider, person, app).buttons


def test_a_second_app_asks_for_no_password_and_with_consent_for_nothing(provider: Provider, person: UserAgent) -> None:
    """interop.md 11."""
    first, second = provider.register("First"), provider.register("Second")
    start(provider, person, first)
    sign_in(person)
    person.submit("Allow")
    assert person.page.leaving
    assert {"Allow", "Cancel"} <= set(start(provider, person, second).buttons)
    assert "code" in person.submit("Allow").answer
    again = start(provider, person, second)
    assert "code" in again.answer
    assert len(again.history) == 1, "straight back"


def test_one_scope_more_is_asked_for(provider: Provider, person: UserAgent) -> None:
    app = provider.register()
    start(provider, person, app, scope="openid")
    sign_in(person)
    person.submit("Allow")
    assert "Allow" in start(provider, person, app, scope="openid email").buttons
    assert "code" in person.submit("Allow").answer
    assert "code" in start(provider, person, app, scope="email openid").answer


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.parametrize("again", [{"prompt": "login"}, {"max_age": "0"}])
def test_a_fresh_password_is_demanded_once_and_auth_time_moves(
    provider: Provider, person: UserAgent, again: dict[str, str]
) -> None:
    """GHSA-hp74-gm6m-2qm5; and it does not loop."""
    app = provider.register(trusted=True)
    start(provider, person, app)
    first = claims_of(answered(provider.redeem(app, sign_in(person).answer["code"]))["id_token"])
    with provider.clock.later(5):
        page = start(provider, person, app, **again)
        assert "Sign in" in page.buttons, "the old session is not enough"
        wrong = person.submit("Sign in", Email="ada@example.com", Password="wrong")
        assert wrong.leaving is None
        answer = sign_in(person).answer
        second = claims_of(answered(provider.redeem(app, answer["code"]))["id_token"])
    assert second["auth_time"] >= first["auth_time"] + 5


@pytest.mark.parametrize("again", [{"prompt": "login"}, {"max_age": "0"}])
def test_coming_back_without_a_password_issues_nothing(
    provider: Provider, app: App, ada: Browser, again: dict[str, str]
) -> None:
    """authlib.md matrix: its POST path never asks again; ours asks on every way in."""
    there = provider.authorize(app, ada, **again).headers["Location"]
    assert there.startswith("/login?interaction=")
    resume = there.replace("/login", "/authorize/resume")
    for _ in range(2):
        response = provider.visit(ada, resume)
        assert response.headers["Location"] == there
    consent = provider.visit(ada, there.replace("/login", "/consent"))
    assert "code=" not in consent.headers.get("Location", "")


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1")
def test_max_age_by_the_clock(provider: Provider) -> None:
    app, ada = provider.register(trusted=True), provider.sign_in()
    with provider.clock.later(100):
        assert "code" in answer_of(provider.authorize(app, ada, max_age="200"))
        assert "/login" in provider.authorize(app, ada, max_age="99").headers["Location"]
        sent_back(provider.authorize(app, ada, max_age="99", prompt="none"), "login_required")


def test_default_max_age_is_the_clients_own_wish(provider: Provider) -> None:
    app, ada = provider.register(default_max_age=60, trusted=True), provider.sign_in()
    assert "code" in answer_of(provider.authorize(app, ada))
    with provider.clock.later(61):
        assert "/login" in provider.authorize(app, ada).headers["Location"]


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.6")
def test_prompt_none(provider: Provider, app: App, ada: Browser) -> None:
    """interop.md 7 and 9: an answer at the app in any case, and no page, no interaction."""
    silent = provider.register("Silent")
    with provider.nothing_changes():
        sent_back(provider.authorize(app, None, prompt="none"), "login_required")
        sent_back(provider.authorize(silent, ada, prompt="none"), "consent_required")
        sent_back(provider.authorize(app, ada, prompt="none", scope="openid phone"), "consent_required")
    assert "code" in sent_back(provider.authorize(app, ada, prompt="none"))


@pytest.mark.promise("P1")
def test_prompt_none_after_an_end(provider: Provider, app: App) -> None:
    ada = provider.sign_in()
    assert "code" in answer_of(provider.authorize(app, ada, prompt="none"))
    assert ada.session
    with provider.stores.work():
        provider.services.sessions.end_session(ThisSession(ada.session.id), EndReason.SIGNED_OUT, by="test")
    sent_back(provider.authorize(app, ada, prompt="none"), "login_required")


def test_a_code_is_not_issued_for_consent_withdrawn_meanwhile(provider: Provider) -> None:
    app, ada = provider.register(), provider.sign_in()
    there = provider.authorize(app, ada).headers["Location"]
    assert there.startswith("/consent?")
    resume = there.replace("/consent", "/authorize/resume")
    assert provider.visit(ada, resume).headers["Location"] == there


# ── hints ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1")
def test_a_hint_names_who_is_wanted(provider: Provider, app: App, ada: Browser) -> None:
    bob = provider.sign_in(provider.person("bob@example.com"))
    hers = provider.tokens(app, ada)["id_token"]
    his = provider.tokens(app, bob)["id_token"]
    assert "code" in answer_of(provider.authorize(app, ada, id_token_hint=hers, prompt="none"))
    sent_back(provider.authorize(app, ada, id_token_hint=his, prompt="none"), "login_required")
    assert "/login" in provider.authorize(app, ada, id_token_hint=his).headers["Location"]
    with provider.clock.later(86400):
        assert "code" in answer_of(provider.authorize(app, ada, id_token_hint=hers, prompt="none"))


@pytest.mark.spec("OpenID Connect Core 1.0", "5.5.1")
def test_a_sub_asked_for_by_value_is_such_a_hint(provider: Provider, app: App, ada: Browser) -> None:
    assert ada.user

    def asked(sub: object) -> str:
        return json.dumps({"id_token": {"sub": {"value": str(sub)}}})

    assert "code" in answer_of(provider.authorize(app, ada, claims=asked(ada.user.id), prompt="none"))
    for other in (uuid4(), "x"):
        sent_back(provider.authorize(app, ada, claims=asked(other), prompt="none"), "login_required")


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.2")
def test_who_is_wanted_in_two_ways_is_wanted_in_both(provider: Provider, app: App, ada: Browser) -> None:
    """A hint does not undo the value that is asked for, nor does another member of ``claims``."""
    bob = provider.sign_in(provider.person("bob@example.com"))
    assert ada.user
    assert bob.user
    hint = provider.tokens(app, ada)["id_token"]
    hers, his = str(ada.user.id), str(bob.user.id)

    def answer(browser: Browser, hint: str | None, **places: object) -> dict[str, str]:
        claims = json.dumps({where: {"sub": {"value": value}} for where, value in places.items()})
        return answer_of(provider.authorize(app, browser, claims=claims, id_token_hint=hint, prompt="none"))

    assert "code" in answer(ada, hint, id_token=hers, userinfo=hers)
    for browser in (ada, bob):
        assert answer(browser, hint, id_token=his)["error"] == "login_required"
        assert answer(browser, None, id_token=hers, userinfo=his)["error"] == "login_required"
        assert answer(browser, None, userinfo=7)["error"] == "login_required"


@pytest.mark.parametrize("which", ["access_token", "altered", "unsigned"])
def test_a_hint_that_is_none_of_our_id_tokens(provider: Provider, app: App, ada: Browser, which: str) -> None:
    tokens = provider.tokens(app, ada)
    header, body, signature = tokens["id_token"].split(".")
    hint = {
        "access_token": tokens["access_token"], "altered": f"{header}.{body[:-2]}AA.{signature}",
        "unsigned": f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.",
    }[which]  # fmt: skip
    sent_back(provider.authorize(app, ada, id_token_hint=hint), "invalid_request")


def test_a_login_hint_fills_the_form_and_is_only_text(provider: Provider, app: App, person: UserAgent) -> None:
    """Reflected XSS by login_hint (security.md F)."""
    hint = '"><script>alert(1)</script>ada@example.com'
    start(provider, person, app, login_hint=hint)
    assert person.page.field_value("Email") == hint
    assert "<script>alert" not in person.page.body


@pytest.mark.parametrize("name", ["acr_values", "ui_locales", "display", "claims_locales"])
def test_wishes_that_cannot_be_met_are_no_error(provider: Provider, app: App, ada: Browser, name: str) -> None:
    assert "code" in answer_of(provider.authorize(app, ada, **{name: "xx gold \u00e9"}))


# ── interactions ──────────────────────────────────────────────────────────────────────────────────


def test_two_tabs_answer_each_their_own_app(provider: Provider, person: UserAgent) -> None:
    one, two = provider.register("One", trusted=True), provider.register("Two", trusted=True)
    first = start(provider, person, one, state="one").url
    second = start(provider, person, two, state="two").url
    assert first != second
    assert sign_in(person).answer["state"] == "two"
    assert person.get(first).answer["state"] == "one"


def test_an_answered_request_is_answered_once(provider: Provider, person: UserAgent) -> None:
    """Back and reload after the answer (pages.md 10): no second code."""
    app = provider.register(trusted=True)
    login = start(provider, person, app).url
    sign_in(person)
    resume = login.replace("/login", "/authorize/resume")
    codes = provider.counts()["codes"]
    assert person.get(resume).leaving is None
    assert person.get(login).leaving is None
    assert provider.counts()["codes"] == codes


def test_the_form_cannot_change_what_is_asked(provider: Provider, person: UserAgent) -> None:
    """CVE-2026-7571; ASVS 2.2.2: the page carries an opaque id, the server the rest."""
    app = provider.register(scope="openid email")
    start(provider, person, app, scope="openid")
    sign_in(person)
    url = person.page.url
    token = next(e.get("value") for e in person.page.root.all("input") if e.get("name") == "csrf_token")
    forged = {"csrf_token": token, "decision": "allow", "scope": "openid email admin", "client_id": "other",
              "redirect_uri": "https://evil.example", "state": "x"}  # fmt: skip
    person.session.post(url, data=forged, allow_redirects=False)
    page = person.get(url.replace("/consent", "/authorize/resume"))
    assert page.leaving
    assert page.leaving.startswith(CALLBACK)
    assert answered(provider.redeem(app, page.answer["code"]))["scope"] == "openid"
