"""What "live" means, as SQL: one set of conditions for every statement that asks (P1).

Liveness is a property of rows looked at on each use, never a flag copied to tokens: what commits a
moment after an ending is born dead (reliability.md section 4).
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, or_

from .columns import SecondsAfter, UtcDateTime
from .tables import client_sessions, clients, refresh_families, sessions, users

NOW = bindparam("now", type_=UtcDateTime())

SESSION_LIVE: ColumnElement[bool] = and_(
    sessions.c.ended_at.is_(None),
    sessions.c.expires_at > NOW,
    SecondsAfter(sessions.c.last_seen_at, sessions.c.idle_seconds) > NOW,
)
"""``domain.session.Session.live``."""

USER_LIVE: ColumnElement[bool] = and_(users.c.disabled_at.is_(None), users.c.deleted_at.is_(None))
"""``domain.user.User.live``."""

NEEDS_NO_SESSION: ColumnElement[bool] = or_(client_sessions.c.offline, client_sessions.c.session_id.is_(None))
"""Offline, or born of a device grant (design.md section 2)."""

CLIENT_SESSION_LIVE: ColumnElement[bool] = and_(
    client_sessions.c.ended_at.is_(None),
    clients.c.disabled_at.is_(None),
    USER_LIVE,
    or_(NEEDS_NO_SESSION, SESSION_LIVE),
)
"""Over ``HELD``: the client session and everything that it hangs on."""

HELD: FromClause = (
    client_sessions.join(users, users.c.id == client_sessions.c.user_id)
    .join(clients, clients.c.client_id == client_sessions.c.client_id)
    .outerjoin(sessions, sessions.c.id == client_sessions.c.session_id)
)
"""A client session with its user, its client and its Session, if any."""

FAMILY_WITHIN_ENDS: ColumnElement[bool] = and_(
    refresh_families.c.expires_at > NOW,
    SecondsAfter(refresh_families.c.rotated_at, refresh_families.c.idle_seconds) > NOW,
)
"""Neither idle for too long nor past the absolute end."""
