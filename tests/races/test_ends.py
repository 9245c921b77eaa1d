"""Endings against whatever runs beside them: refresh, redemption, other workers, a crash (P1; F-39)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlencode

import pytest
import requests

from idp.domain.session import EndReason, WholeUser
from tests.conftest import DATABASES
from tests.running import RunningProvider, operating, running
from tests.user_agent import UserAgent

from .play import CALLBACK, ROUNDS, Answer, Held, Play

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("races"), pytest.mark.timeout(900), pytest.mark.promise("P1")]

End = Callable[[Play, Held], None]


# ── the ways to end; each returns once the end is acknowledged ────────────────────────────────────


def by_revoking_the_refresh_token(play: Play, held: Held) -> None:
    assert play.until_known(lambda: play.revoke(held.app, held.tokens["refresh_token"])).ok


def by_revoking_the_access_token(play: Play, held: Held) -> None:
    assert play.until_known(lambda: play.revoke(held.app, held.tokens["access_token"])).ok


def by_the_logout_endpoint(play: Play, held: Held) -> None:
    query = urlencode({"id_token_hint": held.tokens["id_token"], "post_logout_redirect_uri": CALLBACK})
    url = f"{play.provider.issuer}/logout?{query}"

    def act() -> Answer:
        response = held.browser.session.get(url, allow_redirects=False, timeout=30)
        play.record("/logout", response)
        return Answer(response.status_code, {})

    assert play.until_known(act).status == 303


def everywhere_on_the_account_page(play: Play, held: Held) -> None:
    press(
        held.browser, f"{play.provider.issuer}/account/sessions/everywhere/end", "Sign out everywhere", "/signed-out?"
    )


def from_another_browser(play: Play, held: Held) -> None:
    address = f"{play.provider.issuer}/account/sessions/others/end"
    with play.browser(held.user) as other:
        press(other, address, "Sign out of the other device", "ended=others")


def by_removing_the_app(play: Play, held: Held) -> None:
    address = f"{play.provider.issuer}/account/apps/{held.app.client_id}/remove"
    press(held.browser, address, "Remove access", "removed=yes")


def press(browser: UserAgent, address: str, button: str, then: str) -> None:
    """Open a page of the account and press its button, again where the answer is 503; see what it says."""
    for _ in range(20):
        page = browser.get(address)
        if page.status == 200:
            page = browser.submit(button)
        if page.status != 503:
            assert page.status == 200, page
            assert then in page.url, page
            return
    raise AssertionError("twenty times 503")


def by_disabling_the_user(play: Play, held: Held) -> None:
    with play.operator.services.work():
        play.operator.services.accounts.disable(held.user)


def by_an_administrator(play: Play, held: Held) -> None:
    with play.operator.services.work():
        play.operator.services.sessions.end_session(WholeUser(held.user.id), EndReason.ADMINISTRATOR, by="operator")


OF_THE_APP = (by_revoking_the_refresh_token, by_revoking_the_access_token)
OF_THE_PERSON = (
    by_the_logout_endpoint, everywhere_on_the_account_page, from_another_browser, by_removing_the_app,
    by_disabling_the_user, by_an_administrator,
)  # fmt: skip
ALL = (*OF_THE_APP, *OF_THE_PERSON)


def name_of(end: End) -> str:
    return end.__name__


# ── races ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("end", ALL, ids=name_of)
def test_nothing_survives_an_end_that_races_refreshes(play: Play, end: End) -> None:
    app = play.app(trusted=False)
    for _ in range(ROUNDS):
        user = play.person()
        play.allow(user, app)
        held = play.holding(app, user)
        families = [held.tokens, *(play.redeem(app, play.code(held.browser, app)) for _ in range(2))]

        def chain(http: requests.Session, first: Answer) -> list[Answer]:
            answers = [first]
            for _ in range(6):
                answers.append(play.refresh(app, answers[-1]["refresh_token"], http))
                if not answers[-1].ok:
                    break
            return answers

        def finish(_http: requests.Session, held: Held = held) -> list[Answer]:
            end(play, held)
            return []

        with held.browser:
            chains = play.crowd([*(partial(chain, first=family) for family in families), finish])
        found = play.operator.stores.client_sessions.get(held.sid)
        assert found is not None
        assert found.end_reason not in (None, EndReason.REFRESH_REUSE, EndReason.CODE_REUSE)
        play.assert_dead(app, [answer for answers in chains for answer in answers])


@pytest.mark.parametrize("end", OF_THE_PERSON, ids=name_of)
def test_nothing_survives_an_end_that_races_a_redemption(play: Play, end: End) -> None:
    app = play.app(trusted=False)
    for _ in range(ROUNDS):
        user = play.person()
        play.allow(user, app)
        held = play.holding(app, user)
        codes = [play.code(held.browser, app) for _ in range(3)]
        redeeming = [lambda http, code=code: play.redeem(app, code, http) for code in codes]

        def finish(_http: requests.Session, held: Held = held) -> Answer:
            end(play, held)
            return Answer(0, {})

        with held.browser:
            answers = play.crowd([*redeeming, finish])
        assert {answer.status for answer in answers[:-1]} <= {200, 400, 503}
        play.assert_dead(app, [held.tokens, *answers])


# ── one worker ends, the other is asked ───────────────────────────────────────────────────────────


def test_after_an_acknowledged_end_every_worker_says_inactive(play: Play) -> None:
    app = play.app(trusted=False)
    ends = itertools.cycle(ALL)
    for _ in range(ROUNDS):
        user = play.person()
        play.allow(user, app)
        held = play.holding(app, user)
        asked = [requests.Session() for _ in range(40)]
        try:
            assert all(play.introspect(app, held.tokens["access_token"], http) for http in asked[:10])
            with held.browser:
                next(ends)(play, held)
            token, refresh = held.tokens["access_token"], held.tokens["refresh_token"]
            assert not any(play.introspect(app, token if n % 2 else refresh, http) for n, http in enumerate(asked))
            reached = [play.provider.connections_of(worker) for worker in play.provider.worker_ids()]
            assert len(reached) == 2
            assert all(reached), f"only one worker was asked: {reached}"
        finally:
            for http in asked:
                http.close()


# ── through a crash ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=DATABASES)
def mortal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """A provider of its own, to be killed."""
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else ""
    provider = RunningProvider(tmp_path_factory.mktemp("mortal"), url)
    with operating(provider) as operator, running(provider):
        yield Play(provider, operator)


def test_an_acknowledged_end_survives_kill_9(mortal: Play) -> None:
    app = mortal.app(trusted=False)
    for end, kill_all in ((by_revoking_the_refresh_token, False), (by_the_logout_endpoint, True)):
        user = mortal.person()
        mortal.allow(user, app)
        held, bystander = mortal.holding(app, user), mortal.holding(mortal.app())
        with held.browser, bystander.browser:
            end(mortal, held)
            if kill_all:
                mortal.provider.crash()
            else:
                mortal.provider.kill_worker()
                mortal.provider.stop()
            mortal.provider.start()
        for _ in range(10):
            assert not mortal.introspect(app, held.tokens["access_token"])
        mortal.assert_dead(app, [held.tokens])
        assert mortal.refresh(bystander.app, bystander.tokens["refresh_token"]).ok
