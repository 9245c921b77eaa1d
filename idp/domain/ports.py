"""What the services need from outside, as protocols. ``storage`` provides every one of them.

Rules for all stores:

- Inside ``with work():`` every call takes part in that transaction; outside, each call is its own.
- Times are aware UTC datetimes and come from the caller; a store reads no clock.
- "Take" and "claim" mean one atomic statement whose row count decides; two callers never both win.
- A backend that does not answer raises ``errors.Unavailable``; absence is None or an empty result.
- Text that a database cannot hold (NUL, lone surrogates) never reaches a store: edges refuse it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from .client import Client
from .code import AuthorizationCode
from .consent import Consent
from .device import Device
from .event import OutboxMessage, SecurityEvent
from .interaction import Interaction
from .key import KeyState, SigningKey
from .refresh import RefreshFamily
from .revocation import Revocation
from .scope import Resource, Scope
from .session import ClientSession, Ended, EndReason, EndTarget, Factor, Liveness, Session
from .throttle import Brake
from .user import User

# ── time, chance, secrets ─────────────────────────────────────────────────────────────────────────


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Randomness(Protocol):
    """The only source of chance; cryptographically strong."""

    def token(self) -> str:
        """256 random bits, base64url, 43 characters."""
        ...

    def uuid(self) -> UUID:
        """A random (version 4) UUID."""
        ...


class Vault(Protocol):
    """Encryption under the master key, for what must be read again (private keys)."""

    def seal(self, secret: bytes, context: str) -> bytes:
        """Encrypt and bind to ``context``."""
        ...

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt. Raises ConfigurationError if the master key it needs is not configured."""
        ...


class PasswordHasher(Protocol):
    """argon2id with bounded concurrency (security.md section 6, trap 11)."""

    def hash(self, password: str) -> str:
        """Raises Unavailable when too many hashes are under way."""
        ...

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Compare. None costs the same time as a real hash and is always False (ASVS 6.3.8)."""
        ...

    def outdated(self, password_hash: str) -> bool:
        """Was it made with weaker parameters than today's?"""
        ...


class Work(Protocol):
    """Transactions. ``with work():`` opens one, or joins the one that is open on this thread.

    It commits at the end, and also when an ``IdpError`` with ``persist`` passes through it; any
    other exception rolls back. On SQLite it takes the writer's lock at once (BEGIN IMMEDIATE).
    """

    def __call__(self) -> AbstractContextManager[None]: ...


# ── people ────────────────────────────────────────────────────────────────────────────────────────


class Users(Protocol):
    def add(self, user: User) -> None:
        """Raises Conflict if the address (by ``email_key``) is taken."""
        ...

    def get(self, user_id: UUID) -> User | None: ...

    def by_email(self, email: str) -> User | None:
        """Look up by ``email_key``; deleted users are not found."""
        ...

    def list(self, limit: int = 1000) -> Sequence[User]: ...

    def save(self, user: User) -> None:
        """Replace every member but ``id`` and ``created_at``. Raises Conflict as ``add`` does."""
        ...


class Devices(Protocol):
    def add(self, device: Device) -> None: ...

    def by_secret(self, secret_hash: bytes, user_id: UUID) -> Device | None: ...

    def of_user(self, user_id: UUID) -> Sequence[Device]: ...

    def rotate_secret(self, old_hash: bytes, new_hash: bytes) -> int:
        """Give every Device of one browser its new cookie hash; says how many there were."""
        ...

    def seen(self, device_id: UUID, user_agent: str, now: datetime) -> None: ...

    def rename(self, user_id: UUID, device_id: UUID, name: str | None) -> bool: ...


class Sessions(Protocol):
    def add(self, session: Session) -> None: ...

    def get(self, session_id: UUID) -> Session | None: ...

    def by_secret(self, secret_hash: bytes) -> tuple[Session, User] | None:
        """The Session of a cookie with its user, in one statement, whatever their state."""
        ...

    def lock_live(self, session_id: UUID, now: datetime) -> Session | None:
        """Lock the row against a concurrent ending until the transaction ends; None if not live.

        Live means the Session itself and its user (not disabled, not deleted).
        """
        ...

    def prove(
        self, session_id: UUID, factors: Sequence[Factor], secret_hash: bytes, now: datetime, persistent: bool | None
    ) -> bool:
        """Record a fresh proof and the renewed cookie; False if the Session has ended."""
        ...

    def touch(self, session_id: UUID, now: datetime, address: str) -> None:
        """Set ``last_seen_at`` unless it is younger than a minute (design.md 4.5)."""
        ...

    def of_user(self, user_id: UUID, ended_since: datetime) -> Sequence[Session]:
        """Open ones and those ended at or after ``ended_since``, latest activity first."""
        ...

    def due(self, now: datetime, limit: int) -> Sequence[tuple[UUID, EndReason]]:
        """Open Sessions past their idle or absolute end."""
        ...

    def end(self, target: EndTarget, reason: EndReason, by: str, now: datetime) -> Ended:
        """Write the end of everything open under ``target``: the only place that does (P2).

        Locks sessions before client sessions, in id order. Codes that could still become a client
        session of what is ended (``ClientOfUser``, ``WholeUser``, ``WholeClient``) are used up.
        Called by ``services.sessions`` alone, inside a transaction.
        """
        ...


class ClientSessions(Protocol):
    def join(self, client_session: ClientSession) -> ClientSession:
        """Insert it, or return the live one of the same (session, client), widened.

        Widened: its scope becomes the union, ``offline`` stays or becomes true, ``last_used_at``
        moves. Called after ``Sessions.lock_live`` in the same transaction.
        """
        ...

    def get(self, sid: UUID) -> ClientSession | None: ...

    def liveness(self, sid: UUID, now: datetime) -> Liveness | None:
        """One statement by primary key: the client session and what it hangs on (P1, P5)."""
        ...

    def liveness_with_user(self, sid: UUID, now: datetime) -> tuple[Liveness, User] | None:
        """The same with the user's claims, for userinfo, still one statement."""
        ...

    def of_user(self, user_id: UUID) -> Sequence[ClientSession]:
        """Those not ended whose Session, if they need one, has not ended, latest use first."""
        ...

    def touch(self, sid: UUID, now: datetime) -> None:
        """Move ``last_used_at`` of it and ``last_seen_at`` of its Session, at most once a minute."""
        ...


# ── clients ───────────────────────────────────────────────────────────────────────────────────────


class Clients(Protocol):
    def add(self, client: Client) -> None:
        """Raises Conflict if the ``client_id`` is taken."""
        ...

    def get(self, client_id: str) -> Client | None:
        """Exact look-up, disabled ones too."""
        ...

    def list(self, limit: int = 1000) -> Sequence[Client]: ...

    def save(self, client: Client) -> bool:
        """Replace every member but ``client_id`` and ``created_at``; False if it is gone."""
        ...

    def delete(self, client_id: str) -> bool: ...


class Resources(Protocol):
    def add(self, resource: Resource, scopes: Sequence[Scope]) -> None:
        """Raises Conflict if the identifier or a scope's name is taken."""
        ...

    def list(self) -> Sequence[tuple[Resource, Sequence[Scope]]]: ...

    def delete(self, identifier: str) -> bool: ...

    def scopes(self, names: Sequence[str]) -> Mapping[str, Scope]: ...

    def known(self, identifiers: Sequence[str]) -> Mapping[str, Resource]: ...

    def of_server(self, client_id: str) -> Sequence[str]:
        """Identifiers of the resources for which this client is the resource server."""
        ...


class Consents(Protocol):
    def get(self, user_id: UUID, client_id: str) -> Consent | None: ...

    def allow(self, user_id: UUID, client_id: str, scopes: Sequence[str], now: datetime) -> Consent:
        """Add to what is allowed; concurrent calls lose nothing."""
        ...

    def withdraw(self, user_id: UUID, client_id: str) -> bool: ...

    def withdraw_client(self, client_id: str) -> int: ...

    def of_user(self, user_id: UUID) -> Sequence[Consent]: ...


# ── requests under way ────────────────────────────────────────────────────────────────────────────


class Interactions(Protocol):
    def add(self, interaction: Interaction) -> None: ...

    def get(self, interaction_id: str) -> Interaction | None: ...

    def chosen(self, interaction_id: str, session_id: UUID) -> None: ...

    def consented(self, interaction_id: str, session_id: UUID) -> None: ...

    def denied(self, interaction_id: str, now: datetime) -> None: ...

    def complete(self, interaction_id: str, now: datetime) -> bool:
        """Claim: True for the one caller that answers the client; False if already completed."""
        ...


class Codes(Protocol):
    def add(self, code: AuthorizationCode) -> None: ...

    def get(self, code_hash: bytes) -> AuthorizationCode | None: ...

    def claim(self, code_hash: bytes, now: datetime) -> bool:
        """Use it up: True once, for an unexpired unused code; False ever after."""
        ...

    def redeemed(self, code_hash: bytes, sid: UUID) -> None:
        """Remember what the code created, so that a replay can end it."""
        ...


class RefreshFamilies(Protocol):
    def add(self, family: RefreshFamily) -> None: ...

    def rotate(self, family_id: UUID, presented: int, client_id: str, now: datetime) -> RefreshFamily | None:
        """One UPDATE … RETURNING: advance the counter if ``presented`` is current and all is live.

        Live: the family's idle and absolute ends, its client session, that one's Session unless
        offline, the user and the client. None if nothing was advanced; never writes otherwise.
        """
        ...

    def get(self, family_id: UUID, now: datetime) -> tuple[RefreshFamily, bool] | None:
        """The family and whether everything it hangs on is live."""
        ...


# ── keys, record, outside ─────────────────────────────────────────────────────────────────────────


class SigningKeys(Protocol):
    def all(self) -> Sequence[SigningKey]:
        """Announced, active and retired ones, oldest first."""
        ...

    def add(self, key: SigningKey) -> None: ...

    def lock(self) -> None:
        """Keep every other key change out until the transaction ends."""
        ...

    def change(self, kid: str, state: KeyState, now: datetime, remove_at: datetime | None) -> None:
        """Move a key on, stamping ``activated_at`` or ``retired_at``."""
        ...

    def remove_due(self, now: datetime) -> int:
        """Delete retired keys past ``remove_at``."""
        ...


class Revocations(Protocol):
    def append(self, entries: Sequence[Revocation]) -> Sequence[Revocation]:
        """Append in commit order and return them with their ``seq`` (design.md 4.3)."""
        ...

    def after(self, seq: int, limit: int) -> Sequence[Revocation]: ...

    def revoked_jti(self, jti: str) -> bool:
        """Has this access token itself been revoked (client credentials, RFC 7009)?"""
        ...


class Events(Protocol):
    def append(self, event: SecurityEvent) -> None: ...

    def of_user(self, user_id: UUID, limit: int) -> Sequence[SecurityEvent]: ...


class Outbox(Protocol):
    def put(self, messages: Sequence[OutboxMessage]) -> None: ...

    def pending(self, limit: int) -> Sequence[OutboxMessage]: ...


class Throttles(Protocol):
    def take(self, brakes: Sequence[Brake], now: datetime) -> int:
        """Count one attempt under every brake, atomically; seconds to wait, 0 if it may go on.

        Counting comes before checking, so that attempts in parallel cannot outrun the limit. A
        refused attempt is not counted.
        """
        ...

    def give_back(self, brakes: Sequence[Brake], now: datetime) -> None:
        """The attempt was right after all: uncount it."""
        ...

    def clear(self, brakes: Sequence[Brake]) -> None: ...


class AssertionIds(Protocol):
    def claim(self, client_id: str, jti_hash: bytes, expires_at: datetime) -> bool:
        """True for the first use of a client assertion's ``jti`` (RFC 7523 section 3)."""
        ...


class Sweeper(Protocol):
    def sweep(self, now: datetime, batch: int) -> Mapping[str, int]:
        """Delete up to ``batch`` rows of each table that nothing can need any more (P6)."""
        ...


class Health(Protocol):
    def ping(self) -> None:
        """Raises Unavailable if the database does not answer."""
        ...

    def migrations_pending(self) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Everything the services are given."""

    work: Work
    clock: Clock
    randomness: Randomness
    vault: Vault
    passwords: PasswordHasher
    users: Users
    devices: Devices
    sessions: Sessions
    client_sessions: ClientSessions
    clients: Clients
    resources: Resources
    consents: Consents
    interactions: Interactions
    codes: Codes
    refresh_families: RefreshFamilies
    signing_keys: SigningKeys
    revocations: Revocations
    events: Events
    outbox: Outbox
    throttles: Throttles
    assertion_ids: AssertionIds
    sweeper: Sweeper
    health: Health
