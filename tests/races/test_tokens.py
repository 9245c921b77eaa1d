"""Fifty threads with one refresh token, fifty with one code (P3, P4; reliability.md F-37, F-38)."""

from __future__ import annotations

import pytest

from .play import ROUNDS, Play

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("races"), pytest.mark.timeout(900)]


@pytest.mark.promise("P3")
def test_fifty_uses_of_one_refresh_token_give_one_successor_and_the_family_lives(play: Play) -> None:
    app = play.app()
    for _ in range(ROUNDS):
        held = play.holding(app)
        presented = held.tokens["refresh_token"]
        answers = play.all_at_once(play.refresh, app, presented)
        known = [answer for answer in answers if not answer.unknown]
        assert known
        assert {answer.status for answer in known} == {200}, known
        successors = {answer["refresh_token"] for answer in known}
        assert len(successors) == 1
        assert presented not in successors
        successor = successors.pop()
        assert all(play.introspect(app, answer["access_token"]) for answer in known[:3])
        assert play.introspect(app, successor)
        assert play.until_known(lambda: play.refresh(app, successor)).ok  # noqa: B023 - called at once


@pytest.mark.promise("P3")
def test_without_grace_one_use_succeeds_at_most_and_the_client_session_ends(play: Play) -> None:
    app = play.app(refresh_grace=0)
    for _ in range(ROUNDS):
        held = play.holding(app)
        presented = held.tokens["refresh_token"]
        answers = play.all_at_once(play.refresh, app, presented)
        refused = [answer for answer in answers if not answer.ok and not answer.unknown]
        assert sum(answer.ok for answer in answers) <= 1
        assert {(answer.status, answer["error"]) for answer in refused} == {(400, "invalid_grant")}
        play.assert_dead(app, [held.tokens, *answers])
        found = play.operator.stores.client_sessions.get(held.sid)
        assert found is not None
        assert found.end_reason == "refresh_reuse"


@pytest.mark.promise("P4")
def test_fifty_redemptions_of_one_code_give_one_success_and_the_replays_end_it(play: Play) -> None:
    app = play.app()
    for _ in range(ROUNDS):
        with play.browser(play.person()) as browser:
            code = play.code(browser, app)
        answers = play.all_at_once(play.redeem, app, code)
        refused = [answer for answer in answers if not answer.ok and not answer.unknown]
        assert sum(answer.ok for answer in answers) <= 1
        assert {(answer.status, answer["error"]) for answer in refused} == {(400, "invalid_grant")}
        play.assert_dead(app, answers)
