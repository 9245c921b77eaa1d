"""What a redemption creates, it creates under a client that nobody has disabled meanwhile."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from idp.errors import ProtocolError
from idp.storage.tables import codes

from ..provider import Provider


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
    with both.engine.begin() as connection:  # as if it had been issued just now
        connection.execute(update(codes).where(codes.c.code_hash == found.code_hash).values(used_at=None))
    with pytest.raises(ProtocolError, match="invalid_grant"):
        both.services.codes.redeem(found, before, {}, grant)
    rows = both.rows()
    assert (rows["client_sessions"], rows["refresh_families"]) == ([], [])
