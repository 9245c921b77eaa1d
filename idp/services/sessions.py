"""Sessions: which is this, is it alive, and the one function that ends any (P2).

``end_session`` writes, in the transaction of its caller: the ends with their reason, the Revocation
entries that resource servers follow, one SecurityEvent, and the outbox rows (back-channel logout
notices, mail). Nothing else in the program writes ``ended_at``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from ..domain.client import Client
from ..domain.device import Device, Origin
from ..domain.event import SecurityEvent
from ..domain.ports import Stores
from ..domain.revocation import RETENTION, Revocation, RevocationKind
from ..domain.session import (
    ClientSession,
    Ended,
    EndReason,
    EndTarget,
    OtherDevices,
    Session,
    ThisSession,
    WholeClient,
    WholeDevice,
    WholeUser,
)
from ..domain.user import User
from ..errors import ProofRequired
from ..settings import Settings
from .notices import Notices
from .settling import Settling

ENDED_SHOWN = timedelta(days=28)


def secret_hash(secret: str) -> bytes:
    """What is kept of a cookie, a code or a client secret: SHA-256 over ≥ 256 random bits (P7)."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class Current:
    """Who is signed in on this browser."""

    session: Session
    user: User


@dataclass(frozen=True, slots=True, kw_only=True)
class AppUse:
    """An app that holds something of a device's sessions; ``by_code``: it is the device (RFC 8628)."""

    client_id: str
    name: str
    host: str | None
    offline: bool
    last_used: datetime
    by_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """One entry of the sessions page."""

    device: Device
    this: bool
    last_seen: datetime
    sessions: tuple[Session, ...]
    apps: tuple[AppUse, ...]
    title: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedView:
    """One sign-in that is over."""

    session: Session
    device: Device | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The sessions page: this device first, then by last activity; and what ended lately."""

    devices: tuple[DeviceView, ...]
    ended: tuple[EndedView, ...]


class SessionControl:
    """Look at sessions, and end them."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self._stores = stores
        self._settings = settings
        self._notices = Notices(stores)
        self._settling = Settling(stores)

    # ── look ─────────────────────────────────────────────────────────────────────────────────────

    def current(self, session_secret: str, origin: Origin) -> Current | None:
        """The live session of a cookie, with its live user; activity is noted once a minute."""
        found = self._stores.sessions.by_secret(secret_hash(session_secret))
        if found is None:
            return None
        session, user = found
        now = self._stores.clock.now()
        if not session.live(now) or not user.live:
            return None
        self._stores.sessions.touch(session.id, now, origin.address)
        return Current(session, user)

    def ended(self, session_secret: str) -> bool:
        """Is this the cookie of a session that has ended?"""
        found = self._stores.sessions.by_secret(secret_hash(session_secret))
        return found is not None and found[0].ended_at is not None

    def require_proof(self, session: Session) -> None:
        """Raises ProofRequired unless the last proof is fresh enough to end others (ASVS 7.5.2)."""
        age = (self._stores.clock.now() - session.auth_time).total_seconds()
        if age > self._settings.proof_life:
            raise ProofRequired

    def list_of_user(self, user_id: UUID) -> Sequence[Session]:
        """Open sessions and those ended in the last four weeks."""
        return self._stores.sessions.of_user(user_id, self._stores.clock.now() - ENDED_SHOWN)

    def overview(self, user_id: UUID, current: Session) -> Overview:
        """Everything the sessions page shows, in four queries however many devices there are."""
        now = self._stores.clock.now()
        sessions = self.list_of_user(user_id)
        devices = {device.id: device for device in self._stores.devices.of_user(user_id)}
        held = self._stores.client_sessions.of_user(user_id)
        clients = self._stores.clients.some(sorted({item.client_id for item in held}))
        live = [session for session in sessions if session.live(now)]
        holders = {session.device_id for session in live} | {item.device_id for item in held}
        views = [
            _device_view(device, current, live, held, clients) for device in devices.values() if device.id in holders
        ]
        views.sort(key=lambda view: (not view.this, -view.last_seen.timestamp()))
        ended = [session for session in sessions if not session.live(now)]
        return Overview(
            devices=tuple(views),
            ended=tuple(EndedView(session=session, device=devices.get(session.device_id)) for session in ended),
        )

    # ── end ──────────────────────────────────────────────────────────────────────────────────────

    def end_session(
        self, target: EndTarget, reason: EndReason, *, by: str, origin: Origin | None = None, awaited: bool = True
    ) -> Ended:
        """End everything open under ``target`` (design.md section 5). In the caller's transaction.

        ``by`` names who decided: ``user:<id>``, ``client:<id>``, ``operator`` or ``system``.
        Ending what has ended already changes nothing and is no error. Devices aimed at are
        unknown afterwards: whoever holds a lost one guesses no faster, and a sign-in there is news.

        Where a hot copy has not confirmed the end, ``with work():`` raises EndingUnsettled after its
        commit, unless nobody is told of the end (``awaited`` False; see ``services.settling``).
        """
        now = self._stores.clock.now()
        ended = self._end(target, reason, by, origin or Origin(), now)
        self._settling.after_commit(target, ended, now, awaited=awaited)
        return ended

    def settle(self, target: EndTarget) -> None:
        """Ends nothing: for whoever asks for an end that has come already, or is about to be told of one.

        They may have asked before and got no answer, and are told "done" no sooner than then: raises
        EndingUnsettled, in a transaction after its commit.
        """
        self._settling.confirm(target)

    def settle_cookie(self, session_secret: str) -> None:
        """``settle`` for the Session of a cookie, if it has ended."""
        found = self._stores.sessions.by_secret(secret_hash(session_secret))
        if found is not None and found[0].ended_at is not None:
            self.settle(WholeUser(found[0].user_id))

    def end_due(self, limit: int = 200) -> int:
        """End sessions past their idle or absolute end; says how many. In the caller's transaction."""
        now = self._stores.clock.now()
        due = self._stores.sessions.due(now, limit)
        self._settling.mark(
            [self._end(ThisSession(session_id), reason, "system", Origin(), now) for session_id, reason in due]
        )
        return len(due)

    def _end(self, target: EndTarget, reason: EndReason, by: str, origin: Origin, now: datetime) -> Ended:
        """What an ending writes in its transaction."""
        ended = self._stores.sessions.end(target, reason, by, now)
        if isinstance(target, WholeDevice | OtherDevices | WholeUser):
            self._stores.devices.forget(target)
        entries = self._revocations(target, ended, reason, now)
        if entries:
            self._stores.revocations.append(entries)
        if not ended.nothing:
            self._stores.events.append(self._event(target, ended, reason, by, origin, now))
            notices = self._notices.of_ending(target, ended, reason, now)
            self._stores.outbox.put([*notices, *self._settling.messages(ended, now)])
        return ended

    def _revocations(self, target: EndTarget, ended: Ended, reason: EndReason, now: datetime) -> list[Revocation]:
        """What followers of the log are told.

        Why a person who has pairwise names is named by none of them, nor by the public one: entries of one ending
        stand together, and a follower that knows the person by one name would learn another (OpenID Connect Core
        1.0 section 8.1). Nothing is lost: every token carries a ``sid``, and each that lived is among the entries.
        """
        expires_at = now + RETENTION

        def entry(kind: RevocationKind, value: str) -> Revocation:
            return Revocation(kind=kind, value=value, at=now, expires_at=expires_at, reason=reason.value)

        entries = [entry(RevocationKind.SID, str(item.id)) for item in ended.client_sessions]
        if isinstance(target, WholeUser) and not self._stores.pairwise_subjects.of_user(target.user_id):
            entries.append(entry(RevocationKind.SUB, str(target.user_id)))
        if isinstance(target, WholeClient):
            entries.append(entry(RevocationKind.CLIENT, target.client_id))
        return entries

    def _event(
        self, target: EndTarget, ended: Ended, reason: EndReason, by: str, origin: Origin, now: datetime
    ) -> SecurityEvent:  # fmt: skip
        first = ended.sessions[0] if ended.sessions else ended.client_sessions[0]
        alone = ended.sessions[0].id if len(ended.sessions) == 1 else None
        return SecurityEvent(
            id=self._stores.randomness.uuid(), at=now, kind="session.ended", actor=by, reason=reason.value,
            user_id=None if isinstance(target, WholeClient) else first.user_id,
            client_id=ended.client_sessions[0].client_id if len(ended.client_sessions) == 1 else None,
            session_id=alone, device_id=first.device_id if alone else None,
            address=origin.address, user_agent=origin.user_agent,
            details={
                "target": type(target).__name__,
                "sessions": [str(item.id) for item in ended.sessions],
                "sids": [str(item.id) for item in ended.client_sessions],
            },
        )  # fmt: skip


def _device_view(
    device: Device,
    current: Session,
    live: Sequence[Session],
    held: Sequence[ClientSession],
    clients: Mapping[str, Client],
) -> DeviceView:
    sessions = tuple(session for session in live if session.device_id == device.id)
    uses = [item for item in held if item.device_id == device.id]
    seen = [session.last_seen_at for session in sessions] + [item.last_used_at for item in uses]
    return DeviceView(
        device=device,
        this=device.id == current.device_id,
        last_seen=max(seen),
        sessions=sessions,
        apps=tuple(_app_use(item, clients[item.client_id]) for item in uses if item.client_id in clients),
        title=device.name,
    )


def _app_use(item: ClientSession, client: Client) -> AppUse:
    return AppUse(
        client_id=item.client_id,
        name=client.client_name,
        host=client.host,
        offline=item.offline,
        last_used=item.last_used_at,
        by_code=item.session_id is None,
    )
