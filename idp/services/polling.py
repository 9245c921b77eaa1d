"""Requests that a client polls for while a person decides elsewhere (RFC 8628, CIBA).

Redemption follows the order of ``codes``: consent is held, one atomic claim decides which of several polls
wins, then the Session in which it was approved is locked. An approval is worth something only while that
Session lives: so whatever ends it before the redemption ends the approval (P1), and what ends the person's
sessions afterwards sees the client session that was created.

Why a second redemption ends nothing, unlike a replayed code's: polling clients do ask twice at once, and a
device code never travels through a browser.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ..domain.authorization_details import Detail
from ..domain.client import Client
from ..domain.device import Device, Origin
from ..domain.event import SecurityEvent
from ..domain.master_key import MasterKeys
from ..domain.polled import Approval, PolledKind, PolledRequest, approval_of, make_user_code
from ..domain.ports import Stores
from ..domain.session import Session
from ..domain.throttle import user_code_brakes
from ..domain.user import User
from ..errors import NotFound, ProtocolError, Throttled, Unavailable
from ..settings import Settings
from .authorization_details import AuthorizationDetails
from .codes import Grant, invalid_grant, still_allowed
from .consents import Consents
from .founding import Founding
from .notices import Notices
from .sessions import Current, secret_hash

LIFE = timedelta(minutes=10)
INTERVAL, SLOWER = 5, 5
_TOLERANCE = timedelta(seconds=1)
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What the client is told; the codes are kept nowhere else. Times are in seconds. CIBA has no user code."""

    code: str
    user_code: str
    expires_in: int
    interval: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A validated CIBA request. ``seconds`` is how long it waits; the token is the client's, for the ping."""

    user: User
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    authorization_details: tuple[Detail, ...]
    binding_message: str | None
    acr_values: tuple[str, ...]
    notification_token: str | None
    seconds: int
    origin: Origin


class Polling:
    """Begin, decide, poll, redeem."""

    def __init__(
        self, stores: Stores, settings: Settings, master_keys: MasterKeys, consents: Consents,
        details: AuthorizationDetails,
    ) -> None:  # fmt: skip
        self._stores = stores
        self._keys = master_keys
        self._consents = consents
        self._details = details
        self._founding = Founding(stores, settings, master_keys)
        self._notices = Notices(stores)

    # ── begin ────────────────────────────────────────────────────────────────────────────────────

    def begin_device(
        self, client: Client, scope: tuple[str, ...], resources: tuple[str, ...], details: tuple[Detail, ...],
        origin: Origin,
    ) -> Begun:  # fmt: skip
        """RFC 8628 section 3.2: a pair of codes, valid for ten minutes."""
        chance, now = self._stores.randomness, self._stores.clock.now()
        for _ in range(_ATTEMPTS):
            code, user_code = chance.token(), make_user_code(chance.token())
            request = PolledRequest(
                id=chance.uuid(), kind=PolledKind.DEVICE, code_hash=secret_hash(code),
                user_code_hash=self._user_code_hash(user_code), client_id=client.client_id, scope=scope,
                resources=resources, authorization_details=details, address=origin.address,
                user_agent=origin.user_agent, interval=INTERVAL, created_at=now, expires_at=now + LIFE,
            )  # fmt: skip
            if self._stores.polled_requests.add(request):
                return Begun(code=code, user_code=user_code, expires_in=int(LIFE.total_seconds()), interval=INTERVAL)
        raise Unavailable("no free user code was found")

    def person(self, user_id: UUID) -> User | None:
        """Somebody who could sign in."""
        user = self._stores.users.get(user_id)
        return user if user is not None and user.live else None

    def person_at(self, email: str) -> User | None:
        """Somebody who could sign in and has confirmed this address: only so is it surely theirs."""
        user = self._stores.users.by_email(email)
        return user if user is not None and user.live and user.email_verified else None

    def begin_ciba(self, client: Client, asked: Asked) -> Begun:
        """CIBA Core 7.3. In the caller's transaction, with the mail that tells the person."""
        chance, now, code = self._stores.randomness, self._stores.clock.now(), self._stores.randomness.token()
        request_id = chance.uuid()
        request = PolledRequest(
            id=request_id, kind=PolledKind.CIBA, code_hash=secret_hash(code), client_id=client.client_id,
            user_id=asked.user.id, scope=asked.scope, resources=asked.resources, acr_values=asked.acr_values,
            authorization_details=asked.authorization_details, binding_message=asked.binding_message,
            address=asked.origin.address, interval=INTERVAL, created_at=now,
            expires_at=now + timedelta(seconds=asked.seconds),
            notification=self._sealed(request_id, code, asked.notification_token),
        )  # fmt: skip
        self._stores.polled_requests.add(request)
        self._notices.approval_wanted(asked.user, client.client_id, now)
        return Begun(code=code, user_code="", expires_in=asked.seconds, interval=INTERVAL)

    # ── decide ───────────────────────────────────────────────────────────────────────────────────

    def by_user_code(self, user_code: str, current: Current, origin: Origin) -> PolledRequest:
        """What a code stands for, while it waits for a decision. Not in a transaction.

        Raises NotFound for every other code alike, and Throttled before anything is looked up: wrong codes
        are counted for the person and for the place (RFC 8628 section 5.1).
        """
        brakes, now = user_code_brakes(current.user.id, origin.address), self._stores.clock.now()
        if wait := self._stores.throttles.take(brakes, now):
            raise Throttled(wait)
        found = self._stores.polled_requests.by_user_code(self._user_code_hash(user_code), now)
        if found is None:
            raise NotFound("user code")
        self._stores.throttles.give_back(brakes, now)
        return found

    def waiting_for(self, user: User) -> Sequence[PolledRequest]:
        """The CIBA requests that a person is asked about, oldest first."""
        return self._stores.polled_requests.waiting_for(user.id, PolledKind.CIBA, self._stores.clock.now())

    def asked_of(self, user: User, request_id: UUID) -> PolledRequest:
        """One of them. Raises NotFound if it is nobody's, another's, decided or expired."""
        found = self._stores.polled_requests.get(request_id)
        if found is None or found.user_id != user.id or found.kind is not PolledKind.CIBA:
            raise NotFound("request")
        if not found.waiting(self._stores.clock.now()):
            raise NotFound("request")
        return found

    def client(self, request: PolledRequest) -> Client:
        """The app that asks. Raises NotFound if it has gone or has been disabled meanwhile, or may not ask for this
        any more: of an authorization detail whose type has gone no page could say what it is (RFC 9396 section 5).
        """
        client = self._stores.clients.get(request.client_id)
        if client is None or client.disabled_at is not None:
            raise NotFound("client")
        if request.authorization_details:
            try:
                self._details.check(request.authorization_details, client)
            except ProtocolError:
                raise NotFound("authorization details") from None
        return client

    def approve(
        self, request: PolledRequest, current: Current, origin: Origin, *, details_shown: bool = False
    ) -> None:  # fmt: skip
        """The person pressed Allow. In the caller's transaction; raises NotFound if there is nothing to decide.

        Authorization details are granted only if the page showed them: a previous version's does not.
        """
        session, now = current.session, self._stores.clock.now()
        self._consents.permit(session, request.client_id, request.scope, origin)
        if not self._stores.polled_requests.approve(request.id, session, now, details_shown=details_shown):
            raise NotFound("request")
        if self._stores.sessions.lock_live(session.id, now) is None:
            raise NotFound("session")
        self._decided("approved", request, session, origin)

    def deny(self, request: PolledRequest, current: Current, origin: Origin) -> None:
        """The person pressed Cancel: for ever. In the caller's transaction."""
        if not self._stores.polled_requests.deny(request.id, self._stores.clock.now()):
            raise NotFound("request")
        self._decided("denied", request, current.session, origin)

    # ── redeem ───────────────────────────────────────────────────────────────────────────────────

    def poll(self, code: str, client: Client, kind: PolledKind) -> PolledRequest:
        """An approved request; else raises what RFC 8628 section 3.5 (and CIBA Core 11) have the client hear."""
        found = self._stores.polled_requests.by_code(secret_hash(code)) if len(code) == 43 else None
        if found is None or found.client_id != client.client_id or found.kind is not kind:
            raise invalid_grant("the code is unknown, or was issued to another client", "RFC 6749 5.2")
        now = self._stores.clock.now()
        if found.denied_at is not None:
            raise ProtocolError("access_denied", "the person pressed Cancel", section="RFC 8628 3.5")
        if found.used_at is not None:
            raise invalid_grant("the code was used before, or has been ended", "RFC 6749 5.2")
        if now >= found.expires_at:
            raise ProtocolError("expired_token", "the code has expired", section="RFC 8628 3.5")
        if found.approved_at is None:
            raise self._not_yet(found, now)
        return found

    def redeem(self, found: PolledRequest, client: Client, confirmation: Mapping[str, str]) -> Grant:
        """Use an approved request up and create what it stands for. In the caller's transaction."""
        now, approval = self._stores.clock.now(), approval_of(found)
        if approval is None or found.session_id is None:
            raise invalid_grant("the request has not been approved", "RFC 6749 5.2")
        self._founding.hold_consent(approval.user_id, client, approval.scope)
        scope = still_allowed(approval.scope, client)
        if not self._stores.polled_requests.claim(found.id, now):
            raise invalid_grant("the code was used before, has expired or has been ended", "RFC 6749 5.2")
        session = self._stores.sessions.lock_live(found.session_id, now)
        if session is None:
            raise invalid_grant("the session it was approved in has ended", "RFC 6749 5.2", persist=True)
        held: tuple[UUID | None, UUID] = (session.id, session.device_id)
        if found.kind is PolledKind.DEVICE:
            held = (None, self._device(found, approval.user_id, client, now).id)
            self._notices.device_connected(approval.user_id, client.client_id, now)
        return self._found(approval, scope, client, now, confirmation, held)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _not_yet(self, found: PolledRequest, now: datetime) -> ProtocolError:
        if self._stores.polled_requests.polled(found.id, now, now + _TOLERANCE, SLOWER):
            return ProtocolError("authorization_pending", "the person has not decided yet", section="RFC 8628 3.5")
        return ProtocolError("slow_down", "wait 5 seconds longer between requests", section="RFC 8628 3.5")

    def _found(
        self, approval: Approval, scope: tuple[str, ...], client: Client, now: datetime,
        confirmation: Mapping[str, str], held_of: tuple[UUID | None, UUID],
    ) -> Grant:  # fmt: skip
        """``held_of`` is a Session and a device. What comes of a device code has a device of its own and no Session,
        and ends from the list of devices; what comes of a CIBA request hangs on the Session it was approved in.
        """
        session_id, device_id = held_of
        held = self._founding.client_session(
            self._stores.randomness.uuid(), approval, client, now, session_id=session_id, device_id=device_id
        )
        joined = self._stores.client_sessions.join(held)
        return Grant(
            client_id=client.client_id, user_id=approval.user_id, sid=joined.id, scope=scope,
            resources=approval.resources, auth_time=approval.auth_time, acr=approval.acr, amr=approval.amr,
            authorization_details=approval.authorization_details,
            refresh_token=self._founding.refresh_token(
                approval, joined, client, now, confirmation, approval.authorization_details
            ),
        )  # fmt: skip

    def _device(self, found: PolledRequest, user_id: UUID, client: Client, now: datetime) -> Device:
        device = Device(
            id=self._stores.randomness.uuid(), user_id=user_id, secret_hash=None, name=client.client_name,
            user_agent=found.user_agent, created_at=now, last_seen_at=now,
        )  # fmt: skip
        self._stores.devices.add(device)
        return device

    def _user_code_hash(self, user_code: str) -> bytes:
        """Keyed: whoever has a copy of the database cannot try all codes (P7)."""
        key = self._keys.derive(self._keys.current.key_id, "user code")
        return hmac.digest(key or b"", user_code.encode(), "sha256")

    def _sealed(self, request_id: UUID, code: str, token: str | None) -> bytes | None:
        """What the ping needs, and nobody may read in the database (P7)."""
        if token is None:
            return None
        plain = json.dumps({"auth_req_id": code, "token": token}).encode()
        return self._stores.vault.seal(plain, f"ciba {request_id}")

    def _decided(self, what: str, request: PolledRequest, session: Session, origin: Origin) -> None:
        self._record(what, request, session, origin)
        if request.notification is not None:
            self._notices.decided(request.id, request.client_id, self._stores.clock.now())

    def _record(self, what: str, request: PolledRequest, session: Session, origin: Origin) -> None:
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=self._stores.clock.now(), kind=f"{request.kind}.{what}",
                user_id=session.user_id, client_id=request.client_id, session_id=session.id,
                device_id=session.device_id, actor=f"user:{session.user_id}", address=origin.address,
                user_agent=origin.user_agent,
                details={"scope": list(request.scope), "asked_from": request.address},
            )
        )  # fmt: skip
