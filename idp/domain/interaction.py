"""AuthorizationRequest: a validated request. Interaction: one that waits for a person.

The parameters are fixed on the server when the request has been validated; pages carry nothing but
the opaque id, so no form field can change what is asked (CVE-2026-7571, ASVS 10.6.1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from .claims import claims_locales, requested, scope_with_claims

MOST_CARRIED = 4096
"""Characters of a request that a token repeats: with what every token says it stays within what is read (8192)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """RFC 6749 section 4.1.1 with RFC 7636, RFC 8707 and OpenID Connect Core 1.0 section 3.1.2.1.

    ``claims`` holds ``claims_locales`` too (``domain.claims.LOCALES``).
    ``max_age`` is in seconds. ``hinted_sub`` is the subject of a verified ``id_token_hint``.
    ``redirect_uri`` has been matched against the client's registration. ``pushed_as`` is the hash, in
    hexadecimal, of the RFC 9126 reference under which it was pushed.
    """

    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    state: str | None = None
    response_mode: str = "query"
    nonce: str | None = None
    code_challenge: str | None = None
    dpop_jkt: str | None = None
    resources: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str | None = None
    hinted_sub: UUID | None = None
    acr_values: tuple[str, ...] = ()
    acr_essential: bool = False
    ui_locales: tuple[str, ...] = ()
    display: str | None = None
    claims: Mapping[str, object] = field(default_factory=dict)
    pushed_as: str | None = None
    authorization_details: tuple[Mapping[str, object], ...] = ()

    @property
    def to_consent(self) -> tuple[str, ...]:
        """Everything the person must allow: the scopes, and those behind single claims."""
        return scope_with_claims(self.scope, self.claims)

    @property
    def carried(self) -> int:
        """How many characters of it an access token will repeat, as JSON in ASCII."""
        members = (
            self.scope, self.resources, requested(self.claims, "userinfo"), claims_locales(self.claims),
            self.authorization_details,
        )  # fmt: skip
        return len(json.dumps(members, separators=(",", ":")))

    @property
    def openid(self) -> bool:
        """Is this an OpenID Connect request (Core section 3.1.2.1), or plain OAuth?"""
        return "openid" in self.scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """What the person has answered so far is bound to the session it was answered in.

    ``id`` is 256 random bits, base64url. ``chosen_by`` and ``consented_by`` are session ids: an
    answer given in one session says nothing about another. ``completed_at`` is set when the answer
    has been sent to the client; ``denied_at`` when the person pressed Cancel.
    """

    id: str
    request: AuthorizationRequest
    created_at: datetime
    expires_at: datetime
    chosen_by: UUID | None = None
    consented_by: UUID | None = None
    denied_at: datetime | None = None
    completed_at: datetime | None = None
