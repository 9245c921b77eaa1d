"""Users, their devices, their sessions, and what clients hold of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ..device import Device
from ..session import (
    ClientSession,
    Ended,
    EndReason,
    EndTarget,
    Factor,
    Liveness,
    OtherDevices,
    Session,
    WholeDevice,
    WholeUser,
)  # fmt: skip
from ..user import User


class Users(Protocol):
    def add(self, user: User) -> None:
        """Raises Conflict if the address (by ``email_key``) is taken."""
        ...

    def get(self, user_id: UUID) -> User | None: ...

    def hold(self, user_id: UUID) -> User | None:
        """The same, locked until commit: sign-ins and changes of one person pass one by one."""
        ...

    def by_email(self, email: str) -> User | None:
        """Look up by ``email_key``; deleted users are not found."""
        ...

    def list(self) -> Sequence[User]:
        """Everybody who is not deleted, oldest first."""
        ...

    def save(self, user: User) -> None:
        """Replace every member but ``id`` and ``created_at``. Raises Conflict as ``add`` does."""
        ...

    def erase_traces(self, user_id: UUID) -> None:
        """Blank what devices, sessions and security events know of the person: addresses, browsers, names.

        The rows stay, with the random ids that make sense of the record. Called when everything of
        the user has ended, in the same transaction.
        """
        ...


class PairwiseSubjects(Protocol):
    def get(self, user_id: UUID, sector: str) -> str | None: ...

    def add(self, user_id: UUID, sector: str, subject: str) -> str:
        """Keep it, unless there is one already; gives the one that is kept."""
        ...

    def owner(self, subject: str, sector: str) -> UUID | None: ...

    def of_user(self, user_id: UUID) -> Sequence[str]: ...


class Devices(Protocol):
    def add(self, device: Device) -> None: ...

    def ensure(self, device: Device) -> None:
        """Add it unless there is one of its id."""
        ...

    def by_secret(self, secret_hash: bytes, user_id: UUID) -> Device | None: ...

    def of_user(self, user_id: UUID) -> Sequence[Device]: ...

    def rotate_secret(self, old_hash: bytes, new_hash: bytes) -> int:
        """Give every Device of one browser its new cookie hash; says how many there were."""
        ...

    def forget(self, target: WholeDevice | OtherDevices | WholeUser) -> int:
        """Make the cookies of the devices aimed at unknown; says how many were known.

        After sessions and client sessions are locked, never before.
        """
        ...

    def seen(self, device_id: UUID, user_agent: str, now: datetime) -> None: ...

    def rename(self, user_id: UUID, device_id: UUID, name: str | None) -> bool: ...


class Sessions(Protocol):
    def add(self, session: Session) -> None: ...

    def get(self, session_id: UUID) -> Session | None: ...

    def by_secret(self, secret_hash: bytes) -> tuple[Session, User] | None:
        """The Session of a cookie with its user, in one statement, whatever their state."""
        ...

    def open_since_before(self, moment: datetime, after: UUID, limit: int) -> Sequence[UUID]:
        """Those that were begun at or before ``moment`` and have not ended, by id, beyond ``after``."""
        ...

    def lock_live(self, session_id: UUID, now: datetime) -> Session | None:
        """Lock the row against a concurrent ending until the transaction ends; None if not live.

        Live means the Session itself and its user (not disabled, not deleted).
        """
        ...

    def prove(
        self,
        session_id: UUID,
        factors: Sequence[Factor],
        secret_hash: bytes,
        now: datetime,
        lasting: tuple[bool, int] | None,
    ) -> bool:
        """Record a fresh proof and the renewed cookie; False if the Session has ended.

        ``lasting`` is (persistent, idle_seconds) as chosen at this proof, None to leave them.
        """
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

    def lately_ended(self, target: EndTarget, since: datetime) -> Sequence[UUID]:
        """The ``sid`` of every client session under ``target`` that ended at or after ``since``."""
        ...


class ClientSessions(Protocol):
    def join(self, client_session: ClientSession) -> ClientSession:
        """Insert it, or return the live one of the same (session, client), widened.

        Widened: its scope becomes the union, ``offline`` stays or becomes true, ``last_used_at``
        moves. Called after ``Sessions.lock_live`` in the same transaction.
        """
        ...

    def get(self, sid: UUID) -> ClientSession | None: ...

    def open_since_before(self, moment: datetime, after: UUID, limit: int) -> Sequence[UUID]:
        """Those that were begun at or before ``moment`` and have not ended, by id, beyond ``after``."""
        ...

    def liveness(self, sid: UUID, now: datetime) -> Liveness | None:
        """The client session and what it hangs on, at this moment (P1, P5).

        Outside a transaction a hot copy may answer in the record's place, with the same verdict; of
        what it knows to have ended it says None, as of what never was.
        """
        ...

    def liveness_with_user(self, sid: UUID, now: datetime) -> tuple[Liveness, User, Mapping[str, object]] | None:
        """The same with the user's claims and the client's metadata, for userinfo, still one statement."""
        ...

    def of_user(self, user_id: UUID) -> Sequence[ClientSession]:
        """Those not ended whose Session, if they need one, has not ended, latest use first."""
        ...

    def offline_of(self, session_id: UUID) -> Sequence[ClientSession]:
        """The open offline ones that were born of a Session."""
        ...

    def ended_of(self, session_id: UUID, since: datetime) -> Sequence[ClientSession]:
        """Those that were born of a Session and ended at or after ``since``."""
        ...

    def touch(self, sid: UUID, now: datetime) -> None:
        """Move ``last_used_at`` of it, at most once a minute, and ``last_seen_at`` of its Session.

        An offline one leaves its Session alone: it is used in the background, with nobody there.
        """
        ...
