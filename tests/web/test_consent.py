"""Consent (pages.md 23 to 31)."""

from __future__ import annotations

import pytest

from idp.domain.decision import AskConsent, Issue, SignIn

from .scene import INTERACTION, TOKEN, WIKI, consent_scene

CONSENT = f"/consent?interaction={INTERACTION}"
RESUME = f"/authorize/resume?interaction={INTERACTION}"


def test_who_asks_whom_for_what_and_where_it_leads() -> None:
    text = consent_scene().app().test_client().get(CONSENT).text
    facts = ["Photos", "photos.example", "Maria Example", "maria@example.com", "Not you?", "Know that it is you",
             "See your email address (maria@example.com)", "You will go back to"]  # fmt: skip
    places = [text.index(fact, text.index("<main")) for fact in facts]
    assert places == sorted(places)
    assert "Nobody has checked" not in text
    assert 'rel="noopener noreferrer"' in text
    assert "autofocus" not in text


def test_nobody_vouches_for_an_app_that_registered_itself() -> None:
    scene = consent_scene()
    scene.client = WIKI
    text = scene.app().test_client().get(CONSENT).text
    assert "Nobody has checked this app." in text
    assert "wiki.example" in text
    assert "bank.example" not in text
    assert "\u202e" not in text


def test_an_app_on_this_computer_has_no_host() -> None:
    scene = consent_scene()
    scene.request = {"redirect_uri": "http://127.0.0.1:5000/cb"}
    assert "<b>an app on this computer</b>" in scene.app().test_client().get(CONSENT).text


def test_what_is_new_and_what_was_allowed_before() -> None:
    scene = consent_scene()
    scene.decision = AskConsent(("email",), ("openid",))
    text = scene.app().test_client().get(CONSENT).text
    assert text.index("See your email") < text.index("Already allowed") < text.index("Know that it is you")
    scene.decision = AskConsent((), ("openid",))
    assert "Already allowed" not in scene.app().test_client().get(CONSENT).text


@pytest.mark.parametrize(("pressed", "done"), [("allow", "allow"), ("cancel", "deny")])
def test_both_answers_lead_back_to_the_request(pressed: str, done: str) -> None:
    scene = consent_scene()
    answer = scene.app().test_client().post(CONSENT, data={"csrf_token": TOKEN, "decision": pressed})
    assert (answer.status_code, answer.location) == (303, RESUME)
    assert scene.done == [(done, INTERACTION)]


@pytest.mark.parametrize("more", [{}, {"decision": "yes"}, {"scope": "offline_access", "client_id": "other"}])
def test_no_answer_is_assumed(more: dict[str, str]) -> None:
    scene = consent_scene()
    answer = scene.app().test_client().post(CONSENT, data={"csrf_token": TOKEN, **more})
    assert answer.location == CONSENT
    assert not scene.done


def test_nothing_is_allowed_that_was_not_asked() -> None:
    scene = consent_scene()
    scene.decision = SignIn(fresh=True)
    scene.app().test_client().post(CONSENT, data={"csrf_token": TOKEN, "decision": "allow"})
    assert not scene.done


def test_without_a_session_the_sign_in_page_comes_first() -> None:
    scene = consent_scene()
    scene.browser.current_value = None
    client = scene.app().test_client()
    assert client.get(CONSENT).location == f"/login?interaction={INTERACTION}"
    client.post(CONSENT, data={"csrf_token": TOKEN, "decision": "allow"})
    assert not scene.done


def test_nothing_left_to_ask() -> None:
    scene = consent_scene()
    scene.decision = Issue()
    assert scene.app().test_client().get(CONSENT).location == RESUME


def test_a_page_without_a_request_is_not_found() -> None:
    assert consent_scene().app().test_client().get("/consent").status_code == 404
