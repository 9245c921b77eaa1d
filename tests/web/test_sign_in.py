"""Sign-in (pages.md 1 to 12)."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from idp.domain.decision import AskConsent, ChooseAccount, Issue
from idp.errors import SignInRefused, Throttled, Unavailable

from .scene import INTERACTION, NOW, TOKEN, Scene

WAITING = f"/login?interaction={INTERACTION}"
RESUME = f"/authorize/resume?interaction={INTERACTION}"
PASSPHRASE = "  correct horse 🐎 battery staple " * 4


def form(**more: str) -> dict[str, str]:
    return {"csrf_token": TOKEN, "email": "maria@example.com", "password": "right", **more}


def test_one_form_with_what_password_managers_need(client: FlaskClient) -> None:
    text = client.get(WAITING).text
    assert text.count("<form") == 1
    assert 'autocomplete="username webauthn"' in text
    assert 'autocomplete="current-password"' in text
    assert "novalidate" in text
    assert "Keep me signed in on this device for 30 days" in text
    assert "checked" not in text
    heading = text.split("<h1>")[1].split("</h1>")[0]
    assert re.sub("<[^>]*>", "", heading) == "Sign in to continue to Photos"


def test_sign_in_leads_back_to_the_app(scene: Scene, client: FlaskClient) -> None:
    answer = client.post(WAITING, data=form(password=PASSPHRASE))
    assert (answer.status_code, answer.location) == (303, RESUME)
    assert scene.done == [("password", "maria@example.com", PASSPHRASE), ("begin", False)]
    assert scene.browser.remembered


def test_remembering_is_asked_for(scene: Scene, client: FlaskClient) -> None:
    client.post(WAITING, data=form(remember="yes"))
    assert ("begin", True) in scene.done


@pytest.mark.parametrize(
    ("to", "path"),
    [("", "/account/sessions"), ("apps", "/account/apps"), ("//evil.example", "/account/sessions"),
     ("https://evil.example/", "/account/sessions"), ("/\\evil", "/account/sessions")],
)  # fmt: skip
def test_without_an_app_it_leads_to_a_page_of_ours_only(client: FlaskClient, to: str, path: str) -> None:
    answer = client.post("/login", query_string={"to": to}, data=form())
    assert (answer.status_code, answer.location) == (303, path)


def test_a_refusal_keeps_the_address_and_drops_the_password(client: FlaskClient, scene: Scene) -> None:
    scene.password_error = SignInRefused()
    answer = client.post(WAITING, data=form(password="hunter22"))
    assert answer.status_code == 422
    assert "maria@example.com" in answer.text
    assert "hunter22" not in answer.text
    assert "The email address or the password is not right" in answer.text


def test_throttling_says_when_to_come_back(client: FlaskClient, scene: Scene) -> None:
    scene.password_error = Throttled(150)
    answer = client.post(WAITING, data=form())
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "150"
    assert "Try again in 3 minutes" in answer.text
    assert "maria@example.com" in answer.text


def test_an_overloaded_provider_guesses_nothing(client: FlaskClient, scene: Scene) -> None:
    scene.password_error = Unavailable("hashing", 4)
    answer = client.post(WAITING, data=form())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "4")


@pytest.mark.parametrize("decision", [Issue(), AskConsent(("openid",), ())])
def test_whoever_is_signed_in_is_sent_on(client: FlaskClient, scene: Scene, decision: Issue | AskConsent) -> None:
    scene.sign_in()
    scene.decision = decision
    assert client.get(WAITING).location == (
        RESUME if isinstance(decision, Issue) else WAITING.replace("login", "consent")
    )


def test_the_chooser(client: FlaskClient, scene: Scene) -> None:
    scene.sign_in()
    scene.decision = ChooseAccount()
    text = client.get(WAITING).text
    assert "Continue as <bdi>Maria Example</bdi>" in text
    assert "Use another account" in text
    answer = client.post(f"/login/choose?interaction={INTERACTION}", data={"csrf_token": TOKEN})
    assert answer.location == RESUME
    assert scene.done == [("choose", INTERACTION)]
    assert client.get(f"/login/choose?interaction={INTERACTION}").location == WAITING


def test_another_account_shows_the_form_although_one_is_signed_in(client: FlaskClient, scene: Scene) -> None:
    scene.sign_in()
    scene.decision = Issue()
    scene.request = {"login_hint": "hint@example.com"}
    text = client.get(WAITING + "&account=other").text
    assert 'name="password"' in text
    assert "hint@example.com" not in text


def test_the_hint_fills_the_address_and_is_escaped(client: FlaskClient, scene: Scene) -> None:
    scene.request = {"login_hint": '"><script>alert(1)</script>'}
    assert "&#34;&gt;&lt;script&gt;" in client.get(WAITING).text


@pytest.mark.parametrize(
    "query", ["?interaction=unknown", "?interaction=", f"?interaction={INTERACTION}&interaction=x"]
)
def test_unknown_requests_are_not_found(client: FlaskClient, query: str) -> None:
    assert client.get("/login" + query).status_code == 404


def test_an_ended_request_explains_and_offers_a_way_back(client: FlaskClient, scene: Scene) -> None:
    scene.expired = True
    for answer in (client.get(WAITING), client.post(WAITING, data=form())):
        assert answer.status_code == 410
        assert 'href="https://photos.example/"' in answer.text
    assert not scene.done


def test_a_finished_request_says_so(client: FlaskClient, scene: Scene) -> None:
    scene.completed_at = NOW
    assert "Already finished" in client.get(WAITING).text


def test_a_tab_that_was_overtaken_is_led_on_and_changes_nothing(client: FlaskClient, scene: Scene) -> None:
    scene.sign_in()
    stale = form(csrf_token="of another session")
    assert client.post(WAITING, data=stale).status_code == 403
    answer = client.post(WAITING, data=stale, headers={"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.location) == (303, WAITING)
    assert not scene.done


def test_nul_in_an_address_is_a_problem_of_the_field(client: FlaskClient, scene: Scene) -> None:
    answer = client.post(WAITING, data=form(email="a\0b@example.com"))
    assert answer.status_code == 422
    assert not scene.done


def test_credentials_in_the_query_are_ignored(client: FlaskClient, scene: Scene) -> None:
    text = client.get(WAITING + "&email=x@example.com&password=secret").text
    assert "x@example.com" not in text
    assert not scene.done
