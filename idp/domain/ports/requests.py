"""What is under way: interactions, pushed and polled requests, codes, refresh families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ..authorization_details import Detail
from ..client import Client
from ..code import AuthorizationCode, Redeemed
from ..interaction import Interaction
from ..polled import PolledRequest
from ..pushed_request import PushedRequest
from ..refresh import UNBOUND, RefreshFamily
from ..session import ClientSession, Session


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


class Redemptions(Protocol):
    def at_once(
        self, code_hash: bytes, client: Client, consent: Sequence[str] | None, client_session: ClientSession,
        family: RefreshFamily | None, now: datetime,
    ) -> Redeemed:  # fmt: skip
        """Use a code up and create what it stands for, in one statement outside any transaction.

        Done only if the code is unused and unexpired, ``client`` is registered as it is here, ``consent``
        (unless None) has been given and not been withdrawn, and the client holds nothing live of this Session
        yet. What ``claim``, ``Consents.hold`` and ``lock_live`` say of races holds here, too.
        """
        ...


class PolledRequests(Protocol):
    """Locked before Sessions and client sessions, after consents; everywhere in that order."""

    def add(self, request: PolledRequest) -> bool:
        """False, and nothing is added, if the user code is taken."""
        ...

    def get(self, request_id: UUID) -> PolledRequest | None: ...

    def by_code(self, code_hash: bytes) -> PolledRequest | None:
        """In whatever state: used, denied and expired ones stay for a day."""
        ...

    def by_user_code(self, user_code_hash: bytes, now: datetime) -> PolledRequest | None:
        """Only what a person may decide about now."""
        ...

    def waiting_for(self, user_id: UUID, kind: str, now: datetime) -> Sequence[PolledRequest]:
        """Those of a kind that wait for this person's decision, oldest first."""
        ...

    def polled(self, request_id: UUID, now: datetime, soon: datetime, more: int) -> bool:
        """Count one poll: False if it came sooner than ``interval`` after the last, which grows by ``more``.

        ``soon`` is the time compared with: ``now`` and a little tolerance.
        """
        ...

    def approve(self, request_id: UUID, session: Session, now: datetime, *, details_shown: bool = False) -> bool:
        """Decide once, if it still waits for anybody or for this person: False if nothing was decided.

        ``details_shown``: knowing the request's authorization details, which are granted only then.
        """
        ...

    def deny(self, request_id: UUID, now: datetime) -> bool:
        """The same, with the opposite answer; for ever."""
        ...

    def claim(self, request_id: UUID, now: datetime) -> bool:
        """Use an approved one up: True once; False ever after, and after what ended it."""
        ...


class RefreshFamilies(Protocol):
    def add(self, family: RefreshFamily) -> None: ...

    def rotate(
        self,
        family_id: UUID,
        presented: int,
        client_id: str,
        now: datetime,
        confirmation: Mapping[str, str] = UNBOUND,
        *,
        step: int = 1,
    ) -> RefreshFamily | None:
        """One UPDATE … RETURNING: advance the counter if ``presented`` is current and all is live.

        ``step`` 0 leaves the counter where it is, and notes the use all the same.

        ``confirmation`` is what the request proves; a family bound to anything else is not advanced.

        Live: the family's idle and absolute ends, its client session, that one's Session unless
        offline, the user and the client. None if nothing was advanced; never writes otherwise.
        """
        ...

    def get(self, family_id: UUID, now: datetime) -> tuple[RefreshFamily, bool] | None:
        """The family and whether everything it hangs on is live."""
        ...

    def details_of(self, user_id: UUID, now: datetime) -> Sequence[tuple[str, tuple[Detail, ...]]]:
        """Client id and authorization details of the person's live families that hold any, oldest first."""
        ...
