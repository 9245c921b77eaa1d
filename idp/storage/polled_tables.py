"""The table of requests that clients poll for (RFC 8628, CIBA)."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, Uuid, false, text

from ..domain.polled import PolledKind
from .columns import UtcDateTime, Word, details, words
from .tables import Base

polled_requests = Table(
    "polled_requests",
    Base.metadata,
    Column("id", Uuid, primary_key=True, nullable=False),
    Column("kind", Word(PolledKind), nullable=False),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    Column("user_code_hash", LargeBinary, nullable=True, unique=True),
    Column("client_id", Text, ForeignKey("clients.client_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("user_id", Uuid, nullable=True),
    Column("scope", words(), nullable=False),
    Column("resources", words(), nullable=False),
    Column("authorization_details", details(), nullable=False, server_default=text("'[]'")),
    Column("details_shown", Boolean, nullable=False, server_default=false()),
    Column("binding_message", Text, nullable=True),
    Column("acr_values", words(), nullable=False),
    Column("notification", LargeBinary, nullable=True),
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("interval", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("polled_at", UtcDateTime, nullable=True),
    Column("session_id", Uuid, nullable=True),
    Column("device_id", Uuid, nullable=True),
    Column("auth_time", UtcDateTime, nullable=True),
    Column("acr", Text, nullable=True),
    Column("amr", words(), nullable=False),
    Column("approved_at", UtcDateTime, nullable=True),
    Column("denied_at", UtcDateTime, nullable=True),
    Column("used_at", UtcDateTime, nullable=True),
    postgresql_with={"fillfactor": 80},  # rewritten by every poll
)
Index(
    "ix_polled_requests_user_id", polled_requests.c.user_id, sqlite_where=text("user_id IS NOT NULL"),
    postgresql_where=text("user_id IS NOT NULL"),
)  # fmt: skip
