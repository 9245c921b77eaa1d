"""Keys, the record of what happened, brakes, upkeep."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ..event import SecurityEvent
from ..initial_access_token import InitialAccessToken
from ..key import KeyState, SigningKey
from ..outbox import Backlog, OutboxMessage, Search, Telling
from ..revocation import LogPage, Revocation
from ..throttle import Brake


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

    def remove(self, kid: str) -> bool:
        """Delete a key in whatever state; False if there is none of that name."""
        ...

    def remove_due(self, now: datetime) -> int:
        """Delete retired keys past ``remove_at``."""
        ...


class Revocations(Protocol):
    def append(self, entries: Sequence[Revocation]) -> Sequence[Revocation]:
        """Append in commit order and return them with their ``seq`` (design.md 4.3)."""
        ...

    def leap(self, step: int) -> None:
        """Leave out ``step`` numbers. In a transaction."""
        ...

    def reaffirm(self) -> None:
        """Commit something again, so that it waits for every server that must confirm a commit.

        For whoever reports an ending that an earlier attempt committed without being told so: a commit
        that writes nothing waits for no standby. Nothing to do where there is none (SQLite).
        """
        ...

    def page(self, seen: int, limit: int) -> LogPage:
        """What came after ``seen``: entries and head of one moment, in order, ``limit`` at most."""
        ...

    def may_follow(self, client_id: str, jti: str, issued_at: datetime) -> bool:
        """Is this client's token good for reading the log at this moment?

        The client is enabled and the resource server of a registered resource; neither the token
        itself nor everything of the client issued until then has been revoked.
        """
        ...

    def still_following(self, client_ids: Collection[str]) -> frozenset[str]:
        """Those that are enabled and the resource server of something, in one statement."""
        ...

    def client_revoked_at(self, client_id: str) -> datetime | None:
        """The latest time up to which every token of a client is dead, if it may still matter."""
        ...

    def revoked_jti(self, jti: str) -> bool:
        """Has this access token itself been revoked (client credentials, RFC 7009)?"""
        ...


class Events(Protocol):
    def append(self, event: SecurityEvent) -> None: ...

    def of_user(self, user_id: UUID, limit: int) -> Sequence[SecurityEvent]: ...


class Outbox(Protocol):
    def put(self, messages: Sequence[OutboxMessage]) -> None: ...

    def pending(self, limit: int) -> Sequence[OutboxMessage]:
        """Those that wait, longest due first, whether claimed or not."""
        ...

    def due(self, now: datetime) -> bool:
        """Could anything be claimed? A read; takes no lock."""
        ...

    def claim(
        self, now: datetime, until: datetime, limit: int, share: int, *, lanes: Sequence[str], only: bool
    ) -> Sequence[OutboxMessage]:
        """Lease up to ``limit`` due messages until ``until``, at most ``share`` of each lane, turn by turn.

        Of ``lanes`` alone, or (not ``only``) of every other. Two callers never get the same message
        while its lease lasts. Each claim counts as an attempt.
        """
        ...

    def delivered(self, message: OutboxMessage, now: datetime) -> None:
        """It has arrived, whoever holds it by now."""
        ...

    def forget(self, message: OutboxMessage) -> None:
        """It has arrived, and nobody will ever ask about it."""
        ...

    def postpone(self, message: OutboxMessage, due_at: datetime, error: str) -> bool:
        """It failed; try again then. False if this claim is not the current one."""
        ...

    def give_up(self, message: OutboxMessage, now: datetime, error: str) -> bool:
        """It failed for good. False if this claim is not the current one."""
        ...

    def release(self, message: OutboxMessage) -> bool:
        """Hand back what was claimed and not tried, as if it had never been claimed."""
        ...

    def list(self, search: Search, limit: int) -> Sequence[OutboxMessage]:
        """Latest first."""
        ...

    def retry(self, search: Search, now: datetime) -> int:
        """Make due at once, with all attempts before it, what waits or was given up; how many."""
        ...

    def tellings(self, user_id: UUID, since: datetime) -> Sequence[Telling]:
        """Which clients were told of the ends of this person's Sessions, latest first; one statement."""
        ...

    def backlog(self) -> Sequence[Backlog]:
        """What waits, by kind."""
        ...


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


class Tombstones(Protocol):
    """The marks that keep what has ended from being taken for live in the hot copy (design.md 4.2).

    Without a hot copy there is nothing to mark: everything is settled at commit.
    """

    settle_seconds: float
    """After so long nobody can take an ended ``sid`` for live, mark or no mark; 0 without a hot copy."""

    def write(self, sids: Sequence[UUID]) -> bool:
        """Mark them, after their end has been committed; True if every server that matters has it.

        Never raises for a hot copy that is silent: that is False.
        """
        ...

    def unsettled_for(self, sids: Sequence[UUID]) -> float:
        """Seconds until the end of each of these is settled although nobody confirmed its mark.

        Counted from when the end was first *known* to be committed, for the time noted in the row
        comes before the commit. Called only where ``write`` was False.
        """
        ...


class AssertionIds(Protocol):
    def claim(self, client_id: str, jti_hash: bytes, expires_at: datetime) -> bool:
        """True for the first use of a client assertion's ``jti`` (RFC 7523 section 3)."""
        ...


class InitialAccessTokens(Protocol):
    def add(self, token: InitialAccessToken) -> None: ...

    def by_hash(self, token_hash: bytes) -> InitialAccessToken | None:
        """In whatever state."""
        ...

    def list(self) -> Sequence[InitialAccessToken]: ...

    def claim(self, token_hash: bytes, now: datetime) -> UUID | None:
        """Count one use and return the id; None if it is revoked, over, used up, or none of ours (P4)."""
        ...

    def revoke(self, token_id: UUID, now: datetime) -> bool: ...


class Sweeper(Protocol):
    def sweep(self, now: datetime, batch: int) -> Mapping[str, int]:
        """Delete up to ``batch`` rows of each table that nothing can need any more (P6)."""
        ...


class Health(Protocol):
    def ping(self) -> None:
        """Raises Unavailable if the database does not answer."""
        ...

    def migrations_pending(self) -> bool: ...
