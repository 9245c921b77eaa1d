"""Which apps a browser should tell that its session is over (OpenID Connect Front-Channel Logout 1.0).

Asked by the cookie of the ended Session, which a browser keeps until it has seen the page that says so:
so nothing need be remembered between the ending and that page, however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from ..domain.ports import Stores
from .sessions import secret_hash

LATELY = timedelta(minutes=10)
"""A browser that comes back later finds its apps told by the back channel or not at all."""


@dataclass(frozen=True, slots=True)
class AppToTell:
    """``uri`` is the client's ``frontchannel_logout_uri`` as registered now, ``sid`` what it knows the session as."""

    client_id: str
    uri: str
    sid: UUID


class Frontchannel:
    """Look-up only: endings are ``SessionControl.end_session``'s."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def apps_of(self, session_secret: str | None) -> Sequence[AppToTell]:
        """Those that held something of the Session of this cookie until it ended a moment ago."""
        found = self._stores.sessions.by_secret(secret_hash(session_secret)) if session_secret else None
        if found is None or found[0].ended_at is None:
            return ()
        session = found[0]
        since = max(session.ended_at or session.created_at, self._stores.clock.now() - LATELY)
        ended = self._stores.client_sessions.ended_of(session.id, since)
        clients = self._stores.clients.some(sorted({item.client_id for item in ended}))
        addresses = {name: client.metadata.get("frontchannel_logout_uri") for name, client in clients.items()}
        return [
            AppToTell(item.client_id, str(addresses[item.client_id]), item.id)
            for item in ended
            if addresses.get(item.client_id)
        ]
