"""Signing in: the check of a password, and the Session and Device that come of it.

Two steps, and why: the check counts an attempt before it hashes (attempts in parallel must not outrun
the limit) and then hashes for milliseconds; neither may hold a transaction open. Only ``begin`` runs
inside one.

Unknown person, wrong password and disabled account take the same steps and the same time and end in
the same exception (ASVS 6.3.8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ..domain.device import Device, Origin
from ..domain.event import SecurityEvent
from ..domain.ports import Stores
from ..domain.session import EndReason, Factor, Session, ThisSession
from ..domain.throttle import Brake, password_brakes
from ..domain.user import User
from ..errors import SignInRefused, Throttled
from ..settings import Settings
from .accounts import MAX_PASSWORD_BYTES
from .notices import Notices
from .sessions import SessionControl, secret_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A fresh proof. The secrets are for the cookies and are kept nowhere else."""

    session: Session
    user: User
    session_secret: str
    device_secret: str
    new_device: bool


class SignIn:
    """Password sign-in. Further factors join here, as further ``check_…`` steps."""

    def __init__(self, stores: Stores, settings: Settings, sessions: SessionControl) -> None:
        self._stores = stores
        self._settings = settings
        self._sessions = sessions
        self._notices = Notices(stores)

    def check_password(self, email: str, password: str, *, origin: Origin, device_secret: str | None) -> User:
        """The user whose password this is. Not in a transaction.

        Raises SignInRefused for every cause alike, Throttled before anything is compared, and
        Unavailable when too many hashes are under way.
        """
        user = self._stores.users.by_email(email)
        device = self._known_device(user, device_secret)
        brakes = password_brakes(email, origin.address, device.id if device else None)
        if wait := self._stores.throttles.take(brakes, self._stores.clock.now()):
            raise Throttled(wait)
        fits = len(password.encode("utf-8", "surrogatepass")) <= MAX_PASSWORD_BYTES
        hashed = user.password_hash if user is not None and fits else None
        right = self._stores.passwords.verify(hashed, password if fits else "")
        if user is None or not right or not user.live:
            self._refused(user, origin)
            raise SignInRefused
        self._forgive(brakes)
        return self._rehash(user, password)

    def begin(
        self,
        user: User,
        *,
        method: str = "pwd",
        origin: Origin,
        device_secret: str | None,
        session_secret: str | None,
        persistent: bool | None = None,
    ) -> SignedIn:
        """Turn a checked proof into a Session, in the caller's transaction.

        The same person renews their Session: fresh factor, new secret, the old one dead (ASVS
        7.2.4). Somebody else ends the Session that was there. ``persistent`` None keeps what was.
        Raises SignInRefused if the proof has been overtaken meanwhile.
        """
        self._hold(user)
        there = self._sessions.current(session_secret, origin) if session_secret else None
        if there is not None and there.user.id == user.id:
            renewed = self._renew(there.session, user, method, origin, device_secret, persistent)
            if renewed is not None:
                return renewed
        elif there is not None:
            self._sessions.end_session(
                ThisSession(there.session.id), EndReason.RENEWED, by=f"user:{there.user.id}", origin=origin,
                awaited=False,
            )  # fmt: skip
        return self._new(user, method, origin, device_secret, bool(persistent))

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _hold(self, user: User) -> None:
        """The check was made outside this transaction: is it still worth something?

        Held until commit, first of all locks: whoever disables the user or sets a new password at this
        moment waits, and then ends the Session that is made here (P1). Otherwise a sign-in with the old
        password, slow enough, would outlive the reset.
        """
        held = self._stores.users.hold(user.id)
        if held is None or not held.live or held.password_changed_at != user.password_changed_at:
            raise SignInRefused

    def _known_device(self, user: User | None, device_secret: str | None) -> Device | None:
        if user is None or not device_secret:
            return None
        return self._stores.devices.by_secret(secret_hash(device_secret), user.id)

    def _forgive(self, brakes: Sequence[Brake]) -> None:
        """A right password was no guess; but it does not wipe the counters of an address."""
        self._stores.throttles.give_back(brakes, self._stores.clock.now())
        self._stores.throttles.clear(brakes[:1])

    def _rehash(self, user: User, password: str) -> User:
        if user.password_hash is None or not self._stores.passwords.outdated(user.password_hash):
            return user
        better = self._stores.passwords.hash(password)
        with self._stores.work():
            held = self._stores.users.hold(user.id)
            if held is None or held.password_hash != user.password_hash:
                return user  # changed meanwhile: that change stands
            changed = replace(held, password_hash=better)
            self._stores.users.save(changed)
        return changed

    def _renew(
        self, session: Session, user: User, method: str, origin: Origin, device_secret: str | None,
        persistent: bool | None,
    ) -> SignedIn | None:  # fmt: skip
        now = self._stores.clock.now()
        secret = self._stores.randomness.token()
        kept = tuple(factor for factor in session.factors if factor.method != method)
        factors = (*kept, Factor(method=method, at=now))
        lasting = None if persistent is None else (persistent, self._idle_life(persistent))
        if not self._stores.sessions.prove(session.id, factors, secret_hash(secret), now, lasting):
            return None
        renewed = replace(session, factors=factors, last_seen_at=now)
        if persistent is not None:
            renewed = replace(renewed, persistent=persistent, idle_seconds=self._idle_life(persistent))
        _device, new_secret, _new = self._device(user, origin, device_secret)
        self._record("sign_in.renewed", renewed, origin)
        return SignedIn(
            session=renewed, user=user, session_secret=secret, device_secret=new_secret, new_device=False
        )  # fmt: skip

    def _idle_life(self, persistent: bool) -> int:
        settings = self._settings
        return settings.session_remember_life if persistent else settings.session_idle_life

    def _new(
        self, user: User, method: str, origin: Origin, device_secret: str | None, persistent: bool
    ) -> SignedIn:  # fmt: skip
        device, new_secret, is_new = self._device(user, origin, device_secret)
        now = self._stores.clock.now()
        secret = self._stores.randomness.token()
        settings = self._settings
        session = Session(
            id=self._stores.randomness.uuid(), user_id=user.id, device_id=device.id, secret_hash=secret_hash(secret),
            factors=(Factor(method=method, at=now),), created_at=now, last_seen_at=now,
            idle_seconds=self._idle_life(persistent),
            expires_at=now + timedelta(seconds=settings.session_absolute_life), persistent=persistent,
            address=origin.address, user_agent=origin.user_agent,
        )  # fmt: skip
        self._stores.sessions.add(session)
        self._record("sign_in.succeeded", session, origin)
        if is_new:
            self._notices.new_device(user, session)
        return SignedIn(
            session=session, user=user, session_secret=secret, device_secret=new_secret, new_device=is_new
        )  # fmt: skip

    def _device(self, user: User, origin: Origin, device_secret: str | None) -> tuple[Device, str, bool]:
        """The Device of this browser and its new cookie; a planted cookie is never adopted.

        Every Device that shared the old cookie gets the new one, so two people on one browser keep
        theirs, and whoever knew the old cookie knows nothing now.
        """
        now = self._stores.clock.now()
        new_secret = self._stores.randomness.token()
        if device_secret:
            self._stores.devices.rotate_secret(secret_hash(device_secret), secret_hash(new_secret))
        device = self._stores.devices.by_secret(secret_hash(new_secret), user.id)
        if device is not None:
            self._stores.devices.seen(device.id, origin.user_agent, now)
            return device, new_secret, False
        device = Device(
            id=self._stores.randomness.uuid(), user_id=user.id, secret_hash=secret_hash(new_secret), name=None,
            user_agent=origin.user_agent, created_at=now, last_seen_at=now,
        )  # fmt: skip
        self._stores.devices.add(device)
        return device, new_secret, True

    def _record(self, kind: str, session: Session, origin: Origin) -> None:
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=self._stores.clock.now(), kind=kind, user_id=session.user_id,
                session_id=session.id, device_id=session.device_id, actor=f"user:{session.user_id}",
                address=origin.address, user_agent=origin.user_agent, details={"amr": list(session.amr)},
            )
        )  # fmt: skip

    def _refused(self, user: User | None, origin: Origin) -> None:
        """One line whether the person exists or not, so that the write tells nothing by its time."""
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=self._stores.clock.now(), kind="sign_in.refused",
                user_id=user.id if user else None, actor="anonymous", address=origin.address,
                user_agent=origin.user_agent,
            )
        )  # fmt: skip
