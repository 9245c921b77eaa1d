"""RFC 8628: the device authorization endpoint, its page, polling and redemption."""

from __future__ import annotations

import html
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.domain.client import ClientOrigin
from idp.domain.device import Origin
from idp.domain.polled import PolledKind
from idp.domain.session import EndReason, ThisSession, WholeUser
from idp.errors import ProtocolError

from ..provider import API, App, Browser, Provider, answered, claims_of, refused

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ALLOW, CANCEL = "allow", "cancel"


def device_app(provider: Provider, **members: Any) -> App:
    """A television: public, no redirect URI."""
    kinds = [GRANT, "refresh_token"]
    return provider.register(
        **{"name": "TV", "redirect_uris": [], "grant_types": kinds, "token_endpoint_auth_method": "none", **members}
    )


def begin(provider: Provider, app: App, **form: Any) -> dict[str, Any]:
    return answered(provider.post("/device_authorization", {"scope": "openid profile", **form}, app))


def poll(provider: Provider, app: App, code: str, **form: Any) -> TestResponse:
    return provider.post("/token", {"grant_type": GRANT, "device_code": code, **form}, app)


def token_of(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


def decide(provider: Provider, browser: Browser, user_code: str, decision: str) -> TestResponse:
    """Both steps of the page, as a person would."""
    page = provider.visit(browser, f"/device?user_code={user_code}")
    assert page.status_code == 200, page.status
    return provider.visit(
        browser, f"/device/answer?user_code={user_code}", method="POST", headers={"Sec-Fetch-Site": "same-origin"},
        data={"csrf_token": token_of(page), "decision": decision},
    )  # fmt: skip


@pytest.fixture
def browser(provider: Provider) -> Browser:
    return provider.sign_in()


# ── the request ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 8628", "3.2")
def test_the_answer_has_everything_the_device_shows(provider: Provider) -> None:
    response = provider.post("/device_authorization", {"scope": "openid"}, device_app(provider))
    begun = answered(response)
    assert response.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", begun["user_code"])
    assert len(begun["device_code"]) == 43
    assert begun["verification_uri"] == "https://id.example/device"
    assert begun["verification_uri_complete"] == f"https://id.example/device?user_code={begun['user_code']}"
    assert (begun["expires_in"], begun["interval"]) == (600, 5)


@pytest.mark.spec("RFC 8628", "3.1")
def test_who_may_ask(provider: Provider) -> None:
    other = provider.register(token_endpoint_auth_method="none")
    refused(provider.post("/device_authorization", {}, other), 400, "unauthorized_client")
    refused(provider.post("/device_authorization", {"client_id": "nobody"}), 401, "invalid_client")
    secret = device_app(provider, token_endpoint_auth_method="client_secret_basic")
    refused(provider.post("/device_authorization", {"client_id": secret.id}), 401, "invalid_client")
    assert begin(provider, secret)


@pytest.mark.spec("RFC 8628", "3.1")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "none-of-ours"}, "invalid_scope"),
        ({"scope": "revocations"}, "invalid_scope"),
        ({"resource": "https://unknown.example"}, "invalid_target"),
    ],
)
def test_what_may_not_be_asked_for(provider: Provider, form: dict[str, str], error: str) -> None:
    refused(provider.post("/device_authorization", form, device_app(provider)), 400, error)


def test_repeated_parameters_and_get_are_refused(provider: Provider) -> None:
    app = device_app(provider)
    body = f"client_id={app.id}&scope=openid&scope=profile"
    kind = "application/x-www-form-urlencoded"
    response = provider.http.post("/device_authorization", base_url=provider.base, data=body, content_type=kind)
    refused(response, 400, "invalid_request")
    assert provider.get("/device_authorization").status_code == 405


@pytest.mark.spec("RFC 8628", "4")
def test_discovery_says_so(provider: Provider) -> None:
    document = answered(provider.get("/.well-known/openid-configuration"))
    assert document["device_authorization_endpoint"] == "https://id.example/device_authorization"
    assert GRANT in document["grant_types_supported"]


# ── polling ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 8628", "3.5")
def test_pending_then_slow_down_then_tokens(provider: Provider, browser: Browser) -> None:
    app = device_app(provider)
    begun = begin(provider, app)
    refused(poll(provider, app, begun["device_code"]), 400, "authorization_pending")
    refused(poll(provider, app, begun["device_code"]), 400, "slow_down")
    with provider.clock.later(7):
        refused(poll(provider, app, begun["device_code"]), 400, "slow_down")
    with provider.clock.later(30):
        refused(poll(provider, app, begun["device_code"]), 400, "authorization_pending")
    assert decide(provider, browser, begun["user_code"], ALLOW).status_code == 303
    tokens = answered(poll(provider, app, begun["device_code"]))
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "openid profile"
    assert browser.user is not None
    claims = claims_of(tokens["access_token"])
    assert claims["sub"] == str(browser.user.id) == claims_of(tokens["id_token"])["sub"]
    assert claims["sid"] == claims_of(tokens["id_token"])["sid"]
    assert answered(provider.userinfo(tokens["access_token"]))["name"] == "Ada Lovelace"
    assert answered(provider.refresh(app, tokens["refresh_token"]))["access_token"]


@pytest.mark.spec("RFC 8628", "3.5")
def test_a_denied_code_stays_denied(provider: Provider, browser: Browser) -> None:
    app = device_app(provider)
    begun = begin(provider, app)
    decide(provider, browser, begun["user_code"], CANCEL)
    refused(poll(provider, app, begun["device_code"]), 400, "access_denied")
    assert provider.visit(browser, f"/device?user_code={begun['user_code']}").status_code == 422
    refused(poll(provider, app, begun["device_code"]), 400, "access_denied")


@pytest.mark.spec("RFC 8628", "3.5")
def test_a_code_expires(provider: Provider, browser: Browser) -> None:
    app = device_app(provider)
    begun = begin(provider, app)
    with provider.clock.later(601):
        refused(poll(provider, app, begun["device_code"]), 400, "expired_token")
        assert provider.visit(browser, f"/device?user_code={begun['user_code']}").status_code == 422


@pytest.mark.spec("RFC 8628", "3.4")
def test_another_client_gets_nothing_and_harms_nothing(provider: Provider, browser: Browser) -> None:
    """Also of an app that the same person uses: what she allowed to one is not the other's."""
    app, other = device_app(provider), device_app(provider)
    provider.consent(provider.person(), other)
    begun = begin(provider, app)
    decide(provider, browser, begun["user_code"], ALLOW)
    refused(poll(provider, other, begun["device_code"]), 400, "invalid_grant")
    refused(poll(provider, app, begun["device_code"][:-1]), 400, "invalid_grant")
    refused(provider.post("/token", {"grant_type": GRANT}, app), 400, "invalid_request")
    assert answered(poll(provider, app, begun["device_code"]))


def test_only_what_was_approved_is_granted(provider: Provider, browser: Browser) -> None:
    """CVE-2024-52287: a scope of the token request adds nothing."""
    app = device_app(provider)
    begun = begin(provider, app, scope="openid")
    decide(provider, browser, begun["user_code"], ALLOW)
    assert answered(poll(provider, app, begun["device_code"], scope="openid email"))["scope"] == "openid"


def test_a_resource_may_be_named_at_either_end(provider: Provider, browser: Browser) -> None:
    provider.resource(photos_watch="Watch your photos")
    app = device_app(provider)
    begun = begin(provider, app, scope="openid photos:watch", resource=API)
    decide(provider, browser, begun["user_code"], ALLOW)
    refused(poll(provider, app, begun["device_code"], resource="https://id.example"), 400, "invalid_target")
    assert claims_of(answered(poll(provider, app, begun["device_code"]))["access_token"])["aud"] == API


@pytest.mark.promise("P4")
@pytest.mark.parametrize("crowd", [12])
def test_of_polls_at_once_one_gets_tokens(provider: Provider, browser: Browser, crowd: int) -> None:
    app = device_app(provider)
    begun = begin(provider, app)
    decide(provider, browser, begun["user_code"], ALLOW)
    with ThreadPoolExecutor(crowd) as pool:
        answers = list(pool.map(lambda _: poll(provider, app, begun["device_code"]), range(crowd)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * (crowd - 1)
    for answer in answers:
        if answer.status_code == 400:
            refused(answer, 400, "invalid_grant")


# ── the page ──────────────────────────────────────────────────────────────────────────────────────


def test_who_is_not_signed_in_signs_in_first_and_comes_back(provider: Provider) -> None:
    begun = begin(provider, device_app(provider))
    response = provider.visit(provider.browser(), f"/device?user_code={begun['user_code'].lower()}")
    code = begun["user_code"].replace("-", "")
    assert response.headers["Location"] == f"/login?to=device&user_code={code}"
    signed_in = provider.sign_in()
    again = provider.visit(signed_in, response.headers["Location"])
    assert again.headers["Location"] == f"/device?user_code={begun['user_code']}"


@pytest.mark.spec("RFC 8628", "5.4")
def test_the_page_says_what_is_asked_and_by_whom(provider: Provider, browser: Browser) -> None:
    app = device_app(provider, origin=ClientOrigin.DYNAMIC)
    begun = begin(provider, app, scope="openid email")
    text = provider.visit(browser, f"/device?user_code={begun['user_code']}").text
    for said in (
        begun["user_code"], "TV", "ada@example.com", "See your email address", "Only go on if you started this",
        "127.0.0.1", "Nobody has checked this app", "Cancel", "Allow",
    ):  # fmt: skip
        assert said in text, said
    assert begun["device_code"] not in text
    assert "autofocus" not in text


@pytest.mark.spec("RFC 8628", "3.3.1")
def test_an_address_with_the_code_approves_nothing(provider: Provider, browser: Browser) -> None:
    app = device_app(provider)
    begun = begin(provider, app)
    for path in ("/device", "/device/answer"):
        provider.visit(browser, f"{path}?user_code={begun['user_code']}&decision=allow")
    foreign = provider.visit(
        browser, f"/device/answer?user_code={begun['user_code']}", method="POST", data={"decision": ALLOW},
        headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    )  # fmt: skip
    assert foreign.status_code == 403
    refused(poll(provider, app, begun["device_code"]), 400, "authorization_pending")


def test_neither_answer_is_assumed(provider: Provider, browser: Browser) -> None:
    app = device_app(provider)
    begun = begin(provider, app)
    assert decide(provider, browser, begun["user_code"], "maybe").headers["Location"].startswith("/device?")
    refused(poll(provider, app, begun["device_code"]), 400, "authorization_pending")


def test_a_code_is_typed_as_people_type(provider: Provider, browser: Browser) -> None:
    begun = begin(provider, device_app(provider))
    form = {"csrf_token": token_of(provider.visit(browser, "/device"))}
    sent = {"method": "POST", "headers": {"Sec-Fetch-Site": "same-origin"}}
    typed = begun["user_code"].replace("-", " ").lower()
    response = provider.visit(browser, "/device", data={**form, "user_code": typed}, **sent)
    assert response.headers["Location"] == f"/device?user_code={begun['user_code']}"
    for wrong in ("", "nonsense"):
        response = provider.visit(browser, "/device", data={**form, "user_code": wrong}, **sent)
        assert response.status_code == 422
        assert "Error: " in response.text


@pytest.mark.spec("RFC 8628", "5.1")
def test_guessing_is_slowed_down_for_the_person_and_the_place(alone: Provider) -> None:
    browser = alone.sign_in()
    begun = begin(alone, device_app(alone))
    for _ in range(12):
        assert alone.visit(browser, f"/device?user_code={begun['user_code']}").status_code == 200
    statuses = [alone.visit(browser, f"/device?user_code=BBBB-{a}{b}BB").status_code for a in "CDFG" for b in "HJK"]
    assert statuses == [422] * 10 + [429] * 2
    right = alone.visit(browser, f"/device?user_code={begun['user_code']}")
    assert right.status_code == 429
    assert int(right.headers["Retry-After"]) > 0
    with alone.clock.later(61):
        assert alone.visit(browser, f"/device?user_code={begun['user_code']}").status_code == 200


# ── endings ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P1")
def test_the_device_is_listed_and_ends_from_there(alone: Provider) -> None:
    app, browser = device_app(alone, token_endpoint_auth_method="client_secret_basic"), alone.sign_in()
    begun = begin(alone, app)
    decide(alone, browser, begun["user_code"], ALLOW)
    tokens = answered(poll(alone, app, begun["device_code"]))
    page = alone.visit(browser, "/account/sessions").text
    assert "TV" in page
    assert "Connected with a code" in page
    assert browser.user is not None
    assert browser.session is not None
    device = next(d for d in alone.stores.devices.of_user(browser.user.id) if d.id != browser.session.device_id)
    sent = {"method": "POST", "headers": {"Sec-Fetch-Site": "same-origin"}}
    form = {"csrf_token": token_of(alone.visit(browser, "/account/sessions"))}
    assert alone.visit(browser, f"/account/sessions/{device.id}/end", data=form, **sent).status_code == 303
    assert not alone.active(app, tokens["access_token"])
    assert alone.userinfo(tokens["access_token"]).status_code == 401
    refused(alone.refresh(app, tokens["refresh_token"]), 400, "invalid_grant")


def test_the_device_stays_when_the_browser_signs_out(provider: Provider) -> None:
    app, browser = device_app(provider), provider.sign_in()
    begun = begin(provider, app)
    decide(provider, browser, begun["user_code"], ALLOW)
    tokens = answered(poll(provider, app, begun["device_code"]))
    assert browser.session is not None
    with provider.stores.work():
        provider.services.sessions.end_session(ThisSession(browser.session.id), EndReason.SIGNED_OUT, by="user")
    assert provider.userinfo(tokens["access_token"]).status_code == 200


@pytest.mark.promise("P1")
@pytest.mark.parametrize("what", ["here", "everywhere", "app", "client"])
def test_what_ends_before_the_redemption_ends_the_approval(provider: Provider, what: str) -> None:
    app, browser = device_app(provider), provider.sign_in()
    begun = begin(provider, app)
    decide(provider, browser, begun["user_code"], ALLOW)
    assert browser.session is not None
    assert browser.user is not None
    services, user_id = provider.services, browser.user.id
    with provider.stores.work():
        if what == "app":
            services.consents.remove_app(user_id, app.id, origin=Origin())
        elif what == "client":
            services.clients.disable(app.id)
            services.clients.enable(app.id)
        else:
            target = ThisSession(browser.session.id) if what == "here" else WholeUser(user_id)
            services.sessions.end_session(target, EndReason.SIGNED_OUT, by="user")
    refused(poll(provider, app, begun["device_code"]), 400, "invalid_grant")


def test_no_code_of_the_other_kind(provider: Provider) -> None:
    """What a client polls for by one grant is nothing to another of its grants."""
    app = device_app(provider)
    code = begin(provider, app)["device_code"]
    with pytest.raises(ProtocolError) as caught:
        provider.services.polling.poll(code, app.client, PolledKind.CIBA)
    assert caught.value.error == "invalid_grant"


def test_a_disabled_app_is_not_approved(alone: Provider) -> None:
    """Although its request still waits: whoever disables uses it up as well, and this holds without."""
    app, ada = device_app(alone), alone.sign_in()
    shown = begin(alone, app)["user_code"]
    alone.stores.clients.save(replace(app.client, disabled_at=alone.clock.now()))
    page = alone.visit(ada, f"/device?user_code={shown}")
    assert (page.status_code, "TV" in page.text) == (422, False)
