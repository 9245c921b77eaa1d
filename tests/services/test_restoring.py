"""F-46: a database restored from a backup brings nothing back that had ended since."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest

from idp.domain.revocation import LEAP
from idp.domain.session import EndReason, OneClientSession

from ..oauth.test_revocation_log import page, read, resource_server, token_of
from ..provider import Provider, answered, claims_of, refused


def restore(provider: Provider, taken_at: datetime | None = None) -> int:
    """What ``idp db restored`` does."""
    taken_at = taken_at or provider.clock.now()
    restoring = provider.services.restoring
    with provider.stores.work():
        restoring.begin(taken_at)
    ended = 0
    for batch in restoring.batches(taken_at):
        with provider.stores.work():
            ended += restoring.end(batch)
    return ended


@pytest.mark.promise("P1")
def test_what_the_backup_had_open_ends(alone: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.services.restoring.BATCH", 2)
    app = alone.register("App", trusted=True)
    people = [alone.sign_in(alone.person(f"p{number}@example.com")) for number in range(5)]
    held = [alone.tokens(app, browser, scope="openid offline_access") for browser in people]
    assert restore(alone) == 10, "five sign-ins, and five that are offline and hang on none"
    for tokens in held:
        assert not alone.active(app, tokens["access_token"])
        refused(alone.refresh(app, tokens["refresh_token"]), 400, "invalid_grant")
    assert restore(alone) == 0


def test_what_began_later_goes_on(alone: Provider) -> None:
    """Somebody signed in before the operator came to it."""
    app = alone.register("App", trusted=True)
    taken_at = alone.clock.now()
    with alone.clock.later(10):
        tokens = alone.tokens(app, alone.sign_in(), scope="openid offline_access")
        assert restore(alone, taken_at) == 0
    with alone.clock.later(12):
        assert alone.refresh(app, tokens["refresh_token"]).status_code == 200


@pytest.mark.promise("P1")
def test_what_the_backup_does_not_know_dies_with_its_client(alone: Provider) -> None:
    """A sign-in after the backup has left no row; its tokens are refused all the same, everywhere."""
    app, machine = alone.register("App", trusted=True), alone.register(grant_types=["client_credentials"])
    token = answered(alone.credentials(machine))["access_token"]
    restore(alone)
    assert not alone.active(machine, token)
    entries = alone.stores.revocations.page(0, 1000).entries
    assert {app.id, machine.id} <= {entry.value for entry in entries if entry.kind == "client_id"}
    with alone.clock.later(2):
        assert alone.active(machine, answered(alone.credentials(machine))["access_token"])


def test_no_number_is_given_twice_and_every_follower_is_told(alone: Provider) -> None:
    server = resource_server(alone)
    app = alone.register("App", trusted=True)
    sids = []
    for _ in range(3):
        tokens = alone.tokens(app, alone.sign_in())
        sids.append(claims_of(tokens["access_token"])["sid"])
    with alone.stores.work():
        alone.services.sessions.end_session(OneClientSession(UUID(sids[0])), EndReason.ADMINISTRATOR, by="operator")
    seen_before_the_fault = page(alone, token_of(alone, server))["head"] + 500
    refused(read(alone, token_of(alone, server), f"?after={seen_before_the_fault}"), 410, "invalid_request")
    restore(alone)
    with alone.clock.later(2):
        found = page(alone, token_of(alone, server), seen_before_the_fault)
    assert min(entry["seq"] for entry in found["entries"]) > LEAP
    assert set(sids[1:]) <= {entry["value"] for entry in found["entries"]}


def test_it_is_on_record(alone: Provider) -> None:
    restore(alone)
    assert any("database.restored" in row for row in alone.rows()["security_events"])
