"""Interactions: an authorization request on its way through sign-in and consent to its answer.

``next_step`` asks the one pure decision with the facts of this moment; it is asked on entry, on every
page, and again before a code is issued, so no page can skip another.

What waits here may outlive what it asks for: of an authorization detail whose type has gone meanwhile no page
could say what it is, and no code is issued (RFC 9396 section 5).
"""

from __future__ import annotations

import re
from datetime import timedelta

from ..domain.client import Client
from ..domain.decision import Decision, Refuse, decide
from ..domain.interaction import AuthorizationRequest, Interaction
from ..domain.ports import Stores
from ..domain.session import Session
from ..domain.throttle import interaction_brakes, own_interaction_brakes
from ..errors import NotFound, ProtocolError
from ..settings import Settings
from .authorization_details import AuthorizationDetails
from .sessions import Current

_ID = re.compile(r"[A-Za-z0-9_-]{43}")


class InteractionFlow:
    """Interactions live on the server; a page knows only the id."""

    def __init__(self, stores: Stores, settings: Settings, details: AuthorizationDetails) -> None:
        self._stores = stores
        self._settings = settings
        self._details = details

    def start(self, request: AuthorizationRequest) -> Interaction:
        """Keep a validated request while a person answers."""
        now = self._stores.clock.now()
        interaction = Interaction(
            id=self._stores.randomness.token(), request=request, created_at=now,
            expires_at=now + timedelta(seconds=self._settings.interaction_life),
        )  # fmt: skip
        self._stores.interactions.add(interaction)
        return interaction

    def wait_before(self, address: str, current: Current | None) -> int:
        """Seconds until this person, or who has not signed in at ``address``, may begin another one; 0: now."""
        brakes = interaction_brakes(address) if current is None else own_interaction_brakes(current.user.id)
        return self._stores.throttles.take(brakes, self._stores.clock.now())

    def get(self, interaction_id: str) -> Interaction:
        """Raises NotFound for an id we never gave or have forgotten."""
        interaction = self._stores.interactions.get(interaction_id) if _ID.fullmatch(interaction_id) else None
        if interaction is None:
            raise NotFound("interaction")
        return interaction

    def expired(self, interaction: Interaction) -> bool:
        """Has the person taken longer than an interaction lasts?"""
        return self._stores.clock.now() >= interaction.expires_at

    def client(self, interaction: Interaction) -> Client:
        """The app that asks. Raises NotFound if it has gone or has been disabled meanwhile."""
        client = self._stores.clients.get(interaction.request.client_id)
        if client is None or client.disabled_at is not None:
            raise NotFound("client")
        return client

    def next_step(self, interaction: Interaction, current: Current | None) -> Decision:
        """What must happen next with this interaction."""
        client = self.client(interaction)
        return self._outlived(interaction.request, client) or self.decide(
            interaction.request, client, current, interaction
        )

    def _outlived(self, request: AuthorizationRequest, client: Client) -> Refuse | None:
        """The refusal of details that may not be asked for any more (RFC 9396 section 5)."""
        if not request.authorization_details:
            return None
        try:
            self._details.check(request.authorization_details, client)
        except ProtocolError as error:
            return Refuse(error.error, error.description, error.section)
        return None

    def decide(
        self, request: AuthorizationRequest, client: Client, current: Current | None, interaction: Interaction | None
    ) -> Decision:
        """The same for a request that has no interaction yet."""
        session = current.session if current else None
        consent = self._stores.consents.get(session.user_id, client.client_id) if session else None
        return decide(request, client, session, consent, interaction, self._stores.clock.now())

    def choose(self, interaction: Interaction, session: Session) -> None:
        """The person chose the account of this session."""
        self._stores.interactions.chosen(interaction.id, session.id)

    def deny(self, interaction: Interaction) -> None:
        """The person pressed Cancel; the client will hear ``access_denied``."""
        self._stores.interactions.denied(interaction.id, self._stores.clock.now())

    def complete(self, interaction: Interaction) -> bool:
        """Claim the right to answer the client: True for one caller, ever."""
        return self._stores.interactions.complete(interaction.id, self._stores.clock.now())
