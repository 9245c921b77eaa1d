"""Initial access tokens: made and revoked by an operator, each use counted (RFC 7591 section 3).

Why they have an end and a quota: one that leaks registers so many clients and no more (security.md J,
"per-token quota"). A use is claimed in the transaction that makes the client, by one statement, so that
racing registrations never exceed the quota and a refused one costs nothing (P4).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from ..domain.event import SecurityEvent
from ..domain.initial_access_token import InitialAccessToken
from ..domain.ports import Stores
from ..errors import InputRefused, NotFound
from .sessions import secret_hash

LONGEST_LIFE = timedelta(days=366)


class InitialAccess:
    """Every change happens in the caller's transaction."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def make(self, label: str, quota: int | None, life: timedelta) -> tuple[InitialAccessToken, str]:
        """A new one, with the token itself, which is shown this once. Raises InputRefused."""
        problems = {}
        if not label.strip() or len(label) > 200 or not label.isprintable():
            problems["label"] = "say in 1 to 200 printable characters whom it is for"
        if quota is not None and not 0 < quota <= 1_000_000:
            problems["quota"] = "must be from 1 to 1000000"
        if not timedelta(0) < life <= LONGEST_LIFE:
            problems["life"] = f"must be at most {LONGEST_LIFE.days} days"
        if problems:
            raise InputRefused(problems)
        now, token = self._stores.clock.now(), self._stores.randomness.token()
        made = InitialAccessToken(
            id=self._stores.randomness.uuid(), token_hash=secret_hash(token), label=label.strip(), quota=quota, used=0,
            created_at=now, expires_at=now + life,
        )  # fmt: skip
        self._stores.initial_access_tokens.add(made)
        self._record("initial_access_token.created", made.id)
        return made, token

    def list(self) -> Sequence[InitialAccessToken]:
        """All that have not been swept, oldest first."""
        return self._stores.initial_access_tokens.list()

    def revoke(self, token_id: UUID) -> None:
        """It registers nothing more; what it has registered stays. Raises NotFound."""
        if not self._stores.initial_access_tokens.revoke(token_id, self._stores.clock.now()):
            raise NotFound(str(token_id))
        self._record("initial_access_token.revoked", token_id)

    def admits(self, token: str) -> bool:
        """Would it be accepted at this moment? Nothing is claimed yet."""
        found = self._stores.initial_access_tokens.by_hash(secret_hash(token))
        return found is not None and found.valid(self._stores.clock.now())

    def claim(self, token: str) -> UUID | None:
        """Count one use of it; None if it has none left, or is over. In the transaction of the use."""
        return self._stores.initial_access_tokens.claim(secret_hash(token), self._stores.clock.now())

    def _record(self, kind: str, token_id: UUID) -> None:
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=self._stores.clock.now(), kind=kind, actor="operator",
                details={"initial_access_token": str(token_id)},
            )
        )  # fmt: skip
