"""What was approved elsewhere, redeemed and ended at once, on both databases (P1, P4; RFC 8628, CIBA).

In one process with a thread for each request: what is raced here are the statements and their locks.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from idp.domain.device import Origin
from idp.domain.polled import PolledKind
from idp.domain.session import EndReason, WholeUser
from idp.errors import IdpError, NotFound
from idp.services.polling import Asked
from idp.services.sessions import Current

from ..provider import App, Provider, both

__all__ = ["both"]

ROUNDS = 4
GRANTS = {
    PolledKind.DEVICE: "urn:ietf:params:oauth:grant-type:device_code",
    PolledKind.CIBA: "urn:openid:params:grant-type:ciba",
}
CODE_OF = {PolledKind.DEVICE: "device_code", PolledKind.CIBA: "auth_req_id"}


def begun(provider: Provider, app: App, kind: PolledKind, current: Current) -> tuple[str, Any]:
    """A request that waits for the person: its code, and the request."""
    polling = provider.services.polling
    if kind is PolledKind.DEVICE:
        made = polling.begin_device(app.client, ("openid",), (), (), Origin())
        return made.code, polling.by_user_code(made.user_code, current, Origin())
    asked = Asked(
        user=current.user, scope=("openid",), resources=(), authorization_details=(), binding_message=None,
        acr_values=(), notification_token=None, seconds=600, origin=Origin(),
    )  # fmt: skip
    with provider.stores.work():
        made = polling.begin_ciba(app.client, asked)
    return made.code, polling.waiting_for(current.user)[-1]


def at_once(*acts: Any) -> list[Any]:
    barrier = Barrier(len(acts))

    def start(act: Any) -> Any:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(start, acts))


@pytest.fixture(params=list(PolledKind))
def kind(request: pytest.FixtureRequest) -> PolledKind:
    found: PolledKind = request.param
    return found


@pytest.fixture
def app(both: Provider, kind: PolledKind) -> App:
    more = {"backchannel_token_delivery_mode": "poll"} if kind is PolledKind.CIBA else {}
    return both.register("TV", redirect_uris=[], grant_types=[GRANTS[kind], "refresh_token"], **more)


@pytest.mark.promise("P1")
@pytest.mark.parametrize("approved_before", [True, False])
def test_everything_ended_means_nothing_lives(
    both: Provider, app: App, kind: PolledKind, approved_before: bool
) -> None:  # fmt: skip
    """Approval, redemption and the end of everything, in any order: what the redemption gave is dead after it."""
    user, outcomes = both.person(), set()
    for _ in range(ROUNDS):
        browser = both.sign_in(user)
        assert browser.session
        current = Current(browser.session, user)
        code, waiting = begun(both, app, kind, current)

        def approve(current: Current = current, waiting: Any = waiting) -> None:
            try:
                with both.stores.work():
                    both.services.polling.approve(waiting, current, Origin())
            except NotFound:
                pass  # the ending was first

        def redeem(code: str = code) -> Any:
            return both.post("/token", {"grant_type": GRANTS[kind], CODE_OF[kind]: code}, app)

        def end() -> None:
            with both.stores.work():
                both.services.sessions.end_session(WholeUser(user.id), EndReason.ADMINISTRATOR, by="operator")

        if approved_before:
            approve()
            answers = [at_once(redeem, end)[0]]
        else:
            answers = [at_once(approve, redeem, end)[1], redeem()]
        for answer in answers:
            assert answer.status_code in (200, 400), answer.text
            outcomes.add(answer.status_code)
            if answer.status_code == 200:
                assert not both.active(app, answer.json["access_token"])
                assert both.refresh(app, answer.json["refresh_token"]).status_code == 400
        assert redeem().status_code == 400
        assert not both.stores.client_sessions.of_user(user.id)
    assert 400 in outcomes or approved_before


@pytest.mark.promise("P4")
def test_one_redemption_wins(both: Provider, app: App, kind: PolledKind) -> None:
    user = both.person()
    browser = both.sign_in(user)
    assert browser.session
    code, waiting = begun(both, app, kind, Current(browser.session, user))
    with both.stores.work():
        both.services.polling.approve(waiting, Current(browser.session, user), Origin())
    form = {"grant_type": GRANTS[kind], CODE_OF[kind]: code}
    answers = at_once(*[lambda: both.post("/token", form, app)] * 16)
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 15
    assert len(both.stores.client_sessions.of_user(user.id)) == 1


@pytest.mark.promise("P4")
def test_one_decision_counts(both: Provider, app: App, kind: PolledKind) -> None:
    """Allow and Cancel from several tabs at once: whichever was first stays."""
    user = both.person()
    browser = both.sign_in(user)
    assert browser.session
    current = Current(browser.session, user)
    for _ in range(ROUNDS):
        _code, waiting = begun(both, app, kind, current)

        def decide(act: Any, waiting: Any = waiting) -> bool:
            try:
                with both.stores.work():
                    act(waiting, current, Origin())
            except IdpError:
                return False
            return True

        polling = both.services.polling
        done = at_once(*[lambda act=act: decide(act) for act in (polling.approve, polling.deny) * 3])
        assert sum(done) == 1
