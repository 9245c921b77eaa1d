"""What is under way: interactions, pushed requests, codes, refresh families."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from ..code import AuthorizationCode
from ..interaction import Interaction
from ..pushed_request import PushedRequest
from ..refresh import RefreshFamily


class Interactions(Protocol):
    def add(self, interaction: Interaction) -> None: ...

    def get(self, interaction_id: str) -> Interaction | None: ...

    def chosen(self, interaction_id: str, session_id: UUID) -> None: ...

    def consented(self, interaction_id: str, session_id: UUID) -> None: ...

    def denied(self, interaction_id: str, now: datetime) -> None: ...

    def complete(self, interaction_id: str, now: datetime) -> bool:
        """Claim: True for the one caller that answers the client; False if already completed."""
        ...


class PushedRequests(Protocol):
    def add(self, request: PushedRequest) -> None: ...

    def get(self, reference_hash: bytes) -> PushedRequest | None: ...

    def claim(self, reference_hash: bytes, now: datetime) -> bool:
        """Use it up: True for the one answer it earns, False ever after."""
        ...


class Codes(Protocol):
    def add(self, code: AuthorizationCode) -> None: ...

    def get(self, code_hash: bytes) -> AuthorizationCode | None: ...

    def claim(self, code_hash: bytes, now: datetime, sid: UUID | None = None) -> bool:
        """Use it up: True once, for an unexpired unused code; False ever after.

        ``sid`` is what the code is about to create: remembered, so that a replay can end it.
        """
        ...

    def redeemed(self, code_hash: bytes, sid: UUID) -> None:
        """Remember what the code has joined instead of creating it."""
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
