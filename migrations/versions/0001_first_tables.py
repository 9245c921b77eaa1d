"""The first tables.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
ROOM = {"fillfactor": 80}  # rows rewritten with use stay in their page


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _assertion_ids() -> None:
    op.create_table(
        "assertion_ids",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("jti_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "jti_hash", name="pk_assertion_ids"),
    )
    op.create_index("ix_assertion_ids_expires_at", "assertion_ids", ["expires_at"])


def _clients() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("client_name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("redirect_uris", JSON, nullable=False),
        sa.Column("post_logout_redirect_uris", JSON, nullable=False),
        sa.Column("grant_types", JSON, nullable=False),
        sa.Column("token_endpoint_auth_method", sa.Text(), nullable=False),
        sa.Column("token_endpoint_auth_signing_alg", sa.Text(), nullable=True),
        sa.Column("application_type", sa.Text(), nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("jwks", JSON, nullable=True),
        sa.Column("jwks_uri", sa.Text(), nullable=True),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=True),
        sa.Column("registration_token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("pkce_required", sa.Boolean(), nullable=True),
        sa.Column("refresh_grace", sa.Integer(), nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.Column("disabled_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("client_id", name="pk_clients"),
    )


def _interactions() -> None:
    op.create_table(
        "interactions",
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("chosen_by", sa.Uuid(), nullable=True),
        sa.Column("consented_by", sa.Uuid(), nullable=True),
        sa.Column("denied_at", UTC, nullable=True),
        sa.Column("completed_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id_hash", name="pk_interactions"),
    )
    op.create_index("ix_interactions_expires_at", "interactions", ["expires_at"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("due_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"])
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"])


def _revocations() -> None:
    op.create_table(
        "revocations",
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_revocations"),
    )
    op.create_index("ix_revocations_expires_at", "revocations", ["expires_at"])
    op.create_index("ix_revocations_kind_value", "revocations", ["kind", "value"])


def _security_events() -> None:
    op.create_table(
        "security_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_security_events"),
    )
    op.create_index("ix_security_events_at", "security_events", ["at"])
    op.create_index("ix_security_events_user_id_at", "security_events", ["user_id", "at"])


def _signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("alg", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("public_jwk", JSON, nullable=False),
        sa.Column("private_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("activated_at", UTC, nullable=True),
        sa.Column("retired_at", UTC, nullable=True),
        sa.Column("remove_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_keys"),
    )


def _throttles() -> None:
    op.create_table(
        "throttles",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_throttles"),
        postgresql_with=ROOM,
    )
    op.create_index("ix_throttles_expires_at", "throttles", ["expires_at"])


def _turns() -> None:
    op.create_table(
        "turns",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_turns"),
        postgresql_with=ROOM,
    )


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("claims", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.Column("password_changed_at", UTC, nullable=True),
        sa.Column("disabled_at", UTC, nullable=True),
        sa.Column("deleted_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email_key", name="uq_users_email_key"),
    )


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "client_id", name="pk_consents"),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], name="fk_consents_client_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_consents_user_id"),
    )
    op.create_index("ix_consents_client_id", "consents", ["client_id"])


def _devices() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("last_seen_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_devices_user_id"),
        postgresql_with=ROOM,
    )
    op.create_index("ix_devices_secret_hash", "devices", ["secret_hash"])
    op.create_index("ix_devices_user_id", "devices", ["user_id"])


def _resources() -> None:
    op.create_table(
        "resources",
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("identifier", name="pk_resources"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name="fk_resources_client_id", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_resources_client_id", "resources", ["client_id"])


def _scopes() -> None:
    op.create_table(
        "scopes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_scopes"),
        sa.ForeignKeyConstraint(["resource"], ["resources.identifier"], name="fk_scopes_resource", ondelete="CASCADE"),
    )
    op.create_index("ix_scopes_resource", "scopes", ["resource"])


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("factors", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("last_seen_at", UTC, nullable=False),
        sa.Column("idle_seconds", sa.Integer(), nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("persistent", sa.Boolean(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("ended_at", UTC, nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_sessions_device_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
        sa.UniqueConstraint("secret_hash", name="uq_sessions_secret_hash"),
        postgresql_with=ROOM,
    )
    op.create_index("ix_sessions_device_id", "sessions", ["device_id"])
    op.create_index("ix_sessions_ended", "sessions", ["ended_at"], **_where("ended_at IS NOT NULL"))
    op.create_index("ix_sessions_open", "sessions", ["expires_at"], **_where("ended_at IS NULL"))
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _client_sessions() -> None:
    op.create_table(
        "client_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("last_used_at", UTC, nullable=False),
        sa.Column("ended_at", UTC, nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_client_sessions"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.client_id"], name="fk_client_sessions_client_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_client_sessions_device_id"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_client_sessions_session_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_client_sessions_user_id"),
        postgresql_with=ROOM,
    )
    op.create_index("ix_client_sessions_client_id", "client_sessions", ["client_id"])
    op.create_index("ix_client_sessions_device_id", "client_sessions", ["device_id"])
    op.create_index("ix_client_sessions_ended", "client_sessions", ["ended_at"], **_where("ended_at IS NOT NULL"))
    op.create_index("ix_client_sessions_session_id", "client_sessions", ["session_id"])
    op.create_index("ix_client_sessions_user_id", "client_sessions", ["user_id"])
    op.create_index(
        "uq_client_sessions_live",
        "client_sessions",
        ["session_id", "client_id"],
        unique=True,
        **_where("ended_at IS NULL"),
    )


def _codes() -> None:
    op.create_table(
        "codes",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("resources", JSON, nullable=False),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("code_challenge", sa.Text(), nullable=True),
        sa.Column("claims", JSON, nullable=False),
        sa.Column("auth_time", UTC, nullable=False),
        sa.Column("acr", sa.Text(), nullable=False),
        sa.Column("amr", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("used_at", UTC, nullable=True),
        sa.Column("client_session_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name="pk_codes"),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], name="fk_codes_client_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_codes_session_id", ondelete="CASCADE"),
        postgresql_with=ROOM,
    )
    op.create_index("ix_codes_client_id_user_id", "codes", ["client_id", "user_id"])
    op.create_index("ix_codes_expires_at", "codes", ["expires_at"])
    op.create_index("ix_codes_session_id", "codes", ["session_id"])
    op.create_index("ix_codes_user_id", "codes", ["user_id"])


def _refresh_families() -> None:
    op.create_table(
        "refresh_families",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_session_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at", UTC, nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("resources", JSON, nullable=False),
        sa.Column("claims", JSON, nullable=False),
        sa.Column("auth_time", UTC, nullable=False),
        sa.Column("acr", sa.Text(), nullable=False),
        sa.Column("amr", JSON, nullable=False),
        sa.Column("jkt", sa.Text(), nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("idle_seconds", sa.Integer(), nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_refresh_families"),
        sa.ForeignKeyConstraint(
            ["client_session_id"],
            ["client_sessions.id"],
            name="fk_refresh_families_client_session_id",
            ondelete="CASCADE",
        ),
        postgresql_with=ROOM,
    )
    op.create_index("ix_refresh_families_client_session_id", "refresh_families", ["client_session_id"])
    op.create_index("ix_refresh_families_expires_at", "refresh_families", ["expires_at"])


def upgrade() -> None:
    _assertion_ids()
    _clients()
    _interactions()
    _outbox()
    _revocations()
    _security_events()
    _signing_keys()
    _throttles()
    _turns()
    _users()
    _consents()
    _devices()
    _resources()
    _scopes()
    _sessions()
    _client_sessions()
    _codes()
    _refresh_families()


def downgrade() -> None:
    op.drop_table("refresh_families")
    op.drop_table("codes")
    op.drop_table("client_sessions")
    op.drop_table("sessions")
    op.drop_table("scopes")
    op.drop_table("resources")
    op.drop_table("devices")
    op.drop_table("consents")
    op.drop_table("users")
    op.drop_table("turns")
    op.drop_table("throttles")
    op.drop_table("signing_keys")
    op.drop_table("security_events")
    op.drop_table("revocations")
    op.drop_table("outbox")
    op.drop_table("interactions")
    op.drop_table("clients")
    op.drop_table("assertion_ids")
