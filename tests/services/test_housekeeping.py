"""Every table has an end to its rows (P6)."""

from __future__ import annotations

import pytest
import structlog

from idp import housekeeper, logs
from idp.errors import Unavailable
from idp.services import housekeeping

from ..builders import NOW, an_interaction
from ..provider import Provider, answered
from ..storage.people import sign_in

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


def waiting(provider: Provider, number: int) -> None:
    for _ in range(number):
        provider.stores.interactions.add(an_interaction())  # long over: the builders' time stands still


@pytest.mark.promise("P6")
def test_one_round_keeps_up(both: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a batch of everything, all of it over, goes at once."""
    monkeypatch.setattr(housekeeping, "BATCH", 3)
    monkeypatch.setattr(housekeeping, "ENDINGS", 2)
    both.clock.move((NOW - both.clock.now()).total_seconds() + 400 * DAY)
    for _ in range(5):
        sign_in(both.stores)
    waiting(both, 10)
    done = both.services.housekeeping.round()
    assert (done["sessions_ended"], done["interactions"]) == (5, 10)
    assert both.counts()["interactions"] == 0


def test_a_round_has_an_end(both: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 3)
    monkeypatch.setattr(housekeeping, "PATIENCE_SECONDS", 0.0)
    both.clock.move((NOW - both.clock.now()).total_seconds() + 400 * DAY)
    waiting(both, 10)
    assert both.services.housekeeping.round()["interactions"] == 3


@pytest.mark.parametrize("failing", ["end", "rotate", "sweep"])
def test_a_step_that_fails_starves_no_other(both: Provider, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no")

    services, stores = both.services, both.stores
    owner, name = {
        "end": (services.sessions, "end_due"), "rotate": (services.keys, "rotate_if_due"),
        "sweep": (stores.sweeper, "sweep"),
    }[failing]  # fmt: skip
    monkeypatch.setattr(owner, name, fails)
    steps = {"end": "sessions_ended", "rotate": "keys_rotated", "sweep": "interactions"}
    with structlog.testing.capture_logs() as logged:
        done = services.housekeeping.round()
    assert {step for step, key in steps.items() if key not in done} == {failing}
    assert [entry["log_level"] for entry in logged if "step" in entry] == ["error"]


def test_a_database_that_is_away_is_a_line_and_no_traceback(alone: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a log calls an error is a mistake of ours: the fault matrix looks for those."""

    def away(*_: object) -> None:
        raise Unavailable("the database: it does not answer")

    monkeypatch.setattr(alone.stores.sweeper, "sweep", away)
    with structlog.testing.capture_logs() as logged:
        alone.services.housekeeping.round()
    [entry] = [entry for entry in logged if entry.get("step") == "sweeping"]
    assert (entry["log_level"], entry["error"]) == ("warning", "the database: it does not answer")
    assert "exc_info" not in entry


def test_the_log_says_what_was_done(both: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts of ``assertion_ids`` are no secret, and their name must not make them one."""
    monkeypatch.setattr(both.stores.sweeper, "sweep", lambda *_: {"assertion_ids": 7, "codes": 0})
    with structlog.testing.capture_logs() as logged:
        housekeeper.one_round(both.services.housekeeping)
    entry = next(entry for entry in logged if entry["event"] == "housekeeping")
    assert logs.redact(None, "info", entry)["done"] == ["assertion_ids 7"]
