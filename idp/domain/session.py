"""Session and ClientSession: the records that decide whether a token lives.

A Session is one sign-in of one user on one device. A ClientSession is what one client holds of it;
its id is the ``sid`` of every token. An *offline* ClientSession outlives its Session.

Liveness is a property of these rows, looked at on every use, never a flag copied to tokens: a
rotation that commits a moment after an ending is born dead (reliability.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class EndReason(StrEnum):
    """Why a session ended (design.md section 5); shown to people in words, to operators as is."""

    SIGNED_OUT = "signed_out"
    RP_LOGOUT = "rp_initiated_logout"
    RENEWED = "renewed_sign_in"
    ACCOUNT_PAGE = "account_page"
    APP_REMOVED = "app_removed"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_RESET = "password_reset"
    USER_DISABLED = "user_disabled"
    USER_DELETED = "user_deleted"
    CLIENT_DISABLED = "client_disabled"
    CLIENT_DELETED = "client_deleted"
    REFRESH_REUSE = "refresh_reuse"
    CODE_REUSE = "code_reuse"
    TOKEN_REVOKED = "token_revoked"
    IDLE = "idle"
    ABSOLUTE = "absolute"
    ADMINISTRATOR = "administrator"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One proof of identity: its RFC 8176 method name and when it was given."""

    method: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in. ``secret_hash`` is SHA-256 of the cookie; ``idle_seconds`` its idle life."""

    id: UUID
    user_id: UUID
    device_id: UUID
    secret_hash: bytes
    factors: tuple[Factor, ...]
    created_at: datetime
    last_seen_at: datetime
    idle_seconds: int
    expires_at: datetime
    persistent: bool
    address: str
    user_agent: str
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    ended_by: str | None = None

    @property
    def auth_time(self) -> datetime:
        """When the person last proved who they are (OpenID Connect Core 1.0 section 2)."""
        return max(factor.at for factor in self.factors)

    @property
    def amr(self) -> tuple[str, ...]:
        """Methods used, RFC 8176 names."""
        return tuple(dict.fromkeys(factor.method for factor in self.factors))

    @property
    def acr(self) -> str:
        """Authentication context class: ``aal1`` for one factor, ``aal2`` for two kinds."""
        return "aal2" if len(set(self.amr)) > 1 else "aal1"

    def live(self, now: datetime) -> bool:
        """Not ended, not past its absolute end, not idle for too long."""
        idle_end = self.last_seen_at + timedelta(seconds=self.idle_seconds)
        return self.ended_at is None and now < self.expires_at and now < idle_end


ACR_SUPPORTED = ("aal1",)
"""What a sign-in here can reach today; ``aal2`` joins when a second factor can be enrolled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSession:
    """What one client holds of a session. ``id`` is the ``sid``."""

    id: UUID
    user_id: UUID
    session_id: UUID | None
    device_id: UUID
    client_id: str
    offline: bool
    scope: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime
    ended_at: datetime | None = None
    end_reason: EndReason | None = None


# ── what an ending is aimed at ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ThisSession:
    """Signing out here: the Session and its online client sessions; offline ones stay."""

    session_id: UUID


@dataclass(frozen=True, slots=True)
class WholeDevice:
    """Everything of one device of one user, offline client sessions too."""

    user_id: UUID
    device_id: UUID


@dataclass(frozen=True, slots=True)
class OtherDevices:
    """Everything of the user but what belongs to the device kept."""

    user_id: UUID
    keep_device_id: UUID


@dataclass(frozen=True, slots=True)
class OtherSessions:
    """Every other session of the user, and what hangs on them, but the one session kept."""

    user_id: UUID
    keep_session_id: UUID


@dataclass(frozen=True, slots=True)
class WholeUser:
    """Everything of one user."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class WholeClient:
    """Everything that one client holds of anybody."""

    client_id: str


@dataclass(frozen=True, slots=True)
class ClientOfUser:
    """Everything that one client holds of one user."""

    user_id: UUID
    client_id: str


@dataclass(frozen=True, slots=True)
class OneClientSession:
    """One ``sid`` alone."""

    sid: UUID


EndTarget = (
    ThisSession | WholeDevice | OtherDevices | OtherSessions | WholeUser | WholeClient | ClientOfUser
    | OneClientSession
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What one ending really ended: only rows that were open before."""

    sessions: tuple[Session, ...]
    client_sessions: tuple[ClientSession, ...]

    @property
    def nothing(self) -> bool:
        """True if everything aimed at had ended already."""
        return not self.sessions and not self.client_sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """What the session record says of one ``sid`` at this moment, joined with user and client.

    ``until``: when it ends by itself at the latest known activity, None if it hangs on no Session.
    ``ended``: somebody or something has ended it, for good; what is merely not live may say less.
    """

    sid: UUID
    user_id: UUID
    client_id: str
    live: bool
    until: datetime | None = None
    ended: bool = False
