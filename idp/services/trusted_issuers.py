"""Issuers that an operator trusts to say who a person is, and what their word is good for (RFC 7523).

An assertion is worth a client session of its own, on a device of its own: one for each issuer, person and
client, so that nothing grows with use, and the person sees it in the list of devices and can end it. An
ending ends what there is; the issuer's next word begins anew, as a new sign-in would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from .. import jose
from ..domain.client import Client
from ..domain.client_metadata import read_jwks
from ..domain.device import Device
from ..domain.event import SecurityEvent
from ..domain.master_key import MasterKeys
from ..domain.metadata_members import MetadataProblem, link
from ..domain.ports import Stores
from ..domain.scope import REVOCATIONS, STANDARD_SCOPES
from ..domain.session import ClientSession
from ..domain.trusted_issuer import SubjectKind, TrustedIssuer
from ..domain.user import User
from ..errors import InputRefused, NotFound, ProtocolError
from ..settings import Settings
from .codes import Grant, invalid_grant
from .founding import Founding


class TrustedIssuers:
    """Registered by operators; used by the JWT bearer grant."""

    def __init__(self, stores: Stores, settings: Settings, master_keys: MasterKeys) -> None:
        self._stores = stores
        self._founding = Founding(stores, settings, master_keys)

    # ── the operator's ───────────────────────────────────────────────────────────────────────────

    def list(self) -> Sequence[TrustedIssuer]:
        """All of them, by name."""
        return self._stores.trusted_issuers.list()

    def create(
        self, issuer: str, *, jwks: Mapping[str, object] | None, jwks_uri: str | None, clients: Sequence[str],
        scope: Sequence[str], subject: SubjectKind,
    ) -> TrustedIssuer:  # fmt: skip
        """Trust it. In a transaction; raises InputRefused with every mistake, or Conflict."""
        problems = {**_name_problem(issuer), **_keys_problem(jwks, jwks_uri), **self._reach_problem(clients, scope)}
        if problems:
            raise InputRefused(problems)
        made = TrustedIssuer(
            issuer=issuer, jwks=jwks, jwks_uri=jwks_uri, clients=tuple(clients), scope=tuple(scope), subject=subject,
            created_at=self._stores.clock.now(),
        )  # fmt: skip
        self._stores.trusted_issuers.add(made)
        self._record("issuer.trusted", issuer, "operator")
        return made

    def delete(self, issuer: str) -> None:
        """Trust it no more; what it has earned ends by itself. Raises NotFound."""
        if not self._stores.trusted_issuers.delete(issuer):
            raise NotFound(issuer)
        self._record("issuer.deleted", issuer, "operator")

    # ── the grant's ──────────────────────────────────────────────────────────────────────────────

    def find(self, issuer: str, client: Client) -> TrustedIssuer | None:
        """The issuer, if this client may present its assertions."""
        found = self._stores.trusted_issuers.get(issuer)
        return found if found is not None and client.client_id in found.clients else None

    def redeem(
        self, issuer: TrustedIssuer, client: Client, subject: str, jti_hash: bytes, expires_at: datetime,
        scope: tuple[str, ...] | None,
    ) -> Grant:  # fmt: skip
        """What a verified assertion is worth. In the caller's transaction; raises ProtocolError.

        The client is held first, then the person: so whoever disables the one or ends everything of the other
        comes before or after, never between, and of several assertions at once each finds what the first created.
        There is no ``auth_time``: nobody has signed in, and a fresh assertion is no fresh sign-in (RFC 9470).
        """
        self._steady(client)
        user, now = self._person(issuer, subject), self._stores.clock.now()
        granted = _granted(issuer, client, scope)
        self._founding.hold_consent(user.id, client, granted)
        if not self._stores.assertion_ids.claim(f"jwt-bearer:{issuer.issuer}", jti_hash, expires_at):
            raise invalid_grant("the assertion was used before", "RFC 7523 3")
        held = self._held(issuer, user, client, granted, now)
        self._record("assertion.redeemed", issuer.issuer, f"client:{client.client_id}", user, client)
        return Grant(client_id=client.client_id, user_id=user.id, user=user, sid=held.id, scope=granted, resources=())

    def _steady(self, client: Client) -> None:
        """Before anything else, as in ``Clients.disable``: of a trusted client there is no consent to wait for."""
        found = self._stores.clients.steady(client.client_id)
        if found is None or found.disabled_at is not None:
            raise invalid_grant("the client has been disabled", "RFC 6749 5.2")

    def _person(self, issuer: TrustedIssuer, subject: str) -> User:
        """One answer for every cause: unknown, unconfirmed, disabled."""
        user = self._named(issuer, subject)
        held = self._stores.users.hold(user.id) if user is not None else None
        if held is None or not held.live:
            raise invalid_grant("the subject of the assertion is not acceptable", "RFC 7523 3.1")
        return held

    def _named(self, issuer: TrustedIssuer, subject: str) -> User | None:
        if issuer.subject is SubjectKind.EMAIL:
            user = self._stores.users.by_email(subject)
            return user if user is not None and user.email_verified else None
        try:
            return self._stores.users.get(UUID(subject))
        except ValueError:
            return None

    def _held(
        self, issuer: TrustedIssuer, user: User, client: Client, scope: tuple[str, ...], now: datetime
    ) -> ClientSession:
        device = _device(issuer, user, client, now)
        self._stores.devices.ensure(device)
        for found in self._stores.client_sessions.of_user(user.id):
            if (found.device_id, found.client_id, found.session_id) == (device.id, client.client_id, None):
                self._stores.client_sessions.touch(found.id, now)
                return found
        made = ClientSession(
            id=self._stores.randomness.uuid(), user_id=user.id, session_id=None, device_id=device.id,
            client_id=client.client_id, offline=False, scope=scope, created_at=now, last_used_at=now,
        )  # fmt: skip
        return self._stores.client_sessions.join(made)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _reach_problem(self, clients: Sequence[str], scope: Sequence[str]) -> dict[str, str]:
        known = self._stores.clients.some(sorted(clients))
        if not clients or set(clients) - set(known):
            return {"clients": "name the clients that may present its assertions"}
        own = [name for name in scope if name not in STANDARD_SCOPES and name != REVOCATIONS]
        if not scope or set(scope) - set(self._stores.resources.scopes(own)):
            return {"scope": "name scopes of your APIs"}
        return {}

    def _record(
        self, kind: str, issuer: str, actor: str, user: User | None = None, client: Client | None = None
    ) -> None:
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=self._stores.clock.now(), kind=kind, actor=actor,
                user_id=user.id if user else None, client_id=client.client_id if client else None,
                details={"issuer": issuer},
            )
        )  # fmt: skip


def _granted(issuer: TrustedIssuer, client: Client, scope: tuple[str, ...] | None) -> tuple[str, ...]:
    """Scopes of APIs alone: who the person is, the issuer has said."""
    may = tuple(name for name in issuer.scope if name in client.scope)
    wanted = may if scope is None else scope
    if not wanted or not set(wanted) <= set(may):
        raise ProtocolError("invalid_scope", "scope exceeds what the assertion is good for", section="RFC 7521 4.1")
    return wanted


def _device(issuer: TrustedIssuer, user: User, client: Client, now: datetime) -> Device:
    """Always the same for the same three."""
    name = "\0".join(("jwt-bearer", issuer.issuer, str(user.id), client.client_id))
    return Device(
        id=UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=4), user_id=user.id, secret_hash=None,
        name=client.client_name, user_agent="",
        created_at=now, last_seen_at=now,
    )  # fmt: skip


def _name_problem(issuer: str) -> dict[str, str]:
    fine = 0 < len(issuer) <= 500 and issuer.isprintable() and issuer.isascii()
    return {} if fine else {"issuer": "use 1 to 500 printable ASCII characters"}


def _keys_problem(jwks: Mapping[str, object] | None, jwks_uri: str | None) -> dict[str, str]:
    if (jwks is None) == (jwks_uri is None):
        return {"jwks": "give its keys, or the address of its keys"}
    try:
        read_jwks({"jwks": jwks}, jose.key_strong_enough)
        link({"jwks_uri": jwks_uri}, "jwks_uri", loopback=True)
    except MetadataProblem as problem:
        return {"keys": problem.text}
    return {}
