"""What a redemption creates, it creates under a client that nobody has disabled meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import Engine, update

from idp.domain.user import User
from idp.errors import ProtocolError
from idp.storage.tables import client_sessions, codes, sessions

from ..provider import Browser, Provider, answered, refused, running


@pytest.fixture
def on_postgres(postgres_engine: Engine) -> Iterator[Provider]:
    with running(postgres_engine.url.render_as_string(hide_password=False)) as made:
        yield made


@pytest.mark.promise("P1")
@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("change", ["disable", "delete"])
def test_who_was_looked_at_before_the_client_was_disabled_creates_nothing(
    both: Provider, trusted: bool, change: str
) -> None:
    """Enabled again, what it had got by a code that came between would live."""
    app, ada = both.register(trusted=trusted), both.sign_in()
    before = both.services.clients.get(app.id)
    found = both.services.codes.load(both.code(app, ada), before)
    grant = both.services.codes.prospect(found, before)
    with both.stores.work():
        getattr(both.services.clients, change)(app.id)
    if change == "disable":  # as if both had been given just now
        both.consent(somebody(ada), app)
        with both.engine.begin() as connection:
            connection.execute(update(codes).where(codes.c.code_hash == found.code_hash).values(used_at=None))
    with pytest.raises(ProtocolError, match="invalid_grant"):
        both.services.codes.redeem(found, before, {}, grant)
    rows = both.rows()
    assert (rows["client_sessions"], rows["refresh_families"]) == ([], [])


@pytest.mark.promise("P1")
@pytest.mark.parametrize("trusted", [True, False])
def test_what_a_disabling_did_not_see_does_not_live_again(both: Provider, trusted: bool) -> None:
    """It committed after the statements that would have ended it, and before the disabling."""
    app, ada = both.register(trusted=trusted), both.sign_in()
    tokens = both.tokens(app, ada)
    with both.stores.work():
        both.services.clients.disable(app.id)
    with both.engine.begin() as connection:
        for table in (sessions, client_sessions):
            connection.execute(update(table).values(ended_at=None, end_reason=None))
    with both.stores.work():
        both.services.clients.enable(app.id)
    refused(both.refresh(app, tokens["refresh_token"]), 400, "invalid_grant")
    assert not both.active(app, tokens["access_token"])


@pytest.mark.promise("P1")
@pytest.mark.parametrize("trusted", [True, False])
def test_what_is_redeemed_while_the_client_is_being_disabled_does_not_live_again(
    on_postgres: Provider, trusted: bool
) -> None:  # fmt: skip
    """On PostgreSQL; SQLite has one writer, and whoever redeems waits for the disabling."""
    both = on_postgres
    app, ada, done, go = both.register(trusted=trusted), both.sign_in(), Event(), Event()

    def disable() -> None:
        with both.stores.work():
            both.services.clients.disable(app.id)
            done.set()
            assert go.wait(60)

    with ThreadPoolExecutor(1) as pool:
        disabling = pool.submit(disable)
        assert done.wait(60)
        try:
            tokens = answered(both.redeem(app, both.code(app, ada)))
        finally:
            go.set()
        disabling.result()
    with both.stores.work():
        both.services.clients.enable(app.id)
    refused(both.refresh(app, tokens["refresh_token"]), 400, "invalid_grant")
    assert not both.active(app, tokens["access_token"])


def somebody(browser: Browser) -> User:
    assert browser.user is not None
    return browser.user
