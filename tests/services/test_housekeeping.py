"""Every table has an end to its rows (P6)."""

from __future__ import annotations

import pytest

from ..provider import Provider, answered

DAY = 86400


@pytest.mark.promise("P6")
def test_what_nothing_can_need_any_more_goes(alone: Provider) -> None:
    app, machine = alone.register(), alone.register(grant_types=["client_credentials"], redirect_uris=[])
    ada = alone.sign_in()
    alone.tokens(app, ada)
    alone.authorize(alone.register("Waiting"), ada)
    alone.revoke(machine, answered(alone.credentials(machine))["access_token"])
    before = alone.counts()
    assert min(before[name] for name in ("codes", "interactions", "refresh_families", "sessions", "revocations")) > 0
    for days in (800, 40):  # what ended is shown for a while
        alone.clock.move(days * DAY)
        for _ in range(2):
            alone.services.housekeeping.round()
    after = alone.counts()
    for name in ("codes", "interactions", "refresh_families", "client_sessions", "sessions", "revocations",
                 "assertion_ids", "throttles"):  # fmt: skip
        assert after[name] == 0, name
    assert after["users"] == before["users"]
    assert after["clients"] == before["clients"]


def test_nothing_that_is_in_use_goes(alone: Provider) -> None:
    app, ada = alone.register(), alone.sign_in()
    tokens = alone.tokens(app, ada)
    for _ in range(2):
        alone.services.housekeeping.round()
    assert alone.active(app, tokens["access_token"])
    assert alone.active(app, tokens["refresh_token"])
