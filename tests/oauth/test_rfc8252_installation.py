"""A native app that works on without the browser is a device of its own in the list (design.md section 2)."""

from __future__ import annotations

from typing import Any

import pytest

from idp.domain.device import Device
from idp.domain.session import EndReason, WholeDevice

from ..provider import App, Browser, Provider, claims_of

OFFLINE = "openid offline_access"
LOOPBACK = "http://127.0.0.1/callback"


def an_agent(provider: Provider, **metadata: Any) -> App:
    members = {"application_type": "native", "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none"}
    members |= {"trusted": True}
    return provider.register("Agent", **{**members, **metadata})


@pytest.fixture
def ada(alone: Provider) -> Browser:
    return alone.sign_in()


def devices(provider: Provider, browser: Browser) -> list[Device]:
    """What the list of the person shows."""
    assert browser.user
    assert browser.session
    shown = provider.services.sessions.overview(browser.user.id, browser.session)
    return [view.device for view in shown.devices]


@pytest.mark.spec("RFC 8252", "8.12")
def test_it_stands_in_the_list_beside_the_browser(alone: Provider, ada: Browser) -> None:
    alone.tokens(an_agent(alone), ada, scope=OFFLINE)
    assert [device.name for device in devices(alone, ada)] == [None, "Agent"]
    page = alone.visit(ada, "/account/sessions").text
    assert "An app of its own, connected" in page


@pytest.mark.promise("P1")
def test_each_is_ended_alone(alone: Provider, ada: Browser) -> None:
    agent = an_agent(alone)
    tokens = alone.tokens(agent, ada, scope=OFFLINE)
    browser, installation = devices(alone, ada)
    assert ada.user
    with alone.stores.work():
        alone.services.sessions.end_session(WholeDevice(ada.user.id, browser.id), EndReason.ACCOUNT_PAGE, by="test")
    assert alone.userinfo(tokens["access_token"]).status_code == 200
    again = alone.sign_in(ada.user)
    with alone.stores.work():
        target = WholeDevice(ada.user.id, installation.id)
        alone.services.sessions.end_session(target, EndReason.ACCOUNT_PAGE, by="test")
    assert alone.userinfo(tokens["access_token"]).status_code == 401
    assert alone.refresh(agent, tokens["refresh_token"]).status_code == 400
    assert len(devices(alone, again)) == 1


def test_asking_again_in_the_same_browser_is_the_same_installation(alone: Provider, ada: Browser) -> None:
    agent = an_agent(alone)
    first, second = (alone.tokens(agent, ada, scope=OFFLINE) for _ in range(2))
    assert claims_of(first["access_token"])["sid"] == claims_of(second["access_token"])["sid"]
    assert [device.name for device in devices(alone, ada)] == [None, "Agent"]


@pytest.mark.parametrize(
    ("metadata", "scope"),
    [
        ({}, "openid"),
        ({"application_type": "web"}, OFFLINE),
        ({"grant_types": ["authorization_code"]}, OFFLINE),
    ],
)
def test_what_ends_with_the_browser_is_no_device(
    alone: Provider, ada: Browser, metadata: dict[str, Any], scope: str
) -> None:
    alone.tokens(an_agent(alone, **metadata), ada, scope=scope)
    assert [device.name for device in devices(alone, ada)] == [None]
