"""Consent and the apps page: what each app may do, said in sentences, and taking it away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..domain.client import Client
from ..domain.consent import Consent
from ..domain.device import Device, Origin
from ..domain.event import SecurityEvent
from ..domain.interaction import Interaction
from ..domain.ports import Stores
from ..domain.scope import OPENID, Scope
from ..domain.session import ClientOfUser, ClientSession, Ended, EndReason, Session
from ..domain.user import User
from ..errors import NotFound
from .authorization_details import AuthorizationDetails, Described
from .sessions import SessionControl

# pages.md 24: one sentence each, from the app's side, a verb first, the technical name never shown.
STANDARD_SENTENCES = {
    "openid": "Know that it is you",
    "profile": "See your name and picture",
    "email": "See your email address (%(email)s)",
    "address": "See your postal address",
    "phone": "See your phone number",
    "offline_access": "Keep this access when you are away, until you remove it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """``text`` is a message for gettext, filled with ``values``; ``fixed`` cannot be refused alone."""

    scope: str
    text: str
    values: Mapping[str, str]
    fixed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppView:
    """One entry of the apps page."""

    client: Client
    scopes: tuple[str, ...]
    since: datetime | None
    last_used: datetime | None
    devices: tuple[Device, ...]
    sentences: tuple[Sentence, ...]
    details: Described


class Consents:
    """Consent is keyed by user and client id, never by a name or a host (RFC 6819 4.4.1.4)."""

    def __init__(self, stores: Stores, sessions: SessionControl, details: AuthorizationDetails) -> None:
        self._stores = stores
        self._sessions = sessions
        self._details = details

    def describe(self, scopes: Sequence[str], user: User) -> tuple[Sentence, ...]:
        """The sentences of these scopes, in order; a scope that has none any more is left out."""
        return _sentences(scopes, user, self._own_scopes(scopes))

    def allow(self, interaction: Interaction, session: Session) -> None:
        """The person pressed Allow. In the caller's transaction."""
        self.permit(session, interaction.request.client_id, interaction.request.to_consent, Origin())
        self._stores.interactions.consented(interaction.id, session.id)

    def permit(self, session: Session, client_id: str, scopes: tuple[str, ...], origin: Origin) -> None:
        """Add to what the person allows a client. In the caller's transaction."""
        self._stores.consents.allow(session.user_id, client_id, scopes, self._stores.clock.now())
        self._record("consent.allowed", session.user_id, client_id, origin, scopes=list(scopes))

    def apps(self, user: User) -> tuple[AppView, ...]:
        """Every app that has consent or holds a session, latest use first."""
        consents = {consent.client_id: consent for consent in self._stores.consents.of_user(user.id)}
        held = self._stores.client_sessions.of_user(user.id)
        names = {*consents, *(item.client_id for item in held)}
        devices = {device.id: device for device in self._stores.devices.of_user(user.id)}
        clients = self._stores.clients.some(sorted(names))
        wanted = {scope for consent in consents.values() for scope in consent.scopes}
        own = self._own_scopes(wanted | {scope for item in held for scope in item.scope})
        granted = self._stores.refresh_families.details_of(user.id, self._stores.clock.now())
        details = self._details.describe_held([(clients[name], them) for name, them in granted if name in clients])
        views = [
            _view(client, user, consents.get(name), held, devices, own, details.get(name, ()))
            for name, client in clients.items()
        ]
        return tuple(sorted(views, key=lambda view: -(view.last_used.timestamp() if view.last_used else 0)))

    def app(self, user: User, client_id: str) -> AppView:
        """One of them. Raises NotFound if this person has nothing to do with that app."""
        found = next((view for view in self.apps(user) if view.client.client_id == client_id), None)
        if found is None:
            raise NotFound(client_id)
        return found

    def remove_app(self, user_id: UUID, client_id: str, *, origin: Origin) -> Ended:
        """Withdraw consent and end what the app holds, offline too (ASVS 10.4.9). In a transaction."""
        withdrawn = self._stores.consents.withdraw(user_id, client_id)
        by = f"user:{user_id}"
        ended = self._sessions.end_session(
            ClientOfUser(user_id, client_id), EndReason.APP_REMOVED, by=by, origin=origin
        )
        if withdrawn:
            self._record("consent.withdrawn", user_id, client_id, origin)
        return ended

    def _own_scopes(self, scopes: Iterable[str]) -> Mapping[str, Scope]:
        """Those of our APIs, in one query."""
        return self._stores.resources.scopes(sorted(scope for scope in scopes if scope not in STANDARD_SENTENCES))

    def _record(self, kind: str, user_id: UUID, client_id: str, origin: Origin, **details: object) -> None:
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=self._stores.clock.now(), kind=kind, user_id=user_id,
                client_id=client_id, actor=f"user:{user_id}", address=origin.address, user_agent=origin.user_agent,
                details=details,
            )
        )  # fmt: skip


def _view(
    client: Client, user: User, consent: Consent | None, held: Sequence[ClientSession], devices: Mapping[UUID, Device],
    own: Mapping[str, Scope], details: Described,
) -> AppView:  # fmt: skip
    uses = [item for item in held if item.client_id == client.client_id]
    scopes = consent.scopes if consent else tuple(dict.fromkeys(s for item in uses for s in item.scope))
    started = [item.created_at for item in uses] + ([consent.created_at] if consent else [])
    return AppView(
        client=client,
        scopes=scopes,
        since=min(started, default=None),
        last_used=max((item.last_used_at for item in uses), default=None),
        devices=tuple({item.device_id: devices[item.device_id] for item in uses if item.device_id in devices}.values()),
        sentences=_sentences(scopes, user, own),
        details=details,
    )


def _sentences(scopes: Sequence[str], user: User, own: Mapping[str, Scope]) -> tuple[Sentence, ...]:
    sentences = []
    for scope in scopes:
        text = STANDARD_SENTENCES.get(scope) or (own[scope].sentence if scope in own else None)
        if text is not None:
            values = {"email": user.email} if scope == "email" else {}
            sentences.append(Sentence(scope=scope, text=text, values=values, fixed=scope == OPENID))
    return tuple(sentences)
