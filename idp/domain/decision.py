"""What happens next with an authorization request: one pure function, asked on entry and again
before a code is issued (OpenID Connect Core 1.0 sections 3.1.2.1 to 3.1.2.6; ``prompt=create``: Initiating
User Registration via OpenID Connect 1.0 section 4).

Why one function: every way into the endpoint (fresh, after sign-in, after consent, Back, a second
tab) must come to the same answer, and ``prompt=none`` must be impossible to forget on any of them.

Why "since the interaction began" counts as fresh: after ``max_age=0`` or ``prompt=login`` the new
sign-in is already some milliseconds old when it is looked at again; without this the person would be
asked for ever. A sign-in *before* the interaction never satisfies them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from .client import Client
from .consent import Consent
from .interaction import AuthorizationRequest, Interaction
from .session import ACR_SUPPORTED, Session

FRESH_SECONDS = 600
"""For how long a sign-in within the interaction passes for ``max_age`` whatever that says."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Show the sign-in page. ``fresh`` means: although somebody is signed in already. ``create``: the page
    for a new account first, which leads to sign-in as well."""

    fresh: bool = False
    create: bool = False


@dataclass(frozen=True, slots=True)
class ChooseAccount:
    """Show who is signed in on this browser and let the person choose."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Show the consent page: ``new`` scopes to allow, ``already`` allowed ones.

    Authorization details (RFC 9396) are asked for every time: they are this one payment, not any payment.
    """

    new: tuple[str, ...]
    already: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issue:
    """Issue a code for this session."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the client with an error of Core section 3.1.2.6."""

    error: str
    description: str
    section: str


Decision = SignIn | ChooseAccount | AskConsent | Issue | Refuse


def decide(
    request: AuthorizationRequest,
    client: Client,
    session: Session | None,
    consent: Consent | None,
    interaction: Interaction | None,
    now: datetime,
) -> Decision:
    """Decide from facts alone. ``session`` is live or None; ``interaction`` None on first entry."""
    if interaction is not None and interaction.denied_at is not None:
        return Refuse("access_denied", "the person pressed Cancel", "RFC 6749 4.1.2.1")
    if request.acr_essential and not set(request.acr_values) & set(ACR_SUPPORTED):
        return Refuse(
            "unmet_authentication_requirements", "none of the required acr values can be reached",
            "OpenID Connect Core 5.5.1.1",
        )  # fmt: skip
    wanted = _next_page(request, client, session, consent, interaction, now)
    return _forbidden(wanted) if "none" in request.prompt else wanted


def _next_page(
    request: AuthorizationRequest,
    client: Client,
    session: Session | None,
    consent: Consent | None,
    interaction: Interaction | None,
    now: datetime,
) -> Decision:
    create = "create" in request.prompt
    if session is None:
        return SignIn(create=create)
    if _must_sign_in_again(request, session, interaction, now):
        return SignIn(fresh=True, create=create)
    if "select_account" in request.prompt and not _chosen(session, interaction):
        return ChooseAccount()
    return _consent(request, client, session, consent, interaction)


def _chosen(session: Session, interaction: Interaction | None) -> bool:
    """By a click, or by having signed in for this very request."""
    if interaction is None:
        return False
    return _answered_by(interaction.chosen_by, session) or session.auth_time >= interaction.created_at


def _must_sign_in_again(
    request: AuthorizationRequest, session: Session, interaction: Interaction | None, now: datetime
) -> bool:
    if request.hinted_sub is not None and request.hinted_sub != session.user_id:
        return True  # Core 3.1.2.1, id_token_hint: the End-User it names, or nobody
    age = (now - session.auth_time).total_seconds()
    if interaction is not None and session.auth_time >= interaction.created_at and age <= FRESH_SECONDS:
        return False
    asks = {"login", "create"} & set(request.prompt)
    if asks and (interaction is None or session.auth_time < interaction.created_at):
        return True
    return request.max_age is not None and age > request.max_age


def _consent(
    request: AuthorizationRequest, client: Client, session: Session, consent: Consent | None,
    interaction: Interaction | None,
) -> Decision:  # fmt: skip
    given = consent.scopes if consent is not None else ()
    new = tuple(scope for scope in request.to_consent if scope not in given)
    already = tuple(scope for scope in request.to_consent if scope in given)
    if _answered_by(interaction.consented_by if interaction else None, session) and not new:
        return Issue()
    if "consent" in request.prompt:
        return AskConsent(new, already)
    if client.trusted:
        return Issue()
    if new or consent is None or not client.identity_assured or request.authorization_details:
        return AskConsent(new, already)
    return Issue()


def _answered_by(answered_in: UUID | None, session: Session) -> bool:
    return answered_in is not None and answered_in == session.id


def _forbidden(wanted: Decision) -> Decision:
    """``prompt=none``: what would need a page is an error instead (Core section 3.1.2.6)."""
    section = "OpenID Connect Core 3.1.2.6"
    if isinstance(wanted, SignIn):
        return Refuse("login_required", "the person must sign in and prompt=none forbids it", section)
    if isinstance(wanted, ChooseAccount):
        return Refuse("account_selection_required", "an account must be chosen and prompt=none forbids it", section)
    if isinstance(wanted, AskConsent):
        return Refuse("consent_required", "consent is missing and prompt=none forbids asking", section)
    return wanted
