"""Authorization codes: issued once consent stands, redeemed once (RFC 6749 sections 4.1.2 and 4.1.3).

Order in redemption, and why: the edge authenticates the client and compares redirect_uri and PKCE
against ``load``ed facts first, so a wrong verifier burns nothing; then everything that must be looked up
for the answer (``prospect``), so that an honest client whose answer fails may try again and is not taken
for a replay; then one atomic claim decides which of several redemptions wins; only someone who passed all
comparisons can trigger the ending that a replay causes, so a stranger who merely saw a code can do no harm
with it.

The common case, a client's first code of a Session, is one statement outside any transaction
(``ports.Redemptions``). Where that does nothing, a transaction does it step by step, and finds out why. The
ending of a replay is committed although the answer is an error (``persist``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from ..domain.claims import requested, scope_with_claims
from ..domain.client import Client
from ..domain.code import AuthorizationCode, Redeemed
from ..domain.device import Device
from ..domain.exchange import Link
from ..domain.interaction import AuthorizationRequest
from ..domain.master_key import MasterKeys
from ..domain.ports import Stores
from ..domain.session import EndReason, OneClientSession, Session
from ..domain.user import User
from ..errors import ProtocolError
from ..settings import Settings
from .founding import Founding, offline
from .sessions import Current, SessionControl, secret_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Everything a token answer is made from. ``user_id`` and ``sid`` are None without a person.

    ``audience`` is filled in when the token request has been compared with what was granted, and
    ``subject`` with it: the ``sub`` by which this client knows the person (``Subjects``).
    ``act`` is who acts for the person (RFC 8693 section 4.1), ``may_act`` who alone may come to act (section 4.4),
    ``via`` which tokens it came of, ``not_after`` when the access token ends at the latest.
    ``confirmation`` is whose the access token is alone (RFC 7800 ``cnf``): ``jkt`` the thumbprint of a key
    (RFC 9449 section 6.1), ``x5t#S256`` that of a certificate (RFC 8705 section 3.1); empty for a bearer token.
    """

    client_id: str
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    audience: tuple[str, ...] = ()
    subject: str | None = None
    user_id: UUID | None = None
    user: User | None = None
    sid: UUID | None = None
    auth_time: datetime | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    nonce: str | None = None
    claims: Mapping[str, object] = field(default_factory=dict)
    refresh_token: str | None = None
    act: Mapping[str, object] | None = None
    may_act: Mapping[str, object] | None = None
    via: tuple[Link, ...] = ()
    not_after: datetime | None = None
    confirmation: Mapping[str, str] = field(default_factory=dict)
    authorization_details: tuple[Mapping[str, object], ...] = ()


def invalid_grant(description: str, section: str, *, persist: bool = False) -> ProtocolError:
    """RFC 6749 section 5.2, invalid_grant."""
    return ProtocolError("invalid_grant", description, section=section, persist=persist)


def still_allowed(scope: tuple[str, ...], client: Client) -> tuple[str, ...]:
    """What of a granted scope the client's registration still allows, read anew on every use.

    Raises invalid_grant if that is nothing of what there was (security.md D).
    """
    kept = tuple(name for name in scope if name in client.scope)
    if scope and not kept:
        raise invalid_grant("the app may no longer ask for anything of this", "RFC 6749 6")
    return kept


@dataclass(frozen=True, slots=True)
class _Created:
    """What a redemption has created."""

    sid: UUID
    refresh_token: str | None


class Codes:
    """Issue and redeem."""

    def __init__(self, stores: Stores, settings: Settings, master_keys: MasterKeys, sessions: SessionControl) -> None:
        self._stores = stores
        self._settings = settings
        self._founding = Founding(stores, settings, master_keys)
        self._sessions = sessions

    def issue(self, request: AuthorizationRequest, current: Current) -> str:
        """A code for this session and this request. In the caller's transaction."""
        now = self._stores.clock.now()
        session = current.session
        code = self._stores.randomness.token()
        self._stores.codes.add(
            AuthorizationCode(
                code_hash=secret_hash(code), client_id=request.client_id, user_id=current.user.id,
                session_id=session.id, device_id=session.device_id, redirect_uri=request.redirect_uri,
                scope=request.scope, resources=request.resources, nonce=request.nonce,
                code_challenge=request.code_challenge, dpop_jkt=request.dpop_jkt, claims=request.claims,
                authorization_details=request.authorization_details, auth_time=session.auth_time,
                acr=session.acr, amr=session.amr, created_at=now,
                expires_at=now + timedelta(seconds=self._settings.code_life),
            )
        )  # fmt: skip
        return code

    def load(self, code: str, client: Client) -> AuthorizationCode:
        """The code's facts, for comparing; raises invalid_grant if it is unknown or another client's."""
        found = self._stores.codes.get(secret_hash(code)) if len(code) == 43 else None
        if found is None or found.client_id != client.client_id:
            raise invalid_grant("the code is unknown, expired or was issued to another client", "RFC 6749 5.2")
        return found

    def refuse_used(self, found: AuthorizationCode) -> None:
        """A compared code that was used before ends what it gave, whatever else stands against it."""
        if found.used_at is not None:
            with self._stores.work():
                raise self._not_claimed(found)

    def prospect(self, found: AuthorizationCode, client: Client) -> Grant:
        """What redeeming a compared code will grant, but for the ``sid`` and the refresh token."""
        return Grant(
            client_id=client.client_id, user_id=found.user_id, user=self._asked_for(found),
            scope=still_allowed(found.scope, client), resources=found.resources, auth_time=found.auth_time,
            acr=found.acr, amr=found.amr, nonce=found.nonce, claims=found.claims,
            authorization_details=found.authorization_details,
        )  # fmt: skip

    def redeem(
        self, found: AuthorizationCode, client: Client, confirmation: Mapping[str, str], grant: Grant
    ) -> Grant:  # fmt: skip
        """Use a compared code up and create what it stands for; ``grant`` with what was created.

        Raises ProtocolError. Opens its own transaction where one statement does not do.
        """
        created = self._at_once(found, client, confirmation)
        if created is None:
            with self._stores.work():
                created = self._step_by_step(found, client, confirmation)
        return replace(grant, sid=created.sid, refresh_token=created.refresh_token)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _at_once(
        self, found: AuthorizationCode, client: Client, confirmation: Mapping[str, str]
    ) -> _Created | None:  # fmt: skip
        """None if nothing has been done: not everything was as it mostly is, or the database cannot do it so."""
        if _installed(found, client):
            return None
        now, sid = self._stores.clock.now(), self._stores.randomness.uuid()
        family = self._founding.family(found, sid, client, now, confirmation, found.authorization_details)
        client_session = self._founding.client_session(
            sid, found, client, now, session_id=found.session_id, device_id=found.device_id
        )
        consent = None if client.trusted else scope_with_claims(found.scope, found.claims)
        outcome = self._stores.redemptions.at_once(found.code_hash, client, consent, client_session, family, now)
        if outcome is Redeemed.NOT:
            return None
        if outcome is Redeemed.IN_VAIN:
            raise _session_ended()
        return _Created(sid, self._founding.first_token(family))

    def _step_by_step(
        self, found: AuthorizationCode, client: Client, confirmation: Mapping[str, str]
    ) -> _Created:  # fmt: skip
        now = self._stores.clock.now()
        self._founding.hold_consent(found.user_id, client, scope_with_claims(found.scope, found.claims))
        sid = self._stores.randomness.uuid()
        if not self._stores.codes.claim(found.code_hash, now, sid):
            raise self._not_claimed(found)
        session = self._stores.sessions.lock_live(found.session_id, now)
        if session is None:
            raise _session_ended()
        joined = self._stores.client_sessions.join(
            self._founding.client_session(
                sid, found, client, now, session_id=session.id, device_id=self._device(found, session, client, now)
            )
        )
        if joined.id != sid:
            self._stores.codes.redeemed(found.code_hash, joined.id)
        token = self._founding.refresh_token(found, joined, client, now, confirmation, found.authorization_details)
        return _Created(joined.id, token)

    def _device(self, found: AuthorizationCode, session: Session, client: Client, now: datetime) -> UUID:
        """Where the app will work: in the browser, or as an installation that lives on without it (RFC 8252).

        Such a one (an agent, a command line) is a device of its own: people see it in their list beside the
        browser that they signed in with, and end either alone. If the client session exists already, it keeps
        its device, and a second one, which holds nothing, is swept.
        """
        if not _installed(found, client):
            return session.device_id
        installation = Device(
            id=self._stores.randomness.uuid(), user_id=found.user_id, secret_hash=None, name=client.client_name,
            user_agent="", created_at=now, last_seen_at=now,
        )  # fmt: skip
        self._stores.devices.add(installation)
        return installation.id

    def _not_claimed(self, found: AuthorizationCode) -> ProtocolError:
        used = self._stores.codes.get(found.code_hash)
        if used is None or used.used_at is None:
            return invalid_grant("the code has expired", "RFC 6749 4.1.2")
        if used.client_session_id is not None:
            self._sessions.end_session(
                OneClientSession(used.client_session_id), EndReason.CODE_REUSE, by=f"client:{used.client_id}"
            )
        return invalid_grant("the code was used before; what it gave has been ended", "RFC 6749 4.1.2", persist=True)

    def _asked_for(self, found: AuthorizationCode) -> User | None:
        """The person, where the ID token is to say something of them."""
        return self._stores.users.get(found.user_id) if requested(found.claims, "id_token") else None


def _installed(found: AuthorizationCode, client: Client) -> bool:
    """Is it a device of its own that the app will work on?"""
    return client.application_type == "native" and offline(found.scope, client)


def _session_ended() -> ProtocolError:
    return invalid_grant("the session of this code has ended", "RFC 6749 5.2", persist=True)
