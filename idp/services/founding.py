"""What a redemption creates: a client session, and the refresh family that hangs on it.

The same whatever was redeemed: an authorization code, a device code, a CIBA request. Who may redeem it, and
that it is redeemed once, has been decided before; everything here happens in that transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from ..domain.client import Client, GrantType
from ..domain.master_key import MasterKeys
from ..domain.ports import Stores
from ..domain.refresh import RefreshFamily, format_token
from ..domain.scope import OFFLINE_ACCESS
from ..domain.session import ClientSession
from ..errors import ProtocolError
from ..settings import Settings


class Granted(Protocol):
    """What a person has granted: the facts that are copied into what is created."""

    @property
    def user_id(self) -> UUID: ...
    @property
    def scope(self) -> tuple[str, ...]: ...
    @property
    def resources(self) -> tuple[str, ...]: ...
    @property
    def claims(self) -> Mapping[str, object]: ...
    @property
    def auth_time(self) -> datetime: ...
    @property
    def acr(self) -> str: ...
    @property
    def amr(self) -> tuple[str, ...]: ...


class Founding:
    """Makes client sessions and refresh families."""

    def __init__(self, stores: Stores, settings: Settings, master_keys: MasterKeys) -> None:
        self._stores = stores
        self._settings = settings
        self._keys = master_keys

    def hold_consent(self, user_id: UUID, client: Client, scopes: tuple[str, ...]) -> None:
        """Consent may have been withdrawn since it was given, or be about to be: invalid_grant.

        Held first, before what is redeemed, Session and client session, as everybody who withdraws does: so
        a withdrawal that committed is seen, and one that comes later sees what this creates.

        So may the client have been disabled, or no longer be trusted: it is looked at anew. Why it is not held: that
        would let an app keep an operator waiting, and what comes to be while it is being disabled, ``Clients.enable``
        ends.
        """
        known = self._stores.clients.get(client.client_id)
        if known is None or known.disabled_at is not None:
            raise ProtocolError("invalid_grant", "the client has been disabled", section="RFC 6749 5.2")
        if known.trusted:
            return
        consent = self._stores.consents.hold(user_id, client.client_id)
        if consent is None or not consent.covers(scopes):
            raise ProtocolError("invalid_grant", "the consent has been withdrawn", section="RFC 6749 5.2")

    def client_session(
        self, sid: UUID, granted: Granted, client: Client, now: datetime, *, session_id: UUID | None, device_id: UUID
    ) -> ClientSession:  # fmt: skip
        """To be joined by the caller. ``session_id`` None: it hangs on no Session (a device grant's)."""
        return ClientSession(
            id=sid, user_id=granted.user_id, session_id=session_id, device_id=device_id, client_id=client.client_id,
            offline=offline(granted.scope, client),
            scope=granted.scope, created_at=now, last_used_at=now,
        )  # fmt: skip

    def refresh_token(
        self, granted: Granted, joined: ClientSession, client: Client, now: datetime, confirmation: Mapping[str, str],
        authorization_details: tuple[Mapping[str, object], ...] = (),
    ) -> str | None:  # fmt: skip
        """The first token of a new family, None for a client that is not registered to refresh."""
        family = self.family(granted, joined.id, client, now, confirmation, authorization_details)
        if family is not None:
            self._stores.refresh_families.add(family)
        return self.first_token(family)

    def family(
        self, granted: Granted, sid: UUID, client: Client, now: datetime, confirmation: Mapping[str, str],
        authorization_details: tuple[Mapping[str, object], ...] = (),
    ) -> RefreshFamily | None:  # fmt: skip
        """A family for the client session ``sid``, not kept yet; None for a client that is not registered to refresh.

        A public client's family is bound to whatever ``confirmation`` says (RFC 9449 section 5, RFC 8705
        section 4); a confidential client proves itself with every refresh, and may change its keys.
        """
        if GrantType.REFRESH_TOKEN not in client.grant_types:
            return None
        settings = self._settings
        return RefreshFamily(
            id=self._stores.randomness.uuid(), client_session_id=sid, user_id=granted.user_id,
            client_id=client.client_id, counter=0, rotated_at=now, scope=granted.scope, resources=granted.resources,
            claims=granted.claims, authorization_details=authorization_details,
            auth_time=granted.auth_time, acr=granted.acr, amr=granted.amr, created_at=now,
            jkt=confirmation.get("jkt") if client.public else None,
            x5t=confirmation.get("x5t#S256") if client.public else None,
            idle_seconds=settings.refresh_idle_life,
            expires_at=now + timedelta(seconds=settings.refresh_absolute_life),
        )  # fmt: skip

    def first_token(self, family: RefreshFamily | None) -> str | None:
        """Of a new family, if there is one."""
        if family is None:
            return None
        return format_token(self._keys, self._keys.current.key_id, family.id, 0, family.client_id)


def offline(scope: tuple[str, ...], client: Client) -> bool:
    """Does what was granted outlive the Session (OpenID Connect Core 1.0 section 11)?"""
    return OFFLINE_ACCESS in scope and GrantType.REFRESH_TOKEN in client.grant_types
