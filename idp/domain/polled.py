"""PolledRequest: a request that a client asks after while a person decides about it elsewhere.

Two specifications make them: device authorization (RFC 8628), where the person comes with a code that the
device shows, and CIBA (OpenID Connect Client-Initiated Backchannel Authentication 1.0), where the client
names the person. Both end in the same way: denied, expired, or approved and redeemed once.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE_LENGTH = 8
_CODE = re.compile(f"[{USER_CODE_LETTERS}]{{{USER_CODE_LENGTH}}}")
_PUNCTUATION = re.compile(r"[\s\-_.\u2010-\u2015]+")


class PolledKind(StrEnum):
    """Which specification the request is of."""

    DEVICE = "device"
    CIBA = "ciba"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledRequest:
    """``code_hash`` is SHA-256 of the device code or ``auth_req_id``, 256 random bits.

    ``user_code_hash`` is keyed with the master key, for a user code has too few bits to be merely hashed.
    ``user_id`` is who is asked (CIBA) or who has decided (device). ``session_id`` and ``device_id`` are those
    it was decided in, ``auth_time``, ``acr`` and ``amr`` what that sign-in was worth. ``interval`` is in
    seconds and only grows. ``address`` and ``user_agent`` are of the device or client that asks.
    ``notification`` is sealed: how to tell a CIBA client that the decision has been made (ping).
    ``authorization_details`` are those of RFC 9396, to the letter as they were asked for.
    ``details_shown``: so did the page say on which they were approved. One of a version that knows of none does
    not, while both versions run; then none have been granted.
    """

    id: UUID
    kind: PolledKind
    code_hash: bytes
    user_code_hash: bytes | None = None
    client_id: str
    user_id: UUID | None = None
    scope: tuple[str, ...]
    resources: tuple[str, ...] = ()
    authorization_details: tuple[Mapping[str, object], ...] = ()
    details_shown: bool = False
    binding_message: str | None = None
    acr_values: tuple[str, ...] = ()
    notification: bytes | None = None
    address: str = ""
    user_agent: str = ""
    interval: int
    created_at: datetime
    expires_at: datetime
    polled_at: datetime | None = None
    session_id: UUID | None = None
    device_id: UUID | None = None
    auth_time: datetime | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    approved_at: datetime | None = None
    denied_at: datetime | None = None
    used_at: datetime | None = None

    def waiting(self, now: datetime) -> bool:
        """May a person still decide about it?"""
        return self.approved_at is None and self.denied_at is None and self.used_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a person has granted by approving: what the tokens are made from."""

    user_id: UUID
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    auth_time: datetime
    acr: str
    amr: tuple[str, ...]
    claims: Mapping[str, object] = field(default_factory=dict)
    authorization_details: tuple[Mapping[str, object], ...] = ()


def approval_of(request: PolledRequest) -> Approval | None:
    """The facts of an approved request, else None."""
    if request.approved_at is None or request.user_id is None or request.auth_time is None or request.acr is None:
        return None
    return Approval(
        user_id=request.user_id, scope=request.scope, resources=request.resources, auth_time=request.auth_time,
        acr=request.acr, amr=request.amr,
        authorization_details=request.authorization_details if request.details_shown else (),
    )  # fmt: skip


# ── user codes ────────────────────────────────────────────────────────────────────────────────────


def make_user_code(chance: str) -> str:
    """Eight letters without vowels (RFC 8628 section 6.1: 20^8) from 256 random bits in base64url."""
    number = int.from_bytes(base64.urlsafe_b64decode(chance + "="))
    letters = ""
    for _ in range(USER_CODE_LENGTH):
        number, place = divmod(number, len(USER_CODE_LETTERS))
        letters += USER_CODE_LETTERS[place]
    return letters


def read_user_code(text: str) -> str | None:
    """What somebody typed: lower case, spaces and dashes do not matter (section 6.1). None if it is no code."""
    code = _PUNCTUATION.sub("", text[:64]).upper()
    return code if _CODE.fullmatch(code) else None


def shown_user_code(code: str) -> str:
    """As people read it: WDJB-MJHT."""
    return f"{code[:4]}-{code[4:]}"
