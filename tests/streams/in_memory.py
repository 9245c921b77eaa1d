"""A revocation log in memory that can be away, put back or slow, and a clock that is moved by hand."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from idp.domain.revocation import LogPage, Revocation, RevocationKind
from idp.errors import Unavailable
from idp.oauth.rfc9068_access_token import AccessToken

from ..builders import NOW


class Hand:
    """Both clocks: ``monotonic`` seconds and the time of day."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000.0)


@dataclass
class Log:
    """Implements ``ports.Revocations``, as far as followers use it."""

    entries: list[Revocation] = field(default_factory=list)
    last: int = 0
    down: bool = False
    reads: int = 0
    dismissed: set[str] = field(default_factory=set)
    slowly: threading.Event | None = None

    def end(self, *values: str, kind: RevocationKind = RevocationKind.SID, at: datetime = NOW) -> None:
        """One entry for each value."""
        for value in values:
            self.last += 1
            self.entries.append(
                Revocation(kind=kind, value=value, at=at, expires_at=at + timedelta(hours=1), reason="x", seq=self.last)
            )

    def append(self, entries: Collection[Revocation]) -> tuple[Revocation, ...]:
        raise NotImplementedError("tests write with end()")

    def page(self, seen: int, limit: int) -> LogPage:
        self.reads += 1
        if self.slowly is not None:
            self.slowly.wait(10)
        if self.down:
            raise Unavailable("the log")
        found = [entry for entry in self.entries if entry.seq > seen]
        kept = tuple(found[:limit])
        return LogPage(head=kept[-1].seq if len(found) > limit else self.last, last=self.last, entries=kept)

    def may_follow(self, client_id: str, _jti: str, _issued_at: datetime) -> bool:
        return client_id not in self.dismissed

    def still_following(self, client_ids: Collection[str]) -> frozenset[str]:
        if self.down:
            raise Unavailable("the log")
        return frozenset(client_ids) - self.dismissed

    def client_revoked_at(self, client_id: str) -> datetime | None:
        raise NotImplementedError(client_id)

    def revoked_jti(self, jti: str) -> bool:
        raise NotImplementedError(jti)


def a_token(client_id: str = "notes", jti: str = "j", iat: datetime = NOW, life: int = 900) -> AccessToken:
    """A token for the log."""
    issued = int(iat.replace(tzinfo=UTC).timestamp())
    return AccessToken(
        sub=client_id, client_id=client_id, audience=("https://id.example",), scope=("revocations",), sid=None, jti=jti,
        iat=issued, exp=issued + life, claims={},
    )  # fmt: skip
